#include "server/worker/memory_meter.h"

#include <fcntl.h>
#include <malloc.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cstddef>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/string_view.h"

namespace sliceflow::worker {
namespace {

constexpr size_t kStatusBytes = 8192;  // /proc/self/status has about 1500

// Figures of /proc/self/status, in bytes.
struct Status {
  char text[kStatusBytes];
  size_t size = 0;

  // Of a line such as `VmHWM:	  123456 kB`; 0 where there is none.
  int64_t Bytes(absl::string_view name) const {
    const absl::string_view all(text, size);
    const size_t line = all.find(name);
    if (line == absl::string_view::npos) return 0;
    absl::string_view rest = all.substr(line + name.size());
    rest = absl::StripLeadingAsciiWhitespace(rest);
    int64_t kilobytes = 0;
    return absl::SimpleAtoi(rest.substr(0, rest.find(' ')), &kilobytes) ? kilobytes * 1024 : 0;
  }
};

// No allocation: it is also called where there may be nothing left.
Status Read(int file) {
  Status status;
  const ssize_t count = file < 0 ? -1 : pread(file, status.text, sizeof status.text, 0);
  status.size = count < 0 ? 0 : static_cast<size_t>(count);
  return status;
}

bool SetSoftLimit(rlim_t bytes) {
  rlimit limit{};
  if (getrlimit(RLIMIT_DATA, &limit) != 0) return false;
  limit.rlim_cur = std::min(bytes, limit.rlim_max);
  return setrlimit(RLIMIT_DATA, &limit) == 0;
}

}  // namespace

MemoryMeter::MemoryMeter()
    : status_(open("/proc/self/status", O_RDONLY | O_CLOEXEC)), clear_(open("/proc/self/clear_refs", O_WRONLY | O_CLOEXEC)) {}

MemoryMeter::~MemoryMeter() {
  if (status_ >= 0) close(status_);
  if (clear_ >= 0) close(clear_);
}

int64_t MemoryMeter::Held() const { return Read(status_).Bytes("RssAnon:"); }

int64_t MemoryMeter::Peak() {
  const Status status = Read(status_);
  const int64_t most = status.Bytes("VmHWM:") - status.Bytes("RssFile:") - status.Bytes("RssShmem:");
  const int64_t seen = std::max(most, status.Bytes("RssAnon:"));
  int64_t peak = peak_.load();
  while (peak < seen && !peak_.compare_exchange_weak(peak, seen)) {
  }
  return std::max(peak, seen);
}

void MemoryMeter::Restart() {
  malloc_trim(0);
  // Documented in proc(5): 5 sets the most that was resident to what is.
  if (clear_ >= 0) (void)!write(clear_, "5", 1);
  peak_ = 0;
}

int64_t MemoryMeter::Mapped() const { return Read(status_).Bytes("VmData:"); }

MemoryLimit::MemoryLimit(const MemoryMeter& meter, int64_t bytes) : before_(RLIM_INFINITY) {
  rlimit limit{};
  if (bytes == 0 || getrlimit(RLIMIT_DATA, &limit) != 0) return;
  before_ = limit.rlim_cur;
  set_ = SetSoftLimit(std::min<rlim_t>(before_, static_cast<rlim_t>(meter.Mapped() + bytes)));
}

MemoryLimit::~MemoryLimit() {
  if (set_) SetSoftLimit(before_);
}

}  // namespace sliceflow::worker
