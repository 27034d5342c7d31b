#include "server/scheduler/supervisor.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"

namespace sliceflow::scheduler {
namespace {

// Longest sleep: an end is usually seen at once, by the end of the output; this is for one whose output was inherited by others.
constexpr absl::Duration kTick = absl::Milliseconds(200);
// Between the end of the output and the end of the process.
constexpr absl::Duration kEndTick = absl::Milliseconds(5);
// A worker that has lived for so long is alive for now, however often it was restarted.
constexpr absl::Duration kAlive = absl::Seconds(5);
constexpr size_t kLongestLine = 8192;
constexpr int kMaxReads = 64;
constexpr int kCannotExecute = 127;

// Between fork and exec: only what is async-signal-safe.
[[noreturn]] void BecomeWorker(const char* path, char* const* arguments, int output, pid_t parent) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != parent) _exit(kCannotExecute);  // the parent died before the line above
  setpgid(0, 0);
  const int null = open("/dev/null", O_RDONLY);
  dup2(null, STDIN_FILENO);
  dup2(output, STDOUT_FILENO);
  dup2(output, STDERR_FILENO);
  syscall(SYS_close_range, STDERR_FILENO + 1, ~0U, 0U);
  for (int signal = 1; signal < NSIG; ++signal) std::signal(signal, SIG_DFL);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  execv(path, arguments);
  const char* why = strerrordesc_np(errno);
  (void)!write(STDERR_FILENO, "cannot be executed: ", 20);
  (void)!write(STDERR_FILENO, why, strlen(why));
  (void)!write(STDERR_FILENO, "\n", 1);
  _exit(kCannotExecute);
}

std::string DescribeEnd(int status) {
  if (WIFSIGNALED(status)) return absl::StrCat("was killed by signal ", WTERMSIG(status), " (", sigdescr_np(WTERMSIG(status)), ")");
  return absl::StrCat("ended with status ", WEXITSTATUS(status));
}

}  // namespace

Supervisor::Supervisor(std::vector<WorkerProgram> programs, SupervisorOptions options)
    : options_(std::move(options)), wake_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  for (WorkerProgram& program : programs) {
    Child child;
    child.program = std::move(program);
    child.delay = options_.first_delay;
    children_.push_back(std::move(child));
  }
}

Supervisor::~Supervisor() {
  Stop(absl::Now());
  close(wake_);
}

void Supervisor::Start() {
  thread_ = std::thread([this] { Run(); });
}

void Supervisor::Kill(const std::string& id, int64_t pid) {
  absl::MutexLock lock(&mutex_);
  for (const Child& child : children_) {
    if (child.program.id != id || child.pid == 0 || child.pid != pid) continue;
    Log(child, "hangs and is killed");
    kill(child.pid, SIGKILL);
  }
}

absl::Status Supervisor::health() const {
  absl::MutexLock lock(&mutex_);
  for (const Child& child : children_) {
    const bool alive = child.pid != 0 && absl::Now() - child.started > kAlive;
    if (alive || child.failures <= options_.max_failures) continue;
    return absl::UnavailableError(absl::StrCat("worker ", child.program.id, " ended ", child.failures, " times in a row"));
  }
  return absl::OkStatus();
}

void Supervisor::Hold() {
  absl::MutexLock lock(&mutex_);
  holding_ = true;
}

void Supervisor::Stop(absl::Time deadline) {
  {
    absl::MutexLock lock(&mutex_);
    holding_ = true;
    stopping_ = true;
    deadline_ = deadline;
  }
  Wake();
  if (thread_.joinable()) thread_.join();
}

void Supervisor::Run() {
  while (true) {
    {
      absl::MutexLock lock(&mutex_);
      const absl::Time now = absl::Now();
      Reap(now);
      if (stopping_ && !AnyRunning()) return;
      if (!holding_) StartDue(now);
      if (stopping_) StopRunning(now);
    }
    WaitForOutput();
  }
}

void Supervisor::StartDue(absl::Time now) {
  for (Child& child : children_) {
    if (child.pid == 0 && child.next_start <= now) Spawn(child);
  }
}

