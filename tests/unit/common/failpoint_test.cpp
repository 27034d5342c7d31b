// A process dies at the point it was told, at the time it was told, and nowhere else.
#include "common/failpoint.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <functional>

namespace sliceflow {
namespace {

using ::testing::HasSubstr;

// The signal that ends a child which does `work`; 0 when it comes through.
int SignalOf(const std::function<void()>& work) {
  const pid_t child = fork();
  if (child == 0) {
    work();
    _exit(0);
  }
  int status = 0;
  EXPECT_EQ(waitpid(child, &status, 0), child);
  return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

TEST(FailpointTest, NothingHappensWhereNothingIsArmed) {
  EXPECT_EQ(SignalOf([] {
              for (int i = 0; i < 100; ++i) PassFailpoint(Failpoint::kBeforeCommit);
            }),
            0);
  EXPECT_TRUE(ArmFailpoints("").ok());
}

TEST(FailpointTest, ThePointIsDeadlyAtItsTime) {
  const auto pass = [](int times, Failpoint point) {
    return [=] {
      if (!ArmFailpoints("commit.after=3,blob.before_write=1").ok()) _exit(1);
      for (int i = 0; i < times; ++i) PassFailpoint(point);
    };
  };
  EXPECT_EQ(SignalOf(pass(2, Failpoint::kAfterCommit)), 0);
  EXPECT_EQ(SignalOf(pass(3, Failpoint::kAfterCommit)), SIGKILL);
  EXPECT_EQ(SignalOf(pass(1, Failpoint::kBeforeBlobWrite)), SIGKILL);
  EXPECT_EQ(SignalOf(pass(100, Failpoint::kBeforeCommit)), 0) << "it was not armed";
}

TEST(FailpointTest, WhatIsNoPointIsRefused) {
  for (const char* text : {"commit=1", "commit.after", "commit.after=0", "commit.after=x", "commit.after=1,nothing=2"}) {
    const absl::Status status = ArmFailpoints(text);
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << text;
    EXPECT_THAT(std::string(status.message()), HasSubstr("SLICEFLOW_FAILPOINTS"));
  }
}

}  // namespace
}  // namespace sliceflow
