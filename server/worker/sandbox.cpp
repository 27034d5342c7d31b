#include "server/worker/sandbox.h"

#include <grp.h>
#include <linux/capability.h>
#include <pwd.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <system_error>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"
#include "common/machine_memory.h"
#include "server/worker/landlock.h"
#include "server/worker/syscall_filter.h"

namespace sliceflow::worker {
namespace {

constexpr char kNobody[] = "nobody";
// The connection, standard streams, and what gRPC waits with.
constexpr rlim_t kMaxFiles = 256;
// Nothing is written but a log, which is a pipe; a file that a worker was started with must not grow without bound.
constexpr rlim_t kMaxFileBytes = 1 << 20;

absl::Status Failure(const std::string& what) { return absl::FailedPreconditionError(absl::StrCat(what, ": ", std::strerror(errno))); }

// Lowers a bound for good; one that is lower already stays. `grace` is what the hard bound has more.
bool Limit(int resource, rlim_t most, rlim_t grace = 0) {
  rlimit now = {};
  if (getrlimit(static_cast<__rlimit_resource>(resource), &now) != 0) return false;
  const rlimit wanted{std::min(now.rlim_cur, most), std::min(now.rlim_max, most + grace)};
  return setrlimit(static_cast<__rlimit_resource>(resource), &wanted) == 0;
}

// The first number after `key` in a file such as /proc/PID/status; −1: there is none.
int64_t FirstNumber(const std::filesystem::path& path, absl::string_view key) {
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) {
    absl::string_view rest = line;
    if (!absl::ConsumePrefix(&rest, key)) continue;
    rest = absl::StripLeadingAsciiWhitespace(rest);
    int64_t number = -1;
    return absl::SimpleAtoi(rest.substr(0, rest.find_first_of(" \t")), &number) ? number : -1;
  }
  return -1;
}

// Processes and threads that a user has now.
int64_t CountTasks(int64_t uid) {
  int64_t count = 0;
  std::error_code error;
  for (std::filesystem::directory_iterator entry("/proc", error), end; !error && entry != end; entry.increment(error)) {
    const std::filesystem::path status = entry->path() / "status";
    if (FirstNumber(status, "Uid:") == uid) count += std::max<int64_t>(FirstNumber(status, "Threads:"), 0);
  }
  return count;
}

// Every capability goes, save those in `kept`, from this thread and what it makes.
absl::Status DropCapabilities(std::initializer_list<int> kept) {
  for (int capability = 0; prctl(PR_CAPBSET_READ, capability) >= 0; ++capability) prctl(PR_CAPBSET_DROP, capability);
  prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct sets[_LINUX_CAPABILITY_U32S_3] = {};
  for (const int capability : kept) sets[0].permitted = sets[0].effective |= 1U << capability;
  return syscall(SYS_capset, &header, sets) == 0 ? absl::OkStatus() : Failure("capabilities cannot be dropped");
}

}  // namespace

absl::Status Sandbox::Note(const absl::Status& status, const std::string& what, bool required) {
  if (status.ok()) {
    done_.push_back(what);
    return status;
  }
  missing_.push_back(absl::StrCat(what, " (", status.message(), ")"));
  return required && options_.mode == SandboxMode::kRequired ? status : absl::OkStatus();
}

absl::Status Sandbox::Enter() {
  if (options_.mode == SandboxMode::kOff) return absl::OkStatus();
  const bool confined = prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && prctl(PR_SET_DUMPABLE, 0) == 0;
  absl::Status status = Note(confined ? absl::OkStatus() : Failure("prctl"), "no_new_privs", true);
  if (status.ok()) status = SetLimits();
  if (!status.ok()) return status;
  if (geteuid() == 0) ChooseUser();
  if (geteuid() != 0 && !options_.user.empty()) {
    status = Note(absl::FailedPreconditionError("only root can become another user"), absl::StrCat("user ", options_.user), true);
    if (!status.ok()) return status;
  }
  if (geteuid() == 0) {
    const absl::Status dropped = uid_ >= 0 ? DropCapabilities({CAP_SETUID, CAP_SETGID}) : DropCapabilities({});
    status = Note(dropped, "no capabilities", true);
    if (!status.ok()) return status;
  }
  // Last: it reads files no more.
  const int landlock = LandlockVersion();
  const absl::Status closed =
      landlock > 0 ? CloseFileSystem(landlock) : absl::FailedPreconditionError("this kernel has none, the system-call filter stands alone");
  return Note(closed, landlock > 0 ? absl::StrCat("Landlock (version ", landlock, ")") : "Landlock", false);
}

