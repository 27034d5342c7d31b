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
#include <iterator>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/clock.h"

namespace sliceflow::scheduler {
namespace {

// Longest sleep: an end is usually seen at once, by the end of the output; this is for one whose output was inherited by others.
constexpr absl::Duration kTick = absl::Milliseconds(200);
// Between the end of the output and the end of the process.
constexpr absl::Duration kEndTick = absl::Milliseconds(5);
// How long the end of a process is waited for, and how old the last line before it may be to belong to it.
constexpr absl::Duration kEndWait = absl::Seconds(2);
// Lines of a worker beyond are left out: one that was taken over must not fill the log.
constexpr int kMaxLinesPerSecond = 100;
constexpr size_t kLongestLine = 8192;
constexpr int kMaxReads = 64;
constexpr int kCannotExecute = 127;

// Variables that a worker gets, by name or by the beginning of it. Sanitizers' are for builds with them.
constexpr const char* kEnvironment[] = {
    "LD_LIBRARY_PATH=",      "OMP_",          "MKL_",          "KMP_",           "GOMP_",         "GRPC_",
    "CUDA_VISIBLE_",         "ASAN_OPTIONS=", "LSAN_OPTIONS=", "UBSAN_OPTIONS=", "TSAN_OPTIONS=", "SLICEFLOW_FAILPOINTS=",
    "SLICEFLOW_CUDA_PLUGIN="};

std::vector<char*> CleanEnvironment() {
  std::vector<char*> kept;
  for (char** variable = environ; *variable != nullptr; ++variable) {
    const auto matches = [&](const char* name) { return std::strncmp(*variable, name, std::strlen(name)) == 0; };
    if (std::any_of(std::begin(kEnvironment), std::end(kEnvironment), matches)) kept.push_back(*variable);
  }
  kept.push_back(nullptr);
  return kept;
}

// Between fork and exec: only what is async-signal-safe.
[[noreturn]] void BecomeWorker(const char* path, char* const* arguments, char* const* environment, int output, pid_t parent) {
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
  execve(path, arguments, environment);
  const char* why = strerrordesc_np(errno);
  (void)!write(STDERR_FILENO, "cannot be executed: ", 20);
  (void)!write(STDERR_FILENO, why, strlen(why));
  (void)!write(STDERR_FILENO, "\n", 1);
  _exit(kCannotExecute);
}

std::string DescribeStatus(int status, const std::string& killed_for) {
  if (!killed_for.empty()) return absl::StrCat(killed_for, " and was killed");
  if (!WIFSIGNALED(status)) return absl::StrCat("ended with status ", WEXITSTATUS(status));
  const int signal = WTERMSIG(status);
  return absl::StrCat("was killed by signal ", signal, " (", sigdescr_np(signal), ")", signal == SIGKILL ? ", out of memory?" : "");
}

}  // namespace

Supervisor::Supervisor(std::vector<WorkerProgram> programs, SupervisorOptions options)
    : options_(std::move(options)), wake_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)), jobs_(Uptime) {
  for (WorkerProgram& program : programs) {
    Child child;
    child.program = std::move(program);
    child.delay = options_.first_delay;
    children_.push_back(std::move(child));
  }
}

Supervisor::~Supervisor() {
  Stop(absl::ZeroDuration());
  close(wake_);
}

void Supervisor::Start() {
  thread_ = std::thread([this] { Run(); });
}

void Supervisor::Kill(const std::string& id, int64_t pid) {
  absl::MutexLock lock(&mutex_);
  Child* const child = Find(id, pid);
  if (child == nullptr) return;
  child->killed_for = "hung";
  kill(child->pid, SIGKILL);
}

Supervisor::Child* Supervisor::Find(const std::string& id, int64_t pid) {
  const auto is_meant = [&](const Child& child) { return child.program.id == id && child.pid != 0 && child.pid == pid; };
  const auto found = std::find_if(children_.begin(), children_.end(), is_meant);
  return found == children_.end() ? nullptr : &*found;
}

