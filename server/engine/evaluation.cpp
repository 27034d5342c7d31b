#include "server/engine/evaluation.h"

#include <cmath>

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include "absl/strings/str_cat.h"
#include "server/engine/random.h"

namespace sliceflow::engine {
namespace {

constexpr double kAllowedErrors = 3;  // standard errors by which the inequality may be missed
constexpr double kRounding = 1e-6;    // of the energies: what float arithmetic leaves uncertain

double MeanVariance(const at::Tensor& per_sample) {
  const int64_t n = per_sample.size(0);
  if (n < 2) return 0;
  return per_sample.var(/*unbiased=*/true).item<double>() / static_cast<double>(n);
}

Noise NoiseOfReports(const Model& model, uint64_t seed) {
  at::Generator random = MakeGenerator(seed, Purpose::kEvaluation);
  return model.Draw(model.exact() ? model.max_samples() : Evaluator::kBatch, /*paired=*/false, random);
}

}  // namespace

Evaluator::Evaluator(const Model& model, std::vector<Term>& terms, uint64_t seed)
    : model_(model), terms_(terms), seed_(seed), followed_(model, NoiseOfReports(model, seed), kBatch) {}

Batch Evaluator::BatchAt(const at::Tensor& parameters) { return followed_.At(parameters); }

Energy Evaluator::EnergyOf(const Batch& batch) {
  const at::NoGradGuard no_graph;
  Energy energy;
  for (size_t i = 0; i < terms_.size(); ++i) {
    const Term& term = terms_[i];
    const TermDraw draw{.random = MakeGenerator(seed_, Purpose::kEvaluationTerms, i), .thorough = true, .with_gradient = false};
    const TermValue value = term.functional->Evaluate(batch, draw);
    if (!std::isfinite(value.value)) {
      energy.divergence = Divergence{term.name, absl::StrCat("its value is ", value.value)};
      return energy;
    }
    energy.terms.push_back(term.weight * value.value);
    energy.total += energy.terms.back();
    energy.other_variance += std::pow(term.weight * value.other_error, 2);
    if (!value.per_sample.defined()) continue;
    const at::Tensor weighted = value.per_sample.to(at::kDouble) * term.weight;
    energy.per_sample = energy.per_sample.defined() ? energy.per_sample + weighted : weighted;
  }
  return energy;
}

double Evaluator::StandardError(const Energy& energy) const {
  const bool sampled = !model_.exact() && energy.per_sample.defined();
  return std::sqrt(energy.other_variance + (sampled ? MeanVariance(energy.per_sample) : 0));
}

EnergyInequality Evaluator::Inequality(const Energy& before, const Energy& now, const Estimate& penalty_growth) const {
  EnergyInequality result;
  result.slack = before.total - now.total - penalty_growth.value;
  double variance = before.other_variance + now.other_variance + std::pow(penalty_growth.standard_error, 2);
  if (!model_.exact() && now.per_sample.defined()) variance += MeanVariance(before.per_sample - now.per_sample);
  result.standard_error = std::sqrt(variance);
  const double rounding = kRounding * (std::abs(before.total) + std::abs(now.total));
  result.holds = result.slack >= -kAllowedErrors * result.standard_error - rounding;
  return result;
}

std::optional<Divergence> CheckFigures(const std::vector<Metric>& figures) {
  for (const Metric& figure : figures) {
    if (!std::isnan(figure.value) && !std::isnan(figure.standard_error)) continue;
    return Divergence{"metrics", absl::StrCat("the metric ", figure.name, " is ", figure.value, " ± ", figure.standard_error)};
  }
  return std::nullopt;
}

std::optional<Divergence> CheckBatch(const Batch& batch, double limit) {
  const double largest = batch.x.detach().abs().max().item<double>();
  if (std::isnan(largest)) return Divergence{"model", "samples are not finite"};
  if (largest > limit) return Divergence{"model", absl::StrCat("samples are further out than ", limit)};
  if (!batch.log_density.defined()) return std::nullopt;
  const double log_density = batch.log_density.detach().abs().max().item<double>();
  if (!std::isfinite(log_density)) return Divergence{"model", "log-densities are not finite"};
  return std::nullopt;
}

}  // namespace sliceflow::engine
