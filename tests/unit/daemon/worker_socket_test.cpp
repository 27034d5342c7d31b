#include "server/daemon/worker_socket.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <string>

#include "tests/support/temp_folder.h"

namespace sliceflow::daemon {
namespace {

class WorkerSocketTest : public ::testing::Test {
 protected:
  std::string note() const { return data_.path() + "/worker_socket"; }
  static std::string FolderOf(const WorkerSocket& socket) { return std::filesystem::path(socket.address().substr(5)).parent_path(); }

  testing::TempFolder data_;
  FileSystem& files_ = RealFileSystem();
};

TEST_F(WorkerSocketTest, ItsFolderGoesWithIt) {
  std::string folder;
  {
    const WorkerSocket socket = WorkerSocket::Make(files_, data_.path()).value();
    folder = FolderOf(socket);
    EXPECT_TRUE(std::filesystem::is_directory(folder));
    EXPECT_EQ(std::filesystem::status(folder).permissions(), std::filesystem::perms::owner_all);
    EXPECT_EQ(files_.ReadFile(note()).value(), folder);
  }
  EXPECT_FALSE(std::filesystem::exists(folder));
  EXPECT_TRUE(std::filesystem::is_empty(data_.path()));
}

TEST_F(WorkerSocketTest, WhatAKilledDaemonLeftIsRemoved) {
  const WorkerSocket killed = WorkerSocket::Make(files_, data_.path()).value();
  ASSERT_TRUE(files_.WriteFileDurably(FolderOf(killed) + "/worker.sock", "").ok());
  const WorkerSocket socket = WorkerSocket::Make(files_, data_.path()).value();
  EXPECT_FALSE(std::filesystem::exists(FolderOf(killed)));
  EXPECT_TRUE(std::filesystem::is_directory(FolderOf(socket)));
}

// A daemon that is started on a copy of a data folder must not cut off the workers of the one that runs on the original.
TEST_F(WorkerSocketTest, ACopyOfTheDataFolderTouchesNothingOfTheOriginals) {
  const WorkerSocket original = WorkerSocket::Make(files_, data_.path()).value();
  const testing::TempFolder copy;
  std::filesystem::copy(data_.path(), copy.path(), std::filesystem::copy_options::recursive);
  const WorkerSocket socket = WorkerSocket::Make(files_, copy.path()).value();
  EXPECT_TRUE(std::filesystem::is_directory(FolderOf(original)));
  EXPECT_NE(FolderOf(socket), FolderOf(original));
}

TEST_F(WorkerSocketTest, ANoteOfSomethingElseRemovesNothing) {
  const std::string precious = data_.path() + "/sliceflow-precious";
  ASSERT_TRUE(files_.CreateFolders(precious).ok());
  for (const std::string& text : {precious, data_.path(), std::string("/"), std::string("sliceflow-abcdef"), std::string()}) {
    ASSERT_TRUE(files_.WriteFileDurably(note(), text).ok());
    EXPECT_TRUE(WorkerSocket::Make(files_, data_.path()).ok());
    EXPECT_TRUE(std::filesystem::is_directory(precious)) << text;
  }
}

}  // namespace
}  // namespace sliceflow::daemon
