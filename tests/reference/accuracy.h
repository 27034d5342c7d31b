// What the accuracy tests of Ornstein–Uhlenbeck share.
#pragma once

namespace sliceflow::reference {

// Three random problems in `dimension`, from 0 to Wasserstein time .9 in steps of .1: at .5 and .9 the flow is within `tolerance`
// (symmetric KL) of the oracle.
void ExpectCloseToOracle(int dimension, double tolerance);

}  // namespace sliceflow::reference
