// Distances at the gate: what is filled in, and what each mistake gets.
#include <gmock/gmock.h>

#include "tests/unit/api/gate_fixture.h"

namespace sliceflow::api {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;

// Jobs that are only described: `flow` has a density, `swarm` and `mote` are particles, `images` a generator; all are of the plane and keep
// steps 0 and 4.
absl::StatusOr<jobs::KeptStep> FindStep(const std::string& id, std::optional<int> step) {
  jobs::KeptStep kept;
  kept.spec.set_dimension(2);
  if (id == "flow") {
    kept.spec.mutable_model()->mutable_real_nvp();
  } else if (id == "swarm") {
    kept.spec.mutable_model()->mutable_particles()->set_count(1000);
  } else if (id == "mote") {
    kept.spec.mutable_model()->mutable_particles()->set_count(1);
  } else if (id == "images") {
    kept.spec.mutable_model()->mutable_cnn();
  } else if (id == "broken") {
    return absl::UnavailableError("the store is away");
  } else {
    return ResourceNotFound("sliceflow.dev/Job", JobName(id));
  }
  kept.step = step.value_or(4);
  if (kept.step == 0 || kept.step == 4) return kept;
  return PreconditionError("CHECKPOINT_NOT_KEPT", JobName(id), "the checkpoint is not kept; steps with one, newest first: 4, 0");
}

class DistanceGateTest : public GateFixture {
 protected:
  absl::StatusOr<v1::ComputeDistanceRequest> CheckText(const std::string& text) {
    v1::ComputeDistanceRequest request;
    EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(text, &request)) << text;
    return CheckComputeDistance(std::move(request), "", FindStep, datasets_, limits_);
  }
  v1::ComputeDistanceRequest Filled(const std::string& text) {
    const absl::StatusOr<v1::ComputeDistanceRequest> filled = CheckText(text);
    EXPECT_TRUE(filled.ok()) << filled.status();
    return filled.value_or(v1::ComputeDistanceRequest());
  }
};

constexpr char kFlowToPoints[] = "first { job_step { job: 'jobs/flow' } } second { dataset: 'datasets/points' } ";
constexpr char kFlowToGaussian[] = "first { job_step { job: 'jobs/flow' } } second { gaussian {} } ";

