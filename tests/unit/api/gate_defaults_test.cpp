// What passes the gate: complete, and otherwise as it was sent.
#include <gmock/gmock.h>

#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "tests/unit/api/gate_fixture.h"

namespace sliceflow::api {
namespace {

using ::testing::ElementsAre;

class GateDefaultsTest : public GateFixture {};

// The defaults are those in the comments of the contract.
TEST_F(GateDefaultsTest, TheSmallestJobIsFilledIn) {
  const v1::Job job = Check(kSmallest).value();
  v1::Job expected;
  ASSERT_TRUE(google::protobuf::TextFormat::ParseFromString(R"(
    spec {
      dimension: 2
      initial { gaussian { mean: [0, 0] covariance { values: [1, 0, 0, 1] } } }
      functional { terms { weight: 1 potential { quadratic { center: [0, 0] precision { values: [1, 0, 0, 1] } } } } }
      solver { sw_jko { inner_iterations: 200 num_projections: 50 batch_size: 1024 max_attempts: 3 order: 2 tolerance: 0
                        projection_sampling: AUTOMATIC
                        control_variate: false
                        variant: SLICED
                        optimizer { adam { learning_rate: 0.005 beta1: 0.9 beta2: 0.999 } rate_schedule: COSINE } } }
      model { real_nvp { couplings: 4 hidden_width: 32 learned_linear: true } }
      schedule { step_size: 0.1 clock: WASSERSTEIN num_steps: 3 }
      output { samples_per_step: 1000 checkpoint_every: 1 }
    }
    progress { total_steps: 3 }
    device: "any")",
                                                            &expected));
  *expected.mutable_memory() = job.memory();
  EXPECT_EQ(job.DebugString(), expected.DebugString());
}

TEST_F(GateDefaultsTest, DirectionsAreTwiceTheDimensionWithinBounds) {
  for (const auto& [dimension, projections] : {std::pair{1, 50}, {25, 50}, {26, 52}, {50, 100}, {784, 100}}) {
    const std::string job = absl::StrCat("spec { dimension: ", dimension,
                                         " functional { terms { potential { quadratic {} } } } solver { sw_jko {} } model { particles {} } "
                                         "schedule { step_size: 0.1 num_steps: 3 } }");
    EXPECT_EQ(Check(job).value().spec().solver().sw_jko().num_projections(), projections) << dimension;
  }
}

// What is fitted to data has as many directions as the solver, but 100 at least.
TEST_F(GateDefaultsTest, ATermOnDataHasAHundredDirectionsAtLeast) {
  const v1::FlowSpec spec =
      Check(
          "spec { dimension: 2 functional { terms { sliced_wasserstein { dataset: 'datasets/points' } } } model { particles {} } "
          "solver { sw_jko { num_projections: 77 } } schedule { step_size: 1 num_steps: 1 } }")
          .value()
          .spec();
  EXPECT_EQ(spec.functional().terms(0).sliced_wasserstein().num_projections(), 100);
  EXPECT_EQ(spec.solver().sw_jko().num_projections(), 77);
}

TEST_F(GateDefaultsTest, EveryKindHasItsDefaults) {
  const v1::FlowSpec spec =
      Check(
          "spec { dimension: 2 initial { ring {} } model { particles {} } functional { "
          "terms { interaction { power_law {} } } terms { potential { ring {} } } "
          "terms { potential { gaussian_mixture { components {} } } } terms { sliced_wasserstein { dataset: 'datasets/points' } } } "
          "solver { sw_jko { num_projections: 177 } } schedule { step_size: 1 clock: SLICED num_steps: 1 } }")
          .value()
          .spec();
  EXPECT_DOUBLE_EQ(spec.initial().ring().radius(), 1);
  EXPECT_DOUBLE_EQ(spec.initial().ring().thickness(), 0.1);
  EXPECT_EQ(spec.model().particles().count(), 1000);
  const auto& terms = spec.functional().terms();
  EXPECT_DOUBLE_EQ(terms[0].interaction().power_law().attraction(), 4);
  EXPECT_DOUBLE_EQ(terms[0].interaction().power_law().repulsion(), 2);
  EXPECT_DOUBLE_EQ(terms[1].potential().ring().stiffness(), 10);
  EXPECT_DOUBLE_EQ(terms[2].potential().gaussian_mixture().components(0).weight(), 1);
  EXPECT_THAT(terms[2].potential().gaussian_mixture().components(0).covariance().values(), ElementsAre(1, 0, 0, 1));
  EXPECT_EQ(terms[3].sliced_wasserstein().num_projections(), 177);
  EXPECT_EQ(spec.schedule().clock(), v1::Schedule::SLICED);
}

TEST_F(GateDefaultsTest, PotentialsAndKernelsHaveTheirDefaults) {
  const v1::Functional functional =
      Check(
          "spec { dimension: 2 functional { terms { potential { double_well {} } } terms { potential { rosenbrock {} } } "
          "terms { interaction { gaussian {} } } terms { interaction { morse {} } } terms { interaction { keller_segel {} } } } "
          "schedule { step_size: 1 num_steps: 1 } }")
          .value()
          .spec()
          .functional();
  v1::Functional expected;
  ASSERT_TRUE(google::protobuf::TextFormat::ParseFromString(R"(
    terms { weight: 1 potential { double_well { center: [0, 0] distance: 1 depth: 1 stiffness: 1 } } }
    terms { weight: 1 potential { rosenbrock { a: 1 b: 100 scale: 0.05 } } }
    terms { weight: 1 interaction { gaussian { bandwidth: 1 } random_pairs: 0 } }
    terms { weight: 1 interaction { morse { attraction: 1 attraction_length: 1 repulsion: 2 repulsion_length: 0.5 } random_pairs: 0 } }
    terms { weight: 1 interaction { keller_segel { chi: 1 softening: 0.001 } random_pairs: 0 } })",
                                                            &expected));
  EXPECT_EQ(functional.DebugString(), expected.DebugString());
}

