// The one input gate: what passes is valid and complete, and nothing behind it checks again.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "common/tensor.h"
#include "server/api/limits.h"
#include "server/jobs/datasets.h"
#include "server/jobs/jobs.h"
#include "server/scheduler/device.h"
#include "sliceflow/v1/dataset_service.pb.h"
#include "sliceflow/v1/distance.pb.h"
#include "sliceflow/v1/job_service.pb.h"
#include "sliceflow/v1/server_service.pb.h"

namespace sliceflow::api {

// The job that a request asks for, with every default filled in and progress.total_steps set. All that is wrong is answered at once:
// INVALID_ARGUMENT, NOT_FOUND, RESOURCE_EXHAUSTED or FAILED_PRECONDITION, always with BadRequest; paths are relative to the job
// (`spec.functional.terms[1]…`), and `request_id`. Data sets are those of `owner`, whose job it will be; `devices` are those that the job
// may ask for.
absl::StatusOr<v1::Job> CheckCreateJob(const v1::CreateJobRequest& request, const std::string& owner, jobs::Datasets& datasets,
                                       const Limits& limits, const std::vector<scheduler::DeviceState>& devices);

// The points to evaluate at, or the noise of a generator, with the default filled in, as defaults of a generator are in `request`;
// otherwise INVALID_ARGUMENT or RESOURCE_EXHAUSTED with all that is wrong. Whether the source itself is taken is a worker's to say.
absl::StatusOr<Tensor> CheckCheckExpression(v1::CheckExpressionRequest& request, const Limits& limits);

// As Jobs::FindKeptStep, in the scope of who asks.
using FindStep = absl::FunctionRef<absl::StatusOr<jobs::KeptStep>(const std::string& job_id, std::optional<int> step)>;

// The request with every default filled in, also the newest kept steps. All that is wrong is answered at once, as by CheckCreateJob. Data
// sets are those of `owner`, who asks.
absl::StatusOr<v1::ComputeDistanceRequest> CheckComputeDistance(v1::ComputeDistanceRequest request, const std::string& owner,
                                                                FindStep find_step, jobs::Datasets& datasets, const Limits& limits);

// InvalidArgument naming fields below `header`.
absl::Status CheckUploadHeader(const v1::UploadHeader& header);

// InvalidArgument naming `field` for what is not 64 lower-case hexadecimal digits.
absl::Status CheckSha256(const std::string& field, const std::string& sha256);

}  // namespace sliceflow::api
