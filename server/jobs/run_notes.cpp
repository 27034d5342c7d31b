#include "server/jobs/run_notes.h"

#include <algorithm>

namespace sliceflow::jobs {

void RunNotes::NotePeak(const std::string& job_id, int64_t bytes) {
  absl::MutexLock lock(&mutex_);
  const auto note = running_.find(job_id);
  if (note != running_.end()) note->second.peak_bytes = std::max(note->second.peak_bytes, bytes);
}

void RunNotes::AddTo(const std::string& job_id, absl::Duration now, v1::Job& job) {
  absl::MutexLock lock(&mutex_);
  const auto note = running_.find(job_id);
  if (note == running_.end()) return;
  v1::JobProgress& progress = *job.mutable_progress();
  progress.set_run_seconds(progress.run_seconds() + absl::ToDoubleSeconds(now - note->second.since));
  if (note->second.peak_bytes > job.memory().peak_bytes()) job.mutable_memory()->set_peak_bytes(note->second.peak_bytes);
}

void RunNotes::Stored(const std::string& job_id, absl::Duration now, v1::Job::State state) {
  absl::MutexLock lock(&mutex_);
  if (state == v1::Job::RUNNING) {
    running_[job_id].since = now;
  } else {
    running_.erase(job_id);
  }
}

}  // namespace sliceflow::jobs
