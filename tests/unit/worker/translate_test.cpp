// Every field of the contract arrives in the engine's specification.
#include "server/worker/translate.h"

#include <gmock/gmock.h>
#include <google/protobuf/util/json_util.h>
#include <gtest/gtest.h>

namespace sliceflow::worker {
namespace {

using ::testing::ElementsAre;

contract::FlowSpec FromJson(const std::string& json) {
  contract::FlowSpec spec;
  const auto status = google::protobuf::util::JsonStringToMessage(json, &spec);
  EXPECT_TRUE(status.ok()) << status.ToString();
  return spec;
}

// A complete specification whose initial distribution, terms and model are given.
contract::FlowSpec Spec(const std::string& initial, const std::string& terms, const std::string& model) {
  return FromJson(R"({"dimension": 2, "initial": {)" + initial + R"(}, "functional": {"terms": [)" + terms +
                  R"(]}, "solver": {"swJko": {"innerIterations": 11, "numProjections": 12, "batchSize": 13, "maxAttempts": 2,
                  "optimizer": {"adam": {"learningRate": 0.25, "beta1": 0.5, "beta2": 0.75}}}}, "model": {)" +
                  model + R"(}, "schedule": {"stepSize": 0.5, "clock": "WASSERSTEIN", "numSteps": 9},
                  "output": {"metrics": [{"heldOutPrediction": {}}, {"radius": {}}, {"closedForm": {}}]}, "seed": "18446744073709551615"})");
}

const char kGaussian[] = R"("gaussian": {"mean": [1, 2], "covariance": {"values": [1, 0, 0, 1]}})";
const char kEntropy[] = R"({"weight": 1.5, "entropy": {}})";
const char kParticles[] = R"("particles": {"count": 7})";

engine::FlowSpec Translate(const contract::FlowSpec& spec, const Tables& tables = {}) {
  auto translated = TranslateSpec(spec, tables);
  EXPECT_TRUE(translated.ok()) << translated.status();
  return *std::move(translated);
}

Tables OneTable() { return {{"datasets/t", std::make_shared<const engine::Table>(engine::Table{1, 2, {3, 4}})}}; }

TEST(Translate, OriginOfAFork) {
  const contract::FlowSpec spec = Spec(kGaussian, kEntropy, kParticles);
  EXPECT_FALSE(Translate(spec).origin.has_value());
  contract::ForkOrigin origin;
  origin.set_job("jobs/parent");
  origin.set_step(3);
  origin.set_sliced_time(0.75);
  const auto forked = TranslateSpec(spec, {}, origin);
  ASSERT_TRUE(forked.ok() && forked->origin.has_value()) << forked.status();
  EXPECT_EQ(forked->origin->step, 3);
  EXPECT_EQ(forked->origin->sliced_time, 0.75);
}

TEST(Translate, MetricsWithParameters) {
  contract::FlowSpec contract_spec = Spec(kGaussian, kEntropy, kParticles);
  *contract_spec.mutable_output() = FromJson(R"({"output": {"metrics": [
      {"targetDistance": {"dataset": "datasets/t", "numProjections": 31}},
      {"relativeEntropyToTarget": {"target": {"components": [{"weight": 2, "mean": [1, 2], "covariance": {"values": [3, 0, 0, 4]}}]}}},
      {"modeCoverage": {"target": {"components": [{"weight": 5, "mean": [6, 7], "covariance": {"values": [1, 0, 0, 1]}}]}}},
      {"moments": {}}]}})")
                                        .output();
  const engine::FlowSpec spec = Translate(contract_spec, OneTable());
  ASSERT_EQ(spec.metrics.size(), 4u);
  const auto& distance = std::get<engine::TargetDistanceMetric>(spec.metrics[0]);
  EXPECT_EQ(distance.num_projections, 31);
  EXPECT_EQ(distance.table->rows, 1);
  const auto& entropy = std::get<engine::RelativeEntropyToTargetMetric>(spec.metrics[1]);
  EXPECT_EQ(entropy.target.components[0].weight, 2);
  EXPECT_THAT(entropy.target.components[0].gaussian.mean, ElementsAre(1, 2));
  EXPECT_THAT(entropy.target.components[0].gaussian.covariance, ElementsAre(3, 0, 0, 4));
  EXPECT_EQ(std::get<engine::ModeCoverageMetric>(spec.metrics[2]).target.components[0].weight, 5);
  EXPECT_TRUE(std::holds_alternative<engine::MomentsMetric>(spec.metrics[3]));
  EXPECT_TRUE(absl::IsNotFound(TranslateSpec(contract_spec, {}).status()));
}

