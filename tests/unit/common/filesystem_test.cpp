#include "common/filesystem.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/support/temp_folder.h"

namespace sliceflow {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

class RealFileSystemTest : public ::testing::Test {
 protected:
  std::string At(absl::string_view name) const { return absl::StrCat(folder_.path(), "/", name); }
  testing::TempFolder folder_;
  FileSystem& files_ = RealFileSystem();
};

TEST_F(RealFileSystemTest, WritesReplaceTheWholeFileAndLeaveNothingBeside) {
  ASSERT_TRUE(files_.WriteFileDurably(At("a"), "a long first text").ok());
  ASSERT_TRUE(files_.WriteFileDurably(At("a"), "second").ok());
  EXPECT_EQ(files_.ReadFile(At("a")).value(), "second");
  EXPECT_THAT(files_.List(folder_.path()).value(), ElementsAre("a"));
}

TEST_F(RealFileSystemTest, AFailedWriteLeavesTheOldFileAndNothingBeside) {
  ASSERT_TRUE(files_.CreateFolders(At("taken/inside")).ok());
  EXPECT_FALSE(files_.WriteFileDurably(At("taken"), "a file in a folder's place").ok());
  EXPECT_THAT(files_.List(folder_.path()).value(), ElementsAre("taken"));
}

// A reader sees the old bytes or the new ones, never part of either.
TEST_F(RealFileSystemTest, ReplacingIsAllOrNothingToReaders) {
  const std::string first(100'000, 'a');
  const std::string second(200'000, 'b');
  ASSERT_TRUE(files_.WriteFileDurably(At("file"), first).ok());
  std::thread writer([&] {
    for (int i = 0; i < 20; ++i) ASSERT_TRUE(files_.WriteFileDurably(At("file"), i % 2 == 0 ? second : first).ok());
  });
  for (int i = 0; i < 200; ++i) {
    const std::string bytes = files_.ReadFile(At("file")).value();
    ASSERT_TRUE(bytes == first || bytes == second) << bytes.size();
  }
  writer.join();
}

TEST_F(RealFileSystemTest, ReadAtGivesWhatThereIs) {
  ASSERT_TRUE(files_.WriteFileDurably(At("a"), "0123456789").ok());
  EXPECT_EQ(files_.ReadAt(At("a"), 0, 4).value(), "0123");
  EXPECT_EQ(files_.ReadAt(At("a"), 6, 3).value(), "678");
  EXPECT_EQ(files_.ReadAt(At("a"), 8, 100).value(), "89");
  EXPECT_EQ(files_.ReadAt(At("a"), 10, 1).value(), "");
  EXPECT_EQ(files_.ReadAt(At("a"), 11, 1).value(), "");
  EXPECT_TRUE(absl::IsNotFound(files_.ReadAt(At("b"), 0, 1).status()));
}

TEST_F(RealFileSystemTest, WriteAtContinuesAndCuts) {
  ASSERT_TRUE(files_.WriteAt(At("part"), 0, "hello").ok());
  ASSERT_TRUE(files_.WriteAt(At("part"), 5, " world").ok());
  EXPECT_EQ(files_.ReadFile(At("part")).value(), "hello world");
  ASSERT_TRUE(files_.WriteAt(At("part"), 3, "d").ok());
  EXPECT_EQ(files_.ReadFile(At("part")).value(), "held");
  EXPECT_EQ(files_.FileSize(At("part")).value(), 4);
}

TEST_F(RealFileSystemTest, TheTimeOfTheLastWriteIsTheDisks) {
  ASSERT_TRUE(files_.WriteFileDurably(At("file"), "1").ok());
  const timespec times[] = {{.tv_sec = 1, .tv_nsec = 0}, {.tv_sec = 1'000'000'000, .tv_nsec = 0}};
  ASSERT_EQ(utimensat(AT_FDCWD, At("file").c_str(), times, 0), 0);
  EXPECT_EQ(files_.ModifiedTime(At("file")).value(), absl::FromUnixSeconds(1'000'000'000));
  EXPECT_TRUE(absl::IsNotFound(files_.ModifiedTime(At("no")).status()));
}

TEST_F(RealFileSystemTest, WhatIsMissingIsNotFoundOrNothing) {
  EXPECT_TRUE(absl::IsNotFound(files_.ReadFile(At("no")).status()));
  EXPECT_TRUE(absl::IsNotFound(files_.FileSize(At("no")).status()));
  EXPECT_TRUE(absl::IsNotFound(files_.WriteFileDurably(At("no/file"), "x")));
  EXPECT_TRUE(files_.Remove(At("no")).ok());
  EXPECT_TRUE(files_.RemoveTree(At("no")).ok());
  EXPECT_THAT(files_.List(At("no")).value(), IsEmpty());
}

TEST_F(RealFileSystemTest, FoldersAreMadeListedAndRemoved) {
  ASSERT_TRUE(files_.CreateFolders(At("a/b/c")).ok());
  ASSERT_TRUE(files_.CreateFolders(At("a/b/c")).ok());
  ASSERT_TRUE(files_.WriteFileDurably(At("a/b/x"), "1").ok());
  EXPECT_THAT(files_.List(At("a/b")).value(), UnorderedElementsAre("c", "x"));
  ASSERT_TRUE(files_.RemoveTree(At("a")).ok());
  EXPECT_THAT(files_.List(folder_.path()).value(), IsEmpty());
}

TEST_F(RealFileSystemTest, ErrorsSayWhatAndWhere) {
  ASSERT_TRUE(files_.WriteFileDurably(At("file"), "1").ok());
  const absl::Status status = files_.CreateFolders(At("file"));
  EXPECT_TRUE(absl::IsUnavailable(status)) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr(At("file")));
}

TEST_F(RealFileSystemTest, FilesArePrivateToTheirOwner) {
  ASSERT_TRUE(files_.CreateFolders(At("private")).ok());
  ASSERT_TRUE(files_.WriteFileDurably(At("private/file"), "1").ok());
  for (const char* name : {"private", "private/file"}) {
    struct stat info;
    ASSERT_EQ(stat(At(name).c_str(), &info), 0);
    EXPECT_EQ(info.st_mode & 077, 0U) << name;
  }
}

}  // namespace
}  // namespace sliceflow
