// Rows of stored tables, against those picked from the table in memory.
#include "server/jobs/dataset_rows.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

#include "absl/status/status.h"
#include "common/tensor.h"
#include "tests/support/faulting_filesystem.h"

namespace sliceflow::jobs {
namespace {

using ::testing::ElementsAre;
using ::testing::Gt;

class DatasetRowsTest : public ::testing::Test {
 protected:
  // Value c of row r is r + c / 8.
  static std::vector<float> RowOf(int64_t row, int64_t columns) {
    std::vector<float> values(static_cast<size_t>(columns));
    for (int64_t c = 0; c < columns; ++c) values[static_cast<size_t>(c)] = static_cast<float>(row) + static_cast<float>(c) / 8;
    return values;
  }

  void Store(int64_t rows, int64_t columns) {
    std::vector<float> table;
    for (int64_t row = 0; row < rows; ++row) {
      const std::vector<float> values = RowOf(row, columns);
      table.insert(table.end(), values.begin(), values.end());
    }
    ASSERT_TRUE(blobs_.Put("table", PackValues(table)).ok());
    rows_ = rows;
    columns_ = columns;
  }

  DatasetRows Open(int64_t count) { return {blobs_.Open("table").value(), rows_, columns_, count}; }

  // All chunks put together; how many there were in `chunks`.
  absl::StatusOr<Tensor> Read(int64_t count, int* chunks = nullptr) {
    DatasetRows rows = Open(count);
    TensorAssembler assembler(int64_t{1} << 24);
    while (!rows.done()) {
      const absl::StatusOr<v1::TensorChunk> chunk = rows.Next();
      if (!chunk.ok()) return chunk.status();
      if (absl::Status status = assembler.Add(*chunk); !status.ok()) return status;
      if (chunks != nullptr) ++*chunks;
    }
    EXPECT_TRUE(assembler.complete());
    return assembler.Take();
  }

  testing::FaultingFileSystem files_;
  store::BlobStore blobs_{"blobs", files_};
  int64_t rows_ = 0, columns_ = 0;
};

TEST_F(DatasetRowsTest, AreEvenlySpreadInTheOrderOfTheTable) {
  Store(10, 1);
  EXPECT_THAT(Read(1)->values, ElementsAre(0));
  EXPECT_THAT(Read(3)->values, ElementsAre(0, 3, 6));
  EXPECT_THAT(Read(4)->values, ElementsAre(0, 2, 5, 7));
  EXPECT_THAT(Read(9)->values, ElementsAre(0, 1, 2, 3, 4, 5, 6, 7, 8));
}

TEST_F(DatasetRowsTest, AreAllWhereThereAreNoMore) {
  Store(5, 3);
  for (const int64_t count : {5, 6, 1'000'000}) {
    const Tensor all = Read(count).value();
    EXPECT_THAT(all.shape, ElementsAre(5, 3));
    EXPECT_THAT(all.values, ElementsAre(0, .125, .25, 1, 1.125, 1.25, 2, 2.125, 2.25, 3, 3.125, 3.25, 4, 4.125, 4.25));
  }
}

// Rows of 12 bytes lie across the borders of blocks and chunks, rows of 2 MiB have several of each.
TEST_F(DatasetRowsTest, AreWholeAcrossTheBordersOfChunks) {
  for (const auto& [rows, columns] : {std::pair<int64_t, int64_t>(300'001, 3), std::pair<int64_t, int64_t>(5, 1 << 19)}) {
    Store(rows, columns);
    for (const int64_t count : {int64_t{1}, rows / 2, rows - 1, rows}) {
      int chunks = 0;
      const Tensor tensor = Read(count, &chunks).value();
      ASSERT_THAT(tensor.shape, ElementsAre(count, columns));
      if (count * columns > (1 << 18)) {
        EXPECT_THAT(chunks, Gt(1));
      }
      for (int64_t i = 0; i < count; ++i) {
        const auto begin = tensor.values.begin() + i * columns;
        ASSERT_EQ(std::vector<float>(begin, begin + columns), RowOf(i * rows / count, columns)) << i << " of " << count << " of " << rows;
      }
    }
  }
}

TEST_F(DatasetRowsTest, OfADamagedTableAreNeverComplete) {
  Store(300'000, 1);
  for (const size_t offset : {size_t{0}, size_t{1'199'999}}) {
    files_.Damage("blobs/table", offset);
    for (const int64_t count : {1, 300'000}) EXPECT_TRUE(absl::IsDataLoss(Read(count).status())) << offset << " " << count;
    files_.Damage("blobs/table", offset);
  }
  rows_ = 300'001;
  EXPECT_TRUE(absl::IsDataLoss(Read(300'001).status())) << "shorter than it is said to be";
}

TEST_F(DatasetRowsTest, EndWithTheDataSet) {
  Store(300'000, 1);
  DatasetRows rows = Open(300'000);
  ASSERT_TRUE(rows.Next().ok());
  ASSERT_TRUE(blobs_.Delete("table").ok());
  const absl::Status status = rows.Next().status();
  EXPECT_TRUE(absl::IsNotFound(status)) << status;
  EXPECT_EQ(status.message().find("blobs"), absl::string_view::npos) << "paths of the server are not told";
}

}  // namespace
}  // namespace sliceflow::jobs