TEST(Translate, WhatAllFlowsHave) {
  const engine::FlowSpec spec = Translate(Spec(kGaussian, kEntropy, kParticles));
  EXPECT_EQ(spec.dimension, 2);
  EXPECT_EQ(spec.num_steps, 9);
  EXPECT_EQ(spec.seed, 18446744073709551615u);
  EXPECT_FALSE(spec.step_halving);
  const auto& solver = std::get<engine::SwJkoSolver>(spec.solver);
  EXPECT_EQ(solver.inner.iterations, 11);
  EXPECT_EQ(solver.num_projections, 12);
  EXPECT_EQ(solver.inner.batch_size, 13);
  EXPECT_EQ(solver.inner.max_attempts, 2);
  const auto& adam = std::get<engine::AdamOptions>(solver.inner.optimizer);
  EXPECT_EQ(adam.learning_rate, 0.25);
  EXPECT_EQ(adam.beta1, 0.5);
  EXPECT_EQ(adam.beta2, 0.75);
  ASSERT_EQ(spec.metrics.size(), 3u);
  EXPECT_TRUE(std::holds_alternative<engine::HeldOutPredictionMetric>(spec.metrics[0]));
  EXPECT_TRUE(std::holds_alternative<engine::RadiusMetric>(spec.metrics[1]));
  EXPECT_TRUE(std::holds_alternative<engine::ClosedFormMetric>(spec.metrics[2]));
  EXPECT_EQ(spec.terms[0].weight, 1.5);
  EXPECT_TRUE(std::holds_alternative<engine::EntropyTerm>(spec.terms[0].term));
}

TEST(Translate, TheClockOfTheStepSize) {
  contract::FlowSpec spec = Spec(kGaussian, kEntropy, kParticles);
  EXPECT_EQ(Translate(spec).sliced_step_size, 0.25);  // half of 0.5 in the plane
  spec.mutable_schedule()->set_clock(contract::Schedule::SLICED);
  EXPECT_EQ(Translate(spec).sliced_step_size, 0.5);
}

TEST(Translate, StepHalving) {
  contract::FlowSpec spec = Spec(kGaussian, kEntropy, kParticles);
  spec.mutable_schedule()->set_step_halving(true);
  EXPECT_TRUE(Translate(spec).step_halving);
}

TEST(Translate, LatentFlow) {
  contract::FlowSpec contract_spec =
      Spec(kGaussian, R"({"weight": 1, "slicedWasserstein": {"dataset": "datasets/t", "numProjections": 3}})",
           R"("latentFlow": {"dataset": "datasets/t", "latentDimension": 1, "hiddenWidth": 9, "hiddenLayers": 4, "trainingIterations": 5,
              "batchSize": 6, "realNvp": {"couplings": 7, "hiddenWidth": 8, "learnedLinear": true}})");
  const engine::FlowSpec spec = Translate(contract_spec, OneTable());
  ASSERT_TRUE(spec.latent.has_value());
  EXPECT_THAT(spec.latent->table->values, ElementsAre(3, 4));
  EXPECT_EQ(spec.latent->dimension, 1);
  EXPECT_EQ(spec.latent->hidden_width, 9);
  EXPECT_EQ(spec.latent->hidden_layers, 4);
  EXPECT_EQ(spec.latent->training_iterations, 5);
  EXPECT_EQ(spec.latent->batch_size, 6);
  const auto& model = std::get<engine::RealNvpModel>(spec.model);
  EXPECT_EQ(model.couplings, 7);
  EXPECT_EQ(model.hidden_width, 8);
  EXPECT_TRUE(model.learned_linear);
  EXPECT_EQ(spec.sliced_step_size, 0.5);  // the clock counts the latent dimension, 1
  EXPECT_TRUE(absl::IsNotFound(TranslateSpec(contract_spec, {}).status()));
}

