// Keeps worker processes alive: starts them, starts them again when they end, and leaves none behind.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"

namespace sliceflow::scheduler {

// A process to be kept alive.
struct WorkerProgram {
  std::string id;
  std::string path;
  std::vector<std::string> arguments;  // without the program's name
};

struct SupervisorOptions {
  absl::Duration first_delay = absl::Milliseconds(100);  // before the first restart; each further one waits twice as long
  absl::Duration longest_delay = absl::Seconds(10);
  absl::Duration healthy_after = absl::Minutes(1);  // a process that lived for so long starts the delays anew
  int max_failures = 5;                             // more ends in a row and the worker counts as one that cannot be kept alive
  // What a worker wrote to its standard output and error, line by line, and what becomes of it; on the supervisor's thread.
  std::function<void(const std::string& id, absl::string_view line)> log;
};

// Thread-safe. A worker is a child of one thread, which lives as long as the supervisor; should the whole process die, the kernel kills the
// workers (PR_SET_PDEATHSIG). Each is in a process group of its own, so that Ctrl-C in a terminal reaches only the supervisor's process.
class Supervisor {
 public:
  Supervisor(std::vector<WorkerProgram> programs, SupervisorOptions options);
  // Stops at once what still runs.
  ~Supervisor();
  Supervisor(const Supervisor&) = delete;
  Supervisor& operator=(const Supervisor&) = delete;

  // Starts the workers and keeps them alive from now on.
  void Start();

  // Kills a worker that hangs, if it is still the process `pid`. It is started again as after any end.
  void Kill(const std::string& id, int64_t pid);

  // Unavailable, naming the worker, while one cannot be kept alive.
  absl::Status health() const;

  // Starts nothing more from now on, because the workers are about to be told to end.
  void Hold();

  // As Hold, then asks the workers to end (SIGTERM), kills those that have not by `deadline`, and returns when none is left.
  void Stop(absl::Time deadline);

 private:
  struct Child {
    WorkerProgram program;
    pid_t pid = 0;    // 0: not running
    int output = -1;  // read end of the pipe of its standard output and error
    std::string line;
    absl::Time started;
    absl::Time next_start = absl::InfinitePast();
    absl::Duration delay;
    int failures = 0;
  };

  void Run();
  void StartDue(absl::Time now) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Spawn(Child& child) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void StopRunning(absl::Time now) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Reap(absl::Time now) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  bool AnyRunning() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void WaitForOutput();
  void ReadOutput(Child& child);
  void Log(const Child& child, absl::string_view line) const;
  void Wake() const;

  const SupervisorOptions options_;
  const int wake_;  // an eventfd
  mutable absl::Mutex mutex_;
  std::vector<Child> children_;  // changed by the thread only, under the mutex
  bool holding_ ABSL_GUARDED_BY(mutex_) = false;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  bool asked_ ABSL_GUARDED_BY(mutex_) = false;
  absl::Time deadline_ ABSL_GUARDED_BY(mutex_);
  std::thread thread_;
};

}  // namespace sliceflow::scheduler
