#include <algorithm>
#include <optional>

#include "common/ids.h"
#include "server/api/gate/checks.h"
#include "server/api/gate/gate.h"

namespace sliceflow::api {
namespace {

constexpr int64_t kDefaultSamples = 10'000;
constexpr int64_t kMaxSamples = 100'000;
constexpr int64_t kMaxAssignedSamples = 2048;               // of an assignment in O(n³)
constexpr int64_t kMaxPairSamples = 20'000;                 // of sums over all pairs
constexpr int64_t kMaxPairValues = int64_t{1} << 22;        // samples times dimension, of the same
constexpr int64_t kMaxProjectedSamples = int64_t{1} << 28;  // samples times directions
constexpr int64_t kMaxFittedDimension = 512;                // of decompositions in O(d³)
constexpr int64_t kMostIdentityEntries = int64_t{1} << 22;  // of what is left out: decompositions in O(d³), and somebody waits
constexpr int kMaxWeights = 16;                             // of features
constexpr int64_t kMaxWeightValues = int64_t{1} << 22;      // what one tensor of an expression may have

// A side and what is known of it.
struct Side {
  std::string path;
  v1::DistanceOperand& operand;
  int dimension = 0;  // 0 where it is not known, or the side is wrong
  bool has_density = true;
  std::string subject;  // the resource it is, empty for a known density
  std::string model;    // the kind of a job's model
};

class DistanceGate {
 public:
  DistanceGate(Context& context, FindStep find_step, v1::ComputeDistanceRequest& request)
      : context_(context), find_step_(find_step), request_(request) {}

  void Check() {
    Side first{"first", *request_.mutable_first()};
    Side second{"second", *request_.mutable_second()};
    LookAt(first);
    LookAt(second);
    CheckDimensions(first, second);
    CheckDensity(first);
    CheckDensity(second);
    CheckKind();
    CheckSamples();
  }

 private:
  void LookAt(Side& side) {
    switch (side.operand.kind_case()) {
      case v1::DistanceOperand::kJobStep:
        return LookAtStep(side, absl::StrCat(side.path, ".job_step"), *side.operand.mutable_job_step());
      case v1::DistanceOperand::kDataset:
        return LookAtDataset(side, absl::StrCat(side.path, ".dataset"));
      case v1::DistanceOperand::kGaussian:
        side.dimension = side.operand.gaussian().mean_size();
        return;
      case v1::DistanceOperand::kMixture:
        side.dimension = side.operand.mixture().components_size() > 0 ? side.operand.mixture().components(0).mean_size() : 0;
        return;
      case v1::DistanceOperand::KIND_NOT_SET:
        return context_.findings.Invalid(side.path, "must name a distribution: jobStep, dataset, gaussian or mixture");
    }
  }

  void LookAtStep(Side& side, const std::string& path, v1::JobStep& at) {
    const std::string field = absl::StrCat(path, ".job");
    const std::string step_field = absl::StrCat(path, ".step");
    const absl::StatusOr<std::string> id = ParseResourceName("jobs", at.job(), field);
    if (!id.ok()) return Take(id.status());
    if (at.has_step() && at.step() < 0) {
      return context_.findings.Invalid(step_field, absl::StrCat("must be at least 0, is ", at.step()));
    }
    const absl::StatusOr<jobs::KeptStep> kept = find_step_(*id, at.has_step() ? std::optional<int>(at.step()) : std::nullopt);
    if (absl::IsNotFound(kept.status())) return context_.findings.NotFound(field, at.job());
    if (absl::IsFailedPrecondition(kept.status())) {
      return context_.findings.FailedPrecondition(step_field, std::string(kept.status().message()), Reason(kept.status()));
    }
    if (!kept.ok()) return context_.findings.Failed(kept.status());
    at.set_step(kept->step);
    side.subject = at.job();
    side.dimension = kept->spec.dimension();
    side.has_density = HasDensity(kept->spec.model());
    side.model = KindOf(kept->spec.model());
    const bool single = kept->spec.model().has_particles() && kept->spec.model().particles().count() < 2;
    if (single) context_.findings.Precondition(field, at.job(), "has one particle; a distance needs at least two samples of each side");
  }

