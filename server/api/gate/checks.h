// Checks that parts of the gate share. Each fills in the default where a field is left out, or records what is wrong with it.
#pragma once

#include <cmath>
#include <optional>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/api/gate/findings.h"
#include "server/api/limits.h"
#include "server/jobs/datasets.h"
#include "sliceflow/v1/flow.pb.h"
#include "sliceflow/v1/job.pb.h"

namespace sliceflow::api {

// Of the matrices that a specification leaves to be identities: two of dimension 4096, 256 MiB of doubles.
inline constexpr int64_t kMostIdentities = int64_t{1} << 25;

// What the parts of a specification are checked against.
struct Context {
  Findings& findings;
  jobs::Datasets& datasets;
  const Limits& limits;
  const std::string& owner;  // whose data sets are named
  int dimension = 0;         // 0 when it is itself wrong: then nothing that depends on it is checked
  int state_dimension = 0;   // that the flow runs in, another than `dimension` in a latent space; 0 as above
  bool model_has_density = true;
  std::string model_kind;                   // its name in job files
  bool entropy_is_noise = false;            // the solver turns an entropy into noise
  double hidden_values = 0;                 // that a model keeps of one sample for its gradient
  double link_parameters = 0;               // of one map of a chain
  double parameters_a_step = 0;             // that the model grows by with each step
  int64_t fill_left = 0;                    // numbers that defaults may still add, so that a short request does not become a huge job
  int64_t identity_left = kMostIdentities;  // numbers that identities which are not filled in may still stand for in a worker
};

using Vector = google::protobuf::RepeatedField<double>;

// A range of numbers and how it is said.
struct Range {
  double low = 0;
  bool low_open = false;
  double high = HUGE_VAL;
  bool high_open = false;
  std::string Words() const;
  bool Contains(double value) const;
};
inline Range Above(double low) { return {.low = low, .low_open = true}; }
inline Range AtLeast(double low) { return {.low = low}; }

// Magnitudes of numbers in a specification, 0 apart. The engine computes in float32, which reaches from 1e-38 to 3e38: the square
// of such a number, summed over thousands of coordinates, is still inside.
inline constexpr double kLeastMagnitude = 1e-15;
inline constexpr double kLargestMagnitude = 1e15;

// Whether a default of so many numbers may be filled in; records it where not.
bool MayFill(Context& context, const std::string& field, int64_t count);

// A number in the range and of a magnitude as above; one that may be 0 and is tiny must be 0.
void CheckNumber(Findings& findings, const std::string& field, double value, const Range& range);
// A number of either sign, also a tiny one.
void CheckNumber(Findings& findings, const std::string& field, double value);
// A number of either sign other than 0.
void CheckFactor(Findings& findings, const std::string& field, double value);
// Two ends that a float32 tells apart.
void CheckInterval(Findings& findings, const std::string& path, const Vector& lower, const Vector& upper);
// A count from `low` to the server's `limit`.
void CheckCount(Context& context, const std::string& field, int64_t value, int64_t low, int64_t limit);
// Rows of `dimension` numbers: at most the server's limit of values of one tensor.
void CheckValues(Context& context, const std::string& field, int64_t rows);
// `dimension` finite numbers; left out, `fill` in every coordinate.
void CheckVector(Context& context, const std::string& field, Vector& values, double fill);
// `dimension²` numbers that form a symmetric positive definite matrix, with eigenvalues of a magnitude as above.
void CheckDefiniteMatrix(Context& context, const std::string& field, const v1::Matrix& matrix);
// The identity as a default of the field. Nothing where it would make the specification too large: then the field stays left out, which
// says the same to a worker. Too many of those are recorded.
std::optional<v1::Matrix> DefaultMatrix(Context& context, const std::string& field);
// A mean and a covariance.
template <typename Message>
void CheckGaussian(Context& context, const std::string& path, Message& gaussian) {
  CheckVector(context, absl::StrCat(path, ".mean"), *gaussian.mutable_mean(), 0);
  const std::string field = absl::StrCat(path, ".covariance");
  if (gaussian.has_covariance()) return CheckDefiniteMatrix(context, field, gaussian.covariance());
  if (std::optional<v1::Matrix> identity = DefaultMatrix(context, field)) *gaussian.mutable_covariance() = *std::move(identity);
}
// Components of a mixture: weights, means, covariances.
template <typename Mixture>
void CheckMixture(Context& context, const std::string& path, Mixture& mixture) {
  const std::string field = absl::StrCat(path, ".components");
  if (mixture.components_size() == 0 || mixture.components_size() > 256) {
    context.findings.Invalid(field, absl::StrCat("must have between 1 and 256 components, has ", mixture.components_size()));
    return;
  }
  for (int i = 0; i < mixture.components_size(); ++i) {
    auto& component = *mixture.mutable_components(i);
    const std::string at = absl::StrCat(field, "[", i, "]");
    if (!component.has_weight()) component.set_weight(1);
    CheckNumber(context.findings, absl::StrCat(at, ".weight"), component.weight(), Above(0));
    CheckGaussian(context, at, component);
  }
}
// The source of an expression: there, and not too long. `example`: what one looks like.
void CheckSource(Findings& findings, const Limits& limits, const std::string& field, const std::string& source,
                 const char* example = "def V(x): return 0.5 * (x * x).sum(1)");
inline constexpr char kGeneratorExample[] = "def generator(z, w): return z @ w";
// The tensors that a generator is trained in, with their defaults. How many entries they have together; those that are wrong count none.
double CheckGeneratorParameters(Findings& findings, const std::string& field,
                                google::protobuf::RepeatedPtrField<v1::GeneratorParameter>& parameters);
// The data set that a field names; nullopt when it is not there, which is recorded.
std::optional<v1::Dataset> FindDataset(Context& context, const std::string& field, const std::string& name);
// As FindDataset; records where it has not as many columns as the dimension.
std::optional<v1::Dataset> CheckPointDataset(Context& context, const std::string& field, const std::string& name);

// A whole specification, whose data sets are those of `owner`; fields are named from `path`.
void CheckSpec(Findings& findings, const std::string& path, v1::FlowSpec& spec, const std::string& owner, jobs::Datasets& datasets,
               const Limits& limits);
// Whether it is not too long to be looked at; records it where it is.
bool CheckSpecBytes(Findings& findings, const std::string& path, const v1::FlowSpec& spec, const Limits& limits);
// Title and labels of a new job, and the id of the request for it.
void CheckChosen(Findings& findings, const v1::Job& job, const std::string& request_id);

// The parts of a specification; each names its fields from `path`.
void CheckInitial(Context& context, const std::string& path, v1::Distribution& initial);
void CheckPotential(Context& context, const std::string& path, v1::Potential& potential);
void CheckFunctional(Context& context, const std::string& path, v1::FlowSpec& spec);
void CheckModel(Context& context, const std::string& path, v1::Model& model);
// Of the kinds that send noise through a network.
void CheckPushforward(Context& context, const std::string& path, v1::Model& model);
void CheckSolver(Context& context, const std::string& path, v1::FlowSpec& spec);
void CheckSchedule(Context& context, const std::string& path, v1::FlowSpec& spec);
void CheckOutput(Context& context, const std::string& path, v1::FlowSpec& spec);
// `spec`: the rest, already checked, with its defaults.
void CheckMetric(Context& context, const std::string& path, v1::Metric& metric, const v1::FlowSpec& spec);
// The density on a grid, and what it starts from, `spec.initial` with its defaults; nothing where the model is another.
void CheckGrid(Context& context, const std::string& path, v1::Grid& grid);
void CheckStartOnGrid(Context& context, const std::string& path, const v1::FlowSpec& spec);
// After the model.
void CheckEntropicJko(Context& context, const std::string& path, v1::FlowSpec& spec);

// The model `latent_flow`: its default of a data set, which its own check reads, and what of the rest it does not go with.
void FillLatentDataset(v1::FlowSpec& spec);
void CheckBesideLatentFlow(Context& context, const std::string& path, const v1::FlowSpec& spec);

// Whether the solver turns an entropy into noise, so that the model need not have a density.
bool TurnsEntropyIntoNoise(const v1::Solver& solver);

// Whether the term is or holds ∫ρ log ρ.
bool HasEntropy(const v1::FunctionalTerm& term);

// Whether the model, with its default where it is left out, has a density in the flow's space.
bool HasDensity(const v1::Model& model);

// The name of the model's kind in job files, such as `realNvp`.
std::string KindOf(const v1::Model& model);

}  // namespace sliceflow::api
