#include "server/engine/nearest_neighbours.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <vector>

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

namespace sliceflow::engine {
namespace {

constexpr int64_t kNeighbours = 3;
constexpr int64_t kMostQueries = 2048;
constexpr int64_t kTileEntries = int64_t{1} << 20;
constexpr double kLeastDistance = 1e-12;

// ψ at a positive integer: −γ + 1 + 1/2 + … + 1/(k−1).
double Digamma(int64_t k) {
  double value = -std::numbers::egamma;
  for (int64_t i = 1; i < k; ++i) value += 1.0 / static_cast<double>(i);
  return value;
}

double LogVolumeOfUnitBall(double dimension) { return dimension / 2 * std::log(std::numbers::pi) - std::lgamma(dimension / 2 + 1); }

}  // namespace

at::Tensor NeighbourLogDensity(const at::Tensor& x) {
  const at::NoGradGuard no_graph;
  const at::Tensor points = x.detach().contiguous();
  const int64_t n = points.size(0);
  const int64_t k = std::min(kNeighbours, n - 1);
  const int64_t queries = std::min(n, kMostQueries);
  const int64_t tile = std::clamp<int64_t>(kTileEntries / n, 1, queries);
  std::vector<at::Tensor> distances;
  for (int64_t first = 0; first < queries; first += tile) {
    const at::Tensor rows = points.narrow(0, first, std::min(tile, queries - first));
    // Differences, not a matrix product: near neighbours are where that would lose its digits. The nearest of all is the particle itself.
    const at::Tensor all = at::cdist(rows, points, /*p=*/2, /*compute_mode=*/2);
    distances.push_back(std::get<0>(all.kthvalue(k + 1, 1)));
  }
  const auto d = static_cast<double>(points.size(1));
  const double constant = Digamma(k) - std::log(static_cast<double>(n - 1)) - LogVolumeOfUnitBall(d);
  return at::cat(distances).to(at::kDouble).clamp_min(kLeastDistance).log().mul(-d).add(constant);
}

}  // namespace sliceflow::engine
