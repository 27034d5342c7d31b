// The cage of a worker process, which runs what strangers wrote: what it could do to the machine, it gives up.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"

namespace sliceflow::worker {

enum class SandboxMode {
  kOff,
  kBestEffort,  // what the machine does not have is left out and told
  kRequired,    // without system-call filter, no_new_privs and limits a worker does not start; Landlock is left out where there is none
};

struct SandboxOptions {
  SandboxMode mode = SandboxMode::kRequired;
  int64_t max_memory_bytes = 0;  // of private memory that can be written (RLIMIT_DATA); 0: as much as the machine has
  int64_t max_cpu_seconds = 0;   // of processor time over the life of the process (RLIMIT_CPU); 0: no bound
  // Most processes and threads of the user that the worker becomes (RLIMIT_NPROC), beside those it has already. A user that the worker only
  // shares with others has its own bound.
  int max_threads = 512;
  // The process has a GPU, which its driver goes on talking to: see LoadSyscallFilter.
  bool gpu = false;
  std::string user;  // name or number that a worker started as root becomes; empty: `nobody`, where that can be had
};

// A worker's status when it ended itself for a system call that the cage does not allow; the call is named on standard error before.
inline constexpr int kSandboxExit = 159;

// Shut in two steps, because the second may come only after the worker has made its one connection:
//   Enter  limits, no_new_privs, no core dumps, no capabilities, Landlock: no file is opened any more.
//   Seal   the user, then the system-call filter, on all threads: no socket, no file, no process, nothing but computing, threads and
//          reading and writing what is open.
// For the main thread of a process. What is done and what could not be had is told by Describe.
class Sandbox {
 public:
  explicit Sandbox(SandboxOptions options) : options_(std::move(options)) {}

  // To be called while the process has one thread: Landlock holds for that thread and those it makes. FailedPrecondition with what is
  // missing, where it is required.
  absl::Status Enter();
  // From any number of threads, once.
  absl::Status Seal();

  // One line, such as `system-call filter, no_new_privs, limits (memory 8589934592 bytes), Landlock (version 7), user nobody`.
  std::string Describe() const;

 private:
  // Keeps what was done or what is missing; an error where that is required.
  absl::Status Note(const absl::Status& status, const std::string& what, bool required);
  absl::Status SetLimits();
  void ChooseUser();
  absl::Status BecomeUser();

  const SandboxOptions options_;
  std::vector<std::string> done_;
  std::vector<std::string> missing_;
  // Of the user to become; −1: stays who it is.
  int64_t uid_ = -1;
  int64_t gid_ = -1;
  int64_t user_tasks_ = 0;
};

}  // namespace sliceflow::worker
