#include "common/ids.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "absl/strings/match.h"
#include "absl/time/clock.h"
#include "common/errors.h"
#include "common/version.h"

namespace sliceflow {
namespace {

using ::testing::HasSubstr;
using ::testing::MatchesRegex;
using ::testing::SizeIs;

TEST(NewIdTest, IdsAreNamesAndNeverTheSame) {
  std::set<std::string> ids;
  for (int i = 0; i < 10'000; ++i) {
    const std::string id = NewId();
    ASSERT_THAT(id, MatchesRegex("[0-9a-z]{26}"));
    ids.insert(id);
  }
  EXPECT_THAT(ids, SizeIs(10'000));
  EXPECT_TRUE(ParseResourceName("jobs", JobName(*ids.begin()), "name").ok());
}

TEST(NewIdTest, IdsOfLaterMillisecondsSortLater) {
  const std::string first = NewId();
  const absl::Time begin = absl::Now();
  while (absl::Now() - begin < absl::Milliseconds(2)) {
  }
  EXPECT_LT(first, NewId());
}

TEST(ParseResourceNameTest, TakesIds) {
  EXPECT_EQ(ParseResourceName("jobs", "jobs/abc-1", "name").value(), "abc-1");
  EXPECT_EQ(ParseResourceName("datasets", DatasetName("d-0"), "name").value(), "d-0");
  EXPECT_TRUE(ParseResourceName("jobs", "jobs/" + std::string(63, 'a'), "name").ok());
}

TEST(ParseResourceNameTest, RefusesTheRestNamingFieldAndValue) {
  for (const std::string name : {"", "jobs", "jobs/", "abc", "datasets/abc", "jobs/Abc", "jobs/-a", "jobs/a/b", "jobs/a_b", "jobs/../x",
                                 "/jobs/a", "jobs/a ", "jobs/ä"}) {
    const absl::Status status = ParseResourceName("jobs", name, "spec.job").status();
    ASSERT_TRUE(absl::IsInvalidArgument(status)) << name;
    ASSERT_THAT(ViolationsOf(status), SizeIs(1));
    EXPECT_EQ(ViolationsOf(status)[0].field, "spec.job");
    EXPECT_THAT(ViolationsOf(status)[0].description, HasSubstr("jobs/ID"));
  }
  EXPECT_FALSE(ParseResourceName("jobs", "jobs/" + std::string(64, 'a'), "name").ok());
  EXPECT_FALSE(ParseResourceName("jobs", std::string("jobs/a\0b", 8), "name").ok());
}

TEST(VersionTest, IsThatOfTheProject) { EXPECT_THAT(std::string(Version()), MatchesRegex("[0-9]+\\.[0-9]+\\.[0-9]+")); }

}  // namespace
}  // namespace sliceflow
