#include "server/api/gate/placement.h"

#include <algorithm>
#include <cmath>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"
#include "common/device_name.h"
#include "common/quoted.h"
#include "server/jobs/memory_estimate.h"

namespace sliceflow::api {
namespace {

constexpr char kAnyDevice[] = "any";
constexpr double kLeastRunSeconds = 1;
// A year: far beyond any job, and far from where adding seconds loses them.
constexpr double kMostRunSeconds = 366.0 * 24 * 3600;
constexpr int64_t kLeastMemory = int64_t{64} << 20;

void CheckDevice(Findings& findings, v1::Job& job, const std::vector<scheduler::DeviceState>& devices) {
  if (job.device().empty()) job.set_device(kAnyDevice);
  if (!IsDevice(job.device())) {
    findings.Invalid("device", absl::StrCat("must be ", kDeviceForms, ", is ", Quoted(job.device())));
    return;
  }
  const auto named = [&](const scheduler::DeviceState& device) { return device.name == job.device(); };
  if (job.device() == kAnyDevice || std::any_of(devices.begin(), devices.end(), named)) return;
  const std::string known = absl::StrJoin(devices, ", ", [](std::string* out, const auto& device) { out->append(device.name); });
  findings.FailedPrecondition(
      "device", absl::StrCat("this server has no device ", job.device(), "; it has ", known.empty() ? "none" : known), "DEVICE_UNKNOWN");
}

void CheckLimits(Findings& findings, const v1::JobLimits& limits) {
  const double seconds = limits.max_run_seconds();
  if (seconds != 0 && !(seconds >= kLeastRunSeconds && seconds <= kMostRunSeconds)) {
    findings.Invalid("limits.max_run_seconds",
                     absl::StrCat("must be 0, or between ", kLeastRunSeconds, " and ", kMostRunSeconds, " seconds, is ", seconds));
  }
  if (limits.max_memory_bytes() != 0 && limits.max_memory_bytes() < kLeastMemory) {
    findings.Invalid("limits.max_memory_bytes",
                     absl::StrCat("must be 0, or at least ", kLeastMemory, " bytes, is ", limits.max_memory_bytes()));
  }
}

}  // namespace

bool IsDevice(absl::string_view name) { return name == kAnyDevice || IsDeviceOfThisMachine(name) || IsDeviceOfAnotherMachine(name); }

void CheckPlacement(Findings& findings, v1::Job& job, const std::vector<scheduler::DeviceState>& devices) {
  if (job.priority() < kLeastPriority || job.priority() > kLargestPriority) {
    findings.Invalid("priority", absl::StrCat("must be between ", kLeastPriority, " and ", kLargestPriority, ", is ", job.priority()));
  }
  CheckDevice(findings, job, devices);
  CheckLimits(findings, job.limits());
}

void CheckMemory(Findings& findings, v1::Job& job, const std::string& owner, jobs::Datasets& datasets,
                 const std::vector<scheduler::DeviceState>& devices) {
  const auto size_of = [&](const std::string& name) -> jobs::TableSize {
    const absl::StatusOr<v1::Dataset> dataset =
        datasets.Get(jobs::Scope::Of(owner), {owner, std::string(absl::StripPrefix(name, "datasets/"))});
    if (!dataset.ok()) return {};  // deleted since it was checked: creating the job will say so
    return {dataset->rows(), dataset->columns()};
  };
  const int64_t estimate = jobs::EstimateMemoryBytes(job.spec(), size_of);
  job.mutable_memory()->set_estimated_bytes(estimate);
  int64_t most = 0;
  for (const scheduler::DeviceState& device : devices) {
    if (job.device() != kAnyDevice && job.device() != device.name) continue;
    if (device.memory_bytes == 0) return;
    most = std::max(most, device.memory_bytes);
  }
  if (most == 0 || estimate <= most) return;
  findings.BeyondLimit("spec", absl::StrCat("is thought to take ", estimate, " bytes of memory, and the device with the most has ", most,
                                            "; smaller batches, models or data sets take less"));
}

}  // namespace sliceflow::api
