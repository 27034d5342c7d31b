#include "common/filesystem.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <system_error>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"

namespace sliceflow {
namespace {

absl::Status SystemError(int error, absl::string_view doing, const std::string& path) {
  const std::string message = absl::StrCat("cannot ", doing, " ", path, ": ", std::strerror(error));
  if (error == ENOENT) return absl::NotFoundError(message);
  if (error == ENOSPC || error == EDQUOT) return absl::ResourceExhaustedError(message);
  return absl::UnavailableError(message);
}

absl::Status WriteAll(int file, absl::string_view bytes, int64_t offset, const std::string& path) {
  while (!bytes.empty()) {
    const ssize_t written = pwrite(file, bytes.data(), bytes.size(), offset);
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return SystemError(errno, "write", path);
    bytes.remove_prefix(written);
    offset += written;
  }
  return absl::OkStatus();
}

absl::Status SyncFolderOf(const std::string& path) {
  const std::string folder = std::filesystem::path(path).parent_path().string();
  const int handle = open(folder.empty() ? "." : folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (handle < 0) return SystemError(errno, "open", folder);
  const absl::Cleanup close_handle = [handle] { close(handle); };
  if (fsync(handle) != 0) return SystemError(errno, "sync", folder);
  return absl::OkStatus();
}

// Writes and syncs a new file; its folder is not synced.
absl::Status WriteNewFile(const std::string& path, absl::string_view bytes) {
  const int file = open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (file < 0) return SystemError(errno, "create", path);
  const absl::Cleanup close_file = [file] { close(file); };
  if (absl::Status status = WriteAll(file, bytes, 0, path); !status.ok()) return status;
  if (fsync(file) != 0) return SystemError(errno, "sync", path);
  return absl::OkStatus();
}

class PosixFileSystem : public FileSystem {
 public:
  absl::StatusOr<std::string> ReadFile(const std::string& path) override {
    const int file = open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (file < 0) return SystemError(errno, "open", path);
    const absl::Cleanup close_file = [file] { close(file); };
    struct stat info;
    if (fstat(file, &info) != 0) return SystemError(errno, "look at", path);
    std::string bytes(info.st_size, '\0');
    size_t have = 0;
    while (have < bytes.size()) {
      const ssize_t got = read(file, bytes.data() + have, bytes.size() - have);
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) return SystemError(errno, "read", path);
      if (got == 0) break;
      have += got;
    }
    bytes.resize(have);
    return bytes;
  }

  absl::Status WriteFileDurably(const std::string& path, absl::string_view bytes) override {
    const std::string temporary = path + ".tmp";
    absl::Status status = WriteNewFile(temporary, bytes);
    if (status.ok() && rename(temporary.c_str(), path.c_str()) != 0) status = SystemError(errno, "rename to", path);
    if (!status.ok()) {
      unlink(temporary.c_str());
      return status;
    }
    return SyncFolderOf(path);
  }

  absl::Status WriteAt(const std::string& path, int64_t offset, absl::string_view bytes) override {
    const int file = open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    if (file < 0) return SystemError(errno, "open", path);
    const absl::Cleanup close_file = [file] { close(file); };
    if (absl::Status status = WriteAll(file, bytes, offset, path); !status.ok()) return status;
    if (ftruncate(file, offset + static_cast<int64_t>(bytes.size())) != 0) return SystemError(errno, "cut", path);
    if (fsync(file) != 0) return SystemError(errno, "sync", path);
    return SyncFolderOf(path);
  }

  absl::StatusOr<int64_t> FileSize(const std::string& path) override {
    struct stat info;
    if (stat(path.c_str(), &info) != 0) return SystemError(errno, "look at", path);
    return static_cast<int64_t>(info.st_size);
  }

  absl::Status Remove(const std::string& path) override {
    if (unlink(path.c_str()) != 0 && errno != ENOENT) return SystemError(errno, "remove", path);
    return absl::OkStatus();
  }

  absl::Status RemoveTree(const std::string& path) override {
    std::error_code error;
    std::filesystem::remove_all(path, error);
    if (error) return SystemError(error.value(), "remove", path);
    return absl::OkStatus();
  }

  absl::Status CreateFolders(const std::string& path) override {
    std::error_code error;
    std::filesystem::create_directories(path, error);
    if (error) return SystemError(error.value(), "make folder", path);
    return absl::OkStatus();
  }

  absl::StatusOr<std::vector<std::string>> List(const std::string& path) override {
    std::vector<std::string> names;
    std::error_code error;
    std::filesystem::directory_iterator entry(path, error);
    if (error.value() == ENOENT) return names;
    for (; !error && entry != std::filesystem::directory_iterator(); entry.increment(error)) {
      names.push_back(entry->path().filename().string());
    }
    if (error) return SystemError(error.value(), "list", path);
    return names;
  }
};

}  // namespace

FileSystem& RealFileSystem() {
  static FileSystem* const real = new PosixFileSystem();
  return *real;
}

}  // namespace sliceflow
