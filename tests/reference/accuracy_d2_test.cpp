#include <gtest/gtest.h>

#include "tests/reference/accuracy.h"

namespace sliceflow::reference {
namespace {

TEST(AccuracyTest, OrnsteinUhlenbeckInThePlane) { ExpectCloseToOracle(2, 0.002); }

}  // namespace
}  // namespace sliceflow::reference
