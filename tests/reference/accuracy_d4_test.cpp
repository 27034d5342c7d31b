#include <gtest/gtest.h>

#include "tests/reference/accuracy.h"

namespace sliceflow::reference {
namespace {

TEST(AccuracyTest, OrnsteinUhlenbeckInFourDimensions) { ExpectCloseToOracle(4, 0.004); }

}  // namespace
}  // namespace sliceflow::reference
