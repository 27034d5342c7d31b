// What lies around the computation: a worker's start, the way from one job to the next, and that of a step's report to who watches.
#include <ctime>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <string>
#include <vector>

#include <unistd.h>

#include <grpcpp/grpcpp.h>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "common/clock.h"
#include "common/filesystem.h"
#include "tests/benchmarks/jobs.h"
#include "tests/benchmarks/report.h"
#include "tests/benchmarks/stand_in_worker.h"
#include "tests/benchmarks/synced_table.h"
#include "tests/benchmarks/timing.h"
#include "tests/integration/client.h"
#include "tests/integration/processes.h"
#include "tests/support/temp_folder.h"

namespace sliceflow::benchmarks {
namespace {

using testing::Client;
using testing::DaemonProcess;

constexpr int kStarts = 7;
constexpr int kQueuedJobs = 40;
constexpr int kReports = 300;

// When a process was started, in seconds since the machine's start: the 22nd field of /proc/PID/stat, in ticks of 10 ms.
double StartOf(pid_t pid) {
  std::ifstream file(absl::StrCat("/proc/", pid, "/stat"));
  const std::string text((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  const std::vector<std::string> fields = absl::StrSplit(text.substr(text.rfind(')') + 2), ' ');
  double ticks = 0;
  constexpr size_t kField = 22 - 3;  // what follows the name is the third
  return fields.size() > kField && absl::SimpleAtod(fields[kField], &ticks) ? ticks / static_cast<double>(sysconf(_SC_CLK_TCK)) : 0;
}

double SecondsSinceBoot() {
  timespec now{};
  clock_gettime(CLOCK_BOOTTIME, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

// From the start of the worker's process by the daemon, which starts that of queries beside it, until a watcher has the report of a job's
// step 1. The job waits in the queue already, and its step costs next to nothing.
void MeasureStart(Report& report) {
  std::vector<double> seconds;
  for (int i = 0; i < kStarts; ++i) {
    const testing::TempFolder folder;
    std::string name;
    {
      DaemonProcess daemon(folder.path(), {"--worker", "/bin/false"});
      name = Client(daemon.address()).Create(ShortJob()).name();
      (void)daemon.Terminate();
    }
    DaemonProcess daemon(folder.path());
    const double start = StartOf(daemon.WorkerPid("flow"));
    Client(daemon.address()).WaitForStep(name, 1);
    seconds.push_back(SecondsSinceBoot() - start);
  }
  report.AtMost("start of a CPU worker to the report of its first step", Median(seconds), 1.5, "s");
}

double MillisecondsOf(const google::protobuf::Timestamp& time) {
  return 1e3 * static_cast<double>(time.seconds()) + 1e-6 * static_cast<double>(time.nanos());
}

// From the moment that one job's SUCCEEDED has until that of the next one's step 0, which is where its positions lie at the start. Between
// them are the commit of the end and that of the start, the job's way to the worker, the flow made anew, and the storing of the step's
// files, which step 1 does not wait for: so step 1 began before.
void MeasureReuse(Report& report) {
  const testing::TempFolder folder;
  const DaemonProcess daemon(folder.path());
  Client client(daemon.address());
  std::vector<std::string> names = {client.Create(testing::RealNvpJob()).name()};  // those behind it are queued while it runs
  for (int i = 0; i < kQueuedJobs; ++i) names.push_back(client.Create(ShortJob()).name());
  std::vector<double> gaps;
  double end = 0;
  for (const std::string& name : names) {
    for (const v1::JobEvent& event : client.Watch(name)) {
      const double time = MillisecondsOf(event.time());
      const bool is_first = event.has_step_completed() && event.step_completed().report().step() == 0;
      if (is_first && end > 0) gaps.push_back(time - end - 1e3 * event.step_completed().report().seconds());
      if (event.has_state_changed() && event.state_changed().state() == v1::Job::SUCCEEDED) end = time;
    }
  }
  report.AtMost("one job's end to the next one's first step, same worker", Median(gaps), 20, "ms");
}

// Milliseconds that the disk alone takes for what a step of the stand-in is to leave there: two files and a commit, synced.
double SyncedWrites(SyncedTable& table, const std::string& folder, int step) {
  const std::string samples(kStandInSamples * 2 * sizeof(float), '\0');
  const std::string checkpoint(kStandInCheckpointBytes, '\0');
  return TimeOf([&] {
    (void)RealFileSystem().WriteFileDurably(absl::StrCat(folder, "/samples/", step), samples);
    (void)RealFileSystem().WriteFileDurably(absl::StrCat(folder, "/checkpoints/", step), checkpoint);
    table.Commit();
  });
}

// From before the worker's write of the first of a step's messages (samples, checkpoint, report) until the watcher has read the event; the
// worker computes nothing, the watcher is this program, both by the machine's one steady clock.
void MeasureReports(Report& report) {
  const testing::TempFolder folder;
  const testing::TempFolder beside;
  for (const char* kind : {"/samples", "/checkpoints"}) (void)RealFileSystem().CreateFolders(beside.path() + kind);
  SyncedTable table(beside.path());
  const std::string self = std::filesystem::read_symlink("/proc/self/exe").string();
  const DaemonProcess daemon(folder.path(), {"--worker", self});
  v1::Job job = testing::RealNvpJob();
  job.mutable_spec()->mutable_schedule()->set_num_steps(kReports);
  Client client(daemon.address());
  const std::string name = client.Create(job).name();
  std::vector<double> times;
  client.Watch(name, 0, [&](const v1::JobEvent& event) {
    const double now = absl::ToDoubleSeconds(Uptime());
    if (event.has_step_completed()) times.push_back(1e3 * (now - event.step_completed().report().seconds()));
    return false;
  });
  std::vector<double> disk;
  for (int step = 0; step < kReports; ++step) disk.push_back(SyncedWrites(table, beside.path(), step));
  report.AtMost("a step's report from the worker to a watcher", Median(times), 5, "ms");
  report.Inform("a step's report from the worker to a watcher: its synced writes alone", Median(disk), "ms");
}

int Run(const std::string& folder) {
  Report report("worker");
  MeasureStart(report);
  MeasureReuse(report);
  MeasureReports(report);
  return report.Write(folder) ? 0 : 1;
}

}  // namespace
}  // namespace sliceflow::benchmarks

int main(int argc, char** argv) {
  if (sliceflow::benchmarks::IsStartedAsWorker(argc, argv)) return sliceflow::benchmarks::RunStandInWorker(argc, argv);
  return sliceflow::benchmarks::Run(argc > 1 ? argv[1] : ".");
}
