// Every job file of examples/ reads into the contract with nothing unknown and nothing left out.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <set>
#include <string>

#include "client/cli/job_file.h"

namespace sliceflow::cli {
namespace {

TEST(Examples, EachIsAJobFile) {
  std::set<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(std::string(SLICEFLOW_SOURCE_DIR) + "/examples")) {
    if (entry.path().extension() != ".yaml") continue;
    SCOPED_TRACE(entry.path().string());
    names.insert(entry.path().stem());
    const absl::StatusOr<JobFile> file = ReadJobFile(entry.path());
    ASSERT_TRUE(file.ok()) << file.status();
    for (const Problem& problem : file->reading.problems) ADD_FAILURE() << file->source.Render(problem, 140, false);
    EXPECT_TRUE(file->reading.ignored.empty());
    EXPECT_FALSE(file->job.display_name().empty());
    EXPECT_GT(file->job.spec().dimension(), 0);
    EXPECT_GT(file->job.spec().functional().terms_size(), 0);
    EXPECT_GT(file->job.spec().schedule().step_size(), 0);
  }
  EXPECT_THAT(names, ::testing::IsSupersetOf({"quickstart", "mixture", "logistic_regression", "ring", "digits"}));
}

}  // namespace
}  // namespace sliceflow::cli
