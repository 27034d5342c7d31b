// Preloaded into a process under test (LD_PRELOAD): a wall clock that is set as control.h says, and waits that follow it as those of the
// kernel do. Free of anything but the C library, because it runs below everything.
#include <dlfcn.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <stdarg.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>

#include "tests/support/bent_clock/control.h"

namespace {

using sliceflow::testing::ClockControl;

constexpr int64_t kSecond = 1'000'000'000;
constexpr int64_t kMicrosecond = 1'000;
// A wait is cut into pieces, between which the clock is looked at anew; the kernel does that at once when its clock is set.
constexpr int64_t kPiece = 20'000'000;

// Before anything else runs: a caged worker opens no file.
ClockControl* const kControl = []() -> ClockControl* {
  const char* path = getenv(sliceflow::testing::kClockControlVariable);
  const int file = path == nullptr ? -1 : open(path, O_RDONLY | O_CLOEXEC);
  if (file < 0) return nullptr;
  void* const memory = mmap(nullptr, sizeof(ClockControl), PROT_READ, MAP_SHARED, file, 0);
  close(file);
  return memory == MAP_FAILED ? nullptr : static_cast<ClockControl*>(memory);
}();

// Other libraries may ask for the time before this one is initialized.
int64_t Ahead() { return kControl == nullptr ? 0 : kControl->ahead_ns.load(); }

// The next definition of a function of the C library.
template <typename Function>
Function Real(const char* name) {
  return reinterpret_cast<Function>(dlsym(RTLD_NEXT, name));
}

int RealTime(clockid_t clock, timespec* time) {
  static const auto kReal = Real<int (*)(clockid_t, timespec*)>("clock_gettime");
  return kReal(clock, time);
}

int64_t ToNanoseconds(const timespec& time) { return time.tv_sec * kSecond + time.tv_nsec; }
timespec ToTimespec(int64_t nanoseconds) { return {.tv_sec = nanoseconds / kSecond, .tv_nsec = nanoseconds % kSecond}; }

int64_t Nanoseconds(clockid_t clock) {
  timespec time{};
  RealTime(clock, &time);
  return ToNanoseconds(time);
}

int64_t BentNow() { return Nanoseconds(CLOCK_REALTIME) + Ahead(); }

long RealCall(long number, const long (&arguments)[6]) {
  static const auto kReal = Real<long (*)(long, ...)>("syscall");
  return kReal(number, arguments[0], arguments[1], arguments[2], arguments[3], arguments[4], arguments[5]);
}

bool WaitsForAMoment(long number, const long (&arguments)[6]) {
  return number == SYS_futex && (arguments[1] & FUTEX_CMD_MASK) == FUTEX_WAIT_BITSET && (arguments[1] & FUTEX_CLOCK_REALTIME) != 0 &&
         arguments[3] != 0;
}

// Until a moment of the bent clock, in pieces by the steady one.
long WaitForAMoment(long (&arguments)[6]) {
  const int64_t end = ToNanoseconds(*reinterpret_cast<const timespec*>(arguments[3]));
  arguments[1] &= ~static_cast<long>(FUTEX_CLOCK_REALTIME);
  while (true) {
    const int64_t left = std::max<int64_t>(end - BentNow(), 0);
    const timespec piece = ToTimespec(Nanoseconds(CLOCK_MONOTONIC) + std::min(left, kPiece));
    arguments[3] = reinterpret_cast<long>(&piece);
    const long result = RealCall(SYS_futex, arguments);
    if (result == 0 || errno != ETIMEDOUT || left <= kPiece) return result;
  }
}

}  // namespace

extern "C" {

int clock_gettime(clockid_t clock, timespec* time) noexcept {
  const int result = RealTime(clock, time);
  if (result == 0 && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)) *time = ToTimespec(ToNanoseconds(*time) + Ahead());
  return result;
}

int gettimeofday(timeval* time, void* /*zone*/) noexcept {
  const timespec now = ToTimespec(BentNow());
  *time = {.tv_sec = now.tv_sec, .tv_usec = now.tv_nsec / kMicrosecond};
  return 0;
}

time_t time(time_t* out) noexcept {
  const time_t now = BentNow() / kSecond;
  if (out != nullptr) *out = now;
  return now;
}

// Waits of Abseil, and through it those of gRPC.
long syscall(long number, ...) noexcept {
  long arguments[6];
  va_list list;
  va_start(list, number);
  for (long& argument : arguments) argument = va_arg(list, long);
  va_end(list);
  return WaitsForAMoment(number, arguments) ? WaitForAMoment(arguments) : RealCall(number, arguments);
}

}  // extern "C"
