#include "server/engine/distances/relative_entropy.h"

#include <cmath>
#include <limits>

#include <ATen/ATen.h>

namespace sliceflow::engine {

absl::StatusOr<Estimate> KlDivergence(const Side& p, const at::Tensor& p_samples, const Side& q) {
  if (!p.has_density() || !q.has_density()) return absl::FailedPreconditionError("a relative entropy needs densities of both sides");
  const absl::StatusOr<at::Tensor> log_p = p.LogDensity(p_samples);
  if (!log_p.ok()) return log_p.status();
  const absl::StatusOr<at::Tensor> log_q = q.LogDensity(p_samples);
  if (!log_q.ok()) return log_q.status();
  if (!at::isfinite(*log_p).all().item<bool>()) return absl::InternalError("a density is not finite at its own samples");
  const at::Tensor ratio = *log_p - *log_q;
  if (at::isinf(ratio).any().item<bool>()) return Estimate{std::numeric_limits<double>::infinity(), 0};
  const double error = ratio.std(/*unbiased=*/true).item<double>() / std::sqrt(static_cast<double>(ratio.size(0)));
  return Estimate{ratio.mean().item<double>(), error};
}

absl::StatusOr<Estimate> SymmetricKlDivergence(const Side& p, const at::Tensor& p_samples, const Side& q, const at::Tensor& q_samples) {
  const absl::StatusOr<Estimate> there = KlDivergence(p, p_samples, q);
  if (!there.ok()) return there.status();
  const absl::StatusOr<Estimate> back = KlDivergence(q, q_samples, p);
  if (!back.ok()) return back.status();
  return Estimate{there->value + back->value, std::hypot(there->standard_error, back->standard_error)};
}

}  // namespace sliceflow::engine
