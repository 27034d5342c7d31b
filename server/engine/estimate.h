// A figure and its Monte-Carlo standard error.
#pragma once

namespace sliceflow::engine {

struct Estimate {
  double value = 0;
  double standard_error = 0;
};

}  // namespace sliceflow::engine
