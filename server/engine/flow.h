// The whole engine as seen from outside: make a flow, advance it step by step, draw from it, save and restore it.
// Free of LibTorch headers; exceptions of LibTorch stop inside and become absl::Status.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "common/stop_latch.h"
#include "server/engine/flow_spec.h"

namespace sliceflow::engine {

struct Metric {
  std::string name;
  double value = 0;
  double standard_error = 0;
};

// J(ρ_{k+1}) ≤ J(ρ_k), J the objective of the step, checked within three Monte-Carlo standard errors. For schemes of first order that is
// F(ρ_{k+1}) + D²(ρ_{k+1}, ρ_k)/(2τ) ≤ F(ρ_k), D the scheme's distance.
struct EnergyInequality {
  double slack = 0;  // J(ρ_k) − J(ρ_{k+1})
  double standard_error = 0;
  bool holds = true;
};

// Fields as in sliceflow.v1.StepReport.
struct StepReport {
  int step = 0;
  double sliced_time = 0;
  double wasserstein_time = 0;
  double energy = 0;
  double energy_standard_error = 0;
  std::vector<double> term_energies;
  double distance_squared = 0;
  double distance_standard_error = 0;
  std::optional<EnergyInequality> energy_inequality;  // of steps that minimise
  int inner_iterations = 0;
  double gradient_norm = 0;
  bool converged = true;
  std::vector<Metric> metrics;
};

struct InnerProgress {
  int step = 0;
  int iteration = 0;
  int total_iterations = 0;
  double loss = 0;
};

// Why a flow went no further. Data, not an error of the call.
struct Termination {
  enum class Reason { kStopped, kDiverged };
  Reason reason = Reason::kStopped;
  int step = 0;      // the step that could not be completed
  std::string term;  // kDiverged: the term that ceased to be finite, such as `terms[1].potential.quadratic`; may be `model`
  double last_finite_energy = 0;
  std::string detail;
};

// A step either completes with a report, or the flow ends there and stays at the step before.
struct StepResult {
  StepReport report;  // valid when `termination` is not set
  std::optional<Termination> termination;
};

// Row-major, count × dimension.
struct SampleBatch {
  int64_t count = 0;
  int dimension = 0;
  std::vector<float> values;
};

// What an exported model is written as; ExportModelRequest.Format of the contract says what each holds.
enum class ExportFormat { kTorchScript, kSafetensors };

using ProgressCallback = absl::FunctionRef<void(const InnerProgress&)>;

inline void IgnoreProgress(const InnerProgress& /*progress*/) {}

// Not thread-safe; a call made while another is running answers FailedPrecondition and changes nothing.
// The same spec, seed and number of threads give the same bits, also across Save and Restore.
class Flow {
 public:
  // Checks `spec` once (InvalidArgument) and makes the flow at step 0; fits the model to ρ₀ where it cannot start there exactly.
  // Threads are those of the process: see SetThreads. `stop` is looked at during a fit (Cancelled); `progress` is called, as by Step and
  // for step 0, after iterations of what is trained before the flow begins.
  static absl::StatusOr<std::unique_ptr<Flow>> Create(FlowSpec spec, const StopLatch& stop, ProgressCallback progress = IgnoreProgress);

  // As Create, and at the step where `checkpoint` was saved. DataLoss when the bytes are damaged, FailedPrecondition when they belong
  // to another spec or format.
  static absl::StatusOr<std::unique_ptr<Flow>> Restore(FlowSpec spec, absl::string_view checkpoint);

  // As Restore of a checkpoint that a flow of `parent` saved at `spec.origin`, and from there on by `spec`, which may differ from `parent`
  // in all but initial distribution and model. What the solver keeps besides the model is taken over where it still means the same
  // (server/engine/fork.h); otherwise the solver begins anew, a scheme of second order with a first step in halves. FailedPrecondition,
  // besides as above, where the flow cannot go on by `spec`.
  static absl::StatusOr<std::unique_ptr<Flow>> Fork(const FlowSpec& spec, const FlowSpec& parent, absl::string_view checkpoint);

  virtual ~Flow() = default;

  // Of the space.
  virtual int dimension() const = 0;

  // Steps completed.
  virtual int step() const = 0;

  // Whether LogDensity is served.
  virtual bool has_density() const = 0;

  // The most that Samples gives: the number of particles, or no bound (INT64_MAX).
  virtual int64_t max_samples() const = 0;

  // The report of the state as it stands; that of step 0 on a new flow.
  virtual const StepReport& report() const = 0;

  // Computes the next step. `progress` is called on this thread after inner iterations (every one; the caller thins them).
  // OutOfRange after the last step.
  virtual absl::StatusOr<StepResult> Step(const StopLatch& stop, ProgressCallback progress) = 0;

  // Draws `count` ≥ 1 samples; the same seed gives the same samples. Particles are drawn without replacement:
  // InvalidArgument for more than there are. With `seed` unset, row i follows one trajectory from step to step.
  virtual absl::StatusOr<SampleBatch> Samples(int64_t count, std::optional<uint64_t> seed) = 0;

  // log ρ at `points` (row-major, count × dimension). FailedPrecondition for a model without a density.
  virtual absl::StatusOr<std::vector<float>> LogDensity(absl::Span<const float> points) = 0;

  // The model at this step, to be used elsewhere, as a file's bytes; LibTorch's when it is TorchScript. `description`: JSON that goes with
  // it. Latent points and samples are related as those of Samples; log-densities are those of LogDensity.
  virtual absl::StatusOr<std::string> Export(ExportFormat format, absl::string_view description) const = 0;

  // The state as bytes with a checksum: see docs/checkpoint_format.md.
  virtual absl::StatusOr<std::string> Save() const = 0;
};

// Sets the threads that flows of this process compute with, 1 to 256. Call it while there is no flow.
void SetThreads(int threads);

// From now on sliced transport of this process is computed by the plugin libsliceflow_cuda.so at that path, on the CUDA device of that number;
// networks and functionals stay on the processor.
// `precision` is that of gradients: fp32, tf32 or bf16. Before it is taken the device computes small cases that are compared with the
// processor's. Once, while there is no flow, and before files can no longer be opened. FailedPrecondition: no plugin, no driver, no such
// device, or one that computes something else; InvalidArgument: no such precision.
absl::Status UseCuda(const std::string& plugin_path, int device, const std::string& precision);

// A payload of the ResourceExhausted that tells of a GPU's memory, not of the process's. Empty bytes.
inline constexpr char kOfGpu[] = "sliceflow.gpu";

// Whether a GPU in use failed in a way that ends all computing in this process; the call that met it answered Internal. Thread-safe.
bool DeviceIsLost();

// Whether a model of this kind has a density; the gate and ServerInfo say the same.
bool HasDensity(const ModelSpec& model);

}  // namespace sliceflow::engine
