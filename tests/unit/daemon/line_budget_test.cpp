#include "server/daemon/line_budget.h"

#include <gtest/gtest.h>

#include <utility>
#include <vector>

namespace sliceflow::daemon {
namespace {

TEST(LineBudget, WritesTenLinesOfAPlaceInAMinuteAndCountsTheRest) {
  LineBudget budget;
  const absl::Duration begin = absl::Seconds(100);
  int written = 0;
  std::vector<int64_t> told;
  for (int i = 0; i < 3000; ++i) {
    const LineBudget::Verdict verdict = budget.Take("a.cc:1", begin + absl::Milliseconds(i));
    written += verdict.written ? 1 : 0;
    if (verdict.left_out > 0) told.push_back(verdict.left_out);
    EXPECT_FALSE(verdict.of_minute_before);
  }
  EXPECT_EQ(written, LineBudget::kLines);
  EXPECT_EQ(told, (std::vector<int64_t>{1, 10, 100, 1000}));
  EXPECT_TRUE(budget.Take("a.cc:2", begin).written) << "another place";

  const LineBudget::Verdict later = budget.Take("a.cc:1", begin + LineBudget::kTime);
  EXPECT_TRUE(later.written);
  EXPECT_EQ(later.left_out, 2990);
  EXPECT_TRUE(later.of_minute_before);
  EXPECT_EQ(budget.Take("a.cc:1", begin + LineBudget::kTime).left_out, 0) << "told once";
}

}  // namespace
}  // namespace sliceflow::daemon
