// A folder that an older schema filled: what its owners use is right from the first start on.
#include <gtest/gtest.h>

#include "common/filesystem.h"
#include "server/jobs/retention.h"
#include "server/store/sqlite_connection.h"
#include "server/store/sqlite_schema.h"
#include "tests/unit/jobs/jobs_fixture.h"

namespace sliceflow::jobs {
namespace {

constexpr int kSchemaWithoutUsage = 5;
constexpr int kSchemaWithHeirs = 10;

class OldRowsTest : public JobsFixture {
 protected:
  // Takes the folder back to the schema.
  void SetUp() override {
    connection_ = *store::Connection::Open(folder_.path() + "/sliceflow.db", store::Connection::IfMissing::kMake);
    ASSERT_TRUE(store::Migrate(*connection_, folder_.path(), kSchemaWithoutUsage).ok());
  }

  // A job of ten steps after step 0, of which so many are done.
  void AddJob(const std::string& id, const std::string& owner, v1::Job::State state, int completed_steps) {
    v1::Job job = Request(10);
    job.set_name("jobs/" + id);
    job.set_owner(owner);
    job.set_state(state);
    job.mutable_progress()->set_total_steps(10);
    job.mutable_progress()->set_completed_steps(completed_steps);
    job.mutable_progress()->set_last_sequence(1);
    const std::string bytes = job.SerializeAsString();
    store::Statement insert = connection_->Prepare("INSERT INTO jobs VALUES (NULL, ?, 1, ?, 1000, '', ?, 1, 0, ?)");
    ASSERT_TRUE(insert.BindText(id).Bind(state).BindText(owner).BindBytes(bytes).Run().ok());
  }

  // A step with files of so many bytes.
  void AddStep(const std::string& id, int step, int samples_bytes, int checkpoint_bytes) {
    const std::string samples = SamplesKey(id, step), checkpoint = CheckpointKey(id, step);
    ASSERT_TRUE(old_blobs_.Put(samples, std::string(samples_bytes, 's')).ok());
    ASSERT_TRUE(old_blobs_.Put(checkpoint, std::string(checkpoint_bytes, 'c')).ok());
    store::Statement insert = connection_->Prepare("INSERT INTO steps VALUES (?, ?, 1, ?, x'', ?)");
    ASSERT_TRUE(insert.BindText(id).Bind(step).BindText(samples).BindText(checkpoint).Run().ok());
  }

  void AddDataset(const std::string& id, const std::string& owner, int bytes) {
    ASSERT_TRUE(old_blobs_.Put("datasets/" + id, std::string(bytes, 'd')).ok());
    const std::string key = "datasets/" + id;
    store::Statement insert = connection_->Prepare("INSERT INTO datasets VALUES (NULL, ?, ?, '', '', ?, x'')");
    ASSERT_TRUE(insert.BindText(owner).BindText(id).BindText(key).Run().ok());
  }

  // As the next start of a daemon of today.
  void OpenToday() {
    connection_.reset();
    Restart();
    ASSERT_TRUE(jobs_->Recover().ok());
  }

  store::UsageRow Usage(const std::string& owner) { return *store_->GetUsage(owner); }

  store::BlobStore old_blobs_{folder_.path() + "/blobs", RealFileSystem()};
  std::unique_ptr<store::Connection> connection_;
};

TEST_F(OldRowsTest, TheirBytesAreThoseOfTheirFiles) {
  AddJob("ended", "ada", v1::Job::SUCCEEDED, 10);
  AddStep("ended", 9, 100, 20);
  AddStep("ended", 10, 100, 30);
  AddJob("paused", "ada", v1::Job::PAUSED, 1);
  AddStep("paused", 0, 7, 1);
  AddJob("lost", "bob", v1::Job::SUCCEEDED, 10);
  AddStep("lost", 10, 50, 5);
  ASSERT_TRUE(old_blobs_.Delete(SamplesKey("lost", 10)).ok());
  AddDataset("of-ada", "ada", 1000);
  AddDataset("of-eve", "eve", 400);  // who has no job
  OpenToday();
  EXPECT_EQ(Usage("ada").stored_bytes, 1258);
  EXPECT_EQ(Usage("bob").stored_bytes, 5);
  EXPECT_EQ(Usage("eve").stored_bytes, 400);
  const std::vector<std::string> beyond = *store_->JobsBeyondBytes(0, 10);  // of each job apart, too
  EXPECT_EQ(beyond, (std::vector<std::string>{"ended", "lost"}));
  ASSERT_TRUE(store_->DeleteJob("ended", 1).ok());
  ASSERT_TRUE(store_->DeleteDataset("eve", "of-eve").ok());
  EXPECT_EQ(Usage("ada").stored_bytes, 1008);
  EXPECT_EQ(Usage("eve").stored_bytes, 0);
}

TEST_F(OldRowsTest, TheirStepsAreCountedInEveryStateThatHasSome) {
  AddJob("queued", "ada", v1::Job::QUEUED, 0);
  AddJob("paused", "ada", v1::Job::PAUSED, 4);
  AddJob("running", "ada", v1::Job::RUNNING, 7);
  AddJob("failed", "ada", v1::Job::FAILED, 2);
  AddJob("other", "bob", v1::Job::QUEUED, 9);
  OpenToday();
  EXPECT_EQ(Usage("ada").pending_steps, 19);
  EXPECT_EQ(Usage("ada").queued_jobs, 3);
  EXPECT_EQ(Usage("bob").pending_steps, 1);
  const std::string etag = Get("queued").etag();
  OpenToday();
  EXPECT_EQ(Usage("ada").pending_steps, 19);
  EXPECT_EQ(Get("queued").etag(), etag);  // counted once
}

TEST_F(OldRowsTest, WhatForksKeepOfJobsThatAreGoneIsTheirs) {
  AddJob("fork", "ada", v1::Job::SUCCEEDED, 10);
  AddJob("twin", "ada", v1::Job::SUCCEEDED, 10);
  ASSERT_TRUE(old_blobs_.Put(SamplesKey("gone", 0), std::string(30, 's')).ok());
  ASSERT_TRUE(old_blobs_.Put(CheckpointKey("gone", 0), std::string(7, 'c')).ok());
  ASSERT_TRUE(store::Migrate(*connection_, folder_.path(), kSchemaWithHeirs - 1).ok());
  for (const char* id : {"fork", "twin"}) {
    store::Statement share = connection_->Prepare("INSERT INTO fork_ancestors VALUES (?, 0, 'gone', x'')");
    ASSERT_TRUE(share.BindText(id).Run().ok());
    store::Statement step = connection_->Prepare("INSERT INTO steps VALUES (?, 0, 1, ?, x'', ?, 0, 0)");
    const std::string samples = SamplesKey("gone", 0), checkpoint = CheckpointKey("gone", 0);
    ASSERT_TRUE(step.BindText(id).BindText(samples).BindText(checkpoint).Run().ok());
  }
  OpenToday();
  EXPECT_EQ(Usage("ada").stored_bytes, 37);
  ASSERT_TRUE(store_->DeleteJob("fork", 1).ok());
  EXPECT_EQ(Usage("ada").stored_bytes, 37);
  ASSERT_TRUE(store_->DeleteJob("twin", 1).ok());
  EXPECT_EQ(Usage("ada").stored_bytes, 0);
}

}  // namespace
}  // namespace sliceflow::jobs