TEST(Translate, InitialDistributions) {
  const auto initial = [](const std::string& json) { return Translate(Spec(json, kEntropy, kParticles), OneTable()).initial; };
  EXPECT_THAT(std::get<engine::Gaussian>(initial(kGaussian)).mean, ElementsAre(1, 2));
  EXPECT_THAT(std::get<engine::Gaussian>(initial(kGaussian)).covariance, ElementsAre(1, 0, 0, 1));
  const auto mixture = std::get<engine::GaussianMixture>(
      initial(R"("mixture": {"components": [{"weight": 2, "mean": [1, 2], "covariance": {"values": [4, 0, 0, 4]}}]})"));
  ASSERT_EQ(mixture.components.size(), 1u);
  EXPECT_EQ(mixture.components[0].weight, 2);
  EXPECT_THAT(mixture.components[0].gaussian.covariance, ElementsAre(4, 0, 0, 4));
  // Large identities are left out.
  EXPECT_THAT(std::get<engine::Gaussian>(initial(R"("gaussian": {"mean": [1, 2]})")).covariance, ElementsAre(1, 0, 0, 1));
  const auto round = std::get<engine::GaussianMixture>(initial(R"("mixture": {"components": [{"weight": 2, "mean": [1, 2]}]})"));
  EXPECT_THAT(round.components[0].gaussian.covariance, ElementsAre(1, 0, 0, 1));
  const auto box = std::get<engine::UniformBox>(initial(R"("uniformBox": {"lower": [-1, -2], "upper": [1, 2]})"));
  EXPECT_THAT(box.lower, ElementsAre(-1, -2));
  EXPECT_THAT(box.upper, ElementsAre(1, 2));
  EXPECT_THAT(std::get<engine::Dirac>(initial(R"("dirac": {"point": [5, 6]})")).point, ElementsAre(5, 6));
  const auto ring = std::get<engine::Ring>(initial(R"("ring": {"center": [1, 1], "radius": 3, "thickness": 0.5})"));
  EXPECT_THAT(ring.center, ElementsAre(1, 1));
  EXPECT_EQ(ring.radius, 3);
  EXPECT_EQ(ring.thickness, 0.5);
  EXPECT_THAT(std::get<engine::Empirical>(initial(R"("dataset": {"dataset": "datasets/t"})")).table->values, ElementsAre(3, 4));
}

TEST(Translate, ModelsWithoutADensity) {
  const auto model = [](const std::string& json) { return Translate(Spec(kGaussian, kEntropy, json)).model; };
  const auto mlp = std::get<engine::MlpModel>(model(R"("mlp": {"noiseDimension": 3, "hiddenLayers": 4, "hiddenWidth": 5})"));
  EXPECT_EQ(mlp.noise_dimension, 3);
  EXPECT_EQ(mlp.hidden_layers, 4);
  EXPECT_EQ(mlp.hidden_width, 5);
  const auto cnn = std::get<engine::CnnModel>(
      model(R"("cnn": {"height": 8, "width": 12, "channels": 3, "noiseDimension": 5, "baseChannels": 6, "lower": -1, "upper": 2})"));
  EXPECT_EQ(cnn.height, 8);
  EXPECT_EQ(cnn.width, 12);
  EXPECT_EQ(cnn.channels, 3);
  EXPECT_EQ(cnn.noise_dimension, 5);
  EXPECT_EQ(cnn.base_channels, 6);
  EXPECT_EQ(cnn.lower, -1);
  EXPECT_EQ(cnn.upper, 2);
  const auto decoder = std::get<engine::DecoderModel>(
      model(R"("decoder": {"noiseDimension": 3, "hiddenLayers": 4, "hiddenWidth": 5, "lower": -2, "upper": 6})"));
  EXPECT_EQ(decoder.noise_dimension, 3);
  EXPECT_EQ(decoder.hidden_layers, 4);
  EXPECT_EQ(decoder.hidden_width, 5);
  EXPECT_EQ(decoder.lower, -2);
  EXPECT_EQ(decoder.upper, 6);
  const auto generator = std::get<engine::GeneratorModel>(model(
      R"("generator": {"source": "def g", "noiseDimension": 7, "parameters": [{"shape": [7, 2], "initialScale": 0.5}, {"shape": [2]}]})"));
  EXPECT_EQ(generator.source, "def g");
  EXPECT_EQ(generator.noise_dimension, 7);
  ASSERT_EQ(generator.parameters.size(), 2u);
  EXPECT_THAT(generator.parameters[0].shape, ElementsAre(7, 2));
  EXPECT_EQ(generator.parameters[0].initial_scale, 0.5);
  EXPECT_THAT(generator.parameters[1].shape, ElementsAre(2));
}

