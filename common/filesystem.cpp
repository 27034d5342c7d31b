#include "common/filesystem.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <system_error>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"

namespace sliceflow {
namespace {

absl::Status SystemError(int error, absl::string_view doing, absl::string_view path) {
  const std::string message = absl::StrCat(doing, " ", path, ": ", std::strerror(error));
  if (error == ENOENT) return absl::NotFoundError(message);
  if (error == ENOSPC || error == EDQUOT || error == EFBIG) return absl::ResourceExhaustedError(message);
  return absl::UnavailableError(message);
}

// A descriptor that closes itself.
class File {
 public:
  File(const std::string& path, int flags) : path_(path), descriptor_(open(path.c_str(), flags | O_CLOEXEC, 0600)) {
    if (descriptor_ < 0) status_ = SystemError(errno, "open", path);
  }
  ~File() {
    if (descriptor_ >= 0) close(descriptor_);
  }
  File(const File&) = delete;
  File& operator=(const File&) = delete;

  const absl::Status& status() const { return status_; }

  absl::StatusOr<int64_t> Size() const {
    struct stat info;
    if (fstat(descriptor_, &info) != 0) return SystemError(errno, "stat", path_);
    return static_cast<int64_t>(info.st_size);
  }

  // Fills `bytes` from `offset` on, as far as the file goes.
  absl::Status Read(int64_t offset, std::string& bytes) const {
    size_t done = 0;
    while (done < bytes.size()) {
      const ssize_t count = pread(descriptor_, bytes.data() + done, bytes.size() - done, offset + static_cast<off_t>(done));
      if (count < 0 && errno == EINTR) continue;
      if (count < 0) return SystemError(errno, "read", path_);
      if (count == 0) break;
      done += static_cast<size_t>(count);
    }
    bytes.resize(done);
    return absl::OkStatus();
  }

  absl::Status Write(int64_t offset, absl::string_view bytes) const {
    while (!bytes.empty()) {
      const ssize_t count = pwrite(descriptor_, bytes.data(), bytes.size(), offset);
      if (count < 0 && errno == EINTR) continue;
      if (count < 0) return SystemError(errno, "write", path_);
      offset += count;
      bytes.remove_prefix(static_cast<size_t>(count));
    }
    return absl::OkStatus();
  }

  absl::Status CutAt(int64_t size) const {
    return ftruncate(descriptor_, size) == 0 ? absl::OkStatus() : SystemError(errno, "truncate", path_);
  }

  absl::Status Sync() const { return fsync(descriptor_) == 0 ? absl::OkStatus() : SystemError(errno, "sync", path_); }

