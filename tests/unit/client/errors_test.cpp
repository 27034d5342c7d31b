// What people are told when a call ends without an answer of the server.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "client/cli/errors.h"

namespace sliceflow::cli {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

std::string Words(const absl::Status& status) { return DescribeUnreachable("127.0.0.1:1", status); }

TEST(ErrorsTest, NoServerAnswersWhereNoneIsThereOrNoneInTime) {
  EXPECT_THAT(Words(absl::UnavailableError("failed to connect to all addresses; last error: UNKNOWN: Connection refused")),
              StartsWith("no server answers at 127.0.0.1:1: connection refused"));
  EXPECT_THAT(Words(absl::DeadlineExceededError("Deadline Exceeded")),
              StartsWith("no server answers at 127.0.0.1:1: no answer within the time"));
}

TEST(ErrorsTest, AnAnswerIsToldInItsOwnWords) {
  const std::string words = Words(absl::UnavailableError("the disk cannot be read"));
  EXPECT_EQ(words, "the call to 127.0.0.1:1 failed: the disk cannot be read (UNAVAILABLE)");
  EXPECT_THAT(words, Not(HasSubstr("no server answers")));
}

}  // namespace
}  // namespace sliceflow::cli
