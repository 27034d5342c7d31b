// Layers whose derivatives are written out, against the same maps written plainly and differentiated by autograd.
#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <ATen/core/grad_mode.h>
#include <gtest/gtest.h>
#include <torch/csrc/autograd/autograd.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "server/engine/models/coupling_layer.h"
#include "server/engine/models/linear_layer.h"
#include "server/engine/random.h"

namespace sliceflow::engine {
namespace {

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

Tensors RandomParameters(const Layer& layer, at::Generator& random) {
  Tensors parameters;
  for (const Shape& shape : layer.shapes()) parameters.push_back(at::randn(shape, random, at::kFloat).mul_(0.5).requires_grad_(true));
  return parameters;
}

// The derivatives, by all parameters and then the points, of a scalar that depends on every entry of what was pushed.
Tensors Derivatives(const Pushed& pushed, const Tensors& by) {
  const at::Tensor weights = at::linspace(-1, 1, pushed.v.numel(), pushed.v.options()).view_as(pushed.v);
  const at::Tensor loss = (pushed.v * weights).sum() + (pushed.log_determinant * pushed.log_determinant).sum();
  return torch::autograd::grad({loss}, by);
}

// Sums of up to 1000 products in single precision, in another order: 1e-6 of their size each, ten of that for their sums.
void ExpectClose(const at::Tensor& ours, const at::Tensor& plain, const std::string& what) {
  ASSERT_EQ(ours.sizes(), plain.sizes()) << what;
  const auto scale = plain.abs().max().item<double>();
  EXPECT_LE((ours - plain).abs().max().item<double>(), 2e-5 * (scale + 1)) << what;
}

void ExpectSame(const Pushed& ours, const Pushed& plain, const Tensors& by, const std::string& name) {
  ExpectClose(ours.v, plain.v, name + ": v");
  ExpectClose(ours.log_determinant, plain.log_determinant, name + ": log-determinant");
  const Tensors own = Derivatives(ours, by), known = Derivatives(plain, by);
  for (size_t i = 0; i < by.size(); ++i) ExpectClose(own[i], known[i], name + ": derivative " + std::to_string(i));
}

struct CouplingCase {
  int64_t dimension, hidden, count;
  bool first_kept;
};

class CouplingLayerTest : public ::testing::TestWithParam<CouplingCase> {
 protected:
  CouplingLayerTest() {
    at::Generator random = MakeGenerator(7, Purpose::kInner, 0, 0);
    parameters_ = RandomParameters(layer_, random);
    points_ = at::randn({GetParam().count, GetParam().dimension}, random, at::kFloat).requires_grad_(true);
    by_ = parameters_;
    by_.push_back(points_);
  }

  CouplingLayer layer_{GetParam().dimension, GetParam().hidden, GetParam().first_kept};
  Tensors parameters_, by_;
  at::Tensor points_;
};

TEST_P(CouplingLayerTest, ValueAndDerivativesAreThoseOfThePlainMap) {
  ExpectSame(layer_.Forward(parameters_, points_), PlainCoupling(parameters_, points_, GetParam().first_kept), by_, "coupling");
}

TEST_P(CouplingLayerTest, WithoutGraphTheValueIsTheSame) {
  const Pushed with = layer_.Forward(parameters_, points_);
  const at::NoGradGuard no_graph;
  const Pushed without = layer_.Forward(parameters_, points_);
  EXPECT_TRUE(with.v.equal(without.v));
  EXPECT_TRUE(with.log_determinant.equal(without.log_determinant));
}

TEST_P(CouplingLayerTest, InverseLeadsBack) {
  const at::NoGradGuard no_graph;
  ExpectClose(layer_.Inverse(parameters_, layer_.Forward(parameters_, points_).v), points_, "inverse");
}

TEST_P(CouplingLayerTest, ThreadsDoNotChangeABit) {
  const Tensors one = Derivatives(layer_.Forward(parameters_, points_), by_);
  at::set_num_threads(3);
  const Tensors three = Derivatives(layer_.Forward(parameters_, points_), by_);
  at::set_num_threads(1);
  for (size_t i = 0; i < one.size(); ++i) EXPECT_TRUE(one[i].equal(three[i])) << i;
}

// Counts around panels of 16 and runs of 128, odd dimensions, widths that no tile divides.
INSTANTIATE_TEST_SUITE_P(Shapes, CouplingLayerTest,
                         ::testing::Values(CouplingCase{2, 16, 1, true}, CouplingCase{3, 7, 15, false}, CouplingCase{5, 32, 129, true},
                                           CouplingCase{12, 100, 1000, false}, CouplingCase{50, 13, 300, true}),
                         [](const auto& info) {
                           return "d" + std::to_string(info.param.dimension) + "w" + std::to_string(info.param.hidden) + "n" +
                                  std::to_string(info.param.count);
                         });

TEST(LinearLayerTest, ValueAndDerivativesAreThoseOfThePlainMap) {
  for (const int64_t dimension : {2, 3, 20}) {
    const LinearLayer layer(dimension);
    at::Generator random = MakeGenerator(7, Purpose::kInner, 0, static_cast<uint64_t>(dimension));
    const Tensors parameters = RandomParameters(layer, random);
    const at::Tensor points = at::randn({200, dimension}, random, at::kFloat).requires_grad_(true);
    Tensors by = parameters;
    by.push_back(points);
    ExpectSame(layer.Forward(parameters, points), PlainLinear(parameters, points), by, "linear, d = " + std::to_string(dimension));
  }
}

}  // namespace
}  // namespace sliceflow::engine
