// Tests compute on one thread: several test programs run at once, and threads that wait for each other on busy cores take long.
#include <gtest/gtest.h>

#include "server/engine/flow.h"

namespace sliceflow::engine {
namespace {

class OneThread final : public ::testing::Environment {
 public:
  void SetUp() override { SetThreads(1); }
};

const auto* const kOneThread = ::testing::AddGlobalTestEnvironment(new OneThread);

}  // namespace
}  // namespace sliceflow::engine
