#include "server/engine/solvers/entropic_jko.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <variant>

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

namespace sliceflow::engine {
namespace {

// Exponents that a product of exponentials bears: e^{±600} times what a kernel's line sums to stays within double.
constexpr double kExponents = 600;
constexpr int64_t kTileEntries = int64_t{1} << 22;  // of sums in the log domain
constexpr int kLambertIterations = 8;               // Newton's; quadratic from a start that is off by less than a factor of two
constexpr int kSelfIterations = 500;

// w with w + log w = l, that is Lambert's W(e^l), by Newton's method from a start that has its limits on both sides.
at::Tensor LambertOfExponential(const at::Tensor& l) {
  at::Tensor w = at::softplus(l).clamp_min(1e-300);
  for (int i = 0; i < kLambertIterations; ++i) w = (w * (1 + l - w.log()) / (1 + w)).clamp_min(1e-300);
  return w;
}

}  // namespace

LogGibbsKernel::LogGibbsKernel(const GridNodes& nodes, double gamma) : nodes_(nodes) {
  const at::Tensor steps = at::arange(nodes.per_axis(), at::TensorOptions(at::kDouble));
  for (int64_t axis = 0; axis < nodes.dimension(); ++axis) {
    const at::Tensor distance = (steps.unsqueeze(1) - steps) * nodes.spacing(axis);
    log_kernels_.push_back(distance.square() / -gamma + nodes.axis_weights(axis).log());
    kernels_.push_back(log_kernels_.back().exp().t().contiguous());
  }
}

at::Tensor LogGibbsKernel::AlongLines(const at::Tensor& lines, size_t axis) const {
  const at::Tensor top = lines.amax(1, /*keepdim=*/true);
  if ((top - lines.amin(1, /*keepdim=*/true)).max().item<double>() <= kExponents) {
    return at::matmul((lines - top).exp(), kernels_[axis]).log() + top;
  }
  const at::Tensor& kernel = log_kernels_[axis];
  std::vector<at::Tensor> tiles;
  for (const at::Tensor& tile : lines.split(std::max<int64_t>(1, kTileEntries / kernel.numel()))) {
    tiles.push_back(at::logsumexp(tile.unsqueeze(1) + kernel, 2));
  }
  return at::cat(tiles);
}

at::Tensor LogGibbsKernel::operator()(const at::Tensor& log_values) const {
  const int64_t n = nodes_.per_axis();
  if (nodes_.dimension() == 1) return AlongLines(log_values.view({1, n}), 0).view({n});
  const at::Tensor across = AlongLines(log_values.view({n, n}), 1);
  return AlongLines(across.t().contiguous(), 0).t().reshape({-1});
}

struct EntropicJko::Scaling {
  at::Tensor log_a;
  at::Tensor log_b;
  at::Tensor log_density;  // of ρ, the plan's first marginal, whose mass is 1 because that of ρ_k is
  double marginal_error = 0;
  int iterations = 0;
  bool reached = false;
  bool stopped = false;
};

EntropicJko::EntropicJko(const EntropicJkoSolver& spec, const SolverContext& context)
    : spec_(spec),
      nodes_(std::get<GridModel>(context.spec.model)),
      context_(context),
      functional_(context.spec.terms, context.terms, {.dimension = context.dimension, .seed = context.seed}, nodes_),
      kernel_(nodes_, spec.regularization),
      tau_(context.dimension * context.sliced_step_size),
      epsilon_(spec.regularization / (2 * tau_)) {}

double EntropicJko::Entropy(const at::Tensor& log_density) const {
  return (nodes_.weights() * log_density.exp() * log_density).sum().item<double>();
}

std::optional<Energy> EntropicJko::ExactEnergy(const Position& position) const {
  const at::NoGradGuard no_graph;
  return functional_.Evaluate(nodes_.Normalise(position.parameters));
}

at::Tensor EntropicJko::Proximal(const at::Tensor& log_s, const at::Tensor& variation) const {
  const double entropy = functional_.entropy() - epsilon_ / 2;
  const double stiffness = epsilon_ + entropy;
  const at::Tensor without_porous = (epsilon_ * log_s - variation - entropy) / stiffness;
  if (functional_.porous_weight() == 0) return without_porous - log_s;
  // With y the logarithm wanted and y₀ the one without: A e^{k y} = y₀ − y, k = m − 1, whence k (y₀ − y) = W(k A e^{k y₀}).
  const double k = functional_.porous_exponent() - 1;
  const double k_a = functional_.porous_weight() * functional_.porous_exponent() / stiffness;
  return without_porous - LambertOfExponential(k * without_porous + std::log(k_a)) / k - log_s;
}

EntropicJko::Scaling EntropicJko::Scale(const at::Tensor& log_before, const StopLatch& stop, InnerCallback progress) const {
  const double entropy = functional_.entropy() - epsilon_ / 2;
  const double stretch = 2 / (2 - entropy / (epsilon_ + entropy));
  const at::Tensor variation = functional_.FirstVariation(log_before);
  const at::Tensor before = log_before.exp();
  Scaling scaling;
  scaling.log_b = log_before - kernel_(at::zeros_like(log_before));
  at::Tensor log_s = kernel_(scaling.log_b);
  scaling.log_a = Proximal(log_s, variation);
  while (true) {
    scaling.stopped = stop.triggered();
    if (scaling.stopped) return scaling;
    ++scaling.iterations;
    const at::Tensor log_r = kernel_(scaling.log_a);
    const at::Tensor marginal = (scaling.log_b + log_r).exp();
    scaling.marginal_error = (nodes_.weights() * (marginal - before).abs()).sum().item<double>();
    scaling.reached = scaling.marginal_error <= spec_.tolerance;
    scaling.log_b = log_before - log_r;
    log_s = kernel_(scaling.log_b);
    scaling.log_density = scaling.log_a + log_s;
    progress(spec_.inner_iterations, scaling.marginal_error);
    if (scaling.reached || scaling.iterations >= spec_.inner_iterations) return scaling;
    scaling.log_a = scaling.log_a + stretch * (Proximal(log_s, variation) - scaling.log_a);
  }
}

// The plan is symmetric, so one scaling does for both; averaged in the log domain the iteration converges fast (Feydy et al. 2019).
double EntropicJko::SelfTransport(const at::Tensor& log_density) const {
  const at::Tensor masses = nodes_.weights() * log_density.exp();
  const double log_blur = 0.5 * context_.dimension * std::log(std::numbers::pi * spec_.regularization);
  at::Tensor log_a = 0.5 * (log_density - log_blur);
  for (int i = 0; i < kSelfIterations; ++i) {
    const at::Tensor change = 0.5 * (log_density - kernel_(log_a) - log_a);
    log_a = log_a + change;
    if ((masses * change.abs()).sum().item<double>() <= spec_.tolerance) break;
  }
  return 2 * spec_.regularization * (masses * log_a).sum().item<double>();
}

StepOutcome EntropicJko::Step(int /*step*/, const Position& before, const StopLatch& stop, InnerCallback progress) {
  const at::NoGradGuard no_graph;
  const at::Tensor log_before = nodes_.Normalise(before.parameters);
  const Scaling scaling = Scale(log_before, stop, progress);
  StepOutcome outcome;
  outcome.stopped = scaling.stopped;
  if (outcome.stopped) return outcome;
  if (!at::isfinite(scaling.log_density).all().item<bool>()) {
    outcome.divergence = Divergence{"model", "log-densities are not finite"};
    return outcome;
  }
  outcome.position.parameters = nodes_.ToParameters(scaling.log_density);
  outcome.energy = *ExactEnergy(outcome.position);
  outcome.divergence = outcome.energy.divergence;
  if (outcome.divergence.has_value()) return outcome;

  const double gamma = spec_.regularization;
  const at::Tensor& weights = nodes_.weights();
  const double potentials = (weights * (scaling.log_density.exp() * scaling.log_a + log_before.exp() * scaling.log_b)).sum().item<double>();
  const double moved = gamma * potentials;
  const double self_before = SelfTransport(log_before);
  const double divergence = moved - 0.5 * (self_before + SelfTransport(scaling.log_density));
  outcome.distance = {.value = std::max(0.0, divergence), .standard_error = 0};  // of nearly equal densities rounding is all there is
  const double corrected = moved - self_before - 0.5 * gamma * (Entropy(scaling.log_density) - Entropy(log_before));
  outcome.inequality =
      context_.evaluator.Inequality(*ExactEnergy(before), outcome.energy, {.value = corrected / (2 * tau_), .standard_error = 0});
  outcome.inner_iterations = scaling.iterations;
  outcome.converged = scaling.reached && outcome.inequality->holds;
  outcome.figures = {{"marginal_error", scaling.marginal_error, 0}};
  return outcome;
}

}  // namespace sliceflow::engine
