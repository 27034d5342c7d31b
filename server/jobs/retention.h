// Where a job's blobs are and which checkpoints stay.
#pragma once

#include <string>

#include "sliceflow/v1/job.pb.h"

namespace sliceflow::jobs {

// Folder of everything that belongs to a job.
std::string BlobFolder(const std::string& job_id);
std::string SamplesKey(const std::string& job_id, int step);
std::string CheckpointKey(const std::string& job_id, int step);

// Whether a step's checkpoint stays for good: step 0, every `checkpoint_every`-th, the last. The newest stays too, until the next.
bool IsKept(const v1::Job& job, int step);

// The step that a job records next; 0 first.
int NextStep(const v1::JobProgress& progress);

// Steps of a schedule: `num_steps`, or the least number that reaches `end_time` (within rounding).
int StepsOf(const v1::Schedule& schedule);

}  // namespace sliceflow::jobs
