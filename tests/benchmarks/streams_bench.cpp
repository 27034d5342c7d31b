// Streams out of the daemon: stored samples beside bare bytes over gRPC, and a job that a thousand watch.
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include <sys/types.h>
#include <unistd.h>

#include <grpcpp/grpcpp.h>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "common/tensor.h"
#include "tests/benchmarks/bare_chunks.h"
#include "tests/benchmarks/jobs.h"
#include "tests/benchmarks/processor_time.h"
#include "tests/benchmarks/report.h"
#include "tests/benchmarks/timing.h"
#include "tests/benchmarks/watchers.h"
#include "tests/integration/client.h"
#include "tests/integration/processes.h"
#include "tests/support/temp_folder.h"

namespace sliceflow::benchmarks {
namespace {

using testing::Client;
using testing::DaemonProcess;

constexpr int kSamples = 100'000;
constexpr int kSampledSteps = 40;  // with step 0, 33 MB: the daemon holds as much in memory
constexpr int kReads = 25;
constexpr int kWatchers = 1000;
constexpr int kWatchedRounds = 7;
constexpr double kMegabyte = 1e6;

// A job whose steps have 10^5 samples of dimension 2 each and cost little.
v1::Job SampledJob() {
  v1::Job job = testing::RealNvpJob();
  v1::FlowSpec& spec = *job.mutable_spec();
  spec.mutable_solver()->mutable_sw_jko()->set_inner_iterations(2);
  spec.mutable_solver()->mutable_sw_jko()->set_batch_size(64);
  spec.mutable_schedule()->set_num_steps(kSampledSteps);
  spec.mutable_output()->set_samples_per_step(kSamples);
  return job;
}

// Reads the samples of all steps as the client library does: each step's chunks checked and put together; the number of bytes.
int64_t ReadSamples(v1::JobService::Stub& stub, const std::string& name) {
  grpc::ClientContext context;
  v1::WatchJobRequest request;
  request.set_name(name);
  request.set_sample_limit(-1);
  const auto reader = stub.WatchJob(&context, request);
  v1::WatchJobResponse response;
  TensorAssembler assembler(2 * kSamples);
  int64_t bytes = 0;
  while (reader->Read(&response)) {
    if (!response.has_samples() || !assembler.Add(response.samples()).ok() || !assembler.complete()) continue;
    bytes += static_cast<int64_t>(assembler.Take().values.size() * sizeof(float));
  }
  (void)reader->Finish();
  return bytes;
}

// Megabytes a second of what reads bytes.
template <typename Read>
double RateOf(const Read& read) {
  int64_t bytes = 0;
  const double milliseconds = TimeOf([&] { bytes = read(); });
  return static_cast<double>(bytes) / kMegabyte / milliseconds * 1000;
}

// All samples of a job that has ended, read by WatchJob, beside as many chunks of as many bytes from BareChunks; in turns, each over a
// connection that is open already.
void MeasureSamples(Report& report) {
  const testing::TempFolder folder;
  const DaemonProcess daemon(folder.path());
  Client client(daemon.address());
  const std::string name = client.Create(SampledJob()).name();
  client.WaitForEnd(name);
  const BareChunks bare(kSampledSteps + 1, kSamples * 2 * static_cast<int64_t>(sizeof(float)));
  const auto stub = v1::JobService::NewStub(client.channel());
  const auto bare_channel = grpc::CreateChannel(bare.address(), grpc::InsecureChannelCredentials());
  std::vector<double> ours, theirs;
  for (int i = 0; i < kReads; ++i) {
    theirs.push_back(RateOf([&] { return BareChunks::ReadAll(bare_channel); }));
    ours.push_back(RateOf([&] { return ReadSamples(*stub, name); }));
  }
  report.Inform("samples of 10^5 x 2, streamed from the daemon", Median(ours), "MB/s");
  report.Inform("as many bytes over bare gRPC", Median(theirs), "MB/s");
  report.AtLeast("samples of 10^5 x 2 over bare gRPC", Median(ours) / Median(theirs), 0.6, "ratio");
}

// The most memory that a process has had. Unit: megabytes.
double PeakMegabytes(pid_t pid) {
  std::ifstream file(absl::StrCat("/proc/", pid, "/status"));
  double kilobytes = 0;
  for (std::string line; std::getline(file, line);) {
    if (!absl::StartsWith(line, "VmHWM:")) continue;
    const size_t digits = line.find_first_of("0123456789");
    (void)absl::SimpleAtod(line.substr(digits, line.rfind(' ') - digits), &kilobytes);
  }
  return kilobytes * 1024 / kMegabyte;
}

// What one job cost.
struct Cost {
  double wall = 0;    // seconds
  double worker = 0;  // processor seconds, as those below
  double daemon = 0;
  double watchers = 0;  // of this program
};

class WatchedJob {
 public:
  WatchedJob() : daemon_(folder_.path()), client_(daemon_.address()), worker_(daemon_.WorkerPid("flow")) {}

  Cost Compute(int watchers) {
    const Cost before = Now();
    const std::string name = client_.Create(LongJob()).name();
    {
      const Watchers streams(daemon_.address(), name, watchers);
      client_.WaitForEnd(name);
      const Cost after = Now();
      return {after.wall - before.wall, after.worker - before.worker, after.daemon - before.daemon, after.watchers - before.watchers};
    }
  }
  pid_t daemon() const { return daemon_.pid(); }

 private:
  Cost Now() const {
    return {absl::ToDoubleSeconds(Uptime()), ProcessorSeconds(worker_), ProcessorSeconds(daemon_.pid()), ProcessorSeconds(getpid())};
  }

  const testing::TempFolder folder_;
  const DaemonProcess daemon_;
  Client client_;
  const pid_t worker_;
};

// The same job with and without a thousand streams of events, in turns. They are read by this program on the same cores, which the wall time
// pays too; what the daemon and the worker spend is told apart.
void MeasureWatchers(Report& report) {
  WatchedJob job;
  (void)job.Compute(0);  // warm
  const double held = static_cast<double>(testing::ResidentBytes(job.daemon())) / kMegabyte;
  std::vector<double> wall, worker, alone, watched, watching;
  for (int round = 0; round < kWatchedRounds; ++round) {
    const Cost without = job.Compute(0);
    const Cost with = job.Compute(kWatchers);
    wall.push_back(100 * (with.wall / without.wall - 1));
    worker.push_back(100 * (with.worker / without.worker - 1));
    alone.push_back(without.daemon);
    watched.push_back(with.daemon);
    watching.push_back(with.watchers - without.watchers);
  }
  const std::string name = "a job with 1,000 watchers";
  report.AtMost(name + " over one without", Median(wall), 5, "%");
  report.Inform(name + " over one without: the worker's processor time", Median(worker), "%");
  report.Inform(name + ": the daemon's processor time", Median(watched), "s");
  report.Inform(name + ": the daemon's processor time without them", Median(alone), "s");
  report.Inform(name + ": the watchers' own processor time", Median(watching), "s");
  report.AtMost("1,000 watchers, the most memory in the daemon", PeakMegabytes(job.daemon()) - held, 100, "MB");
}

int Run(const std::string& folder) {
  Report report("streams");
  MeasureSamples(report);
  MeasureWatchers(report);
  return report.Write(folder) ? 0 : 1;
}

}  // namespace
}  // namespace sliceflow::benchmarks

int main(int argc, char** argv) { return sliceflow::benchmarks::Run(argc > 1 ? argv[1] : "."); }
