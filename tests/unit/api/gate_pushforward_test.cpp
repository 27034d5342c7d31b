// Models that send noise through a network, at the gate: what is filled in, and what each mistake gets.
#include <gmock/gmock.h>

#include "tests/unit/api/gate_fixture.h"

namespace sliceflow::api {
namespace {

using ::testing::HasSubstr;
using ::testing::SizeIs;

class GatePushforwardTest : public GateFixture, public ::testing::WithParamInterface<Mistake> {
 protected:
  v1::Model Filled(const std::string& model, int dimension) {
    v1::CreateJobRequest request = Request(absl::StrCat("spec { model { ", model, " } }"));
    request.mutable_job()->mutable_spec()->MergeFrom(Request(kSmallest).job().spec());
    request.mutable_job()->mutable_spec()->set_dimension(dimension);
    const absl::StatusOr<v1::Job> job = Check(request);
    EXPECT_TRUE(job.ok()) << job.status();
    return job.ok() ? job->spec().model() : v1::Model();
  }
};

TEST_F(GatePushforwardTest, FillsInDefaults) {
  const v1::Mlp mlp = Filled("mlp {}", 7).mlp();
  EXPECT_EQ(mlp.noise_dimension(), 7);
  EXPECT_EQ(mlp.hidden_layers(), 2);
  EXPECT_EQ(mlp.hidden_width(), 100);
  const v1::Cnn cnn = Filled("cnn { height: 8 width: 4 channels: 2 }", 64).cnn();
  EXPECT_EQ(cnn.noise_dimension(), 64);
  EXPECT_EQ(cnn.base_channels(), 32);
  EXPECT_TRUE(cnn.has_lower());
  EXPECT_EQ(cnn.upper(), 1);
  EXPECT_EQ(Filled("cnn { height: 8 width: 4 }", 32).cnn().channels(), 1);
  const v1::Decoder decoder = Filled("decoder { lower: -3 }", 7).decoder();
  EXPECT_EQ(decoder.noise_dimension(), 32);
  EXPECT_EQ(decoder.hidden_layers(), 2);
  EXPECT_EQ(decoder.hidden_width(), 128);
  EXPECT_EQ(decoder.lower(), -3);
  EXPECT_EQ(decoder.upper(), 1);
  const v1::Generator generator = Filled("generator { source: 'g' parameters { shape: [3, 4] } parameters { shape: 4 } }", 3).generator();
  EXPECT_EQ(generator.noise_dimension(), 3);
  EXPECT_EQ(generator.parameters(0).initial_scale(), 1);
  EXPECT_EQ(generator.parameters(1).initial_scale(), 0);
}

TEST_F(GatePushforwardTest, SaysEverythingAtOnce) {
  v1::CreateJobRequest request = Request(kSmallest);
  request.mutable_job()->mutable_spec()->MergeFrom(
      Request("spec { model { generator { noise_dimension: -1 parameters { shape: 0 initial_scale: -1 } } } }").job().spec());
  EXPECT_THAT(ViolationsOf(Check(request).status()), SizeIs(4));
}

// `mlp` of `mlp {}`.
std::string KindName(const std::string& model) { return model.substr(0, model.find(' ')); }

// Whatever needs a density says so, and names what would do.
TEST_F(GatePushforwardTest, NothingThatNeedsADensityIsTaken) {
  for (const char* model : {"mlp {}", "decoder {}", "cnn { height: 4 width: 4 }", "generator { source: 'g' parameters { shape: 2 } }"}) {
    v1::CreateJobRequest request =
        Request(absl::StrCat("spec { dimension: 16 model { ", model,
                             " } functional { terms { entropy {} } terms { porous_medium {} } terms { relative_entropy { "
                             "potential { quadratic {} } } } } schedule { step_size: 0.1 num_steps: 3 } output { metrics { "
                             "relative_entropy_to_target { target { "
                             "components {} } } } } }"));
    const absl::Status status = Check(request).status();
    EXPECT_EQ(status.code(), kInvalid);
    const std::vector<FieldViolation> violations = ViolationsOf(status);
    ASSERT_THAT(violations, SizeIs(4)) << status;
    const std::string kind = KindName(model);
    for (const FieldViolation& violation : violations) {
      EXPECT_THAT(violation.description,
                  HasSubstr("needs a model with a density, and spec.model is " + kind + ", which has none; use realNvp"));
    }
    EXPECT_THAT(violations[0].description, HasSubstr("or particles with the solver eulerMaruyama"));
    EXPECT_THAT(violations[1].description, ::testing::Not(HasSubstr("eulerMaruyama")));
  }
}

TEST_F(GatePushforwardTest, SolversThatMoveParticlesAreNotTaken) {
  for (const char* solver : {"euler_maruyama {}", "mala {}"}) {
    const absl::Status status =
        Check(absl::StrCat("spec { dimension: 2 model { mlp {} } functional { terms { potential { quadratic {} } } terms { entropy {} } } ",
                           "solver { ", solver, " } schedule { step_size: 0.1 num_steps: 3 } }"))
            .status();
    ASSERT_THAT(ViolationsOf(status), SizeIs(1)) << status;
    EXPECT_THAT(ViolationsOf(status)[0].description, HasSubstr("needs spec.model particles; with another model use pairedJko or swJko"));
  }
}

TEST_P(GatePushforwardTest, RefusesWithFieldAndWords) { ExpectRefused(GetParam()); }

#define MODEL(model) "spec { model { " model " } }"
#define GENERATOR(fields) MODEL("generator { " fields " }")

INSTANTIATE_TEST_SUITE_P(
    Networks, GatePushforwardTest,
    ::testing::Values(
        Mistake{MODEL("mlp { noise_dimension: 0 }"), kInvalid, "spec.model.mlp.noise_dimension", "at least 1, is 0"},
        Mistake{MODEL("mlp { noise_dimension: 5000 }"), kExhausted, "spec.model.mlp.noise_dimension", "at most 4096"},
        Mistake{MODEL("mlp { hidden_layers: 0 }"), kInvalid, "spec.model.mlp.hidden_layers", "at least 1"},
        Mistake{MODEL("mlp { hidden_layers: 17 }"), kExhausted, "spec.model.mlp.hidden_layers", "at most 16"},
        Mistake{MODEL("mlp { hidden_width: 5000 }"), kExhausted, "spec.model.mlp.hidden_width", "at most 4096"},
        Mistake{MODEL("mlp { hidden_layers: 16 hidden_width: 4096 }"), kExhausted, "spec.model.mlp.hidden_width", "parameters"},
        Mistake{MODEL("decoder { noise_dimension: -1 }"), kInvalid, "spec.model.decoder.noise_dimension", "at least 1, is -1"},
        Mistake{MODEL("decoder { hidden_layers: 7 }"), kExhausted, "spec.model.decoder.hidden_layers", "at most 6"},
        Mistake{MODEL("decoder { hidden_width: 0 }"), kInvalid, "spec.model.decoder.hidden_width", "at least 1"},
        Mistake{MODEL("decoder { hidden_layers: 6 hidden_width: 4096 }"), kExhausted, "spec.model.decoder.hidden_width", "parameters"},
        Mistake{MODEL("mlp { hidden_layers: 16 hidden_width: 2100 }"), kExhausted, "spec.model.mlp.hidden_width", "4096 are drawn at once"},
        Mistake{MODEL("decoder { lower: 2 }"), kInvalid, "spec.model.decoder.upper", "above 2, is 1"},
        Mistake{MODEL("decoder { upper: nan }"), kInvalid, "spec.model.decoder.upper", "is nan"},
        Mistake{MODEL("decoder { lower: -inf }"), kInvalid, "spec.model.decoder.lower",
                "must be a finite number between -1e+15 and 1e+15, is -inf"},
        Mistake{"spec { dimension: 2 model { mlp {} } solver { sw_jko { batch_size: 1000000 } } }", kExhausted,
                "spec.solver.sw_jko.batch_size", "hidden layers"}));

INSTANTIATE_TEST_SUITE_P(Images, GatePushforwardTest,
                         ::testing::Values(Mistake{"spec { dimension: 16 model { cnn { height: 4 } } }", kInvalid, "spec.model.cnn.width",
                                                   "a multiple of 4, at least 4, is 0"},
                                           Mistake{"spec { dimension: 24 model { cnn { height: 6 width: 4 } } }", kInvalid,
                                                   "spec.model.cnn.height", "multiple of 4, at least 4, is 6"},
                                           Mistake{"spec { dimension: 32 model { cnn { height: 4 width: 4 } } }", kInvalid,
                                                   "spec.model.cnn", "height · width · channels = 32, the dimension; has 16"},
                                           Mistake{"spec { dimension: 16 model { cnn { height: 4 width: 4 channels: 3 } } }", kInvalid,
                                                   "spec.model.cnn", "has 48"},
                                           Mistake{"spec { dimension: 16 model { cnn { height: 4 width: 4 channels: 0 } } }", kInvalid,
                                                   "spec.model.cnn.channels", "at least 1"},
                                           Mistake{"spec { dimension: 16 model { cnn { height: 4 width: 4 base_channels: 600 } } }",
                                                   kExhausted, "spec.model.cnn.base_channels", "at most 512"},
                                           Mistake{"spec { dimension: 4096 initial { dirac {} } functional { terms { potential { "
                                                   "expression { source: 'V' } } } } model { cnn { height: 64 width: 64 "
                                                   "base_channels: 512 } } }",
                                                   kExhausted, "spec.model.cnn.base_channels", "4096 are drawn at once"},
                                           Mistake{"spec { dimension: 16 model { cnn { height: 4 width: 4 upper: -1 } } }", kInvalid,
                                                   "spec.model.cnn.upper", "above 0, is -1"}));

INSTANTIATE_TEST_SUITE_P(Generators, GatePushforwardTest,
                         ::testing::Values(Mistake{GENERATOR("parameters { shape: 2 }"), kInvalid, "spec.model.generator.source",
                                                   "such as def generator(z, w): return z @ w"},
                                           Mistake{GENERATOR("source: 'g'"), kInvalid, "spec.model.generator.parameters",
                                                   "between 1 and 64 tensors to train, are 0"},
                                           Mistake{GENERATOR("source: 'g' parameters {}"), kInvalid,
                                                   "spec.model.generator.parameters[0].shape", "between 1 and 4 sides, has 0"},
                                           Mistake{GENERATOR("source: 'g' parameters { shape: [1, 1, 1, 1, 1] }"), kInvalid,
                                                   "spec.model.generator.parameters[0].shape", "has 5"},
                                           Mistake{GENERATOR("source: 'g' parameters { shape: 2 } parameters { shape: [2, -1] }"), kInvalid,
                                                   "spec.model.generator.parameters[1].shape[1]", "at least 1, is -1"},
                                           Mistake{GENERATOR("source: 'g' parameters { shape: [2147483647, 2147483647] }"), kExhausted,
                                                   "spec.model.generator.parameters[0].shape", "at most 4194304 entries"},
                                           Mistake{GENERATOR("source: 'g' parameters { shape: 2 initial_scale: inf }"), kInvalid,
                                                   "spec.model.generator.parameters[0].initial_scale", "is inf"},
                                           Mistake{GENERATOR("source: 'g' parameters { shape: 2 } noise_dimension: 10000"), kExhausted,
                                                   "spec.model.generator.noise_dimension", "at most 4096"}));
#undef GENERATOR
#undef MODEL

}  // namespace
}  // namespace sliceflow::api
