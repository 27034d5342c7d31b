#include "server/daemon/upkeep.h"

#include <utility>

#include "common/clock.h"

namespace sliceflow::daemon {
namespace {

constexpr absl::Duration kCheckInterval = absl::Hours(1);
constexpr absl::Duration kDamagedCheckInterval = absl::Minutes(1);

}  // namespace

Upkeep::Upkeep(UpkeepTasks tasks) : tasks_(std::move(tasks)), thread_([this] { Run(); }) {}

Upkeep::~Upkeep() {
  stop_.Notify();
  tasks_.stop_check();
  thread_.join();
}

absl::Status Upkeep::integrity() const {
  absl::MutexLock lock(&mutex_);
  return integrity_;
}

absl::Status Upkeep::Do(const std::string& name, const std::function<absl::Status()>& task) {
  const absl::Duration start = Uptime();
  absl::Status status = task();
  if (!stop_.HasBeenNotified()) tasks_.report(name, status, Uptime() - start);
  return status;
}

void Upkeep::Run() {
  (void)Do("sweep of files", tasks_.sweep);
  absl::Status status;
  do {
    (void)Do("removal of abandoned uploads", tasks_.drop);
    status = Do("check of the database", tasks_.check);
    if (stop_.HasBeenNotified()) return;
    absl::MutexLock lock(&mutex_);
    integrity_ = status;
  } while (!stop_.WaitForNotificationWithTimeout(status.ok() ? kCheckInterval : kDamagedCheckInterval));
}

}  // namespace sliceflow::daemon
