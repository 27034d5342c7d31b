#include "server/engine/solvers/max_sliced_proximity.h"

#include <algorithm>

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include "server/engine/directions.h"
#include "server/engine/random.h"

namespace sliceflow::engine {
namespace {

constexpr int kAscentSteps = 10;
constexpr double kLeastStep = 1e-12;  // |M θ| below which there is no direction to climb

struct Slice {
  double value = 0;
  at::Tensor differences;  // x − y coupled along the direction, n × d
};

Slice SliceAlong(const at::Tensor& direction, const at::Tensor& x, const at::Tensor& y) {
  const at::Tensor differences = x.index({at::matmul(x, direction).argsort()}) - y.index({at::matmul(y, direction).argsort()});
  return {.value = at::matmul(differences, direction).square().mean().item<double>(), .differences = differences};
}

// The maximising direction, 1 × d. Both sides have n rows: they come from one noise.
at::Tensor Maximiser(const at::Tensor& x, const at::Tensor& y, const at::Tensor& directions) {
  const at::NoGradGuard no_graph;
  const at::Tensor along_x = std::get<0>(at::matmul(directions, x.t()).sort(1));
  const at::Tensor along_y = std::get<0>(at::matmul(directions, y.t()).sort(1));
  at::Tensor best = directions[(along_x - along_y).square().mean(1).argmax().item<int64_t>()];
  Slice slice = SliceAlong(best, x, y);
  for (int step = 0; step < kAscentSteps; ++step) {
    const at::Tensor raised = at::matmul(slice.differences.t(), at::matmul(slice.differences, best)) / x.size(0);
    const double length = raised.norm().item<double>();
    if (length < kLeastStep) break;
    const at::Tensor next = raised / length;
    Slice there = SliceAlong(next, x, y);
    if (there.value <= slice.value) break;
    best = next;
    slice = std::move(there);
  }
  return best.unsqueeze(0).contiguous();
}

}  // namespace

MaxSlicedProximity::MaxSlicedProximity(int64_t num_projections, int dimension, uint64_t seed)
    : num_projections_(num_projections), dimension_(dimension) {
  at::Generator random = MakeGenerator(seed, Purpose::kReportDirections);
  report_directions_ = DrawDirections(ProjectionSampling::kAutomatic, num_projections_, dimension_, random);
}

void MaxSlicedProximity::Refresh(at::Generator& random) {
  directions_ = DrawDirections(ProjectionSampling::kAutomatic, num_projections_, dimension_, random);
}

Penalty MaxSlicedProximity::Penalise(const at::Tensor& x, absl::Span<const ProximityTo> from) {
  Penalty penalty{.value = 0, .gradient = at::zeros_like(x)};
  for (const ProximityTo& to : from) {
    const SlicedDistance::Result apart = distance_.Evaluate(x, to.y, Maximiser(x, to.y, directions_), /*with_gradient=*/true);
    penalty.value += to.weight * apart.value;
    penalty.gradient.add_(apart.gradient, to.weight);
  }
  return penalty;
}

double MaxSlicedProximity::Between(const at::Tensor& x, const at::Tensor& y) {
  return distance_.Evaluate(x, y, Maximiser(x, y, directions_), /*with_gradient=*/false).value;
}

Estimate MaxSlicedProximity::Evaluate(const at::Tensor& x, const at::Tensor& y) {
  return {distance_.Evaluate(x, y, Maximiser(x, y, report_directions_), /*with_gradient=*/false).value, 0};
}

}  // namespace sliceflow::engine
