#include "server/store/backup.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>

#include "absl/strings/str_cat.h"
#include "common/filesystem.h"
#include "server/store/blob_store.h"
#include "server/store/folder_check.h"
#include "server/store/sqlite_connection.h"
#include "server/store/store.h"
#include "tests/support/temp_folder.h"
#include "tests/unit/store/rows.h"

namespace sliceflow::store {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

std::string KeyOf(const std::string& job, int step) { return absl::StrCat("jobs/", job, "/checkpoint-", step); }

class BackupTest : public ::testing::Test {
 protected:
  void Open() { store_ = *OpenSqliteStore(data()); }
  std::string data() const { return folder_.path() + "/data"; }
  std::string backup() const { return folder_.path() + "/backup"; }
  std::string restored() const { return folder_.path() + "/restored"; }

  // A step whose checkpoint is kept; the one of the step before is dropped, as the daemon does it: file, row, then the old file.
  void AddStep(const std::string& job, int step) {
    ASSERT_TRUE(blobs_.Put(KeyOf(job, step), absl::StrCat("checkpoint ", step, " of ", job)).ok());
    JobCommit commit = MoreEvents(*store_->GetJob(job), 1);
    commit.step = StepRow{step, commit.row.last_sequence, "", {}, KeyOf(job, step)};
    if (step > 0) commit.dropped_checkpoints = {step - 1};
    ASSERT_TRUE(store_->Commit(commit).ok());
    if (step > 0) ASSERT_TRUE(blobs_.Delete(KeyOf(job, step - 1)).ok());
  }

  void AddJob(const std::string& job) {
    ASSERT_TRUE(store_->CreateJob(NewJob(job), "", "", "").ok());
    AddStep(job, 0);
  }

  // A job with many files, so that a backup takes a while: one file under many names, its rows in one commit. By its id its files are taken
  // last.
  void AddLargeJob() {
    constexpr int kFiles = 1000;
    AddJob("a-large");
    const std::string folder = data() + "/blobs/jobs/a-large";
    for (int i = 1; i <= kFiles; ++i) {
      std::filesystem::create_hard_link(folder + "/checkpoint-0", absl::StrCat(folder, "/samples-", i));
    }
    const auto connection = *Connection::Open(data() + "/sliceflow.db");
    ASSERT_TRUE(connection
                    ->Execute(absl::StrCat("INSERT INTO steps (job_id, step, sequence, samples_key, samples_shape, checkpoint_key) "
                                           "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ",
                                           kFiles, ") SELECT 'a-large', i, i, 'jobs/a-large/samples-' || i, x'', '' FROM n"))
                    .ok());
  }

  void Damage(const std::string& path) {
    std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
    ASSERT_TRUE(file.seekp(3).write("\xff", 1).good()) << path;
  }

