// Which states follow which, as one table.
#pragma once

#include "sliceflow/v1/job.pb.h"

namespace sliceflow::jobs {

// Nothing follows SUCCEEDED, FAILED and CANCELLED. A job begins by going from STATE_UNSPECIFIED to QUEUED.
bool IsAllowed(v1::Job::State from, v1::Job::State to);

}  // namespace sliceflow::jobs
