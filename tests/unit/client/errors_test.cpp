// What people are told when a call ends without an answer of the server.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "client/cli/errors.h"

namespace sliceflow::cli {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

std::string Words(const absl::Status& status, const client::ChannelOptions& security = {}) {
  return DescribeUnreachable("127.0.0.1:1", security, status);
}

TEST(ErrorsTest, NoServerAnswersWhereNoneIsThereOrNoneInTime) {
  EXPECT_THAT(Words(absl::UnavailableError("failed to connect to all addresses; last error: UNKNOWN: Connection refused")),
              StartsWith("no server answers at 127.0.0.1:1: connection refused"));
  EXPECT_THAT(Words(absl::DeadlineExceededError("Deadline Exceeded")),
              StartsWith("no server answers at 127.0.0.1:1: no answer within the time"));
}

TEST(ErrorsTest, WhatKeepsTheTwoApartAtTlsIsNamed) {
  const auto words = [](const std::string& last, const client::ChannelOptions& security) {
    return Words(absl::UnavailableError("failed to connect to all addresses; last error: UNKNOWN: ipv4:127.0.0.1:1: " + last), security);
  };
  const std::string untrusted = "Ssl handshake failed: SSL_ERROR_SSL: error:0A000086:SSL routines::certificate verify failed";
  EXPECT_THAT(words(untrusted, {.ca_file = "ca.pem"}), AllOf(HasSubstr("is not trusted"), HasSubstr("what ca.pem signed")));
  EXPECT_THAT(words(untrusted, {.tls = true}), HasSubstr("what this system trusts"));
  const std::string plain = "Ssl handshake failed: SSL_ERROR_SSL: error:0A00010B:SSL routines::wrong version number";
  EXPECT_THAT(words(plain, {.ca_file = "ca.pem"}), HasSubstr("does not speak TLS"));
  EXPECT_THAT(words("Socket closed", {}), HasSubstr("does it speak TLS (--tls-ca FILE or --tls)?"));
}

TEST(ErrorsTest, AnAnswerIsToldInItsOwnWords) {
  const std::string words = Words(absl::UnavailableError("the disk cannot be read"));
  EXPECT_EQ(words, "the call to 127.0.0.1:1 failed: the disk cannot be read (UNAVAILABLE)");
  EXPECT_THAT(words, Not(HasSubstr("no server answers")));
}

}  // namespace
}  // namespace sliceflow::cli
