#include "server/daemon/health_watch.h"

#include <optional>
#include <utility>

namespace sliceflow::daemon {

HealthWatch::HealthWatch(absl::Duration interval, std::function<absl::Status()> check, std::function<void(const absl::Status&)> report)
    : check_(std::move(check)), report_(std::move(report)), thread_([this, interval] { Run(interval); }) {}

HealthWatch::~HealthWatch() {
  stop_.Notify();
  thread_.join();
}

void HealthWatch::Run(absl::Duration interval) {
  std::optional<bool> was_good;
  do {
    const absl::Status status = check_();
    if (was_good == status.ok()) continue;
    was_good = status.ok();
    report_(status);
  } while (!stop_.WaitForNotificationWithTimeout(interval));
}

}  // namespace sliceflow::daemon
