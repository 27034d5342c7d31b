#include "tests/integration/caged_child.h"

#include <gtest/gtest.h>

#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <thread>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace sliceflow::testing {
namespace {

constexpr char kErrorMark[] = "errno ";

// To the pipe that the test reads; allowed in a cage.
void Tell(const std::string& text) { (void)!write(STDERR_FILENO, text.data(), text.size()); }

[[noreturn]] void Sleep() {
  while (true) std::this_thread::sleep_for(std::chrono::hours(1));
}

struct Steps {
  bool enter = true;
  bool seal = true;
};

absl::Status Cage(worker::Sandbox& sandbox, const Steps& steps) {
  absl::Status status;
  if (steps.enter) status = sandbox.Enter();
  if (!status.ok()) return status;
  std::thread(Sleep).detach();
  return steps.seal ? sandbox.Seal() : status;
}

[[noreturn]] void Attempt(const std::function<int()>& attempt, const worker::SandboxOptions& options, const Steps& steps) {
  worker::Sandbox sandbox(options);
  const absl::Status status = Cage(sandbox, steps);
  Tell(status.ok() ? absl::StrCat(sandbox.Describe(), "\n") : std::string(status.message()));
  if (!status.ok()) _exit(kNotCaged);
  const int result = attempt();
  if (result == kRefused) Tell(absl::StrCat(kErrorMark, errno));
  _exit(result);
}

// A child whose standard error is `ends[1]`.
pid_t Fork(int ends[2]) {
  EXPECT_EQ(pipe(ends), 0);
  const pid_t child = fork();
  if (child == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    dup2(ends[1], STDERR_FILENO);
    close(ends[0]);
    close(ends[1]);
    return child;
  }
  close(ends[1]);
  return child;
}

Ended Run(const std::function<int()>& attempt, const worker::SandboxOptions& options, const Steps& steps) {
  int ends[2];
  const pid_t child = Fork(ends);
  if (child == 0) Attempt(attempt, options, steps);
  Ended ended;
  char buffer[4096];
  for (ssize_t count = 0; (count = read(ends[0], buffer, sizeof buffer)) > 0;) ended.output.append(buffer, static_cast<size_t>(count));
  close(ends[0]);
  int status = 0;
  EXPECT_EQ(waitpid(child, &status, 0), child);
  if (WIFEXITED(status)) ended.exit_code = WEXITSTATUS(status);
  if (WIFSIGNALED(status)) ended.signal = WTERMSIG(status);
  const size_t at = ended.output.rfind(kErrorMark);
  if (at == std::string::npos) return ended;
  EXPECT_TRUE(absl::SimpleAtoi(ended.output.substr(at + std::strlen(kErrorMark)), &ended.error)) << ended.output;
  return ended;
}

}  // namespace

int Tried(int result) { return result == -1 ? kRefused : kEscaped; }

Ended InCage(const std::function<int()>& attempt, worker::SandboxOptions options) { return Run(attempt, options, {}); }

Ended AfterEnter(const std::function<int()>& attempt) { return Run(attempt, {}, {.seal = false}); }

Ended AfterSeal(const std::function<int()>& attempt) { return Run(attempt, {}, {.enter = false}); }

CagedChild::CagedChild(worker::SandboxOptions options) {
  int ends[2];
  pid_ = Fork(ends);
  if (pid_ == 0) {
    worker::Sandbox sandbox(options);
    absl::Status status = sandbox.Enter();
    std::thread(Sleep).detach();
    const int dumpable = prctl(PR_GET_DUMPABLE);
    if (status.ok()) status = sandbox.Seal();
    Tell(absl::StrCat(status.ok() ? sandbox.Describe() : std::string(status.message()), "\n", dumpable));
    Sleep();
  }
  output_ = ends[0];
  std::string text;
  // One write, the number at its end.
  char buffer[4096];
  const ssize_t count = read(output_, buffer, sizeof buffer);
  if (count > 0) text.assign(buffer, static_cast<size_t>(count));
  const size_t line = text.find('\n');
  told_ = text.substr(0, line);
  EXPECT_TRUE(line != std::string::npos && absl::SimpleAtoi(text.substr(line + 1), &dumpable_)) << text;
}

CagedChild::~CagedChild() {
  kill(pid_, SIGKILL);
  waitpid(pid_, nullptr, 0);
  close(output_);
}

}  // namespace sliceflow::testing
