#include "client/cpp/upload.h"

#include <openssl/evp.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <memory>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "client/cpp/deadline.h"
#include "common/grpc_status.h"

namespace sliceflow::client {
namespace {

constexpr int64_t kPieceBytes = 512 * 1024;

absl::StatusOr<int64_t> PlainFileSize(const std::string& path) {
  struct stat info;
  if (stat(path.c_str(), &info) != 0) return absl::ErrnoToStatus(errno, path);
  if (!S_ISREG(info.st_mode)) return absl::InvalidArgumentError(absl::StrCat(path, ": is not a plain file"));
  if (info.st_size == 0) return absl::InvalidArgumentError(absl::StrCat(path, ": is empty"));
  return info.st_size;
}

absl::StatusOr<std::string> Sha256OfFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return absl::ErrnoToStatus(errno, path);
  std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context(EVP_MD_CTX_new(), &EVP_MD_CTX_free);
  EVP_DigestInit_ex(context.get(), EVP_sha256(), nullptr);
  std::vector<char> piece(kPieceBytes);
  while (file.read(piece.data(), kPieceBytes) || file.gcount() > 0) EVP_DigestUpdate(context.get(), piece.data(), file.gcount());
  if (file.bad()) return absl::UnavailableError(absl::StrCat(path, ": cannot be read"));
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned int size = 0;
  EVP_DigestFinal_ex(context.get(), digest, &size);
  return absl::BytesToHexString(absl::string_view(reinterpret_cast<char*>(digest), size));
}

class Upload {
 public:
  Upload(v1::DatasetService::Stub& stub, const UploadOptions& options, int64_t size, std::string sha256)
      : stub_(stub), options_(options), size_(size), sha256_(std::move(sha256)) {}

  absl::Status Attempt(absl::Duration deadline, v1::Dataset* dataset) {
    absl::StatusOr<int64_t> offset = Offset(deadline);
    if (!offset.ok()) return offset.status();
    grpc::ClientContext context;
    SetDeadline(context, deadline);
    std::unique_ptr<grpc::ClientWriter<v1::UploadDatasetRequest>> writer = stub_.UploadDataset(&context, dataset);
    absl::Status read = Write(*writer, *offset);
    if (!read.ok()) context.TryCancel();
    absl::Status status = FromGrpcStatus(writer->Finish());
    return read.ok() ? status : read;
  }

 private:
  absl::StatusOr<int64_t> Offset(absl::Duration deadline) {
    grpc::ClientContext context;
    SetDeadline(context, deadline);
    v1::GetUploadRequest request;
    request.set_sha256(sha256_);
    v1::Upload upload;
    absl::Status status = FromGrpcStatus(stub_.GetUpload(&context, request, &upload));
    if (absl::IsNotFound(status)) return 0;
    if (!status.ok()) return status;
    return upload.offset() <= size_ ? upload.offset() : 0;
  }

  // An error here is one of reading the file; a server that stops listening says why in Finish.
  absl::Status Write(grpc::ClientWriter<v1::UploadDatasetRequest>& writer, int64_t offset) {
    std::ifstream file(options_.path, std::ios::binary);
    if (!file.seekg(offset)) return absl::UnknownError(absl::StrCat(options_.path, ": cannot be read"));
    v1::UploadDatasetRequest request;
    v1::UploadHeader& header = *request.mutable_header();
    header.set_dataset_id(options_.dataset_id);
    header.set_display_name(options_.display_name);
    *header.mutable_format() = options_.format;
    header.set_size_bytes(size_);
    header.set_sha256(sha256_);
    header.set_offset(offset);
    if (!writer.Write(request)) return absl::OkStatus();
    std::string piece;
    while (offset < size_) {
      piece.resize(std::min(kPieceBytes, size_ - offset));
      if (!file.read(piece.data(), piece.size()))
        return absl::UnknownError(absl::StrCat(options_.path, ": became shorter while it was read"));
      request.set_data(piece);
      if (!writer.Write(request)) return absl::OkStatus();
      offset += static_cast<int64_t>(piece.size());
      if (options_.on_progress) options_.on_progress(offset, size_);
    }
    writer.WritesDone();
    return absl::OkStatus();
  }

  v1::DatasetService::Stub& stub_;
  const UploadOptions& options_;
  const int64_t size_;
  const std::string sha256_;
};

}  // namespace

absl::StatusOr<v1::Dataset> UploadFile(v1::DatasetService::Stub& stub, const UploadOptions& options, const RetryPolicy& retry,
                                       absl::Duration timeout) {
  absl::StatusOr<int64_t> size = PlainFileSize(options.path);
  if (!size.ok()) return size.status();
  absl::StatusOr<std::string> sha256 = Sha256OfFile(options.path);
  if (!sha256.ok()) return sha256.status();
  Upload upload(stub, options, *size, *std::move(sha256));
  v1::Dataset dataset;
  absl::Status status = WithRetries(retry, timeout, [&](absl::Duration deadline) { return upload.Attempt(deadline, &dataset); });
  if (!status.ok()) return status;
  return dataset;
}

}  // namespace sliceflow::client
