// What is kept of jobs, where it is, and for how long.
#pragma once

#include <cstdint>
#include <string>

#include "absl/time/time.h"
#include "sliceflow/v1/job.pb.h"

namespace sliceflow::jobs {

// Bounds beyond which jobs that have ended go, the oldest first; 0 is none. By age and count they are deleted, and purged after the window;
// the count is of each owner, so that one who computes much does not push out what others keep. Deletion frees nothing, so for bytes they
// are purged: deleted ones before others. Jobs that have not ended never go, nor does what a fork shares, which counts as the fork's once
// its maker is gone.
struct RetentionOptions {
  absl::Duration undelete_window = absl::Hours(7 * 24);  // from the deletion of a job to its purge
  absl::Duration max_age;                                // since it ended
  int64_t max_jobs = 0;
  int64_t max_bytes = 0;           // of samples and checkpoints, over all jobs of the server
  int64_t max_events_per_job = 0;  // of any job, running ones too: older ones are dropped, and the samples of their steps
};

// Folder of everything that belongs to a job.
std::string BlobFolder(const std::string& job_id);
std::string SamplesKey(const std::string& job_id, int step);
std::string CheckpointKey(const std::string& job_id, int step);

// The id of the job that made the blob of a SamplesKey or CheckpointKey; empty of another text.
std::string JobOfKey(const std::string& key);

// Whether a fork has the step from the job it was forked from.
bool IsShared(const v1::Job& job, int step);

// Whether a step's checkpoint stays for good: those a fork shares, step 0, every `checkpoint_every`-th, the last. The newest stays too,
// until the next.
bool IsKept(const v1::Job& job, int step);

// The step that a job records next; 0 first.
int NextStep(const v1::JobProgress& progress);

// Steps of a schedule: `num_steps`, or the least number that reaches `end_time` (within rounding).
int StepsOf(const v1::Schedule& schedule);

}  // namespace sliceflow::jobs
