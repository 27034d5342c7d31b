// How long things take, by the steady clock.
#pragma once

#include "absl/time/time.h"
#include "common/clock.h"

namespace sliceflow::benchmarks {

// Milliseconds that `work` takes.
template <typename Work>
double TimeOf(const Work& work) {
  const absl::Duration start = Uptime();
  work();
  return absl::ToDoubleMilliseconds(Uptime() - start);
}

}  // namespace sliceflow::benchmarks
