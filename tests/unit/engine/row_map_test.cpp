// Users' maps of rows, generators and features: values, gradients, and what is refused.
#include "server/engine/expressions/row_map.h"

#include <ATen/ATen.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <stdexcept>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "server/engine/check_expression.h"
#include "server/engine/random.h"
#include "tests/unit/engine/specs.h"

namespace sliceflow::engine {
namespace {

using ::testing::HasSubstr;
using ::testing::SizeIs;

const at::TensorOptions kFloats(at::kFloat);

// From noise of three dimensions to the plane, trained in a matrix and a vector.
RowMap::Signature Affine() { return {.inputs = 3, .tensors = {{3, 2}, {2}}, .outputs = 2, .trained = true}; }

std::unique_ptr<const RowMap> Compiled(const std::string& source, const RowMap::Signature& signature) {
  RowMap::Result result = RowMap::Compile(source, signature);
  if (const auto* refusal = std::get_if<ExpressionRefusal>(&result)) throw std::runtime_error(refusal->reason);
  return std::move(std::get<0>(result));
}

constexpr char kTanh[] = "def generator(z, w, b):\n    return torch.tanh(z @ w + b)\n";

// Whatever the number of rows: a piece has 256, and what fills it up counts for nothing, in values and gradients.
TEST(RowMapTest, ValuesAndGradientsAreThoseOfTheFormula) {
  const std::unique_ptr<const RowMap> map = Compiled(kTanh, Affine());
  EXPECT_EQ(map->outputs(), 2);
  at::Generator random = MakeGenerator(1, Purpose::kSamples);
  for (const int64_t n : {1, 255, 256, 700}) {
    const at::Tensor z = at::randn({n, 3}, random, kFloats);
    const at::Tensor weights = at::randn({n, 2}, random, kFloats);
    const at::Tensor w = at::randn({3, 2}, random, kFloats).requires_grad_(true);
    const at::Tensor b = at::randn({2}, random, kFloats).requires_grad_(true);
    const at::Tensor x = map->Evaluate(z, {w, b});
    const at::Tensor same = at::tanh(at::matmul(z, w) + b);
    EXPECT_TRUE(at::allclose(x, same, 1e-5, 1e-5)) << n;
    (x * weights).sum().backward();
    const at::Tensor of_w = w.grad().clone();
    const at::Tensor of_b = b.grad().clone();
    w.mutable_grad() = at::Tensor();
    b.mutable_grad() = at::Tensor();
    (same * weights).sum().backward();
    EXPECT_TRUE(at::allclose(of_w, w.grad(), 1e-4, 1e-4)) << n;
    EXPECT_TRUE(at::allclose(of_b, b.grad(), 1e-4, 1e-4)) << n;
  }
}

TEST(RowMapTest, RepeatsItsBits) {
  const std::unique_ptr<const RowMap> map = Compiled(kTanh, Affine());
  at::Generator random = MakeGenerator(1, Purpose::kSamples);
  const at::Tensor z = at::randn({300, 3}, random, kFloats);
  const std::vector<at::Tensor> tensors{at::randn({3, 2}, random, kFloats), at::randn({2}, random, kFloats)};
  EXPECT_TRUE(at::equal(map->Evaluate(z, tensors), map->Evaluate(z, tensors)));
  EXPECT_FALSE(map->Evaluate(z, tensors).requires_grad());
}

TEST(RowMapTest, TakesWhatNetworksAreMadeOf) {
  const char* const bodies[] = {
      "torch.silu(z @ w + b)",
      "torch.layer_norm(z @ w, [2]) * b",
      "torch.cat([z[:, :1], (z @ w)[:, 1:]], 1) + b",
      "torch.linear(z, w.t(), b)",
      "(torch.gelu(z.unsqueeze(1)) @ w).squeeze(1) + torch.softplus(b)",
      "torch.softmax(z, 1) @ w + torch.mish(b)",
      "torch.glu(torch.cat([z @ w, z @ w], 1)) * b",
      "torch.addmm(b, torch.leaky_relu(z), w)",
  };
  for (const char* body : bodies) {
    EXPECT_NO_THROW(Compiled(absl::StrCat("def generator(z, w, b):\n    return ", body, "\n"), Affine())) << body;
  }
}

TEST(RowMapTest, FeaturesMayHaveAnyNumberOfColumnsAndNoGradient) {
  const RowMap::Signature signature{.inputs = 2, .tensors = {{2, 5}}};
  EXPECT_EQ(Compiled("def features(x, w): return (x @ w > 0) * 1.0", signature)->outputs(), 5);
  EXPECT_EQ(Compiled("def features(x): return torch.cat([x, x * x], 1)", {.inputs = 2})->outputs(), 4);
}

TEST(CheckGeneratorTest, GivesSamplesWhereParametersStart) {
  GeneratorModel generator{"def generator(z, w, b): return z @ w + b", 1, {{{1, 2}, 0}, {{2}, 0}}};
  const float noise[] = {1, 2, 3};
  const auto zeros = CheckGenerator(generator, 2, noise);
  ASSERT_TRUE(std::holds_alternative<std::vector<float>>(zeros)) << std::get<1>(zeros).reason;
  EXPECT_EQ(std::get<0>(zeros), std::vector<float>(6, 0.0F));
  generator.parameters[0].initial_scale = 1;
  const std::vector<float> samples = std::get<0>(CheckGenerator(generator, 2, noise));
  ASSERT_THAT(samples, SizeIs(6));
  EXPECT_NE(samples[0], 0);
  EXPECT_FLOAT_EQ(samples[2], 2 * samples[0]);
  generator.source = "def generator(z, w, b): return z @ w";
  EXPECT_THAT(std::get<1>(CheckGenerator(generator, 2, noise)).reason, HasSubstr("do not depend on `b`"));
}

// ---- what is refused -------------------------------------------------------------------------------------------------------------------

struct Hostile {
  const char* name;
  std::string body;  // of generator(z, w, b), after `return ` where it is one line
  const char* words;
};

class HostileGeneratorTest : public ::testing::TestWithParam<Hostile> {};

TEST_P(HostileGeneratorTest, IsRefusedWithAReason) {
  const std::string& body = GetParam().body;
  const bool whole = body.find("def ") == 0;
  const bool lines = body.find('\n') != std::string::npos;
  const std::string source = whole ? body : absl::StrCat("def generator(z, w, b):\n    ", lines ? "" : "return ", body, "\n");
  const RowMap::Result result = RowMap::Compile(source, Affine());
  const auto* refusal = std::get_if<ExpressionRefusal>(&result);
  ASSERT_NE(refusal, nullptr) << source;
  EXPECT_THAT(refusal->reason, HasSubstr(GetParam().words));
}

INSTANTIATE_TEST_SUITE_P(
    Sources, HostileGeneratorTest,
    ::testing::Values(
        Hostile{"ReadsAFile", "z @ w + torch.from_file(\"/etc/passwd\", False, 2)", "reads a file"},
        Hostile{"DrawsNoise", "z @ w + b + torch.randn([2])", "draws random numbers"},
        Hostile{"DropsOut", "torch.dropout(z @ w + b, 0.5, True)", "draws random numbers"},
        Hostile{"WritesItsParameters", "w += 1\n    return z @ w + b", "writes in place"},
        Hostile{"FillsItsParameters", "w.zero_()\n    return z @ w + b", "writes in place"},
        Hostile{"Endless", "while True:\n        pass\n    return z @ w + b", "may run for ever"},
        Hostile{"LongLoop", "x = z @ w\n    for i in range(100000):\n        x = x + b\n    return x", "a loop runs 100000 times"},
        Hostile{"NestedLoops", "x = z @ w\n    for i in range(900):\n        for j in range(900):\n            x = x + b\n    return x",
                "operations"},
        Hostile{"Recursion", "def generator(z, w, b):\n    return generator(z, w, b)\n", "called recursively"},
        Hostile{"ValuesOfParameters", "x = z @ w + b\n    for i in range(int(b.sum())):\n        x = x + b\n    return x",
                "takes a number from a tensor's values"},
        Hostile{"SizeOfValues", "z @ w + b + torch.zeros([int(w.sum()), 2]).sum()", "takes a number from a tensor's values"},
        Hostile{"OuterProducts",
                "y = z.reshape([-1])\n    for i in range(3):\n        y = torch.outer(y, y).reshape([-1])\n    return z @ w + b + y.sum()",
                "elements"},
        Hostile{"HugeZeros", "z @ w + b + torch.zeros([1000000, 1000000]).sum()", "MiB of memory"},
        Hostile{"HugeExpand", "z @ w + b + torch.ones([1]).expand([1000000000000]).sum()", "elements"},
        Hostile{"ManyProducts",
                "y = torch.ones([1400, 1400])\n    for i in range(900):\n        y = torch.mm(y, y)\n    return z @ w + b + y.sum()",
                "numbers are computed with"},
        Hostile{"GrowingList", "l = [z]\n    for i in range(40):\n        l = l + l\n    return l[0] @ w + b", "not taken for lists"},
        Hostile{"BatchNormalised", "(z - z.mean(0)) @ w + b", "rows must be independent"},
        Hostile{"SortedByPlace", "z @ w + b * torch.arange(z.size(0)).unsqueeze(1)", "rows must be independent"},
        Hostile{"SlightlyBatchNormalised", "z @ w + b + 0.0001 * z.mean()", "rows must be independent"},
        Hostile{"CountsItsRows", "(z @ w + b) * float(z.size(0))", "number of rows"},
        Hostile{"RemainderByZero", "z @ w + b + float(5 % (z.shape[1] - 3))", "divided by zero"},
        Hostile{"RemainderOfConstants", "z @ w + b + float(5 % 0)", "divided by zero"},
        Hostile{"UnknownType", "z @ w + b + torch.zeros([1], dtype=-1)", "`dtype` must be"},
        Hostile{"Detached", "z @ w.detach() + b", "hides how the value depends"},
        Hostile{"UnusedParameter", "z @ w", "do not depend on `b`"},
        Hostile{"ConstantInAParameter", "z @ w + (b > 0) * 1.0", "do not depend on `b`"},
        Hostile{"NoColumns", "(z @ w + b)[:, :0]", "shape [256, 2]"},
        Hostile{"TooFewColumns", "(z @ w + b)[:, :1]", "shape [256, 1]; it must give a row for each: shape [256, 2]"},
        Hostile{"OneValueARow", "(z @ w + b).sum(1)", "shape [256]"}, Hostile{"TooFewRows", "(z @ w + b)[:-1]", "shape [255, 2]"},
        Hostile{"Integers", "(z @ w + b) > 0", "not real numbers"}, Hostile{"Number", "3.5", "must return one tensor"},
        Hostile{"OneParameterTooFew", "def generator(z, w):\n    return z @ w\n", "must take 3 tensors"},
        Hostile{"NumberForAParameter", "def generator(z, w, b: float):\n    return z @ w + b\n", "must take 3 tensors"},
        Hostile{"WrongShape", "z @ w.t() + b", "shapes cannot be multiplied"},
        Hostile{"DefaultValue", "def generator(z, w, b=torch.zeros([1000000000])):\n    return z @ w + b\n", "default values"},
        Hostile{"Import", "import os\n    return z @ w + b", "brings in other code"},
        Hostile{"Nested", absl::StrCat(std::string(600, '('), "z @ w + b", std::string(600, ')')), "nested or chained too deeply"}),
    [](const auto& info) { return info.param.name; });

}  // namespace
}  // namespace sliceflow::engine
