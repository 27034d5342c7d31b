#include "server/store/folder_lock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "common/clock.h"

namespace sliceflow::store {
namespace {

constexpr absl::Duration kPoll = absl::Milliseconds(20);

}  // namespace

absl::StatusOr<FolderLock> FolderLock::Acquire(const std::string& folder, absl::Duration wait) {
  FolderLock lock;
  const absl::Duration deadline = Uptime() + wait;
  // The file can be removed under its holder. The folder alone is not enough either: a file system of another machine may lock files only.
  absl::Status status = lock.Add(folder, O_RDONLY | O_DIRECTORY, deadline);
  if (status.ok()) status = lock.Add(absl::StrCat(folder, "/lock"), O_RDWR | O_CREAT, deadline);
  if (!status.ok()) return status;
  return lock;
}

absl::Status FolderLock::Add(const std::string& path, int flags, absl::Duration deadline) {
  const int file = open(path.c_str(), flags | O_CLOEXEC, 0600);
  if (file < 0) return absl::UnavailableError(absl::StrCat("open ", path, ": ", std::strerror(errno)));
  files_.push_back(file);
  while (flock(file, LOCK_EX | LOCK_NB) != 0) {
    if (errno == EBADF && (flags & O_DIRECTORY) != 0) return absl::OkStatus();  // NFS: no locks on what is not open for writing
    if (errno != EWOULDBLOCK && errno != EINTR) return absl::UnavailableError(absl::StrCat("lock ", path, ": ", std::strerror(errno)));
    if (Uptime() >= deadline) return absl::FailedPreconditionError(absl::StrCat("another process uses the data folder: it holds ", path));
    absl::SleepFor(kPoll);
  }
  return absl::OkStatus();
}

FolderLock::~FolderLock() {
  for (const int file : files_) close(file);
}

}  // namespace sliceflow::store
