#include "common/tensor.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>
#include <numeric>
#include <random>

namespace sliceflow {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

Tensor Counting(std::vector<int64_t> shape) {
  const int64_t count = std::accumulate(shape.begin(), shape.end(), int64_t{1}, std::multiplies<>());
  Tensor tensor{.shape = std::move(shape), .values = std::vector<float>(count)};
  std::iota(tensor.values.begin(), tensor.values.end(), 0.0F);
  return tensor;
}

std::vector<v1::TensorChunk> Chunks(const Tensor& tensor) {
  std::vector<v1::TensorChunk> chunks;
  EXPECT_TRUE(ForEachChunk(tensor, [&](v1::TensorChunk chunk) {
                chunks.push_back(std::move(chunk));
                return absl::OkStatus();
              }).ok());
  return chunks;
}

TEST(ElementCountTest, CountsAndRefuses) {
  EXPECT_EQ(ElementCount({3, 4}, 12).value(), 12);
  EXPECT_EQ(ElementCount({3, 0}, 12).value(), 0);
  EXPECT_TRUE(absl::IsInvalidArgument(ElementCount({3, 5}, 14).status()));
  EXPECT_TRUE(absl::IsInvalidArgument(ElementCount({-1, 5}, 14).status()));
  EXPECT_TRUE(absl::IsInvalidArgument(ElementCount({}, 14).status()));
  constexpr int64_t kHuge = std::numeric_limits<int64_t>::max();
  EXPECT_TRUE(absl::IsInvalidArgument(ElementCount({kHuge, kHuge, 2}, kHuge).status()));  // no overflow
}

TEST(ChunksTest, ALargeTensorTravelsInPiecesOfAMebibyte) {
  const Tensor tensor = Counting({1000, 700});  // 2.67 MiB
  const std::vector<v1::TensorChunk> chunks = Chunks(tensor);
  ASSERT_EQ(chunks.size(), 3U);
  EXPECT_THAT(chunks[0].shape(), ElementsAre(1000, 700));
  EXPECT_EQ(chunks[1].shape_size(), 0);
  EXPECT_EQ(chunks[1].offset(), kMaxChunkBytes);
  EXPECT_FALSE(chunks[1].last());
  EXPECT_TRUE(chunks[2].last());

  TensorAssembler assembler(700'000);
  for (const v1::TensorChunk& chunk : chunks) ASSERT_TRUE(assembler.Add(chunk).ok());
  ASSERT_TRUE(assembler.complete());
  const Tensor back = assembler.Take();
  EXPECT_EQ(back.shape, tensor.shape);
  EXPECT_EQ(back.values, tensor.values);
}

TEST(ChunksTest, AnEmptyTensorIsOneChunk) {
  const std::vector<v1::TensorChunk> chunks = Chunks(Tensor{.shape = {0, 3}});
  ASSERT_EQ(chunks.size(), 1U);
  EXPECT_TRUE(chunks[0].last());
  TensorAssembler assembler(10);
  ASSERT_TRUE(assembler.Add(chunks[0]).ok());
  EXPECT_TRUE(assembler.complete());
  EXPECT_THAT(assembler.Take().shape, ElementsAre(0, 3));
}

TEST(ChunksTest, AnErrorOfTheReceiverStopsTheSender) {
  int calls = 0;
  const absl::Status status = ForEachChunk(Counting({1000, 700}), [&](v1::TensorChunk) {
    ++calls;
    return absl::CancelledError("enough");
  });
  EXPECT_TRUE(absl::IsCancelled(status));
  EXPECT_EQ(calls, 1);
}

class AssemblerTest : public ::testing::Test {
 protected:
  v1::TensorChunk First() {
    v1::TensorChunk chunk;
    chunk.add_shape(2);
    chunk.add_shape(2);
    chunk.set_data(PackValues({1, 2}));
    return chunk;
  }
  v1::TensorChunk Second() {
    v1::TensorChunk chunk;
    chunk.set_offset(8);
    chunk.set_data(PackValues({3, 4}));
    chunk.set_last(true);
    return chunk;
  }
  void ExpectRefused(const v1::TensorChunk& chunk, const std::string& words) {
    const absl::Status status = assembler_.Add(chunk);
    EXPECT_TRUE(absl::IsInvalidArgument(status)) << status;
    EXPECT_THAT(std::string(status.message()), HasSubstr(words));
  }
  TensorAssembler assembler_{4};
};

TEST_F(AssemblerTest, RefusesAGap) {
  ASSERT_TRUE(assembler_.Add(First()).ok());
  v1::TensorChunk chunk = Second();
  chunk.set_offset(12);
  ExpectRefused(chunk, "offset 12 where 8 follows");
}

TEST_F(AssemblerTest, RefusesMoreThanTheShape) {
  ASSERT_TRUE(assembler_.Add(First()).ok());
  v1::TensorChunk chunk = Second();
  chunk.set_data(PackValues({3, 4, 5}));
  ExpectRefused(chunk, "more bytes");
}

TEST_F(AssemblerTest, RefusesAnEarlyEnd) {
  v1::TensorChunk chunk = First();
  chunk.set_last(true);
  ExpectRefused(chunk, "2 of 4");
}

TEST_F(AssemblerTest, RefusesASecondShapeAndWhatFollowsTheEnd) {
  ASSERT_TRUE(assembler_.Add(First()).ok());
  ExpectRefused(First(), "not the first");
  ASSERT_TRUE(assembler_.Add(Second()).ok());
  ExpectRefused(Second(), "after the last");
}

TEST_F(AssemblerTest, RefusesAShapeBeyondTheLimitBeforeItTakesMemory) {
  v1::TensorChunk chunk = First();
  chunk.set_shape(0, int64_t{1} << 60);
  ExpectRefused(chunk, "more than 4 values");
}

TEST_F(AssemblerTest, RefusesHalfAValueAndOversizedChunks) {
  v1::TensorChunk chunk = First();
  chunk.set_data("abc");
  ExpectRefused(chunk, "multiple of 4");
  chunk.set_data(std::string(kMaxChunkBytes + 4, 'x'));
  ExpectRefused(chunk, "at most 1048576");
}

TEST(PackTest, BytesAreLittleEndianAndComeBack) {
  EXPECT_EQ(PackValues({1.0F}), std::string("\x00\x00\x80\x3F", 4));
  const Tensor back = UnpackValues(PackValues({1, -2, 3.5F}), {3, 1}).value();
  EXPECT_THAT(back.values, ElementsAre(1, -2, 3.5F));
  EXPECT_TRUE(absl::IsDataLoss(UnpackValues("12345", {1}).status()));
  EXPECT_TRUE(absl::IsDataLoss(UnpackValues("12345678", {1}).status()));
  EXPECT_TRUE(absl::IsDataLoss(UnpackValues("1234", {2}).status()));
}

}  // namespace
}  // namespace sliceflow
