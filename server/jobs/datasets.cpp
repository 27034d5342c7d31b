#include "server/jobs/datasets.h"

#include <cmath>
#include <set>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/synchronization/mutex.h"
#include "common/errors.h"
#include "common/ids.h"
#include "common/table/csv.h"
#include "common/table/gzip.h"
#include "common/table/idx.h"
#include "common/table/npy.h"
#include "server/events/projection.h"
#include "server/jobs/sample_cache.h"
#include "server/jobs/sha256.h"
#include "server/jobs/upload_parts.h"
#include "server/jobs/upload_slots.h"
#include "sliceflow/v1/job.pb.h"

namespace sliceflow::jobs {
namespace {

constexpr int kUsersNamed = 5;              // jobs named in the refusal to delete
constexpr int64_t kCacheBytes = 256 << 20;  // tables in memory
constexpr absl::Duration kPartLifetime = absl::Hours(24);

// What of the format decides on the table, in one spelling.
std::string FormatText(const v1::DatasetFormat& format) {
  const double scale = format.has_scale() ? format.scale() : 1;
  return absl::StrCat("kind ", v1::DatasetFormat::Kind_Name(format.kind()), ", gzip ", format.gzip() ? "true" : "false", ", scale ",
                      absl::StrFormat("%.17g", scale), ", maxRows ", format.max_rows());
}

absl::StatusOr<Tensor> ReadPlainTable(absl::string_view bytes, const v1::DatasetFormat& format, const DatasetLimits& limits) {
  const table::Limits bounds{.max_values = limits.max_values, .max_rows = format.max_rows()};
  switch (format.kind()) {
    case v1::DatasetFormat::CSV:
      return table::ReadCsv(bytes, bounds);
    case v1::DatasetFormat::NPY:
      return table::ReadNpy(bytes, bounds);
    case v1::DatasetFormat::IDX:
      return table::ReadIdx(bytes, bounds);
    default:
      return absl::InvalidArgumentError("header.format.kind: must be CSV, NPY or IDX");
  }
}

absl::Status Scale(Tensor& tensor, double scale) {
  if (scale == 1) return absl::OkStatus();
  for (float& value : tensor.values) {
    value = static_cast<float>(value * scale);
    if (!std::isfinite(value)) return absl::InvalidArgumentError(absl::StrCat("header.format.scale: ", scale, " makes a value overflow"));
  }
  return absl::OkStatus();
}

// What gzip unpacks to is held to the same size as what may come without it.
absl::StatusOr<Tensor> ReadTable(const std::string& bytes, const v1::DatasetFormat& format, const DatasetLimits& limits) {
  absl::StatusOr<Tensor> tensor;
  if (format.gzip()) {
    const absl::StatusOr<std::string> unpacked = table::Gunzip(bytes, limits.max_upload_bytes);
    if (!unpacked.ok()) return unpacked.status();
    tensor = ReadPlainTable(*unpacked, format, limits);
  } else {
    tensor = ReadPlainTable(bytes, format, limits);
  }
  if (!tensor.ok()) return tensor;
  if (absl::Status status = Scale(*tensor, format.has_scale() ? format.scale() : 1); !status.ok()) return status;
  return tensor;
}

// Whether the same bytes would be refused again. A full disk is not the upload's fault.
bool IsRefusedForGood(const absl::Status& status) {
  return absl::IsInvalidArgument(status) || absl::IsDataLoss(status) || Reason(status) == "BEYOND_LIMIT";
}

// The values of the last column where they are labels, else nothing.
std::vector<double> LabelValues(const Tensor& tensor, int64_t columns) {
  std::set<float> seen;
  for (size_t i = columns - 1; i < tensor.values.size(); i += columns) {
    seen.insert(tensor.values[i]);
    if (seen.size() > 2) return {};
  }
  for (const std::vector<double>& labels : {std::vector<double>{-1, 1}, std::vector<double>{0, 1}}) {
    if (seen == std::set<float>(labels.begin(), labels.end())) return labels;
  }
  return {};
}

// Where the table of a data set lies. An owner's folder has 64 characters, which no id has.
std::string BlobFolder(const DatasetKey& key) {
  return key.owner.empty() ? absl::StrCat("datasets/", key.id) : absl::StrCat("datasets/", Sha256Hex(key.owner), "/", key.id);
}

std::string CachePrefix(const DatasetKey& key) { return absl::StrCat(key.owner, "/", key.id, "/"); }

absl::StatusOr<v1::Dataset> Parse(const store::DatasetRow& row) {
  v1::Dataset dataset;
  if (!dataset.ParseFromString(row.dataset)) return absl::DataLossError(absl::StrCat("the row of ", DatasetName(row.id), " is damaged"));
  return dataset;
}

class DatasetsImpl;

// What remains to be done when an upload's content is already there: nothing.
class FinishedUpload : public Upload {
 public:
  explicit FinishedUpload(v1::Dataset dataset) : dataset_(std::move(dataset)) {}
  absl::Status Write(const std::string&) override { return absl::OkStatus(); }
  absl::StatusOr<v1::Dataset> Finish() override { return dataset_; }

