// Filters of ListJobs as the store is asked.
#include "server/api/list_jobs.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/errors.h"

namespace sliceflow::api {
namespace {

using ::testing::HasSubstr;
using ::testing::Optional;

absl::StatusOr<store::JobQuery> Ask(const std::string& filter) {
  v1::ListJobsRequest request;
  request.set_filter(filter);
  return ToQuery(request);
}

TEST(ListJobsTest, OwnerDeviceAndPriorityAreAskedFor) {
  const auto query = Ask(R"(owner = "ada" AND device = "cuda:0" AND priority >= -5)");
  ASSERT_TRUE(query.ok()) << query.status();
  EXPECT_THAT(query->owner, Optional(std::string("ada")));
  EXPECT_THAT(query->device, Optional(std::string("cuda:0")));
  EXPECT_THAT(query->lowest_priority, Optional(-5));
  EXPECT_EQ(query->highest_priority, std::nullopt);
  EXPECT_THAT(Ask("priority = 3")->lowest_priority, Optional(3));
  EXPECT_THAT(Ask("priority = 3")->highest_priority, Optional(3));
  EXPECT_THAT(Ask("priority <= 3")->highest_priority, Optional(3));
}

TEST(ListJobsTest, WhatCannotBeComparedIsNamed) {
  for (const auto& [filter, words] : {std::pair{"priority > 1", "compared by =, >= or <=, not by >"},
                                      std::pair{"device = \"gpu\"", "device must be any, cpu, cuda:N, or NODE/cpu"},
                                      std::pair{"state = RUNNING OR state = QUEUED", "joined by AND, not by \"OR state = QUEUED\""},
                                      std::pair{"state RUNNING", "there is \"state RUNNING\""},
                                      {"priority = high", "whole number"},
                                      {"device != cpu", "cannot compare device by !="},
                                      {"owner >= a", "cannot compare owner by >="},
                                      {"size = 1", "fields are state"}}) {
    const absl::Status status = Ask(filter).status();
    EXPECT_TRUE(absl::IsInvalidArgument(status)) << filter;
    ASSERT_EQ(ViolationsOf(status).size(), 1u);
    EXPECT_THAT(ViolationsOf(status)[0].description, HasSubstr(words));
  }
}

}  // namespace
}  // namespace sliceflow::api
