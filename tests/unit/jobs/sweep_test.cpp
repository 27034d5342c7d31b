#include "server/jobs/sweep.h"

#include <gtest/gtest.h>

#include <string>

#include "server/jobs/retention.h"
#include "tests/unit/jobs/jobs_fixture.h"

namespace sliceflow::jobs {
namespace {

class SweepTest : public JobsFixture {
 protected:
  bool Has(const std::string& key) { return blobs_.Get(key).ok(); }
  void Put(const std::string& key) { ASSERT_TRUE(blobs_.Put(key, "x").ok()); }

  // A job with steps 0 and 1.
  std::string Started() {
    std::string id = Create(3);
    RecordRange(id, Start(id).number, 0, 1);
    return id;
  }

  StopLatch never_;
};

TEST_F(SweepTest, RemovesWhatNobodyRefersTo) {
  const std::string ended = Started();
  ASSERT_TRUE(jobs_->Cancel(Scope::Everyone(), ended, "").ok());
  Put(SamplesKey("nobody", 1));
  Put(SamplesKey(ended, 7));
  Put("datasets/d");
  ASSERT_TRUE(SweepJobFiles(*store_, blobs_, never_).ok());
  EXPECT_FALSE(Has(SamplesKey("nobody", 1)));
  EXPECT_FALSE(Has(SamplesKey(ended, 7)));
  EXPECT_TRUE(Has("datasets/d")) << "it is no job's";
  for (int step = 0; step <= 1; ++step) {
    EXPECT_TRUE(Has(SamplesKey(ended, step)));
    EXPECT_TRUE(Has(CheckpointKey(ended, step)));
  }
}

// A step's files are written a moment before its row: in between the sweep must not take them for leftovers.
TEST_F(SweepTest, LeavesAJobAloneThatMayBeWritingAStep) {
  const std::string running = Started();
  Put(CheckpointKey(running, 2));
  ASSERT_TRUE(SweepJobFiles(*store_, blobs_, never_).ok());
  EXPECT_TRUE(Has(CheckpointKey(running, 2)));
  ASSERT_TRUE(jobs_->Cancel(Scope::Everyone(), running, "").ok());
  ASSERT_TRUE(SweepJobFiles(*store_, blobs_, never_).ok());
  EXPECT_FALSE(Has(CheckpointKey(running, 2)));
}

TEST_F(SweepTest, EndsWhenItIsToldTo) {
  Put(SamplesKey("nobody", 1));
  StopLatch stop;
  stop.Trigger();
  EXPECT_TRUE(absl::IsCancelled(SweepJobFiles(*store_, blobs_, stop)));
  EXPECT_TRUE(Has(SamplesKey("nobody", 1)));
}

}  // namespace
}  // namespace sliceflow::jobs