TEST(Translate, Functionals) {
  const auto term = [](const std::string& json) { return Translate(Spec(kGaussian, json, kParticles), OneTable()).terms.at(0).term; };
  const auto quadratic = std::get<engine::QuadraticPotential>(
      term(R"({"weight": 1, "potential": {"quadratic": {"center": [1, 2], "precision": {"values": [3, 0, 0, 3]}}}})"));
  EXPECT_THAT(quadratic.center, ElementsAre(1, 2));
  EXPECT_THAT(quadratic.precision, ElementsAre(3, 0, 0, 3));
  const auto round = std::get<engine::QuadraticPotential>(term(R"({"weight": 1, "potential": {"quadratic": {"center": [1, 2]}}})"));
  EXPECT_THAT(round.precision, ElementsAre(1, 0, 0, 1));
  const auto mixture = std::get<engine::GaussianMixturePotential>(
      term(R"({"weight": 1, "potential": {"gaussianMixture": {"components": [{"weight": 3, "mean": [1, 2]}]}}})"));
  EXPECT_EQ(mixture.mixture.components.at(0).weight, 3);
  const auto ring =
      std::get<engine::RingPotential>(term(R"({"weight": 1, "potential": {"ring": {"center": [1, 2], "radius": 4, "stiffness": 5}}})"));
  EXPECT_EQ(ring.radius, 4);
  EXPECT_EQ(ring.stiffness, 5);
  const auto regression = std::get<engine::BayesianLogisticRegressionPotential>(term(
      R"({"weight": 1, "potential": {"bayesianLogisticRegression": {"dataset": "datasets/t", "trainFraction": 0.5, "shuffle": false,
      "batchSize": 6}}})"));
  EXPECT_EQ(regression.table->rows, 1);
  EXPECT_EQ(regression.train_fraction, 0.5);
  EXPECT_FALSE(regression.shuffle);
  EXPECT_EQ(regression.batch_size, 6);
  EXPECT_EQ(std::get<engine::ExpressionPotential>(term(R"({"weight": 1, "potential": {"expression": {"source": "def V"}}})")).source,
            "def V");
  EXPECT_EQ(std::get<engine::ExpressionInteraction>(term(R"({"weight": 1, "interaction": {"expression": {"source": "def W"}}})")).source,
            "def W");
  const auto interaction =
      std::get<engine::PowerLawInteraction>(term(R"({"weight": 1, "interaction": {"powerLaw": {"attraction": 3, "repulsion": 1}}})"));
  EXPECT_EQ(interaction.attraction, 3);
  EXPECT_EQ(interaction.repulsion, 1);
  const auto sliced = std::get<engine::SlicedWassersteinTerm>(
      term(R"({"weight": 1, "slicedWasserstein": {"dataset": "datasets/t", "numProjections": 8}})"));
  EXPECT_EQ(sliced.num_projections, 8);
  EXPECT_EQ(sliced.table->columns, 2);
}

engine::TermSpec Term(const std::string& json) {
  return Translate(Spec(kGaussian, R"({"weight": 1, )" + json + "}", kParticles), OneTable()).terms.at(0).term;
}

TEST(Translate, WellsAndValleys) {
  const auto well = std::get<engine::DoubleWellPotential>(
      Term(R"("potential": {"doubleWell": {"center": [1, 2], "distance": 3, "depth": 4, "stiffness": 5}})"));
  EXPECT_THAT(well.center, ElementsAre(1, 2));
  EXPECT_EQ(well.distance, 3);
  EXPECT_EQ(well.depth, 4);
  EXPECT_EQ(well.stiffness, 5);
  const auto valley = std::get<engine::RosenbrockPotential>(Term(R"("potential": {"rosenbrock": {"a": 2, "b": 3, "scale": 4}})"));
  EXPECT_EQ(valley.a, 2);
  EXPECT_EQ(valley.b, 3);
  EXPECT_EQ(valley.scale, 4);
}

