#include "server/engine/initial/uniform_box.h"

#include <cmath>
#include <limits>

#include <ATen/ATen.h>

#include "absl/strings/substitute.h"
#include "server/engine/dense.h"

namespace sliceflow::engine {
namespace {

constexpr double kRoundingShare = 1e-5;

}  // namespace

BoxInitial::BoxInitial(const UniformBox& box) {
  const Eigen::VectorXd lower = ToVector(box.lower);
  const Eigen::VectorXd upper = ToVector(box.upper);
  const Eigen::VectorXd width = upper - lower;
  lower_ = ToTensor(lower);
  width_ = ToTensor(width);
  mean_ = ToTensor(Eigen::VectorXd(0.5 * (lower + upper)));
  deviation_ = ToTensor(Eigen::VectorXd(width / std::sqrt(12.0)));
  log_density_ = -width.array().log().sum();
}

at::Tensor BoxInitial::Sample(int64_t count, at::Generator& random) const {
  return at::rand({count, lower_.size(0)}, random, at::TensorOptions(at::kFloat)).mul_(width_).add_(lower_);
}

at::Tensor BoxInitial::LogDensity(const at::Tensor& x) const {
  const at::Tensor unit = (x - lower_) / width_;
  const at::Tensor inside = unit.ge(-kRoundingShare).logical_and_(unit.le(1 + kRoundingShare)).all(1);
  return at::full({x.size(0)}, log_density_, at::kFloat).masked_fill_(inside.logical_not(), -std::numeric_limits<double>::infinity());
}

ScriptPart BoxInitial::Script() const {
  ScriptPart part{.kind = "UniformBox", .tensors = {{"lower", lower_}, {"width", width_}}};
  part.source = absl::Substitute(R"(
def log_density(self, x: Tensor) -> Tensor:
    unit = (x - self.lower) / self.width
    inside = torch.all(torch.logical_and(unit >= -$0, unit <= 1 + $0), 1)
    return torch.log(inside.float()) + $1

def sample(self, count: int) -> Tensor:
    return torch.rand([count, self.lower.size(0)], dtype=$2) * self.width + self.lower
)",
                                 ScriptNumber(kRoundingShare), ScriptNumber(log_density_), kScriptFloat);
  return part;
}

}  // namespace sliceflow::engine
