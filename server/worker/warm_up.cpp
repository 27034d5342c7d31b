#include "server/worker/warm_up.h"

#include <memory>

#include "absl/status/statusor.h"
#include "common/stop_latch.h"
#include "server/engine/flow.h"

namespace sliceflow::worker {
namespace {

engine::FlowSpec SmallFlow() {
  const std::vector<double> identity{1, 0, 0, 1};
  engine::FlowSpec spec;
  spec.dimension = 2;
  spec.initial = engine::Gaussian{{0, 0}, identity};
  spec.terms = {{1, engine::QuadraticPotential{{0, 0}, identity}}, {1, engine::EntropyTerm{}}};
  spec.solver = engine::SwJkoSolver{.inner = {.iterations = 2, .batch_size = 32, .max_attempts = 1}, .num_projections = 8};
  spec.model = engine::RealNvpModel{.couplings = 2, .hidden_width = 8};
  spec.sliced_step_size = 0.05;
  spec.num_steps = 1;
  return spec;
}

}  // namespace

absl::Status WarmUp() {
  engine::SetThreads(1);
  const StopLatch never;
  absl::StatusOr<std::unique_ptr<engine::Flow>> flow = engine::Flow::Create(SmallFlow(), never);
  if (!flow.ok()) return flow.status();
  return (*flow)->Step(never, engine::IgnoreProgress).status();
}

}  // namespace sliceflow::worker
