#include "server/api/tensor_chunks.h"

#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include <memory>
#include <utility>
#include <vector>

#include "sliceflow/v1/job_service.grpc.pb.h"

namespace sliceflow::api {
namespace {

constexpr int kField = v1::WatchJobResponse::kSamplesFieldNumber;

// `rows` rows of two values each, all different.
std::shared_ptr<const Tensor> Counted(int64_t rows) {
  Tensor tensor{.shape = {rows, 2}, .values = std::vector<float>(2 * rows)};
  for (size_t i = 0; i < tensor.values.size(); ++i) tensor.values[i] = static_cast<float>(i);
  return std::make_shared<const Tensor>(std::move(tensor));
}

// As a client reads it.
v1::WatchJobResponse Parsed(grpc::ByteBuffer bytes) {
  v1::WatchJobResponse message;
  EXPECT_TRUE(grpc::SerializationTraits<v1::WatchJobResponse>::Deserialize(&bytes, &message).ok());
  return message;
}

class TensorChunksTest : public ::testing::TestWithParam<std::pair<int64_t, int64_t>> {};

TEST_P(TensorChunksTest, BytesOfAMessageAreItsChunk) {
  const auto [rows, wanted] = GetParam();
  TensorChunks chunks(Counted(rows), wanted);
  TensorChunks bytes(Counted(rows), wanted);
  while (!chunks.done()) {
    ASSERT_FALSE(bytes.done());
    const v1::TensorChunk chunk = chunks.Next();
    const v1::WatchJobResponse message = Parsed(bytes.NextIn(kField));
    ASSERT_TRUE(message.has_samples());
    // Not by their texts: these are long.
    EXPECT_TRUE(message.samples().SerializeAsString() == chunk.SerializeAsString()) << "chunk at " << chunk.offset();
  }
  EXPECT_TRUE(bytes.done());
}

// None, a few, one chunk to the last value, several; all of them or fewer.
INSTANTIATE_TEST_SUITE_P(Sizes, TensorChunksTest,
                         ::testing::Values(std::pair(0, -1), std::pair(1, -1), std::pair(100, 7), std::pair(100, 0), std::pair(131'072, -1),
                                           std::pair(300'000, -1), std::pair(300'000, 200'000)));

TEST(TensorChunksTest, BytesOutliveTheirTensor) {
  std::shared_ptr<const Tensor> tensor = Counted(1000);
  const std::weak_ptr<const Tensor> kept = tensor;
  {
    grpc::ByteBuffer bytes;
    {
      TensorChunks chunks(std::move(tensor), -1);
      bytes = chunks.NextIn(kField);
    }
    EXPECT_FALSE(kept.expired());
    EXPECT_EQ(Parsed(bytes).samples().data(), TensorChunks(Counted(1000), -1).Next().data());
  }
  EXPECT_TRUE(kept.expired());
}

}  // namespace
}  // namespace sliceflow::api
