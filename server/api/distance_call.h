// ComputeDistance: a question to the scheduler with one message as its answer.
#pragma once

#include <grpcpp/support/server_callback.h>

#include <string>

#include "server/scheduler/scheduler.h"
#include "sliceflow/v1/distance.pb.h"

namespace sliceflow::api {

// The reactor of a call of `owner` whose request has passed the gate; it ends by itself. A client that goes away cancels the question.
grpc::ServerUnaryReactor* OpenDistanceCall(scheduler::Scheduler& scheduler, std::string owner, v1::ComputeDistanceRequest request,
                                           v1::ComputeDistanceResponse* response);

}  // namespace sliceflow::api