 private:
  std::string path_;
  int descriptor_;
  absl::Status status_;
};

std::string FolderOf(const std::string& path) {
  const size_t slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

// What was made or renamed in a folder lasts only once the folder itself is synced.
absl::Status SyncFolder(const std::string& folder) {
  const File file(folder, O_RDONLY | O_DIRECTORY);
  return file.status().ok() ? file.Sync() : file.status();
}

// Begins with a dot, so that no name of the program's own is one.
std::string TemporaryName(const std::string& path) {
  static std::atomic<uint64_t> counter{0};
  const size_t name = path.rfind('/') + 1;  // npos + 1 is 0
  return absl::StrCat(path.substr(0, name), ".", path.substr(name), ".", getpid(), ".", counter.fetch_add(1));
}

absl::Status WriteNewFile(const std::string& path, absl::string_view bytes) {
  const File file(path, O_WRONLY | O_CREAT | O_EXCL);
  if (!file.status().ok()) return file.status();
  absl::Status status = file.Write(0, bytes);
  return status.ok() ? file.Sync() : status;
}

class PosixFileSystem final : public FileSystem {
 public:
  absl::StatusOr<std::string> ReadFile(const std::string& path) override {
    const File file(path, O_RDONLY);
    if (!file.status().ok()) return file.status();
    const absl::StatusOr<int64_t> size = file.Size();
    if (!size.ok()) return size.status();
    return Read(file, 0, *size);
  }

  absl::StatusOr<std::string> ReadAt(const std::string& path, int64_t offset, int64_t size) override {
    const File file(path, O_RDONLY);
    return file.status().ok() ? Read(file, offset, size) : file.status();
  }

  absl::Status WriteFileDurably(const std::string& path, absl::string_view bytes) override {
    const std::string temporary = TemporaryName(path);
    absl::Cleanup remove = [&] { unlink(temporary.c_str()); };
    absl::Status status = WriteNewFile(temporary, bytes);
    if (!status.ok()) return status;
    if (std::rename(temporary.c_str(), path.c_str()) != 0) return SystemError(errno, "rename to", path);
    std::move(remove).Cancel();
    return SyncFolder(FolderOf(path));
  }

  absl::Status WriteAt(const std::string& path, int64_t offset, absl::string_view bytes) override {
    const bool is_new = access(path.c_str(), F_OK) != 0;
    const File file(path, O_WRONLY | O_CREAT);
    if (!file.status().ok()) return file.status();
    absl::Status status = file.Write(offset, bytes);
    if (status.ok()) status = file.CutAt(offset + static_cast<int64_t>(bytes.size()));
    if (status.ok()) status = file.Sync();
    return status.ok() && is_new ? SyncFolder(FolderOf(path)) : status;
  }

  absl::StatusOr<int64_t> FileSize(const std::string& path) override {
    struct stat info;
    if (stat(path.c_str(), &info) != 0) return SystemError(errno, "stat", path);
    return static_cast<int64_t>(info.st_size);
  }

  absl::StatusOr<absl::Time> ModifiedTime(const std::string& path) override {
    struct stat info;
    if (stat(path.c_str(), &info) != 0) return SystemError(errno, "stat", path);
    return absl::TimeFromTimespec(info.st_mtim);
  }

  absl::Status Remove(const std::string& path) override {
    if (unlink(path.c_str()) == 0 || errno == ENOENT) return absl::OkStatus();
    return SystemError(errno, "remove", path);
  }

  absl::Status RemoveTree(const std::string& path) override {
    std::error_code error;
    std::filesystem::remove_all(path, error);
    return error ? SystemError(error.value(), "remove", path) : absl::OkStatus();
  }

  absl::Status CreateFolders(const std::string& path) override {
    struct stat info;
    if (stat(path.c_str(), &info) == 0) {
      return S_ISDIR(info.st_mode) ? absl::OkStatus() : SystemError(ENOTDIR, "make folder", path);
    }
    if (errno != ENOENT) return SystemError(errno, "make folder", path);
    const std::string parent = FolderOf(path);
    absl::Status status = CreateFolders(parent);
    if (!status.ok()) return status;
    if (mkdir(path.c_str(), 0700) != 0 && errno != EEXIST) return SystemError(errno, "make folder", path);
    return SyncFolder(parent);
  }

  absl::StatusOr<std::vector<std::string>> List(const std::string& path) override {
    std::vector<std::string> names;
    DIR* folder = opendir(path.c_str());
    if (folder == nullptr && errno == ENOENT) return names;
    if (folder == nullptr) return SystemError(errno, "list", path);
    absl::Cleanup close = [&] { closedir(folder); };
    errno = 0;
    while (const dirent* entry = readdir(folder)) {
      const absl::string_view name = entry->d_name;
      if (name != "." && name != "..") names.emplace_back(name);
    }
    if (errno != 0) return SystemError(errno, "list", path);
    return names;
  }

 private:
  static absl::StatusOr<std::string> Read(const File& file, int64_t offset, int64_t size) {
    std::string bytes(static_cast<size_t>(size), '\0');
    if (absl::Status status = file.Read(offset, bytes); !status.ok()) return status;
    return bytes;
  }
};

}  // namespace

FileSystem& RealFileSystem() {
  static auto& files = *new PosixFileSystem;
  return files;
}

}  // namespace sliceflow
