// What makes two requests to create a job the same.
#pragma once

#include <string>

#include "sliceflow/v1/job.pb.h"
#include "sliceflow/v1/job_service.pb.h"

namespace sliceflow::jobs {

// SHA-256, in hexadecimal, of what a client chooses of a job: title, specification, labels, priority, device, limits.
std::string RequestHash(const v1::Job& job);

// The same of what a client asks for with a fork.
std::string RequestHash(const v1::ForkJobRequest& request);

}  // namespace sliceflow::jobs
