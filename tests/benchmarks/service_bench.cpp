// What the service costs beside the work it does: calls, a full store, and a job through it against the same flow in the engine.
#include <algorithm>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <sys/types.h>
#include <unistd.h>

#include <grpcpp/grpcpp.h>

#include "absl/strings/str_cat.h"
#include "common/stop_latch.h"
#include "server/engine/flow.h"
#include "server/worker/translate.h"
#include "tests/benchmarks/filled_folder.h"
#include "tests/benchmarks/jobs.h"
#include "tests/benchmarks/processor_time.h"
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

void ComputeInEngine(const v1::FlowSpec& complete) {
  const StopLatch never;
  absl::StatusOr<engine::FlowSpec> spec = worker::TranslateSpec(complete, {});
  absl::StatusOr<std::unique_ptr<engine::Flow>> flow = engine::Flow::Create(*std::move(spec), never);
  while (flow.ok() && (*flow)->step() < complete.schedule().num_steps()) {
    if (!(*flow)->Step(never, engine::IgnoreProgress).ok()) break;
  }
}

// The same flow, one after the other: by the engine in this process, and as a job, from the call that sends it until a watcher has seen its
// end. Which of them is first changes from round to round, so that a machine that grows slower or faster favours neither.
class JobAndFlow {
 public:
  JobAndFlow() : daemon_(folder_.path()), client_(daemon_.address()), worker_(daemon_.WorkerPid("flow")) {
    engine::SetThreads(1);
    spec_ = client_.WaitForEnd(client_.Create(LongJob()).name()).spec();
    ComputeInEngine(spec_);  // warm
  }

  void Round() {
    const bool engine_first = over_engine_.size() % 2 == 0;
    Cost alone = engine_first ? InEngine() : Cost();
    const Cost served = ThroughService();
    if (!engine_first) alone = InEngine();
    over_engine_.push_back(100 * (served.wall / alone.wall - 1));
    over_engine_processor_.push_back(100 * (served.processor / alone.processor - 1));
  }
  const std::vector<double>& over_engine() const { return over_engine_; }
  const std::vector<double>& over_engine_processor() const { return over_engine_processor_; }

 private:
  struct Cost {
    double wall = 0;       // milliseconds
    double processor = 0;  // seconds: of the worker, or of this process
  };

  template <typename Work>
  static Cost CostOf(pid_t pid, const Work& work) {
    const double before = ProcessorSeconds(pid);
    const double wall = TimeOf(work);
    return {wall, ProcessorSeconds(pid) - before};
  }
  Cost InEngine() const {
    return CostOf(getpid(), [&] { ComputeInEngine(spec_); });
  }
  Cost ThroughService() {
    return CostOf(worker_, [&] { client_.WaitForEnd(client_.Create(LongJob()).name()); });
  }

  const sliceflow::testing::TempFolder folder_;
  const DaemonProcess daemon_;
  Client client_;
  const pid_t worker_;
  v1::FlowSpec spec_;
  std::vector<double> over_engine_, over_engine_processor_;
};

void MeasureJob(Report& report) {
  JobAndFlow pair;
  for (int round = 0; round < kJobRounds; ++round) pair.Round();
  const auto [least, most] = std::minmax_element(pair.over_engine().begin(), pair.over_engine().end());
  const std::string name = "a job through the service over the engine alone";
  report.AtMost(name, Median(pair.over_engine()), 1, "%");
  report.Inform(absl::StrCat(name, ": least of ", kJobRounds, " rounds"), *least, "%");
  report.Inform(absl::StrCat(name, ": most of ", kJobRounds, " rounds"), *most, "%");
  report.Inform(name + ": the worker's processor time", Median(pair.over_engine_processor()), "%");
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