TEST_F(GateDefaultsTest, DensitiesAndDataHaveTheirDefaults) {
  const v1::Functional functional =
      Check(
          "spec { dimension: 2 functional { terms { porous_medium {} } terms { relative_entropy { potential { ring {} } } } "
          "terms { mmd { dataset: 'datasets/points' } } terms { mmd { dataset: 'datasets/points' energy_distance {} } } "
          "terms { mmd { dataset: 'datasets/points' inverse_multiquadric {} } } } schedule { step_size: 1 num_steps: 1 } }")
          .value()
          .spec()
          .functional();
  v1::Functional expected;
  ASSERT_TRUE(google::protobuf::TextFormat::ParseFromString(R"(
    terms { weight: 1 porous_medium { exponent: 2 } }
    terms { weight: 1 relative_entropy { potential { ring { center: [0, 0] radius: 1 stiffness: 10 } } } }
    terms { weight: 1 mmd { dataset: 'datasets/points' gaussian { bandwidth: 0 } } }
    terms { weight: 1 mmd { dataset: 'datasets/points' energy_distance {} } }
    terms { weight: 1 mmd { dataset: 'datasets/points' inverse_multiquadric { scale: 0 } } })",
                                                            &expected));
  EXPECT_EQ(functional.DebugString(), expected.DebugString());
}

// The posterior may stand in a relative entropy; what is predicted with it is the same.
TEST_F(GateDefaultsTest, PredictionFindsThePosteriorInARelativeEntropy) {
  const absl::StatusOr<v1::Job> job = Check(
      "spec { dimension: 10 functional { terms { relative_entropy { potential { bayesian_logistic_regression { dataset: "
      "'datasets/table' } } } } } schedule { step_size: 0.1 num_steps: 1 } output { metrics { held_out_prediction {} } } }");
  EXPECT_TRUE(job.ok()) << job.status();
}

TEST_F(GateDefaultsTest, RegressionTakesOneDimensionMoreThanColumns) {
  const v1::FlowSpec spec = Check(
                                "spec { dimension: 10 functional { terms { potential { bayesian_logistic_regression { dataset: "
                                "'datasets/table' } } } terms { entropy {} } } "
                                "schedule { step_size: 0.1 num_steps: 1 } output { metrics { held_out_prediction {} } } }")
                                .value()
                                .spec();
  const auto& regression = spec.functional().terms(0).potential().bayesian_logistic_regression();
  EXPECT_DOUBLE_EQ(regression.train_fraction(), 0.8);
  EXPECT_TRUE(regression.shuffle());
  EXPECT_EQ(regression.batch_size(), 0);
}

