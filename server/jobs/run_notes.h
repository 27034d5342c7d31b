// What is known of running jobs and not yet stored: the time they were computed and the memory they took since their last change.
#pragma once

#include <cstdint>
#include <string>
#include <unordered_map>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "sliceflow/v1/job.pb.h"

namespace sliceflow::jobs {

// Kept in memory only: each change of a running job takes the notes along, so that what a crash loses is the part of one step. Times are of
// Clock::Uptime. Thread-safe.
class RunNotes {
 public:
  // More memory than was noted before; less changes nothing. Nothing for a job that does not run.
  void NotePeak(const std::string& job_id, int64_t bytes);

  // Adds to a running job what was noted of it up to `now`; to be done again with the same notes when the change is not stored.
  void AddTo(const std::string& job_id, absl::Duration now, v1::Job& job);

  // A change was stored, with the notes up to `now`. From then on time counts, while the job runs.
  void Stored(const std::string& job_id, absl::Duration now, v1::Job::State state);

 private:
  struct Note {
    absl::Duration since;
    int64_t peak_bytes = 0;
  };
  absl::Mutex mutex_;
  std::unordered_map<std::string, Note> running_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace sliceflow::jobs
