#include "client/cli/progress_view.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <string>
#include <vector>

#include "absl/strings/str_join.h"
#include "client/cli/braille.h"
#include "client/cli/source_text.h"

namespace sliceflow::cli {
namespace {

using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::ResultOf;

client::WatchUpdate Step(int step, double energy) {
  client::WatchUpdate update;
  v1::JobEvent& event = *update.response.mutable_event();
  event.set_sequence(step + 3);
  v1::StepReport& report = *event.mutable_step_completed()->mutable_report();
  report.set_step(step);
  report.set_wasserstein_time(0.1 * step);
  report.set_sliced_time(0.05 * step);
  report.set_energy(energy);
  report.set_energy_standard_error(0.01);
  report.mutable_energy_inequality()->set_slack(0.02);
  report.mutable_energy_inequality()->set_standard_error(0.004);
  report.mutable_energy_inequality()->set_holds(true);
  report.set_converged(true);
  report.set_seconds(2);
  return update;
}

ProgressState HalfWay() {
  ProgressState state;
  state.job.set_name("jobs/a1");
  state.job.set_display_name("Ring");
  state.job.set_state(v1::Job::RUNNING);
  state.job.mutable_progress()->set_total_steps(8);
  for (int step = 0; step <= 4; ++step) state.Apply(Step(step, 4.0 - step));
  client::WatchUpdate inner;
  v1::InnerProgress& progress = *inner.response.mutable_event()->mutable_inner_progress();
  progress.set_step(5);
  progress.set_iteration(100);
  progress.set_total_iterations(200);
  state.Apply(inner);
  return state;
}

TEST(ProgressView, DrawsStepsInnerProgressEnergyClocksAndInequality) {
  // 4 of 8 steps and half of the fifth: 9/16; 3.5 steps left of 2 s each.
  EXPECT_THAT(RenderProgress(HalfWay(), absl::Seconds(9), {60, 24}, false),
              ElementsAre("Ring  jobs/a1",                                                 //
                          "RUNNING  0:09, about 0:07 left",                                //
                          "[█████████████████▍·············] 4/8 steps, step 5: 100/200",  //
                          "energy 0 ± 0.01  █▆▅▃▁",                                        //
                          "time 0.4 (Wasserstein clock), 0.2 (sliced clock)",              //
                          "inequality holds (slack 0.02 ± 0.004)"));
}

TEST(ProgressView, AViolatedInequalityIsSeen) {
  ProgressState state = HalfWay();
  state.last_step->mutable_energy_inequality()->set_holds(false);
  EXPECT_THAT(absl::StrJoin(RenderProgress(state, absl::Seconds(9), {60, 24}, false), "\n"), HasSubstr("inequality VIOLATED"));
}

TEST(ProgressView, AStepThatDidNotConvergeIsSeen) {
  ProgressState state = HalfWay();
  state.last_step->set_converged(false);
  EXPECT_THAT(absl::StrJoin(RenderProgress(state, absl::Seconds(9), {80, 24}, false), "\n"), HasSubstr("did not converge"));
}

TEST(ProgressView, StaysInsideTheTerminal) {
  ProgressState state = HalfWay();
  state.job.set_display_name("A title far longer than the terminal is wide, with 你好 in it");
  state.samples = Tensor{{100, 2}, std::vector<float>(200, 1.0f)};
  for (int width : {12, 20, 33, 60, 200}) {
    for (int height : {3, 8, 14, 24, 60}) {
      const std::vector<std::string> lines = RenderProgress(state, absl::Seconds(9), {width, height}, false);
      EXPECT_LT(static_cast<int>(lines.size()), height);
      EXPECT_THAT(lines, Each(ResultOf([](const std::string& line) { return DisplayWidth(line); }, ::testing::Le(std::max(width, 4)))));
    }
  }
}

TEST(ProgressView, WithoutColourThereAreNoEscapes) {
  ProgressState state = HalfWay();
  state.samples = Tensor{{2, 2}, {0, 0, 1, 1}};
  EXPECT_THAT(RenderProgress(state, absl::Seconds(9), {60, 24}, false), Each(Not(HasSubstr("\x1b"))));
  EXPECT_THAT(absl::StrJoin(RenderProgress(state, absl::Seconds(9), {60, 24}, true), ""), HasSubstr("\x1b["));
}

TEST(ProgressView, ANewerStepEndsTheInnerProgress) {
  ProgressState state = HalfWay();
  state.Apply(Step(5, -1));
  EXPECT_FALSE(state.inner.has_value());
  EXPECT_EQ(state.Fraction(), 5.0 / 8);
}

TEST(Braille, OneDotInEachCorner) {
  const Tensor corners{{4, 2}, {0, 0, 0.99f, 0, 0, 0.99f, 0.99f, 0.99f}};
  EXPECT_THAT(DrawPoints(corners, {0, 1, 0, 1}, 3, 2, false), ElementsAre("⠁ ⠈", "⡀ ⢀"));
}

TEST(Braille, PointsOutsideAndNaNAreLeftOut) {
  const Tensor points{{4, 2}, {2, 0.5f, -1, 0.5f, NAN, 0.5f, 0.5f, INFINITY}};
  EXPECT_THAT(DrawPoints(points, {0, 1, 0, 1}, 2, 1, false), ElementsAre("  "));
}

TEST(Braille, OneDimensionIsAHistogram) {
  const Tensor points{{4, 1}, {0.1f, 0.1f, 0.1f, 0.1f}};
  EXPECT_THAT(DrawPoints(points, {0, 1, -1, 1}, 2, 1, false), ElementsAre("⡇ "));
}

TEST(Braille, BothAxesHaveTheSameScale) {
  Tensor points{{200, 2}, {}};
  for (int i = 0; i < 200; ++i) points.values.insert(points.values.end(), {i / 20.0f, i / 200.0f});
  const PlotBox box = FitBox(points, 40, 10);
  EXPECT_NEAR((box.right - box.left) / 80, (box.top - box.bottom) / 40, 1e-9);
  EXPECT_LT(box.left, 0.2);
  EXPECT_GT(box.right, 9.7);
}

TEST(Braille, OnePointAloneStillHasABox) {
  const PlotBox box = FitBox(Tensor{{1, 2}, {3, 4}}, 20, 5);
  EXPECT_LT(box.left, 3);
  EXPECT_GT(box.right, 3);
  EXPECT_LT(box.bottom, 4);
  EXPECT_GT(box.top, 4);
}

}  // namespace
}  // namespace sliceflow::cli
