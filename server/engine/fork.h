// What a fork may differ in from the flow it begins in, and what it takes over.
#pragma once

#include "absl/status/status.h"
#include "server/engine/flow_spec.h"

namespace sliceflow::engine {

// Whether a flow of `parent` can go on by `spec`, both valid; FailedPrecondition naming what stands against it: another dimension, initial
// distribution or model, whose parameters would mean something else; a chain of maps (jko_icnn) that another solver does not add to, or the
// other way round; step_halving where the parent did not run its two finer flows; no origin.
absl::Status CheckFork(const FlowSpec& spec, const FlowSpec& parent);

// Whether what the parent's solver keeps from step to step means the same to that of `spec`. The step before of a scheme of second order is
// a point of the same curve, one step back, only by the same solver and distance, the same terms and step size; the size of MALA's moves
// adapts, so it is taken over by any MALA.
bool KeepsMemory(const FlowSpec& spec, const FlowSpec& parent);

}  // namespace sliceflow::engine
