// A value estimated from samples.
#pragma once

namespace sliceflow::engine {

struct Estimate {
  double value = 0;
  double standard_error = 0;
};

}  // namespace sliceflow::engine
