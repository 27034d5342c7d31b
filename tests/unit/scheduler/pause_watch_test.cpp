#include "server/scheduler/pause_watch.h"

#include <gtest/gtest.h>

namespace sliceflow::scheduler {
namespace {

TEST(PauseWatch, WhatLastsIsMeasuredWhileTheProcessRuns) {
  PauseWatch watch(absl::Seconds(2));
  const absl::Duration begin = absl::Hours(5);
  absl::Duration now = begin;
  for (int i = 0; i < 20; ++i) watch.Look(now += absl::Seconds(1));
  EXPECT_EQ(watch.Lasted(begin, now), absl::Seconds(20));
  EXPECT_EQ(watch.Lasted(absl::InfiniteDuration(), now), -absl::InfiniteDuration());
}

TEST(PauseWatch, APauseGivesEverythingItsWholeTimeAgain) {
  PauseWatch watch(absl::Seconds(2));
  const absl::Duration begin = absl::Hours(5);
  watch.Look(begin);
  absl::Duration now = begin + absl::Seconds(20);
  watch.Look(now);
  EXPECT_EQ(watch.Lasted(begin, now), absl::ZeroDuration());
  for (int i = 0; i < 15; ++i) watch.Look(now += absl::Seconds(1));
  EXPECT_EQ(watch.Lasted(begin, now), absl::Seconds(15)) << "a worker that stays silent is found";
  EXPECT_EQ(watch.Lasted(now - absl::Seconds(1), now), absl::Seconds(1)) << "it was heard of since";
}

}  // namespace
}  // namespace sliceflow::scheduler
