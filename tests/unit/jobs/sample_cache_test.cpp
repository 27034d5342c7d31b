#include "server/jobs/sample_cache.h"

#include <gtest/gtest.h>

namespace sliceflow::jobs {
namespace {

SampleCache::TensorPtr Values(int count) { return std::make_shared<const Tensor>(Tensor{{count}, std::vector<float>(count)}); }

TEST(SampleCacheTest, TheLeastRecentlyUsedGoesFirst) {
  SampleCache cache(10 * sizeof(float));
  cache.Put("a", Values(4));
  cache.Put("b", Values(4));
  EXPECT_NE(cache.Get("a"), nullptr);
  cache.Put("c", Values(4));
  EXPECT_NE(cache.Get("a"), nullptr);
  EXPECT_EQ(cache.Get("b"), nullptr);
  EXPECT_NE(cache.Get("c"), nullptr);
}

TEST(SampleCacheTest, TheSameKeyIsReplacedAndWhatIsTooLargeNotKept) {
  SampleCache cache(10 * sizeof(float));
  cache.Put("a", Values(4));
  cache.Put("b", Values(4));
  cache.Put("a", Values(5));
  EXPECT_EQ(cache.Get("a")->rows(), 5);
  EXPECT_NE(cache.Get("b"), nullptr);
  cache.Put("a", Values(11));
  EXPECT_EQ(cache.Get("a"), nullptr);
  EXPECT_NE(cache.Get("b"), nullptr);
}

TEST(SampleCacheTest, DropsByPrefix) {
  SampleCache cache;
  cache.Put("jobs/a/1", Values(1));
  cache.Put("jobs/ab/1", Values(1));
  cache.Drop("jobs/a/");
  EXPECT_EQ(cache.Get("jobs/a/1"), nullptr);
  EXPECT_NE(cache.Get("jobs/ab/1"), nullptr);
}

}  // namespace
}  // namespace sliceflow::jobs
