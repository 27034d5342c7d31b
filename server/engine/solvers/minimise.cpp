#include "server/engine/solvers/minimise.h"

#include <cmath>
#include <numbers>

#include <ATen/ATen.h>

#include "server/engine/solvers/optimizer.h"

namespace sliceflow::engine {
namespace {

constexpr double kLastRate = 0.01;  // of the first
constexpr int kWindow = 10;
constexpr int kRestingWindows = 2;
constexpr int kCooldown = 20;
constexpr int kLastIterations = 10;  // over which the gradient is averaged
constexpr double kRestShare = 0.1;   // of the first gradient's norm
constexpr double kRestErrors = 2;    // standard errors of the mean gradient

// Falls from 1 to kLastRate over `iterations`.
double Cosine(int iteration, int iterations) {
  const double share = iterations > 1 ? static_cast<double>(iteration) / (iterations - 1) : 0;
  return kLastRate + (1 - kLastRate) * 0.5 * (1 + std::cos(std::numbers::pi * share));
}

// Tells when decreases have come to rest.
class Plateau {
 public:
  explicit Plateau(double tolerance) : tolerance_(tolerance) {}

  bool reached() const { return resting_ >= kRestingWindows; }

  void Add(double decrease) {
    sum_ += decrease;
    if (++count_ % kWindow != 0) return;
    const double mean = sum_ / kWindow;
    const bool rests = count_ > kWindow && mean - last_mean_ <= tolerance_ * std::abs(mean);
    resting_ = rests ? resting_ + 1 : 0;
    last_mean_ = mean;
    sum_ = 0;
  }

 private:
  const double tolerance_;
  double sum_ = 0;
  double last_mean_ = 0;
  int count_ = 0;
  int resting_ = 0;
};

// What at_rest is about.
class MeanGradient {
 public:
  void Add(const at::Tensor& gradient, double norm) {
    sum_ = sum_.defined() ? sum_ + gradient : gradient;
    squares_ += norm * norm;
    ++count_;
  }

  bool AtRest(double first_norm) const {
    if (count_ < 2) return false;
    const double mean_square = std::pow(sum_.norm().item<double>() / count_, 2);
    const double error_square = (squares_ / count_ - mean_square) / (count_ - 1);
    return mean_square <= std::pow(kRestShare * first_norm, 2) + kRestErrors * kRestErrors * error_square;
  }

 private:
  at::Tensor sum_;
  double squares_ = 0;
  int count_ = 0;
};

}  // namespace

Minimisation Minimise(const at::Tensor& parameters, const InnerMinimisation& inner, double rate,
                      absl::FunctionRef<ObjectiveValue(const at::Tensor& leaf)> objective, const StopLatch& stop,
                      absl::FunctionRef<void(double value)> progress) {
  Minimisation result{.parameters = parameters.detach().clone()};
  const std::unique_ptr<Optimizer> optimizer = MakeOptimizer(inner.optimizer, result.parameters.numel());
  Plateau plateau(inner.tolerance);
  MeanGradient last;
  double first_norm = 0;
  int cooled = 0;
  for (int i = 0; i < inner.iterations; ++i) {
    if (stop.triggered()) {
      result.stopped = true;
      return result;
    }
    const at::Tensor leaf = result.parameters.detach().requires_grad_(true);
    ObjectiveValue value = objective(leaf);
    if (value.divergence.has_value()) {
      result.divergence = std::move(value.divergence);
      return result;
    }
    const at::Tensor& gradient = value.gradient;
    result.gradient_norm = gradient.norm().item<double>();
    if (!std::isfinite(result.gradient_norm)) {
      result.divergence = Divergence{"model", "the gradient with respect to the model's parameters is not finite"};
      return result;
    }
    if (i == 0) first_norm = result.gradient_norm;
    if (i + kLastIterations >= inner.iterations || cooled + kLastIterations >= kCooldown) last.Add(gradient, result.gradient_norm);
    double share = inner.rate_schedule == RateSchedule::kCosine ? Cosine(i, inner.iterations) : 1;
    if (plateau.reached()) share *= Cosine(cooled++, kCooldown);
    optimizer->Step(result.parameters, gradient, rate * share);
    ++result.iterations;
    progress(value.value);
    result.settled = cooled >= kCooldown;
    if (result.settled) break;
    if (inner.tolerance > 0 && !plateau.reached()) plateau.Add(value.decrease);
  }
  result.at_rest = last.AtRest(first_norm);
  return result;
}

}  // namespace sliceflow::engine
