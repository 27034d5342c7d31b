// A flow behind its face: what Flow guards. Exceptions of LibTorch pass through; server/engine/flow.cpp stops them. Not thread-safe.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include <ATen/core/Tensor.h>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "common/stop_latch.h"
#include "server/engine/export/script_part.h"
#include "server/engine/flow.h"
#include "server/engine/flow_spec.h"

namespace sliceflow::engine {

// Calls mean what those of Flow do and take what Flow has checked. One of Start, Resume and Adopt comes first; Resume may come again.
class FlowCore {
 public:
  virtual ~FlowCore() = default;

  // Puts the flow at step 0. Cancelled when `stop` triggers during a fit.
  virtual absl::Status Start(const StopLatch& stop, ProgressCallback progress) = 0;

  // Puts the flow where `checkpoint` says: DataLoss or FailedPrecondition where it cannot be used.
  virtual absl::Status Resume(absl::string_view checkpoint) = 0;

  // Puts the flow, a fork, at its origin, where `checkpoint` of a flow of `parent` is, which passed CheckFork. Errors as of Resume.
  virtual absl::Status Adopt(const FlowSpec& parent, absl::string_view checkpoint) = 0;

  virtual int dimension() const = 0;
  virtual int num_steps() const = 0;
  virtual bool has_density() const = 0;
  virtual int64_t max_samples() const = 0;
  virtual const StepReport& report() const = 0;
  virtual StepResult Step(const StopLatch& stop, ProgressCallback progress) = 0;

  // Float, count × dimension.
  virtual at::Tensor Samples(int64_t count, std::optional<uint64_t> seed) const = 0;

  // At `points`, float, n × dimension: n. Only where has_density().
  virtual at::Tensor LogDensity(const at::Tensor& points) const = 0;

  // The model as it stands.
  virtual ScriptPart Script() const = 0;

  virtual std::string Save() const = 0;
};

// `spec` is valid.
std::unique_ptr<FlowCore> MakeCore(FlowSpec spec);

}  // namespace sliceflow::engine