 private:
  v1::Dataset dataset_;
};

class FileUpload : public Upload {
 public:
  FileUpload(DatasetsImpl& datasets, std::string owner, v1::UploadHeader header, int64_t ticket)
      : datasets_(datasets),
        owner_(std::move(owner)),
        header_(std::move(header)),
        slot_(UploadName(owner_, header_.sha256())),
        ticket_(ticket),
        offset_(header_.offset()) {}
  ~FileUpload() override;
  absl::Status Write(const std::string& data) override;
  absl::StatusOr<v1::Dataset> Finish() override;

 private:
  DatasetsImpl& datasets_;
  const std::string owner_;
  const v1::UploadHeader header_;
  const std::string slot_;
  const int64_t ticket_;
  int64_t offset_;
};

class DatasetsImpl : public Datasets {
 public:
  DatasetsImpl(store::Store& store, store::BlobStore& blobs, FileSystem& files, std::string folder, Clock& clock, DatasetLimits limits,
               const Quotas* quotas, store::DiskRoom* disk)
      : store_(store),
        blobs_(blobs),
        clock_(clock),
        limits_(limits),
        quotas_(quotas),
        disk_(disk),
        slots_(clock),
        parts_(files, std::move(folder), slots_) {}

  absl::StatusOr<std::unique_ptr<Upload>> StartUpload(const std::string& owner, const v1::UploadHeader& header) override;
  absl::StatusOr<int64_t> UploadOffset(const std::string& owner, const std::string& sha256) override;
  absl::StatusOr<v1::Dataset> Get(const Scope& scope, const DatasetKey& key) override;
  absl::StatusOr<Page> List(const Scope& scope, std::optional<int64_t> before_number, int limit) override;
  absl::Status Delete(const Scope& scope, const DatasetKey& key) override;
  absl::StatusOr<std::shared_ptr<const Tensor>> Load(const DatasetKey& key) override;
  absl::StatusOr<DatasetRows> OpenRows(const Scope& scope, const DatasetKey& key, int64_t count) override;

  absl::Status Append(const std::string& owner, const v1::UploadHeader& header, int64_t offset, const std::string& data);
  absl::StatusOr<v1::Dataset> Complete(const std::string& owner, const v1::UploadHeader& header);
  UploadSlots& slots() { return slots_; }
  absl::Status DropAbandonedUploads() override;

 private:
  absl::StatusOr<store::DatasetRow> Row(const Scope& scope, const DatasetKey& key);
  absl::StatusOr<std::optional<v1::Dataset>> FindSame(const std::string& owner, const v1::UploadHeader& header);
  absl::Status CheckRoom(const std::string& owner, const v1::UploadHeader& header);
  absl::StatusOr<Tensor> ReadArrived(const std::string& upload, const v1::UploadHeader& header);
  v1::Dataset Describe(const std::string& owner, const v1::UploadHeader& header, const Tensor& tensor);

