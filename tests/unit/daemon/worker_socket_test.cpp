#include "server/daemon/worker_socket.h"

#include <gtest/gtest.h>
#include <stdlib.h>

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
  std::string left = (std::filesystem::temp_directory_path() / "sliceflow-XXXXXX").string();
  ASSERT_NE(mkdtemp(left.data()), nullptr);
  ASSERT_TRUE(files_.WriteFileDurably(left + "/worker.sock", "").ok());
  ASSERT_TRUE(files_.WriteFileDurably(note(), left).ok());
  const WorkerSocket socket = WorkerSocket::Make(files_, data_.path()).value();
  EXPECT_FALSE(std::filesystem::exists(left));
  EXPECT_TRUE(std::filesystem::is_directory(FolderOf(socket)));
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
