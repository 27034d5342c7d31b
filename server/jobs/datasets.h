// A data set's life: uploaded in pieces, checked, read as a table, kept, deleted.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/clock.h"
#include "common/filesystem.h"
#include "common/tensor.h"
#include "server/jobs/dataset_rows.h"
#include "server/jobs/quota.h"
#include "server/jobs/scope.h"
#include "server/store/blob_store.h"
#include "server/store/disk_room.h"
#include "server/store/store.h"
#include "sliceflow/v1/dataset.pb.h"
#include "sliceflow/v1/dataset_service.pb.h"

namespace sliceflow::jobs {

struct DatasetLimits {
  int64_t max_upload_bytes = 0;
  int64_t max_values = 0;
};

// A data set: each owner has names of its own.
struct DatasetKey {
  std::string owner;
  std::string id;
};

// One upload in progress. Not thread-safe. Destroying it keeps what arrived, so that it can be gone on with.
class Upload {
 public:
  virtual ~Upload() = default;
  // Durable once it returns. InvalidArgument beyond the declared size; Aborted when the stream was silent for long and another one was
  // given its place.
  virtual absl::Status Write(const std::string& data) = 0;
  // Checks size and SHA-256 (DataLoss), reads the table (InvalidArgument naming line and column), and makes the data set. What arrived is
  // kept only where another try could end otherwise.
  virtual absl::StatusOr<v1::Dataset> Finish() = 0;
};

// Thread-safe. What a scope does not see is NotFound, as what does not exist.
class Datasets {
 public:
  virtual ~Datasets() = default;

  // OutOfRange when the header's offset is not what has arrived; ResourceExhausted beyond the limits, the owner's quota, its share of
  // uploads or the room on the disk; Aborted while the same upload is being written by another stream of the owner; AlreadyExists when the
  // owner's id names another content or one that was read by another format. A header whose content is already the owner's data set of that id finishes at once,
  // whatever is written.
  virtual absl::StatusOr<std::unique_ptr<Upload>> StartUpload(const std::string& owner, const v1::UploadHeader& header) = 0;
  virtual absl::StatusOr<int64_t> UploadOffset(const std::string& owner, const std::string& sha256) = 0;
  virtual absl::StatusOr<v1::Dataset> Get(const Scope& scope, const DatasetKey& key) = 0;
  struct Page {
    std::vector<v1::Dataset> datasets;
    std::optional<int64_t> next_number;
  };
  virtual absl::StatusOr<Page> List(const Scope& scope, std::optional<int64_t> before_number, int limit) = 0;
  // FailedPrecondition (reason DATASET_IN_USE) while a stored job refers to it, ended or not: its kept steps are drawn from with it.
  virtual absl::Status Delete(const Scope& scope, const DatasetKey& key) = 0;
  // The table, of shape [rows, columns], for a worker; the newest few are cached.
  virtual absl::StatusOr<std::shared_ptr<const Tensor>> Load(const DatasetKey& key) = 0;
  // At most `count` rows, from 1 on, of the table. DataLoss for a damaged one, here or as it is read.
  virtual absl::StatusOr<DatasetRows> OpenRows(const Scope& scope, const DatasetKey& key, int64_t count) = 0;
  // Removes unfinished uploads that nobody went on with for a day; not one that is being written. To be called now and then.
  virtual absl::Status DropAbandonedUploads() = 0;
};

// All must outlive the result. `folder` holds unfinished uploads. Nothing is bounded by quotas where there are none, nor is room on the
// disk asked for without `disk`.
std::unique_ptr<Datasets> MakeDatasets(store::Store& store, store::BlobStore& blobs, FileSystem& files, std::string folder, Clock& clock,
                                       DatasetLimits limits, const Quotas* quotas = nullptr, store::DiskRoom* disk = nullptr);

}  // namespace sliceflow::jobs
