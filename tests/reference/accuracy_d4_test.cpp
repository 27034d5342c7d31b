#include <gtest/gtest.h>

#include "tests/reference/accuracy.h"

namespace sliceflow::reference {
namespace {

TEST(AccuracyTest, OrnsteinUhlenbeckInFourDimensions) { ExpectCloseToOracle(4, 0.02); }

}  // namespace
}  // namespace sliceflow::reference
