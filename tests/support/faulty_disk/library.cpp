// Preloaded into a daemon under test (LD_PRELOAD): a disk that fails as control.h says, and that remembers what was not synced. Real files,
// a real database, real system calls; only their outcome is bent. Free of anything but the C library, because it runs below everything.
#include <dlfcn.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>

#include "tests/support/faulty_disk/control.h"

namespace {

using sliceflow::testing::BytesNote;
using sliceflow::testing::DiskControl;

pthread_mutex_t journal_mutex = PTHREAD_MUTEX_INITIALIZER;

DiskControl* Control() {
  static DiskControl* const kControl = []() -> DiskControl* {
    const char* path = getenv(sliceflow::testing::kDiskControlVariable);
    if (path == nullptr) return nullptr;
    const int file = static_cast<int>(syscall(SYS_openat, AT_FDCWD, path, O_RDWR | O_CLOEXEC));  // our own open would come back here
    if (file < 0) return nullptr;
    void* const memory = mmap(nullptr, sizeof(DiskControl), PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    close(file);
    return memory == MAP_FAILED ? nullptr : static_cast<DiskControl*>(memory);
  }();
  return kControl;
}

// The next definition of a function of the C library.
template <typename Function>
Function Real(const char* name) {
  return reinterpret_cast<Function>(dlsym(RTLD_NEXT, name));
}

bool IsInside(const char* path) {
  const DiskControl* control = Control();
  if (control == nullptr || control->folder[0] == 0 || path[0] != '/') return false;
  const size_t length = strlen(control->folder);
  return strncmp(path, control->folder, length) == 0 && (path[length] == '/' || path[length] == 0);
}

bool PathOf(int file, char (&path)[PATH_MAX]) {
  char link[64];
  snprintf(link, sizeof link, "/proc/self/fd/%d", file);
  const ssize_t length = readlink(link, path, sizeof path - 1);
  if (length <= 0) return false;
  path[length] = 0;
  return IsInside(path);
}

// Whether this operation is to fail; errno is set then.
bool Fails(uint32_t operation) {
  DiskControl* control = Control();
  if ((control->operations & operation) == 0 || control->error == 0) return false;
  if (control->skip.fetch_sub(1) > 0) return false;
  int64_t left = control->times;
  while (left > 0 && !control->times.compare_exchange_weak(left, left - 1)) {
  }
  if (left == 0) return false;
  ++control->failed;
  errno = control->error;
  return true;
}

bool FailsAt(int file, uint32_t operation) {
  char path[PATH_MAX];
  return Control() != nullptr && Control()->operations != 0 && PathOf(file, path) && Fails(operation);
}

bool FailsAt(const char* path, uint32_t operation) { return IsInside(path) && Fails(operation); }

// ---- a disk that fills ---------------------------------------------------------------------------------------------------------------

bool IsBounded() { return Control() != nullptr && Control()->room >= 0; }

// Whether there is room for so many bytes more in the file; errno is set where there is none.
bool Fits(int file, size_t bytes) {
  char path[PATH_MAX];
  if (!IsBounded() || !PathOf(file, path)) return true;
  const auto taken = static_cast<int64_t>(bytes);
  int64_t left = Control()->room;
  while (left >= taken && !Control()->room.compare_exchange_weak(left, left - taken)) {
  }
  if (left >= taken || left < 0) return true;
  errno = ENOSPC;
  return false;
}

void GiveBack(int64_t bytes) {
  if (IsBounded() && bytes > 0) Control()->room += bytes;
}

// Bytes that a file of this name holds alone.
int64_t BytesAt(const char* path) {
  struct stat status;
  if (!IsBounded() || !IsInside(path) || stat(path, &status) != 0 || !S_ISREG(status.st_mode) || status.st_nlink > 1) return 0;
  return status.st_size;
}

// ---- what is not synced --------------------------------------------------------------------------------------------------------------

bool Journals() { return Control() != nullptr && Control()->journal; }

void NotePath(char (&note)[PATH_MAX], ino_t inode) {
  snprintf(note, sizeof note, "%s%s/%lu", getenv(sliceflow::testing::kDiskControlVariable), sliceflow::testing::kUnsyncedSuffix,
           static_cast<unsigned long>(inode));
}

// Before `size` bytes at `offset` are written, or the file is cut there (size −1): keeps what they replace, and where the file is.
void NoteBytes(int file, int64_t offset, int64_t size) {
  char path[PATH_MAX];
  struct stat status;
  if (!Journals() || !PathOf(file, path) || fstat(file, &status) != 0 || !S_ISREG(status.st_mode)) return;
  const int error = errno;
  pthread_mutex_lock(&journal_mutex);
  char note[PATH_MAX];
  NotePath(note, status.st_ino);
  static const auto kRealOpen = Real<int (*)(const char*, int, ...)>("open64");
  static const auto kRealWrite = Real<ssize_t (*)(int, const void*, size_t)>("write");
  const int out = kRealOpen(note, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  if (out >= 0) {
    const int64_t end = size < 0 ? status.st_size : offset + size;
    BytesNote heading{.offset = offset, .size = end < status.st_size ? end - offset : status.st_size - offset, .file_size = status.st_size};
    if (heading.size < 0) heading.size = 0;
    auto* const old = static_cast<char*>(malloc(static_cast<size_t>(heading.size) + 1));
    // The descriptor may be for writing only.
    const int in = kRealOpen(path, O_RDONLY | O_CLOEXEC);
    if (in >= 0 && pread(in, old, static_cast<size_t>(heading.size), offset) == heading.size) {
      (void)!kRealWrite(out, old, static_cast<size_t>(heading.size));
      (void)!kRealWrite(out, &heading, sizeof heading);
    }
    if (in >= 0) close(in);
    free(old);
    close(out);
  }
  pthread_mutex_unlock(&journal_mutex);
  errno = error;
}

void ForgetNotes(int file) {
  struct stat status;
  char path[PATH_MAX];
  if (!Journals() || !PathOf(file, path) || fstat(file, &status) != 0) return;
  const int error = errno;
  pthread_mutex_lock(&journal_mutex);
  char note[PATH_MAX];
  NotePath(note, status.st_ino);
  static const auto kRealUnlink = Real<int (*)(const char*)>("unlink");
  kRealUnlink(note);
  pthread_mutex_unlock(&journal_mutex);
  errno = error;
}

// What happened to names in a folder since it was synced, one line each: `C path` made, `R from TAB to TAB backup` renamed, `U path TAB
// backup` removed; a backup is another name of the file that was there, or empty.
void NoteChange(const char* path, char kind, const char* other) {
  if (!Journals() || !IsInside(path)) return;
  const int error = errno;
  pthread_mutex_lock(&journal_mutex);
  char folder[PATH_MAX];
  snprintf(folder, sizeof folder, "%s", path);
  char* const slash = strrchr(folder, '/');
  struct stat status;
  if (slash != nullptr) *slash = 0;
  if (stat(folder, &status) == 0) {
    char note[PATH_MAX];
    NotePath(note, status.st_ino);
    char backup[PATH_MAX + 64] = "";
    static int backups = 0;
    if (kind != 'C' && access(path, F_OK) == 0) {
      snprintf(backup, sizeof backup, "%s%s/backup-%d-%d", getenv(sliceflow::testing::kDiskControlVariable),
               sliceflow::testing::kUnsyncedSuffix, getpid(), backups++);
      if (link(path, backup) != 0) backup[0] = 0;
    }
    char line[3 * PATH_MAX];
    int length = 0;
    if (kind == 'C') length = snprintf(line, sizeof line, "C %s\n", path);
    if (kind == 'R') length = snprintf(line, sizeof line, "R %s\t%s\t%s\n", other, path, backup);
    if (kind == 'U') length = snprintf(line, sizeof line, "U %s\t%s\n", path, backup);
    static const auto kRealOpen = Real<int (*)(const char*, int, ...)>("open64");
    static const auto kRealWrite = Real<ssize_t (*)(int, const void*, size_t)>("write");
    const int out = kRealOpen(note, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (out >= 0) {
      (void)!kRealWrite(out, line, static_cast<size_t>(length));
      close(out);
    }
  }
  pthread_mutex_unlock(&journal_mutex);
  errno = error;
}

bool IsForWriting(int flags) { return (flags & (O_WRONLY | O_RDWR | O_CREAT | O_TRUNC)) != 0; }

int OpenAt(int folder, const char* path, int flags, mode_t mode) {
  static const auto kReal = Real<int (*)(int, const char*, int, ...)>("openat64");
  if (IsForWriting(flags) && FailsAt(path, sliceflow::testing::kChangeOperation)) return -1;
  const bool is_new = (flags & O_CREAT) != 0 && Journals() && access(path, F_OK) != 0;
  const int file = kReal(folder, path, flags, mode);
  if (file >= 0 && is_new) NoteChange(path, 'C', nullptr);
  return file;
}

}  // namespace

extern "C" {

ssize_t write(int file, const void* bytes, size_t size) {
  static const auto kReal = Real<ssize_t (*)(int, const void*, size_t)>("write");
  if (FailsAt(file, sliceflow::testing::kWriteOperation) || !Fits(file, size)) return -1;
  if (Journals()) {
    const off_t at = lseek(file, 0, (fcntl(file, F_GETFL) & O_APPEND) != 0 ? SEEK_END : SEEK_CUR);
    if (at >= 0) NoteBytes(file, at, static_cast<int64_t>(size));
  }
  return kReal(file, bytes, size);
}

ssize_t pwrite64(int file, const void* bytes, size_t size, off64_t offset) {
  static const auto kReal = Real<ssize_t (*)(int, const void*, size_t, off64_t)>("pwrite64");
  if (FailsAt(file, sliceflow::testing::kWriteOperation) || !Fits(file, size)) return -1;
  NoteBytes(file, offset, static_cast<int64_t>(size));
  return kReal(file, bytes, size, offset);
}
ssize_t pwrite(int file, const void* bytes, size_t size, off_t offset) { return pwrite64(file, bytes, size, offset); }

int fsync(int file) {
  static const auto kReal = Real<int (*)(int)>("fsync");
  if (FailsAt(file, sliceflow::testing::kSyncOperation)) return -1;
  const int result = kReal(file);
  if (result == 0) ForgetNotes(file);
  return result;
}
int fdatasync(int file) {
  static const auto kReal = Real<int (*)(int)>("fdatasync");
  if (FailsAt(file, sliceflow::testing::kSyncOperation)) return -1;
  const int result = kReal(file);
  if (result == 0) ForgetNotes(file);
  return result;
}

int ftruncate64(int file, off64_t size) {
  static const auto kReal = Real<int (*)(int, off64_t)>("ftruncate64");
  if (FailsAt(file, sliceflow::testing::kChangeOperation)) return -1;
  NoteBytes(file, size, -1);
  struct stat status;
  char path[PATH_MAX];
  if (IsBounded() && PathOf(file, path) && fstat(file, &status) == 0) GiveBack(status.st_size - size);
  return kReal(file, size);
}
int ftruncate(int file, off_t size) { return ftruncate64(file, size); }

int open64(const char* path, int flags, ...) {
  va_list more;
  va_start(more, flags);
  const mode_t mode = (flags & O_CREAT) != 0 ? va_arg(more, mode_t) : 0;
  va_end(more);
  return OpenAt(AT_FDCWD, path, flags, mode);
}
int open(const char* path, int flags, ...) {
  va_list more;
  va_start(more, flags);
  const mode_t mode = (flags & O_CREAT) != 0 ? va_arg(more, mode_t) : 0;
  va_end(more);
  return OpenAt(AT_FDCWD, path, flags, mode);
}

int rename(const char* from, const char* to) {
  static const auto kReal = Real<int (*)(const char*, const char*)>("rename");
  if (FailsAt(to, sliceflow::testing::kChangeOperation)) return -1;
  NoteChange(to, 'R', from);
  GiveBack(BytesAt(to));
  return kReal(from, to);
}
int unlink(const char* path) {
  static const auto kReal = Real<int (*)(const char*)>("unlink");
  if (FailsAt(path, sliceflow::testing::kChangeOperation)) return -1;
  NoteChange(path, 'U', nullptr);
  GiveBack(BytesAt(path));
  return kReal(path);
}
int posix_fallocate64(int file, off64_t offset, off64_t size) {
  static const auto kReal = Real<int (*)(int, off64_t, off64_t)>("posix_fallocate64");
  return Fits(file, static_cast<size_t>(size)) ? kReal(file, offset, size) : ENOSPC;
}
int posix_fallocate(int file, off_t offset, off_t size) { return posix_fallocate64(file, offset, size); }

int statvfs64(const char* path, struct statvfs64* found) {
  static const auto kReal = Real<int (*)(const char*, struct statvfs64*)>("statvfs64");
  const int result = kReal(path, found);
  if (result == 0 && IsBounded() && IsInside(path)) found->f_bavail = static_cast<fsblkcnt64_t>(Control()->room) / found->f_frsize;
  return result;
}
// The same struct under two names where files are large.
int statvfs(const char* path, struct statvfs* found) { return statvfs64(path, reinterpret_cast<struct statvfs64*>(found)); }

int mkdir(const char* path, mode_t mode) {
  static const auto kReal = Real<int (*)(const char*, mode_t)>("mkdir");
  return FailsAt(path, sliceflow::testing::kChangeOperation) ? -1 : kReal(path, mode);
}

}  // extern "C"
