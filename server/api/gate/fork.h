// The gate of ForkJob.
#pragma once

#include <vector>

#include "absl/status/statusor.h"
#include "server/api/limits.h"
#include "server/jobs/datasets.h"
#include "server/jobs/jobs.h"
#include "server/scheduler/device.h"
#include "sliceflow/v1/job_service.pb.h"

namespace sliceflow::api {

// The job that a request asks for, which begins at `point`: what is overridden in place of the parent's, complete like a job of
// CheckCreateJob, its length told as a number of steps, with the parent's owner, placement, fork_origin and progress.total_steps set. Whole
// it is checked like one; paths are relative to the request (`overrides.functional.terms[1]…`). FAILED_PRECONDITION where a solver cannot
// go on from the parent's model (reason FORK_CANNOT_GO_ON).
absl::StatusOr<v1::Job> CheckForkJob(const v1::ForkJobRequest& request, const jobs::ForkPoint& point, jobs::Datasets& datasets,
                                     const Limits& limits, const std::vector<scheduler::DeviceState>& devices);

}  // namespace sliceflow::api