std::string Supervisor::DescribeEnd(const std::string& id, int64_t pid) const {
  std::string end;
  const auto known = [&]() ABSL_SHARED_LOCKS_REQUIRED(mutex_) {
    for (const Child& child : children_) {
      if (child.program.id == id && child.ended == pid) end = child.end;
    }
    return !end.empty() || holding_;
  };
  absl::MutexLock lock(&mutex_);
  ended_.AwaitWithTimeout(mutex_, known, kEndWait);
  return end;
}

void Supervisor::OnAdmitted(const std::string& worker_id, int64_t pid) {
  absl::MutexLock lock(&mutex_);
  Child* const child = Find(worker_id, pid);
  if (child == nullptr) return;
  child->admitted = Uptime();
  child->unattached_since = absl::InfiniteDuration();
}

void Supervisor::OnRefused(const std::string& worker_id, int64_t pid, const absl::Status& why) {
  absl::MutexLock lock(&mutex_);
  Child* const child = Find(worker_id, pid);
  if (child == nullptr) return;
  child->problem = absl::StrCat("worker ", worker_id, " was refused: ", why.message());
  Warn(*child, absl::StrCat("was refused: ", why.message()));
}

void Supervisor::OnServed(const std::string& worker_id, int64_t pid) {
  absl::MutexLock lock(&mutex_);
  Child* const child = Find(worker_id, pid);
  if (child == nullptr) return;
  child->served = true;
  child->problem.clear();
}

void Supervisor::OnDetached(const std::string& worker_id, int64_t pid) {
  absl::MutexLock lock(&mutex_);
  Child* const child = Find(worker_id, pid);
  if (child == nullptr) return;
  child->admitted = absl::InfiniteDuration();
  child->unattached_since = Uptime();
}

absl::Status Supervisor::device_health(const std::string& device) const {
  absl::MutexLock lock(&mutex_);
  for (const Child& child : children_) {
    if (child.program.device == device && !child.problem.empty()) return absl::UnavailableError(child.problem);
  }
  return absl::OkStatus();
}

bool Supervisor::gets_jobs(const std::string& device) const {
  absl::MutexLock lock(&mutex_);
  return std::none_of(children_.begin(), children_.end(), [&](const Child& child) {
    return child.program.device == device && child.program.takes_jobs && !child.problem.empty();
  });
}

void Supervisor::Hold() {
  absl::MutexLock lock(&mutex_);
  holding_ = true;
  ended_.SignalAll();
}

void Supervisor::Stop(absl::Duration time) {
  Hold();
  {
    absl::MutexLock lock(&mutex_);
    stopping_ = true;
    deadline_ = Uptime() + time;
  }
  Wake();
  if (thread_.joinable()) thread_.join();
}

void Supervisor::Run() {
  while (true) {
    {
      absl::MutexLock lock(&mutex_);
      const absl::Duration now = Uptime();
      pauses_.Look(now);
      Reap(now);
      LookAtAttachment(now);
      if (stopping_ && !AnyRunning()) return;
      if (!holding_) StartDue(now);
      if (stopping_) StopRunning(now);
    }
    WaitForOutput();
  }
}

void Supervisor::StartDue(absl::Duration now) {
  for (Child& child : children_) {
    if (child.pid == 0 && child.next_start <= now) Spawn(child);
  }
}

void Supervisor::Spawn(Child& child) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) {
    child.next_start = Uptime() + options_.longest_delay;
    Warn(child, "cannot be started: no more files can be opened");
    return;
  }
  fcntl(ends[0], F_SETFL, O_NONBLOCK);
  std::vector<char*> arguments{child.program.path.data()};
  for (std::string& argument : child.program.arguments) arguments.push_back(argument.data());
  arguments.push_back(nullptr);
  const std::vector<char*> environment = CleanEnvironment();
  const pid_t parent = getpid();
  const pid_t pid = fork();
  if (pid == 0) BecomeWorker(child.program.path.c_str(), arguments.data(), environment.data(), ends[1], parent);
  close(ends[1]);
  if (pid < 0) {
    close(ends[0]);
    child.next_start = Uptime() + options_.longest_delay;
    Warn(child, "cannot be started: the system has no room for another process");
    return;
  }
  child.pid = pid;
  child.output = ends[0];
  child.unattached_since = Uptime();
  child.admitted = absl::InfiniteDuration();
  child.served = false;
  child.killed_for.clear();
  child.last_line.clear();
  if (child.ended != 0 && options_.restarted) options_.restarted(child.program.id);
}

