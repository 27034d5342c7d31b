#include "server/worker/syscall_filter.h"

#include <fcntl.h>
#include <sched.h>
#include <seccomp.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <initializer_list>
#include <memory>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "server/worker/sandbox.h"

namespace sliceflow::worker {
namespace {

// ---- what is told of a call that is not allowed -------------------------------------------------------------------------------------

constexpr size_t kNames = 512;  // above the numbers of all calls there are
constexpr size_t kLongestName = 32;
std::array<std::array<char, kLongestName>, kNames> names;
std::atomic<bool> told{false};

// Before the filter: a signal handler may not ask libseccomp, which allocates.
void CollectNames() {
  for (size_t number = 0; number < kNames; ++number) {
    char* const name = seccomp_syscall_resolve_num_arch(SCMP_ARCH_NATIVE, static_cast<int>(number));
    std::strncpy(names[number].data(), name == nullptr ? "without a name" : name, kLongestName - 1);
    std::free(name);
  }
}

void Say(absl::string_view text) { (void)!write(STDERR_FILENO, text.data(), text.size()); }

// On the thread that made the call, which was not done. Only what is async-signal-safe and allowed.
void EndForViolation(int /*signal*/, siginfo_t* info, void* /*context*/) {
  if (!told.exchange(true)) {
    const auto number = static_cast<size_t>(info->si_syscall);
    Say("the cage ends this worker: the system call ");
    Say(number < kNames ? names[number].data() : "of an unknown number");
    Say(" is not allowed\n");
  }
  _exit(kSandboxExit);
}

// ---- the list -----------------------------------------------------------------------------------------------------------------------

constexpr uint64_t kNamespaces = CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET;
constexpr uint64_t kThreadFlags = CLONE_VM | CLONE_SIGHAND | CLONE_THREAD;
constexpr uint64_t kOpensToRead = O_ACCMODE | O_CREAT | O_TRUNC;

// Computing, threads, time, memory, and what is open already. No call here names a file, a process or an address.
constexpr std::initializer_list<int> kAllowed{
    // what is open
    SCMP_SYS(read), SCMP_SYS(write), SCMP_SYS(readv), SCMP_SYS(writev), SCMP_SYS(pread64), SCMP_SYS(close), SCMP_SYS(fstat),
    SCMP_SYS(lseek), SCMP_SYS(recvmsg), SCMP_SYS(sendmsg), SCMP_SYS(shutdown), SCMP_SYS(getsockname), SCMP_SYS(getpeername),
    SCMP_SYS(getsockopt), SCMP_SYS(setsockopt),
    // waiting
    SCMP_SYS(epoll_create1), SCMP_SYS(epoll_ctl), SCMP_SYS(epoll_wait), SCMP_SYS(epoll_pwait), SCMP_SYS(eventfd2), SCMP_SYS(poll),
    SCMP_SYS(ppoll), SCMP_SYS(timerfd_create), SCMP_SYS(timerfd_settime), SCMP_SYS(futex), SCMP_SYS(nanosleep), SCMP_SYS(clock_nanosleep),
    SCMP_SYS(restart_syscall),
    // threads
    SCMP_SYS(exit), SCMP_SYS(exit_group), SCMP_SYS(set_robust_list), SCMP_SYS(rseq), SCMP_SYS(membarrier), SCMP_SYS(sched_yield),
    SCMP_SYS(sched_getaffinity), SCMP_SYS(sched_getparam), SCMP_SYS(sched_getscheduler), SCMP_SYS(getcpu), SCMP_SYS(rt_sigprocmask),
    SCMP_SYS(rt_sigreturn), SCMP_SYS(sigaltstack), SCMP_SYS(getpid), SCMP_SYS(gettid), SCMP_SYS(getppid),
    // memory
    SCMP_SYS(brk), SCMP_SYS(munmap), SCMP_SYS(mremap), SCMP_SYS(mprotect), SCMP_SYS(madvise),
    // the machine and the time
    SCMP_SYS(clock_gettime), SCMP_SYS(clock_getres), SCMP_SYS(gettimeofday), SCMP_SYS(time), SCMP_SYS(getrandom), SCMP_SYS(getrusage),
    SCMP_SYS(sysinfo), SCMP_SYS(uname), SCMP_SYS(getuid), SCMP_SYS(geteuid), SCMP_SYS(getgid), SCMP_SYS(getegid)};

struct Refusal {
  int call;
  int error;
};

// What libraries try and do without.
constexpr std::initializer_list<Refusal> kRefused{{SCMP_SYS(stat), EACCES},
                                                  {SCMP_SYS(lstat), EACCES},
                                                  {SCMP_SYS(newfstatat), EACCES},
                                                  {SCMP_SYS(statx), EACCES},
                                                  {SCMP_SYS(access), EACCES},
                                                  {SCMP_SYS(faccessat), EACCES},
                                                  {SCMP_SYS(faccessat2), EACCES},
                                                  {SCMP_SYS(readlink), EACCES},
                                                  {SCMP_SYS(readlinkat), EACCES},
                                                  {SCMP_SYS(getcwd), EACCES},
                                                  // Its flags lie in memory, where no filter can look: the C library goes on with clone.
                                                  {SCMP_SYS(clone3), ENOSYS}};

class Filter {
 public:
  Filter() : context_(seccomp_init(SCMP_ACT_TRAP), &seccomp_release) {}

