// Numbers that float32 cannot hold, and identities too large to be filled in.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/api/gate_fixture.h"

namespace sliceflow::api {
namespace {

using ::testing::HasSubstr;
using ::testing::SizeIs;

class NumbersGateTest : public GateFixture, public ::testing::WithParamInterface<Mistake> {};

class LargeNumbersTest : public GateFixture {};

TEST_P(NumbersGateTest, IsRefusedWithFieldAndWords) { ExpectRefused(GetParam()); }

#define INITIAL(FIELDS) "spec { initial { " FIELDS " } }"
#define TERM(FIELDS) "spec { functional { terms { " FIELDS " } } }"

INSTANTIATE_TEST_SUITE_P(
    Initial, NumbersGateTest,
    ::testing::Values(
        Mistake{INITIAL("gaussian { mean: [0, 1e39] }"), kInvalid, "spec.initial.gaussian.mean[1]", "between -1e+15 and 1e+15, is 1e+39"},
        Mistake{INITIAL("gaussian { covariance { values: [1e300, 0, 0, 1e300] } }"), kInvalid, "spec.initial.gaussian.covariance.values[0]",
                "between -1e+15 and 1e+15, is 1e+300"},
        Mistake{INITIAL("gaussian { covariance { values: [1e-300, 0, 0, 1e-300] } }"), kInvalid, "spec.initial.gaussian.covariance.values",
                "eigenvalues between 1e-15 and 1e+15; they go from 1e-300 to 1e-300"},
        Mistake{INITIAL("gaussian { covariance { values: [9e14, 8e14, 8e14, 9e14] } }"), kInvalid,
                "spec.initial.gaussian.covariance.values", "they go from 1e+14 to 1.7e+15"},
        Mistake{INITIAL("mixture { components { weight: 1e308 } components {} }"), kInvalid, "spec.initial.mixture.components[0].weight",
                "must be between 1e-15 and 1e+15, is 1e+308"},
        Mistake{INITIAL("mixture { components { weight: 1e-200 } components {} }"), kInvalid, "spec.initial.mixture.components[0].weight",
                "must be between 1e-15 and 1e+15, is 1e-200"},
        Mistake{INITIAL("uniform_box { lower: [1, 0] upper: [1.000000001, 1] }"), kInvalid, "spec.initial.uniform_box.upper[0]",
                "must be above lower[0] = 1 by what float32 can tell"},
        Mistake{INITIAL("ring { radius: 1e200 }"), kInvalid, "spec.initial.ring.radius", "is 1e+200"},
        Mistake{INITIAL("ring { thickness: 1e-30 }"), kInvalid, "spec.initial.ring.thickness", "must be 0 or between 1e-15 and 1e+15"},
        Mistake{INITIAL("dirac { point: [-1e20, 0] }"), kInvalid, "spec.initial.dirac.point[0]", "is -1e+20"}));

INSTANTIATE_TEST_SUITE_P(
    Functional, NumbersGateTest,
    ::testing::Values(
        Mistake{TERM("weight: 1e200 potential { quadratic {} }"), kInvalid, "spec.functional.terms[0].weight",
                "must be of a magnitude between 1e-15 and 1e+15, is 1e+200"},
        Mistake{TERM("weight: -1e-200 potential { quadratic {} }"), kInvalid, "spec.functional.terms[0].weight", "is -1e-200"},
        Mistake{TERM("potential { quadratic { precision { values: [1e-300, 0, 0, 1e-300] } } }"), kInvalid,
                "spec.functional.terms[0].potential.quadratic.precision.values", "eigenvalues between 1e-15"},
        Mistake{TERM("potential { rosenbrock { a: 1e38 } }"), kInvalid, "spec.functional.terms[0].potential.rosenbrock.a", "is 1e+38"},
        Mistake{TERM("interaction { morse { repulsion: 1e300 } }"), kInvalid, "spec.functional.terms[0].interaction.morse.repulsion",
                "must be 0 or between 1e-15 and 1e+15, is 1e+300"},
        Mistake{TERM("interaction { power_law { repulsion: 1e-300 } }"), kInvalid,
                "spec.functional.terms[0].interaction.power_law.repulsion", "must be between 1e-15 and 1e+15, is 1e-300"},
        Mistake{TERM("mmd { dataset: 'datasets/points' gaussian { bandwidth: 1e-300 } }"), kInvalid,
                "spec.functional.terms[0].mmd.gaussian.bandwidth", "must be 0 or between 1e-15 and 1e+15, is 1e-300"},
        Mistake{"spec { schedule { step_size: 1e-300 } }", kInvalid, "spec.schedule.step_size", "must be between 1e-15 and 1e+06"},
        Mistake{"spec { model { decoder { lower: -1e300 } } }", kInvalid, "spec.model.decoder.lower", "is -1e+300"},
        Mistake{"spec { functional { terms { weight: 1e12 entropy {} } terms { weight: 1e-12 potential { quadratic {} } } } "
                "output { metrics { relative_entropy_to_target {} } } }",
                kInvalid, "spec.output.metrics[0].relative_entropy_to_target.target", "covariance has entries up to 1e+24"}));
#undef TERM

// What is at the bound is taken, and a mean's coordinate may be as small as rounding leaves it.
TEST_F(LargeNumbersTest, TheBoundsAreInside) {
  v1::CreateJobRequest request = Request(kSmallest);
  request.mutable_job()->MergeFrom(Request(INITIAL("mixture { components { weight: 1e15 mean: [1e15, 6e-17] } "
                                                   "components { weight: 1e-15 covariance { values: [1e-15, 0, 0, 1e-15] } } }"))
                                       .job());
  EXPECT_TRUE(Check(request).ok()) << Check(request).status();
}
#undef INITIAL

// Three flows side by side keep seven times the maps of one: one chain of 5000 maps is within the bound, and of 700 too.
TEST_F(LargeNumbersTest, StepHalvingCountsTheMapsOfAllItsFlows) {
  const auto check = [this](const char* schedule) {
    return Check(
               absl::StrCat("spec { dimension: 2 functional { terms { entropy {} } } model { icnn {} } solver { jko_icnn {} } schedule { ",
                            "step_size: 0.1 ", schedule, " } }"))
        .status();
  };
  EXPECT_TRUE(check("num_steps: 5000").ok()) << check("num_steps: 5000");
  EXPECT_TRUE(check("num_steps: 700 step_halving: true").ok());
  const absl::Status refused = check("num_steps: 5000 step_halving: true");
  EXPECT_EQ(refused.code(), kExhausted);
  ASSERT_THAT(ViolationsOf(refused), SizeIs(1));
  EXPECT_EQ(ViolationsOf(refused)[0].field, "spec.schedule");
  EXPECT_THAT(ViolationsOf(refused)[0].description, HasSubstr("three chains of together 35000 maps"));
}

constexpr char kPixels[] =
    "spec { dimension: 4096 functional { terms { potential { quadratic {} } } terms { entropy {} } } "
    "schedule { step_size: 0.1 num_steps: 1 } output { samples_per_step: 10 metrics { closed_form {} } } }";

// What is left out stays so, also when the answer is sent again.
TEST_F(LargeNumbersTest, LargeIdentitiesAreLeftOut) {
  const absl::StatusOr<v1::Job> job = Check(kPixels);
  ASSERT_TRUE(job.ok()) << job.status();
  EXPECT_THAT(job->spec().initial().gaussian().mean(), SizeIs(4096));
  EXPECT_FALSE(job->spec().initial().gaussian().has_covariance());
  EXPECT_FALSE(job->spec().functional().terms(0).potential().quadratic().has_precision());
  v1::CreateJobRequest again;
  *again.mutable_job() = *job;
  ASSERT_TRUE(Check(again).ok()) << Check(again).status();
  EXPECT_EQ(Check(again)->spec().DebugString(), job->spec().DebugString());
}

TEST_F(LargeNumbersTest, TheTargetOfALargeFlowIsKnownAsWell) {
  const absl::StatusOr<v1::Job> job = Check(
      "spec { dimension: 1024 functional { terms { relative_entropy { potential { quadratic {} } } } } "
      "schedule { step_size: 0.1 num_steps: 1 } output { metrics { relative_entropy_to_target {} } } }");
  ASSERT_TRUE(job.ok()) << job.status();
  const auto& component = job->spec().output().metrics(0).relative_entropy_to_target().target().components(0);
  EXPECT_THAT(component.mean(), SizeIs(1024));
  EXPECT_FALSE(component.has_covariance());
}

TEST_F(LargeNumbersTest, AWorkerNeedNotHoldManyLargeIdentities) {
  v1::CreateJobRequest request = Request(kPixels);
  request.mutable_job()->mutable_spec()->mutable_output()->clear_metrics();
  request.mutable_job()->mutable_spec()->mutable_functional()->add_terms()->mutable_potential()->mutable_quadratic();
  const absl::Status status = Check(request).status();
  EXPECT_EQ(status.code(), kExhausted) << status;
  ASSERT_FALSE(ViolationsOf(status).empty());
  EXPECT_EQ(ViolationsOf(status)[0].field, "spec.functional.terms[2].potential.quadratic.precision");
  EXPECT_THAT(ViolationsOf(status)[0].description, HasSubstr("uniformBox"));
}

// Advice is of a combination that passes with the same functional.
class AdviceTest : public GateFixture {
 protected:
  absl::Status Answer(const std::string& rest, const char* schedule = "") {
    return Check(absl::StrCat("spec { dimension: 2 schedule { step_size: 0.1 num_steps: 1 ", schedule, " } ", rest, " }")).status();
  }
  std::string AdviceFor(const std::string& field, const std::string& rest, const char* schedule = "") {
    for (const FieldViolation& violation : ViolationsOf(Answer(rest, schedule))) {
      if (violation.field == field) return violation.description;
    }
    return "";
  }
};

TEST_F(AdviceTest, MalaIsReplacedByTheKindOfTerm) {
  const std::string porous = "functional { terms { entropy {} } terms { porous_medium {} } } ";
  EXPECT_THAT(AdviceFor("spec.solver.mala", porous + "model { particles {} } solver { mala {} }"),
              HasSubstr("spec.functional.terms[1] does not leave; with such a term use pairedJko with the model realNvp"));
  EXPECT_TRUE(Answer(porous + "model { real_nvp {} } solver { paired_jko {} }").ok());

  const std::string attracted = "functional { terms { entropy {} } terms { interaction { power_law {} } } } ";
  EXPECT_THAT(AdviceFor("spec.solver.mala", attracted + "model { particles {} } solver { mala {} }"),
              HasSubstr("with such a term use eulerMaruyama"));
  EXPECT_TRUE(Answer(attracted + "model { particles {} } solver { euler_maruyama {} }").ok());

  EXPECT_THAT(AdviceFor("spec.solver.mala", "functional { terms { porous_medium {} } } model { particles {} } solver { mala {} }"),
              HasSubstr("with such a term use pairedJko"));
}

TEST_F(AdviceTest, EntropicJkoIsReplacedByWhatTheModelTakes) {
  const std::string data = "functional { terms { sliced_wasserstein { dataset: 'datasets/points' } } } ";
  EXPECT_THAT(AdviceFor("spec.solver.entropic_jko", data + "model { latent_flow { latent_dimension: 1 } } solver { entropic_jko {} }"),
              HasSubstr("is slicedWasserstein; with such a term use pairedJko"));
  EXPECT_TRUE(Answer(data + "model { latent_flow { latent_dimension: 1 } } solver { paired_jko {} }").ok());
  EXPECT_THAT(AdviceFor("spec.solver.entropic_jko", data + "model { grid {} } solver { entropic_jko {} }"),
              HasSubstr("with such a term use swJko, which takes the same grid"));
  EXPECT_TRUE(Answer(data + "model { grid {} } solver { sw_jko {} }").ok());
}

TEST_F(AdviceTest, StepHalvingGoesWithPairedJko) {
  const std::string relaxed = "functional { terms { entropy {} } terms { potential { ring {} } } } ";
  const char* halving = "step_halving: true";
  EXPECT_THAT(AdviceFor("spec.schedule.step_halving", relaxed + "model { particles {} } solver { mala {} }", halving),
              HasSubstr("use pairedJko with the model realNvp"));
  EXPECT_TRUE(Answer(relaxed + "model { real_nvp {} } solver { paired_jko {} }", halving).ok());
}

}  // namespace
}  // namespace sliceflow::api