  store::Store& store_;
  store::BlobStore& blobs_;
  Clock& clock_;
  const DatasetLimits limits_;
  const Quotas* const quotas_;
  store::DiskRoom* const disk_;  // null: not asked
  // Held while a data set is made or removed, so that blob and row stay one thing and only one table is being read at a time.
  absl::Mutex table_mutex_;
  UploadSlots slots_;
  UploadParts parts_;
  SampleCache cache_{kCacheBytes};
};

// The same bytes read in another way are another table.
std::string IdOf(const v1::UploadHeader& header) {
  if (!header.dataset_id().empty()) return header.dataset_id();
  return absl::StrCat("d-", header.sha256().substr(0, 16), "-", Sha256Hex(FormatText(header.format())).substr(0, 8));
}

FileUpload::~FileUpload() { datasets_.slots().Release(slot_, ticket_); }

absl::Status FileUpload::Write(const std::string& data) {
  if (absl::Status status = datasets_.slots().Enter(slot_, ticket_); !status.ok()) return status;
  absl::Status status = datasets_.Append(owner_, header_, offset_, data);
  datasets_.slots().Leave(slot_);
  if (status.ok()) offset_ += static_cast<int64_t>(data.size());
  return status;
}

absl::StatusOr<v1::Dataset> FileUpload::Finish() {
  if (offset_ == header_.size_bytes()) {
    if (absl::Status status = datasets_.slots().Enter(slot_, ticket_); !status.ok()) return status;
    absl::StatusOr<v1::Dataset> dataset = datasets_.Complete(owner_, header_);
    datasets_.slots().Leave(slot_);
    return dataset;
  }
  return absl::InvalidArgumentError(
      absl::StrCat("the upload ended after ", offset_, " of ", header_.size_bytes(), " bytes; go on from there, or declare what you send"));
}

absl::StatusOr<std::unique_ptr<Upload>> DatasetsImpl::StartUpload(const std::string& owner, const v1::UploadHeader& header) {
  if (header.size_bytes() > limits_.max_upload_bytes) {
    FieldViolations violations;
    violations.Add("header.size_bytes", absl::StrCat("must be at most ", limits_.max_upload_bytes, ", is ", header.size_bytes()));
    return violations.ToStatus(absl::StatusCode::kResourceExhausted);
  }
  absl::StatusOr<std::optional<v1::Dataset>> same = FindSame(owner, header);
  if (!same.ok()) return same.status();
  if (same->has_value()) return std::make_unique<FinishedUpload>(**same);

  const std::string name = UploadName(owner, header.sha256());
  const absl::StatusOr<int64_t> ticket = slots_.Take(owner, name, header.size_bytes());
  if (!ticket.ok()) return ticket.status();
  auto upload = std::make_unique<FileUpload>(*this, owner, header, *ticket);  // gives the slot back where it is refused
  if (absl::Status status = CheckRoom(owner, header); !status.ok()) return status;
  absl::StatusOr<int64_t> arrived = parts_.Size(name);
  if (absl::IsNotFound(arrived.status())) arrived = 0;
  if (!arrived.ok()) return arrived.status();
  // What begins at 0 begins anew; anything else must go on where the bytes end.
  if (header.offset() != 0 && header.offset() != *arrived) {
    return WithReason(
        absl::OutOfRangeError(absl::StrCat("header.offset: ", *arrived, " bytes have arrived, the stream begins at ", header.offset())),
        "UPLOAD_OFFSET", {{"offset", absl::StrCat(*arrived)}});
  }
  return upload;
}

// Whether the disk has room for the upload, and the owner may store it beside those under way, which have their slots by then: of several
// at once none is overlooked. Those that nobody goes on with give way.
absl::Status DatasetsImpl::CheckRoom(const std::string& owner, const v1::UploadHeader& header) {
  if (disk_ != nullptr) {
    if (absl::Status status = disk_->Check(header.size_bytes()); !status.ok()) return status;
  }
  if (quotas_ == nullptr || quotas_->Of(owner).max_stored_bytes() == 0) return absl::OkStatus();
  return parts_.MakeRoom(owner, [&](int64_t bytes) { return quotas_->CheckBytes(owner, bytes); });
}

// The data set that the upload would make, if it is there. AlreadyExists when the id names another content.
absl::StatusOr<std::optional<v1::Dataset>> DatasetsImpl::FindSame(const std::string& owner, const v1::UploadHeader& header) {
  const std::string id = IdOf(header);
  absl::StatusOr<store::DatasetRow> row = store_.GetDataset(owner, id);
  if (absl::IsNotFound(row.status())) return std::nullopt;
  if (!row.ok()) return row.status();
  if (row->sha256 != header.sha256()) {
    return WithReason(
        absl::AlreadyExistsError(absl::StrCat(DatasetName(id), " exists with another content; delete it or choose another id")),
        "DATASET_EXISTS", {{"resource", DatasetName(id)}});
  }
  if (const std::string format = FormatText(header.format()); !row->format.empty() && row->format != format) {
    return WithReason(absl::AlreadyExistsError(absl::StrCat(DatasetName(id), " was read from the same bytes by another format (",
                                                            row->format, ", not ", format, "); delete it or choose another id")),
                      "DATASET_EXISTS", {{"resource", DatasetName(id)}});
  }
  absl::StatusOr<v1::Dataset> dataset = Parse(*row);
  if (!dataset.ok()) return dataset.status();
  return *std::move(dataset);
}

absl::StatusOr<int64_t> DatasetsImpl::UploadOffset(const std::string& owner, const std::string& sha256) {
  absl::StatusOr<int64_t> size = parts_.Size(UploadName(owner, sha256));
  if (absl::IsNotFound(size.status())) return ResourceNotFound("sliceflow.dev/Upload", absl::StrCat("upload with SHA-256 ", sha256));
  return size;
}

absl::Status DatasetsImpl::Append(const std::string& owner, const v1::UploadHeader& header, int64_t offset, const std::string& data) {
  const std::string upload = UploadName(owner, header.sha256());
  if (offset + static_cast<int64_t>(data.size()) > header.size_bytes()) {
    parts_.Remove(upload);  // bytes that no upload of this size and SHA-256 has
    return WithReason(absl::InvalidArgumentError(absl::StrCat("more bytes came than the ", header.size_bytes(), " of header.size_bytes")),
                      "UPLOAD_SIZE");
  }
  return parts_.Write(upload, offset, data);
}

absl::StatusOr<v1::Dataset> DatasetsImpl::Complete(const std::string& owner, const v1::UploadHeader& header) {
  const absl::MutexLock lock(&table_mutex_);
  // Another stream may have made the data set since this one began.
  const std::string upload = UploadName(owner, header.sha256());
  const absl::StatusOr<std::optional<v1::Dataset>> same = FindSame(owner, header);
  if (absl::IsAlreadyExists(same.status()) || (same.ok() && same->has_value())) parts_.Remove(upload);
  if (!same.ok()) return same.status();
  if (same->has_value()) return **same;

  const absl::StatusOr<Tensor> tensor = ReadArrived(upload, header);
  if (IsRefusedForGood(tensor.status())) parts_.Remove(upload);
  if (!tensor.ok()) return tensor.status();
  v1::Dataset dataset = Describe(owner, header, *tensor);
  const std::string id = IdOf(header);
  if (quotas_ != nullptr) {
    if (absl::Status status = quotas_->CheckBytes(owner, dataset.size_bytes()); !status.ok()) return status;
  }
  const std::string key = absl::StrCat(BlobFolder({owner, id}), "/table");
  if (absl::Status status = blobs_.Put(key, PackValues(tensor->values)); !status.ok()) return status;
  absl::Status status = store_.CreateDataset({.owner = owner,
                                              .id = id,
                                              .sha256 = header.sha256(),
                                              .format = FormatText(header.format()),
                                              .blob_key = key,
                                              .bytes = dataset.size_bytes(),
                                              .dataset = dataset.SerializeAsString()});
  if (!status.ok()) return status;
  // The data set stands; a part that stays behind costs only room and is replaced by the next upload of the same content.
  parts_.Remove(upload);
  return dataset;
}

absl::StatusOr<Tensor> DatasetsImpl::ReadArrived(const std::string& upload, const v1::UploadHeader& header) {
  const absl::StatusOr<std::string> bytes = parts_.Read(upload);
  if (!bytes.ok()) return bytes.status();
  if (const std::string found = Sha256Hex(*bytes); found != header.sha256()) {
    return WithReason(
        absl::DataLossError(absl::StrCat("the bytes that arrived have SHA-256 ", found, ", not ", header.sha256(), "; upload them again")),
        "CHECKSUM_MISMATCH");
  }
  absl::StatusOr<Tensor> tensor = ReadTable(*bytes, header.format(), limits_);
  if (absl::IsInvalidArgument(tensor.status())) return WithReason(tensor.status(), "MALFORMED_TABLE");
  if (absl::IsResourceExhausted(tensor.status())) return WithReason(tensor.status(), "BEYOND_LIMIT");
  return tensor;
}

v1::Dataset DatasetsImpl::Describe(const std::string& owner, const v1::UploadHeader& header, const Tensor& tensor) {
  const std::string id = IdOf(header);
  const int64_t columns = static_cast<int64_t>(tensor.values.size()) / tensor.rows();
  v1::Dataset dataset;
  dataset.set_name(DatasetName(id));
  dataset.set_owner(owner);
  dataset.set_display_name(header.display_name().empty() ? id : header.display_name());
  dataset.set_rows(tensor.rows());
  dataset.set_columns(static_cast<int32_t>(columns));
  for (size_t axis = 1; axis < tensor.shape.size(); ++axis) dataset.add_row_shape(static_cast<int32_t>(tensor.shape[axis]));
  for (const double label : LabelValues(tensor, columns)) dataset.add_label_values(label);
  dataset.set_sha256(header.sha256());
  dataset.set_size_bytes(static_cast<int64_t>(tensor.values.size() * sizeof(float)));
  *dataset.mutable_create_time() = events::ToTimestamp(clock_.Now());
  return dataset;
}

absl::Status DatasetsImpl::DropAbandonedUploads() { return parts_.DropOlderThan(clock_.Now() - kPartLifetime); }

absl::StatusOr<store::DatasetRow> DatasetsImpl::Row(const Scope& scope, const DatasetKey& key) {
  if (!scope.Sees(key.owner)) return ResourceNotFound("sliceflow.dev/Dataset", DatasetName(key.id));
  absl::StatusOr<store::DatasetRow> row = store_.GetDataset(key.owner, key.id);
  if (absl::IsNotFound(row.status())) return ResourceNotFound("sliceflow.dev/Dataset", DatasetName(key.id));
  return row;
}

absl::StatusOr<v1::Dataset> DatasetsImpl::Get(const Scope& scope, const DatasetKey& key) {
  const absl::StatusOr<store::DatasetRow> row = Row(scope, key);
  if (!row.ok()) return row.status();
  return Parse(*row);
}

absl::StatusOr<Datasets::Page> DatasetsImpl::List(const Scope& scope, std::optional<int64_t> before_number, int limit) {
  const absl::StatusOr<std::vector<store::DatasetRow>> rows = store_.ListDatasets(scope.owner(), before_number, limit + 1);
  if (!rows.ok()) return rows.status();
  Page page;
  for (const store::DatasetRow& row : *rows) {
    if (static_cast<int>(page.datasets.size()) == limit) {
      page.next_number = (*rows)[limit - 1].number;
      break;
    }
    absl::StatusOr<v1::Dataset> dataset = Parse(row);
    if (!dataset.ok()) return dataset.status();
    page.datasets.push_back(*std::move(dataset));
  }
  return page;
}

absl::Status DatasetsImpl::Delete(const Scope& scope, const DatasetKey& key) {
  const absl::MutexLock lock(&table_mutex_);
  const absl::StatusOr<store::DatasetRow> row = Row(scope, key);
  if (!row.ok()) return row.status();
  const absl::StatusOr<std::vector<std::string>> users = store_.JobsUsingDataset(key.owner, key.id, kUsersNamed);
  if (!users.ok()) return users.status();
  if (!users->empty()) {
    return PreconditionError(
        "DATASET_IN_USE", DatasetName(key.id),
        absl::StrCat("jobs refer to it, and their steps are drawn from with it: ", absl::StrJoin(*users, ", "), "; delete them first"));
  }
  // Asks once more, in one transaction with the removal: a job may have come since.
  const auto remove = [&] { return store_.DeleteDataset(key.owner, key.id); };
  if (absl::Status status = disk_ == nullptr ? remove() : disk_->Free(remove); !status.ok()) return status;
  cache_.Drop(CachePrefix(key));
  return blobs_.DeleteTree(BlobFolder(key));
}

absl::StatusOr<std::shared_ptr<const Tensor>> DatasetsImpl::Load(const DatasetKey& key) {
  const absl::StatusOr<store::DatasetRow> row = Row(Scope::Everyone(), key);
  if (!row.ok()) return row.status();
  const absl::StatusOr<v1::Dataset> dataset = Parse(*row);
  if (!dataset.ok()) return dataset.status();
  const std::string cache_key = absl::StrCat(CachePrefix(key), dataset->sha256());
  if (auto cached = cache_.Get(cache_key)) return cached;
  const absl::StatusOr<std::string> bytes = blobs_.Get(row->blob_key);
  if (!bytes.ok()) return bytes.status();
  absl::StatusOr<Tensor> tensor = UnpackValues(*bytes, {dataset->rows(), dataset->columns()});
  if (!tensor.ok()) return tensor.status();
  auto shared = std::make_shared<const Tensor>(*std::move(tensor));
  cache_.Put(cache_key, shared);
  return shared;
}

absl::StatusOr<DatasetRows> DatasetsImpl::OpenRows(const Scope& scope, const DatasetKey& key, int64_t count) {
  const absl::StatusOr<store::DatasetRow> row = Row(scope, key);
  if (!row.ok()) return row.status();
  const absl::StatusOr<v1::Dataset> dataset = Parse(*row);
  if (!dataset.ok()) return dataset.status();
  absl::StatusOr<store::BlobReader> table = blobs_.Open(row->blob_key);
  if (!table.ok()) return NamedIfGone(table.status());
  return DatasetRows(*std::move(table), dataset->rows(), dataset->columns(), count);
}

}  // namespace

std::unique_ptr<Datasets> MakeDatasets(store::Store& store, store::BlobStore& blobs, FileSystem& files, std::string folder, Clock& clock,
                                       DatasetLimits limits, const Quotas* quotas, store::DiskRoom* disk) {
  return std::make_unique<DatasetsImpl>(store, blobs, files, std::move(folder), clock, limits, quotas, disk);
}

}  // namespace sliceflow::jobs