  testing::TempFolder folder_;
  BlobStore blobs_{data() + "/blobs", RealFileSystem()};
  std::unique_ptr<Store> store_;
};

TEST_F(BackupTest, WhatIsRestoredIsWhatWasThere) {
  Open();
  AddJob("a");
  AddJob("b");
  AddStep("b", 1);
  const auto report = BackUp(data(), backup());
  ASSERT_TRUE(report.ok()) << report.status();
  EXPECT_EQ(report->files, 3) << "the database and two checkpoints";
  EXPECT_THAT(report->damaged, IsEmpty());
  AddStep("a", 1);  // after the backup
  ASSERT_TRUE(Restore(backup(), restored()).ok());

  const auto check = CheckFolder(restored());
  ASSERT_TRUE(check.ok()) << check.status();
  EXPECT_THAT(check->problems, IsEmpty());
  EXPECT_EQ(check->files, 2);
  const auto again = *OpenSqliteStore(restored());
  EXPECT_EQ(again->GetJob("a")->last_sequence, 2);
  EXPECT_EQ(again->GetJob("b")->last_sequence, 3);
  EXPECT_EQ(*BlobStore(restored() + "/blobs", RealFileSystem()).Get(KeyOf("a", 0)), "checkpoint 0 of a");
}

// Each step removes the file of the one before: a copy of the database alone would refer to files that are gone.
TEST_F(BackupTest, IsOfOneInstantWhileAJobGoesOn) {
  Open();
  AddLargeJob();
  AddJob("busy");
  std::atomic<bool> stop{false};
  std::atomic<int> steps{0};
  std::thread writer([&] {
    for (int step = 1; !stop; ++step) {
      AddStep("busy", step);
      steps = step;
    }
  });
  for (int i = 0; i < 3; ++i) {
    const int before = steps;
    while (steps == before) std::this_thread::yield();
    const std::string to = absl::StrCat(backup(), i), back = absl::StrCat(restored(), i);
    const auto report = BackUp(data(), to);
    EXPECT_TRUE(report.ok()) << report.status();
    EXPECT_TRUE(Restore(to, back).ok());
    const auto check = CheckFolder(back);
    ASSERT_TRUE(check.ok()) << check.status();
    EXPECT_THAT(check->problems, IsEmpty());
    EXPECT_EQ(check->files, 1002);
  }
  stop = true;
  writer.join();
}

TEST_F(BackupTest, NothingIsOverwritten) {
  Open();
  AddJob("a");
  ASSERT_TRUE(BackUp(data(), backup()).ok());
  EXPECT_TRUE(absl::IsFailedPrecondition(BackUp(data(), backup()).status()));
  EXPECT_TRUE(absl::IsFailedPrecondition(Restore(backup(), data())));
  EXPECT_TRUE(absl::IsFailedPrecondition(BackUp(folder_.path() + "/nowhere", restored()).status()));
}

TEST_F(BackupTest, ABackupThatWasNotFinishedOrHasChangedIsNotRestored) {
  Open();
  AddJob("a");
  ASSERT_TRUE(BackUp(data(), backup()).ok());
  const std::string manifest = backup() + "/MANIFEST.sha256";
  const std::string text = *RealFileSystem().ReadFile(manifest);
  ASSERT_TRUE(RealFileSystem().Remove(manifest).ok());
  EXPECT_TRUE(absl::IsFailedPrecondition(Restore(backup(), restored())));
  ASSERT_TRUE(RealFileSystem().WriteFileDurably(manifest, text + std::string(64, '0') + "  blobs/../../escaped\n").ok());
  EXPECT_TRUE(absl::IsDataLoss(Restore(backup(), restored())));
  ASSERT_TRUE(RealFileSystem().WriteFileDurably(manifest, text).ok());
  Damage(backup() + "/sliceflow.db");
  EXPECT_TRUE(absl::IsDataLoss(Restore(backup(), restored())));
  EXPECT_FALSE(std::filesystem::exists(restored() + "/sliceflow.db")) << "a daemon could be started on it";
}

TEST_F(BackupTest, EveryFileIsCheckedBeforeAnythingIsRestored) {
  Open();
  for (const char* job : {"a", "b", "c"}) AddJob(job);
  ASSERT_TRUE(BackUp(data(), backup()).ok());
  Damage(backup() + "/blobs/" + KeyOf("a", 0));
  ASSERT_TRUE(RealFileSystem().Remove(backup() + "/blobs/" + KeyOf("c", 0)).ok());
  const absl::Status status = Restore(backup(), restored());
  EXPECT_TRUE(absl::IsDataLoss(status)) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr(KeyOf("a", 0) + " differs from the manifest"));
  EXPECT_THAT(std::string(status.message()), HasSubstr(KeyOf("c", 0) + " is missing from the backup"));
  EXPECT_FALSE(std::filesystem::exists(restored()));
}

TEST_F(BackupTest, WhatIsDamagedIsNamedByTheBackupAndByTheCheck) {
  Open();
  AddJob("a");
  AddJob("b");
  store_.reset();
  Damage(data() + "/blobs/" + KeyOf("a", 0));
  const auto report = BackUp(data(), backup());
  ASSERT_TRUE(report.ok()) << report.status();
  EXPECT_THAT(report->damaged, ElementsAre(KeyOf("a", 0)));
  ASSERT_TRUE(RealFileSystem().Remove(data() + "/blobs/" + KeyOf("b", 0)).ok());
  ASSERT_TRUE(blobs_.Put("jobs/c/samples-7", "left by a crash").ok());
  EXPECT_THAT(CheckFolder(data())->problems,
              ElementsAre(HasSubstr("jobs/a/checkpoint-0: the checksum does not match"), HasSubstr("jobs/b/checkpoint-0: missing"),
                          HasSubstr("jobs/c/samples-7: nothing refers to it")));
  EXPECT_TRUE(absl::IsAborted(BackUp(data(), restored()).status())) << "a file is missing for good";
}

TEST_F(BackupTest, AFolderInUseCanBeChecked) {
  Open();
  AddJob("a");
  ASSERT_TRUE(blobs_.Put("jobs/a/checkpoint-1", "being written").ok());
  const auto check = CheckFolder(data());
  ASSERT_TRUE(check.ok()) << check.status();
  EXPECT_THAT(check->problems, IsEmpty());
  EXPECT_THAT(check->notes, ElementsAre(HasSubstr("nothing refers to it"), HasSubstr("a daemon uses the folder")));
}

}  // namespace
}  // namespace sliceflow::store
