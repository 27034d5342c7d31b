#include "server/store/backup.h"

#include <fcntl.h>
#include <openssl/evp.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <memory>
#include <set>
#include <utility>

#include "absl/functional/function_ref.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "common/filesystem.h"
#include "server/store/blob_store.h"
#include "server/store/data_folder.h"
#include "server/store/sqlite_connection.h"
#include "server/store/sqlite_store.h"

namespace sliceflow::store {
namespace {

constexpr char kDatabase[] = "sliceflow.db";
constexpr char kBlobs[] = "blobs";
constexpr char kManifest[] = "MANIFEST.sha256";
// Each try takes only what the ones before have not.
constexpr int kTries = 20;
constexpr size_t kPieceBytes = size_t{1} << 20;
constexpr size_t kProblemsNamed = 20;

absl::Status SystemError(absl::string_view doing, int error) {
  const std::string message = absl::StrCat(doing, ": ", std::strerror(error));
  return error == ENOSPC || error == EDQUOT ? absl::ResourceExhaustedError(message) : absl::UnavailableError(message);
}

// Whether a folder that is to be filled is empty or not there.
absl::Status CheckEmpty(const std::string& folder) {
  const auto names = RealFileSystem().List(folder);
  if (!names.ok()) return names.status();
  return names->empty() ? absl::OkStatus() : absl::FailedPreconditionError(absl::StrCat(folder, " is not empty: name a new folder"));
}

absl::Status MakeEmptyFolder(const std::string& folder) {
  if (absl::Status status = RealFileSystem().CreateFolders(folder); !status.ok()) return status;
  return CheckEmpty(folder);
}

// Everything below a folder's file system is on its disk.
absl::Status Sync(const std::string& folder) {
  const int file = open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (file < 0) return SystemError(absl::StrCat("open ", folder), errno);
  const int code = syncfs(file);
  const int error = errno;
  close(file);
  return code == 0 ? absl::OkStatus() : SystemError(absl::StrCat("sync ", folder), error);
}

struct FileSum {
  std::string sha256;
  int64_t bytes = 0;
};

// Reads a file in pieces, each of which goes to `take` too.
absl::StatusOr<FileSum> SumFile(const std::string& path, absl::FunctionRef<absl::Status(absl::string_view)> take) {
  errno = 0;
  std::ifstream file(path, std::ios::binary);
  if (!file)
    return errno == ENOENT ? absl::NotFoundError(absl::StrCat(path, " is missing")) : SystemError(absl::StrCat("open ", path), errno);
  const std::unique_ptr<EVP_MD_CTX, void (*)(EVP_MD_CTX*)> context(EVP_MD_CTX_new(), EVP_MD_CTX_free);
  EVP_DigestInit_ex(context.get(), EVP_sha256(), nullptr);
  FileSum sum;
  std::string piece(kPieceBytes, '\0');
  while (file) {
    file.read(piece.data(), static_cast<std::streamsize>(piece.size()));
    const absl::string_view read(piece.data(), static_cast<size_t>(file.gcount()));
    EVP_DigestUpdate(context.get(), read.data(), read.size());
    sum.bytes += static_cast<int64_t>(read.size());
    if (absl::Status status = take(read); !status.ok()) return status;
  }
  if (file.bad()) return SystemError(absl::StrCat("read ", path), errno);
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned int size = 0;
  EVP_DigestFinal_ex(context.get(), digest, &size);
  sum.sha256 = absl::BytesToHexString({reinterpret_cast<const char*>(digest), size});
  return sum;
}

absl::StatusOr<FileSum> SumFile(const std::string& path) {
  return SumFile(path, [](absl::string_view) { return absl::OkStatus(); });
}

// What was copied. Durable only after Sync, which is one wait for any number of files.
absl::StatusOr<FileSum> CopyFile(const std::string& from, const std::string& to) {
  if (absl::Status status = RealFileSystem().CreateFolders(to.substr(0, to.rfind('/'))); !status.ok()) return status;
  std::ofstream file(to, std::ios::binary);
  const auto write = [&](absl::string_view bytes) {
    errno = 0;
    file.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
    return file.good() ? absl::OkStatus() : SystemError(absl::StrCat("write ", to), errno);
  };
  absl::StatusOr<FileSum> sum = SumFile(from, write);
  if (!sum.ok()) return sum;
  errno = 0;
  file.close();
  if (!file.good()) return SystemError(absl::StrCat("write ", to), errno);
  return sum;
}

// A file as it is now, under a second name. NotFound when it has gone.
absl::Status LinkOrCopy(const std::string& from, const std::string& to) {
  if (absl::Status status = RealFileSystem().CreateFolders(to.substr(0, to.rfind('/'))); !status.ok()) return status;
  if (link(from.c_str(), to.c_str()) == 0) return absl::OkStatus();
  if (errno == ENOENT) return absl::NotFoundError(from);
  return CopyFile(from, to).status();
}

class Backup {
 public:
  Backup(const std::string& data_dir, const std::string& to) : data_dir_(data_dir), to_(to) {}

