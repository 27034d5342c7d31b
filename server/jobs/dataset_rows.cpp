#include "server/jobs/dataset_rows.h"

#include <algorithm>
#include <utility>

#include "absl/status/status.h"
#include "common/tensor.h"

namespace sliceflow::jobs {

absl::Status NamedIfGone(const absl::Status& status) {
  if (!absl::IsNotFound(status)) return status;
  return absl::NotFoundError("the stored table is gone: the data set was deleted meanwhile, or its file was lost");
}

DatasetRows::DatasetRows(store::BlobReader table, int64_t rows, int64_t columns, int64_t count)
    : table_(std::move(table)), rows_(rows), columns_(columns), count_(std::min(count, rows)) {}

absl::StatusOr<v1::TensorChunk> DatasetRows::Next() {
  v1::TensorChunk chunk;
  if (offset_ == 0) {
    chunk.add_shape(count_);
    chunk.add_shape(columns_);
  }
  chunk.set_offset(offset_);
  if (absl::Status status = Fill(*chunk.mutable_data()); !status.ok()) return status;
  offset_ += static_cast<int64_t>(chunk.data().size());
  done_ = picked_ == count_;
  chunk.set_last(done_);
  if (!done_) return chunk;
  // Only the table's end tells whether what was taken of it is whole.
  if (absl::Status status = ReadToEnd(); !status.ok()) return status;
  return chunk;
}

absl::Status DatasetRows::Fill(std::string& data) {
  const int64_t row_bytes = columns_ * static_cast<int64_t>(sizeof(float));
  while (picked_ < count_ && static_cast<int64_t>(data.size()) < kMaxChunkBytes) {
    const int64_t begin = picked_ * rows_ / count_ * row_bytes + in_row_ - block_begin_;
    const int64_t left = static_cast<int64_t>(block_.size()) - begin;
    if (left <= 0) {
      if (absl::Status status = ReadBlock(); !status.ok()) return status;
      if (block_.empty()) return absl::DataLossError("the stored table is shorter than its rows");
      continue;
    }
    const int64_t taken = std::min({row_bytes - in_row_, left, kMaxChunkBytes - static_cast<int64_t>(data.size())});
    data.append(block_, static_cast<size_t>(begin), static_cast<size_t>(taken));
    in_row_ += taken;
    if (in_row_ < row_bytes) continue;
    in_row_ = 0;
    ++picked_;
  }
  return absl::OkStatus();
}

absl::Status DatasetRows::ReadBlock() {
  absl::StatusOr<std::string> block = table_.Read(kMaxChunkBytes);
  if (!block.ok()) return NamedIfGone(block.status());
  block_begin_ += static_cast<int64_t>(block_.size());
  block_ = *std::move(block);
  return absl::OkStatus();
}

absl::Status DatasetRows::ReadToEnd() {
  while (!block_.empty()) {
    if (absl::Status status = ReadBlock(); !status.ok()) return status;
  }
  return absl::OkStatus();
}

}  // namespace sliceflow::jobs
