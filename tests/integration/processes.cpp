#include "tests/integration/processes.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/time/clock.h"

namespace sliceflow::testing {
namespace {

constexpr absl::Duration kPoll = absl::Milliseconds(2);

std::string ReadAll(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

// Starts a program whose output goes to a file. It dies with this process.
pid_t Spawn(const std::vector<std::string>& command, const std::string& output) {
  std::vector<char*> arguments;
  for (const std::string& argument : command) arguments.push_back(const_cast<char*>(argument.c_str()));
  arguments.push_back(nullptr);
  const pid_t pid = fork();
  if (pid != 0) return pid;
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  const int file = open(output.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
  const int null = open("/dev/null", O_RDONLY);
  dup2(null, STDIN_FILENO);
  dup2(file, STDOUT_FILENO);
  dup2(file, STDERR_FILENO);
  execvp(arguments[0], arguments.data());
  _exit(127);
}

// The exit code, or −1; a program that does not end is killed.
int WaitFor(pid_t pid) {
  const absl::Time deadline = absl::Now() + kPatience;
  int status = 0;
  while (waitpid(pid, &status, WNOHANG) == 0) {
    if (absl::Now() > deadline) {
      kill(pid, SIGKILL);
      waitpid(pid, &status, 0);
      return -1;
    }
    absl::SleepFor(kPoll);
  }
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

// The children of a process, by /proc/PID/stat.
std::vector<pid_t> ChildrenOf(pid_t parent) {
  std::vector<pid_t> children;
  for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
    int pid = 0;
    if (!absl::SimpleAtoi(entry.path().filename().string(), &pid)) continue;
    const std::string stat = ReadAll(absl::StrCat("/proc/", pid, "/stat"));
    const size_t end = stat.rfind(')');
    if (end == std::string::npos) continue;
    const std::vector<std::string> fields = absl::StrSplit(stat.substr(end + 2), ' ');
    if (fields.size() > 1 && fields[0] != "Z" && fields[1] == absl::StrCat(parent)) children.push_back(pid);
  }
  return children;
}

// The value of a name in an object of JSON, where it is a text without escapes; else empty.
std::string TextOf(const std::string& json, const std::string& name) {
  const std::string before = absl::StrCat("\"", name, "\": \"");
  const size_t begin = json.find(before);
  if (begin == std::string::npos) return "";
  const size_t end = json.find('"', begin + before.size());
  return end == std::string::npos ? "" : json.substr(begin + before.size(), end - begin - before.size());
}

std::string TempName(const std::string& suffix) {
  static int count = 0;
  return (std::filesystem::temp_directory_path() / absl::StrCat("sliceflow-test-", getpid(), "-", count++, suffix)).string();
}

}  // namespace

CommandResult RunCommand(const std::vector<std::string>& command) {
  const std::string output = TempName(".out");
  CommandResult result;
  result.exit_code = WaitFor(Spawn(command, output));
  result.output = ReadAll(output);
  std::filesystem::remove(output);
  return result;
}

bool WorkersAreCaged() {
  const char* sandbox = std::getenv("SLICEFLOWD_WORKER_SANDBOX");
  return sandbox == nullptr || absl::string_view(sandbox) != "off";
}

char ProcessState(pid_t pid) {
  const std::string stat = ReadAll(absl::StrCat("/proc/", pid, "/stat"));
  const size_t end = stat.rfind(')');
  return end == std::string::npos ? 0 : stat[end + 2];
}

int64_t ResidentBytes(pid_t pid) {
  int64_t pages[2] = {0, 0};
  std::ifstream(absl::StrCat("/proc/", pid, "/statm")) >> pages[0] >> pages[1];
  return pages[1] * sysconf(_SC_PAGESIZE);
}

int OpenFiles(pid_t pid) {
  std::error_code error;
  const std::filesystem::directory_iterator files(absl::StrCat("/proc/", pid, "/fd"), error);
  return static_cast<int>(std::distance(begin(files), end(files)));
}

bool WaitUntilGone(pid_t pid) {
  const absl::Time deadline = absl::Now() + kPatience;
  for (char state = ProcessState(pid); state != 0 && state != 'Z'; state = ProcessState(pid)) {
    if (absl::Now() > deadline) return false;
    absl::SleepFor(kPoll);
  }
  return true;
}

ProgramProcess::ProgramProcess(const std::vector<std::string>& command) : log_file_(TempName(".log")), pid_(Spawn(command, log_file_)) {}

ProgramProcess::~ProgramProcess() {
  Kill();
  std::filesystem::remove(log_file_);
}

std::string ProgramProcess::Log() const { return ReadAll(log_file_); }

void ProgramProcess::Signal(int signal) const { kill(pid_, signal); }

void ProgramProcess::Kill() {
  if (pid_ == 0) return;
  kill(pid_, SIGKILL);
  WaitFor(std::exchange(pid_, 0));
}

int ProgramProcess::Wait() { return WaitFor(std::exchange(pid_, 0)); }

DaemonProcess::DaemonProcess(const std::string& data_dir, const std::vector<std::string>& more_flags, bool wait,
                             const std::vector<std::string>& prefix)
    : ready_file_(TempName(".json")), log_file_(TempName(".log")) {
  std::vector<std::string> command = prefix;
  command.insert(command.end(),
                 {absl::StrCat(SLICEFLOW_BIN_DIR, "/sliceflowd"), "--data-dir", data_dir, "--ready-file", ready_file_, "--threads", "1"});
  const auto lacks = [&](const char* flag) { return std::find(more_flags.begin(), more_flags.end(), flag) == more_flags.end(); };
  if (lacks("--listen")) command.insert(command.end(), {"--listen", "127.0.0.1:0"});
  // What is tested is the same on every machine.
  if (lacks("--gpus")) command.insert(command.end(), {"--gpus", "none"});
  command.insert(command.end(), more_flags.begin(), more_flags.end());
  pid_ = Spawn(command, log_file_);
  if (wait) WaitUntilReady();
}

DaemonProcess::~DaemonProcess() {
  Kill();
  std::filesystem::remove(ready_file_);
  std::filesystem::remove(log_file_);
}

std::string DaemonProcess::Log() const { return ReadAll(log_file_); }

void DaemonProcess::WaitUntilReady() {
  const absl::Time deadline = absl::Now() + kPatience;
  while (absl::Now() < deadline && ProcessState(pid_) != 'Z' && address_.empty()) {
    const std::string text = ReadAll(ready_file_);
    address_ = TextOf(text, "grpc");
    http_address_ = TextOf(text, "http");
    workers_address_ = TextOf(text, "workers");
    if (address_.empty()) absl::SleepFor(kPoll);
  }
}

pid_t DaemonProcess::WorkerPid(const std::string& lane) const {
  const std::string flag = absl::StrCat(std::string("--lane\0", 7), lane, std::string(1, '\0'));
  const absl::Time deadline = absl::Now() + kPatience;
  while (absl::Now() < deadline) {
    for (const pid_t child : ChildrenOf(pid_)) {
      if (ReadAll(absl::StrCat("/proc/", child, "/cmdline")).find(flag) != std::string::npos) return child;
    }
    absl::SleepFor(kPoll);
  }
  return 0;
}

void DaemonProcess::Kill() {
  if (pid_ == 0) return;
  kill(pid_, SIGKILL);
  WaitFor(std::exchange(pid_, 0));
}

int DaemonProcess::Terminate() {
  kill(pid_, SIGTERM);
  return Wait();
}

int DaemonProcess::Wait() { return WaitFor(std::exchange(pid_, 0)); }

}  // namespace sliceflow::testing