  absl::StatusOr<BackupReport> Make() {
    if (absl::Status status = CheckIsDataFolder(data_dir_); !status.ok()) return status;
    if (absl::Status status = CheckLogIsThere(data_dir_); !status.ok()) return status;
    if (absl::Status status = MakeEmptyFolder(to_); !status.ok()) return status;
    absl::Status status = absl::AbortedError("the backup was not begun");
    for (int tries = 0; tries < kTries && absl::IsAborted(status); ++tries) status = TakeSnapshot();
    if (status.ok()) status = RemoveWhatIsNotInTheSnapshot();
    if (status.ok()) status = WriteManifest();
    if (status.ok()) status = Sync(to_);
    if (!status.ok()) return status;
    return report_;
  }

 private:
  // Database and files of one instant. Aborted when a file was removed between the two.
  absl::Status TakeSnapshot() {
    const absl::StatusOr<std::unique_ptr<Connection>> source = Connection::Open(absl::StrCat(data_dir_, "/", kDatabase));
    if (!source.ok()) return source.status();
    Snapshot snapshot(**source);
    if (absl::Status status = snapshot.Begin(); !status.ok()) return status;
    absl::StatusOr<std::vector<std::string>> keys = SelectReferencedKeys(**source, "");
    if (!keys.ok()) return keys.status();
    // From the newest job on: its files change most.
    std::sort(keys->rbegin(), keys->rend());
    for (const std::string& key : *keys) {
      if (absl::Status status = Take(key); !status.ok()) return status;
    }
    keys_ = *std::move(keys);
    return (*source)->CopyTo(absl::StrCat(to_, "/", kDatabase));
  }

  absl::Status Take(const std::string& key) {
    if (taken_.count(key) > 0) return absl::OkStatus();
    absl::Status status = LinkOrCopy(absl::StrCat(data_dir_, "/", kBlobs, "/", key), absl::StrCat(to_, "/", kBlobs, "/", key));
    if (absl::IsNotFound(status)) {
      return absl::AbortedError(absl::StrCat("the file ", key, " is missing, or was removed before it could be taken: try again, and see ",
                                             "`sliceflowd check`"));
    }
    if (status.ok()) taken_.insert(key);
    return status;
  }

  absl::Status RemoveWhatIsNotInTheSnapshot() {
    for (const std::string& key : keys_) taken_.erase(key);
    for (const std::string& key : taken_) {
      if (absl::Status status = RealFileSystem().Remove(absl::StrCat(to_, "/", kBlobs, "/", key)); !status.ok()) return status;
    }
    return absl::OkStatus();
  }

  absl::Status WriteManifest() {
    BlobStore blobs(absl::StrCat(to_, "/", kBlobs), RealFileSystem());
    std::string manifest;
    if (absl::Status status = AddToManifest(kDatabase, manifest); !status.ok()) return status;
    for (const std::string& key : keys_) {
      if (absl::Status status = AddToManifest(absl::StrCat(kBlobs, "/", key), manifest); !status.ok()) return status;
      if (!blobs.Get(key).ok()) report_.damaged.push_back(key);
    }
    return RealFileSystem().WriteFileDurably(absl::StrCat(to_, "/", kManifest), manifest);
  }

  absl::Status AddToManifest(const std::string& path, std::string& manifest) {
    const absl::StatusOr<FileSum> sum = SumFile(absl::StrCat(to_, "/", path));
    if (!sum.ok()) return sum.status();
    absl::StrAppend(&manifest, sum->sha256, "  ", path, "\n");
    ++report_.files;
    report_.bytes += sum->bytes;
    return absl::OkStatus();
  }

