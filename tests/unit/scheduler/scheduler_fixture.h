// A scheduler on real jobs and a real database, served over a real socket; only the workers are played by tests.
#pragma once

#include <openssl/sha.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <grpcpp/grpcpp.h>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "server/scheduler/scheduler.h"
#include "tests/unit/jobs/jobs_fixture.h"
#include "tests/unit/scheduler/fake_worker.h"

namespace sliceflow::scheduler {

// Where a test waits for the answer of a query.
class Reply {
 public:
  QueryCallback callback() {
    return [this](absl::StatusOr<Answer> result) {
      absl::MutexLock lock(&mutex_);
      EXPECT_FALSE(result_.has_value()) << "answered twice";
      result_ = result.ok() ? absl::StatusOr<Tensor>(std::move(result->tensor)) : result.status();
    };
  }
  absl::StatusOr<Tensor> Wait() {
    absl::MutexLock lock(&mutex_);
    const auto there = [this]() ABSL_SHARED_LOCKS_REQUIRED(mutex_) { return result_.has_value(); };
    if (!mutex_.AwaitWithTimeout(absl::Condition(&there), kPatience)) return absl::InternalError("the test waited in vain");
    return *result_;
  }

 private:
  absl::Mutex mutex_;
  std::optional<absl::StatusOr<Tensor>> result_;
};

class SchedulerFixture : public jobs::JobsFixture {
 protected:
  void SetUp() override {
    retry_delays_ = {absl::Milliseconds(1), absl::Milliseconds(1)};
    JobsFixture::SetUp();
  }

  void Serve(SchedulerOptions options = {}) {
    options.version = kVersion;
    options.kill_worker = [this](const std::string& id, int64_t pid) {
      absl::MutexLock lock(&mutex_);
      killed_.push_back(absl::StrCat(id, " ", pid));
    };
    datasets_ = jobs::MakeDatasets(*store_, blobs_, files_, "uploads", clock_, {1 << 20, 1 << 20});
    scheduler_ = MakeScheduler(*jobs_, *datasets_, std::move(options));
    jobs_->SetListener(scheduler_.get());
    grpc::ServerBuilder builder;
    address_ = absl::StrCat("unix:", folder_.path(), "/socket");
    builder.AddListeningPort(address_, grpc::InsecureServerCredentials());
    int port = 0;
    builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port);
    builder.RegisterService(scheduler_->worker_service());
    server_ = builder.BuildAndStart();
    ASSERT_TRUE(server_);
    network_address_ = absl::StrCat("127.0.0.1:", port);
    scheduler_->Start({});
  }

  void TearDown() override {
    if (!scheduler_) return;
    scheduler_->Shutdown(absl::ZeroDuration());
    server_->Shutdown(std::chrono::system_clock::now());
    scheduler_.reset();
  }

  std::unique_ptr<FakeWorker> Attach(const std::string& id, worker::v1::Lane lane = worker::v1::LANE_FLOW) {
    return std::make_unique<FakeWorker>(address_, id, lane);
  }

  // A job's state is reached a moment after a worker's last message: watched, not slept for.
  v1::Job WaitForState(const std::string& id, v1::Job::State state) {
    absl::Mutex mutex;
    bool woken = false;
    auto watch = log_->StartWatch(id, 0, false, [&] {
      absl::MutexLock lock(&mutex);
      woken = true;
    });
    EXPECT_TRUE(watch.ok()) << watch.status();
    const absl::Time deadline = absl::Now() + kPatience;
    while (Get(id).state() != state) {
      absl::MutexLock lock(&mutex);
      if (!mutex.AwaitWithDeadline(absl::Condition(&woken), deadline)) break;
      woken = false;
      (void)(*watch)->Next(1000);
    }
    watch->reset();
    v1::Job job = Get(id);
    EXPECT_EQ(job.state(), state) << job.ShortDebugString();
    return job;
  }

  // A job with steps 0 and 1 stored and no worker, for queries.
  std::string JobWithSteps() {
    std::string id = Create(3);
    const jobs::Assignment assignment = Start(id);
    RecordRange(id, assignment.number, 0, 1);
    return id;
  }

  std::string UploadTable(const std::string& id) {
    const std::string text = "1,2\n3,4\n";
    unsigned char digest[SHA256_DIGEST_LENGTH];
    SHA256(reinterpret_cast<const unsigned char*>(text.data()), text.size(), digest);
    v1::UploadHeader header;
    header.set_dataset_id(id);
    header.mutable_format()->set_kind(v1::DatasetFormat::CSV);
    header.set_size_bytes(static_cast<int64_t>(text.size()));
    header.set_sha256(absl::BytesToHexString(absl::string_view(reinterpret_cast<const char*>(digest), sizeof digest)));
    auto upload = datasets_->StartUpload("", header);
    EXPECT_TRUE(upload.ok()) << upload.status();
    EXPECT_TRUE((*upload)->Write(text).ok());
    const auto dataset = (*upload)->Finish();
    EXPECT_TRUE(dataset.ok()) << dataset.status();
    return dataset->name();
  }

  std::vector<std::string> WaitForKilled() {
    absl::MutexLock lock(&mutex_);
    const auto there = [this]() ABSL_SHARED_LOCKS_REQUIRED(mutex_) { return !killed_.empty(); };
    mutex_.AwaitWithTimeout(absl::Condition(&there), kPatience);
    return killed_;
  }

  std::unique_ptr<jobs::Datasets> datasets_;
  std::unique_ptr<Scheduler> scheduler_;
  std::unique_ptr<grpc::Server> server_;
  std::string address_;
  std::string network_address_;  // as workers of other machines come
  absl::Mutex mutex_;
  std::vector<std::string> killed_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace sliceflow::scheduler
