#include "server/engine/distances/exact_wasserstein.h"

#include <cmath>
#include <tuple>

#include <ATen/ATen.h>

#include "server/engine/distances/assignment.h"
#include "server/engine/distances/quantile_plan.h"

namespace sliceflow::engine {
namespace {

using RowMajor = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

// φ(x) = ∫ 2 (x − T(x)) dx at ascending x, T the mean of where each point goes: the derivative of the cost in a point's mass.
at::Tensor LinePotential(const at::Tensor& x, const at::Tensor& target) {
  const at::Tensor slope = x - target;
  const int64_t steps = x.size(0) - 1;
  const at::Tensor widths = x.narrow(0, 1, steps) - x.narrow(0, 0, steps);
  const at::Tensor rises = widths * (slope.narrow(0, 0, steps) + slope.narrow(0, 1, steps));
  return at::cat({at::zeros({1}, x.options()), at::cumsum(rises, 0)});
}

double VarianceOfMean(const at::Tensor& values) {
  return values.var(/*unbiased=*/true).item<double>() / static_cast<double>(values.size(0));
}

Estimate OnTheLine(const at::Tensor& x, const at::Tensor& y) {
  const at::Tensor from = std::get<0>(at::sort(x.squeeze(1), 0));
  const at::Tensor to = std::get<0>(at::sort(y.squeeze(1), 0));
  const QuantilePlan plan = MergeQuantiles(from.size(0), to.size(0));
  const at::Tensor from_points = from.index_select(0, plan.from);
  const at::Tensor to_points = to.index_select(0, plan.to);
  const double value = (plan.mass * (from_points - to_points).square()).sum().item<double>();
  const at::Tensor targets = at::zeros_like(from).index_add(0, plan.from, plan.mass * to_points) * from.size(0);
  const at::Tensor sources = at::zeros_like(to).index_add(0, plan.to, plan.mass * from_points) * to.size(0);
  const double variance = VarianceOfMean(LinePotential(from, targets)) + VarianceOfMean(LinePotential(to, sources));
  return {value, std::sqrt(variance)};
}

double VarianceOfMean(const Eigen::VectorXd& values) {
  const double mean = values.mean();
  const auto n = static_cast<double>(values.size());
  return (values.array() - mean).square().sum() / (n * (n - 1));
}

double SpreadOf(const RowMajor& points, const Eigen::RowVectorXd& mean) { return std::sqrt((points.rowwise() - mean).squaredNorm()); }

// The potential at the second side where the map back to the first is y ↦ m_x + (s_x/s_y)(y − m_y): exact for clouds that are translated and
// scaled copies of each other.
Eigen::VectorXd GuessPotential(const RowMajor& x, const RowMajor& y) {
  const Eigen::RowVectorXd x_mean = x.colwise().mean();
  const Eigen::RowVectorXd y_mean = y.colwise().mean();
  const double y_spread = SpreadOf(y, y_mean);
  const double scale = y_spread > 0 ? SpreadOf(x, x_mean) / y_spread : 0;
  return (y.rowwise() - x_mean).rowwise().squaredNorm() - scale * (y.rowwise() - y_mean).rowwise().squaredNorm();
}

Estimate ByAssignment(const at::Tensor& x, const at::Tensor& y) {
  const int64_t n = x.size(0);
  const RowMajor from = Eigen::Map<const RowMajor>(x.const_data_ptr<double>(), n, x.size(1));
  const RowMajor to = Eigen::Map<const RowMajor>(y.const_data_ptr<double>(), n, y.size(1));
  CostMatrix cost(n, n);
  for (int64_t i = 0; i < n; ++i) cost.row(i) = (to.rowwise() - from.row(i)).rowwise().squaredNorm().transpose();
  const Assignment assignment = SolveAssignment(cost, GuessPotential(from, to));
  double total = 0;
  for (int64_t i = 0; i < n; ++i) total += cost(i, assignment.column_of[static_cast<size_t>(i)]);
  return {total / static_cast<double>(n), std::sqrt(VarianceOfMean(assignment.row) + VarianceOfMean(assignment.column))};
}

}  // namespace

Estimate ExactWasserstein(const at::Tensor& x, const at::Tensor& y) {
  const at::Tensor from = x.to(at::kDouble).contiguous();
  const at::Tensor to = y.to(at::kDouble).contiguous();
  return x.size(1) == 1 ? OnTheLine(from, to) : ByAssignment(from, to);
}

}  // namespace sliceflow::engine
