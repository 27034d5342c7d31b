// What the accuracy tests of Ornstein–Uhlenbeck share.
#pragma once

namespace sliceflow::reference {

// Three random problems in `dimension`, from 0 to Wasserstein time .9 in steps of .1: at .5 and .9 the flow is within `tolerance`
// (symmetric KL) of the oracle. The target of the published experiments is .002 in d = 2 and .02 in d = 12, of which these are in line:
// .002, .004 for d = 4, .01 for d = 8. That is three to four times what was measured, .0005, .0011 and .0032 at the worst, so that the other
// roundings of another processor do not fail it. The short minimisations leave it, and .00003 of it are of 100,000 samples.
void ExpectCloseToOracle(int dimension, double tolerance);

}  // namespace sliceflow::reference
