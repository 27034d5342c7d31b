// Users' expressions: values and gradients of closed forms, evaluation in pieces, and flows that use them.
#include <ATen/ATen.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <iterator>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "server/engine/check_expression.h"
#include "server/engine/checkpoint.h"
#include "server/engine/expressions/expression.h"
#include "server/engine/flow.h"
#include "server/engine/random.h"
#include "server/engine/validate.h"
#include "tests/unit/engine/specs.h"

namespace sliceflow::engine {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr int64_t kRows = 64;

std::unique_ptr<const Expression> Compiled(const std::string& source, int dimension = 2, int64_t rows = kRows) {
  Expression::Result result = Expression::Compile(source, dimension, rows);
  if (const auto* refusal = std::get_if<ExpressionRefusal>(&result)) throw std::runtime_error(refusal->reason);
  return std::move(std::get<0>(result));
}

// A function V of x whose body is `lines`, divided by line ends.
std::string Body(const std::string& lines) { return absl::StrCat("def V(x):\n    ", absl::StrReplaceAll(lines, {{"\n", "\n    "}}), "\n"); }

// ---- closed forms --------------------------------------------------------------------------------------------------------------------

struct ClosedForm {
  std::string name;
  std::string source;
  int dimension;
  std::function<double(const std::vector<double>& x)> value;
  std::function<std::vector<double>(const std::vector<double>& x)> gradient;
};

double Dot(const std::vector<double>& a, const std::vector<double>& b) {
  double sum = 0;
  for (size_t k = 0; k < a.size(); ++k) sum += a[k] * b[k];
  return sum;
}

ClosedForm Quadratic() {
  return {"Quadratic", "def V(x):\n    return 0.5 * (x * x).sum(1)\n", 3, [](const auto& x) { return Dot(x, x) / 2; },
          [](const auto& x) { return x; }};
}

ClosedForm DoubleWell() {
  return {"DoubleWell",
          "# Two wells, at -1 and 1.\n\ndef V(x):\n    a = x[:, 0]\n    return (a ** 2 - 1) ** 2 + 2 * x[:, 1:].square().sum(dim=1)\n", 2,
          [](const auto& x) { return std::pow(x[0] * x[0] - 1, 2) + 2 * x[1] * x[1]; },
          [](const auto& x) {
            return std::vector<double>{4 * x[0] * (x[0] * x[0] - 1), 4 * x[1]};
          }};
}

ClosedForm Rosenbrock() {
  return {"Rosenbrock", "def V(x):\n    a = x[:, :-1]\n    b = x[:, 1:]\n    return ((1 - a) ** 2 + 10 * (b - a * a) ** 2).sum(1)\n", 2,
          [](const auto& x) { return std::pow(1 - x[0], 2) + 10 * std::pow(x[1] - x[0] * x[0], 2); },
          [](const auto& x) {
            const double bend = x[1] - x[0] * x[0];
            return std::vector<double>{-2 * (1 - x[0]) - 40 * x[0] * bend, 20 * bend};
          }};
}

// -log ½(N(x; -1, I) + N(x; 1, I)) without its constant: |x|²/2 + d/2 − log cosh Σx.
ClosedForm Mixture() {
  return {"Mixture",
          "def V(x):\n    means = torch.tensor([[-1.0, -1.0], [1.0, 1.0]])\n    z = x.unsqueeze(1) - means\n"
          "    return -torch.logsumexp(-0.5 * (z * z).sum(2), 1) + torch.log(torch.tensor(2.0))\n",
          2, [](const auto& x) { return Dot(x, x) / 2 + 1 - std::log(std::cosh(x[0] + x[1])); },
          [](const auto& x) {
            const double pull = std::tanh(x[0] + x[1]);
            return std::vector<double>{x[0] - pull, x[1] - pull};
          }};
}

ClosedForm Loop() {
  return {"Loop",
          "def V(x):\n    v = torch.zeros([x.size(0)])\n    for k in range(1, 4):\n        v = v + x.sum(1) ** k / k\n    return v\n", 2,
          [](const auto& x) {
            const double s = x[0] + x[1];
            return s + s * s / 2 + s * s * s / 3;
          },
          [](const auto& x) {
            const double s = x[0] + x[1];
            return std::vector<double>(2, 1 + s + s * s);
          }};
}

ClosedForm NestedLoops() {
  return {"NestedLoops",
          "def V(x):\n    v = 0.0 * x[:, 0]\n    for i in range(x.size(1)):\n        for j in range(i):\n            v = v + x[:, i] * "
          "x[:, j]\n    return v\n",
          3, [](const auto& x) { return x[0] * x[1] + x[0] * x[2] + x[1] * x[2]; },
          [](const auto& x) {
            return std::vector<double>{x[1] + x[2], x[0] + x[2], x[0] + x[1]};
          }};
}

ClosedForm Helper() {
  return {"Helper",
          "def bump(y, width: float):\n    return torch.exp(-y * y / (2 * width ** 2))\n\ndef V(x):\n    return bump(x[:, 0], 0.5) - "
          "bump(x[:, 1], 2.0)\n",
          2, [](const auto& x) { return std::exp(-2 * x[0] * x[0]) - std::exp(-x[1] * x[1] / 8); },
          [](const auto& x) {
            return std::vector<double>{-4 * x[0] * std::exp(-2 * x[0] * x[0]), x[1] / 4 * std::exp(-x[1] * x[1] / 8)};
          }};
}

ClosedForm Einsum() {
  return {"Einsum", "def V(x):\n    A = torch.tensor([[2.0, 0.5], [0.5, 1.0]])\n    return 0.5 * torch.einsum(\"ni,ni->n\", [x @ A, x])\n",
          2, [](const auto& x) { return x[0] * x[0] + x[0] * x[1] / 2 + x[1] * x[1] / 2; },
          [](const auto& x) {
            return std::vector<double>{2 * x[0] + x[1] / 2, x[0] / 2 + x[1]};
          }};
}

ClosedForm Comprehension() {
  return {"Comprehension",
          "def V(x):\n    terms = [torch.cos(float(k) * x[:, 0]) for k in range(1, 3)]\n    return torch.stack(terms).sum(0)\n", 1,
          [](const auto& x) { return std::cos(x[0]) + std::cos(2 * x[0]); },
          [](const auto& x) { return std::vector<double>{-std::sin(x[0]) - 2 * std::sin(2 * x[0])}; }};
}

ClosedForm Choice() {
  return {"Choice",
          "def V(x):\n    r = torch.norm(x, 2, 1)\n    if x.size(1) == 1:\n        return r\n    return torch.where(r > 1, r - 0.5, 0.5 * "
          "r * r)\n",
          2,
          [](const auto& x) {
            const double r = std::sqrt(Dot(x, x));
            return r > 1 ? r - 0.5 : r * r / 2;
          },
          [](const auto& x) {
            const double r = std::sqrt(Dot(x, x));
            return std::vector<double>{x[0] / std::max(r, 1.0), x[1] / std::max(r, 1.0)};
          }};
}

ClosedForm Attraction() {
  return {"Attraction", "def W(z):\n    s = (z * z).sum(1)\n    return s * s / 4 - s / 2\n", 2,
          [](const auto& x) { return std::pow(Dot(x, x), 2) / 4 - Dot(x, x) / 2; },
          [](const auto& x) {
            return std::vector<double>{x[0] * (Dot(x, x) - 1), x[1] * (Dot(x, x) - 1)};
          }};
}

ClosedForm WindowsLines() {
  return {"WindowsLines",
          "def V(x):\r\n    # naïve, with a comment\r\n\r\n    return (\r\n        x.sum(1)   # over coordinates\r\n    )\r\n", 2,
          [](const auto& x) { return x[0] + x[1]; },
          [](const auto&) {
            return std::vector<double>{1, 1};
          }};
}

ClosedForm OneLine() {
  return {"OneLine",
          "def half(y): return y / 2  # a block may stand behind its head\n"
          "def V(x):\n    if x.size(1) == 1: return x[:, 0]\n    else: v = half(x.sum(1))\n    for k in range(2): v = v + x[:, k]\n    "
          "return v\n",
          2, [](const auto& x) { return 1.5 * (x[0] + x[1]); },
          [](const auto&) {
            return std::vector<double>{1.5, 1.5};
          }};
}

constexpr ClosedForm (*kClosedForms[])() = {Quadratic, DoubleWell,    Rosenbrock, Mixture,    Loop,         NestedLoops, Helper,
                                            Einsum,    Comprehension, Choice,     Attraction, WindowsLines, OneLine};

class ClosedFormTest : public ::testing::TestWithParam<size_t> {};

// Floats carry seven digits; the largest terms here are below 1000 and lose two or three of them.
TEST_P(ClosedFormTest, HasItsValueAndGradient) {
  const ClosedForm form = kClosedForms[GetParam()]();
  const std::unique_ptr<const Expression> compiled = Compiled(form.source, form.dimension);
  const Expression& expression = *compiled;
  // Neither a multiple of the rows of one evaluation nor below them.
  const int64_t count = 2 * expression.rows() + 5;
  at::Generator random = MakeGenerator(3, Purpose::kSamples);
  const at::Tensor x = at::randn({count, form.dimension}, random, at::TensorOptions(at::kFloat));
  const Expression::Values values = expression.Evaluate(x, true);
  ASSERT_EQ(values.value.sizes(), (std::vector<int64_t>{count}));
  ASSERT_EQ(values.gradient.sizes(), x.sizes());
  for (int64_t i = 0; i < count; ++i) {
    std::vector<double> point;
    for (int k = 0; k < form.dimension; ++k) point.push_back(x[i][k].item<double>());
    const double value = form.value(point);
    EXPECT_NEAR(values.value[i].item<double>(), value, 1e-4 * (1 + std::abs(value)));
    const std::vector<double> gradient = form.gradient(point);
    for (int k = 0; k < form.dimension; ++k) {
      const double component = gradient[static_cast<size_t>(k)];
      EXPECT_NEAR(values.gradient[i][k].item<double>(), component, 1e-4 * (1 + std::abs(component))) << "coordinate " << k;
    }
  }
  EXPECT_TRUE(at::equal(expression.Evaluate(x, false).value, values.value));
}

INSTANTIATE_TEST_SUITE_P(Sources, ClosedFormTest, ::testing::Range<size_t>(0, std::size(kClosedForms)),
                         [](const auto& info) { return kClosedForms[info.param]().name; });

// ---- evaluation ----------------------------------------------------------------------------------------------------------------------

TEST(ExpressionTest, TakesFewerRowsWhereMemoryWouldNotSuffice) {
  // 1024 rows × 40 × 256 elements are more than a tensor may have; 128 rows are not.
  const std::string source = Body("y = x.unsqueeze(2) - torch.linspace(0, 1, 256)\nreturn y.square().mean(2).sum(1)");
  EXPECT_EQ(Compiled(source, 40, 1024)->rows(), 128);
  EXPECT_EQ(Compiled(source, 40, 256)->rows(), 256);
}

TEST(ExpressionTest, GivesWhatIsNotFiniteAsItIs) {
  const auto expression = Compiled(Body("return torch.log(x[:, 0])"), 1);
  const Expression::Values values = expression->Evaluate(at::tensor({1.f, 0.f, -1.f}).unsqueeze(1), true);
  EXPECT_EQ(values.value[0].item<float>(), 0);
  EXPECT_TRUE(std::isinf(values.value[1].item<float>()));
  EXPECT_TRUE(std::isnan(values.value[2].item<float>()));
}

TEST(ExpressionTest, AnIndexThatDependsOnValuesFailsWithItsLine) {
  const std::string source = Body("table = torch.ones([4])\ni = torch.where(x[:, 0] > 100, 7, 1)\nreturn x[:, 0] * table[i]");
  const auto expression = Compiled(source, 1);
  EXPECT_EQ(expression->Evaluate(at::full({1, 1}, 2.f), false).value.item<float>(), 2);
  try {
    expression->Evaluate(at::full({1, 1}, 200.f), false);
    FAIL() << "went on";
  } catch (const std::runtime_error& error) {
    EXPECT_THAT(error.what(), HasSubstr("line 4 of the expression: "));
  }
}

TEST(ExpressionTest, RepeatsItsBits) {
  const std::string source = Body("return torch.logsumexp(x.sin() * 3, 1) + (x @ torch.ones([2, 2])).square().sum(1)");
  at::Generator random = MakeGenerator(3, Purpose::kSamples);
  const at::Tensor x = at::randn({300, 2}, random, at::TensorOptions(at::kFloat));
  const auto first = Compiled(source);
  const Expression::Values values = first->Evaluate(x, true);
  for (int again = 0; again < 3; ++again) EXPECT_TRUE(at::equal(first->Evaluate(x, true).gradient, values.gradient));
  EXPECT_TRUE(at::equal(Compiled(source)->Evaluate(x, true).gradient, values.gradient));
}

// ---- in a flow -----------------------------------------------------------------------------------------------------------------------

FlowSpec SpecWith(TermSpec term) {
  FlowSpec spec = testing::OrnsteinUhlenbeckSpec(2);
  spec.terms[0].term = std::move(term);
  return spec;
}

// The same numbers are drawn, so that only rounding is between the two, which 40 iterations of Adam carry on: far below the energy's own
// change in a step, which is about 1.
TEST(ExpressionFlowTest, FlowsAsItsClosedForm) {
  const StopLatch stop;
  double energies[2];
  const TermSpec terms[] = {QuadraticPotential{.center = {1, 1}, .precision = testing::Identity(2, 2)},
                            ExpressionPotential{"def V(x): return ((x - 1) ** 2).sum(1)"}};
  for (int i = 0; i < 2; ++i) {
    absl::StatusOr<std::unique_ptr<Flow>> flow = Flow::Create(SpecWith(terms[i]), stop);
    ASSERT_TRUE(flow.ok()) << flow.status();
    ASSERT_TRUE((*flow)->Step(stop, [](const InnerProgress&) {}).ok());
    energies[i] = (*flow)->report().energy;
  }
  EXPECT_NEAR(energies[0], energies[1], 1e-3);
}

TEST(ExpressionFlowTest, IsRefusedByItsFieldWithLineAndReason) {
  const absl::Status potential = Validate(SpecWith(ExpressionPotential{"def V(x):\n    return x.detach()"}));
  EXPECT_TRUE(absl::IsInvalidArgument(potential));
  EXPECT_THAT(std::string(potential.message()), HasSubstr("terms[0].potential.expression.source: line 2: `aten::detach`"));
  const absl::Status interaction = Validate(SpecWith(ExpressionInteraction{"def W(z):\n    return z"}));
  EXPECT_THAT(std::string(interaction.message()), HasSubstr("terms[0].interaction.expression.source: line 0: for 16384 points"));
}

TEST(ExpressionFlowTest, AnotherSourceIsAnotherFlow) {
  const uint64_t one = Fingerprint(SpecWith(ExpressionPotential{"def V(x): return x.sum(1)"}));
  EXPECT_NE(one, Fingerprint(SpecWith(ExpressionPotential{"def V(x): return -x.sum(1)"})));
  EXPECT_NE(one, Fingerprint(SpecWith(ExpressionInteraction{"def V(x): return x.sum(1)"})));
}

TEST(CheckExpressionTest, GivesRowsOfValuesAndGradients) {
  const auto answer = CheckExpression(ExpressionKind::kPotential, "def V(x): return x[:, 0] * x[:, 1]", 2, {2, 3, -1, 5});
  ASSERT_TRUE(std::holds_alternative<ExpressionValues>(answer));
  EXPECT_THAT(std::get<ExpressionValues>(answer).values, ElementsAre(6, -5));
  EXPECT_THAT(std::get<ExpressionValues>(answer).gradients, ElementsAre(3, 2, 5, -1));
  EXPECT_TRUE(std::holds_alternative<ExpressionRefusal>(CheckExpression(ExpressionKind::kInteraction, "def V(x): return x", 2, {2, 3})));
}

}  // namespace
}  // namespace sliceflow::engine