TEST(Translate, KernelsOfInteraction) {
  const auto gaussian = std::get<engine::GaussianInteraction>(Term(R"("interaction": {"gaussian": {"bandwidth": 2}, "randomPairs": 9})"));
  EXPECT_EQ(gaussian.bandwidth, 2);
  EXPECT_EQ(gaussian.random_pairs, 9);
  const auto morse = std::get<engine::MorseInteraction>(Term(
      R"("interaction": {"morse": {"attraction": 2, "attractionLength": 3, "repulsion": 4, "repulsionLength": 5}, "randomPairs": 8})"));
  EXPECT_EQ(morse.attraction, 2);
  EXPECT_EQ(morse.attraction_length, 3);
  EXPECT_EQ(morse.repulsion, 4);
  EXPECT_EQ(morse.repulsion_length, 5);
  EXPECT_EQ(morse.random_pairs, 8);
  const auto keller_segel =
      std::get<engine::KellerSegelInteraction>(Term(R"("interaction": {"kellerSegel": {"chi": 2, "softening": 3}, "randomPairs": 7})"));
  EXPECT_EQ(keller_segel.chi, 2);
  EXPECT_EQ(keller_segel.softening, 3);
  EXPECT_EQ(keller_segel.random_pairs, 7);
  EXPECT_EQ(std::get<engine::PowerLawInteraction>(Term(R"("interaction": {"powerLaw": {}, "randomPairs": 6})")).random_pairs, 6);
}

TEST(Translate, DensitiesAndData) {
  EXPECT_EQ(std::get<engine::PorousMediumTerm>(Term(R"("porousMedium": {"exponent": 3})")).exponent, 3);
  const auto gaussian = std::get<engine::GaussianMmdTerm>(Term(R"("mmd": {"dataset": "datasets/t", "gaussian": {"bandwidth": 2}})"));
  EXPECT_EQ(gaussian.bandwidth, 2);
  EXPECT_THAT(gaussian.table->values, ElementsAre(3, 4));
  const auto energy = std::get<engine::EnergyDistanceTerm>(Term(R"("mmd": {"dataset": "datasets/t", "energyDistance": {}})"));
  EXPECT_THAT(energy.table->values, ElementsAre(3, 4));
  const auto multiquadric =
      std::get<engine::InverseMultiquadricMmdTerm>(Term(R"("mmd": {"dataset": "datasets/t", "inverseMultiquadric": {"scale": 2}})"));
  EXPECT_EQ(multiquadric.scale, 2);
  EXPECT_THAT(multiquadric.table->values, ElementsAre(3, 4));
  const auto relative = std::get<engine::RelativeEntropyTerm>(Term(R"("relativeEntropy": {"potential": {"rosenbrock": {"a": 2}}})"));
  EXPECT_EQ(std::get<engine::RosenbrockPotential>(relative.potential).a, 2);
}

TEST(Translate, Models) {
  const auto flow = std::get<engine::RealNvpModel>(
      Translate(Spec(kGaussian, kEntropy, R"("realNvp": {"couplings": 3, "hiddenWidth": 4, "learnedLinear": false})")).model);
  EXPECT_EQ(flow.couplings, 3);
  EXPECT_EQ(flow.hidden_width, 4);
  EXPECT_FALSE(flow.learned_linear);
  EXPECT_EQ(std::get<engine::ParticlesModel>(Translate(Spec(kGaussian, kEntropy, kParticles)).model).count, 7);
}

