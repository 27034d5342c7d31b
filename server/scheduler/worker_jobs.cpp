#include "server/scheduler/worker_jobs.h"

namespace sliceflow::scheduler {

void WorkerJobs::Begin(const std::string& worker_id, int64_t pid, const std::string& job) {
  absl::MutexLock lock(&mutex_);
  held_[worker_id] = {.pid = pid, .job = job, .until = absl::InfiniteDuration()};
}

void WorkerJobs::End(const std::string& worker_id, int64_t pid) {
  absl::MutexLock lock(&mutex_);
  const auto held = held_.find(worker_id);
  if (held != held_.end() && held->second.pid == pid) held->second.until = uptime_() + kAfter;
}

std::string WorkerJobs::Of(const std::string& worker_id) const {
  absl::MutexLock lock(&mutex_);
  const auto held = held_.find(worker_id);
  return held == held_.end() || held->second.until < uptime_() ? "" : held->second.job;
}

}  // namespace sliceflow::scheduler
