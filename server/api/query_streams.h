// The streams of SampleJob, ExportModel and EvaluateDensity: a question to the scheduler, then its answer in chunks.
#pragma once

#include <grpcpp/support/server_callback.h>

#include "absl/status/statusor.h"
#include "server/api/access.h"
#include "server/api/limits.h"
#include "server/jobs/jobs.h"
#include "server/scheduler/scheduler.h"
#include "sliceflow/v1/job_service.pb.h"

namespace sliceflow::api {

// The reactor of a new stream; it ends by itself, at once with the error of a call that was not let in. A client that goes away cancels the
// question.
grpc::ServerWriteReactor<v1::TensorChunk>* OpenSampleStream(const absl::StatusOr<Call>& call, jobs::Jobs& jobs,
                                                            scheduler::Scheduler& scheduler, const Limits& limits,
                                                            const v1::SampleJobRequest& request);

// As above.
grpc::ServerWriteReactor<v1::ExportModelResponse>* OpenExportStream(const absl::StatusOr<Call>& call, jobs::Jobs& jobs,
                                                                    scheduler::Scheduler& scheduler, const v1::ExportModelRequest& request);

// As above; points are read until the last chunk or the end of the client's stream.
grpc::ServerBidiReactor<v1::EvaluateDensityRequest, v1::TensorChunk>* OpenDensityStream(const absl::StatusOr<Call>& call, jobs::Jobs& jobs,
                                                                                        scheduler::Scheduler& scheduler,
                                                                                        const Limits& limits);

}  // namespace sliceflow::api
