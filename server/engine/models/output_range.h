// Outputs of a network that stay between bounds.
#pragma once

#include <string>

#include <ATen/core/Tensor.h>

#include "absl/strings/string_view.h"

namespace sliceflow::engine {

// The factor that keeps the mean square of standard normal numbers through silu: 1/√E[silu(u)²].
inline constexpr double kSiluGain = 1.677;

// lower + (upper − lower) · sigmoid(u).
struct OutputRange {
  double lower = 0;
  double upper = 1;

  at::Tensor Apply(const at::Tensor& u) const;

  // Apply as an expression of TorchScript of the expression `u`.
  std::string Script(absl::string_view u) const;

  // The u whose output is `x`; where x is nearer to a bound than a twentieth of the range, or beyond it, that of the twentieth, from which
  // gradients still lead away.
  at::Tensor Invert(const at::Tensor& x) const;
};

}  // namespace sliceflow::engine
