// Processes in a worker's cage, for tests that try to get out.
#pragma once

#include <sys/types.h>

#include <functional>
#include <string>

#include "server/worker/sandbox.h"

namespace sliceflow::testing {

// What an attempt answers, as an exit code.
inline constexpr int kEscaped = 42;
inline constexpr int kRefused = 43;
inline constexpr int kNotCaged = 44;  // the cage could not be had

// How a child ended.
struct Ended {
  int exit_code = -1;  // −1: by a signal
  int signal = 0;
  int error = 0;  // errno of an attempt that was refused
  std::string output;
};

// kEscaped, or kRefused with errno where `result` is −1.
int Tried(int result);

// Runs an attempt in a child that was caged as a worker is: with a second thread that was there before, as gRPC's are.
Ended InCage(const std::function<int()>& attempt, worker::SandboxOptions options = {});
// As InCage, with one of the two steps only: Landlock without the filter, or the filter without Landlock.
Ended AfterEnter(const std::function<int()>& attempt);
Ended AfterSeal(const std::function<int()>& attempt);

// A caged process that waits until this is destroyed.
class CagedChild {
 public:
  explicit CagedChild(worker::SandboxOptions options);
  ~CagedChild();
  CagedChild(const CagedChild&) = delete;
  CagedChild& operator=(const CagedChild&) = delete;

  pid_t pid() const { return pid_; }
  // What Sandbox::Describe said.
  const std::string& told() const { return told_; }
  // PR_GET_DUMPABLE of it, asked before the filter was shut.
  int dumpable() const { return dumpable_; }

 private:
  pid_t pid_ = 0;
  int output_ = -1;
  std::string told_;
  int dumpable_ = -1;
};

}  // namespace sliceflow::testing
