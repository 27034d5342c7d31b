#include "server/engine/auto_encoder.h"

#include <algorithm>
#include <cmath>

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <torch/csrc/autograd/autograd.h>
#include <Eigen/Eigenvalues>

#include "server/engine/dense.h"
#include "server/engine/random.h"

namespace sliceflow::engine {
namespace {

constexpr double kLearningRate = 0.001;
constexpr int64_t kBlock = 1024;      // rows at once outside a training
constexpr double kLeastShare = 1e-6;  // of the largest variance of codes, below which a direction is not stretched to 1
constexpr double kNoShare = 1e-12;    // of it and of the mean's square, below which there is none but for the rounding of float32

// The layers whose weights and biases are `parts`; none but the last is bent.
at::Tensor Apply(absl::Span<const at::Tensor> parts, at::Tensor x) {
  for (size_t i = 0; i < parts.size(); i += 2) {
    x = at::addmm(parts[i + 1], x, parts[i].t());
    if (i + 2 < parts.size()) x = at::relu(x);
  }
  return x;
}

// Row by row as `map` makes it, in blocks of one size, so that a row's value does not depend on its neighbours.
template <typename Map>
at::Tensor InBlocks(const at::Tensor& rows, const Map& map) {
  const at::NoGradGuard no_graph;
  std::vector<at::Tensor> blocks;
  for (int64_t first = 0; first < rows.size(0); first += kBlock) {
    const int64_t count = std::min(kBlock, rows.size(0) - first);
    at::Tensor block = at::zeros({kBlock, rows.size(1)}, at::kFloat);
    block.narrow(0, 0, count).copy_(rows.narrow(0, first, count));
    blocks.push_back(map(block).narrow(0, 0, count));
  }
  return at::cat(blocks);
}

// The units that points are trained in: their mean, and one deviation for all coordinates, which keeps what is dark dark.
struct Units {
  at::Tensor mean;
  double deviation = 1;
};

Units UnitsOf(const at::Tensor& rows) {
  at::Tensor sum = at::zeros({rows.size(1)}, at::kDouble);
  for (int64_t first = 0; first < rows.size(0); first += kBlock) {
    sum += rows.narrow(0, first, std::min(kBlock, rows.size(0) - first)).sum(0, false, at::kDouble);
  }
  Units units{.mean = (sum / rows.size(0)).to(at::kFloat)};
  double squares = 0;
  for (int64_t first = 0; first < rows.size(0); first += kBlock) {
    const at::Tensor block = rows.narrow(0, first, std::min(kBlock, rows.size(0) - first)) - units.mean;
    squares += block.square().sum(at::kDouble).item<double>();
  }
  const double deviation = std::sqrt(squares / static_cast<double>(rows.numel()));
  if (deviation > 0) units.deviation = deviation;
  return units;
}

// Left as it is in units of the training, the first layer takes points and the last gives them.
void FoldUnits(std::vector<at::Tensor>& parts, const Units& units) {
  const at::NoGradGuard no_graph;
  parts[0].div_(units.deviation);
  parts[1].sub_(at::mv(parts[0], units.mean));
  at::Tensor& weights = parts[parts.size() - 2];
  at::Tensor& biases = parts[parts.size() - 1];
  weights.mul_(units.deviation);
  biases.mul_(units.deviation).add_(units.mean);
}

at::Tensor Join(const std::vector<at::Tensor>& parts) {
  std::vector<at::Tensor> flat;
  flat.reserve(parts.size());
  for (const at::Tensor& part : parts) flat.push_back(part.reshape({-1}));
  return at::cat(flat);
}

}  // namespace

AutoEncoder::AutoEncoder(int64_t dimension, const LatentSpace& spec) : widths_{dimension} {
  widths_.insert(widths_.end(), static_cast<size_t>(spec.hidden_layers), spec.hidden_width);
  widths_.push_back(spec.dimension);
  std::vector<int64_t> path = widths_;
  path.insert(path.end(), widths_.rbegin() + 1, widths_.rend());
  for (size_t i = 0; i + 1 < path.size(); ++i) {
    shapes_.push_back({path[i + 1], path[i]});
    shapes_.push_back({path[i + 1]});
    sizes_.push_back(path[i + 1] * path[i]);
    sizes_.push_back(path[i + 1]);
    num_parameters_ += path[i + 1] * (path[i] + 1);
  }
}

AutoEncoder::Parts AutoEncoder::Split(const at::Tensor& parameters) const {
  Parts parts = parameters.split_with_sizes(sizes_);
  for (size_t i = 0; i < parts.size(); ++i) parts[i] = parts[i].view(shapes_[i]);
  return parts;
}

at::Tensor AutoEncoder::Encode(const at::Tensor& parameters, const at::Tensor& x) const {
  const Parts parts = Split(parameters);
  return InBlocks(x, [&](const at::Tensor& block) { return Apply(absl::MakeConstSpan(parts).subspan(0, 2 * half()), block); });
}

at::Tensor AutoEncoder::Decode(const at::Tensor& parameters, const at::Tensor& codes) const {
  const Parts parts = Split(parameters);
  return InBlocks(codes, [&](const at::Tensor& block) { return Apply(absl::MakeConstSpan(parts).subspan(2 * half()), block); });
}

ScriptPart AutoEncoder::DecoderScript(const at::Tensor& parameters) const {
  const Parts parts = Split(parameters);
  return DenseScript("Decoder", absl::MakeConstSpan(parts).subspan(2 * half()), "relu");
}

// Weights with variance 2/inputs keep the signal's size through max(0, ·) (He et al. 2015).
at::Tensor AutoEncoder::InitialParameters(at::Generator& random) const {
  std::vector<at::Tensor> parts;
  for (const std::vector<int64_t>& shape : shapes_) {
    if (shape.size() == 1) {
      parts.push_back(at::zeros(shape, at::kFloat));
      continue;
    }
    parts.push_back(at::randn(shape, random, at::TensorOptions(at::kFloat)).mul_(std::sqrt(2 / static_cast<double>(shape[1]))));
  }
  return Join(parts);
}

at::Tensor AutoEncoder::Whitened(const at::Tensor& parameters, const at::Tensor& rows) const {
  const Moments codes = MomentsOf(Encode(parameters, rows));
  const Eigen::SelfAdjointEigenSolver<Eigen::MatrixXd> axes(codes.covariance);
  const double largest = axes.eigenvalues().maxCoeff();
  // Where codes do not vary, rows have one code and every code is decoded as it.
  const Eigen::ArrayXd varies = (axes.eigenvalues().array() > kNoShare * (largest + codes.mean.squaredNorm())).cast<double>();
  const Eigen::VectorXd deviations = varies * axes.eigenvalues().array().max(kLeastShare * largest).sqrt();
  const Eigen::VectorXd inverses = (deviations.array() > 0).select(deviations.cwiseInverse(), 0);
  const at::Tensor shrink = ToTensor(Eigen::MatrixXd(inverses.asDiagonal() * axes.eigenvectors().transpose()));
  const at::Tensor stretch = ToTensor(Eigen::MatrixXd(axes.eigenvectors() * deviations.asDiagonal()));
  const at::Tensor mean = ToTensor(codes.mean);

  Parts parts = Split(parameters.clone());
  const size_t last = 2 * half() - 2;
  const size_t first = 2 * half();
  parts[last + 1] = at::mv(shrink, parts[last + 1] - mean);
  parts[last] = at::mm(shrink, parts[last]);
  parts[first + 1] = parts[first + 1] + at::mv(parts[first], mean);
  parts[first] = at::mm(parts[first], stretch);
  return Join(parts);
}

Estimate AutoEncoder::ShareLost(const at::Tensor& parameters, const at::Tensor& rows, const at::Tensor& mean) const {
  const at::NoGradGuard no_graph;
  const double spread = (rows - mean).square().sum(1).to(at::kDouble).mean().item<double>();
  if (spread == 0) return {};
  const at::Tensor lost = (rows - Decode(parameters, Encode(parameters, rows))).square().sum(1).to(at::kDouble) / spread;
  const double variance = lost.numel() > 1 ? lost.var(/*unbiased=*/true).item<double>() / static_cast<double>(lost.numel()) : 0;
  return {lost.mean().item<double>(), std::sqrt(variance)};
}

AutoEncoder::Training AutoEncoder::Train(const at::Tensor& rows, const LatentSpace& spec, uint64_t seed, const StopLatch& stop,
                                         ProgressCallback progress) const {
  const Units units = UnitsOf(rows);
  at::Generator random = MakeGenerator(seed, Purpose::kAutoEncoder);
  const InnerMinimisation inner{.iterations = spec.training_iterations, .optimizer = AdamOptions{.learning_rate = kLearningRate}};
  const auto objective = [&](const at::Tensor& leaf) {
    const at::Tensor chosen = at::randint(rows.size(0), {spec.batch_size}, random, at::TensorOptions(at::kLong));
    const at::Tensor x = (rows.index_select(0, chosen) - units.mean) / units.deviation;
    const Parts parts = Split(leaf);
    const auto layers = absl::MakeConstSpan(parts);
    ObjectiveValue result;
    const at::Tensor loss = (Apply(layers.subspan(2 * half()), Apply(layers.subspan(0, 2 * half()), x)) - x).square().mean();
    result.value = loss.item<double>();
    if (!std::isfinite(result.value)) result.divergence = Divergence{"model", "the auto-encoder's error is not finite"};
    result.gradient = torch::autograd::grad({loss}, {leaf})[0];
    return result;
  };
  InnerProgress told{.total_iterations = spec.training_iterations};
  const auto tell = [&](double value) {
    ++told.iteration;
    told.loss = value;
    progress(told);
  };
  at::Generator start = MakeGenerator(seed, Purpose::kAutoEncoder, 1);
  Training training{.minimised = Minimise(InitialParameters(start), inner, /*rate=*/1, objective, stop, tell)};
  if (training.minimised.stopped || training.minimised.divergence.has_value()) return training;
  Parts parts = Split(training.minimised.parameters);
  FoldUnits(parts, units);
  training.minimised.parameters = Whitened(Join(parts), rows);
  const at::Tensor order = at::randperm(rows.size(0), random, at::TensorOptions(at::kLong));
  const at::Tensor judged = rows.index_select(0, order.narrow(0, 0, std::min(kErrorRows, rows.size(0))));
  training.lost = ShareLost(training.minimised.parameters, judged, units.mean);
  return training;
}

}  // namespace sliceflow::engine
