#include "server/engine/initial_fit.h"

#include <algorithm>

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <torch/csrc/autograd/autograd.h>

#include "server/engine/directions.h"
#include "server/engine/random.h"
#include "server/engine/sliced_distance.h"

namespace sliceflow::engine {
namespace {

constexpr int kLeastIterations = 500;
constexpr int64_t kProjections = 100;  // of an iteration
constexpr int64_t kResidualProjections = 1000;

Estimate Residual(const Model& model, const InitialDistribution& initial, const at::Tensor& parameters, uint64_t seed,
                  SlicedDistance& distance) {
  at::Generator random = MakeGenerator(seed, Purpose::kInitialPositions);
  const at::NoGradGuard no_graph;
  const at::Tensor x = model.Transport(parameters, model.Draw(Evaluator::kBatch, /*paired=*/false, random)).x;
  const at::Tensor target = initial.Sample(Evaluator::kBatch, random);
  const at::Tensor directions = DrawDirections(ProjectionSampling::kAutomatic, kResidualProjections, x.size(1), random);
  const SlicedDistance::Result result = distance.Evaluate(x, target, directions, /*with_gradient=*/false);
  return {result.value, result.standard_error};
}

}  // namespace

InitialFit FitToInitial(const Model& model, const InitialDistribution& initial, const at::Tensor& start, InnerMinimisation inner,
                        double limit, uint64_t seed, const StopLatch& stop, InnerCallback progress) {
  inner.iterations = std::max(kLeastIterations, 2 * inner.iterations);
  inner.tolerance = 0;
  at::Generator random = MakeGenerator(seed, Purpose::kFit);
  SlicedDistance distance;
  const auto objective = [&](const at::Tensor& leaf) {
    const Batch batch = model.Transport(leaf, model.Draw(inner.batch_size, /*paired=*/true, random));
    ObjectiveValue result;
    result.divergence = CheckBatch(batch, limit);
    if (result.divergence.has_value()) return result;
    const at::Tensor target = initial.Sample(inner.batch_size, random);
    const at::Tensor directions = DrawDirections(ProjectionSampling::kAutomatic, kProjections, batch.x.size(1), random);
    const SlicedDistance::Result apart = distance.Evaluate(batch.x, target, directions, /*with_gradient=*/true);
    result.value = apart.value;
    result.gradient = torch::autograd::grad({batch.x}, {leaf}, {apart.gradient})[0];
    return result;
  };
  InitialFit fit{.minimised =
                     Minimise(start, inner, /*rate=*/1, objective, stop, [&](double value) { progress(inner.iterations, value); })};
  if (fit.minimised.stopped || fit.minimised.divergence.has_value()) return fit;
  fit.residual = Residual(model, initial, fit.minimised.parameters, seed, distance);
  return fit;
}

}  // namespace sliceflow::engine
