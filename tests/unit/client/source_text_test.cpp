#include "client/cli/source_text.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "client/cli/describe.h"
#include "common/suggestion.h"

namespace sliceflow::cli {
namespace {

TEST(SourceText, Utf8) {
  EXPECT_TRUE(IsUtf8("Übung ρ₀ 你好 😀"));
  EXPECT_FALSE(IsUtf8("\xC3"));
  EXPECT_FALSE(IsUtf8("\xC0\xAF"));          // overlong
  EXPECT_FALSE(IsUtf8("\xED\xA0\x80"));      // half of a surrogate pair
  EXPECT_FALSE(IsUtf8("\xF5\x80\x80\x80"));  // beyond Unicode
}

TEST(SourceText, WidthCountsColumnsOfTheTerminal) {
  EXPECT_EQ(DisplayWidth("Übung"), 5);
  EXPECT_EQ(DisplayWidth("你好"), 4);
  EXPECT_EQ(DisplayWidth("e\xCC\x81"), 1);  // e and a combining acute
  EXPECT_EQ(FitWidth("你好吗", 5), "你好");
  EXPECT_EQ(FitWidth("abc", 0), "");
}

TEST(SourceText, NothingFromOutsideSteersTheTerminal) {
  EXPECT_EQ(Printable("a\x1b[2J\tb\x7f"), "a?[2J b?");
  EXPECT_EQ(Printable("\xC2\x9B"
                      "1m"),
            "?1m");  // the one-byte form of ESC [
}

TEST(SourceText, TheCaretStandsBelowWideCharacters) {
  const SourceText source("f", "a: 你好: x\n");
  const Problem problem{{1, 12}, "", "here"};
  EXPECT_EQ(source.Render(problem, 80, false), "f:1:12: here\n    a: 你好: x\n             ^\n");
}

TEST(SourceText, LongLinesAreCutAroundThePlace) {
  const SourceText source("f", std::string(500, 'a') + "X" + std::string(500, 'b'));
  const std::string shown = source.Render({{1, 501}, "", "here"}, 60, false);
  EXPECT_EQ(shown, "f:1:501: here\n    " + std::string(30, 'a') + "X" + std::string(25, 'b') + "\n    " + std::string(30, ' ') + "^\n");
}

TEST(Suggestion, ForgivesSlipsButNotEverything) {
  const std::vector<std::string> names = {"stepSize", "numSteps", "clock", "endTime"};
  EXPECT_EQ(NearestWord("stepsize", names), "stepSize");
  EXPECT_EQ(NearestWord("step_size", names), "stepSize");
  EXPECT_EQ(NearestWord("stpeSize", names), "stepSize");
  EXPECT_EQ(NearestWord("colck", names), "clock");
  EXPECT_EQ(NearestWord("temperature", names), "");
  EXPECT_EQ(NearestWord(std::string(100'000, 'x'), names), "");
}

TEST(Describe, ClocksAndNames) {
  EXPECT_EQ(Clock(absl::Seconds(7)), "0:07");
  EXPECT_EQ(Clock(absl::Seconds(723)), "12:03");
  EXPECT_EQ(Clock(absl::Seconds(3 * 3600 + 12)), "3:00:12");
  EXPECT_EQ(FullName("jobs", "01ab"), "jobs/01ab");
  EXPECT_EQ(FullName("jobs", "jobs/01ab"), "jobs/01ab");
}

TEST(Describe, TablesAlignByColumnsOfTheTerminal) {
  EXPECT_EQ(Table({{"NAME", "TITLE"}, {"a", "你好"}, {"longer", "x"}}), "NAME    TITLE\na       你好\nlonger  x");
}

TEST(Describe, ValidationTellsBothClocks) {
  v1::Job job;
  job.mutable_spec()->set_dimension(2);
  job.mutable_spec()->mutable_schedule()->set_step_size(0.1);
  job.mutable_spec()->mutable_schedule()->set_num_steps(9);
  EXPECT_EQ(ValidationText(job), "valid: dimension 2, 9 steps to time 0.9 (sliced 0.45), step size 0.1 (sliced 0.05)");
  job.mutable_spec()->mutable_schedule()->set_clock(v1::Schedule::SLICED);
  EXPECT_EQ(ValidationText(job), "valid: dimension 2, 9 steps to time 1.8 (sliced 0.9), step size 0.2 (sliced 0.1)");
}

TEST(Describe, EventLines) {
  v1::JobEvent event;
  v1::StepReport& report = *event.mutable_step_completed()->mutable_report();
  report.set_step(3);
  report.set_wasserstein_time(0.3);
  report.set_sliced_time(0.15);
  report.set_energy(-1.25);
  report.set_energy_standard_error(0.01);
  report.set_distance_squared(0.5);
  report.mutable_energy_inequality()->set_slack(0.02);
  report.mutable_energy_inequality()->set_standard_error(0.005);
  report.mutable_energy_inequality()->set_holds(true);
  report.set_converged(true);
  report.set_seconds(1.25);
  v1::MetricValue& metric = *report.add_metrics();
  metric.set_name("accuracy");
  metric.set_value(0.77);
  EXPECT_EQ(
      EventLine(event, 9),
      "step 3/9  time 0.3 (sliced 0.15)  energy -1.25 ± 0.01  moved² 0.5  inequality holds (slack 0.02 ± 0.005)  accuracy 0.77  1.2 s");
  report.set_converged(false);
  EXPECT_THAT(EventLine(event, 9), ::testing::HasSubstr("  not converged  accuracy"));
  event.mutable_state_changed()->set_state(v1::Job::FAILED);
  event.mutable_state_changed()->mutable_error()->set_message("diverged at step 4");
  EXPECT_EQ(EventLine(event, 9), "FAILED: diverged at step 4");
  event.mutable_log()->set_message("a\x1b[0m");
  EXPECT_EQ(EventLine(event, 9), "note: a?[0m");
}

}  // namespace
}  // namespace sliceflow::cli