  const std::string data_dir_;
  const std::string to_;
  std::set<std::string> taken_;
  std::vector<std::string> keys_;
  BackupReport report_;
};

struct ManifestEntry {
  std::string sha256;
  std::string path;
};

// A path inside a backup: no way out of it.
bool IsGoodPath(const std::string& path) {
  if (path == kDatabase) return true;
  return absl::StartsWith(path, absl::StrCat(kBlobs, "/")) && IsBlobKey(path.substr(sizeof kBlobs));
}

absl::StatusOr<std::vector<ManifestEntry>> ReadManifest(const std::string& from) {
  const absl::StatusOr<std::string> text = RealFileSystem().ReadFile(absl::StrCat(from, "/", kManifest));
  if (absl::IsNotFound(text.status())) {
    return absl::FailedPreconditionError(absl::StrCat(from, " is no complete backup: it has no ", kManifest));
  }
  if (!text.ok()) return text.status();
  std::vector<ManifestEntry> entries;
  for (const absl::string_view line : absl::StrSplit(*text, '\n', absl::SkipEmpty())) {
    const std::pair<std::string, std::string> parts = absl::StrSplit(line, absl::MaxSplits("  ", 1));
    if (!IsGoodPath(parts.second)) return absl::DataLossError(absl::StrCat(kManifest, ": not a file of a backup: ", line));
    entries.push_back({parts.first, parts.second});
  }
  // The database last.
  std::stable_partition(entries.begin(), entries.end(), [](const ManifestEntry& entry) { return entry.path != kDatabase; });
  if (entries.empty() || entries.back().path != kDatabase) return absl::DataLossError(absl::StrCat(kManifest, " names no ", kDatabase));
  return entries;
}

absl::Status CheckSum(const ManifestEntry& entry, const absl::StatusOr<FileSum>& sum) {
  if (absl::IsNotFound(sum.status())) return absl::DataLossError(absl::StrCat(entry.path, " is missing from the backup"));
  if (!sum.ok() || sum->sha256 == entry.sha256) return sum.status();
  return absl::DataLossError(absl::StrCat(entry.path, " differs from the manifest of the backup"));
}

// All that is wrong, so that nobody finds the next one after the next hour of copying.
absl::Status CheckFiles(const std::string& from, const std::vector<ManifestEntry>& entries) {
  std::vector<std::string> problems;
  for (const ManifestEntry& entry : entries) {
    const absl::Status status = CheckSum(entry, SumFile(absl::StrCat(from, "/", entry.path)));
    if (!status.ok() && !absl::IsDataLoss(status)) return status;
    if (!status.ok()) problems.emplace_back(status.message());
  }
  if (problems.empty()) return absl::OkStatus();
  const size_t more = problems.size() - std::min(problems.size(), kProblemsNamed);
  problems.resize(problems.size() - more);
  return absl::DataLossError(absl::StrCat(absl::StrJoin(problems, "\n"), more > 0 ? absl::StrCat("\nand ", more, " more") : ""));
}

}  // namespace

absl::StatusOr<BackupReport> BackUp(const std::string& data_dir, const std::string& to) { return Backup(data_dir, to).Make(); }

absl::Status Restore(const std::string& from, const std::string& data_dir) {
  const auto entries = ReadManifest(from);
  if (!entries.ok()) return entries.status();
  if (absl::Status status = CheckEmpty(data_dir); !status.ok()) return status;
  if (absl::Status status = CheckFiles(from, *entries); !status.ok()) return status;
  if (absl::Status status = MakeEmptyFolder(data_dir); !status.ok()) return status;
  const std::string database = absl::StrCat(data_dir, "/", kDatabase);
  const std::string unfinished = absl::StrCat(database, ".restored");
  for (const ManifestEntry& entry : *entries) {
    const std::string to = entry.path == kDatabase ? unfinished : absl::StrCat(data_dir, "/", entry.path);
    // Once more: it may have changed since.
    if (absl::Status status = CheckSum(entry, CopyFile(absl::StrCat(from, "/", entry.path), to)); !status.ok()) return status;
  }
  if (absl::Status status = Sync(data_dir); !status.ok()) return status;
  // All is written: only now is it a data folder.
  if (std::rename(unfinished.c_str(), database.c_str()) != 0) return SystemError(absl::StrCat("rename to ", database), errno);
  return Sync(data_dir);
}

}  // namespace sliceflow::store
