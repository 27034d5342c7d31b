// Looks after the daemon's health and tells grpc.health.v1.
#pragma once

#include <functional>
#include <string>
#include <thread>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "common/steady_wait.h"

namespace sliceflow::daemon {

// Asks `check` at once and then every `interval`, and calls `report` whenever the answer changes from good to bad or back; the first answer
// is always reported. Both on a thread of its own, until destroyed.
class HealthWatch {
 public:
  HealthWatch(absl::Duration interval, std::function<absl::Status()> check, std::function<void(const absl::Status&)> report);
  ~HealthWatch();

 private:
  void Run(absl::Duration interval);

  std::function<absl::Status()> check_;
  std::function<void(const absl::Status&)> report_;
  SteadyNotification stop_;
  std::thread thread_;
};

}  // namespace sliceflow::daemon