  void Allow(int call, const std::vector<scmp_arg_cmp>& conditions = {}) { Add(SCMP_ACT_ALLOW, call, conditions); }
  void Refuse(int call, int error, const std::vector<scmp_arg_cmp>& conditions = {}) {
    Add(SCMP_ACT_ERRNO(static_cast<uint16_t>(error)), call, conditions);
  }

  // The negative errno of what failed first; 0: loaded.
  int Load() {
    Set(SCMP_FLTATR_CTL_TSYNC, 1);
    Set(SCMP_FLTATR_CTL_NNP, 1);
    Set(SCMP_FLTATR_CTL_OPTIMIZE, 2);  // by a tree: the list is long, and futex is called often
    Set(SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
    return failed_ != 0 ? failed_ : seccomp_load(context_.get());
  }

 private:
  void Add(uint32_t action, int call, const std::vector<scmp_arg_cmp>& conditions) {
    if (failed_ != 0) return;
    if (!context_) failed_ = -ENOMEM;
    if (context_)
      failed_ = seccomp_rule_add_array(context_.get(), action, call, static_cast<unsigned>(conditions.size()), conditions.data());
  }
  void Set(scmp_filter_attr attribute, uint32_t value) {
    if (failed_ == 0) failed_ = seccomp_attr_set(context_.get(), attribute, value);
  }

  std::unique_ptr<void, void (*)(scmp_filter_ctx)> context_;
  int failed_ = 0;
};

void AddConditional(Filter& filter) {
  // Memory of its own: what is shared or grows like a stack does not count towards RLIMIT_DATA.
  filter.Allow(SCMP_SYS(mmap), {SCMP_A3(SCMP_CMP_MASKED_EQ, MAP_SHARED | MAP_GROWSDOWN, 0)});
  // Threads, and no process.
  filter.Allow(SCMP_SYS(clone), {SCMP_A0(SCMP_CMP_MASKED_EQ, kThreadFlags | kNamespaces, kThreadFlags)});
  // Signals to itself, for abort; the handler above stays.
  filter.Allow(SCMP_SYS(tgkill), {SCMP_A0(SCMP_CMP_EQ, static_cast<scmp_datum_t>(getpid()))});
  filter.Allow(SCMP_SYS(rt_sigaction), {SCMP_A0(SCMP_CMP_NE, SIGSYS)});
  filter.Allow(SCMP_SYS(sched_setaffinity), {SCMP_A0(SCMP_CMP_EQ, 0)});
  filter.Allow(SCMP_SYS(prctl), {SCMP_A0(SCMP_CMP_EQ, PR_SET_NAME)});
  // To look at its limits, and to move within the one on memory.
  filter.Allow(SCMP_SYS(prlimit64), {SCMP_A0(SCMP_CMP_EQ, 0), SCMP_A2(SCMP_CMP_EQ, 0)});
  filter.Allow(SCMP_SYS(prlimit64), {SCMP_A0(SCMP_CMP_EQ, 0), SCMP_A1(SCMP_CMP_EQ, RLIMIT_DATA), SCMP_A2(SCMP_CMP_NE, 0)});
  for (const int command : {F_GETFD, F_SETFD, F_GETFL, F_SETFL}) {
    filter.Allow(SCMP_SYS(fcntl), {SCMP_A1(SCMP_CMP_EQ, static_cast<scmp_datum_t>(command))});
  }
  filter.Allow(SCMP_SYS(ioctl), {SCMP_A1(SCMP_CMP_EQ, FIONREAD)});
  filter.Refuse(SCMP_SYS(ioctl), ENOTTY, {SCMP_A1(SCMP_CMP_EQ, TCGETS)});
  filter.Refuse(SCMP_SYS(open), EACCES, {SCMP_A1(SCMP_CMP_MASKED_EQ, kOpensToRead, O_RDONLY)});
  filter.Refuse(SCMP_SYS(openat), EACCES, {SCMP_A2(SCMP_CMP_MASKED_EQ, kOpensToRead, O_RDONLY)});
}

// NVIDIA's driver in the process, on files of its own. Its kernel modules take ioctls of the type 'F' (nvidia-ioctl.h: NV_IOCTL_MAGIC), and
// those of unified memory bare numbers (uvm_ioctl.h, uvm_linux_ioctl.h). Those of terminals and sockets have other types.
void AddGpu(Filter& filter) {
  constexpr scmp_datum_t kTypeMask = 0xFF00, kNvidia = scmp_datum_t{'F'} << 8;
  constexpr scmp_datum_t kUvmInitialize = 0x30000001, kUvmDeinitialize = 0x30000002;
  filter.Allow(SCMP_SYS(ioctl), {SCMP_A1(SCMP_CMP_MASKED_EQ, kTypeMask, kNvidia)});
  filter.Allow(SCMP_SYS(ioctl), {SCMP_A1(SCMP_CMP_MASKED_EQ, ~scmp_datum_t{0xFF}, 0)});
  filter.Allow(SCMP_SYS(ioctl), {SCMP_A1(SCMP_CMP_EQ, kUvmInitialize)});
  filter.Allow(SCMP_SYS(ioctl), {SCMP_A1(SCMP_CMP_EQ, kUvmDeinitialize)});
  filter.Allow(SCMP_SYS(mmap), {SCMP_A3(SCMP_CMP_MASKED_EQ, MAP_SHARED | MAP_ANONYMOUS | MAP_GROWSDOWN, MAP_SHARED)});
  filter.Allow(SCMP_SYS(mincore));
  filter.Allow(SCMP_SYS(pipe2));
  for (const int call : {SCMP_SYS(get_mempolicy), SCMP_SYS(set_mempolicy), SCMP_SYS(mbind)}) filter.Refuse(call, ENOSYS);
  for (const int call : {SCMP_SYS(socket), SCMP_SYS(mlock), SCMP_SYS(munlock)}) filter.Refuse(call, EPERM);
  // A device or a shared file that it did without until now.
  filter.Refuse(SCMP_SYS(openat), EACCES, {SCMP_A2(SCMP_CMP_MASKED_EQ, O_ACCMODE, O_RDWR)});
}

}  // namespace

absl::Status LoadSyscallFilter(bool gpu) {
  CollectNames();
  struct sigaction action = {};
  action.sa_sigaction = &EndForViolation;
  action.sa_flags = SA_SIGINFO;
  sigfillset(&action.sa_mask);
  sigaction(SIGSYS, &action, nullptr);

  Filter filter;
  for (const int call : kAllowed) filter.Allow(call);
  for (const Refusal& refusal : kRefused) filter.Refuse(refusal.call, refusal.error);
  AddConditional(filter);
  if (gpu) AddGpu(filter);
  const int failed = filter.Load();
  if (failed == 0) return absl::OkStatus();
  return absl::FailedPreconditionError(absl::StrCat("the system-call filter: ", std::strerror(-failed)));
}

}  // namespace sliceflow::worker
