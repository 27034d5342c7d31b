#include "server/engine/models/output_range.h"

#include <ATen/ATen.h>

#include "absl/strings/str_cat.h"
#include "server/engine/export/script_part.h"

namespace sliceflow::engine {
namespace {

constexpr double kMargin = 0.05;

}  // namespace

at::Tensor OutputRange::Apply(const at::Tensor& u) const { return at::sigmoid(u) * (upper - lower) + lower; }

std::string OutputRange::Script(absl::string_view u) const {
  return absl::StrCat("torch.sigmoid(", u, ") * ", ScriptNumber(upper - lower), " + ", ScriptNumber(lower));
}

at::Tensor OutputRange::Invert(const at::Tensor& x) const { return at::logit(((x - lower) / (upper - lower)).clamp(kMargin, 1 - kMargin)); }

}  // namespace sliceflow::engine