TEST_F(DistanceGateTest, FillsInDefaultsAndTheNewestStep) {
  const v1::ComputeDistanceRequest request = Filled(absl::StrCat(kFlowToGaussian, "distance { sliced_wasserstein {} }"));
  EXPECT_EQ(request.first().job_step().step(), 4);
  EXPECT_THAT(request.second().gaussian().mean(), ElementsAre(0, 0));
  EXPECT_THAT(request.second().gaussian().covariance().values(), ElementsAre(1, 0, 0, 1));
  EXPECT_EQ(request.distance().sliced_wasserstein().order(), 2);
  EXPECT_EQ(request.distance().sliced_wasserstein().num_projections(), 1000);
  EXPECT_EQ(request.samples(), 10'000);
}

TEST_F(DistanceGateTest, DefaultSamplesFitTheKind) {
  EXPECT_EQ(Filled(absl::StrCat(kFlowToPoints, "distance { wasserstein {} }")).samples(), 2048);
  EXPECT_EQ(Filled("first { gaussian { mean: 0 } } second { gaussian { mean: 1 } } distance { wasserstein {} }").samples(), 10'000);
  EXPECT_EQ(Filled("first { dataset: 'datasets/images' } second { dataset: 'datasets/images' } distance { energy {} }").samples(),
            (1 << 22) / 784);
}

TEST_F(DistanceGateTest, AMeanOnOneSideTellsTheDimensionOfBoth) {
  const v1::ComputeDistanceRequest request =
      Filled("first { mixture { components {} } } second { gaussian { mean: [1, 2, 3] } } distance { kl {} }");
  EXPECT_THAT(request.first().mixture().components(0).mean(), ElementsAre(0, 0, 0));
  EXPECT_EQ(request.first().mixture().components(0).weight(), 1);
}

TEST_F(DistanceGateTest, FeaturesMayBeOfAnyDimensionAndWeightsOfAnyShape) {
  const v1::ComputeDistanceRequest request = Filled(
      "first { dataset: 'datasets/images' } second { dataset: 'datasets/images' } "
      "distance { frechet { features: 'def f(x, w): return x @ w' weights: 'datasets/points' } }");
  EXPECT_EQ(request.samples(), 10'000);
  EXPECT_EQ(ViolationsOf(CheckText("first { dataset: 'datasets/points' } second { dataset: 'datasets/points' } distance { frechet { "
                                   "features: 'f' weights: [" +
                                   [] {
                                     std::string names;
                                     for (int i = 0; i < 17; ++i) absl::StrAppend(&names, i > 0 ? ", " : "", "'datasets/points'");
                                     return names;
                                   }() +
                                   "] } }")
                             .status())[0]
                .description,
            "must be at most 16, are 17");
}

TEST_F(DistanceGateTest, IdentitiesMayBeLargeButNotAnyLarger) {
  const auto from_origin = [this](int dimension) {
    v1::ComputeDistanceRequest request;
    request.mutable_first()->mutable_gaussian()->mutable_mean()->Resize(dimension, 1);
    request.mutable_second()->mutable_gaussian();
    request.mutable_distance()->mutable_kl();
    return CheckComputeDistance(std::move(request), "", FindStep, datasets_, limits_);
  };
  ASSERT_TRUE(from_origin(1448).ok()) << from_origin(1448).status();
  EXPECT_FALSE(from_origin(1448)->second().gaussian().has_covariance());
  EXPECT_EQ(from_origin(1449).status().code(), absl::StatusCode::kResourceExhausted);
}

TEST_F(DistanceGateTest, WeightsOfAMixtureHaveAFiniteSum) {
  const absl::Status status = CheckText(
                                  "first { mixture { components { weight: 1e308 mean: 0 } components { weight: 1e308 } } } "
                                  "second { gaussian {} } distance { kl {} }")
                                  .status();
  ASSERT_THAT(ViolationsOf(status), ::testing::SizeIs(2)) << status;
  EXPECT_EQ(ViolationsOf(status)[0].field, "first.mixture.components[0].weight");
}

TEST_F(DistanceGateTest, SaysEverythingAtOnce) {
  const absl::Status status = CheckText("first { dataset: 'datasets/nowhere' } samples: 1").status();
  EXPECT_EQ(status.code(), kInvalid);
  EXPECT_THAT(ViolationsOf(status), SizeIs(4)) << status;
}

TEST_F(DistanceGateTest, AStoreThatIsAwayIsNotTheAskersMistake) {
  const absl::Status status =
      CheckText("first { job_step { job: 'jobs/broken' } } second { gaussian { mean: [0, 0] } } distance { bures {} }").status();
  EXPECT_TRUE(absl::IsUnavailable(status)) << status;
}

TEST_F(DistanceGateTest, NamesTheResourceThatIsMissing) {
  const absl::Status status = CheckText("first { job_step { job: 'jobs/gone' } } second { gaussian {} } distance { energy {} }").status();
  EXPECT_EQ(Reason(status), "RESOURCE_NOT_FOUND");
  const absl::Status unkept =
      CheckText("first { job_step { job: 'jobs/flow' step: 3 } } second { gaussian { mean: [0, 0] } } distance { energy {} }").status();
  EXPECT_EQ(Reason(unkept), "CHECKPOINT_NOT_KEPT");
}

// A whole request with one mistake, and what it is answered with.
struct Mistake {
  const char* request;
  absl::StatusCode code;
  const char* field;
  const char* words;
};

void PrintTo(const Mistake& mistake, std::ostream* out) { *out << mistake.field << " by " << mistake.request; }

class DistanceMistakeTest : public DistanceGateTest, public ::testing::WithParamInterface<Mistake> {};

TEST_P(DistanceMistakeTest, IsRefusedWithFieldAndWords) {
  const Mistake& mistake = GetParam();
  const absl::Status status = CheckText(mistake.request).status();
  EXPECT_EQ(status.code(), mistake.code) << status;
  const std::vector<FieldViolation> violations = ViolationsOf(status);
  ASSERT_THAT(violations, SizeIs(1)) << status;
  EXPECT_EQ(violations[0].field, mistake.field);
  EXPECT_THAT(violations[0].description, HasSubstr(mistake.words));
  EXPECT_FALSE(Reason(status).empty());
}

#define POINTS "{ dataset: 'datasets/points' } "
#define GAUSSIAN "{ gaussian { mean: [0, 0] } } "

INSTANTIATE_TEST_SUITE_P(
    Operands, DistanceMistakeTest,
    ::testing::Values(Mistake{"second " POINTS "distance { bures {} }", kInvalid, "first", "must name a distribution: jobStep, dataset"},
                      Mistake{"first " POINTS "second {} distance { bures {} }", kInvalid, "second", "must name a distribution"},
                      Mistake{"first { job_step { job: 'jobs/gone' } } second " POINTS "distance { bures {} }", kNotFound,
                              "first.job_step.job", "there is no jobs/gone"},
                      Mistake{"first { job_step {} } second " POINTS "distance { bures {} }", kInvalid, "first.job_step.job",
                              "is required"},
                      Mistake{"first { job_step { job: 'flow' } } second " POINTS "distance { bures {} }", kInvalid, "first.job_step.job",
                              "must be jobs/ID"},
                      Mistake{"first { job_step { job: 'jobs/flow' step: 3 } } second " POINTS "distance { bures {} }", kPrecondition,
                              "first.job_step.step", "steps with one, newest first: 4, 0"},
                      Mistake{"first { job_step { job: 'jobs/flow' step: -1 } } second " POINTS "distance { bures {} }", kInvalid,
                              "first.job_step.step", "at least 0, is -1"},
                      Mistake{"first { job_step { job: 'jobs/mote' } } second " POINTS "distance { bures {} }", kPrecondition,
                              "first.job_step.job", "has one particle"},
                      Mistake{"first " POINTS "second { dataset: 'datasets/nowhere' } distance { bures {} }", kNotFound, "second.dataset",
                              "there is no datasets/nowhere"},
                      Mistake{"first { dataset: 'datasets/single' } second { dataset: 'datasets/table' } distance { bures {} }",
                              kPrecondition, "first.dataset", "has one row"},
                      Mistake{"first " POINTS "second { dataset: 'datasets/table' } distance { bures {} }", kInvalid, "second",
                              "must be of the dimension 2 of first, datasets/table is of dimension 9"},
                      Mistake{"first { gaussian { mean: [1, 2, 3] } } second " POINTS "distance { bures {} }", kInvalid,
                              "first.gaussian.mean", "must have 2 numbers, one for each dimension; has 3"},
                      Mistake{"first { gaussian { mean: [0] } } second { gaussian { mean: [0, 0] } } distance { bures {} }", kInvalid,
                              "second.gaussian.mean", "must have 1 numbers"},
                      Mistake{"first { gaussian {} } second { mixture { components {} } } distance { bures {} }", kInvalid, "first",
                              "must give a mean: neither side tells the dimension"},
                      Mistake{"first { mixture {} } second " POINTS "distance { bures {} }", kInvalid, "first.mixture.components", "has 0"},
                      Mistake{"first { gaussian { covariance { values: [1, 2, 2, 1] } } } second " POINTS "distance { bures {} }", kInvalid,
                              "first.gaussian.covariance.values", "smallest eigenvalue is -1"}));

INSTANTIATE_TEST_SUITE_P(
    Kinds, DistanceMistakeTest,
    ::testing::Values(
        Mistake{"first " POINTS "second " POINTS, kInvalid, "distance", "must name a distance: slicedWasserstein, wasserstein"},
        Mistake{"first " POINTS "second " GAUSSIAN "distance { kl {} }", kInvalid, "first",
                "has no density, which kl needs: datasets/points is a data set"},
        Mistake{"first " GAUSSIAN "second { job_step { job: 'jobs/swarm' } } distance { symmetric_kl {} }", kInvalid, "second",
                "has no density, which symmetricKl needs: jobs/swarm is a job with the model particles"},
        Mistake{"first { job_step { job: 'jobs/images' } } second " GAUSSIAN "distance { kl {} }", kInvalid, "first",
                "jobs/images is a job with the model cnn"},
        Mistake{"first " POINTS "second " POINTS "distance { frechet { weights: 'datasets/table' } }", kInvalid, "distance.frechet.weights",
                "are arguments of features, of which there are none"},
        Mistake{"first " POINTS "second " POINTS "distance { frechet { features: 'f' weights: 'datasets/nowhere' } }", kNotFound,
                "distance.frechet.weights[0]", "there is no datasets/nowhere"},
        Mistake{"first " POINTS "second " POINTS "distance { frechet { features: 'f' weights: 'datasets/points' weights: 'table' } }",
                kInvalid, "distance.frechet.weights[1]", "must be datasets/ID"},
        Mistake{"first " POINTS "second " POINTS "distance { frechet { features: 'f' weights: 'datasets/huge' } }", kPrecondition,
                "distance.frechet.weights[0]", "has 6000 rows of 784 numbers; a weight has at most 4194304 numbers"},
        Mistake{"first { dataset: 'datasets/images' } second { dataset: 'datasets/images' } distance { frechet {} }", kExhausted,
                "distance.frechet", "its dimension must be at most 512, is 784"},
        Mistake{"first " POINTS "second " POINTS "distance { sliced_wasserstein { order: 0.5 } }", kInvalid,
                "distance.sliced_wasserstein.order", "at least 1 and at most 16, is 0.5"},
        Mistake{"first " POINTS "second " POINTS "distance { sliced_wasserstein { order: nan } }", kInvalid,
                "distance.sliced_wasserstein.order", "is nan"},
        Mistake{"first " POINTS "second " POINTS "distance { sliced_wasserstein { num_projections: 0 } }", kInvalid,
                "distance.sliced_wasserstein.num_projections", "at least 1, is 0"},
        Mistake{"first " POINTS "second " POINTS "distance { sliced_wasserstein { num_projections: 1000000 } }", kExhausted,
                "distance.sliced_wasserstein.num_projections", "at most 100000 on this server"},
        Mistake{"first " POINTS "second " POINTS "distance { mmd { bandwidth: 0 } }", kInvalid, "distance.mmd.bandwidth", "above 0, is 0"},
        Mistake{"first { dataset: 'datasets/images' } second { dataset: 'datasets/images' } distance { bures {} }", kExhausted,
                "distance.bures", "its dimension must be at most 512, is 784"},
        Mistake{"first { dataset: 'datasets/images' } second { dataset: 'datasets/images' } distance { gaussian_symmetric_kl {} }",
                kExhausted, "distance.gaussian_symmetric_kl", "use slicedWasserstein"}));

INSTANTIATE_TEST_SUITE_P(
    Samples, DistanceMistakeTest,
    ::testing::Values(
        Mistake{"first " POINTS "second " POINTS "distance { energy {} } samples: 1", kInvalid, "samples", "at least 2, is 1"},
        Mistake{"first " POINTS "second " POINTS "distance { energy {} } samples: -5", kInvalid, "samples", "at least 2, is -5"},
        Mistake{"first " POINTS "second " POINTS "distance { wasserstein {} } samples: 2049", kExhausted, "samples",
                "at most 2048 on this server, is 2049"},
        Mistake{"first " POINTS "second " POINTS "distance { mmd {} } samples: 20001", kExhausted, "samples", "at most 20000"},
        Mistake{"first " POINTS "second " POINTS "distance { bures {} } samples: 100001", kExhausted, "samples", "at most 100000"},
        Mistake{"first " POINTS "second " POINTS "distance { sliced_wasserstein { num_projections: 100000 } } samples: 3000", kExhausted,
                "samples", "at most 2684"}));

}  // namespace
}  // namespace sliceflow::api
