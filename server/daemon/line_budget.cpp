#include "server/daemon/line_budget.h"

#include <utility>

namespace sliceflow::daemon {
namespace {

bool IsPowerOfTen(int64_t count) {
  while (count > 1 && count % 10 == 0) count /= 10;
  return count == 1;
}

}  // namespace

LineBudget::Verdict LineBudget::Take(const std::string& place, absl::Duration now) {
  const absl::MutexLock lock(&mutex_);
  Place& known = places_.try_emplace(place, Place{.since = now}).first->second;
  const bool begins = now - known.since >= kTime;
  const int64_t before = begins ? std::exchange(known.left_out, 0) : 0;
  if (begins) known = {.since = now};
  if (known.written < kLines) {
    ++known.written;
    return {.written = true, .left_out = before, .of_minute_before = before > 0};
  }
  ++known.left_out;
  return {.written = false, .left_out = IsPowerOfTen(known.left_out) ? known.left_out : 0};
}

}  // namespace sliceflow::daemon
