#include "client/cli/job_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "common/errors.h"

namespace sliceflow::cli {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;

constexpr char kJob[] =
    "# A job.\n"
    "displayName: Übung\n"
    "spec:\n"
    "  dimension: 2\n"
    "  functional:\n"
    "    terms:\n"
    "      - {weight: 1, potential: {quadratic: {precision: {values: [1, 2, 3, 4]}}}}\n"
    "  schedule: {stepSize: -0.1, numSteps: 9}\n";

TEST(JobFile, ViolationsStandBesideTheirLines) {
  const JobFile file = ParseJobFile("job.yaml", kJob);
  ASSERT_THAT(file.reading.problems, SizeIs(0));
  FieldViolations violations;
  violations.Add("spec.schedule.step_size", "must be above 0; it is -0.1");
  violations.Add("spec.functional.terms[0].potential.quadratic.precision", "is not symmetric");
  violations.Add("spec.model.particles.count", "must be at least 1");
  const std::vector<Problem> problems = LocateViolations(file, violations.ToStatus());
  ASSERT_THAT(problems, SizeIs(3));
  EXPECT_EQ(file.source.Render(problems[0], 80, false),
            "job.yaml:3:1: spec.model.particles.count: must be at least 1\n"
            "    spec:\n"
            "    ^\n");
  EXPECT_EQ(file.source.Render(problems[1], 120, false),
            "job.yaml:7:45: spec.functional.terms[0].potential.quadratic.precision: is not symmetric\n"
            "          - {weight: 1, potential: {quadratic: {precision: {values: [1, 2, 3, 4]}}}}\n"
            "                                                ^\n");
  EXPECT_EQ(file.source.Render(problems[2], 80, false),
            "job.yaml:8:24: spec.schedule.stepSize: must be above 0; it is -0.1\n"
            "      schedule: {stepSize: -0.1, numSteps: 9}\n"
            "                           ^\n");
}

TEST(JobFile, AViolationWithoutAPlaceIsStillTold) {
  const JobFile file = ParseJobFile("job.yaml", kJob);
  FieldViolations violations;
  violations.Add("request_id", "is too long");
  const std::vector<Problem> problems = LocateViolations(file, violations.ToStatus());
  ASSERT_THAT(problems, SizeIs(1));
  EXPECT_EQ(file.source.Render(problems[0], 80, false), "job.yaml: requestId: is too long\n");
}

TEST(JobFile, WhatAServerSaysOfTheRestStandsAmongTheFilesOwnProblems) {
  JobFile file = ParseJobFile("job.yaml",
                              "spec:\n"
                              "  dimension: 2\n"
                              "  functional: {terms: [{potential: {quadratic: {center: [.nan, x]}}}]}\n"
                              "  schedule: {stepSize: 0, numSteps: many}\n"
                              "  seed: -1\n");
  ASSERT_THAT(file.reading.problems, SizeIs(3));
  ASSERT_TRUE(CanBeJudged(file));
  FieldViolations violations;
  violations.Add("spec.functional.terms[0].potential.quadratic.center", "must have 2 values, has 1");  // one was not read
  violations.Add("spec.functional.terms[0].potential.quadratic.center[0]", "must be finite, is nan");
  violations.Add("spec.schedule", "needs one of numSteps, endTime");  // the one that was not read
  violations.Add("spec.schedule.step_size", "must be above 0");
  AddViolations(file, violations.ToStatus());
  std::vector<std::string> fields;
  for (const Problem& problem : file.reading.problems) fields.push_back(problem.field);
  EXPECT_THAT(fields, ElementsAre("spec.functional.terms[0].potential.quadratic.center[0]",
                                  "spec.functional.terms[0].potential.quadratic.center[1]", "spec.schedule.stepSize",
                                  "spec.schedule.numSteps", "spec.seed"));
}

TEST(JobFile, WhatOthersDependOnMustBeReadBeforeAServerCanJudge) {
  EXPECT_FALSE(CanBeJudged(ParseJobFile("job.yaml", "spec: {dimension: two, seed: 1}\n")));
  EXPECT_FALSE(CanBeJudged(ParseJobFile("job.yaml", "spec: {solver: {swjko: {}}, seed: -1}\n")));
  EXPECT_FALSE(CanBeJudged(ParseJobFile("job.yaml", "spec: [\n")));
  EXPECT_FALSE(CanBeJudged(ParseJobFile("job.yaml", "\xff")));
  EXPECT_TRUE(CanBeJudged(ParseJobFile("job.yaml", "spec: {dimension: 2, seed: -1}\n")));
}

TEST(JobFile, WhatIsNoTextIsRefused) {
  const JobFile file = ParseJobFile("job.yaml", "displayName: \xff\xfe\n");
  ASSERT_THAT(file.reading.problems, SizeIs(1));
  EXPECT_THAT(file.reading.problems[0].description, HasSubstr("UTF-8"));
}

TEST(JobFile, FilesThatCannotBeReadSayWhy) {
  EXPECT_THAT(std::string(ReadJobFile("/nowhere/job.yaml").status().message()), HasSubstr("/nowhere/job.yaml"));
  EXPECT_THAT(std::string(ReadJobFile("/").status().message()), HasSubstr("is a folder"));
  const std::string path = std::filesystem::temp_directory_path() / ("sliceflow_large_job_" + std::to_string(getpid()) + ".yaml");
  std::ofstream(path) << std::string((1 << 20) + 1, '#');
  EXPECT_THAT(std::string(ReadJobFile(path).status().message()), HasSubstr("larger than 1 MiB"));
  std::filesystem::remove(path);
}

}  // namespace
}  // namespace sliceflow::cli
