// Metrics with parameters: what is refused, and which targets the gate takes from the functional.
#include <gmock/gmock.h>

#include "tests/unit/api/gate_fixture.h"

namespace sliceflow::api {
namespace {

using ::testing::DoubleNear;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;

constexpr char kPlane[] = "spec { dimension: 2 schedule { step_size: 0.1 num_steps: 3 } ";
constexpr char kRelaxation[] =
    "functional { terms { weight: 2 potential { quadratic { center: [1, 2] precision { values: [2, 0, 0, 4] } } } } "
    "terms { weight: 6 entropy {} } } ";
constexpr char kToMixture[] =
    "functional { terms { potential { gaussian_mixture { components { weight: 3 mean: [1, 0] } components {} } } } terms { entropy {} } } ";

class MetricsGateTest : public GateFixture {
 protected:
  static std::string Job(const std::string& functional, const std::string& metric, const std::string& rest = "") {
    return absl::StrCat(kPlane, functional, "output { metrics { ", metric, " } } ", rest, "}");
  }
  v1::Metric Filled(const std::string& functional, const std::string& metric) {
    const absl::StatusOr<v1::Job> job = Check(Job(functional, metric));
    EXPECT_TRUE(job.ok()) << job.status();
    return job.ok() ? job->spec().output().metrics(0) : v1::Metric();
  }
  void ExpectRefused(const std::string& job_text, absl::StatusCode code, const std::string& field, const std::string& words) {
    const absl::Status status = Check(job_text).status();
    EXPECT_EQ(status.code(), code) << status;
    const std::vector<FieldViolation> violations = ViolationsOf(status);
    ASSERT_THAT(violations, SizeIs(1)) << status;
    EXPECT_EQ(violations[0].field, "spec.output.metrics[0]." + field);
    EXPECT_THAT(violations[0].description, HasSubstr(words));
  }
};

TEST_F(MetricsGateTest, TakesTheTargetOfARelaxation) {
  // e^{−V c₁/c₂}: the mean b, the covariance (6/2) A⁻¹.
  const v1::GaussianMixture target = Filled(kRelaxation, "relative_entropy_to_target {}").relative_entropy_to_target().target();
  ASSERT_EQ(target.components_size(), 1);
  EXPECT_THAT(target.components(0).mean(), ElementsAre(1, 2));
  EXPECT_THAT(target.components(0).covariance().values(), ElementsAre(DoubleNear(1.5, 1e-15), 0, 0, DoubleNear(0.75, 1e-15)));
}

TEST_F(MetricsGateTest, TakesTheMixtureOfThePotential) {
  for (const v1::GaussianMixture& target : {Filled(kToMixture, "relative_entropy_to_target {}").relative_entropy_to_target().target(),
                                            Filled(kToMixture, "mode_coverage {}").mode_coverage().target()}) {
    ASSERT_EQ(target.components_size(), 2);
    EXPECT_EQ(target.components(0).weight(), 3);
    EXPECT_THAT(target.components(0).mean(), ElementsAre(1, 0));
    EXPECT_THAT(target.components(1).covariance().values(), ElementsAre(1, 0, 0, 1));
  }
}

TEST_F(MetricsGateTest, TakesTheTargetOfARelativeEntropy) {
  const v1::Metric metric = Filled("functional { terms { weight: 3 relative_entropy { potential { quadratic { center: [1, 2] } } } } } ",
                                   "relative_entropy_to_target {}");
  ASSERT_EQ(metric.relative_entropy_to_target().target().components_size(), 1);
  EXPECT_THAT(metric.relative_entropy_to_target().target().components(0).mean(), ElementsAre(1, 2));
}

TEST_F(MetricsGateTest, ATargetThatIsGivenStays) {
  const v1::Metric metric = Filled(kRelaxation, "mode_coverage { target { components { mean: [5, 5] } } }");
  ASSERT_EQ(metric.mode_coverage().target().components_size(), 1);
  EXPECT_THAT(metric.mode_coverage().target().components(0).mean(), ElementsAre(5, 5));
  EXPECT_EQ(metric.mode_coverage().target().components(0).weight(), 1);
}

TEST_F(MetricsGateTest, FillsInProjections) {
  EXPECT_EQ(Filled(kRelaxation, "target_distance { dataset: 'datasets/points' }").target_distance().num_projections(), 500);
  EXPECT_TRUE(Filled(kRelaxation, "moments {}").has_moments());
}

TEST_F(MetricsGateTest, RefusesWhatHasNoTarget) {
  const auto invalid = absl::StatusCode::kInvalidArgument;
  const std::string other = "functional { terms { potential { ring {} } } terms { entropy {} } } ";
  const std::string unequal = "functional { terms { weight: 2 potential { gaussian_mixture { components {} } } } terms { entropy {} } } ";
  ExpectRefused(Job(other, "relative_entropy_to_target {}"), invalid, "relative_entropy_to_target.target", "is required: only");
  ExpectRefused(Job(unequal, "relative_entropy_to_target {}"), invalid, "relative_entropy_to_target.target", "the same weight");
  ExpectRefused(Job(other, "mode_coverage {}"), invalid, "mode_coverage.target", "it has 0");
  ExpectRefused(Job(other, "mode_coverage { target {} }"), invalid, "mode_coverage.target.components", "has 0");
  ExpectRefused(Job(other, "relative_entropy_to_target { target { components { weight: -1 } } }"), invalid,
                "relative_entropy_to_target.target.components[0].weight", "above 0");
}

TEST_F(MetricsGateTest, RefusesAnEntropyWithoutADensity) {
  const std::string particles = "functional { terms { potential { quadratic {} } } } ";
  ExpectRefused(Job(particles, "relative_entropy_to_target { target { components {} } }", "model { particles {} } "),
                absl::StatusCode::kInvalidArgument, "relative_entropy_to_target", "needs a model with a density");
}

TEST_F(MetricsGateTest, RefusesDataSetsThatAreNotThereOrDoNotFit) {
  ExpectRefused(Job(kRelaxation, "target_distance { dataset: 'datasets/nowhere' }"), absl::StatusCode::kNotFound, "target_distance.dataset",
                "there is no datasets/nowhere");
  ExpectRefused(Job(kRelaxation, "target_distance { dataset: 'datasets/images' }"), absl::StatusCode::kFailedPrecondition,
                "target_distance.dataset", "has 784 columns");
  ExpectRefused(Job(kRelaxation, "target_distance { dataset: 'datasets/points' num_projections: 0 }"), absl::StatusCode::kInvalidArgument,
                "target_distance.num_projections", "at least 1, is 0");
}

// A short request with the default precision must not become a job of a million numbers a metric.
TEST_F(MetricsGateTest, BoundsWhatTargetsAdd) {
  limits_.max_spec_bytes = 400;
  const std::string job =
      "spec { dimension: 4 schedule { step_size: 0.1 num_steps: 3 } functional { terms { potential { quadratic {} } } terms { entropy {} } "
      "} "
      "output { metrics { relative_entropy_to_target {} } } }";
  EXPECT_THAT(Check(job).status().message(), HasSubstr("relative_entropy_to_target.target"));
}

}  // namespace
}  // namespace sliceflow::api
