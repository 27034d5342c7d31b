#include "server/engine/mixture_density.h"

#include <cmath>
#include <numbers>

#include <ATen/ATen.h>

#include "absl/strings/substitute.h"
#include "server/engine/dense.h"

namespace sliceflow::engine {

MixtureDensity::MixtureDensity(const GaussianMixture& mixture, int dimension) : dimension_(dimension) {
  double total = 0;
  for (const WeightedGaussian& component : mixture.components) total += component.weight;
  Eigen::VectorXd mean = Eigen::VectorXd::Zero(dimension);
  Eigen::VectorXd second_moment = Eigen::VectorXd::Zero(dimension);
  std::vector<double> weights;
  for (const WeightedGaussian& component : mixture.components) {
    const double weight = component.weight / total;
    const Eigen::VectorXd m = ToVector(component.gaussian.mean);
    const Eigen::MatrixXd covariance = ToMatrix(component.gaussian.covariance, dimension);
    const Eigen::MatrixXd factor = covariance.llt().matrixL();
    const Eigen::MatrixXd whitening = factor.triangularView<Eigen::Lower>().solve(Eigen::MatrixXd::Identity(dimension, dimension));
    const double log_determinant = 2 * factor.diagonal().array().log().sum();
    components_.push_back({.log_factor = std::log(weight) - 0.5 * (dimension * std::log(2 * std::numbers::pi) + log_determinant),
                           .mean = ToTensor(m),
                           .factor = ToTensor(factor),
                           .whitening = ToTensor(whitening)});
    weights.push_back(weight);
    mean += weight * m;
    second_moment += weight * (covariance.diagonal().array() + m.array().square()).matrix();
  }
  weights_ = at::tensor(weights, at::kDouble);
  mean_ = ToTensor(mean);
  deviation_ = ToTensor(Eigen::VectorXd((second_moment.array() - mean.array().square()).max(0).sqrt()));
}

at::Tensor MixtureDensity::Component::Whiten(const at::Tensor& x) const { return at::matmul(x - mean, whitening.t()); }

at::Tensor MixtureDensity::Component::Log(const at::Tensor& white) const { return white.square().sum(1).mul_(-0.5).add_(log_factor); }

MixtureDensity::Values MixtureDensity::Evaluate(const at::Tensor& x, bool with_gradient) const {
  std::vector<at::Tensor> logs;
  std::vector<at::Tensor> gradients;
  for (const Component& component : components_) {
    const at::Tensor white = component.Whiten(x);
    logs.push_back(component.Log(white));
    if (with_gradient) gradients.push_back(at::matmul(white, component.whitening).neg_());
  }
  if (components_.size() == 1) return {logs[0], with_gradient ? gradients[0] : at::Tensor()};
  const at::Tensor stacked = at::stack(logs);
  Values values{.log_density = at::logsumexp(stacked, {0}), .gradient = {}};
  if (!with_gradient) return values;
  const at::Tensor shares = at::softmax(stacked, 0).unsqueeze(2);
  values.gradient = at::zeros_like(x);
  for (size_t i = 0; i < gradients.size(); ++i) values.gradient.add_(gradients[i].mul_(shares[static_cast<int64_t>(i)]));
  return values;
}

at::Tensor MixtureDensity::Responsibilities(const at::Tensor& x) const {
  std::vector<at::Tensor> logs;
  for (const Component& component : components_) logs.push_back(component.Log(component.Whiten(x)));
  return at::softmax(at::stack(logs, 1), 1);
}

at::Tensor MixtureDensity::Sample(int64_t count, at::Generator& random) const {
  const at::Tensor normal = at::randn({count, dimension_}, random, at::TensorOptions(at::kFloat));
  if (components_.size() == 1) return at::matmul(normal, components_[0].factor.t()) + components_[0].mean;
  const at::Tensor choice = at::multinomial(weights_, count, /*replacement=*/true, random);
  at::Tensor samples = at::empty({count, dimension_}, at::kFloat);
  for (size_t i = 0; i < components_.size(); ++i) {
    const at::Tensor rows = at::nonzero(choice == static_cast<int64_t>(i)).squeeze(1);
    samples.index_copy_(0, rows, at::matmul(normal.index_select(0, rows), components_[i].factor.t()) + components_[i].mean);
  }
  return samples;
}

ScriptPart MixtureDensity::Script() const {
  std::vector<double> log_factors;
  std::vector<at::Tensor> means;
  std::vector<at::Tensor> factors;
  std::vector<at::Tensor> whitenings;
  for (const Component& component : components_) {
    log_factors.push_back(component.log_factor);
    means.push_back(component.mean);
    factors.push_back(component.factor);
    whitenings.push_back(component.whitening);
  }
  ScriptPart part{.kind = "GaussianMixture"};
  part.tensors = {{"weights", weights_},
                  {"log_factor", at::tensor(log_factors, at::kFloat)},
                  {"mean", at::stack(means)},
                  {"factor", at::stack(factors)},
                  {"whitening", at::stack(whitenings)}};
  part.source = absl::Substitute(R"(
def log_density(self, x: Tensor) -> Tensor:
    logs: List[Tensor] = []
    for i in range(self.weights.size(0)):
        white = torch.matmul(x - self.mean[i], self.whitening[i].t())
        logs.append(self.log_factor[i] - 0.5 * torch.square(white).sum(1))
    return torch.logsumexp(torch.stack(logs), 0)

def sample(self, count: int) -> Tensor:
    normal = torch.randn([count, self.mean.size(1)], dtype=$0)
    samples = torch.matmul(normal, self.factor[0].t()) + self.mean[0]
    if self.weights.size(0) > 1:
        choice = torch.multinomial(self.weights, count, True)
        for i in range(1, self.weights.size(0)):
            other = torch.matmul(normal, self.factor[i].t()) + self.mean[i]
            samples = torch.where((choice == i).unsqueeze(1), other, samples)
    return samples
)",
                                 kScriptFloat);
  return part;
}

}  // namespace sliceflow::engine
