#include "server/daemon/gauges.h"

#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <functional>
#include <system_error>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "common/version.h"
#include "sliceflow/v1/job.pb.h"

namespace sliceflow::daemon {
namespace {

using Sample = Metrics::Sample;
using Samples = std::vector<Sample>;

// A state whose jobs cannot be counted has no sample: a wrong figure would be worse.
Samples JobsByState(store::Store& store) {
  Samples samples;
  for (int state = v1::Job::State_MIN; state <= v1::Job::State_MAX; ++state) {
    if (!v1::Job::State_IsValid(state) || state == v1::Job::STATE_UNSPECIFIED) continue;
    const absl::StatusOr<int64_t> count = store.CountJobs({state});
    if (!count.ok()) continue;
    samples.push_back({{{"state", absl::AsciiStrToLower(v1::Job::State_Name(state))}}, static_cast<double>(*count)});
  }
  return samples;
}

Samples AgeOfOldestQueuedJob(store::Store& store, Clock& clock) {
  store::JobQuery query;
  query.states = {v1::Job::QUEUED};
  query.ascending = true;
  query.limit = 1;
  const auto rows = store.ListJobs(query);
  if (!rows.ok()) return {};
  if (rows->empty()) return {{{}, 0}};
  const absl::Duration age = clock.Now() - absl::FromUnixMicros(rows->front().create_time_us);
  return {{{}, std::max(0.0, absl::ToDoubleSeconds(age))}};  // it may have been made by a clock that was ahead
}

Samples FreeBytes(const std::string& folder) {
  std::error_code error;
  const std::filesystem::space_info space = std::filesystem::space(folder, error);
  if (error) return {};
  return {{{}, static_cast<double>(space.available)}};
}

// The second number of /proc/self/statm, in pages.
Samples ResidentBytes() {
  std::ifstream file("/proc/self/statm");
  double total = 0, resident = 0;
  if (!(file >> total >> resident)) return {};
  return {{{}, resident * static_cast<double>(sysconf(_SC_PAGESIZE))}};
}

double Seconds(absl::Time time) { return absl::ToDoubleSeconds(time - absl::UnixEpoch()); }

Samples OfDevices(scheduler::Scheduler& scheduler, const std::function<double(const scheduler::DeviceState&)>& value) {
  Samples samples;
  for (const scheduler::DeviceState& device : scheduler.devices()) samples.push_back({{{"device", device.name}}, value(device)});
  return samples;
}

}  // namespace

void AddGauges(Metrics& metrics, const GaugeSources& sources) {
  store::Store& store = sources.store;
  events::EventLog& log = sources.log;
  scheduler::Scheduler& scheduler = sources.scheduler;
  Readiness& readiness = sources.readiness;
  Clock& clock = sources.clock;
  metrics.AddGauge("sliceflow_info", "1; its label is the version.", [] { return Samples{{{{"version", std::string(Version())}}, 1}}; });
  metrics.AddGauge("sliceflow_ready", "1 where clients should be sent here, as /readyz says.", [&readiness] {
    return Samples{{{}, readiness.status().ok() ? 1.0 : 0.0}};
  });
  metrics.AddGauge("sliceflow_jobs", "Jobs by state.", [&store] { return JobsByState(store); });
  metrics.AddGauge("sliceflow_queue_oldest_age_seconds", "Time since the oldest queued job was made; 0 where none is queued.",
                   [&store, &clock] { return AgeOfOldestQueuedJob(store, clock); });
  metrics.AddGauge("sliceflow_device_ready", "1 while a worker is attached to the device.",
                   [&scheduler] { return OfDevices(scheduler, [](const auto& device) { return device.ready ? 1.0 : 0.0; }); });
  metrics.AddGauge("sliceflow_device_healthy", "1 while the device's workers can be kept alive.",
                   [&scheduler] { return OfDevices(scheduler, [](const auto& device) { return device.problem.empty() ? 1.0 : 0.0; }); });
  metrics.AddGauge("sliceflow_device_running_jobs", "Jobs that the device computes.",
                   [&scheduler] { return OfDevices(scheduler, [](const auto& device) { return device.running_jobs; }); });
  metrics.AddGauge("sliceflow_device_memory_bytes", "Memory of the device that jobs may take; 0 where it is not known.", [&scheduler] {
    return OfDevices(scheduler, [](const auto& device) { return static_cast<double>(device.memory_bytes); });
  });
  metrics.AddGauge("sliceflow_device_memory_reserved_bytes", "Memory that the device's running jobs are thought to take.", [&scheduler] {
    return OfDevices(scheduler, [](const auto& device) { return static_cast<double>(device.reserved_memory_bytes); });
  });
  metrics.AddGauge("sliceflow_device_memory_used_bytes", "Memory that the device's workers hold beside what they hold idle.", [&scheduler] {
    return OfDevices(scheduler, [](const auto& device) { return static_cast<double>(device.used_memory_bytes); });
  });
  metrics.AddGauge("sliceflow_watchers", "Watches of jobs that are open.", [&log] {
    return Samples{{{}, static_cast<double>(log.watch_figures().watchers)}};
  });
  metrics.AddGauge("sliceflow_watch_lag_events", "Events that the watcher furthest behind has not been given yet.", [&log] {
    return Samples{{{}, static_cast<double>(log.watch_figures().longest_lag)}};
  });
  metrics.AddGauge("sliceflow_disk_free_bytes", "Free space where the data folder is.",
                   [folder = sources.data_dir] { return FreeBytes(folder); });
  if (const Certificates* certificates = sources.certificates; certificates != nullptr) {
    metrics.AddGauge("sliceflow_tls_certificate_load_time_seconds", "When the certificate in use was taken over, in seconds since 1970.",
                     [certificates] {
                       return Samples{{{}, Seconds(certificates->load_time())}};
                     });
    metrics.AddGauge("sliceflow_tls_certificate_expire_time_seconds", "When the certificate in use ends, in seconds since 1970.",
                     [certificates] {
                       return Samples{{{}, Seconds(certificates->expire_time())}};
                     });
  }
  metrics.AddGauge("process_resident_memory_bytes", "Memory that the daemon holds.", [] { return ResidentBytes(); });
}

}  // namespace sliceflow::daemon
