// What makes two requests to create a job the same.
#pragma once

#include <string>

#include "sliceflow/v1/job.pb.h"

namespace sliceflow::jobs {

// SHA-256, in hexadecimal, of what a client chooses of a job: title, specification, labels.
std::string RequestHash(const v1::Job& job);

}  // namespace sliceflow::jobs
