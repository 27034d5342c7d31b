// The model latentFlow: its defaults, what is meant between codes, and what is refused.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/api/gate_fixture.h"

namespace sliceflow::api {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;

// A flow to images whose model has these fields, and the rest of a specification.
std::string Images(const std::string& model, const std::string& rest = "") {
  return absl::StrCat(
      "spec { dimension: 784 functional { terms { sliced_wasserstein { dataset: 'datasets/images' } } } model { latent_flow { ", model,
      " } } schedule { step_size: 1 num_steps: 3 } ", rest, "}");
}

class LatentFlowGateTest : public GateFixture {
 protected:
  v1::FlowSpec Filled(const std::string& job_text) {
    const absl::StatusOr<v1::Job> job = Check(job_text);
    EXPECT_TRUE(job.ok()) << job.status();
    return job.ok() ? job->spec() : v1::FlowSpec();
  }
};

TEST_F(LatentFlowGateTest, IsFilledInFromTheOnlyDataSet) {
  const v1::FlowSpec spec = Filled(Images("latent_dimension: 3"));
  v1::LatentFlow expected;
  ASSERT_TRUE(google::protobuf::TextFormat::ParseFromString(
      "dataset: 'datasets/images' latent_dimension: 3 hidden_width: 256 hidden_layers: 2 training_iterations: 2000 batch_size: 128 "
      "real_nvp { couplings: 4 hidden_width: 32 learned_linear: true }",
      &expected));
  EXPECT_EQ(spec.model().latent_flow().DebugString(), expected.DebugString());
  // Initial distributions are between codes.
  EXPECT_THAT(spec.initial().gaussian().mean(), ElementsAre(0, 0, 0));
  EXPECT_EQ(Filled(Images("")).model().latent_flow().latent_dimension(), 32);
  EXPECT_EQ(
      Filled("spec { dimension: 2 functional { terms { mmd { dataset: 'datasets/points' energy_distance {} } } terms { entropy {} } } "
             "model { latent_flow {} } schedule { step_size: 1 num_steps: 3 } }")
          .model()
          .latent_flow()
          .latent_dimension(),
      2);
}

TEST_F(LatentFlowGateTest, TakesADataSetToStartFromAndMetricsOfDecodedSamples) {
  EXPECT_TRUE(Check(Images("latent_dimension: 3",
                           "initial { dataset { dataset: 'datasets/images' } } output { metrics { "
                           "target_distance { dataset: 'datasets/images' } } metrics { moments {} } } "))
                  .ok());
}

class LatentFlowMistakeTest : public LatentFlowGateTest, public ::testing::WithParamInterface<std::pair<std::string, Mistake>> {};

TEST_P(LatentFlowMistakeTest, IsRefusedWithFieldAndWords) {
  const auto& [rest, mistake] = GetParam();
  v1::CreateJobRequest request = Request(Images(mistake.change));
  request.mutable_job()->MergeFrom(Request(absl::StrCat("spec { ", rest, "}")).job());
  const absl::Status status = Check(request).status();
  EXPECT_EQ(status.code(), mistake.code) << status;
  const std::vector<FieldViolation> violations = ViolationsOf(status);
  ASSERT_THAT(violations, SizeIs(1)) << status;
  EXPECT_EQ(violations[0].field, mistake.field);
  EXPECT_THAT(violations[0].description, HasSubstr(mistake.words));
}

#define MODEL "spec.model.latent_flow."

INSTANTIATE_TEST_SUITE_P(
    Fields, LatentFlowMistakeTest,
    ::testing::Values(std::pair{"", Mistake{"dataset: 'datasets/nowhere'", kNotFound, MODEL "dataset", "there is no datasets/nowhere"}},
                      std::pair{"", Mistake{"dataset: 'datasets/points'", kPrecondition, MODEL "dataset", "has 2 columns"}},
                      std::pair{"", Mistake{"dataset: 'datasets/one-image'", kPrecondition, MODEL "dataset", "needs at least 2"}},
                      std::pair{"", Mistake{"latent_dimension: 0", kInvalid, MODEL "latent_dimension", "between 1 and 512, is 0"}},
                      std::pair{"", Mistake{"latent_dimension: 600", kInvalid, MODEL "latent_dimension", "between 1 and 512, is 600"}},
                      std::pair{"", Mistake{"hidden_width: 0", kInvalid, MODEL "hidden_width", "at least 1, is 0"}},
                      std::pair{"", Mistake{"hidden_layers: 9", kExhausted, MODEL "hidden_layers", "at most 8"}},
                      std::pair{"", Mistake{"hidden_width: 4096 hidden_layers: 8", kExhausted, MODEL "hidden_width", "this server takes"}},
                      std::pair{"", Mistake{"training_iterations: 0", kInvalid, MODEL "training_iterations", "at least 1, is 0"}},
                      std::pair{"", Mistake{"training_iterations: 1000000", kExhausted, MODEL "training_iterations", "at most 100000"}},
                      std::pair{"", Mistake{"batch_size: 1", kInvalid, MODEL "batch_size", "at least 2, is 1"}},
                      std::pair{"", Mistake{"batch_size: 150000 hidden_width: 1024", kExhausted, MODEL "batch_size", "values in them"}},
                      std::pair{"", Mistake{"real_nvp { couplings: 0 }", kInvalid, MODEL "real_nvp.couplings", "at least 1, is 0"}}));

INSTANTIATE_TEST_SUITE_P(
    Beside, LatentFlowMistakeTest,
    ::testing::Values(
        std::pair{"functional { terms { potential { ring {} } } } ",
                  Mistake{"", kInvalid, "spec.functional.terms[1]", "use slicedWasserstein, mmd or entropy, or the model realNvp"}},
        std::pair{"functional { terms { interaction { power_law {} } } } ",
                  Mistake{"", kInvalid, "spec.functional.terms[1]", "flows between codes"}},
        std::pair{"functional { terms { mmd { dataset: 'datasets/other-images' energy_distance {} } } } ",
                  Mistake{"", kInvalid, MODEL "dataset", "is required where the terms of the functional do not name one"}},
        std::pair{"initial { dirac { point: [1, 2] } } ",
                  Mistake{"latent_dimension: 3", kInvalid, "spec.initial.dirac.point", "must have 3 numbers"}},
        std::pair{"solver { euler_maruyama {} } ", Mistake{"", kInvalid, "spec.solver.euler_maruyama", "needs spec.model particles"}}));

// Its target is missing besides, so two things are said.
TEST_F(LatentFlowGateTest, RefusesMetricsOfADensity) {
  const absl::Status status = Check(Images("", "output { metrics { relative_entropy_to_target {} } } ")).status();
  EXPECT_EQ(status.code(), kInvalid);
  std::vector<std::string> fields;
  for (const FieldViolation& violation : ViolationsOf(status)) fields.push_back(violation.field);
  EXPECT_THAT(fields,
              ElementsAre("spec.output.metrics[0].relative_entropy_to_target.target", "spec.output.metrics[0].relative_entropy_to_target"));
}

}  // namespace
}  // namespace sliceflow::api
