#include "server/engine/flow_core.h"

#include <utility>

#include "server/engine/checkpoint.h"
#include "server/engine/flow_state.h"
#include "server/engine/latent_flow.h"
#include "server/engine/step_halving.h"

namespace sliceflow::engine {

std::unique_ptr<FlowCore> MakeCore(FlowSpec spec) {
  const uint64_t fingerprint = Fingerprint(spec);
  if (spec.step_halving) return std::make_unique<StepHalving>(spec, fingerprint);
  if (spec.latent.has_value()) return std::make_unique<LatentFlow>(std::move(spec), fingerprint);
  return std::make_unique<FlowState>(std::move(spec), fingerprint);
}

}  // namespace sliceflow::engine
