// Real processes for tests: a daemon with its workers, and short commands.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <vector>

#include "tests/support/patience.h"

namespace sliceflow::testing {

// What a command that has ended left behind.
struct CommandResult {
  int exit_code = -1;  // −1 when it was killed
  std::string output;  // standard output and error together
};
// Runs a program to its end, at most `kPatience`.
CommandResult RunCommand(const std::vector<std::string>& command);

// Whether daemons put their workers into cages: not under a sanitizer, which does not fit into one (scripts/sanitize).
bool WorkersAreCaged();

// The state letter of a process as /proc tells it; 0 when there is none.
char ProcessState(pid_t pid);
// Memory that a process holds, in bytes, and how many descriptors it has open.
int64_t ResidentBytes(pid_t pid);
int OpenFiles(pid_t pid);
// Waits until a process is gone (a zombie counts as gone); false after `kPatience`.
bool WaitUntilGone(pid_t pid);

// Any program of a test's own. It dies with the test.
class ProgramProcess {
 public:
  explicit ProgramProcess(const std::vector<std::string>& command);
  // Kills it.
  ~ProgramProcess();
  ProgramProcess(const ProgramProcess&) = delete;
  ProgramProcess& operator=(const ProgramProcess&) = delete;

  pid_t pid() const { return pid_; }
  // What it wrote to standard output and error so far.
  std::string Log() const;
  void Signal(int signal) const;
  // SIGKILL, and waits until it is gone.
  void Kill();
  // The exit code of one that ends by itself; −1 when it was killed by a signal or did not end in time.
  int Wait();

 private:
  std::string log_file_;
  pid_t pid_ = 0;
};

// A sliceflowd of a test's own. It dies with the test.
class DaemonProcess {
 public:
  // Starts one on a free port of this machine and waits until it serves (ok() tells), or, with `wait` unset, only starts it.
  // `prefix`: words before the command, such as those of a FaultyDisk.
  explicit DaemonProcess(const std::string& data_dir, const std::vector<std::string>& more_flags = {}, bool wait = true,
                         const std::vector<std::string>& prefix = {});
  ~DaemonProcess();
  DaemonProcess(const DaemonProcess&) = delete;
  DaemonProcess& operator=(const DaemonProcess&) = delete;

  bool ok() const { return !address_.empty(); }
  const std::string& address() const { return address_; }
  // host:port of the HTTP port; empty where it has none.
  const std::string& http_address() const { return http_address_; }
  // host:port of the port for workers of other machines; empty where it has none.
  const std::string& workers_address() const { return workers_address_; }
  const std::string& ready_file() const { return ready_file_; }
  pid_t pid() const { return pid_; }
  // What it wrote to standard error so far.
  std::string Log() const;

  // The worker of a lane (`flow` or `query`), once there is one; 0 when none comes.
  pid_t WorkerPid(const std::string& lane) const;

  // SIGKILL, and waits until it is gone.
  void Kill();
  // SIGTERM; the exit code, −1 when it was killed by a signal or did not end in time.
  int Terminate();
  // The exit code of one that ends by itself.
  int Wait();

 private:
  void WaitUntilReady();

  std::string ready_file_;
  std::string log_file_;
  std::string address_;
  std::string http_address_;
  std::string workers_address_;
  pid_t pid_ = 0;
};

}  // namespace sliceflow::testing