void Supervisor::Spawn(Child& child) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) {
    child.next_start = absl::Now() + options_.longest_delay;
    Log(child, "cannot be started: no more files can be opened");
    return;
  }
  fcntl(ends[0], F_SETFL, O_NONBLOCK);
  std::vector<char*> arguments{child.program.path.data()};
  for (std::string& argument : child.program.arguments) arguments.push_back(argument.data());
  arguments.push_back(nullptr);
  const pid_t parent = getpid();
  const pid_t pid = fork();
  if (pid == 0) BecomeWorker(child.program.path.c_str(), arguments.data(), ends[1], parent);
  close(ends[1]);
  if (pid < 0) {
    close(ends[0]);
    child.next_start = absl::Now() + options_.longest_delay;
    Log(child, "cannot be started: the system has no room for another process");
    return;
  }
  child.pid = pid;
  child.output = ends[0];
  child.started = absl::Now();
}

void Supervisor::StopRunning(absl::Time now) {
  const int signal = now >= deadline_ ? SIGKILL : SIGTERM;
  if (signal == SIGTERM && std::exchange(asked_, true)) return;
  for (const Child& child : children_) {
    if (child.pid != 0) kill(child.pid, signal);
  }
}

void Supervisor::Reap(absl::Time now) {
  for (Child& child : children_) {
    int status = 0;
    if (child.pid == 0 || waitpid(child.pid, &status, WNOHANG) != child.pid) continue;
    if (child.output >= 0) ReadOutput(child);
    if (child.output >= 0) close(std::exchange(child.output, -1));
    child.pid = 0;
    if (now - child.started >= options_.healthy_after) {
      child.failures = 0;
      child.delay = options_.first_delay;
    }
    ++child.failures;
    child.next_start = now + child.delay;
    if (holding_) continue;
    Log(child, absl::StrCat(DescribeEnd(status), "; it is started again in ", absl::FormatDuration(child.delay)));
    child.delay = std::min(2 * child.delay, options_.longest_delay);
  }
}

bool Supervisor::AnyRunning() const {
  return std::any_of(children_.begin(), children_.end(), [](const Child& child) { return child.pid != 0; });
}

void Supervisor::WaitForOutput() {
  std::vector<pollfd> files{{wake_, POLLIN, 0}};
  absl::Time until = absl::Now() + kTick;
  for (const Child& child : children_) {
    if (child.output >= 0) files.push_back({child.output, POLLIN, 0});
    if (child.pid == 0) until = std::min(until, std::max(child.next_start, absl::Now() + kEndTick));
    if (child.pid != 0 && child.output < 0) until = std::min(until, absl::Now() + kEndTick);
  }
  const int64_t wait = absl::ToInt64Milliseconds(absl::Ceil(until - absl::Now(), absl::Milliseconds(1)));
  poll(files.data(), files.size(), static_cast<int>(std::max<int64_t>(wait, 0)));
  uint64_t count = 0;
  (void)!read(wake_, &count, sizeof count);
  for (Child& child : children_) {
    if (child.output >= 0) ReadOutput(child);
  }
}

void Supervisor::ReadOutput(Child& child) {
  char buffer[4096];
  for (int reads = 0;; ++reads) {
    if (reads == kMaxReads) return;  // a worker that never stops talking does not keep the others waiting
    const ssize_t count = read(child.output, buffer, sizeof buffer);
    if (count < 0) return;
    if (count == 0) break;
    for (const char c : absl::string_view(buffer, static_cast<size_t>(count))) {
      if (c != '\n') child.line.push_back(c);
      if (c != '\n' && child.line.size() < kLongestLine) continue;
      Log(child, child.line);
      child.line.clear();
    }
  }
  if (!child.line.empty()) Log(child, child.line);
  child.line.clear();
  close(std::exchange(child.output, -1));
}

void Supervisor::Log(const Child& child, absl::string_view line) const {
  if (options_.log) options_.log(child.program.id, line);
}

void Supervisor::Wake() const {
  const uint64_t one = 1;
  (void)!write(wake_, &one, sizeof one);
}

}  // namespace sliceflow::scheduler
