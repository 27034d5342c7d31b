// What is exported, read back by LibTorch alone, against the flow that it came from.
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include <ATen/ATen.h>
#include <torch/csrc/jit/api/module.h>
#include <torch/csrc/jit/serialization/import.h>

#include "server/engine/flow.h"
#include "server/engine/random.h"
#include "tests/unit/engine/specs.h"

namespace sliceflow::engine {
namespace {

constexpr uint64_t kSeed = 11;
// Of a draw of the engine: samples of a seed are cut from blocks of so many.
constexpr int64_t kBlock = 1024;
// A density is a sum of some tens of terms of the size of one, each rounded to 2⁻²⁴ of itself, at a point that the inverse found to some 2⁻²⁰:
// 1e-5 in all. What differs between the engine's own sums and LibTorch's is within ten times that.
constexpr double kTolerance = 1e-4;

struct ExportCase {
  std::string name;
  ModelSpec model;
  int dimension = 2;
  InitialSpec initial = testing::StandardGaussian(2);
  bool chained = false;  // by JKO-ICNN
};

std::ostream& operator<<(std::ostream& out, const ExportCase& of) { return out << of.name; }

const Gaussian kSkewed{.mean = {1, -1}, .covariance = {2, 0.5, 0.5, 1}};
const GaussianMixture kPair{{{1, kSkewed}, {3, testing::StandardGaussian(2)}}};

const ExportCase kCases[] = {
    {"RealNvp", RealNvpModel{.couplings = 3, .hidden_width = 16}, 2, kSkewed},
    {"RealNvpOnAMixture", RealNvpModel{.couplings = 2, .hidden_width = 16}, 2, kPair},
    {"RealNvpOnABox", RealNvpModel{.couplings = 2, .hidden_width = 16}, 2, UniformBox{.lower = {0, 1}, .upper = {2, 5}}},
    {"RealNvpOnARing", RealNvpModel{.couplings = 2, .hidden_width = 16}, 2, Ring{.center = {0, 0}}},
    {"RealNvpLine", RealNvpModel{.couplings = 2}, 1, Gaussian{.mean = {3}, .covariance = {4}}},
    {"RealNvpRotated", RealNvpModel{.couplings = 4, .hidden_width = 16, .learned_linear = false}, 3, testing::StandardGaussian(3)},
    {"Particles", ParticlesModel{.count = 64}},
    {"Icnn", IcnnModel{.hidden_width = 16}, 2, kSkewed},
    {"IcnnOfOneLayer", IcnnModel{.hidden_layers = 1, .hidden_width = 16}, 3, testing::StandardGaussian(3)},
    {"IcnnChain", IcnnModel{.hidden_layers = 3, .hidden_width = 8}, 2, kSkewed, /*chained=*/true},
    {"Mlp", MlpModel{.noise_dimension = 5, .hidden_width = 16}, 2, kSkewed},
    {"Decoder", DecoderModel{.noise_dimension = 3, .hidden_width = 8, .lower = -3, .upper = 3}},
    {"Cnn", CnnModel{.height = 4, .width = 8, .channels = 2, .noise_dimension = 6, .base_channels = 4}, 64, testing::StandardGaussian(64)},
    {"Generator", testing::SmallGenerator()},
    {"GridLine", GridModel{.lower = {-7}, .upper = {13}, .nodes = 60}, 1, Gaussian{.mean = {3}, .covariance = {4}}},
    {"GridPlane", GridModel{.lower = {-6, -6}, .upper = {8, 4}, .nodes = 40}, 2, kSkewed},
};

FlowSpec SpecOf(const ExportCase& of) {
  FlowSpec spec = testing::OrnsteinUhlenbeckSpec(of.dimension);
  spec.initial = of.initial;
  spec.model = of.model;
  if (!HasDensity(of.model)) spec.terms.pop_back();  // the entropy
  if (of.chained) spec.solver = JkoIcnnSolver{.inner = testing::QuickMinimisation()};
  return spec;
}

std::unique_ptr<Flow> AfterSteps(const FlowSpec& spec, int steps) {
  const StopLatch stop;
  absl::StatusOr<std::unique_ptr<Flow>> flow = Flow::Create(spec, stop);
  EXPECT_TRUE(flow.ok()) << flow.status();
  if (!flow.ok()) return nullptr;
  for (int i = 0; i < steps; ++i) {
    const absl::StatusOr<StepResult> step = (*flow)->Step(stop, IgnoreProgress);
    EXPECT_TRUE(step.ok() && !step->termination.has_value());
  }
  return *std::move(flow);
}

torch::jit::Module Loaded(const Flow& flow) {
  const absl::StatusOr<std::string> bytes = flow.Export(ExportFormat::kTorchScript, "{\"of\":\"tests\"}");
  EXPECT_TRUE(bytes.ok()) << bytes.status();
  std::istringstream in(bytes.ok() ? *bytes : "");
  torch::jit::ExtraFilesMap extra{{"sliceflow.json", ""}};
  torch::jit::Module module = torch::jit::load(in, std::nullopt, extra);
  EXPECT_EQ(extra["sliceflow.json"], "{\"of\":\"tests\"}");
  return module;
}

at::Tensor Call(const torch::jit::Module& module, const std::string& method, const c10::IValue& argument) {
  return module.get_method(method)({argument}).toTensor();
}

at::Tensor Rows(const std::vector<float>& values, int64_t columns) { return at::tensor(values, at::kFloat).view({-1, columns}); }

bool Near(const at::Tensor& a, const at::Tensor& b) { return at::allclose(a, b, kTolerance, kTolerance); }

// As the engine draws its first block by that seed.
void SeedAsTheEngine() { at::manual_seed(DeriveSeed(kSeed, Purpose::kSamples)); }

void ExpectSameFlow(Flow& flow, const torch::jit::Module& module) {
  const bool particles = flow.max_samples() < kBlock;
  const int64_t count = particles ? 10 : 200;
  const absl::StatusOr<SampleBatch> expected = flow.Samples(count, kSeed);
  ASSERT_TRUE(expected.ok()) << expected.status();
  const at::Tensor x = Rows(expected->values, flow.dimension());
  SeedAsTheEngine();
  EXPECT_TRUE(Near(Call(module, "sample", particles ? count : kBlock).narrow(0, 0, count), x));
  EXPECT_EQ(module.find_method("log_density").has_value(), flow.has_density());
  EXPECT_EQ(module.find_method("forward").has_value(), !particles);
  if (!particles) {
    SeedAsTheEngine();
    EXPECT_TRUE(Near(Call(module, "forward", Call(module, "latent", kBlock).narrow(0, 0, count)), x));
  }
  if (!flow.has_density()) return;
  const absl::StatusOr<std::vector<float>> densities = flow.LogDensity(expected->values);
  ASSERT_TRUE(densities.ok()) << densities.status();
  EXPECT_TRUE(Near(Call(module, "log_density", x), at::tensor(*densities, at::kFloat)));
  // Also far away: there neither may differ by a −∞.
  const at::Tensor far = 20 * x.narrow(0, 0, 10);
  const absl::StatusOr<std::vector<float>> far_densities = flow.LogDensity({far.const_data_ptr<float>(), static_cast<size_t>(far.numel())});
  ASSERT_TRUE(far_densities.ok()) << far_densities.status();
  EXPECT_TRUE(Near(Call(module, "log_density", far), at::tensor(*far_densities, at::kFloat)));
}

// The tensors of a safetensors file by name, as its format has it; the numbers of each.
size_t HeaderBytes(const std::string& file) {
  uint64_t size = 0;
  std::memcpy(&size, file.data(), sizeof(size));
  return size;
}

TEST(ExportTest, EveryKindHasACase) {
  std::set<size_t> kinds;
  for (const ExportCase& of : kCases) kinds.insert(of.model.index());
  EXPECT_EQ(kinds.size(), std::variant_size_v<ModelSpec>);
}

class ExportOf : public ::testing::TestWithParam<ExportCase> {};

TEST_P(ExportOf, GivesTheSameSamplesAndDensities) {
  const std::unique_ptr<Flow> flow = AfterSteps(SpecOf(GetParam()), 2);
  ASSERT_NE(flow, nullptr);
  ExpectSameFlow(*flow, Loaded(*flow));
}

INSTANTIATE_TEST_SUITE_P(All, ExportOf, ::testing::ValuesIn(kCases), [](const auto& info) { return info.param.name; });

TEST(ExportTest, AChainWithoutLinksIsItsBase) {
  const std::unique_ptr<Flow> flow = AfterSteps(SpecOf({"", IcnnModel{.hidden_width = 8}, 2, kSkewed, /*chained=*/true}), 0);
  ASSERT_NE(flow, nullptr);
  ExpectSameFlow(*flow, Loaded(*flow));
}

TEST(ExportTest, DecodesAFlowBetweenCodes) {
  Table table{.rows = 64, .columns = 4};
  for (int i = 0; i < 256; ++i) table.values.push_back(std::sin(static_cast<float>(i)));
  FlowSpec spec = testing::OrnsteinUhlenbeckSpec(2);
  spec.dimension = 4;
  const auto shared = std::make_shared<const Table>(std::move(table));
  spec.terms = {{1, SlicedWassersteinTerm{.table = shared, .num_projections = 20}}};
  spec.latent = LatentSpace{.table = shared, .dimension = 2, .hidden_width = 16, .training_iterations = 50, .batch_size = 16};
  const std::unique_ptr<Flow> flow = AfterSteps(spec, 1);
  ASSERT_NE(flow, nullptr);
  ExpectSameFlow(*flow, Loaded(*flow));
}

TEST(ExportTest, MoreParticlesThanThereAreIsAnError) {
  const std::unique_ptr<Flow> flow = AfterSteps(SpecOf({"", ParticlesModel{.count = 8}}), 0);
  ASSERT_NE(flow, nullptr);
  const torch::jit::Module module = Loaded(*flow);
  EXPECT_EQ(Call(module, "sample", 8).size(0), 8);
  EXPECT_ANY_THROW(Call(module, "sample", 9));
}

TEST(ExportTest, SafetensorsHoldsTheParametersAndTheDescription) {
  const std::unique_ptr<Flow> flow = AfterSteps(SpecOf(kCases[0]), 1);
  ASSERT_NE(flow, nullptr);
  const absl::StatusOr<std::string> file = flow->Export(ExportFormat::kSafetensors, "{\"of\":\"tests\"}");
  ASSERT_TRUE(file.ok()) << file.status();
  const std::string header = file->substr(sizeof(uint64_t), HeaderBytes(*file));
  EXPECT_NE(header.find(R"("sliceflow":"{\"of\":\"tests\"}")"), std::string::npos) << header;
  EXPECT_NE(header.find(R"("layer_0.weight_1":{"dtype":"F32","shape":[16,1],)"), std::string::npos) << header;
  EXPECT_NE(header.find(R"("base.weights":{"dtype":"F64","shape":[1],"data_offsets":[0,8]})"), std::string::npos) << header;
  EXPECT_EQ(header.size() % 8, 0);
}

}  // namespace
}  // namespace sliceflow::engine