TEST(Translate, Solvers) {
  contract::FlowSpec spec = Spec(kGaussian, kEntropy, kParticles);
  contract::PairedJko& paired = *spec.mutable_solver()->mutable_paired_jko();
  paired.set_inner_iterations(9);
  paired.set_batch_size(8);
  paired.set_order(2);
  paired.set_tolerance(0.5);
  paired.set_max_attempts(4);
  paired.mutable_optimizer()->mutable_sgd()->set_learning_rate(0.25);
  paired.mutable_optimizer()->mutable_sgd()->set_momentum(0.75);
  paired.mutable_optimizer()->set_rate_schedule(contract::Optimizer::CONSTANT);
  const auto solver = std::get<engine::PairedJkoSolver>(Translate(spec).solver);
  EXPECT_EQ(solver.inner.iterations, 9);
  EXPECT_EQ(solver.inner.batch_size, 8);
  EXPECT_EQ(solver.inner.tolerance, 0.5);
  EXPECT_EQ(solver.inner.max_attempts, 4);
  EXPECT_EQ(solver.inner.rate_schedule, engine::RateSchedule::kConstant);
  EXPECT_EQ(solver.order, 2);
  const auto sgd = std::get<engine::SgdOptions>(solver.inner.optimizer);
  EXPECT_EQ(sgd.learning_rate, 0.25);
  EXPECT_EQ(sgd.momentum, 0.75);

  spec.mutable_solver()->mutable_sw_jko()->set_projection_sampling(contract::SwJko::QUASI_MONTE_CARLO);
  EXPECT_EQ(std::get<engine::SwJkoSolver>(Translate(spec).solver).projection_sampling, engine::ProjectionSampling::kQuasiMonteCarlo);
}

TEST(Translate, GridsAndTheirSolver) {
  contract::FlowSpec spec = Spec(kGaussian, kEntropy, R"("grid": {"lower": [-1, -2], "upper": [3, 4], "nodes": 50})");
  contract::EntropicJko& entropic = *spec.mutable_solver()->mutable_entropic_jko();
  entropic.set_regularization(0.5);
  entropic.set_inner_iterations(6);
  entropic.set_tolerance(0.25);
  const engine::FlowSpec translated = Translate(spec);
  const auto& grid = std::get<engine::GridModel>(translated.model);
  EXPECT_THAT(grid.lower, ElementsAre(-1, -2));
  EXPECT_THAT(grid.upper, ElementsAre(3, 4));
  EXPECT_EQ(grid.nodes, 50);
  const auto& solver = std::get<engine::EntropicJkoSolver>(translated.solver);
  EXPECT_EQ(solver.regularization, 0.5);
  EXPECT_EQ(solver.inner_iterations, 6);
  EXPECT_EQ(solver.tolerance, 0.25);
}

TEST(Translate, WhatIsMissingIsRefused) {
  EXPECT_TRUE(absl::IsNotFound(TranslateSpec(Spec(R"("dataset": {"dataset": "datasets/t"})", kEntropy, kParticles), {}).status()));
  EXPECT_TRUE(absl::IsInvalidArgument(TranslateSpec(Spec("", kEntropy, kParticles), {}).status()));
  EXPECT_TRUE(absl::IsInvalidArgument(TranslateSpec(Spec(kGaussian, "{}", kParticles), {}).status()));
  EXPECT_TRUE(absl::IsInvalidArgument(TranslateSpec(Spec(kGaussian, kEntropy, ""), {}).status()));
  contract::FlowSpec spec = Spec(kGaussian, kEntropy, kParticles);
  spec.mutable_schedule()->set_end_time(1);
  EXPECT_TRUE(absl::IsInvalidArgument(TranslateSpec(spec, {}).status()));
}

TEST(Translate, Reports) {
  engine::StepReport report;
  report.step = 3;
  report.sliced_time = 0.5;
  report.wasserstein_time = 1;
  report.energy = -2;
  report.energy_standard_error = 0.25;
  report.term_energies = {1, -3};
  report.distance_squared = 4;
  report.distance_standard_error = 5;
  report.energy_inequality = engine::EnergyInequality{6, 7, false};
  report.inner_iterations = 8;
  report.gradient_norm = 9;
  report.metrics = {{"accuracy", 0.75, 0.125}};
  EXPECT_EQ(TranslateReport(report, 10).ShortDebugString(),
            "step: 3 sliced_time: 0.5 wasserstein_time: 1 energy: -2 energy_standard_error: 0.25 term_energies: 1 term_energies: -3 "
            "distance_squared: 4 distance_standard_error: 5 energy_inequality { slack: 6 standard_error: 7 } inner_iterations: 8 "
            "gradient_norm: 9 seconds: 10 metrics { name: \"accuracy\" value: 0.75 standard_error: 0.125 } converged: true");
  EXPECT_EQ(TranslateProgress({1, 2, 3, 4.5}).ShortDebugString(), "step: 1 iteration: 2 total_iterations: 3 loss: 4.5");
}

}  // namespace
}  // namespace sliceflow::worker
