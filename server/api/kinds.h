// Everything a job file can ask for, as GetServerInfo tells it. A test holds it to the contract and to the gate's defaults.
#pragma once

#include "sliceflow/v1/server_service.pb.h"

namespace sliceflow::api {

// Fills in initial_distributions, functionals, models, solvers and metrics.
void AddKinds(v1::ServerInfo& info);

}  // namespace sliceflow::api
