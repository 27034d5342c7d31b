// A flow's state as bytes: docs/checkpoint_format.md.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "server/engine/flow.h"
#include "server/engine/flow_spec.h"

namespace sliceflow::engine {

// What base and units of a model were made with, where ρ₀ has no density of its own to begin at: seed and step size of the flow that
// began at step 0. A fork keeps them whatever its own are, since its parameters mean something beside them only.
struct ModelGround {
  uint64_t seed = 0;
  double sliced_step_size = 0;

  bool operator==(const ModelGround&) const = default;
};

// All that a flow carries from one step to the next. Random generators are derived from the seed and the step and have no state.
struct CheckpointState {
  StepReport report;               // its `step` is the flow's
  ModelGround ground;              // zeros where `parts` have their own
  std::vector<float> parameters;   // the model's flat parameters
  std::vector<float> memory;       // what the solver keeps besides
  std::vector<std::string> parts;  // checkpoints of the flows that this one is made of
};

// A number that differs between specs that differ in anything that determines the flow's bits, data sets included, up to chance 2⁻⁶⁴.
uint64_t Fingerprint(const FlowSpec& spec);

// The same of what a model's parameters mean: dimension, initial distribution, model, auto-encoder; and of what curve the steps follow, up
// to the solver: terms and step size.
uint64_t StateFingerprint(const FlowSpec& spec);
uint64_t CurveFingerprint(const FlowSpec& spec);

std::string EncodeCheckpoint(uint64_t fingerprint, const CheckpointState& state);

// DataLoss for bytes that are damaged or cut short; FailedPrecondition for another format or another spec. Never reads past `bytes` and
// never allocates more than a small multiple of them.
absl::StatusOr<CheckpointState> DecodeCheckpoint(uint64_t fingerprint, absl::string_view bytes);

}  // namespace sliceflow::engine
