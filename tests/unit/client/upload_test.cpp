#include "client/cpp/upload.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "common/errors.h"
#include "tests/unit/client/fake_server.h"

namespace sliceflow::client {
namespace {

using ::testing::ElementsAre;

class UploadTest : public ::testing::Test {
 protected:
  UploadTest() : path_(std::filesystem::temp_directory_path() / ("sliceflow_upload_" + std::to_string(getpid()))) {
    options_.path = path_;
    options_.dataset_id = "table";
    options_.format.set_kind(v1::DatasetFormat::CSV);
  }
  ~UploadTest() override { std::filesystem::remove_all(path_); }

  void Write(const std::string& bytes) { std::ofstream(path_, std::ios::binary) << bytes; }

  FakeServer fake_;
  std::filesystem::path path_;
  UploadOptions options_;
};

TEST_F(UploadTest, SendsTheBytesWithTheirHash) {
  Write("abc");
  int64_t seen = 0;
  options_.on_progress = [&](int64_t sent, int64_t size) {
    seen = sent;
    EXPECT_EQ(size, 3);
  };
  const auto dataset = fake_.MakeClient().UploadDataset(options_);
  ASSERT_TRUE(dataset.ok()) << dataset.status();
  EXPECT_EQ(dataset->name(), "datasets/table");
  EXPECT_EQ(fake_.datasets.received, "abc");
  // FIPS 180-2, appendix B.1.
  EXPECT_EQ(fake_.datasets.header.sha256(), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(fake_.datasets.header.size_bytes(), 3);
  EXPECT_EQ(seen, 3);
}

TEST_F(UploadTest, GoesOnWhereTheStreamBrokeOff) {
  std::string bytes(3 << 20, '\0');
  for (size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<char>(i * 2654435761u >> 24);
  Write(bytes);
  fake_.datasets.break_after = 1 << 20;
  const auto dataset = fake_.MakeClient().UploadDataset(options_);
  ASSERT_TRUE(dataset.ok()) << dataset.status();
  EXPECT_EQ(fake_.datasets.received, bytes);
  EXPECT_THAT(fake_.datasets.offsets, ElementsAre(0, 1 << 20));
}

TEST_F(UploadTest, GoesOnWhereAnEarlierProgramBrokeOff) {
  Write("0123456789");
  fake_.datasets.received = "0123";
  ASSERT_TRUE(fake_.MakeClient().UploadDataset(options_).ok());
  EXPECT_EQ(fake_.datasets.received, "0123456789");
  EXPECT_THAT(fake_.datasets.offsets, ElementsAre(4));
}

TEST_F(UploadTest, ABusyServerIsAskedAgain) {
  Write("abc");
  fake_.datasets.busy_left = 10;
  const auto dataset = fake_.MakeClient().UploadDataset(options_);
  ASSERT_TRUE(dataset.ok()) << dataset.status();
  EXPECT_EQ(fake_.datasets.received, "abc");
}

// As when this program was killed and started again before the server has seen the stream of the one before end.
TEST_F(UploadTest, WaitsForAnotherStreamWithTheSameContent) {
  Write("abc");
  fake_.datasets.busy_left = 10;
  fake_.datasets.busy = WithReason(absl::AbortedError("the same content is being uploaded by another stream"), "UPLOAD_IN_PROGRESS");
  const auto dataset = fake_.MakeClient().UploadDataset(options_);
  ASSERT_TRUE(dataset.ok()) << dataset.status();
  EXPECT_EQ(fake_.datasets.received, "abc");
}

TEST_F(UploadTest, FilesThatCannotBeSentAreNotSent) {
  EXPECT_TRUE(absl::IsNotFound(fake_.MakeClient().UploadDataset(options_).status()));
  Write("");
  EXPECT_TRUE(absl::IsInvalidArgument(fake_.MakeClient().UploadDataset(options_).status()));
  options_.path = "/";
  EXPECT_TRUE(absl::IsInvalidArgument(fake_.MakeClient().UploadDataset(options_).status()));
  EXPECT_THAT(fake_.datasets.offsets, ElementsAre());
}

}  // namespace
}  // namespace sliceflow::client
