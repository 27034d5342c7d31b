#include "server/engine/distance.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include "absl/strings/str_cat.h"
#include "server/engine/distances/bures.h"
#include "server/engine/distances/exact_wasserstein.h"
#include "server/engine/distances/frechet.h"
#include "server/engine/distances/gaussian_symmetric_kl.h"
#include "server/engine/distances/kernel_discrepancy.h"
#include "server/engine/distances/operand.h"
#include "server/engine/distances/relative_entropy.h"
#include "server/engine/distances/sliced_wasserstein.h"
#include "server/engine/guarded.h"
#include "server/engine/random.h"

namespace sliceflow::engine {
namespace {

constexpr double kLargest = std::numeric_limits<float>::max();

enum : uint64_t { kFirstSide, kSecondSide, kDirections };

struct DrawnSide {
  const Side& side;
  at::Tensor samples;
};

// One line for each kind: a kind of DistanceSpec without one does not compile.
struct Computer {
  DrawnSide first;
  DrawnSide second;
  uint64_t seed;
  Distance distance;

  using Computed = absl::StatusOr<Estimate>;
  Computed operator()(const SlicedWassersteinDistance& spec) {
    if (!std::isfinite(spec.order) || spec.order < 1) return absl::InvalidArgumentError(absl::StrCat("order: is ", spec.order));
    if (spec.num_projections < 1) return absl::InvalidArgumentError(absl::StrCat("num_projections: is ", spec.num_projections));
    at::Generator random = MakeGenerator(seed, Purpose::kDistance, kDirections);
    return SlicedWasserstein(first.samples, second.samples, spec.order, spec.num_projections, random);
  }
  Computed operator()(const WassersteinDistance& /*spec*/) {
    if (first.samples.size(1) == 1) return ExactWasserstein(first.samples, second.samples);
    const int64_t count = std::min(first.samples.size(0), second.samples.size(0));
    if (count > kMaxAssignedPoints) {
      return absl::InvalidArgumentError(absl::StrCat("samples: are ", count, "; an exact distance takes at most ", kMaxAssignedPoints));
    }
    first.samples = first.samples.narrow(0, 0, count);
    second.samples = second.samples.narrow(0, 0, count);
    return ExactWasserstein(first.samples, second.samples);
  }
  Computed operator()(const BuresDistance& /*spec*/) { return Bures(FitOf(first), FitOf(second)); }
  Computed operator()(const MmdDistance& spec) {
    if (!std::isfinite(spec.bandwidth) || spec.bandwidth < 0) {
      return absl::InvalidArgumentError(absl::StrCat("bandwidth: is ", spec.bandwidth));
    }
    distance.bandwidth = spec.bandwidth > 0 ? spec.bandwidth : MedianBandwidth(first.samples, second.samples);
    return GaussianMmd(first.samples, second.samples, distance.bandwidth);
  }
  Computed operator()(const EnergyDistance& /*spec*/) { return EnergyDistanceOf(first.samples, second.samples); }
  Computed operator()(const KlDistance& /*spec*/) { return KlDivergence(first.side, first.samples, second.side); }
  Computed operator()(const SymmetricKlDistance& /*spec*/) {
    return SymmetricKlDivergence(first.side, first.samples, second.side, second.samples);
  }
  Computed operator()(const GaussianSymmetricKlDistance& /*spec*/) { return GaussianFitSymmetricKl(FitOf(first), FitOf(second)); }
  Computed operator()(const FrechetDistance& spec) {
    if (spec.features.empty()) return Bures(FitOf(first), FitOf(second));
    return FrechetOfFeatures(spec, first.samples, second.samples);
  }

  static GaussianFit FitOf(const DrawnSide& drawn) { return FitGaussian(drawn.side, drawn.samples); }
};

bool MayBeInfinite(const DistanceSpec& spec) {
  return std::holds_alternative<KlDistance>(spec) || std::holds_alternative<SymmetricKlDistance>(spec) ||
         std::holds_alternative<GaussianSymmetricKlDistance>(spec);
}

absl::Status TooFarOut() { return absl::OutOfRangeError("the samples lie too far out for the distance to be a float32"); }

absl::StatusOr<DrawnSide> Draw(const Side& side, const DistanceRequest& request, uint64_t index) {
  absl::StatusOr<at::Tensor> samples = side.Samples(request.samples, DeriveSeed(request.seed, Purpose::kDistance, index));
  if (!samples.ok()) return samples.status();
  if (samples->size(0) < 2) return absl::InvalidArgumentError("a distance needs at least two samples of each side");
  if (!at::isfinite(*samples).all().item<bool>()) return TooFarOut();
  return DrawnSide{side, *std::move(samples)};
}

absl::StatusOr<Distance> Compute(const DistanceRequest& request, const Operand& first, const Operand& second) {
  if (request.samples < 2) return absl::InvalidArgumentError(absl::StrCat("samples: is ", request.samples, "; must be at least 2"));
  const absl::StatusOr<std::unique_ptr<Side>> first_side = MakeSide(first);
  if (!first_side.ok()) return first_side.status();
  const absl::StatusOr<std::unique_ptr<Side>> second_side = MakeSide(second);
  if (!second_side.ok()) return second_side.status();
  if ((*first_side)->dimension() != (*second_side)->dimension()) {
    return absl::InvalidArgumentError(
        absl::StrCat("the dimensions are ", (*first_side)->dimension(), " and ", (*second_side)->dimension(), "; they must be equal"));
  }
  const absl::StatusOr<DrawnSide> drawn_first = Draw(**first_side, request, kFirstSide);
  if (!drawn_first.ok()) return drawn_first.status();
  const absl::StatusOr<DrawnSide> drawn_second = Draw(**second_side, request, kSecondSide);
  if (!drawn_second.ok()) return drawn_second.status();

  Computer computer{*drawn_first, *drawn_second, request.seed, {}};
  const absl::StatusOr<Estimate> estimate = std::visit(computer, request.distance);
  if (!estimate.ok()) return estimate.status();
  const bool finite = std::abs(estimate->value) <= kLargest && std::isfinite(estimate->standard_error);
  if (!finite && !(MayBeInfinite(request.distance) && estimate->value == HUGE_VAL)) {
    return TooFarOut();
  }
  Distance distance = computer.distance;
  distance.value = estimate->value;
  distance.standard_error = std::isfinite(estimate->value) ? estimate->standard_error : 0;
  distance.first_samples = computer.first.samples.size(0);
  distance.second_samples = computer.second.samples.size(0);
  return distance;
}

}  // namespace

absl::StatusOr<Distance> ComputeDistance(const DistanceRequest& request, const Operand& first, const Operand& second) {
  return Guarded([&]() -> absl::StatusOr<Distance> {
    const at::NoGradGuard no_graph;
    return Compute(request, first, second);
  });
}

}  // namespace sliceflow::engine