  void LookAtDataset(Side& side, const std::string& field) {
    side.has_density = false;
    side.subject = side.operand.dataset();
    const std::optional<v1::Dataset> dataset = FindDataset(context_, field, side.operand.dataset());
    if (!dataset.has_value()) return;
    side.dimension = static_cast<int>(dataset->columns());
    if (dataset->rows() < 2) {
      context_.findings.Precondition(field, side.subject, "has one row; a distance needs at least two samples of each side");
    }
  }

  // What another check has put as violations of its own.
  void Take(const absl::Status& status) {
    for (const FieldViolation& violation : ViolationsOf(status)) context_.findings.Invalid(violation.field, violation.description);
  }

  // The dimension is that of the first side that tells one; resources come before known densities, whose vectors are then checked by it.
  void CheckDimensions(const Side& first, const Side& second) {
    for (const Side* side : {&first, &second}) {
      if (context_.dimension == 0 && !side->subject.empty()) context_.dimension = side->dimension;
    }
    for (const Side* side : {&first, &second}) {
      if (context_.dimension == 0) context_.dimension = side->dimension;
    }
    if (context_.dimension == 0 && IsKnownDensity(first) && IsKnownDensity(second)) {
      context_.findings.Invalid("first", "must give a mean: neither side tells the dimension");
    }
    if (context_.dimension > context_.limits.max_dimension) {
      context_.findings.BeyondLimit("first", context_.dimension, context_.limits.max_dimension);
      context_.dimension = 0;
    }
    const bool differ = !first.subject.empty() && !second.subject.empty() && first.dimension != second.dimension;
    if (differ && first.dimension > 0 && second.dimension > 0) {
      context_.findings.Invalid("second", absl::StrCat("must be of the dimension ", first.dimension, " of first, ", second.subject,
                                                       " is of dimension ", second.dimension));
    }
    CheckVectors(first);
    CheckVectors(second);
  }

  static bool IsKnownDensity(const Side& side) { return side.operand.has_gaussian() || side.operand.has_mixture(); }

  void CheckVectors(const Side& side) {
    if (side.operand.has_gaussian()) CheckGaussian(context_, absl::StrCat(side.path, ".gaussian"), *side.operand.mutable_gaussian());
    if (side.operand.has_mixture()) CheckMixture(context_, absl::StrCat(side.path, ".mixture"), *side.operand.mutable_mixture());
  }

  void CheckDensity(const Side& side) {
    const bool needed = request_.distance().has_kl() || request_.distance().has_symmetric_kl();
    if (!needed || side.has_density) return;
    context_.findings.Invalid(
        side.path, absl::StrCat("has no density, which ", request_.distance().has_kl() ? "kl" : "symmetricKl", " needs: ", side.subject,
                                side.operand.has_dataset() ? " is a data set" : absl::StrCat(" is a job with the model ", side.model),
                                "; slicedWasserstein, mmd, energy and gaussianSymmetricKl need samples only"));
  }

  void CheckKind() {
    v1::Distance& distance = *request_.mutable_distance();
    switch (distance.kind_case()) {
      case v1::Distance::kSlicedWasserstein:
        return CheckSliced(*distance.mutable_sliced_wasserstein());
      case v1::Distance::kMmd:
        if (!distance.mmd().has_bandwidth()) return;
        return CheckNumber(context_.findings, "distance.mmd.bandwidth", distance.mmd().bandwidth(), Above(0));
      case v1::Distance::kBures:
        return CheckFit("distance.bures");
      case v1::Distance::kGaussianSymmetricKl:
        return CheckFit("distance.gaussian_symmetric_kl");
      case v1::Distance::kFrechet:
        return CheckFrechet(distance.frechet());
      case v1::Distance::kWasserstein:
      case v1::Distance::kEnergy:
      case v1::Distance::kKl:
      case v1::Distance::kSymmetricKl:
        return;
      case v1::Distance::KIND_NOT_SET:
        return context_.findings.Invalid(
            "distance",
            "must name a distance: slicedWasserstein, wasserstein, bures, mmd, energy, kl, symmetricKl, gaussianSymmetricKl or frechet");
    }
  }

