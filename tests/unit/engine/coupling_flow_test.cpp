// RealNVP's couplings, whose way back is written out, against the same maps written plainly and differentiated by autograd.
#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <ATen/core/grad_mode.h>
#include <gtest/gtest.h>
#include <hwy/targets.h>
#include <torch/csrc/autograd/autograd.h>

#include <cmath>
#include <cstdint>
#include <string>
#include <vector>

#include "server/engine/models/coupling_flow.h"
#include "server/engine/models/coupling_layer.h"
#include "server/engine/models/linear_layer.h"
#include "server/engine/random.h"

namespace sliceflow::engine {
namespace {

using kernels::CouplingFlowShape;
using Tensors = std::vector<at::Tensor>;

Pushed PlainCoupling(const Tensors& p, const at::Tensor& u, bool first_kept) {
  const int64_t moved = p[5].size(0) / 2;
  const int64_t kept = u.size(1) - moved;
  const at::Tensor stays = u.narrow(1, first_kept ? 0 : moved, kept);
  const at::Tensor goes = u.narrow(1, first_kept ? kept : 0, moved);
  const at::Tensor first = at::tanh(at::addmm(p[1], stays, p[0].t()));
  const at::Tensor second = at::tanh(at::addmm(p[3], first, p[2].t()));
  const at::Tensor out = at::addmm(p[5], second, p[4].t());
  const at::Tensor s = at::tanh(out.narrow(1, 0, moved) / CouplingLayer::kScaleBound) * CouplingLayer::kScaleBound;
  const at::Tensor went = goes * s.exp() + out.narrow(1, moved, moved);
  return {.v = first_kept ? at::cat({stays, went}, 1) : at::cat({went, stays}, 1), .log_determinant = s.sum(1)};
}

Pushed PlainLinear(const Tensors& p, const at::Tensor& u) {
  const at::Tensor upper = p[0].triu(1) + at::diag(p[0].diagonal().exp());
  const at::Tensor lower = p[0].tril(-1) + at::eye(p[0].size(0), p[0].options());
  return {.v = at::matmul(u, at::matmul(lower, upper).t()) + p[1], .log_determinant = p[0].diagonal().sum()};
}

struct Case {
  CouplingFlowShape shape;
  int64_t count;
};

FlatParameters LayoutOf(const CouplingFlowShape& shape) {
  FlatParameters layout;
  for (int64_t i = 0; i < shape.couplings; ++i) {
    for (const Shape& tensor : CouplingLayer(shape.dimension, shape.hidden, CouplingFlowShape::KeepsFirstHalf(i)).shapes())
      layout.Add(tensor);
    if (!shape.linear) continue;
    for (const Shape& tensor : LinearLayer(shape.dimension).shapes()) layout.Add(tensor);
  }
  return layout;
}

class CouplingFlowTest : public ::testing::TestWithParam<Case> {
 protected:
  CouplingFlowTest() {
    const int64_t count = GetParam().count, dimension = shape_.dimension;
    at::Generator random = MakeGenerator(7, Purpose::kInner, 0, 0);
    // Small enough that values of deep flows stay near 1.
    parameters_ = at::randn({layout_.size()}, random, at::kFloat).mul_(0.3 / std::sqrt(static_cast<double>(shape_.hidden)));
    parameters_.requires_grad_(true);
    mean_ = at::randn({dimension}, random, at::kFloat);
    deviation_ = at::rand({dimension}, random, at::kFloat) + 0.5;
    noise_.z = at::randn({count, dimension}, random, at::kFloat);
    noise_.log_density = at::randn({count}, random, at::kFloat);
  }

  Batch Plain(const at::Tensor& parameters) const {
    const Tensors tensors = layout_.Split(parameters);
    const size_t each = shape_.linear ? 8 : 6;
    Batch batch{.x = (noise_.z - mean_) / deviation_, .log_density = noise_.log_density};
    int64_t rolled = 0;
    const auto take = [&batch](const Pushed& pushed) {
      batch.x = pushed.v;
      batch.log_density = batch.log_density - pushed.log_determinant;
    };
    for (int64_t i = 0; i < shape_.couplings; ++i) {
      if (!shape_.linear && shape_.dimension > 2 && i > 0 && i % 2 == 0) {
        batch.x = batch.x.roll(1, 1);
        ++rolled;
      }
      const auto at = tensors.begin() + static_cast<int64_t>(each) * i;
      take(PlainCoupling(Tensors(at, at + 6), batch.x, i % 2 == 0));
      if (shape_.linear) take(PlainLinear(Tensors(at + 6, at + 8), batch.x));
    }
    batch.x = batch.x.roll(-rolled, 1) * deviation_ + mean_;
    return batch;
  }