void Supervisor::StopRunning(absl::Duration now) {
  const int signal = now >= deadline_ ? SIGKILL : SIGTERM;
  if (signal == SIGTERM && std::exchange(asked_, true)) return;
  for (const Child& child : children_) {
    if (child.pid != 0) kill(child.pid, signal);
  }
}

void Supervisor::Reap(absl::Duration now) {
  for (Child& child : children_) {
    int status = 0;
    if (child.pid == 0 || waitpid(child.pid, &status, WNOHANG) != child.pid) continue;
    if (child.output >= 0) ReadOutput(child);
    if (child.output >= 0) close(std::exchange(child.output, -1));
    child.end = DescribeStatus(status, child.killed_for);
    const bool explains = child.killed_for.empty() && !child.last_line.empty() && now - child.last_line_time < kEndWait;
    if (explains) absl::StrAppend(&child.end, ": ", child.last_line);
    child.ended = std::exchange(child.pid, 0);
    ended_.SignalAll();
    if (holding_) continue;
    Judge(child);
    child.next_start = now + child.delay;
    Warn(child, absl::StrCat(child.end, "; it is started again in ", absl::FormatDuration(child.delay)));
    child.delay = std::min(2 * child.delay, options_.longest_delay);
  }
}

void Supervisor::Judge(Child& child) {
  if (child.served) {
    child.failures = 0;
    child.delay = options_.first_delay;
    return;
  }
  if (++child.failures < options_.max_failures) return;
  child.problem = absl::StrCat("worker ", child.program.id, " ended ", child.failures, " times in a row, at last it ", child.end);
}

void Supervisor::LookAtAttachment(absl::Duration now) {
  for (Child& child : children_) {
    if (child.pid == 0 || holding_) continue;
    if (now - child.admitted > options_.stays_after) child.problem.clear();
    if (pauses_.Lasted(child.unattached_since, now) < options_.attach_timeout) continue;
    child.unattached_since = absl::InfiniteDuration();
    child.killed_for = absl::StrCat("did not attach within ", absl::FormatDuration(options_.attach_timeout));
    child.problem = absl::StrCat("worker ", child.program.id, " ", child.killed_for);
    kill(child.pid, SIGKILL);
  }
}

bool Supervisor::AnyRunning() const {
  return std::any_of(children_.begin(), children_.end(), [](const Child& child) { return child.pid != 0; });
}

void Supervisor::WaitForOutput() {
  std::vector<pollfd> files{{wake_, POLLIN, 0}};
  absl::Duration until = Uptime() + kTick;
  for (const Child& child : children_) {
    if (child.output >= 0) files.push_back({child.output, POLLIN, 0});
    if (child.pid == 0) until = std::min(until, std::max(child.next_start, Uptime() + kEndTick));
    if (child.pid != 0 && child.output < 0) until = std::min(until, Uptime() + kEndTick);
  }
  const int64_t wait = absl::ToInt64Milliseconds(absl::Ceil(until - Uptime(), absl::Milliseconds(1)));
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
      TakeLine(child);
    }
  }
  if (!child.line.empty()) TakeLine(child);
  close(std::exchange(child.output, -1));
}

void Supervisor::TakeLine(Child& child) {
  const absl::Duration now = Uptime();
  if (now - child.lines_since > absl::Seconds(1)) {
    if (child.lines > kMaxLinesPerSecond) Warn(child, absl::StrCat(child.lines - kMaxLinesPerSecond, " lines more were left out"));
    child.lines = 0;
    child.lines_since = now;
  }
  if (++child.lines <= kMaxLinesPerSecond) Log(child, child.line);
  child.last_line = std::exchange(child.line, "");
  child.last_line_time = now;
}

void Supervisor::Log(const Child& child, absl::string_view line) const {
  if (options_.log) options_.log(child.program.id, jobs_.Of(child.program.id), line);
}

void Supervisor::Warn(const Child& child, absl::string_view what) const {
  if (options_.warn) options_.warn(child.program.id, jobs_.Of(child.program.id), what);
}

void Supervisor::Wake() const {
  const uint64_t one = 1;
  (void)!write(wake_, &one, sizeof one);
}

}  // namespace sliceflow::scheduler