  void CheckSliced(v1::SlicedWassersteinDistance& distance) {
    if (!distance.has_order()) distance.set_order(2);
    if (!distance.has_num_projections()) distance.set_num_projections(1000);
    CheckNumber(context_.findings, "distance.sliced_wasserstein.order", distance.order(), {.low = 1, .high = 16});
    CheckCount(context_, "distance.sliced_wasserstein.num_projections", distance.num_projections(), 1, context_.limits.max_projections);
  }

  void CheckFrechet(const v1::FrechetDistance& distance) {
    const std::string field = "distance.frechet.weights";
    if (distance.features().empty()) {
      if (distance.weights_size() > 0) context_.findings.Invalid(field, "are arguments of features, of which there are none");
      return CheckFit("distance.frechet");
    }
    CheckSource(context_.findings, context_.limits, "distance.frechet.features", distance.features(), "def features(x, w): return x @ w");
    if (distance.weights_size() > kMaxWeights) {
      return context_.findings.Invalid(field, absl::StrCat("must be at most ", kMaxWeights, ", are ", distance.weights_size()));
    }
    for (int i = 0; i < distance.weights_size(); ++i) CheckWeight(absl::StrCat(field, "[", i, "]"), distance.weights(i));
  }

  void CheckWeight(const std::string& field, const std::string& name) {
    const std::optional<v1::Dataset> dataset = FindDataset(context_, field, name);
    if (!dataset.has_value() || dataset->rows() <= kMaxWeightValues / std::max<int64_t>(1, dataset->columns())) return;
    context_.findings.Precondition(field, name,
                                   absl::StrCat("has ", dataset->rows(), " rows of ", dataset->columns(), " numbers; a weight has at most ",
                                                kMaxWeightValues, " numbers"));
  }

  void CheckFit(const std::string& field) {
    if (context_.dimension <= kMaxFittedDimension) return;
    context_.findings.BeyondLimit(
        field, absl::StrCat("its dimension must be at most ", kMaxFittedDimension, ", is ", context_.dimension, "; use slicedWasserstein"));
  }

  void CheckSamples() {
    const int64_t most = MostSamples();
    if (!request_.has_samples()) request_.set_samples(static_cast<int>(std::min(kDefaultSamples, most)));
    CheckCount(context_, "samples", request_.samples(), 2, most);
  }

  // That the kind of distance takes.
  int64_t MostSamples() const {
    const int64_t d = std::max(1, context_.dimension);
    const int64_t most = std::min({kMaxSamples, context_.limits.max_samples, context_.limits.max_sample_values / d});
    const v1::Distance& distance = request_.distance();
    if (distance.has_wasserstein() && d > 1) return std::min(most, kMaxAssignedSamples);
    if (distance.has_mmd() || distance.has_energy()) return std::min({most, kMaxPairSamples, kMaxPairValues / d});
    if (distance.has_sliced_wasserstein()) {
      return std::min(most, kMaxProjectedSamples / std::max(1, distance.sliced_wasserstein().num_projections()));
    }
    return most;
  }

  Context& context_;
  const FindStep find_step_;
  v1::ComputeDistanceRequest& request_;
};

}  // namespace

absl::StatusOr<v1::ComputeDistanceRequest> CheckComputeDistance(v1::ComputeDistanceRequest request, const std::string& owner,
                                                                FindStep find_step, jobs::Datasets& datasets, const Limits& limits) {
  Findings findings;
  const auto bytes = static_cast<int64_t>(request.ByteSizeLong());
  if (bytes > limits.max_spec_bytes) {
    findings.BeyondLimit("first", absl::StrCat("with second must be at most ", limits.max_spec_bytes, " bytes, is ", bytes));
    return findings.ToStatus();
  }
  Context context{findings, datasets, limits, owner};
  context.fill_left = limits.max_spec_bytes / static_cast<int64_t>(sizeof(double));
  context.identity_left = kMostIdentityEntries;
  DistanceGate(context, find_step, request).Check();
  if (!findings.empty()) return findings.ToStatus();
  return request;
}

}  // namespace sliceflow::api
