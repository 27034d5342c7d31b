// Jobs on a real database and a file system that can fail.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "common/errors.h"
#include "server/events/event_log.h"
#include "server/jobs/jobs.h"
#include "server/store/blob_store.h"
#include "server/store/store.h"
#include "tests/support/fake_clock.h"
#include "tests/support/faulting_filesystem.h"
#include "tests/support/temp_folder.h"

namespace sliceflow::jobs {

inline constexpr int kManyJobs = 1000;

// Remembers what the scheduler would be told.
class RecordingListener final : public Listener {
 public:
  void OnQueued(const WaitingJob& job) override {
    absl::MutexLock lock(&mutex_);
    queued_.push_back(job.id);
    newest_ = job;
  }
  void OnStopRequested(const std::string& job_id, int64_t /*sequence*/) override {
    absl::MutexLock lock(&mutex_);
    stopped_.push_back(job_id);
  }
  std::vector<std::string> TakeQueued() {
    absl::MutexLock lock(&mutex_);
    return std::exchange(queued_, {});
  }
  // The job that was queued last, as it was told.
  WaitingJob newest() {
    absl::MutexLock lock(&mutex_);
    return newest_;
  }
  std::vector<std::string> TakeStopped() {
    absl::MutexLock lock(&mutex_);
    return std::exchange(stopped_, {});
  }

 private:
  absl::Mutex mutex_;
  std::vector<std::string> queued_ ABSL_GUARDED_BY(mutex_);
  std::vector<std::string> stopped_ ABSL_GUARDED_BY(mutex_);
  WaitingJob newest_ ABSL_GUARDED_BY(mutex_);
};

class JobsFixture : public ::testing::Test {
 protected:
  void SetUp() override { Restart(); }

  // As a new process finds it; Recover is for the test to call.
  void Restart() {
    jobs_.reset();
    log_.reset();
    store_.reset();
    files_.Restart();
    auto store = store::OpenSqliteStore(folder_.path());
    ASSERT_TRUE(store.ok()) << store.status();
    store_ = *std::move(store);
    log_ = events::MakeEventLog(*store_, clock_);
    jobs_ = std::make_unique<Jobs>(*log_, *store_, blobs_, clock_, retry_delays_, retention_);
    jobs_->SetListener(&listener_);
  }

  static v1::Job Request(int steps, int checkpoint_every = 1) {
    v1::Job job;
    job.set_display_name("a flow");
    job.mutable_spec()->set_dimension(2);
    job.mutable_spec()->mutable_schedule()->set_step_size(0.1);
    job.mutable_spec()->mutable_schedule()->set_num_steps(steps);
    job.mutable_spec()->mutable_output()->set_checkpoint_every(checkpoint_every);
    return job;
  }

  static std::vector<std::string> IdsOf(const std::vector<WaitingJob>& jobs) {
    std::vector<std::string> ids;
    for (const WaitingJob& job : jobs) ids.push_back(job.id);
    return ids;
  }

  static std::string IdOf(const v1::Job& job) { return job.name().substr(5); }

  std::string Create(int steps, int checkpoint_every = 1) {
    const auto job = jobs_->Create(Request(steps, checkpoint_every), "", "", "", kManyJobs);
    EXPECT_TRUE(job.ok()) << job.status();
    return IdOf(*job);
  }

  Assignment Start(const std::string& id) {
    auto assignment = jobs_->Start(id, "cpu");
    EXPECT_TRUE(assignment.ok()) << assignment.status();
    return *std::move(assignment);
  }

  static v1::StepReport Report(int step) {
    v1::StepReport report;
    report.set_step(step);
    report.set_energy(10.0 - step);
    return report;
  }
  static Tensor Samples(int step) { return Tensor{{2, 2}, {1.0f * step, 2, 3, 4}}; }
  static std::string CheckpointBytes(int step) { return absl::StrCat("checkpoint ", step); }

  absl::Status Record(const std::string& id, int64_t assignment, int step) {
    return jobs_->RecordStep(id, assignment, Report(step), Samples(step), CheckpointBytes(step));
  }
  void RecordRange(const std::string& id, int64_t assignment, int first, int last) {
    for (int step = first; step <= last; ++step) {
      const absl::Status status = Record(id, assignment, step);
      ASSERT_TRUE(status.ok()) << status;
    }
  }

  v1::Job Get(const std::string& id) {
    const auto job = jobs_->Get(Scope::Everyone(), id);
    EXPECT_TRUE(job.ok()) << job.status();
    return *job;
  }

  std::vector<int> KeptSteps(const std::string& id) {
    std::vector<int> steps;
    const auto rows = store_->KeptSteps(id);
    for (const store::StepRow& row : *rows) steps.push_back(row.step);
    return steps;
  }

  std::vector<v1::JobEvent> Events(const std::string& id) {
    std::vector<v1::JobEvent> events;
    const auto rows = store_->ReadEvents(id, 0, 10000, 1 << 30);
    for (const store::EventRow& row : *rows) events.emplace_back().ParseFromString(row.event);
    return events;
  }

  // `QUEUED RUNNING step 0 …`, one word or two for each event.
  std::vector<std::string> Story(const std::string& id) {
    std::vector<std::string> story;
    for (const v1::JobEvent& event : Events(id)) {
      if (event.has_state_changed()) story.push_back(v1::Job::State_Name(event.state_changed().state()));
      if (event.has_step_completed()) story.push_back(absl::StrCat("step ", event.step_completed().report().step()));
      if (event.has_log()) story.push_back("log");
    }
    return story;
  }

  testing::TempFolder folder_;
  testing::FakeClock clock_;
  testing::FaultingFileSystem files_;
  store::BlobStore blobs_{"blobs", files_};
  RecordingListener listener_;
  RetryDelays retry_delays_;
  RetentionOptions retention_;  // from the next Restart on
  std::unique_ptr<store::Store> store_;
  std::unique_ptr<events::EventLog> log_;
  std::unique_ptr<Jobs> jobs_;
};

}  // namespace sliceflow::jobs
