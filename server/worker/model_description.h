// What is told beside an exported model.
#pragma once

#include <string>

#include "server/engine/flow.h"
#include "sliceflow/worker/v1/worker.pb.h"

namespace sliceflow::worker {

// JSON with the fields `version` (of this build), `job`, `step`, `slicedTime`, `wassersteinTime`, `dimension`, `seed`, `initial` and `model`,
// the last two as in a job file, with their defaults. `report`: of the query's step.
std::string DescribeModel(const v1::Query& query, const engine::StepReport& report);

}  // namespace sliceflow::worker