TEST_F(GateDefaultsTest, FewParticlesAreAllStored) {
  const v1::Job job = Check(
                          "spec { dimension: 2 model { particles { count: 300 } } functional { terms { potential { quadratic {} } } } "
                          "schedule { step_size: 0.1 num_steps: 1 } }")
                          .value();
  EXPECT_EQ(job.spec().output().samples_per_step(), 300);
}

TEST_F(GateDefaultsTest, WhatIsCompletePassesUnchanged) {
  const v1::Job once = Check(kSmallest).value();
  v1::CreateJobRequest request;
  *request.mutable_job() = once;
  EXPECT_EQ(Check(request).value().DebugString(), once.DebugString());
}

TEST_F(GateDefaultsTest, WhatTheServerSaysIsNotTakenFromTheRequest) {
  v1::CreateJobRequest request = Request(kSmallest);
  request.mutable_job()->set_name("jobs/mine");
  request.mutable_job()->set_state(v1::Job::SUCCEEDED);
  request.mutable_job()->set_owner("root");
  request.mutable_job()->set_etag("1");
  request.mutable_job()->mutable_error()->set_code(3);
  request.mutable_job()->set_display_name("a title");
  (*request.mutable_job()->mutable_labels())["team"] = "flows";
  const v1::Job job = Check(request).value();
  EXPECT_EQ(job.name(), "");
  EXPECT_EQ(job.state(), v1::Job::STATE_UNSPECIFIED);
  EXPECT_EQ(job.owner(), "");
  EXPECT_EQ(job.etag(), "");
  EXPECT_FALSE(job.has_error());
  EXPECT_EQ(job.display_name(), "a title");
  EXPECT_EQ(job.labels().at("team"), "flows");
}

struct Length {
  double step_size;
  double end_time;
  int steps;
};

class TotalStepsTest : public GateFixture, public ::testing::WithParamInterface<Length> {};

TEST_P(TotalStepsTest, IsTheLeastThatReachesTheEnd) {
  v1::CreateJobRequest request = Request(kSmallest);
  request.mutable_job()->mutable_spec()->mutable_schedule()->set_step_size(GetParam().step_size);
  request.mutable_job()->mutable_spec()->mutable_schedule()->set_end_time(GetParam().end_time);
  const v1::Job job = Check(request).value();
  EXPECT_EQ(job.progress().total_steps(), GetParam().steps);
  EXPECT_DOUBLE_EQ(job.spec().schedule().end_time(), GetParam().end_time);  // kept as it was asked for
}

// 0.9 / 0.1 and 0.3 / 0.1 come out beside whole numbers in binary.
INSTANTIATE_TEST_SUITE_P(All, TotalStepsTest,
                         ::testing::Values(Length{0.1, 0.9, 9}, Length{0.1, 0.3, 3}, Length{0.1, 0.31, 4}, Length{1, 0.5, 1},
                                           Length{0.1, 10'000, 100'000}, Length{1, 1e-12, 1}));

TEST_F(GateDefaultsTest, TheClosedFormIsKnownForTheProcessAlone) {
  const char* process =
      "spec { dimension: 2 functional { terms { entropy {} } terms { weight: 0.5 potential { quadratic {} } } } "
      "schedule { step_size: 0.1 num_steps: 1 } output { metrics { closed_form {} } metrics { radius {} } } }";
  EXPECT_TRUE(Check(process).ok()) << Check(process).status();
}

TEST_F(GateDefaultsTest, ALargeFlowOfParticlesPasses) {
  const char* digits =
      "spec { dimension: 784 initial { uniform_box {} } functional { terms { sliced_wasserstein { dataset: 'datasets/images' } } } "
      "model { particles { count: 300 } } schedule { step_size: 1 clock: SLICED num_steps: 8 } }";
  EXPECT_TRUE(Check(digits).ok()) << Check(digits).status();
}

}  // namespace
}  // namespace sliceflow::api
