#include <gtest/gtest.h>

#include "tests/reference/accuracy.h"

namespace sliceflow::reference {
namespace {

TEST(AccuracyTest, OrnsteinUhlenbeckInEightDimensions) { ExpectCloseToOracle(8, 0.01); }

}  // namespace
}  // namespace sliceflow::reference
