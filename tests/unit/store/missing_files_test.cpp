// Files that are taken away, under the store or before it is opened: nothing is acknowledged that would be lost, and nothing is begun anew
// in the place of what is missing.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/errors.h"
#include "common/filesystem.h"
#include "server/store/backup.h"
#include "server/store/blob_store.h"
#include "server/store/folder_check.h"
#include "server/store/store.h"
#include "server/store/token_store.h"
#include "tests/support/temp_folder.h"
#include "tests/unit/store/rows.h"

namespace sliceflow::store {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

class MissingFilesTest : public ::testing::Test {
 protected:
  void SetUp() override { Open(); }

  void Open() {
    store_.reset();
    auto store = OpenSqliteStore(folder_.path());
    ASSERT_TRUE(store.ok()) << store.status();
    store_ = *std::move(store);
  }

  void Create(const std::string& id) {
    const absl::Status status = store_->CreateJob(NewJob(id), "", "", "");
    ASSERT_TRUE(status.ok()) << status;
  }

  testing::TempFolder folder_;
  std::unique_ptr<Store> store_;
};

// What would be written then is in a file that no name leads to any more.
TEST_F(MissingFilesTest, ADatabaseThatIsRemovedTakesNothingUntilItIsBack) {
  Create("before");
  const std::filesystem::path in_use = folder_.path() + "/sliceflow.db", aside = folder_.path() + "/aside.db";
  std::filesystem::rename(in_use, aside);
  for (const absl::Status& status : {store_->CreateJob(NewJob("lost"), "", "", ""), store_->CheckHealth(), store_->CheckIntegrity()}) {
    EXPECT_TRUE(absl::IsUnavailable(status)) << status;
    EXPECT_EQ(Reason(status), "DATABASE_GONE");
  }
  EXPECT_FALSE(std::filesystem::exists(in_use));
  std::filesystem::rename(aside, in_use);
  EXPECT_TRUE(store_->CheckHealth().ok());
  Create("after");
  Open();
  for (const char* id : {"before", "after"}) EXPECT_TRUE(store_->GetJob(id).ok()) << id;
  EXPECT_TRUE(absl::IsNotFound(store_->GetJob("lost").status()));
}

// Commits go to the log, and a log without a name is gone with its process.
TEST_F(MissingFilesTest, ALogThatIsRemovedTakesNothingUntilItIsBackAndLosesNothing) {
  Create("before");
  for (const char* name : {"sliceflow.db-wal", "sliceflow.db-shm"}) {
    const std::filesystem::path in_use = folder_.path() + "/" + name, aside = folder_.path() + "/aside";
    std::filesystem::rename(in_use, aside);
    for (const absl::Status& status : {store_->CreateJob(NewJob("lost"), "", "", ""), store_->CheckHealth(), store_->CheckIntegrity()}) {
      EXPECT_TRUE(absl::IsUnavailable(status)) << status;
      EXPECT_EQ(Reason(status), "DATABASE_GONE");
      EXPECT_THAT(status.message(), HasSubstr(absl::StrCat(name, " was removed or replaced")));
    }
    EXPECT_FALSE(std::filesystem::exists(in_use));
    EXPECT_TRUE(store_->GetJob("before").ok()) << "what is there is still read";
    // What a kill would leave now.
    testing::TempFolder left;
    std::filesystem::copy(folder_.path() + "/sliceflow.db", left.path() + "/sliceflow.db");
    EXPECT_TRUE((*OpenSqliteStore(left.path()))->GetJob("before").ok());
    std::ofstream(in_use) << "another file";
    EXPECT_EQ(Reason(store_->CheckHealth()), "DATABASE_GONE");
    std::filesystem::rename(aside, in_use);
    EXPECT_TRUE(store_->CheckHealth().ok()) << store_->CheckHealth();
    Create(absl::StrCat("after ", name));
  }
  std::filesystem::remove(folder_.path() + "/sliceflow.db-wal");
  Open();
  for (const char* id : {"before", "after sliceflow.db-wal", "after sliceflow.db-shm"}) EXPECT_TRUE(store_->GetJob(id).ok()) << id;
  EXPECT_TRUE(absl::IsNotFound(store_->GetJob("lost").status()));
}

// Not being let look at a file does not say that it has gone.
TEST_F(MissingFilesTest, AFolderThatCannotBeLookedIntoIsToldByItsError) {
  Create("before");
  std::filesystem::rename(folder_.path(), folder_.path() + ".aside");
  std::filesystem::create_symlink(folder_.path(), folder_.path());  // a loop: an error for every user, root too
  const absl::Status status = store_->CreateJob(NewJob("lost"), "", "", "");
  std::filesystem::remove(folder_.path());
  std::filesystem::rename(folder_.path() + ".aside", folder_.path());
  EXPECT_TRUE(absl::IsUnavailable(status)) << status;
  EXPECT_EQ(Reason(status), "DATABASE_UNREACHABLE");
  EXPECT_THAT(status.message(), HasSubstr("symbolic links"));
  EXPECT_TRUE(store_->CheckHealth().ok());
}

// What is made in place of one that was moved away would take the log of that one with it.
TEST(MissingDatabaseTest, TokensAreNotKeptInADatabaseThatIsMadeBesideADaemon) {
  testing::TempFolder folder;
  auto store = *OpenSqliteStore(folder.path());
  ASSERT_TRUE(store->CreateJob(NewJob("a"), "", "", "").ok());
  for (const auto& [taken, reason] : {std::pair("/sliceflow.db", "DATABASE_MISSING"), std::pair("/sliceflow.db-wal", "DATABASE_GONE")}) {
    const std::string in_use = folder.path() + taken, aside = folder.path() + "/aside";
    std::filesystem::rename(in_use, aside);
    const absl::Status statuses[] = {OpenTokenStore(folder.path()).status(), BackUp(folder.path(), folder.path() + "/backup").status(),
                                     CheckFolder(folder.path()).status()};
    for (const absl::Status& status : statuses) {
      EXPECT_TRUE(absl::IsFailedPrecondition(status)) << status;
      EXPECT_EQ(Reason(status), reason) << status;
      EXPECT_THAT(status.message(), HasSubstr(folder.path()));
    }
    EXPECT_FALSE(std::filesystem::exists(in_use));
    std::filesystem::rename(aside, in_use);
  }
  EXPECT_TRUE(std::filesystem::exists(folder.path() + "/sliceflow.db-wal"));
  EXPECT_TRUE(OpenTokenStore(folder.path()).ok());
  EXPECT_TRUE(store->CheckHealth().ok());
}

TEST(MissingDatabaseTest, WhatADataFolderHoldsKeepsTokensFromBeginningADatabase) {
  for (const char* name : {"blobs", "lock", "sliceflow.db-wal"}) {
    testing::TempFolder folder;
    std::ofstream(folder.path() + "/" + name) << "something";
    EXPECT_EQ(Reason(OpenTokenStore(folder.path()).status()), "DATABASE_MISSING") << name;
    EXPECT_FALSE(std::filesystem::exists(folder.path() + "/sliceflow.db")) << name;
  }
  testing::TempFolder folder;
  std::ofstream(folder.path() + "/notes") << "something";
  EXPECT_TRUE(OpenTokenStore(folder.path()).ok());
}

// The sweep after the start takes every file that no row refers to: all of them.
TEST(MissingDatabaseTest, ADatabaseThatIsMissingIsNotBegunAnewBesideItsFiles) {
  testing::TempFolder folder;
  const std::filesystem::path database = folder.path() + "/sliceflow.db", aside = folder.path() + "/aside";
  ASSERT_TRUE((*OpenSqliteStore(folder.path()))->CreateJob(NewJob("a"), "", "", "").ok());
  for (const char* key : {"jobs/a/checkpoint-0", "datasets/d/table"}) {
    BlobStore blobs(folder.path() + "/blobs", RealFileSystem());
    ASSERT_TRUE(blobs.Put(key, "bytes").ok());
    std::filesystem::rename(database, aside);
    for (const bool empty : {false, true}) {
      if (empty) std::ofstream(database).flush();
      const absl::Status status = OpenSqliteStore(folder.path()).status();
      EXPECT_TRUE(absl::IsFailedPrecondition(status)) << status;
      EXPECT_EQ(Reason(status), "DATABASE_MISSING");
      EXPECT_THAT(status.message(), AllOf(HasSubstr(folder.path()), HasSubstr(std::string(key, 4)), HasSubstr("put the database back")));
      EXPECT_EQ(std::filesystem::exists(database), empty);
    }
    std::filesystem::rename(aside, database);
    EXPECT_TRUE((*OpenSqliteStore(folder.path()))->GetJob("a").ok());
    std::filesystem::remove_all(folder.path() + "/blobs");
  }
  std::filesystem::rename(database, aside);
  std::ofstream(folder.path() + "/sliceflow.db-wal") << "a log";
  EXPECT_EQ(Reason(OpenSqliteStore(folder.path()).status()), "DATABASE_MISSING");
  std::filesystem::remove(folder.path() + "/sliceflow.db-wal");
  EXPECT_TRUE(OpenSqliteStore(folder.path()).ok()) << "all was moved away";
}

}  // namespace
}  // namespace sliceflow::store
