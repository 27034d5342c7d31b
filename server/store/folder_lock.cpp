#include "server/store/folder_lock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"

namespace sliceflow::store {
namespace {

constexpr absl::Duration kPoll = absl::Milliseconds(20);

}  // namespace

absl::StatusOr<FolderLock> FolderLock::Acquire(const std::string& folder, absl::Duration wait) {
  const std::string path = absl::StrCat(folder, "/lock");
  const int file = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (file < 0) return absl::UnavailableError(absl::StrCat("open ", path, ": ", std::strerror(errno)));
  FolderLock lock(file);
  const absl::Time deadline = absl::Now() + wait;
  while (flock(file, LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK && errno != EINTR) return absl::UnavailableError(absl::StrCat("lock ", path, ": ", std::strerror(errno)));
    if (absl::Now() >= deadline) return absl::FailedPreconditionError(absl::StrCat("another process uses the data folder ", folder));
    absl::SleepFor(kPoll);
  }
  return lock;
}

FolderLock::FolderLock(FolderLock&& other) noexcept : file_(std::exchange(other.file_, -1)) {}

FolderLock::~FolderLock() {
  if (file_ >= 0) close(file_);
}

}  // namespace sliceflow::store
