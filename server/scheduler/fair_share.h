// How much each owner has had of the workers, so that the next turn goes to whoever had least.
#pragma once

#include <string>
#include <unordered_map>
#include <vector>

#include "absl/time/time.h"

namespace sliceflow::scheduler {

// Decayed usage, as in Kay and Lauder, "A Fair Share Scheduler", Communications of the ACM 31 (1988) 44–55, with the half-life of batch
// schedulers: an owner's usage is the worker-seconds that its jobs were computed, each second weighing half as much after every half-life.
// All owners have equal shares, so that turns go to the least usage. Who comes anew begins at 0 and is served first, for as long as it
// takes to have had as much as the others; what lies far back is forgotten, so that nobody pays for having used an idle machine. Times are
// of one steady clock. Not thread-safe.
class FairShare {
 public:
  explicit FairShare(absl::Duration half_life) : half_life_(half_life) {}

  // A worker begins, or ceases, to compute for an owner; `started` is the `now` of its beginning.
  void Begin(const std::string& owner, absl::Duration now);
  void End(const std::string& owner, absl::Duration started, absl::Duration now);

  // Unit: seconds. What runs counts as it goes on.
  double Usage(const std::string& owner, absl::Duration now) const;

 private:
  struct Account {
    double seconds = 0;   // of turns that have ended, as they weighed
    absl::Duration then;  // at this time
    std::vector<absl::Duration> started;
  };
  double Weighed(const Account& account, absl::Duration now) const;
  void Forget(absl::Duration now);

  const absl::Duration half_life_;
  std::unordered_map<std::string, Account> accounts_;
};

}  // namespace sliceflow::scheduler
