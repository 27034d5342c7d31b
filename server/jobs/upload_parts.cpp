#include "server/jobs/upload_parts.h"

#include <algorithm>
#include <map>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"

namespace sliceflow::jobs {
namespace {

constexpr char kSuffix[] = ".part";
constexpr char kSeparator[] = "+";  // no owner's name has it

bool IsOf(const std::string& owner, absl::string_view upload) {
  return absl::StartsWith(upload, UploadName(owner, "")) && absl::StrContains(upload, kSeparator) == !owner.empty();
}

}  // namespace

std::string UploadName(const std::string& owner, const std::string& sha256) {
  return owner.empty() ? sha256 : absl::StrCat(owner, kSeparator, sha256);
}

std::string UploadParts::PathOf(const std::string& upload) const { return absl::StrCat(folder_, "/", upload, kSuffix); }

absl::Status UploadParts::Write(const std::string& upload, int64_t offset, absl::string_view data) {
  if (absl::Status status = files_.CreateFolders(folder_); !status.ok()) return status;
  return files_.WriteAt(PathOf(upload), offset, data);
}

absl::StatusOr<std::vector<UploadParts::Part>> UploadParts::Idle() {
  const absl::StatusOr<std::vector<std::string>> names = files_.List(folder_);
  if (!names.ok()) return names.status();
  const std::map<std::string, int64_t> under_way = slots_.Declared();
  std::vector<Part> parts;
  for (absl::string_view name : *names) {
    if (!absl::ConsumeSuffix(&name, kSuffix) || under_way.count(std::string(name)) > 0) continue;
    const std::string path = PathOf(std::string(name));
    const absl::StatusOr<int64_t> bytes = files_.FileSize(path);
    const absl::StatusOr<absl::Time> modified = files_.ModifiedTime(path);
    if (bytes.ok() && modified.ok()) parts.push_back({*modified, std::string(name), *bytes});
  }
  std::sort(parts.begin(), parts.end(), [](const Part& a, const Part& b) { return a.modified < b.modified; });
  return parts;
}

absl::StatusOr<bool> UploadParts::RemoveIdle(const Part& part) {
  // Its place, so that no stream goes on with what is about to be removed. Whoever has it writes.
  const absl::StatusOr<int64_t> ticket = slots_.Take("", part.upload, 0);
  if (!ticket.ok()) return false;
  absl::Status status = files_.Remove(PathOf(part.upload));
  slots_.Release(part.upload, *ticket);
  if (!status.ok()) return status;
  return true;
}

absl::Status UploadParts::MakeRoom(const std::string& owner, absl::FunctionRef<absl::Status(int64_t bytes)> fits) {
  int64_t bytes = 0;
  for (const auto& [upload, declared] : slots_.Declared()) bytes += IsOf(owner, upload) ? declared : 0;
  if (absl::Status status = fits(bytes); !status.ok()) return status;
  absl::StatusOr<std::vector<Part>> parts = Idle();
  if (!parts.ok()) return parts.status();
  std::erase_if(*parts, [&](const Part& part) { return !IsOf(owner, part.upload); });
  for (const Part& part : *parts) bytes += part.bytes;
  absl::Status status = fits(bytes);
  for (size_t i = 0; i < parts->size() && absl::IsResourceExhausted(status); ++i) {
    const absl::StatusOr<bool> removed = RemoveIdle((*parts)[i]);
    if (!removed.ok()) return removed.status();
    if (!*removed) continue;
    bytes -= (*parts)[i].bytes;
    status = fits(bytes);
  }
  return status;
}

absl::Status UploadParts::DropOlderThan(absl::Time time) {
  const absl::StatusOr<std::vector<Part>> parts = Idle();
  if (!parts.ok()) return parts.status();
  absl::Status first;
  for (const Part& part : *parts) {
    if (part.modified < time) first.Update(RemoveIdle(part).status());
  }
  return first;
}

}  // namespace sliceflow::jobs
