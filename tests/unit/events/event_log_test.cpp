#include "server/events/event_log.h"

#include <gmock/gmock.h>

#include <sqlite3.h>

#include "common/errors.h"
#include "tests/unit/events/log_fixture.h"

namespace sliceflow::events {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

class EventLogTest : public LogFixture {};

TEST_F(EventLogTest, AppendGivesSequencesTimesAndAnEtagThatChanges) {
  const v1::Job created = Create("a");
  EXPECT_EQ(created.progress().last_sequence(), 1);
  clock_.Advance(absl::Seconds(3));
  const auto appended = log_->Append(ChangeOf("a", {LogLine("x"), LogLine("y")}));
  ASSERT_TRUE(appended.ok()) << appended.status();
  EXPECT_EQ(appended->progress().last_sequence(), 3);
  EXPECT_NE(appended->etag(), created.etag());
  const auto view = log_->Get("a");
  EXPECT_EQ(view->job.SerializeAsString(), appended->SerializeAsString());
  Wakes wakes;
  const auto batch = Start("a", 1, wakes)->Next(10);
  ASSERT_EQ(batch->events.size(), 2u);
  EXPECT_EQ(batch->events[0]->log().message(), "x");
  EXPECT_EQ(batch->events[1]->sequence(), 3);
  EXPECT_EQ(batch->events[1]->time().seconds(), 2'000'000'003);
}

TEST_F(EventLogTest, AStaleVersionAppendsNothing) {
  Create("a");
  const Change stale = ChangeOf("a", {LogLine("stale")});
  AppendLines("a", 1);
  EXPECT_TRUE(absl::IsAborted(log_->Append(stale).status()));
  EXPECT_EQ(log_->Get("a")->job.progress().last_sequence(), 2);
}

TEST_F(EventLogTest, WhatIsNotThereIsNotFoundWithItsName) {
  Wakes wakes;
  const absl::Status missing = log_->Get("none").status();
  EXPECT_TRUE(absl::IsNotFound(missing));
  EXPECT_EQ(Reason(missing), "RESOURCE_NOT_FOUND");
  EXPECT_TRUE(absl::IsNotFound(log_->StartWatch("none", 0, false, wakes.callback()).status()));
  EXPECT_TRUE(absl::IsNotFound(log_->Delete("none", 1)));
}

TEST_F(EventLogTest, AWatchResumesAfterEverySequenceBeforeAndAfterARestart) {
  EventLogOptions small;  // most of the log is outside the tail
  small.tail_events = 5;
  Open(small);
  Create("a");
  AppendLines("a", 29);
  for (int round = 0; round < 2; ++round) {
    for (int64_t after = 0; after <= 30; ++after) {
      for (const int limit : {1, 4, 100}) {
        Wakes wakes;
        auto watch = Start("a", after, wakes);
        EXPECT_EQ(Drain(*watch, limit), Range(after + 1, 30));
      }
    }
    Open(small);
  }
  Wakes wakes;
  for (const int64_t beyond : {int64_t{31}, int64_t{-1}}) {
    const absl::Status refused = log_->StartWatch("a", beyond, false, wakes.callback()).status();
    EXPECT_TRUE(absl::IsInvalidArgument(refused));
    ASSERT_EQ(ViolationsOf(refused).size(), 1u);
    EXPECT_EQ(ViolationsOf(refused)[0].field, "after_sequence");
  }
}

TEST_F(EventLogTest, WakesAtTheStartAndAfterEachAppend) {
  Create("a");
  Wakes wakes;
  auto watch = Start("a", 1, wakes);
  ASSERT_TRUE(wakes.Wait());
  EXPECT_THAT(Drain(*watch), IsEmpty());
  for (int64_t sequence = 2; sequence < 20; ++sequence) {
    AppendLines("a", 1);
    ASSERT_TRUE(wakes.Wait());
    EXPECT_THAT(Drain(*watch), ElementsAre(sequence));
  }
}

TEST_F(EventLogTest, EndsWithTheEventOfAFinalStateAndNotBefore) {
  Create("a");
  Wakes wakes;
  auto watch = Start("a", 0, wakes);
  bool ended = true;
  EXPECT_THAT(Drain(*watch, 10, &ended), ElementsAre(1));
  EXPECT_FALSE(ended);
  AppendLines("a", 2);
  End("a");
  const auto part = watch->Next(2);
  EXPECT_FALSE(part->ended);
  const auto rest = watch->Next(2);
  ASSERT_EQ(rest->events.size(), 1u);
  EXPECT_EQ(rest->events[0]->state_changed().state(), v1::Job::SUCCEEDED);
  EXPECT_TRUE(rest->ended);
  // Who comes when all is over is told so at once.
  Wakes late_wakes;
  auto late = Start("a", 4, late_wakes);
  ASSERT_TRUE(late_wakes.Wait());
  EXPECT_TRUE(late->Next(10)->ended);
}

TEST_F(EventLogTest, AWatchOfADeletedJobIsToldSo) {
  Create("a");
  End("a");
  Wakes wakes;
  auto watch = Start("a", 0, wakes);
  ASSERT_TRUE(wakes.Wait());
  EXPECT_TRUE(absl::IsAborted(log_->Delete("a", 1)));
  ASSERT_TRUE(log_->Delete("a", 2).ok());
  ASSERT_TRUE(wakes.Wait());
  EXPECT_TRUE(absl::IsNotFound(watch->Next(10).status()));
  EXPECT_TRUE(absl::IsNotFound(log_->Get("a").status()));
}

// No retention exists yet, so the test drops events behind the log's back.
class CompactionTest : public EventLogTest {
 protected:
  void DropEventsUpTo(int64_t sequence) {
    store_.reset();
    sqlite3* db = nullptr;
    ASSERT_EQ(sqlite3_open((folder_.path() + "/sliceflow.db").c_str(), &db), SQLITE_OK);
    const std::string sql = absl::StrCat("DELETE FROM events WHERE sequence <= ", sequence);
    ASSERT_EQ(sqlite3_exec(db, sql.c_str(), nullptr, nullptr, nullptr), SQLITE_OK);
    sqlite3_close(db);
    Open();
  }
};

TEST_F(CompactionTest, WhoAsksForWhatIsGoneIsToldWhereItGoesOn) {
  Create("a");
  AppendLines("a", 9);
  log_.reset();
  DropEventsUpTo(6);
  for (int64_t after = 0; after <= 10; ++after) {
    Wakes wakes;
    auto watch = Start("a", after, wakes);
    const auto batch = watch->Next(100);
    ASSERT_TRUE(batch.ok());
    EXPECT_EQ(batch->compacted_to.has_value(), after < 6) << after;
    EXPECT_EQ(batch->compacted_to.value_or(7), 7);
    EXPECT_EQ(batch->events.size(), static_cast<size_t>(10 - std::max<int64_t>(after, 6)));
    EXPECT_FALSE(watch->Next(100)->compacted_to.has_value());
  }
}

TEST_F(CompactionTest, WhereNothingIsLeftTheNextEventIsWhereItGoesOn) {
  Create("a");
  AppendLines("a", 4);
  log_.reset();
  DropEventsUpTo(5);
  Wakes wakes;
  auto watch = Start("a", 2, wakes);
  EXPECT_EQ(watch->Next(100)->compacted_to, 6);
  AppendLines("a", 1);
  EXPECT_THAT(Drain(*watch), ElementsAre(6));
}

TEST_F(EventLogTest, TheNewestInnerProgressIsShownToThoseWhoAsk) {
  EventLogOptions options;
  options.progress_interval = absl::Milliseconds(1);
  Open(options);
  Create("a");
  Wakes wakes, quiet_wakes;
  auto watch = Start("a", 1, wakes, /*progress=*/true);
  auto quiet = Start("a", 1, quiet_wakes, /*progress=*/false);
  v1::InnerProgress progress;
  for (int i = 1; i <= 50; ++i) {
    progress.set_iteration(i);
    log_->PublishProgress("a", progress);
  }
  int seen = 0;
  while (seen < 50) {
    ASSERT_TRUE(wakes.Wait());
    const auto batch = watch->Next(10);
    if (batch->progress == nullptr) continue;
    EXPECT_EQ(batch->progress->sequence(), 0);
    EXPECT_GT(batch->progress->inner_progress().iteration(), seen);  // never back, never twice
    seen = batch->progress->inner_progress().iteration();
  }
  EXPECT_EQ(watch->Next(10)->progress, nullptr);
  EXPECT_EQ(quiet->Next(10)->progress, nullptr);
}

TEST_F(EventLogTest, InnerProgressIsHeldBackToItsRate) {
  EventLogOptions options;
  options.progress_interval = absl::Hours(1);
  Open(options);
  Create("a");
  Wakes wakes;
  auto watch = Start("a", 1, wakes, true);
  v1::InnerProgress progress;
  for (int i = 1; i <= 1000; ++i) {
    progress.set_iteration(i);
    log_->PublishProgress("a", progress);
  }
  EXPECT_EQ(watch->Next(10)->progress->inner_progress().iteration(), 1);
  EXPECT_EQ(watch->Next(10)->progress, nullptr);
}

TEST_F(EventLogTest, ACompletedStepDropsTheProgressTowardsIt) {
  Create("a");
  Wakes wakes;
  auto watch = Start("a", 1, wakes, true);
  log_->PublishProgress("a", v1::InnerProgress());
  v1::JobEvent step;
  step.mutable_step_completed()->mutable_report()->set_step(1);
  Append("a", {step});
  const auto batch = watch->Next(10);
  EXPECT_EQ(batch->events.size(), 1u);
  EXPECT_EQ(batch->progress, nullptr);
}

TEST_F(EventLogTest, EventsAreDecodedOnceForAllWhoWatch) {
  Create("a");
  AppendLines("a", 5);
  Wakes wakes;
  auto first = Start("a", 3, wakes);
  auto second = Start("a", 3, wakes);
  const auto one = first->Next(10);
  const auto other = second->Next(10);
  ASSERT_EQ(one->events.size(), 3u);
  for (size_t i = 0; i < 3; ++i) EXPECT_EQ(one->events[i].get(), other->events[i].get());
}

TEST_F(EventLogTest, DataSetsOfASpecificationAreFoundOnce) {
  v1::FlowSpec spec;
  spec.mutable_initial()->mutable_dataset()->set_dataset("datasets/x");
  spec.mutable_functional()->add_terms()->mutable_potential()->mutable_bayesian_logistic_regression()->set_dataset("datasets/y");
  spec.mutable_functional()->add_terms()->mutable_sliced_wasserstein()->set_dataset("datasets/x");
  spec.mutable_functional()->add_terms()->mutable_entropy();
  spec.mutable_functional()->add_terms()->mutable_mmd()->set_dataset("datasets/z");
  v1::Potential& potential = *spec.mutable_functional()->add_terms()->mutable_relative_entropy()->mutable_potential();
  potential.mutable_bayesian_logistic_regression()->set_dataset("datasets/w");
  spec.mutable_model()->mutable_latent_flow()->set_dataset("datasets/v");
  EXPECT_THAT(DatasetsOf(spec), ElementsAre("v", "w", "x", "y", "z"));
}

}  // namespace
}  // namespace sliceflow::events
