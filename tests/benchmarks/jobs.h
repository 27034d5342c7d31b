// Jobs that benchmarks of the service send.
#pragma once

#include "sliceflow/v1/job.pb.h"

namespace sliceflow::benchmarks {

// Some ten seconds of steps as people compute them.
v1::Job LongJob();

// One step that costs next to nothing.
v1::Job ShortJob();

}  // namespace sliceflow::benchmarks
