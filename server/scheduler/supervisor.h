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
#include "common/steady_wait.h"
#include "server/scheduler/pause_watch.h"
#include "server/scheduler/worker_jobs.h"
#include "server/scheduler/worker_observer.h"

namespace sliceflow::scheduler {

// A process to be kept alive.
struct WorkerProgram {
  std::string id;
  std::string path;
  std::vector<std::string> arguments;  // without the program's name
  std::string device;                  // that it computes on
  bool takes_jobs = true;              // whole jobs, not short requests
};

struct SupervisorOptions {
  absl::Duration first_delay = absl::Milliseconds(100);  // before the first restart; each further one waits twice as long
  absl::Duration longest_delay = absl::Seconds(10);      // a worker that did something starts the delays anew
  absl::Duration attach_timeout = absl::Seconds(30);     // a process that has not attached for so long is killed
  absl::Duration stays_after = absl::Seconds(5);         // a worker attached for so long makes its device healthy again
  int max_failures = 5;                                  // ends in a row of workers that did nothing, after which the device is not healthy
  // Both on the supervisor's thread, or that of who calls it; may be empty. `job`: what the worker computes, `jobs/ID`, or empty.
  // A line that a worker wrote to its standard output or error.
  std::function<void(const std::string& id, const std::string& job, absl::string_view line)> log;
  // What has become of a worker: how it ended, with the last line it wrote where that explains it, or that it was refused.
  std::function<void(const std::string& id, const std::string& job, absl::string_view what)> warn;
  // A worker that had ended was started again; on the supervisor's thread, short. May be empty.
  std::function<void(const std::string& id)> restarted;
};

// Thread-safe. A worker is a child of one thread, which lives as long as the supervisor; should the whole process die, the kernel kills the
// workers (PR_SET_PDEATHSIG). Each is in a process group of its own, so that Ctrl-C in a terminal reaches only the supervisor's process. Of
// the environment a worker gets what LibTorch, OpenMP and its loader read, and no more: it may hold secrets.
//
// A device is not healthy when a worker of it ended max_failures times in a row without having done anything, was refused, or did not
// attach in time. It is again once a worker stays, or does something.
class Supervisor : public WorkerObserver {
 public:
  Supervisor(std::vector<WorkerProgram> programs, SupervisorOptions options);
  // Stops at once what still runs.
  ~Supervisor() override;
  Supervisor(const Supervisor&) = delete;
  Supervisor& operator=(const Supervisor&) = delete;

  // Starts the workers and keeps them alive from now on.
  void Start();

  // Kills a worker that hangs, if it is still the process `pid`. It is started again as after any end.
  void Kill(const std::string& id, int64_t pid);

  // How the process `pid` of a worker ended, such as `was killed by signal 9 (Killed), out of memory?`, with the last it said where that
  // explains it. Waits up to two seconds for the end; empty when it does not come.
  std::string DescribeEnd(const std::string& id, int64_t pid) const;

  // Unavailable, naming the worker and what is wrong, while a device is not healthy.
  absl::Status device_health(const std::string& device) const;
  // Whether a device may be given jobs: not while it is one of its workers for jobs that makes it unhealthy. Others do not count, because
  // short requests that end their workers must not hold up the jobs.
  bool gets_jobs(const std::string& device) const;

  void OnAdmitted(const std::string& worker_id, int64_t pid) override;
  void OnRefused(const std::string& worker_id, int64_t pid, const absl::Status& why) override;
  void OnAssigned(const std::string& worker_id, int64_t pid, const std::string& job) override { jobs_.Begin(worker_id, pid, job); }
  void OnReleased(const std::string& worker_id, int64_t pid) override { jobs_.End(worker_id, pid); }
  void OnServed(const std::string& worker_id, int64_t pid) override;
  void OnDetached(const std::string& worker_id, int64_t pid) override;

  // Starts nothing more from now on, because the workers are about to be told to end.
  void Hold();

  // As Hold, then asks the workers to end (SIGTERM), kills those that have not within the time, and returns when none is left.
  void Stop(absl::Duration time);

 private:
  // Moments are of Uptime.
  struct Child {
    WorkerProgram program;
    pid_t pid = 0;    // 0: not running
    int output = -1;  // read end of the pipe of its standard output and error
    std::string line;
    absl::Duration next_start = -absl::InfiniteDuration();
    absl::Duration delay;
    // Of the process that runs.
    absl::Duration unattached_since;                            // infinite while it is attached
    absl::Duration admitted = absl::InfiniteDuration();         // when it was attached
    bool served = false;                                        // it has done something
    std::string killed_for;                                     // what it was killed for, here; empty: it was not
    std::string last_line;                                      // that it wrote
    absl::Duration last_line_time = -absl::InfiniteDuration();  //
    int lines = 0;                                              // written in the second that began at `lines_since`
    absl::Duration lines_since = -absl::InfiniteDuration();     //
    // Of those before it.
    int failures = 0;
    std::string problem;  // why the device is not healthy; empty: it is
    pid_t ended = 0;      // the last one
    std::string end;      // how it ended
  };

  void Run();
  void StartDue(absl::Duration now) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Spawn(Child& child) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void StopRunning(absl::Duration now) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Reap(absl::Duration now) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Judge(Child& child) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void LookAtAttachment(absl::Duration now) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  bool AnyRunning() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  Child* Find(const std::string& id, int64_t pid) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void WaitForOutput();
  void ReadOutput(Child& child);
  void TakeLine(Child& child);
  void Log(const Child& child, absl::string_view line) const;
  void Warn(const Child& child, absl::string_view what) const;
  void Wake() const;

  const SupervisorOptions options_;
  const int wake_;  // an eventfd
  WorkerJobs jobs_;
  mutable absl::Mutex mutex_;
  mutable SteadyCondVar ended_;  // one of them, or holding_ was set
  std::vector<Child> children_;  // changed by the thread only, under the mutex
  PauseWatch pauses_;            // of the thread
  bool holding_ ABSL_GUARDED_BY(mutex_) = false;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  bool asked_ ABSL_GUARDED_BY(mutex_) = false;
  absl::Duration deadline_ ABSL_GUARDED_BY(mutex_);
  std::thread thread_;
};

}  // namespace sliceflow::scheduler
