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
#include "server/store/blob_store.h"
#include "server/store/store.h"
#include "sliceflow/v1/dataset.pb.h"
#include "sliceflow/v1/dataset_service.pb.h"

namespace sliceflow::jobs {

struct DatasetLimits {
  int64_t max_upload_bytes = 0;
  int64_t max_values = 0;
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

// Thread-safe.
class Datasets {
 public:
  virtual ~Datasets() = default;

  // OutOfRange when the header's offset is not what has arrived; ResourceExhausted beyond the limits; Aborted while the same upload is
  // being written by another stream; AlreadyExists when the id names another content or one that was read by another format. A header
  // whose content is already a data set of that id finishes at once, whatever is written.
  virtual absl::StatusOr<std::unique_ptr<Upload>> StartUpload(const v1::UploadHeader& header) = 0;
  virtual absl::StatusOr<int64_t> UploadOffset(const std::string& sha256) = 0;
  virtual absl::StatusOr<v1::Dataset> Get(const std::string& id) = 0;
  struct Page {
    std::vector<v1::Dataset> datasets;
    std::optional<int64_t> next_number;
  };
  virtual absl::StatusOr<Page> List(std::optional<int64_t> before_number, int limit) = 0;
  // FailedPrecondition (reason DATASET_IN_USE) while a stored job refers to it, ended or not: its kept steps are drawn from with it.
  virtual absl::Status Delete(const std::string& id) = 0;
  // The table, of shape [rows, columns]; the newest few are cached.
  virtual absl::StatusOr<std::shared_ptr<const Tensor>> Load(const std::string& id) = 0;
};

// All must outlive the result. `folder` holds unfinished uploads; those that nobody went on with for a day are removed here.
std::unique_ptr<Datasets> MakeDatasets(store::Store& store, store::BlobStore& blobs, FileSystem& files, std::string folder, Clock& clock,
                                       DatasetLimits limits);

}  // namespace sliceflow::jobs
