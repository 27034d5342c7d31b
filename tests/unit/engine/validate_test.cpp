// What a flow refuses to be made from, and how it says so.
#include "server/engine/validate.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <string>

#include "tests/unit/engine/specs.h"

namespace sliceflow::engine {
namespace {

using testing::OrnsteinUhlenbeckSpec;

struct Case {
  std::string name;
  std::string path;
  std::function<void(FlowSpec&)> spoil;
};

TablePtr MakeTable(int64_t rows, int64_t columns, std::vector<float> values) {
  return std::make_shared<Table>(Table{.rows = rows, .columns = columns, .values = std::move(values)});
}

QuadraticPotential& Quadratic(FlowSpec& spec) { return std::get<QuadraticPotential>(spec.terms[0].term); }
SwJkoSolver& Solver(FlowSpec& spec) { return std::get<SwJkoSolver>(spec.solver); }
AdamOptions& AdamOf(FlowSpec& spec) { return std::get<AdamOptions>(Solver(spec).inner.optimizer); }

const Case kCases[] = {
    {"NoDimension", "dimension", [](FlowSpec& s) { s.dimension = 0; }},
    {"ShortMean", "initial.gaussian.mean", [](FlowSpec& s) { std::get<Gaussian>(s.initial).mean = {0}; }},
    {"IndefiniteCovariance", "initial.gaussian.covariance",
     [](FlowSpec& s) {
       std::get<Gaussian>(s.initial).covariance = {1, 2, 2, 1};
     }},
    {"AsymmetricPrecision", "terms[0].potential.quadratic.precision",
     [](FlowSpec& s) {
       Quadratic(s).precision = {2, 0.5, 0, 2};
     }},
    {"NanCenter", "terms[0].potential.quadratic.center", [](FlowSpec& s) { Quadratic(s).center[1] = NAN; }},
    {"EmptyBox", "initial.uniform_box.upper[1]",
     [](FlowSpec& s) {
       s.initial = UniformBox{.lower = {0, 0}, .upper = {1, 0}};
     }},
    {"NegativeThickness", "initial.ring.thickness",
     [](FlowSpec& s) {
       s.initial = Ring{.center = {0, 0}, .thickness = -1};
     }},
    {"NoComponents", "initial.mixture.components", [](FlowSpec& s) { s.initial = GaussianMixture{}; }},
    {"WrongColumns", "initial.dataset",
     [](FlowSpec& s) {
       s.initial = Empirical{MakeTable(1, 3, {1, 2, 3})};
     }},
    {"NoTerms", "terms", [](FlowSpec& s) { s.terms.clear(); }},
    {"ZeroWeight", "terms[1].weight", [](FlowSpec& s) { s.terms[1].weight = 0; }},
    {"NegativeEntropy", "terms[1].weight", [](FlowSpec& s) { s.terms[1].weight = -1; }},
    {"EntropyOfParticles", "terms[1].entropy", [](FlowSpec& s) { s.model = ParticlesModel{}; }},
    {"EntropyOfAnMlp", "terms[1].entropy", [](FlowSpec& s) { s.model = MlpModel{.noise_dimension = 2}; }},
    {"NoNoise", "model.mlp.noise_dimension",
     [](FlowSpec& s) {
       s.terms.pop_back();
       s.model = MlpModel{};
     }},
    {"EmptyRange", "model.decoder.upper",
     [](FlowSpec& s) {
       s.terms.pop_back();
       s.model = DecoderModel{.lower = 1, .upper = 1};
     }},
    {"NoImage", "model.cnn",
     [](FlowSpec& s) {
       s.terms.pop_back();
       s.model = CnnModel{.height = 4, .width = 4};
     }},
    {"EmptyShape", "model.generator.parameters[1].shape",
     [](FlowSpec& s) {
       s.terms.pop_back();
       GeneratorModel generator = testing::SmallGenerator();
       generator.parameters[1].shape = {2, 0};
       s.model = generator;
     }},
    {"WrongGenerator", "model.generator.source",
     [](FlowSpec& s) {
       s.terms.pop_back();
       GeneratorModel generator = testing::SmallGenerator();
       generator.source = "def generator(z, a, w, b, v): return z";
       s.model = generator;
     }},
    {"RosenbrockOnALine", "terms[0].potential.rosenbrock",
     [](FlowSpec& s) {
       s = OrnsteinUhlenbeckSpec(1);
       s.terms[0].term = RosenbrockPotential{};
     }},
    {"FlatDoubleWell", "terms[0].potential.double_well.depth",
     [](FlowSpec& s) {
       s.terms[0].term = DoubleWellPotential{.center = {0, 0}, .depth = 0};
     }},
    {"NoBandwidth", "terms[0].interaction.gaussian.bandwidth", [](FlowSpec& s) { s.terms[0].term = GaussianInteraction{.bandwidth = 0}; }},
    {"NoMorseLength", "terms[0].interaction.morse.repulsion_length",
     [](FlowSpec& s) { s.terms[0].term = MorseInteraction{.repulsion_length = 0}; }},
    {"NanSoftening", "terms[0].interaction.keller_segel.softening",
     [](FlowSpec& s) { s.terms[0].term = KellerSegelInteraction{.softening = NAN}; }},
    {"NegativePairs", "terms[0].interaction.random_pairs", [](FlowSpec& s) { s.terms[0].term = PowerLawInteraction{.random_pairs = -1}; }},
    {"LinearDiffusion", "terms[0].porous_medium.exponent", [](FlowSpec& s) { s.terms[0].term = PorousMediumTerm{.exponent = 1}; }},
    {"NegativePorousMedium", "terms[1].weight",
     [](FlowSpec& s) {
       s.terms[1] = {-1, PorousMediumTerm{}};
     }},
    {"PorousMediumOfParticles", "terms[0].porous_medium",
     [](FlowSpec& s) {
       s.terms = {{1, PorousMediumTerm{}}};
       s.model = ParticlesModel{};
     }},
    {"MmdToOneRow", "terms[0].mmd.dataset",
     [](FlowSpec& s) {
       s.terms[0].term = EnergyDistanceTerm{MakeTable(1, 2, {1, 2})};
     }},
    {"NegativeBandwidth", "terms[0].mmd.gaussian.bandwidth",
     [](FlowSpec& s) {
       s.terms[0].term = GaussianMmdTerm{MakeTable(2, 2, {1, 2, 3, 4}), -1};
     }},
    {"RelativeEntropyToNoGaussian", "terms[0].relative_entropy.potential.quadratic.precision",
     [](FlowSpec& s) {
       s.terms[0].term = RelativeEntropyTerm{QuadraticPotential{.center = {0, 0}, .precision = {1, 2, 2, 1}}};
     }},
    {"RelativeEntropyOfParticles", "terms[0].relative_entropy",
     [](FlowSpec& s) {
       s.terms = {{1, RelativeEntropyTerm{RosenbrockPotential{}}}};
       s.model = ParticlesModel{};
     }},
    {"RepulsionAboveAttraction", "terms[0].interaction.power_law.attraction",
     [](FlowSpec& s) { s.terms[0].term = PowerLawInteraction{.attraction = 1, .repulsion = 2}; }},
    {"BadLabel", "terms[0].potential.bayesian_logistic_regression.dataset",
     [](FlowSpec& s) {
       s.terms[0].term = BayesianLogisticRegressionPotential{.table = MakeTable(2, 1, {1, 2})};
     }},
    {"TrainsOnAll", "terms[0].potential.bayesian_logistic_regression.train_fraction",
     [](FlowSpec& s) {
       s.terms[0].term = BayesianLogisticRegressionPotential{.table = MakeTable(2, 1, {1, 0}), .train_fraction = 1};
     }},
    {"NoCouplings", "model.real_nvp.couplings", [](FlowSpec& s) { s.model = RealNvpModel{.couplings = 0}; }},
    {"NoIterations", "solver.sw_jko.inner_iterations", [](FlowSpec& s) { Solver(s).inner.iterations = 0; }},
    {"NanRate", "solver.sw_jko.optimizer.adam.learning_rate", [](FlowSpec& s) { AdamOf(s).learning_rate = NAN; }},
    {"BetaOne", "solver.sw_jko.optimizer.adam.beta2", [](FlowSpec& s) { AdamOf(s).beta2 = 1; }},
    {"MomentumOne", "solver.sw_jko.optimizer.sgd.momentum", [](FlowSpec& s) { Solver(s).inner.optimizer = SgdOptions{.momentum = 1}; }},
    {"OrderThree", "solver.paired_jko.order", [](FlowSpec& s) { s.solver = PairedJkoSolver{.order = 3}; }},
    {"NegativeTolerance", "solver.paired_jko.tolerance", [](FlowSpec& s) { s.solver = PairedJkoSolver{.inner = {.tolerance = -1}}; }},
    {"NegativeStep", "sliced_step_size", [](FlowSpec& s) { s.sliced_step_size = -0.1; }},
    {"NoSteps", "num_steps", [](FlowSpec& s) { s.num_steps = 0; }},
    {"PredictionWithoutRegression", "metrics[0].held_out_prediction", [](FlowSpec& s) { s.metrics = {HeldOutPredictionMetric{}}; }},
    {"ClosedFormOfAMixture", "metrics[0].closed_form",
     [](FlowSpec& s) {
       s.metrics = {ClosedFormMetric{}};
       s.initial = UniformBox{.lower = {0, 0}, .upper = {1, 1}};
     }},
};

class ValidateTest : public ::testing::TestWithParam<Case> {};

TEST_P(ValidateTest, NamesTheField) {
  FlowSpec spec = OrnsteinUhlenbeckSpec(2);
  ASSERT_TRUE(Validate(spec).ok());
  GetParam().spoil(spec);
  const absl::Status status = Validate(spec);
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(status.message()), ::testing::StartsWith(GetParam().path + ": "));
}

INSTANTIATE_TEST_SUITE_P(Fields, ValidateTest, ::testing::ValuesIn(kCases), [](const auto& info) { return info.param.name; });

}  // namespace
}  // namespace sliceflow::engine
