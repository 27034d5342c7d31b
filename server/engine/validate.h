// The engine's one check of its input.
#pragma once

#include "absl/status/status.h"
#include "server/engine/flow_spec.h"

namespace sliceflow::engine {

// OK when a flow can be made from `spec`; otherwise InvalidArgument naming the first field that is wrong, such as
// `terms[1].potential.quadratic.precision`, and what would be right. Everything behind it assumes valid input.
absl::Status Validate(const FlowSpec& spec);

// The same for a mixture of its own, naming fields below `mixture`.
absl::Status ValidateMixture(const GaussianMixture& mixture, int dimension);

}  // namespace sliceflow::engine
