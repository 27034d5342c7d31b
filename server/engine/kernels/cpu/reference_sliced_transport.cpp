// The plain sliced transport: written to be read beside the formula, in double.
#include <algorithm>
#include <cstdint>
#include <memory>
#include <numeric>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "server/engine/kernels/direction_summary.h"
#include "server/engine/kernels/sliced_transport.h"
#include "server/engine/kernels/sliced_transport_checks.h"

namespace sliceflow::kernels {
namespace {

std::vector<double> Masses(const PointCloud& cloud) {
  if (cloud.weights.empty()) return std::vector<double>(cloud.count, 1.0 / static_cast<double>(cloud.count));
  std::vector<double> masses(cloud.weights.begin(), cloud.weights.end());
  const double sum = std::accumulate(masses.begin(), masses.end(), 0.0);
  for (double& mass : masses) mass /= sum;
  return masses;
}

std::vector<double> Project(const PointCloud& cloud, absl::Span<const float> direction) {
  std::vector<double> projections(cloud.count, 0.0);
  for (int64_t i = 0; i < cloud.count; ++i) {
    for (size_t k = 0; k < direction.size(); ++k) {
      projections[i] += static_cast<double>(direction[k]) * cloud.points[i * direction.size() + k];
    }
  }
  return projections;
}

std::vector<int64_t> StableOrder(const std::vector<double>& projections) {
  std::vector<int64_t> order(projections.size());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&](int64_t a, int64_t b) { return projections[a] < projections[b]; });
  return order;
}

class ReferenceSlicedTransport : public SlicedTransport {
 public:
  using SlicedTransport::SlicedTransport;

  absl::StatusOr<SlicedValue> Evaluate(const PointCloud& x, const PointCloud& y, absl::Span<const float> directions,
                                       absl::Span<float> gradient) override {
    if (absl::Status status = CheckSlicedTransportInput(shape(), x, y, directions, gradient); !status.ok()) return status;
    const size_t dimension = shape().dimension;
    const size_t count = directions.size() / dimension;
    std::vector<double> sums(x.points.size(), 0.0);
    std::vector<double> values;
    for (size_t l = 0; l < count; ++l) values.push_back(OneDirection(x, y, directions.subspan(l * dimension, dimension), sums));
    for (size_t i = 0; i < gradient.size(); ++i) gradient[i] = static_cast<float>(sums[i] / static_cast<double>(count));
    return SummaryOfDirections(values);
  }

 private:
  // W2² of one direction; adds its gradient to `sums`. Walks both sorted clouds, moving the lesser of the two masses left.
  static double OneDirection(const PointCloud& x, const PointCloud& y, absl::Span<const float> direction, std::vector<double>& sums) {
    const std::vector<double> px = Project(x, direction), py = Project(y, direction);
    const std::vector<int64_t> order_x = StableOrder(px), order_y = StableOrder(py);
    std::vector<double> left_x = Masses(x), left_y = Masses(y);
    double value = 0;
    size_t i = 0, j = 0;
    while (i < order_x.size() && j < order_y.size()) {
      const int64_t a = order_x[i], b = order_y[j];
      const double mass = std::min(left_x[a], left_y[b]);
      const double difference = px[a] - py[b];
      value += mass * difference * difference;
      for (size_t k = 0; k < direction.size(); ++k) sums[a * direction.size() + k] += 2 * mass * difference * direction[k];
      left_x[a] -= mass;
      left_y[b] -= mass;
      if (left_x[a] <= 0) ++i;
      if (left_y[b] <= 0) ++j;
    }
    return value;
  }
};

}  // namespace

std::unique_ptr<SlicedTransport> MakeReferenceSlicedTransport(const SlicedTransportShape& shape) {
  return std::make_unique<ReferenceSlicedTransport>(shape);
}

}  // namespace sliceflow::kernels