absl::Status Sandbox::SetLimits() {
  const int64_t memory = options_.max_memory_bytes > 0 ? options_.max_memory_bytes : MachineMemoryBytes();
  // A file that is full is an error, not the end.
  signal(SIGXFSZ, SIG_IGN);
  bool limited = Limit(RLIMIT_CORE, 0) && Limit(RLIMIT_FSIZE, kMaxFileBytes) && Limit(RLIMIT_NOFILE, kMaxFiles) &&
                 Limit(RLIMIT_MSGQUEUE, 0) && Limit(RLIMIT_DATA, static_cast<rlim_t>(memory));
  std::string told = absl::StrCat("limits (memory ", memory, " bytes");
  if (options_.max_cpu_seconds > 0) {
    // Ended by SIGXCPU, which says why; the second more is for one that ignores it.
    limited = limited && Limit(RLIMIT_CPU, static_cast<rlim_t>(options_.max_cpu_seconds), 1);
    absl::StrAppend(&told, ", processor ", options_.max_cpu_seconds, " s");
  }
  return Note(limited ? absl::OkStatus() : Failure("setrlimit"), absl::StrCat(told, ")"), true);
}

void Sandbox::ChooseUser() {
  const std::string name = options_.user.empty() ? kNobody : options_.user;
  const passwd* entry = getpwnam(name.c_str());
  int number = -1;
  if (entry != nullptr) {
    uid_ = entry->pw_uid;
    gid_ = entry->pw_gid;
  } else if (absl::SimpleAtoi(name, &number) && number > 0) {
    uid_ = gid_ = number;
  }
  if (uid_ == 0) uid_ = -1;
  if (uid_ > 0) user_tasks_ = CountTasks(uid_);
}

absl::Status Sandbox::BecomeUser() {
  if (uid_ < 0) {
    return absl::FailedPreconditionError(absl::StrCat("--user: ", "'", options_.user.empty() ? kNobody : options_.user,
                                                      "' is no user of this machine, or is root; want the name or number of another one"));
  }
  int parents_end = 0;
  prctl(PR_GET_PDEATHSIG, &parents_end);
  // The C library does it on every thread.
  const auto uid = static_cast<uid_t>(uid_);
  const auto gid = static_cast<gid_t>(gid_);
  if (setgroups(0, nullptr) != 0 || setresgid(gid, gid, gid) != 0 || setresuid(uid, uid, uid) != 0) return Failure("setresuid");
  // Another user's process is not ended with its parent unless it says so again.
  prctl(PR_SET_PDEATHSIG, parents_end);
  prctl(PR_SET_DUMPABLE, 0);
  return Limit(RLIMIT_NPROC, static_cast<rlim_t>(user_tasks_ + options_.max_threads)) ? absl::OkStatus() : Failure("setrlimit");
}

absl::Status Sandbox::Seal() {
  if (options_.mode == SandboxMode::kOff) return absl::OkStatus();
  if (geteuid() == 0) {
    const std::string who = absl::StrCat("user ", options_.user.empty() ? kNobody : options_.user);
    absl::Status status = Note(BecomeUser(), who, !options_.user.empty());
    if (!status.ok()) return status;
  }
  return Note(LoadSyscallFilter(options_.gpu), options_.gpu ? "system-call filter with a GPU's calls" : "system-call filter", true);
}

std::string Sandbox::Describe() const {
  if (options_.mode == SandboxMode::kOff) return "none: it is turned off";
  const std::string done = done_.empty() ? "nothing" : absl::StrJoin(done_, ", ");
  return missing_.empty() ? done : absl::StrCat(done, "; without ", absl::StrJoin(missing_, ", "));
}

}  // namespace sliceflow::worker
