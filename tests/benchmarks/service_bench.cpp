// What the service costs beside the work it does: calls, a full store, and a job through it against the same flow in the engine.
#include <algorithm>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <grpcpp/grpcpp.h>

#include "common/stop_latch.h"
#include "server/engine/flow.h"
#include "server/worker/translate.h"
#include "tests/benchmarks/filled_folder.h"
#include "tests/benchmarks/jobs.h"
#include "tests/benchmarks/report.h"
#include "tests/benchmarks/synced_table.h"
#include "tests/benchmarks/timing.h"
#include "tests/integration/client.h"
#include "tests/integration/health.h"
#include "tests/integration/processes.h"
#include "tests/support/temp_folder.h"

namespace sliceflow::benchmarks {
namespace {

using sliceflow::testing::Client;
using sliceflow::testing::DaemonProcess;

constexpr int kCalls = 300;
constexpr int kRounds = 3;
constexpr int kJobRounds = 11;
constexpr int kStartJobs = 10'000;
constexpr int kListJobs = 100'000;
constexpr int kStarts = 5;
constexpr double kMiB = 1 << 20;
// A program that is no worker: where the daemon alone is measured, nothing is to be computed beside it.
const std::vector<std::string> kWithoutWorker = {"--worker", "/bin/false"};

v1::Job SmallJob() {
  v1::Job job = sliceflow::testing::ParticlesJob();
  job.mutable_spec()->mutable_schedule()->set_num_steps(2);
  return job;
}

void MeasureCreate(Report& report) {
  const sliceflow::testing::TempFolder folder;
  DaemonProcess daemon(folder.path(), kWithoutWorker);
  Client client(daemon.address());
  SyncedTable table(folder.path());
  const v1::Job job = SmallJob();  // read from JSON, which is no part of the call
  std::vector<double> commits, creates;
  for (int i = 0; i < kCalls; ++i) {
    commits.push_back(TimeOf([&] { table.Commit(); }));
    creates.push_back(TimeOf([&] { client.Create(job); }));
  }
  report.Inform("CreateJob, median", Median(creates), "ms");
  report.AtMost("CreateJob over one synced SQLite commit", Median(creates) / Median(commits), 2.5, "ratio");
}

// A folder with one finished job; its id.
std::string FinishOne(const std::string& folder) {
  DaemonProcess daemon(folder);
  Client client(daemon.address());
  const std::string name = client.Create(SmallJob()).name();
  client.WaitForEnd(name);
  (void)daemon.Terminate();
  return name.substr(std::string("jobs/").size());
}

void MeasureStart(Report& report) {
  const sliceflow::testing::TempFolder folder;
  if (!FillFolder(folder.path(), FinishOne(folder.path()), kStartJobs)) return;
  std::vector<double> starts, memory;
  for (int i = 0; i < kStarts; ++i) {
    const absl::Duration start = Uptime();
    DaemonProcess daemon(folder.path());
    starts.push_back(absl::ToDoubleMilliseconds(Uptime() - start));
    (void)daemon.WorkerPid("flow");
    (void)Client(daemon.address()).Info();
    memory.push_back(static_cast<double>(sliceflow::testing::ResidentBytes(daemon.pid())) / kMiB);
    (void)daemon.Terminate();
  }
  report.AtMost("start to serving with 10,000 finished jobs", Median(starts), 300, "ms");
  report.AtMost("daemon idle, resident", Median(memory), 60, "MiB");
}

double RateOf(const std::function<void()>& call) {
  return kCalls / (TimeOf([&] {
                     for (int i = 0; i < kCalls; ++i) call();
                   }) /
                   1000);
}

void MeasureReads(Report& report) {
  const sliceflow::testing::TempFolder folder;
  const std::string id = FinishOne(folder.path());
  if (!FillFolder(folder.path(), id, kListJobs)) return;
  DaemonProcess daemon(folder.path(), kWithoutWorker);
  Client client(daemon.address());
  const auto empty = [&] { (void)sliceflow::testing::IsServing(client.channel(), ""); };
  const auto get = [&] { (void)client.Get("jobs/" + id); };
  std::vector<double> empties, gets;
  for (int i = 0; i < 2 * kRounds; ++i) {
    empties.push_back(RateOf(empty));
    gets.push_back(RateOf(get));
  }
  report.Inform("GetJob, calls a second of one client", Median(gets), "1/s");
  report.AtLeast("GetJob's rate over that of an empty call", Median(gets) / Median(empties), 0.5, "ratio");
  const auto jobs = v1::JobService::NewStub(client.channel());
  const auto list = [&](const std::string& filter) {
    std::vector<double> times;
    for (int i = 0; i < 20; ++i) {
      v1::ListJobsRequest request;
      request.set_filter(filter);
      v1::ListJobsResponse response;
      grpc::ClientContext context;
      times.push_back(TimeOf([&] { (void)jobs->ListJobs(&context, request, &response); }));
    }
    return Median(times);
  };
  report.AtMost("ListJobs, a page of 100,000 jobs", list(""), 20, "ms");
  report.AtMost("ListJobs, a page by state of 100,000 jobs", list("state = SUCCEEDED"), 20, "ms");
  report.AtMost("ListJobs, a state that no job has, of 100,000", list("state = FAILED"), 20, "ms");
}

// Milliseconds from the call that sends the job until a watcher has seen its end.
double TimeThroughService(Client& client) {
  return TimeOf([&] { client.WaitForEnd(client.Create(LongJob()).name()); });
}

double TimeInEngine(const v1::FlowSpec& complete) {
  const StopLatch never;
  return TimeOf([&] {
    absl::StatusOr<engine::FlowSpec> spec = worker::TranslateSpec(complete, {});
    absl::StatusOr<std::unique_ptr<engine::Flow>> flow = engine::Flow::Create(*std::move(spec), never);
    while (flow.ok() && (*flow)->step() < complete.schedule().num_steps()) {
      if (!(*flow)->Step(never, engine::IgnoreProgress).ok()) break;
    }
  });
}

void MeasureJob(Report& report) {
  const sliceflow::testing::TempFolder folder;
  DaemonProcess daemon(folder.path());
  Client client(daemon.address());
  (void)daemon.WorkerPid("flow");
  engine::SetThreads(1);
  const std::string first = client.Create(LongJob()).name();
  const v1::FlowSpec spec = client.WaitForEnd(first).spec();
  (void)TimeInEngine(spec);  // warm
  std::vector<double> over_engine;
  for (int round = 0; round < kJobRounds; ++round) {
    const bool engine_first = round % 2 == 0;
    double alone = engine_first ? TimeInEngine(spec) : 0;
    const double served = TimeThroughService(client);
    if (!engine_first) alone = TimeInEngine(spec);
    over_engine.push_back(100 * (served / alone - 1));
  }
  const auto [least, most] = std::minmax_element(over_engine.begin(), over_engine.end());
  report.AtMost("a job through the service over the engine alone", Median(over_engine), 1, "%");
  report.Inform("a job through the service over the engine alone: least of 11 rounds", *least, "%");
  report.Inform("a job through the service over the engine alone: most of 11 rounds", *most, "%");
}

int Run(const std::string& folder) {
  Report report("service");
  MeasureStart(report);
  MeasureCreate(report);
  MeasureReads(report);
  MeasureJob(report);
  return report.Write(folder) ? 0 : 1;
}

}  // namespace
}  // namespace sliceflow::benchmarks

int main(int argc, char** argv) { return sliceflow::benchmarks::Run(argc > 1 ? argv[1] : "."); }
