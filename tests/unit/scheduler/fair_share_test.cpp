#include "server/scheduler/fair_share.h"

#include <gtest/gtest.h>

#include <string>

#include "absl/strings/str_cat.h"

namespace sliceflow::scheduler {
namespace {

constexpr absl::Duration kHour = absl::Hours(1);

TEST(FairShareTest, CountsWhatRunsAndWhatHasRun) {
  FairShare share(kHour);
  EXPECT_EQ(share.Usage("ada", absl::Seconds(0)), 0);
  share.Begin("ada", absl::Seconds(0));
  share.Begin("ada", absl::Seconds(10));
  EXPECT_EQ(share.Usage("ada", absl::Seconds(30)), 30 + 20);  // of two workers
  share.End("ada", absl::Seconds(0), absl::Seconds(30));
  EXPECT_EQ(share.Usage("ada", absl::Seconds(30)), 50);
  EXPECT_EQ(share.Usage("bob", absl::Seconds(30)), 0);
}

TEST(FairShareTest, ASecondCountsHalfAfterEachHalfLife) {
  FairShare share(kHour);
  share.Begin("ada", absl::ZeroDuration());
  share.End("ada", absl::ZeroDuration(), absl::Seconds(100));
  EXPECT_NEAR(share.Usage("ada", absl::Seconds(100) + kHour), 50, 1e-9);
  EXPECT_NEAR(share.Usage("ada", absl::Seconds(100) + 2 * kHour), 25, 1e-9);
}

TEST(FairShareTest, AShortTurnCountsAsWellSoThatTurnsAlternate) {
  FairShare share(kHour);
  share.Begin("ada", absl::ZeroDuration());
  EXPECT_GT(share.Usage("ada", absl::ZeroDuration()), 0);
}

TEST(FairShareTest, ManyOwnersOfOnceAreForgottenAndOthersAreNot) {
  FairShare share(kHour);
  share.Begin("heavy", absl::ZeroDuration());
  share.End("heavy", absl::ZeroDuration(), absl::Hours(10));
  for (int i = 0; i < 5000; ++i) {
    share.Begin(absl::StrCat("owner ", i), absl::Hours(10 + i));
    share.End(absl::StrCat("owner ", i), absl::Hours(10 + i), absl::Hours(10 + i) + absl::Seconds(1));
    if (i == 3) {
      EXPECT_NEAR(share.Usage("heavy", absl::Hours(13)), 36000 / 8.0, 1);
    }
  }
  EXPECT_EQ(share.Usage("owner 0", absl::Hours(5010)), 0);
}

}  // namespace
}  // namespace sliceflow::scheduler
