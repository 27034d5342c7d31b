#include "server/store/blob_store.h"

#include <zlib.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "common/errors.h"
#include "common/failpoint.h"

namespace sliceflow::store {
namespace {

// A file is the bytes followed by a footer of 24 bytes, little-endian: magic, length of the bytes, CRC-32 of the bytes, CRC-32 of the 20
// bytes of footer before it. At the end, so that reading needs no copy.
constexpr absl::string_view kMagic = "SFBLOB1\n";
constexpr char kProbe[] = "health/probe";
constexpr size_t kFooterSize = 24;
constexpr size_t kMaxKeySize = 200;

template <typename T>
void AppendNumber(T value, std::string& out) {
  char bytes[sizeof(T)];
  std::memcpy(bytes, &value, sizeof(T));
  out.append(bytes, sizeof(T));
}

template <typename T>
T ReadNumber(absl::string_view bytes, size_t offset) {
  T value;
  std::memcpy(&value, bytes.data() + offset, sizeof(T));
  return value;
}

// `before`: of the bytes that these go on from.
uint32_t Crc32(absl::string_view bytes, uint32_t before = 0) {
  return static_cast<uint32_t>(crc32_z(before, reinterpret_cast<const Bytef*>(bytes.data()), bytes.size()));
}

std::string Footer(absl::string_view bytes) {
  std::string footer(kMagic);
  AppendNumber<uint64_t>(bytes.size(), footer);
  AppendNumber<uint32_t>(Crc32(bytes), footer);
  AppendNumber<uint32_t>(Crc32(footer), footer);
  return footer;
}

absl::Status Damaged(const std::string& key, absl::string_view what) { return absl::DataLossError(absl::StrCat("blob ", key, ": ", what)); }

// What a footer says of the bytes before it.
struct Sealed {
  uint64_t size = 0;
  uint32_t checksum = 0;
};

// `footer`: the last bytes of a file of `file_size`.
absl::StatusOr<Sealed> ReadFooter(absl::string_view footer, size_t file_size, const std::string& key) {
  if (footer.size() < kFooterSize) return Damaged(key, "cut off");
  if (footer.substr(0, kMagic.size()) != kMagic) return Damaged(key, "no footer");
  if (ReadNumber<uint32_t>(footer, 20) != Crc32(footer.substr(0, 20))) return Damaged(key, "damaged footer");
  const Sealed sealed{.size = ReadNumber<uint64_t>(footer, 8), .checksum = ReadNumber<uint32_t>(footer, 16)};
  if (sealed.size != file_size - kFooterSize) return Damaged(key, "wrong length");
  return sealed;
}

absl::Status WrongChecksum(const std::string& key) { return Damaged(key, "the checksum does not match"); }

absl::Status CheckFooter(absl::string_view file, const std::string& key) {
  const size_t size = file.size() - std::min(file.size(), kFooterSize);
  const absl::StatusOr<Sealed> sealed = ReadFooter(file.substr(size), file.size(), key);
  if (!sealed.ok()) return sealed.status();
  return sealed->checksum == Crc32(file.substr(0, size)) ? absl::OkStatus() : WrongChecksum(key);
}

bool GoodCharacter(char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '_' || c == '-'; }

// A part of a key never begins with a dot: no way out of the folder, and no name that a temporary file could have.
bool GoodPart(absl::string_view part) { return !part.empty() && part[0] != '.' && std::all_of(part.begin(), part.end(), GoodCharacter); }

absl::Status CheckKey(absl::string_view key) {
  return IsBlobKey(key) ? absl::OkStatus() : absl::InvalidArgumentError(absl::StrCat("not the key of a blob: '", key, "'"));
}

// `prefix` without a slash at its end.
std::string FolderOf(absl::string_view prefix) { return std::string(absl::StripSuffix(prefix, "/")); }

// Removes what is in FOLDER/KEY and is neither in `keep` (sorted) nor above something that is.
absl::Status SweepFolder(FileSystem& files, const std::string& folder, const std::string& key, const std::vector<std::string>& keep) {
  const absl::StatusOr<std::vector<std::string>> names = files.List(absl::StrCat(folder, "/", key));
  if (!names.ok()) return names.status();
  for (const std::string& name : *names) {
    const std::string child = absl::StrCat(key, "/", name);
    if (std::binary_search(keep.begin(), keep.end(), child)) continue;
    const std::string inside = absl::StrCat(child, "/");
    const auto next = std::lower_bound(keep.begin(), keep.end(), inside);
    const bool has_kept = next != keep.end() && absl::StartsWith(*next, inside);
    absl::Status status = has_kept ? SweepFolder(files, folder, child, keep) : files.RemoveTree(absl::StrCat(folder, "/", child));
    if (!status.ok()) return status;
  }
  return absl::OkStatus();
}

}  // namespace

bool IsBlobKey(absl::string_view key) {
  bool good = !key.empty() && key.size() <= kMaxKeySize;
  for (const absl::string_view part : absl::StrSplit(key, '/')) good = good && GoodPart(part);
  return good;
}

BlobReader::BlobReader(std::string path, std::string key, int64_t size, uint32_t checksum, FileSystem& files)
    : path_(std::move(path)), key_(std::move(key)), size_(size), checksum_(checksum), files_(files) {}

absl::StatusOr<std::string> BlobReader::Read(int64_t size) {
  const int64_t count = std::min(size, size_ - offset_);
  if (count == 0) {
    if (crc_ != checksum_) return WrongChecksum(key_);
    return std::string();
  }
  absl::StatusOr<std::string> bytes = files_.ReadAt(path_, offset_, count);
  if (!bytes.ok()) return bytes;
  if (static_cast<int64_t>(bytes->size()) < count) return Damaged(key_, "cut off");
  crc_ = Crc32(*bytes, crc_);
  offset_ += count;
  return bytes;
}

BlobStore::BlobStore(std::string folder, FileSystem& files) : folder_(std::move(folder)), files_(files) {}

absl::Status BlobStore::Put(const std::string& key, absl::string_view bytes) {
  absl::Status status = CheckKey(key);
  if (status.ok()) status = CheckInPlace();
  return status.ok() ? Write(key, bytes) : status;
}

absl::Status BlobStore::CheckInPlace() {
  if (!probed_ || !absl::IsNotFound(files_.FileSize(folder_).status())) return absl::OkStatus();
  return WithReason(absl::UnavailableError(absl::StrCat("the folder ", folder_,
                                                        " was removed while it is in use: nothing is written until it is put back; or stop "
                                                        "the server and restore a backup")),
                    "BLOBS_GONE");
}

absl::Status BlobStore::Write(const std::string& key, absl::string_view bytes) {
  const std::string path = absl::StrCat(folder_, "/", key);
  absl::Status status = files_.CreateFolders(path.substr(0, path.rfind('/')));
  if (!status.ok()) return status;
  PassFailpoint(Failpoint::kBeforeBlobWrite);
  status = files_.WriteFileDurably(path, absl::StrCat(bytes, Footer(bytes)));
  PassFailpoint(Failpoint::kAfterBlobWrite);
  return status;
}

absl::StatusOr<std::string> BlobStore::Get(const std::string& key) {
  absl::Status status = CheckKey(key);
  if (!status.ok()) return status;
  absl::StatusOr<std::string> file = files_.ReadFile(absl::StrCat(folder_, "/", key));
  if (!file.ok()) return file.status();
  status = CheckFooter(*file, key);
  if (!status.ok()) return status;
  file->resize(file->size() - kFooterSize);
  return file;
}

absl::StatusOr<BlobReader> BlobStore::Open(const std::string& key) {
  if (absl::Status status = CheckKey(key); !status.ok()) return status;
  const std::string path = absl::StrCat(folder_, "/", key);
  const absl::StatusOr<int64_t> size = files_.FileSize(path);
  if (!size.ok()) return size.status();
  constexpr auto kFooterBytes = static_cast<int64_t>(kFooterSize);
  const absl::StatusOr<std::string> footer = files_.ReadAt(path, std::max<int64_t>(0, *size - kFooterBytes), kFooterBytes);
  if (!footer.ok()) return footer.status();
  const absl::StatusOr<Sealed> sealed = ReadFooter(*footer, static_cast<size_t>(*size), key);
  if (!sealed.ok()) return sealed.status();
  return BlobReader(path, key, static_cast<int64_t>(sealed->size), sealed->checksum, files_);
}

absl::StatusOr<int64_t> BlobStore::Size(const std::string& key) {
  if (absl::Status status = CheckKey(key); !status.ok()) return status;
  const absl::StatusOr<int64_t> file = files_.FileSize(absl::StrCat(folder_, "/", key));
  if (!file.ok()) return file.status();
  return std::max<int64_t>(0, *file - static_cast<int64_t>(kFooterSize));
}

absl::Status BlobStore::Delete(const std::string& key) {
  absl::Status status = CheckKey(key);
  return status.ok() ? files_.Remove(absl::StrCat(folder_, "/", key)) : status;
}

absl::Status BlobStore::CheckHealth() {
  absl::Status status = Put(kProbe, kMagic);
  if (status.ok()) status = Get(kProbe).status();
  if (status.ok()) probed_ = true;
  return status;
}

absl::Status BlobStore::DeleteTree(const std::string& prefix) {
  absl::Status status = CheckKey(FolderOf(prefix));
  return status.ok() ? files_.RemoveTree(absl::StrCat(folder_, "/", FolderOf(prefix))) : status;
}

absl::StatusOr<std::vector<std::string>> BlobStore::List(const std::string& prefix) {
  if (absl::Status status = CheckKey(FolderOf(prefix)); !status.ok()) return status;
  return files_.List(absl::StrCat(folder_, "/", FolderOf(prefix)));
}

absl::Status BlobStore::Sweep(const std::string& prefix, const std::vector<std::string>& keep) {
  absl::Status status = CheckKey(FolderOf(prefix));
  if (!status.ok()) return status;
  std::vector<std::string> sorted = keep;
  std::sort(sorted.begin(), sorted.end());
  return SweepFolder(files_, folder_, FolderOf(prefix), sorted);
}

}  // namespace sliceflow::store
