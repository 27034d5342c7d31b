// Distances between two distributions, each known through samples and, where it has one, through its density. Free of LibTorch headers;
// exceptions of LibTorch stop inside and become absl::Status.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "absl/status/statusor.h"
#include "server/engine/expressions/refusal.h"
#include "server/engine/flow.h"
#include "server/engine/flow_spec.h"

namespace sliceflow::engine {

// Kinds of distance. Names, formulas and what the standard error is over: sliceflow.v1.Distance.
struct SlicedWassersteinDistance {
  double order = 2;
  int64_t num_projections = 1000;
};
struct WassersteinDistance {};
struct BuresDistance {};
struct MmdDistance {
  double bandwidth = 0;  // 0: the median heuristic
};
struct EnergyDistance {};
struct KlDistance {};
struct SymmetricKlDistance {};
struct GaussianSymmetricKlDistance {};
struct FrechetDistance {
  std::string features;           // TorchScript source: see expressions/row_map.h; empty where the samples themselves are the features
  std::vector<TablePtr> weights;  // further arguments of the features
};
using DistanceSpec = std::variant<SlicedWassersteinDistance, WassersteinDistance, BuresDistance, MmdDistance, EnergyDistance, KlDistance,
                                  SymmetricKlDistance, GaussianSymmetricKlDistance,  //
                                  FrechetDistance>;

// One side of a distance: a flow as it stands (borrowed), the rows of a table, or a known density.
using Operand = std::variant<Flow*, TablePtr, GaussianMixture>;

struct DistanceRequest {
  DistanceSpec distance;
  int64_t samples = 10000;  // of each side, at least 2; a table or particles with fewer give all they have
  uint64_t seed = 0;        // the sides draw independently of each other
};

struct Distance {
  double value = 0;  // may be infinite for relative entropies, is otherwise within the range of float32
  double standard_error = 0;
  int64_t first_samples = 0;  // used
  int64_t second_samples = 0;
  double bandwidth = 0;  // of the kernel that was used; only for MmdDistance
};

// Most points a side that WassersteinDistance takes in two dimensions or more, where it solves an assignment of O(n³) time and
// O(n²) memory. There the larger side is cut to the size of the smaller; on the line unequal sizes are exact.
inline constexpr int64_t kMaxAssignedPoints = 2048;

// Most features that FrechetDistance takes.
inline constexpr int64_t kMaxFeatures = 512;

// Why the features of `spec` are not taken for samples of that dimension, if they are not. Takes a fraction of a second for what people
// write, seconds at worst. Does not throw.
std::optional<ExpressionRefusal> CheckFeatures(const FrechetDistance& spec, int dimension);

// The same request and operands give the same bits. InvalidArgument for sides of different dimensions, a side of fewer than two points,
// more points than kMaxAssignedPoints, numbers out of range; features that are not taken (CheckFeatures) or not finite at a sample;
// FailedPrecondition for a relative entropy of a side without a density; OutOfRange for samples so far out that the value is beyond
// float32.
absl::StatusOr<Distance> ComputeDistance(const DistanceRequest& request, const Operand& first, const Operand& second);

}  // namespace sliceflow::engine
