#include "client/cpp/watch.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "absl/synchronization/notification.h"
#include "tests/unit/client/fake_server.h"

namespace sliceflow::client {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

using Writer = grpc::ServerWriter<v1::WatchJobResponse>;
const grpc::Status kLost(grpc::StatusCode::UNAVAILABLE, "going down");

v1::WatchJobResponse StepEvent(int64_t sequence, int samples = 0) {
  v1::WatchJobResponse response;
  response.mutable_event()->set_sequence(sequence);
  response.mutable_event()->mutable_step_completed()->mutable_report()->set_step(static_cast<int>(sequence));
  response.mutable_event()->mutable_step_completed()->set_sample_count(samples);
  return response;
}

v1::WatchJobResponse StateEvent(int64_t sequence, v1::Job::State state) {
  v1::WatchJobResponse response;
  response.mutable_event()->set_sequence(sequence);
  response.mutable_event()->mutable_state_changed()->set_state(state);
  return response;
}

// One of two chunks of samples of shape [2, 1].
v1::WatchJobResponse Chunk(int index, float value) {
  v1::WatchJobResponse response;
  v1::TensorChunk& chunk = *response.mutable_samples();
  if (index == 0) {
    chunk.add_shape(2);
    chunk.add_shape(1);
  }
  chunk.set_offset(4 * index);
  chunk.set_data(PackValues({value}));
  chunk.set_last(index == 1);
  return response;
}

// Sends the messages and ends with the status.
WatchScript Send(std::vector<v1::WatchJobResponse> messages, grpc::Status end = grpc::Status::OK) {
  return [messages, end](const v1::WatchJobRequest&, grpc::ServerContext*, Writer* writer) {
    for (const auto& message : messages) writer->Write(message);
    return end;
  };
}

class WatchTest : public ::testing::Test {
 protected:
  absl::StatusOr<WatchEnd> Run() {
    Client client = fake_.MakeClient();
    return client.Watch("jobs/a", options_, [this](const WatchUpdate& update) {
      const v1::JobEvent& event = update.response.event();
      if (event.sequence() > 0) sequences_.push_back(event.sequence());
      if (update.samples) samples_.push_back(update.samples->values);
      if (update.response.has_snapshot()) ++snapshots_;
      return on_update_ ? on_update_(update) : absl::OkStatus();
    });
  }

