// Ways out of a worker's cage, each tried from inside a process that was caged by the same code as a worker.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <arpa/inet.h>
#include <fcntl.h>
#include <netdb.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>

#include "server/worker/sandbox.h"
#include "tests/integration/caged_child.h"
#include "tests/support/temp_folder.h"

namespace sliceflow::testing {
namespace {

using ::testing::HasSubstr;
using worker::SandboxMode;

// It ended itself, and said for which call.
void ExpectEndedFor(const Ended& ended, const std::string& call) {
  EXPECT_EQ(ended.exit_code, worker::kSandboxExit) << ended.output;
  EXPECT_THAT(ended.output, HasSubstr("the system call " + call + " is not allowed"));
}

// It went on, without what it wanted.
void ExpectRefused(const Ended& ended, int error) {
  EXPECT_EQ(ended.exit_code, kRefused) << ended.output;
  EXPECT_EQ(ended.error, error) << std::strerror(ended.error);
}

// ---- network ------------------------------------------------------------------------------------------------------------------------

TEST(SandboxNetworkTest, NoSocketIsMade) {
  ExpectEndedFor(InCage([] { return Tried(socket(AF_INET, SOCK_STREAM, 0)); }), "socket");
  ExpectEndedFor(InCage([] { return Tried(socket(AF_INET6, SOCK_DGRAM, 0)); }), "socket");
  ExpectEndedFor(InCage([] { return Tried(socket(AF_UNIX, SOCK_STREAM, 0)); }), "socket");
  ExpectEndedFor(InCage([] { return Tried(socket(AF_NETLINK, SOCK_RAW, 0)); }), "socket");
  int pair[2];
  ExpectEndedFor(InCage([&] { return Tried(socketpair(AF_UNIX, SOCK_STREAM, 0, pair)); }), "socketpair");
}

TEST(SandboxNetworkTest, NoNameIsLookedUp) {
  ExpectEndedFor(InCage([] {
                   addrinfo* found = nullptr;
                   return getaddrinfo("example.org", "443", nullptr, &found) == 0 ? kEscaped : kRefused;
                 }),
                 "socket");
}

// A socket that was left open from before.
TEST(SandboxNetworkTest, AnOpenSocketLeadsNowhereElse) {
  const int left = socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const auto* const where = reinterpret_cast<const sockaddr*>(&address);
  ExpectEndedFor(InCage([&] { return Tried(connect(left, where, sizeof address)); }), "connect");
  ExpectEndedFor(InCage([&] { return Tried(bind(left, where, sizeof address)); }), "bind");
  ExpectEndedFor(InCage([&] { return Tried(listen(left, 1)); }), "listen");
  ExpectEndedFor(InCage([&] { return Tried(accept(left, nullptr, nullptr)); }), "accept");
  ExpectEndedFor(InCage([&] { return Tried(sendto(left, "x", 1, 0, where, sizeof address)); }), "sendto");
  close(left);
}

// ---- files --------------------------------------------------------------------------------------------------------------------------

TEST(SandboxFilesTest, NoFileIsRead) {
  TempFolder folder;
  const std::string data = folder.path() + "/events.sqlite";
  std::ofstream(data) << "what others computed";
  const std::string parent = "/proc/" + std::to_string(getpid());
  for (const std::string& path : {std::string("/etc/passwd"), data, std::string("/proc/self/mem"), std::string("/proc/self/environ"),
                                  parent + "/environ", parent + "/fd/0", std::string("/dev/kmsg"), std::string("/")}) {
    SCOPED_TRACE(path);
    ExpectRefused(InCage([&] { return Tried(open(path.c_str(), O_RDONLY)); }), EACCES);
  }
  ExpectRefused(InCage([&] { return Tried(access(data.c_str(), F_OK)); }), EACCES);
  struct stat status;
  ExpectRefused(InCage([&] { return Tried(stat(data.c_str(), &status)); }), EACCES);
  char target[64];
  ExpectRefused(InCage([&] { return Tried(static_cast<int>(readlink("/proc/self/exe", target, sizeof target))); }), EACCES);
}

TEST(SandboxFilesTest, NoFileIsWritten) {
  TempFolder folder;
  const std::string there = folder.path() + "/there";
  std::ofstream(there) << "kept";
  const char* home = std::getenv("HOME");
  for (const std::string& path : {folder.path() + "/new", std::string("/tmp/new"), std::string(home == nullptr ? "/" : home) + "/new",
                                  std::string("/dev/shm/new"), std::string("/proc/self/mem")}) {
    SCOPED_TRACE(path);
    ExpectEndedFor(InCage([&] { return Tried(open(path.c_str(), O_WRONLY | O_CREAT, 0600)); }), "openat");
    ExpectEndedFor(InCage([&] { return Tried(open(path.c_str(), O_RDWR)); }), "openat");
  }
  ExpectEndedFor(InCage([&] { return Tried(open(there.c_str(), O_RDONLY | O_TRUNC)); }), "openat");
  ExpectEndedFor(InCage([&] { return Tried(open(folder.path().c_str(), O_TMPFILE | O_RDWR, 0600)); }), "openat");
  ExpectEndedFor(InCage([&] { return Tried(unlink(there.c_str())); }), "unlink");
  ExpectEndedFor(InCage([&] { return Tried(rename(there.c_str(), "/tmp/elsewhere")); }), "rename");
  ExpectEndedFor(InCage([&] { return Tried(mkdir((there + "s").c_str(), 0700)); }), "mkdir");
  ExpectEndedFor(InCage([&] { return Tried(truncate(there.c_str(), 0)); }), "truncate");
  ExpectEndedFor(InCage([&] { return Tried(chmod(there.c_str(), 0777)); }), "chmod");
  ExpectEndedFor(InCage([&] { return Tried(symlink("/etc/passwd", (there + "s").c_str())); }), "symlink");
  EXPECT_EQ(std::filesystem::file_size(there), 4);
}

// A worker has no folder of its own to fill; what it could write to is open from before.
TEST(SandboxFilesTest, AnOpenFileGrowsNoFurtherThanItsLimit) {
  TempFolder folder;
  const std::string path = folder.path() + "/log";
  const int file = open(path.c_str(), O_WRONLY | O_CREAT, 0600);
  const Ended ended = InCage([&] {
    const std::string block(1 << 16, 'x');
    for (int i = 0; i < 1024; ++i) {
      if (write(file, block.data(), block.size()) < 0) return Tried(-1);
    }
    return kEscaped;
  });
  close(file);
  ExpectRefused(ended, EFBIG);
  EXPECT_LE(std::filesystem::file_size(path), 1 << 20);
}

TEST(SandboxFilesTest, TheFilterHoldsByItself) {
  ExpectRefused(AfterSeal([] { return Tried(open("/etc/passwd", O_RDONLY)); }), EACCES);
  ExpectRefused(AfterSeal([] { return Tried(access("/etc/passwd", F_OK)); }), EACCES);
  ExpectEndedFor(AfterSeal([] { return Tried(open("/tmp/new", O_WRONLY | O_CREAT, 0600)); }), "openat");
}

// The second wall, without the filter: Landlock holds where it is there, also for threads made later.
TEST(SandboxFilesTest, LandlockHoldsByItself) {
  const Ended ended = AfterEnter([] {
    int result = kEscaped;
    int error = 0;
    std::thread([&] {
      result = Tried(open("/etc/passwd", O_RDONLY));
      error = errno;
    }).join();
    errno = error;
    return result;
  });
  if (ended.output.find("Landlock (version") == std::string::npos) GTEST_SKIP() << "this kernel has no Landlock";
  ExpectRefused(ended, EACCES);
  const TempFolder folder;
  const std::string path = folder.path() + "/new";
  ExpectRefused(AfterEnter([&] { return Tried(open(path.c_str(), O_WRONLY | O_CREAT, 0600)); }), EACCES);
  ExpectRefused(AfterEnter([&] { return Tried(mkdir(path.c_str(), 0700)); }), EACCES);
  ExpectRefused(AfterEnter([&] { return Tried(symlink("/etc/passwd", path.c_str())); }), EACCES);
}

// ---- processes ----------------------------------------------------------------------------------------------------------------------

TEST(SandboxProcessTest, NoProgramIsStarted) {
  char name[] = "true";
  char* const arguments[] = {name, nullptr};
  ExpectEndedFor(InCage([&] { return Tried(execv("/bin/true", arguments)); }), "execve");
  ExpectEndedFor(InCage([&] { return Tried(fexecve(0, arguments, environ)); }), "execveat");
  ExpectEndedFor(InCage([] { return Tried(fork()); }), "clone");
  ExpectEndedFor(InCage([] { return Tried(static_cast<int>(syscall(SYS_fork))); }), "fork");
  ExpectEndedFor(InCage([] { return Tried(static_cast<int>(syscall(SYS_vfork))); }), "vfork");
  // It blocks every signal before it makes the process, so that there is nobody left to say why.
  const Ended spawned = InCage([&] {
    pid_t child = 0;
    return posix_spawn(&child, "/bin/true", nullptr, nullptr, arguments, environ) == 0 ? kEscaped : kRefused;
  });
  EXPECT_EQ(spawned.signal, SIGSYS) << spawned.output;
  // Its flags cannot be looked at, so it is not there.
  ExpectRefused(InCage([] {
                  uint64_t options[11] = {};
                  options[4] = SIGCHLD;
                  return Tried(static_cast<int>(syscall(SYS_clone3, options, sizeof options)));
                }),
                ENOSYS);
}

TEST(SandboxProcessTest, NoProcessIsTouched) {
  const pid_t outside = getpid();
  ExpectEndedFor(InCage([&] { return Tried(kill(outside, SIGKILL)); }), "kill");
  ExpectEndedFor(InCage([&] { return Tried(static_cast<int>(syscall(SYS_tgkill, outside, outside, SIGKILL))); }), "tgkill");
  ExpectEndedFor(InCage([&] { return Tried(static_cast<int>(ptrace(PTRACE_ATTACH, outside, nullptr, nullptr))); }), "ptrace");
  ExpectEndedFor(InCage([&] { return Tried(static_cast<int>(syscall(SYS_process_vm_readv, outside, nullptr, 0, nullptr, 0, 0))); }),
                 "process_vm_readv");
  ExpectEndedFor(InCage([&] { return Tried(setpriority(PRIO_PROCESS, static_cast<id_t>(outside), 19)); }), "setpriority");
  rlimit limit = {RLIM_INFINITY, RLIM_INFINITY};
  ExpectEndedFor(InCage([&] { return Tried(prlimit(outside, RLIMIT_DATA, &limit, nullptr)); }), "prlimit64");
}

TEST(SandboxProcessTest, LandlockKeepsSignalsInsideByItself) {
  const pid_t outside = getpid();
  const Ended ended = AfterEnter([&] { return Tried(kill(outside, 0)); });
  const size_t at = ended.output.find("Landlock (version ");
  if (at == std::string::npos || std::atoi(ended.output.c_str() + at + 18) < 6) GTEST_SKIP() << "this kernel's Landlock knows no signals";
  ExpectRefused(ended, EPERM);
}

// ---- the kernel ---------------------------------------------------------------------------------------------------------------------

struct Call {
  const char* name;
  long number;
};
class SandboxKernelTest : public ::testing::TestWithParam<Call> {};

// With arguments that mean nothing: a call that is let through would answer with an error.
TEST_P(SandboxKernelTest, CallIsNotMade) {
  ExpectEndedFor(InCage([] { return Tried(static_cast<int>(syscall(GetParam().number, 0, 0, 0, 0, 0, 0))); }), GetParam().name);
}

INSTANTIATE_TEST_SUITE_P(Calls, SandboxKernelTest,
                         ::testing::Values(Call{"add_key", SYS_add_key}, Call{"bpf", SYS_bpf}, Call{"chroot", SYS_chroot},
                                           Call{"init_module", SYS_init_module}, Call{"io_uring_setup", SYS_io_uring_setup},
                                           Call{"ioperm", SYS_ioperm}, Call{"kcmp", SYS_kcmp}, Call{"keyctl", SYS_keyctl},
                                           Call{"memfd_create", SYS_memfd_create}, Call{"mount", SYS_mount},
                                           Call{"name_to_handle_at", SYS_name_to_handle_at}, Call{"openat2", SYS_openat2},
                                           Call{"perf_event_open", SYS_perf_event_open}, Call{"personality", SYS_personality},
                                           Call{"pidfd_getfd", SYS_pidfd_getfd}, Call{"pidfd_open", SYS_pidfd_open},
                                           Call{"process_madvise", SYS_process_madvise}, Call{"reboot", SYS_reboot},
                                           Call{"seccomp", SYS_seccomp}, Call{"setns", SYS_setns}, Call{"setuid", SYS_setuid},
                                           Call{"shmget", SYS_shmget}, Call{"swapon", SYS_swapon}, Call{"unshare", SYS_unshare},
                                           Call{"userfaultfd", SYS_userfaultfd}),
                         [](const ::testing::TestParamInfo<Call>& info) { return info.param.name; });

TEST(SandboxSelfTest, TheCageIsNotTakenDown) {
  ExpectEndedFor(InCage([] { return signal(SIGSYS, SIG_IGN) == SIG_ERR ? kRefused : kEscaped; }), "rt_sigaction");
  ExpectEndedFor(InCage([] { return Tried(prctl(PR_SET_DUMPABLE, 1)); }), "prctl");
  ExpectEndedFor(InCage([] { return Tried(prctl(PR_SET_SECCOMP, 0, nullptr)); }), "prctl");
  rlimit most = {RLIM_INFINITY, RLIM_INFINITY};
  ExpectEndedFor(InCage([&] { return Tried(setrlimit(RLIMIT_CORE, &most)); }), "prlimit64");
  ExpectRefused(InCage([&] { return Tried(setrlimit(RLIMIT_DATA, &most)); }), EPERM);
}

// What blocks the signal of the filter is ended by the kernel.
TEST(SandboxSelfTest, BlockingTheSignalDoesNotHelp) {
  const Ended ended = InCage([] {
    sigset_t all;
    sigfillset(&all);
    sigprocmask(SIG_BLOCK, &all, nullptr);
    return Tried(socket(AF_UNIX, SOCK_STREAM, 0));
  });
  EXPECT_EQ(ended.signal, SIGSYS) << ended.output;
}

#ifdef __x86_64__
// The 32-bit door, where 11 is execve.
TEST(SandboxSelfTest, CallsOfAnotherArchitectureEndTheProcess) {
  const Ended ended = InCage([] {
    long answer = 20;  // getpid there
    __asm__ volatile("int $0x80" : "+a"(answer) : : "memory");
    return answer > 0 ? kEscaped : kRefused;
  });
  EXPECT_EQ(ended.signal, SIGSYS) << ended.output;
}
#endif

// ---- what a worker with a GPU may besides -------------------------------------------------------------------------------------------

TEST(SandboxGpuTest, TheDriversCallsReachItsFilesAndNothingElseDoes) {
  TempFolder folder;
  const std::string path = folder.path() + "/mapped";
  std::ofstream(path) << "something";
  const int file = open(path.c_str(), O_RDWR);
  const worker::SandboxOptions gpu{.gpu = true};
  // NV_ESC_CARD_INFO, UVM_INITIALIZE and a bare number, on a file that knows none of them.
  for (const unsigned long request : {0xC00846C8UL, 0x30000001UL, 27UL}) {
    ExpectRefused(InCage([&] { return Tried(ioctl(file, request, nullptr)); }, gpu), ENOTTY);
    ExpectEndedFor(InCage([&] { return Tried(ioctl(file, request, nullptr)); }), "ioctl");
  }
  // Input for a terminal, and the machine's network.
  for (const unsigned long request : {0x5412UL, 0x8914UL}) {
    ExpectEndedFor(InCage([&] { return Tried(ioctl(file, request, nullptr)); }, gpu), "ioctl");
  }
  const auto map = [&](int flags, int of) {
    return [=] { return mmap(nullptr, 4096, PROT_READ, flags, of, 0) == MAP_FAILED ? Tried(-1) : kEscaped; };
  };
  EXPECT_EQ(InCage(map(MAP_SHARED, file), gpu).exit_code, kEscaped);
  ExpectEndedFor(InCage(map(MAP_SHARED | MAP_ANONYMOUS, -1), gpu), "mmap");
  ExpectEndedFor(InCage(map(MAP_SHARED, file)), "mmap");
  // What it did without so far is refused, and does not end the worker.
  ExpectRefused(InCage([&] { return Tried(open(path.c_str(), O_RDWR)); }, gpu), EACCES);
  ExpectRefused(InCage([] { return Tried(socket(AF_UNIX, SOCK_STREAM, 0)); }, gpu), EPERM);
  ExpectEndedFor(InCage([&] { return Tried(open((path + "2").c_str(), O_WRONLY | O_CREAT, 0600)); }, gpu), "openat");
  close(file);
}

// ---- limits -------------------------------------------------------------------------------------------------------------------------

TEST(SandboxLimitsTest, MemoryBeyondTheLimitIsNotHad) {
  constexpr size_t kBlock = size_t{16} << 20;
  constexpr int64_t kLimit = int64_t{512} << 20;
  const Ended ended = InCage(
      [] {
        int blocks = 0;
        for (; blocks < 256; ++blocks) {
          void* const block = std::malloc(kBlock);
          if (block == nullptr) break;
          std::memset(block, 1, kBlock);
        }
        return blocks < 33 ? Tried(-1) : kEscaped;
      },
      {.max_memory_bytes = kLimit});
  ExpectRefused(ended, ENOMEM);
}

// Memory that RLIMIT_DATA does not count.
TEST(SandboxLimitsTest, NoMemoryPassesTheLimitBy) {
  constexpr size_t kBytes = size_t{1} << 20;
  for (const int kind : {MAP_SHARED, MAP_SHARED_VALIDATE, MAP_PRIVATE | MAP_GROWSDOWN}) {
    ExpectEndedFor(InCage([&] {
                     void* const memory = mmap(nullptr, kBytes, PROT_READ | PROT_WRITE, MAP_ANONYMOUS | kind, -1, 0);
                     return memory == MAP_FAILED ? kRefused : kEscaped;
                   }),
                   "mmap");
  }
}

TEST(SandboxLimitsTest, ThreadsAreCounted) {
  if (geteuid() != 0) GTEST_SKIP() << "only what is started as root has a user, and so a count of threads, of its own";
  const Ended ended = InCage(
      [] {
        pthread_attr_t small;
        pthread_attr_init(&small);
        pthread_attr_setstacksize(&small, size_t{64} << 10);
        int threads = 0;
        pthread_t thread;
        while (threads < 10'000 && pthread_create(
                                       &thread, &small, [](void*) -> void* { return sleep(1000), nullptr; }, nullptr) == 0)
          ++threads;
        errno = EAGAIN;
        return threads < 10'000 ? Tried(-1) : kEscaped;
      },
      {.max_threads = 100});
  ExpectRefused(ended, EAGAIN);
}

TEST(SandboxLimitsTest, ProcessorTimeEnds) {
  const Ended ended = InCage(
      [] {
        // By its own clock, so that it comes to an end without the limit too.
        while (std::clock() < 5 * CLOCKS_PER_SEC) {
        }
        return kEscaped;
      },
      {.max_cpu_seconds = 1});
  EXPECT_EQ(ended.signal, SIGXCPU) << ended.output;
}

TEST(SandboxLimitsTest, OpenFilesAreCounted) {
  ExpectRefused(InCage([] {
                  for (int files = 0; files < 10'000; ++files) {
                    if (eventfd(0, 0) < 0) return Tried(-1);
                  }
                  return kEscaped;
                }),
                EMFILE);
}

// ---- privileges ---------------------------------------------------------------------------------------------------------------------

// The numbers of a line of /proc/PID/task/TID/status, as they are written.
std::string StatusLine(const std::filesystem::path& task, const std::string& key) {
  std::ifstream file(task / "status");
  for (std::string line; std::getline(file, line);) {
    if (line.rfind(key + ":\t", 0) == 0) return line.substr(key.size() + 2);
  }
  return "";
}

TEST(SandboxPrivilegesTest, EveryThreadHasNone) {
  CagedChild child({});
  int tasks = 0;
  for (const auto& task : std::filesystem::directory_iterator("/proc/" + std::to_string(child.pid()) + "/task")) {
    ++tasks;
    EXPECT_EQ(StatusLine(task, "Seccomp"), "2");
    EXPECT_EQ(StatusLine(task, "NoNewPrivs"), "1");
    EXPECT_EQ(StatusLine(task, "CapEff"), "0000000000000000");
    EXPECT_EQ(StatusLine(task, "CapPrm"), "0000000000000000");
    EXPECT_NE(StatusLine(task, "Uid").substr(0, 2), "0\t") << "it is still root";
  }
  EXPECT_EQ(tasks, 2);
  EXPECT_EQ(child.dumpable(), 0);
}

TEST(SandboxPrivilegesTest, RootThatStaysRootKeepsNoCapability) {
  if (geteuid() != 0) GTEST_SKIP() << "not root";
  CagedChild child({.mode = SandboxMode::kBestEffort, .user = "no such user"});
  for (const auto& task : std::filesystem::directory_iterator("/proc/" + std::to_string(child.pid()) + "/task")) {
    EXPECT_EQ(StatusLine(task, "CapEff"), "0000000000000000");
    EXPECT_EQ(StatusLine(task, "CapBnd"), "0000000000000000");
  }
  EXPECT_THAT(child.told(), HasSubstr("without user no such user"));
}

TEST(SandboxPrivilegesTest, AUserThatIsAskedForIsRequired) {
  const Ended ended = InCage([] { return kEscaped; }, {.user = "no such user"});
  EXPECT_EQ(ended.exit_code, kNotCaged);
  EXPECT_THAT(ended.output, HasSubstr(geteuid() == 0 ? "--user: 'no such user' is no user of this machine" : "only root"));
}

// ---- what is left -------------------------------------------------------------------------------------------------------------------

TEST(SandboxLeavesTest, WhatComputingNeeds) {
  int pair[2];
  ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
  const Ended ended = InCage([&] {
    int sum = 0;
    std::thread([&] { sum = 40; }).join();
    const int poll = epoll_create1(0);
    epoll_event event{EPOLLIN, {}};
    if (poll < 0 || epoll_ctl(poll, EPOLL_CTL_ADD, pair[0], &event) != 0) return kRefused;
    msghdr nothing = {};
    char text[] = "ok";
    iovec piece{text, sizeof text};
    nothing.msg_iov = &piece;
    nothing.msg_iovlen = 1;
    if (sendmsg(pair[1], &nothing, 0) != sizeof text || epoll_wait(poll, &event, 1, 1000) != 1) return kRefused;
    return recvmsg(pair[0], &nothing, 0) == sizeof text && sum == 40 ? kEscaped : kRefused;
  });
  EXPECT_EQ(ended.exit_code, kEscaped) << ended.output;
  EXPECT_THAT(ended.output, HasSubstr("system-call filter"));
}

TEST(SandboxLeavesTest, AnAbortIsOne) {
  EXPECT_EQ(InCage([]() -> int { std::abort(); }).signal, SIGABRT);
}

TEST(SandboxLeavesTest, OffIsOff) {
  const Ended ended = InCage([] { return Tried(open("/etc/passwd", O_RDONLY)); }, {.mode = SandboxMode::kOff});
  EXPECT_EQ(ended.exit_code, kEscaped);
  EXPECT_THAT(ended.output, HasSubstr("turned off"));
}

}  // namespace
}  // namespace sliceflow::testing
