// What owners use is counted by the store, and what is too much is refused.
#include "server/jobs/quota.h"

#include <gmock/gmock.h>

#include "common/errors.h"
#include "google/rpc/error_details.pb.h"
#include "server/jobs/datasets.h"
#include "server/jobs/retention.h"
#include "tests/unit/jobs/jobs_fixture.h"

namespace sliceflow::jobs {
namespace {

constexpr int64_t kSampleBytes = 16;      // of JobsFixture::Samples
constexpr int64_t kCheckpointBytes = 12;  // of a CheckpointBytes with a step of one digit

template <typename Detail>
Detail DetailOf(const absl::Status& status) {
  Detail detail;
  const google::rpc::Status message = ToRpcStatus(status);
  for (const auto& packed : message.details()) packed.UnpackTo(&detail);
  return detail;
}

class QuotaTest : public JobsFixture {
 protected:
  void Allow(const v1::Quota& all, std::map<std::string, v1::Quota> owners = {}) {
    quotas_ = std::make_unique<Quotas>(*store_, all, std::move(owners));
    jobs_->SetQuotas(quotas_.get());
  }
  absl::Status TryCreate(const std::string& owner, int steps) { return jobs_->Create(Request(steps), owner, "", "", kManyJobs).status(); }
  std::string CreateFor(const std::string& owner, int steps, int checkpoint_every = 1) {
    return IdOf(*jobs_->Create(Request(steps, checkpoint_every), owner, "", "", kManyJobs));
  }
  store::UsageRow Usage(const std::string& owner) { return *store_->GetUsage(owner); }

  void ExpectQuota(const absl::Status& status, const std::string& owner, const std::string& limit, bool retry) {
    EXPECT_TRUE(absl::IsResourceExhausted(status)) << status;
    EXPECT_EQ(Reason(status), "QUOTA_EXCEEDED");
    EXPECT_EQ(ReasonDetail(status, "limit"), limit);
    const auto failure = DetailOf<google::rpc::QuotaFailure>(status);
    ASSERT_EQ(failure.violations_size(), 1);
    EXPECT_EQ(failure.violations(0).subject(), "owner:" + owner);
    EXPECT_EQ(DetailOf<google::rpc::RetryInfo>(status).retry_delay().seconds() > 0, retry);
  }