  FakeServer fake_;
  WatchOptions options_;
  std::function<absl::Status(const WatchUpdate&)> on_update_;
  std::vector<int64_t> sequences_;
  std::vector<std::vector<float>> samples_;
  int snapshots_ = 0;
};

TEST_F(WatchTest, EndsWithTheJob) {
  fake_.jobs.watches = {Send({StateEvent(1, v1::Job::RUNNING), StepEvent(2), StateEvent(3, v1::Job::SUCCEEDED)})};
  const auto end = Run();
  ASSERT_TRUE(end.ok()) << end.status();
  EXPECT_EQ(end->state, v1::Job::SUCCEEDED);
  EXPECT_EQ(end->last_sequence, 3);
  EXPECT_FALSE(end->stopped);
  EXPECT_THAT(sequences_, ElementsAre(1, 2, 3));
}

TEST_F(WatchTest, GoesOnFromTheLastSequenceAfterEachLostConnection) {
  options_.after_sequence = 4;
  fake_.jobs.watches = {Send({StepEvent(5), StepEvent(6)}, kLost), Send({}, kLost),
                        Send({StepEvent(7)}, {grpc::StatusCode::CANCELLED, "shutting down"}),
                        Send({StepEvent(8), StateEvent(9, v1::Job::FAILED)})};
  int lost = 0;
  options_.on_lost = [&](const absl::Status&, absl::Duration) { ++lost; };
  const auto end = Run();
  ASSERT_TRUE(end.ok()) << end.status();
  EXPECT_EQ(end->state, v1::Job::FAILED);
  EXPECT_THAT(sequences_, ElementsAre(5, 6, 7, 8, 9));
  EXPECT_THAT(fake_.jobs.watched_after, ElementsAre(4, 6, 6, 7));
  EXPECT_EQ(lost, 3);
  EXPECT_EQ(fake_.jobs.cancels, 0);
}

TEST_F(WatchTest, AnEventSentTwiceIsHandedOverOnce) {
  fake_.jobs.watches = {Send({StepEvent(1), StepEvent(2)}, kLost), Send({StepEvent(2), StepEvent(3), StateEvent(4, v1::Job::SUCCEEDED)})};
  ASSERT_TRUE(Run().ok());
  EXPECT_THAT(sequences_, ElementsAre(1, 2, 3, 4));
}

TEST_F(WatchTest, SamplesThatBrokeOffAreAskedForAgain) {
  options_.sample_limit = -1;
  fake_.jobs.watches = {Send({StepEvent(1, 2), Chunk(0, 1), Chunk(1, 2), StepEvent(2, 2), Chunk(0, 3)}, kLost),
                        Send({StepEvent(2, 2), Chunk(0, 3), Chunk(1, 4), StateEvent(3, v1::Job::SUCCEEDED)})};
  ASSERT_TRUE(Run().ok());
  EXPECT_THAT(fake_.jobs.watched_after, ElementsAre(0, 1));
  EXPECT_THAT(sequences_, ElementsAre(1, 2, 3));
  EXPECT_THAT(samples_, ElementsAre(ElementsAre(1, 2), ElementsAre(3, 4)));
}

TEST_F(WatchTest, AStepWhoseSamplesAreGoneIsStillToldOf) {
  options_.sample_limit = -1;
  fake_.jobs.watches = {Send({StepEvent(1, 2), StepEvent(2, 2), Chunk(0, 3), Chunk(1, 4), StateEvent(3, v1::Job::SUCCEEDED)})};
  ASSERT_TRUE(Run().ok());
  EXPECT_THAT(sequences_, ElementsAre(1, 2, 3));
  EXPECT_THAT(samples_, ElementsAre(ElementsAre(3, 4)));
}

TEST_F(WatchTest, CompactedBringsASnapshotAndGoesOnAfterIt) {
  v1::WatchJobResponse compacted, snapshot;
  compacted.mutable_compacted()->set_earliest_sequence(10);
  snapshot.mutable_snapshot()->set_state(v1::Job::RUNNING);
  fake_.jobs.watches = {Send({compacted, snapshot}, kLost), Send({StepEvent(10), StateEvent(11, v1::Job::SUCCEEDED)})};
  ASSERT_TRUE(Run().ok());
  EXPECT_EQ(snapshots_, 1);
  EXPECT_THAT(fake_.jobs.watched_after, ElementsAre(0, 9));
  EXPECT_THAT(sequences_, ElementsAre(10, 11));
}

TEST_F(WatchTest, AJobThatEndedBeforeHasNothingMoreToTell) {
  options_.after_sequence = 7;
  fake_.jobs.job.set_state(v1::Job::CANCELLED);
  fake_.jobs.job.mutable_progress()->set_last_sequence(7);
  fake_.jobs.watches = {Send({})};
  const auto end = Run();
  ASSERT_TRUE(end.ok()) << end.status();
  EXPECT_EQ(end->state, v1::Job::CANCELLED);
  EXPECT_THAT(sequences_, IsEmpty());
}

TEST_F(WatchTest, ARefusalIsTheAnswer) {
  fake_.jobs.watches = {Send({}, {grpc::StatusCode::NOT_FOUND, "no such job"})};
  EXPECT_TRUE(absl::IsNotFound(Run().status()));
  EXPECT_THAT(fake_.jobs.watched_after, ElementsAre(0));
}

TEST_F(WatchTest, PatienceEnds) {
  options_.patience = absl::Milliseconds(50);
  for (int i = 0; i < 10'000; ++i) fake_.jobs.watches.push_back(Send({}, kLost));
  EXPECT_TRUE(absl::IsUnavailable(Run().status()));
}

TEST_F(WatchTest, AStopLeavesTheJobAlone) {
  StopLatch stop;
  options_.stop = &stop;
  absl::Notification ended;
  fake_.jobs.watches = {[&](const v1::WatchJobRequest&, grpc::ServerContext* context, Writer* writer) {
    writer->Write(StepEvent(1));
    // The stream is open, and silent, when the stop comes.
    absl::Notification never;
    while (!context->IsCancelled()) never.WaitForNotificationWithTimeout(absl::Milliseconds(5));
    ended.Notify();
    return grpc::Status::CANCELLED;
  }};
  on_update_ = [&](const WatchUpdate&) {
    stop.Trigger();
    return absl::OkStatus();
  };
  const auto end = Run();
  ASSERT_TRUE(end.ok()) << end.status();
  EXPECT_TRUE(ended.WaitForNotificationWithTimeout(absl::Seconds(20)));
  EXPECT_TRUE(end->stopped);
  EXPECT_EQ(end->last_sequence, 1);
  EXPECT_EQ(end->state, v1::Job::STATE_UNSPECIFIED);
  EXPECT_EQ(fake_.jobs.cancels, 0);
}

TEST_F(WatchTest, AnErrorOfTheCallerEndsIt) {
  fake_.jobs.watches = {Send({StepEvent(1), StepEvent(2), StateEvent(3, v1::Job::SUCCEEDED)})};
  on_update_ = [](const WatchUpdate&) { return absl::OutOfRangeError("enough"); };
  EXPECT_TRUE(absl::IsOutOfRange(Run().status()));
  EXPECT_THAT(sequences_, ElementsAre(1));
}

TEST_F(WatchTest, DamagedSamplesAreNotHandedOver) {
  options_.sample_limit = -1;
  fake_.jobs.watches = {Send({StepEvent(1, 2), Chunk(1, 2)})};
  EXPECT_TRUE(absl::IsDataLoss(Run().status()));
  EXPECT_THAT(samples_, IsEmpty());
}

}  // namespace
}  // namespace sliceflow::client
