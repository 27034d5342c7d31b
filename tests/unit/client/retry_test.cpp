#include "client/cpp/retry.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/time/clock.h"
#include "common/errors.h"
#include "tests/unit/client/fake_server.h"
#include "tests/unit/client/slow_proxy.h"

namespace sliceflow::client {
namespace {

using ::testing::AllOf;
using ::testing::Each;
using ::testing::Ge;
using ::testing::Le;
using ::testing::Not;
using ::testing::SizeIs;

TEST(Retry, AJobIsSentAgainUnderTheSameRequestId) {
  FakeServer fake;
  fake.jobs.failures_left = 2;
  ASSERT_TRUE(fake.MakeClient().CreateJob(v1::CreateJobRequest()).ok());
  ASSERT_THAT(fake.jobs.request_ids, SizeIs(3));
  EXPECT_THAT(fake.jobs.request_ids, Each(fake.jobs.request_ids[0]));
  EXPECT_THAT(fake.jobs.request_ids[0], Not(""));
}

TEST(Retry, ARequestIdOfTheCallersOwnIsKept) {
  FakeServer fake;
  v1::CreateJobRequest request;
  request.set_request_id("mine");
  ASSERT_TRUE(fake.MakeClient().CreateJob(request).ok());
  EXPECT_THAT(fake.jobs.request_ids, ::testing::ElementsAre("mine"));
}

TEST(Retry, WhatCannotBeRepeatedIsSentOnce) {
  FakeServer fake;
  fake.jobs.failures_left = 1;
  EXPECT_TRUE(absl::IsUnavailable(fake.MakeClient().DeleteJob(v1::DeleteJobRequest()).status()));
  EXPECT_EQ(fake.jobs.calls, 1);
}

TEST(Retry, AttemptsAreBounded) {
  FakeServer fake;
  fake.jobs.failures_left = 100;
  EXPECT_TRUE(absl::IsUnavailable(fake.MakeClient().GetJob(v1::GetJobRequest()).status()));
  EXPECT_EQ(fake.jobs.calls, RetryPolicy().max_attempts);
}

TEST(Retry, NothingListensThere) {
  std::string address;
  {
    FakeServer fake;
    address = fake.address;
  }
  ClientOptions options;
  options.retry.first_pause = options.retry.longest_pause = absl::Milliseconds(1);
  options.retry.refused_patience = absl::ZeroDuration();
  EXPECT_TRUE(IsUnreachable(Client(address, options).GetServerInfo().status()));
}

// The bytes of the first connection are carried late; a client that gives connecting up sooner finds nobody for its second.
TEST(Retry, ASlowServerIsWaitedFor) {
  FakeServer fake;
  SlowProxy proxy(fake.address, absl::Milliseconds(1500));
  const absl::Status status = Client(proxy.address()).GetJob(v1::GetJobRequest()).status();
  EXPECT_TRUE(status.ok()) << status;
}

TEST(Retry, ConnectingIsTriedBeyondTheAttempts) {
  RetryPolicy policy;
  policy.max_attempts = 1;
  policy.first_pause = policy.longest_pause = absl::Milliseconds(1);
  int attempts = 0;
  const absl::Status status = WithRetries(policy, absl::Minutes(1), [&](absl::Duration) {
    return ++attempts < 10 ? absl::UnavailableError("failed to connect to all addresses; last error: UNKNOWN: tcp handshaker shutdown")
                           : absl::OkStatus();
  });
  EXPECT_TRUE(status.ok()) << status;
  EXPECT_EQ(attempts, 10);
}

TEST(Retry, ARefusedConnectionIsNotTriedForLong) {
  RetryPolicy policy;
  policy.refused_patience = absl::ZeroDuration();
  int attempts = 0;
  const absl::Status status = WithRetries(policy, absl::Minutes(1), [&](absl::Duration) {
    ++attempts;
    return absl::UnavailableError("failed to connect to all addresses; last error: UNKNOWN: Failed to connect: Connection refused");
  });
  EXPECT_TRUE(IsUnreachable(status));
  EXPECT_EQ(attempts, 1);
}

TEST(Retry, ARefusalIsNotAnUnreachableServer) {
  EXPECT_FALSE(IsUnreachable(WithReason(absl::UnavailableError("no worker can serve it now"), "NO_WORKER")));
  EXPECT_FALSE(IsUnreachable(absl::NotFoundError("")));
  EXPECT_TRUE(IsUnreachable(absl::UnavailableError("connection refused")));
  EXPECT_TRUE(IsUnreachable(absl::DeadlineExceededError("")));
}

TEST(Retry, WhatTheServerSaidOutlivesAnAttemptThatIsNotAnswered) {
  RetryPolicy policy;
  policy.first_pause = policy.longest_pause = absl::Milliseconds(1);
  int attempts = 0;
  const absl::Status status = WithRetries(policy, absl::Minutes(1), [&](absl::Duration) {
    return ++attempts == 1 ? WithReason(absl::UnavailableError("no worker can serve it now"), "NO_WORKER")
                           : absl::DeadlineExceededError("Deadline Exceeded");
  });
  EXPECT_EQ(attempts, 2);
  EXPECT_FALSE(IsUnreachable(status)) << status;
  EXPECT_EQ(Reason(status), "NO_WORKER");
  EXPECT_EQ(status.message(), "no worker can serve it now; asked again, it did not answer in time");
}

TEST(Retry, PausesDoubleUpToABoundAndHeedTheServer) {
  RetryPolicy policy;
  policy.first_pause = absl::Milliseconds(100);
  policy.longest_pause = absl::Milliseconds(300);
  BackOff back_off(policy);
  const absl::Status status = absl::UnavailableError("");
  EXPECT_THAT(back_off.Next(status), AllOf(Ge(absl::Milliseconds(50)), Le(absl::Milliseconds(100))));
  EXPECT_THAT(back_off.Next(status), AllOf(Ge(absl::Milliseconds(100)), Le(absl::Milliseconds(200))));
  EXPECT_THAT(back_off.Next(status), AllOf(Ge(absl::Milliseconds(150)), Le(absl::Milliseconds(300))));
  EXPECT_EQ(back_off.Next(WithRetry(status, absl::Seconds(7))), absl::Seconds(7));
}

TEST(Retry, WhatIsUsedUpWithoutAWordOfLaterIsNotTriedAgain) {
  int attempts = 0;
  const absl::Status status = WithRetries(RetryPolicy(), absl::Minutes(1), [&](absl::Duration) {
    ++attempts;
    return absl::ResourceExhaustedError("the disk is full");
  });
  EXPECT_TRUE(absl::IsResourceExhausted(status));
  EXPECT_EQ(attempts, 1);
}

TEST(Retry, NoPauseGoesBeyondTheDeadline) {
  int attempts = 0;
  const absl::Status status = WithRetries(RetryPolicy(), absl::Seconds(1), [&](absl::Duration) {
    ++attempts;
    return WithRetry(absl::UnavailableError("busy"), absl::Hours(1));
  });
  EXPECT_TRUE(absl::IsUnavailable(status));
  EXPECT_EQ(attempts, 1);
}

}  // namespace
}  // namespace sliceflow::client
