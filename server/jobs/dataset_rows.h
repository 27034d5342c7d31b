// Some rows of a stored table, evenly spread.
#pragma once

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "server/store/blob_store.h"
#include "sliceflow/v1/tensor.pb.h"

namespace sliceflow::jobs {

// In place of the file system's NotFound, which names a path: a data set was deleted while it was read, or its file lost.
absl::Status NamedIfGone(const absl::Status& status);

// Reads the table once from its beginning, and holds no more of it than a chunk's bytes twice, however large it and its rows are. Not
// thread-safe.
class DatasetRows {
 public:
  // `table`: packed float32 of shape [rows, columns], each at least 1. `count`: at least 1; all rows where there are no more. Row i of n is
  // row floor(i * rows / n) of the table.
  DatasetRows(store::BlobReader table, int64_t rows, int64_t columns, int64_t count);

  bool done() const { return done_; }
  // The next chunk of the tensor of shape [n, columns]. Must not be done. DataLoss for a damaged table, at the latest in place of the last
  // chunk; NotFound once the data set was deleted.
  absl::StatusOr<v1::TensorChunk> Next();

 private:
  absl::Status Fill(std::string& data);
  absl::Status ReadBlock();
  absl::Status ReadToEnd();

  store::BlobReader table_;
  const int64_t rows_;
  const int64_t columns_;
  const int64_t count_;
  std::string block_;        // of the table, from byte `block_begin_` on
  int64_t block_begin_ = 0;  // bytes
  int64_t picked_ = 0;       // rows that were taken whole
  int64_t in_row_ = 0;       // bytes that were taken of the row after them
  int64_t offset_ = 0;       // bytes of the answer before the next chunk
  bool done_ = false;
};

}  // namespace sliceflow::jobs