  std::unique_ptr<Quotas> quotas_;
};

TEST_F(QuotaTest, JobsAreCountedByStateAndStep) {
  const std::string id = CreateFor("ada", 3);
  CreateFor("ada", 5);
  CreateFor("bob", 7);
  EXPECT_EQ(Usage("ada").queued_jobs, 2);
  EXPECT_EQ(Usage("ada").pending_steps, 8);
  EXPECT_EQ(Usage("bob").pending_steps, 7);
  const Assignment assignment = Start(id);
  EXPECT_EQ(Usage("ada").running_jobs, 1);
  EXPECT_EQ(Usage("ada").queued_jobs, 1);
  RecordRange(id, assignment.number, 0, 2);
  EXPECT_EQ(Usage("ada").pending_steps, 6);
  ASSERT_TRUE(jobs_->Cancel(Scope::Everyone(), id, "").ok());
  EXPECT_EQ(Usage("ada").running_jobs, 0);
  EXPECT_EQ(Usage("ada").pending_steps, 5);
  EXPECT_EQ(Usage("nobody").queued_jobs, 0);
  const store::UsageRow all = *store_->GetUsageOfAll();
  EXPECT_EQ(all.running_jobs, 0);
  EXPECT_EQ(all.queued_jobs, 2);
  EXPECT_EQ(all.pending_steps, 12);
}

TEST_F(QuotaTest, BytesAreCountedUntilTheyAreDropped) {
  const std::string id = CreateFor("ada", 3, 2);  // keeps the checkpoints of 0, 2 and the last
  const Assignment assignment = Start(id);
  RecordRange(id, assignment.number, 0, 1);
  EXPECT_EQ(Usage("ada").stored_bytes, 2 * kSampleBytes + 2 * kCheckpointBytes);
  EXPECT_EQ(jobs_->Get(Scope::Everyone(), id)->stored_bytes(), 2 * kSampleBytes + 2 * kCheckpointBytes);
  RecordRange(id, assignment.number, 2, 2);  // step 1 is no longer the newest
  EXPECT_EQ(Usage("ada").stored_bytes, 3 * kSampleBytes + 2 * kCheckpointBytes);
  ASSERT_TRUE(jobs_->RefuseCheckpoint(id, assignment.number, 2, "damaged").ok());
  EXPECT_EQ(Usage("ada").stored_bytes, 3 * kSampleBytes + kCheckpointBytes);
  const Assignment again = Start(id);
  ASSERT_TRUE(Record(id, again.number, 2).ok());  // put back
  EXPECT_EQ(Usage("ada").stored_bytes, 3 * kSampleBytes + 2 * kCheckpointBytes);
  Restart();
  EXPECT_EQ(Usage("ada").stored_bytes, 3 * kSampleBytes + 2 * kCheckpointBytes);
  ASSERT_TRUE(jobs_->Cancel(Scope::Everyone(), id, "").ok());
  const store::JobRow row = *store_->GetJob(id);
  ASSERT_TRUE(store_->DeleteJob(id, row.version).ok());
  EXPECT_EQ(Usage("ada").stored_bytes, 0);
}

TEST_F(QuotaTest, QueuedJobsAreBoundedForEachOwner) {
  v1::Quota quota;
  quota.set_max_queued_jobs(2);
  Allow(quota);
  const std::string id = CreateFor("ada", 1);
  CreateFor("ada", 1);
  ExpectQuota(TryCreate("ada", 1), "ada", "max_queued_jobs", true);
  EXPECT_TRUE(TryCreate("bob", 1).ok());
  Start(id);
  EXPECT_TRUE(TryCreate("ada", 1).ok());
}

TEST_F(QuotaTest, PendingStepsAreBounded) {
  v1::Quota quota;
  quota.set_max_pending_steps(10);
  Allow(quota);
  CreateFor("ada", 6);
  ExpectQuota(TryCreate("ada", 5), "ada", "max_pending_steps", true);
  EXPECT_TRUE(TryCreate("ada", 4).ok());
  ExpectQuota(TryCreate("bob", 11), "bob", "max_pending_steps", false);  // waiting would not help
}

TEST_F(QuotaTest, AnOwnerMayHaveAQuotaOfItsOwn) {
  v1::Quota all, own;
  all.set_max_queued_jobs(1);
  own.set_max_queued_jobs(2);
  Allow(all, {{"ada", own}});
  CreateFor("ada", 1);
  EXPECT_TRUE(TryCreate("ada", 1).ok());
  CreateFor("bob", 1);
  EXPECT_FALSE(TryCreate("bob", 1).ok());
}

TEST_F(QuotaTest, StoredBytesEndAJobThatWritesTooMuchAndHoldUpNewOnes) {
  v1::Quota quota;
  quota.set_max_stored_bytes(2 * (kSampleBytes + kCheckpointBytes));
  Allow(quota);
  const std::string id = CreateFor("ada", 5);
  const Assignment assignment = Start(id);
  RecordRange(id, assignment.number, 0, 1);
  ExpectQuota(Record(id, assignment.number, 2), "ada", "max_stored_bytes", false);
  EXPECT_EQ(Get(id).progress().completed_steps(), 1);
  ExpectQuota(TryCreate("ada", 1), "ada", "max_stored_bytes", false);
  EXPECT_TRUE(TryCreate("bob", 1).ok());
}

// Of an owner who may store 60 bytes.
class UploadQuotaTest : public QuotaTest {
 protected:
  void SetUp() override {
    QuotaTest::SetUp();
    v1::Quota quota;
    quota.set_max_stored_bytes(60);
    Allow(quota);
    datasets_ = MakeDatasets(*store_, blobs_, files_, "uploads", clock_, {10'000, 1000}, quotas_.get());
  }
  static v1::UploadHeader Header(int64_t size, char digit) {
    v1::UploadHeader header;
    header.mutable_format()->set_kind(v1::DatasetFormat::CSV);
    header.set_size_bytes(size);
    header.set_sha256(std::string(64, digit));
    return header;
  }
  // One that breaks off.
  void LeaveUnfinished(const std::string& owner, int64_t size, char digit, absl::Time time) {
    auto upload = datasets_->StartUpload(owner, Header(size, digit));
    ASSERT_TRUE(upload.ok()) << upload.status();
    ASSERT_TRUE((*upload)->Write(std::string(size, '1')).ok());
    files_.SetModifiedTime(absl::StrCat("uploads/", owner, "+", std::string(64, digit), ".part"), time);
  }
  absl::StatusOr<int64_t> Arrived(const std::string& owner, char digit) { return datasets_->UploadOffset(owner, std::string(64, digit)); }

  std::unique_ptr<Datasets> datasets_;
};

TEST_F(UploadQuotaTest, StreamsAtOnceCountWhatTheyDeclare) {
  const auto first = datasets_->StartUpload("ada", Header(40, 'a'));
  ASSERT_TRUE(first.ok()) << first.status();
  ExpectQuota(datasets_->StartUpload("ada", Header(30, 'b')).status(), "ada", "max_stored_bytes", false);
  EXPECT_TRUE(datasets_->StartUpload("ada", Header(20, 'b')).ok());
}

TEST_F(UploadQuotaTest, WhatWasBrokenOffGivesWayTheOldestFirst) {
  LeaveUnfinished("ada", 20, 'a', clock_.Now() - absl::Minutes(1));
  LeaveUnfinished("ada", 20, 'b', clock_.Now() - absl::Minutes(2));
  LeaveUnfinished("bob", 20, 'c', clock_.Now() - absl::Minutes(3));
  // In vain: nothing would make room for it.
  ExpectQuota(datasets_->StartUpload("ada", Header(61, 'd')).status(), "ada", "max_stored_bytes", false);
  EXPECT_TRUE(Arrived("ada", 'b').ok());
  EXPECT_TRUE(datasets_->StartUpload("ada", Header(40, 'd')).ok());
  EXPECT_TRUE(absl::IsNotFound(Arrived("ada", 'b').status()));
  EXPECT_TRUE(Arrived("ada", 'a').ok());
  EXPECT_TRUE(Arrived("bob", 'c').ok());
}

TEST_F(UploadQuotaTest, DataSetsAndUnfinishedUploadsCountTheirBytes) {
  ExpectQuota(datasets_->StartUpload("ada", Header(61, 'a')).status(), "ada", "max_stored_bytes", false);
  auto first = datasets_->StartUpload("ada", Header(40, 'b'));
  ASSERT_TRUE(first.ok() && (*first)->Write(std::string(40, '1')).ok());
  ExpectQuota(datasets_->StartUpload("ada", Header(30, 'c')).status(), "ada", "max_stored_bytes", false);
  EXPECT_TRUE(datasets_->StartUpload("bob", Header(30, 'c')).ok());
  EXPECT_TRUE(datasets_->StartUpload("ada", Header(20, 'd')).ok());

  ASSERT_TRUE(store_->CreateDataset({.owner = "ada", .id = "d", .bytes = 50, .dataset = ""}).ok());
  EXPECT_EQ(Usage("ada").stored_bytes, 50);
  ExpectQuota(datasets_->StartUpload("ada", Header(20, 'd')).status(), "ada", "max_stored_bytes", false);
  ASSERT_TRUE(store_->DeleteDataset("ada", "d").ok());
  EXPECT_EQ(Usage("ada").stored_bytes, 0);
}

}  // namespace
}  // namespace sliceflow::jobs