  Batch Ours() const { return CouplingFlow(shape_, mean_, deviation_).Push(parameters_, noise_); }

  // By the parameters, of a scalar that depends on every entry of the batch.
  at::Tensor Derivative(const Batch& batch) const {
    const at::Tensor weights = at::linspace(-1, 1, batch.x.numel(), batch.x.options()).view_as(batch.x);
    return torch::autograd::grad({(batch.x * weights).sum() + batch.log_density.square().sum()}, {parameters_})[0];
  }

  CouplingFlowShape shape_ = GetParam().shape;
  FlatParameters layout_ = LayoutOf(shape_);
  at::Tensor parameters_, mean_, deviation_;
  Noise noise_;
};

// Values are sums of up to 100 products in single precision, in another order: 1e-6 of their size each, ten of that for flows of them.
constexpr double kValueError = 2e-5;
// Derivatives are sums over up to 1000 points of either sign, of which little may be left: 1e-7 of the sum of their sizes.
constexpr double kDerivativeError = 1e-4;

void ExpectClose(const at::Tensor& ours, const at::Tensor& plain, const std::string& what, double error = kValueError) {
  ASSERT_EQ(ours.sizes(), plain.sizes()) << what;
  const auto scale = plain.abs().max().item<double>();
  EXPECT_LE((ours - plain).abs().max().item<double>(), error * (scale + 1)) << what;
}

TEST_P(CouplingFlowTest, HasAsManyParametersAsItsLayers) { EXPECT_EQ(shape_.num_parameters(), layout_.size()); }

TEST_P(CouplingFlowTest, ValueAndDerivativeAreThoseOfThePlainMap) {
  const Batch ours = Ours(), plain = Plain(parameters_);
  ExpectClose(ours.x, plain.x, "x");
  ExpectClose(ours.log_density, plain.log_density, "log-density");
  const Tensors own = layout_.Split(Derivative(ours)), known = layout_.Split(Derivative(plain));
  for (size_t i = 0; i < own.size(); ++i) ExpectClose(own[i], known[i], "derivative by tensor " + std::to_string(i), kDerivativeError);
}

TEST_P(CouplingFlowTest, DerivativesByTheSamplesAloneAndByTheDensitiesAlone) {
  const Batch ours = Ours(), plain = Plain(parameters_);
  const at::Tensor by_x = at::ones_like(ours.x), by_log = at::ones_like(ours.log_density);
  const auto through = [&](const at::Tensor& what, const at::Tensor& by) {
    return torch::autograd::grad({what}, {parameters_}, {by}, /*retain_graph=*/true)[0];
  };
  ExpectClose(through(ours.x, by_x), through(plain.x, by_x), "by x", kDerivativeError);
  ExpectClose(through(ours.log_density, by_log), through(plain.log_density, by_log), "by log-densities", kDerivativeError);
}

TEST_P(CouplingFlowTest, WithoutGraphTheValueIsTheSame) {
  const Batch with = Ours();
  const at::NoGradGuard no_graph;
  const Batch without = Ours();
  EXPECT_TRUE(with.x.equal(without.x));
  EXPECT_TRUE(with.log_density.equal(without.log_density));
}

TEST_P(CouplingFlowTest, ThreadsDoNotChangeABit) {
  const at::Tensor one = Derivative(Ours());
  at::set_num_threads(3);
  const at::Tensor three = Derivative(Ours());
  at::set_num_threads(1);
  EXPECT_TRUE(one.equal(three));
}

// Batches that are in use at once have rooms of their own; what a larger one left does not show in a smaller one.
TEST_P(CouplingFlowTest, BatchesDoNotDisturbEachOther) {
  const CouplingFlow flow(shape_, mean_, deviation_);
  const at::Tensor alone = Derivative(Ours());
  const Batch first = flow.Push(parameters_, noise_);
  const Noise more{.z = at::cat({noise_.z, noise_.z + 1}), .log_density = at::cat({noise_.log_density, noise_.log_density})};
  (void)Derivative(flow.Push(parameters_, more));
  EXPECT_TRUE(alone.equal(Derivative(first)));
  EXPECT_TRUE(alone.equal(Derivative(flow.Push(parameters_, noise_))));
}

TEST_P(CouplingFlowTest, EveryInstructionSetOfThisProcessorAgrees) {
  const Batch plain = Plain(parameters_);
  const at::Tensor derivative = Derivative(plain);
  const int64_t supported = hwy::SupportedTargets();
  for (int64_t left = supported; left != 0; left &= left - 1) {
    hwy::SetSupportedTargetsForTest(left & -left);
    const Batch ours = Ours();
    ExpectClose(ours.x, plain.x, hwy::TargetName(left & -left));
    ExpectClose(ours.log_density, plain.log_density, hwy::TargetName(left & -left));
    ExpectClose(Derivative(ours), derivative, hwy::TargetName(left & -left), kDerivativeError);
  }
  hwy::SetSupportedTargetsForTest(0);  // back to what there is
}

// One weight that is not a number, of the last coupling's scale, shows in the samples.
TEST_P(CouplingFlowTest, NotANumberStaysOne) {
  const at::NoGradGuard no_graph;
  const size_t each = shape_.linear ? 8 : 6;
  const Tensors tensors = layout_.Split(parameters_);
  tensors[each * static_cast<size_t>(shape_.couplings - 1) + 4][0][0] = std::nan("");
  EXPECT_TRUE(at::isnan(Ours().x).any(1).all().item<bool>());
}

constexpr CouplingFlowShape ShapeOf(int64_t dimension, int64_t hidden, int64_t couplings, bool linear) {
  return {.dimension = dimension, .hidden = hidden, .couplings = couplings, .linear = linear, .scale_bound = CouplingLayer::kScaleBound};
}

// Counts around panels of 16 and runs of 256, odd dimensions, widths that no tile divides.
INSTANTIATE_TEST_SUITE_P(Shapes, CouplingFlowTest,
                         ::testing::Values(Case{ShapeOf(2, 16, 1, false), 1}, Case{ShapeOf(2, 100, 5, false), 1024},
                                           Case{ShapeOf(3, 7, 6, false), 15}, Case{ShapeOf(5, 32, 4, true), 129},
                                           Case{ShapeOf(12, 100, 3, true), 1000}, Case{ShapeOf(7, 20, 7, false), 272},
                                           Case{ShapeOf(50, 13, 2, true), 300}, Case{ShapeOf(2, 32, 4, true), 17},
                                           Case{ShapeOf(3, 1, 2, true), 16}, Case{ShapeOf(4, 5, 64, false), 255},
                                           Case{ShapeOf(6, 9, 3, true), 256}, Case{ShapeOf(13, 40, 2, true), 257}),
                         [](const auto& info) {
                           const CouplingFlowShape& shape = info.param.shape;
                           return "d" + std::to_string(shape.dimension) + "w" + std::to_string(shape.hidden) + "c" +
                                  std::to_string(shape.couplings) + (shape.linear ? "linear" : "") + "n" + std::to_string(info.param.count);
                         });

TEST(CouplingLayerTest, InverseLeadsBack) {
  const at::NoGradGuard no_graph;
  for (const bool first_kept : {true, false}) {
    const CouplingLayer layer(5, 20, first_kept);
    at::Generator random = MakeGenerator(7, Purpose::kInner, 0, 1);
    Tensors parameters;
    for (const Shape& shape : layer.shapes()) parameters.push_back(at::randn(shape, random, at::kFloat).mul_(0.5));
    const at::Tensor points = at::randn({100, 5}, random, at::kFloat);
    ExpectClose(layer.Inverse(parameters, PlainCoupling(parameters, points, first_kept).v), points, "inverse");
  }
}

TEST(LinearLayerTest, InverseLeadsBack) {
  const at::NoGradGuard no_graph;
  const LinearLayer layer(6);
  at::Generator random = MakeGenerator(7, Purpose::kInner, 0, 2);
  const Tensors parameters{at::randn({6, 6}, random, at::kFloat).mul_(0.3), at::randn({6}, random, at::kFloat)};
  const at::Tensor points = at::randn({100, 6}, random, at::kFloat);
  ExpectClose(layer.Inverse(parameters, PlainLinear(parameters, points).v), points, "inverse");
}

}  // namespace
}  // namespace sliceflow::engine
