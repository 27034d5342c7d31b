#include "server/engine/fork.h"

#include <variant>

#include "server/engine/checkpoint.h"

namespace sliceflow::engine {
namespace {

bool AddsMaps(const FlowSpec& spec) { return std::holds_alternative<JkoIcnnSolver>(spec.solver); }

// Of schemes that keep the step before.
struct SameScheme {
  bool operator()(const SwJkoSolver& a, const SwJkoSolver& b) const { return a.order == b.order && a.variant == b.variant; }
  bool operator()(const PairedJkoSolver& a, const PairedJkoSolver& b) const { return a.order == b.order; }
  bool operator()(const auto& /*a*/, const auto& /*b*/) const { return false; }
};

}  // namespace

absl::Status CheckFork(const FlowSpec& spec, const FlowSpec& parent) {
  if (!spec.origin.has_value()) return absl::FailedPreconditionError("origin: a fork has one");
  if (StateFingerprint(spec) != StateFingerprint(parent)) {
    return absl::FailedPreconditionError("model: dimension, initial distribution and model of a fork are its parent's");
  }
  if (AddsMaps(spec) != AddsMaps(parent)) {
    return absl::FailedPreconditionError(
        "solver: jko_icnn adds to a chain of maps that other solvers do not make, so it goes on from itself only");
  }
  if (spec.step_halving && !parent.step_halving) {
    return absl::FailedPreconditionError("step_halving: the parent did not run the flows of smaller steps");
  }
  return absl::OkStatus();
}

bool KeepsMemory(const FlowSpec& spec, const FlowSpec& parent) {
  if (std::holds_alternative<MalaSolver>(spec.solver)) return std::holds_alternative<MalaSolver>(parent.solver);
  return std::visit(SameScheme{}, spec.solver, parent.solver) && CurveFingerprint(spec) == CurveFingerprint(parent);
}

}  // namespace sliceflow::engine
