#include "tests/support/faulting_filesystem.h"

#include <algorithm>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace sliceflow::testing {
namespace {

absl::Status PowerIsOff() { return absl::UnavailableError("the disk is gone"); }
absl::Status NoFile(const std::string& path) { return absl::NotFoundError(absl::StrCat("no file ", path)); }

}  // namespace

absl::Status FaultingFileSystem::Step() {
  if (crashed_) return PowerIsOff();
  if (!write_error_.ok()) return write_error_;
  if (!steps_left_.has_value()) return absl::OkStatus();
  if ((*steps_left_)-- > 0) return absl::OkStatus();
  crashed_ = true;
  return PowerIsOff();
}

absl::StatusOr<std::string> FaultingFileSystem::ReadFile(const std::string& path) {
  absl::MutexLock lock(&mutex_);
  if (crashed_) return PowerIsOff();
  const auto found = seen_.find(path);
  if (found == seen_.end()) return NoFile(path);
  return found->second;
}

absl::StatusOr<std::string> FaultingFileSystem::ReadAt(const std::string& path, int64_t offset, int64_t size) {
  absl::StatusOr<std::string> bytes = ReadFile(path);
  if (!bytes.ok()) return bytes;
  const size_t begin = std::min(static_cast<size_t>(offset), bytes->size());
  return bytes->substr(begin, static_cast<size_t>(size));
}

absl::Status FaultingFileSystem::WriteFileDurably(const std::string& path, absl::string_view bytes) {
  absl::MutexLock lock(&mutex_);
  const std::string temporary = path + ".tmp";
  // Half a temporary file is what a crash while writing may leave.
  if (absl::Status status = Step(); !status.ok()) return status;
  seen_[temporary] = durable_[temporary] = std::string(bytes.substr(0, bytes.size() / 2));
  if (absl::Status status = Step(); !status.ok()) return status;
  seen_[temporary] = durable_[temporary] = std::string(bytes);
  if (absl::Status status = Step(); !status.ok()) return status;
  seen_.erase(temporary);
  seen_[path] = std::string(bytes);  // renamed, but the folder is not synced
  if (absl::Status status = Step(); !status.ok()) return status;
  durable_.erase(temporary);
  durable_[path] = std::string(bytes);
  return absl::OkStatus();
}

absl::Status FaultingFileSystem::WriteAt(const std::string& path, int64_t offset, absl::string_view bytes) {
  absl::MutexLock lock(&mutex_);
  if (absl::Status status = Step(); !status.ok()) return status;
  std::string& file = seen_[path];
  file.resize(offset, '\0');
  file.append(bytes.data(), bytes.size());
  if (absl::Status status = Step(); !status.ok()) return status;
  durable_[path] = file;
  return absl::OkStatus();
}

absl::StatusOr<int64_t> FaultingFileSystem::FileSize(const std::string& path) {
  absl::MutexLock lock(&mutex_);
  if (crashed_) return PowerIsOff();
  const auto found = seen_.find(path);
  if (found == seen_.end()) return NoFile(path);
  return static_cast<int64_t>(found->second.size());
}

absl::StatusOr<absl::Time> FaultingFileSystem::ModifiedTime(const std::string& path) {
  absl::MutexLock lock(&mutex_);
  if (crashed_) return PowerIsOff();
  if (seen_.count(path) == 0) return NoFile(path);
  const auto found = modified_.find(path);
  return found == modified_.end() ? absl::InfiniteFuture() : found->second;
}

absl::Status FaultingFileSystem::Remove(const std::string& path) {
  absl::MutexLock lock(&mutex_);
  if (absl::Status status = Step(); !status.ok()) return status;
  seen_.erase(path);
  durable_.erase(path);
  return absl::OkStatus();
}

absl::Status FaultingFileSystem::RemoveTree(const std::string& path) {
  absl::MutexLock lock(&mutex_);
  if (absl::Status status = Step(); !status.ok()) return status;
  const std::string inside = path + "/";
  const auto gone = [&](const auto& file) { return file.first == path || absl::StartsWith(file.first, inside); };
  std::erase_if(seen_, gone);
  std::erase_if(durable_, gone);
  return absl::OkStatus();
}

absl::Status FaultingFileSystem::CreateFolders(const std::string&) {
  absl::MutexLock lock(&mutex_);
  return crashed_ ? PowerIsOff() : write_error_;
}

absl::StatusOr<std::vector<std::string>> FaultingFileSystem::List(const std::string& path) {
  absl::MutexLock lock(&mutex_);
  if (crashed_) return PowerIsOff();
  const std::string inside = path + "/";
  std::set<std::string> names;
  for (const auto& [file, bytes] : seen_) {
    if (!absl::StartsWith(file, inside)) continue;
    names.insert(file.substr(inside.size(), file.find('/', inside.size()) - inside.size()));
  }
  return std::vector<std::string>(names.begin(), names.end());
}

void FaultingFileSystem::FailWrites(absl::Status error) {
  absl::MutexLock lock(&mutex_);
  write_error_ = std::move(error);
}

void FaultingFileSystem::Heal() {
  absl::MutexLock lock(&mutex_);
  write_error_ = absl::OkStatus();
}

void FaultingFileSystem::CrashAfter(int steps) {
  absl::MutexLock lock(&mutex_);
  steps_left_ = steps;
}

bool FaultingFileSystem::Restart() {
  absl::MutexLock lock(&mutex_);
  steps_left_.reset();
  seen_ = durable_;
  return std::exchange(crashed_, false);
}

void FaultingFileSystem::Damage(const std::string& path, size_t offset) {
  absl::MutexLock lock(&mutex_);
  seen_.at(path).at(offset) ^= 1;
  durable_[path] = seen_[path];
}

void FaultingFileSystem::Cut(const std::string& path, size_t size) {
  absl::MutexLock lock(&mutex_);
  seen_.at(path).resize(size);
  durable_[path] = seen_[path];
}

void FaultingFileSystem::SetModifiedTime(const std::string& path, absl::Time time) {
  absl::MutexLock lock(&mutex_);
  modified_[path] = time;
}

std::vector<std::string> FaultingFileSystem::Paths() {
  absl::MutexLock lock(&mutex_);
  std::vector<std::string> paths;
  for (const auto& [path, bytes] : seen_) paths.push_back(path);
  return paths;
}

}  // namespace sliceflow::testing
