#include "common/blob_inbox.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace sliceflow {
namespace {

using ::testing::ElementsAre;

TEST(BlobInbox, PutsPiecesTogetherByName) {
  BlobInbox inbox(1000);
  const std::string bytes = PackValues({1, 2, 3, 4});
  ASSERT_TRUE(inbox.Add("samples", bytes.substr(0, 7), {2, 2}).ok());
  ASSERT_TRUE(inbox.Add("checkpoint", "abc", {}).ok());
  ASSERT_TRUE(inbox.Add("samples", bytes.substr(7), {}).ok());
  const auto samples = inbox.TakeTensor("samples");
  ASSERT_TRUE(samples.ok()) << samples.status();
  EXPECT_THAT(samples->shape, ElementsAre(2, 2));
  EXPECT_THAT(samples->values, ElementsAre(1, 2, 3, 4));
  EXPECT_EQ(*inbox.TakeBytes("checkpoint"), "abc");
  EXPECT_TRUE(absl::IsNotFound(inbox.TakeBytes("checkpoint").status()));
}

TEST(BlobInbox, ShapeThatTheBytesDoNotFillIsDataLoss) {
  BlobInbox inbox(1000);
  ASSERT_TRUE(inbox.Add("samples", PackValues({1, 2, 3}), {2, 2}).ok());
  EXPECT_TRUE(absl::IsDataLoss(inbox.TakeTensor("samples").status()));
}

TEST(BlobInbox, HoldsNoMoreThanItsBounds) {
  BlobInbox inbox(10);
  ASSERT_TRUE(inbox.Add("a", "123456", {}).ok());
  EXPECT_TRUE(absl::IsResourceExhausted(inbox.Add("b", "12345", {})));
  ASSERT_TRUE(inbox.TakeBytes("a").ok());
  EXPECT_TRUE(inbox.Add("b", "1234567890", {}).ok());
  inbox.Clear();
  for (int i = 0; i < 64; ++i) ASSERT_TRUE(inbox.Add("key" + std::to_string(i), "", {}).ok());
  EXPECT_TRUE(absl::IsResourceExhausted(inbox.Add("one more", "", {})));
  EXPECT_TRUE(inbox.Add("key1", "12", {}).ok());
}

TEST(BlobInbox, RefusesWhatIsNoPiece) {
  BlobInbox inbox(kMaxChunkBytes * 2);
  EXPECT_TRUE(absl::IsInvalidArgument(inbox.Add("", "1", {})));
  EXPECT_TRUE(absl::IsInvalidArgument(inbox.Add("a", std::string(kMaxChunkBytes + 1, 'x'), {})));
}

}  // namespace
}  // namespace sliceflow
