// Many short jobs through a real service: 200 jobs of one step each, submitted by four clients at once, by one worker that stays warm.
#include <chrono>
#include <cstdio>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "tests/benchmarks/jobs.h"
#include "tests/benchmarks/report.h"
#include "tests/integration/client.h"
#include "tests/integration/processes.h"
#include "tests/support/temp_folder.h"

namespace sliceflow::benchmarks {
namespace {

using testing::Client;
using Clock = std::chrono::steady_clock;

constexpr int kJobs = 200;
constexpr int kClients = 4;

double SecondsSince(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

void InParallel(const std::function<void(int)>& work) {
  std::vector<std::thread> threads;
  for (int i = 0; i < kClients; ++i) threads.emplace_back([&work, i] { work(i); });
  for (std::thread& thread : threads) thread.join();
}

}  // namespace

int Run(const std::string& folder) {
  const testing::TempFolder data;
  const testing::DaemonProcess daemon(data.path(), {"--threads", "1"});
  if (!daemon.ok()) return std::fputs(daemon.Log().c_str(), stderr), 1;
  Client(daemon.address()).WaitForEnd(Client(daemon.address()).Create(ShortJob()).name());  // the worker is up
  std::vector<std::string> names[kClients];
  const Clock::time_point start = Clock::now();
  InParallel([&](int i) {
    Client client(daemon.address());
    for (int job = 0; job < kJobs / kClients; ++job) names[i].push_back(client.Create(ShortJob()).name());
  });
  const double submitted = SecondsSince(start);
  InParallel([&](int i) {
    Client client(daemon.address());
    for (const std::string& name : names[i]) client.WaitForEnd(name);
  });
  Report report("short_jobs");
  report.AtLeast("one-step jobs through the service", kJobs / SecondsSince(start), 20, "1/s");
  report.Inform("one-step jobs submitted", kJobs / submitted, "1/s");
  return report.Write(folder) ? 0 : 1;
}

}  // namespace sliceflow::benchmarks

int main(int argc, char** argv) {
  if (argc != 2) return std::fputs("usage: short_jobs_bench FOLDER\n", stderr), 2;
  return sliceflow::benchmarks::Run(argv[1]);
}
