#include "common/line_writer.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "tests/support/patience.h"

namespace sliceflow {
namespace {

using sliceflow::testing::kPatience;
using ::testing::ElementsAre;

class LineWriterTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::signal(SIGPIPE, SIG_IGN);
    ASSERT_EQ(pipe2(ends_, O_CLOEXEC), 0);
    writer_ = std::make_unique<LineWriter>(ends_[1], [](int64_t dropped) { return absl::StrCat("dropped ", dropped); });
  }
  void TearDown() override {
    CloseReader();  // a write under way ends
    writer_.reset();
    close(ends_[1]);
  }
  void CloseReader() {
    if (ends_[0] >= 0) close(std::exchange(ends_[0], -1));
  }

  // The next lines that come out.
  std::vector<std::string> Read(size_t count) {
    while (static_cast<size_t>(std::count(text_.begin(), text_.end(), '\n')) < count) {
      char buffer[1 << 16];
      const ssize_t bytes = read(ends_[0], buffer, sizeof buffer);
      if (bytes <= 0) break;
      text_.append(buffer, static_cast<size_t>(bytes));
    }
    std::vector<std::string> lines = absl::StrSplit(text_, absl::MaxSplits('\n', count));
    text_ = lines.back();
    lines.pop_back();
    return lines;
  }

  int ends_[2] = {-1, -1};
  std::string text_;  // read and not given yet
  std::unique_ptr<LineWriter> writer_;
};

TEST_F(LineWriterTest, WithoutAThreadALineIsThereAtOnce) {
  writer_->Write("one");
  char buffer[10];
  EXPECT_EQ(read(ends_[0], buffer, sizeof buffer), 4);
  EXPECT_TRUE(writer_->Flush(absl::ZeroDuration()));
}

TEST_F(LineWriterTest, AThreadWritesInOrder) {
  writer_->StartThread();
  for (int i = 0; i < 100; ++i) writer_->Write(absl::StrCat(i));
  EXPECT_TRUE(writer_->Flush(kPatience));
  const std::vector<std::string> lines = Read(100);
  ASSERT_EQ(lines.size(), 100);
  for (int i = 0; i < 100; ++i) EXPECT_EQ(lines[static_cast<size_t>(i)], absl::StrCat(i));
}

// Nobody reads: writers go on, and what had no room is told once there is some.
TEST_F(LineWriterTest, AStalledReaderHoldsNobodyUpAndWhatIsDroppedIsCounted) {
  writer_->StartThread();
  const std::string text(10'000, 'x');
  constexpr size_t kLines = 2000;  // 20 MB
  for (size_t i = 0; i < kLines; ++i) writer_->Write(text);
  EXPECT_FALSE(writer_->Flush(absl::Milliseconds(1)));
  size_t whole = 0, dropped = 0;
  while (whole + dropped < kLines) {
    const std::vector<std::string> lines = Read(1);
    ASSERT_EQ(lines.size(), 1);
    size_t count = 0;
    if (lines[0] == text) {
      ++whole;
    } else {
      ASSERT_TRUE(absl::SimpleAtoi(absl::StripPrefix(lines[0], "dropped "), &count)) << lines[0];
      dropped += count;
    }
  }
  EXPECT_EQ(whole + dropped, kLines);
  // A pipe holds 64 KiB; the writer may have taken what waited before the pipe was full, and let as much wait again.
  EXPECT_GE(whole, LineWriter::kMostWaitingBytes / text.size());
  EXPECT_LE(whole, 2 * LineWriter::kMostWaitingBytes / text.size() + 10);
  EXPECT_TRUE(writer_->Flush(kPatience));
  writer_->Write("after");
  EXPECT_THAT(Read(1), ElementsAre("after"));
}

TEST_F(LineWriterTest, ADescriptorThatDoesNotBlockGetsAllOfALine) {
  ASSERT_EQ(fcntl(ends_[1], F_SETFL, O_NONBLOCK), 0);
  writer_->StartThread();
  const std::string text(300'000, 'x');
  writer_->Write(text);
  EXPECT_THAT(Read(1), ElementsAre(text));
}

TEST_F(LineWriterTest, WhatIsRefusedIsNoTrouble) {
  CloseReader();
  writer_->StartThread();
  for (int i = 0; i < 100; ++i) writer_->Write("nobody reads this");
  EXPECT_TRUE(writer_->Flush(kPatience));
}

}  // namespace
}  // namespace sliceflow
