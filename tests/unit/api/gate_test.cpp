// What bad input gets: the code, the field and the words for each mistake a request can make.
#include "server/api/gate/gate.h"

#include <gmock/gmock.h>

#include "google/rpc/error_details.pb.h"
#include "tests/unit/api/gate_fixture.h"

namespace sliceflow::api {
namespace {

using ::testing::HasSubstr;
using ::testing::SizeIs;

class GateMistakeTest : public GateFixture, public ::testing::WithParamInterface<Mistake> {};

TEST_P(GateMistakeTest, IsRefusedWithFieldAndWords) { ExpectRefused(GetParam()); }

INSTANTIATE_TEST_SUITE_P(Dimension, GateMistakeTest,
                         ::testing::Values(Mistake{"spec { dimension: -3 }", kInvalid, "spec.dimension", "at least 1, is -3"},
                                           Mistake{"spec { dimension: 5000 }", kExhausted, "spec.dimension",
                                                   "at most 4096 on this server, is 5000"}));

INSTANTIATE_TEST_SUITE_P(
    Schedule, GateMistakeTest,
    ::testing::Values(Mistake{"spec { schedule { step_size: -0.1 } }", kInvalid, "spec.schedule.step_size",
                              "above 0 and at most 1e+06, is -0.1"},
                      Mistake{"spec { schedule { step_size: nan } }", kInvalid, "spec.schedule.step_size", "is nan"},
                      Mistake{"spec { schedule { step_size: inf } }", kInvalid, "spec.schedule.step_size", "is inf"},
                      Mistake{"spec { schedule { step_size: 2e6 } }", kInvalid, "spec.schedule.step_size", "is 2e+06"},
                      Mistake{"spec { schedule { num_steps: 0 } }", kInvalid, "spec.schedule.num_steps", "at least 1, is 0"},
                      Mistake{"spec { schedule { num_steps: -1 } }", kInvalid, "spec.schedule.num_steps", "at least 1, is -1"},
                      Mistake{"spec { schedule { num_steps: 1000000 } }", kExhausted, "spec.schedule.num_steps",
                              "at most 100000 on this server, is 1000000"},
                      Mistake{"spec { schedule { end_time: 0 } }", kInvalid, "spec.schedule.end_time", "above 0, is 0"},
                      Mistake{"spec { schedule { end_time: nan } }", kInvalid, "spec.schedule.end_time", "is nan"},
                      Mistake{"spec { schedule { end_time: 1e9 } }", kExhausted, "spec.schedule.end_time / step_size", "at most 100000"},
                      Mistake{"spec { schedule { clock: 7 } }", kInvalid, "spec.schedule.clock", "SLICED or WASSERSTEIN, is 7"},
                      Mistake{"spec { schedule { step_halving: true } model { particles {} } solver { euler_maruyama {} } "
                              "functional { terms { entropy {} } } }",
                              kInvalid, "spec.schedule.step_halving", "noise that eulerMaruyama turns an entropy into; use pairedJko"},
                      Mistake{"spec { schedule { step_halving: true } model { particles {} } solver { mala {} } "
                              "functional { terms { entropy {} } } }",
                              kInvalid, "spec.schedule.step_halving", "mala, which adapts its steps"}));

INSTANTIATE_TEST_SUITE_P(
    Initial, GateMistakeTest,
    ::testing::Values(
        Mistake{"spec { initial { gaussian { mean: [1, 2, 3] } } }", kInvalid, "spec.initial.gaussian.mean",
                "must have 2 numbers, one for each"},
        Mistake{"spec { initial { gaussian { mean: [1, nan] } } }", kInvalid, "spec.initial.gaussian.mean[1]", "is nan"},
        Mistake{"spec { initial { gaussian { covariance { values: [1, 0, 0] } } } }", kInvalid, "spec.initial.gaussian.covariance.values",
                "must have 4 numbers, the rows of a 2 x 2 matrix; has 3"},
        Mistake{"spec { initial { gaussian { covariance { values: [1, 0.5, 0.4, 1] } } } }", kInvalid,
                "spec.initial.gaussian.covariance.values", "symmetric: entry (2, 1) is 0.4, entry (1, 2) is 0.5"},
        Mistake{"spec { initial { gaussian { covariance { values: [1, 2, 2, 1] } } } }", kInvalid,
                "spec.initial.gaussian.covariance.values", "smallest eigenvalue is -1"},
        Mistake{"spec { initial { gaussian { covariance { values: [0, 0, 0, 0] } } } }", kInvalid,
                "spec.initial.gaussian.covariance.values", "smallest eigenvalue is 0"},
        Mistake{"spec { initial { gaussian { covariance { values: [1, 0, 0, inf] } } } }", kInvalid,
                "spec.initial.gaussian.covariance.values[3]", "is inf"},
        Mistake{"spec { initial { mixture {} } }", kInvalid, "spec.initial.mixture.components", "between 1 and 256 components, has 0"},
        Mistake{"spec { initial { mixture { components { weight: 0 } } } }", kInvalid, "spec.initial.mixture.components[0].weight",
                "above 0"},
        Mistake{"spec { initial { mixture { components { weight: nan } } } }", kInvalid, "spec.initial.mixture.components[0].weight",
                "is nan"},
        Mistake{"spec { initial { mixture { components {} components { mean: 1 } } } }", kInvalid,
                "spec.initial.mixture.components[1].mean", "must have 2 numbers"},
        Mistake{"spec { initial { uniform_box { lower: [0, 3] upper: [1, 3] } } }", kInvalid, "spec.initial.uniform_box.upper[1]",
                "must be above lower[1] = 3, is 3"},
        Mistake{"spec { initial { dirac { point: 1 } } }", kInvalid, "spec.initial.dirac.point", "must have 2 numbers"},
        Mistake{"spec { initial { ring { radius: 0 } } }", kInvalid, "spec.initial.ring.radius", "above 0"},
        Mistake{"spec { initial { ring { thickness: -1 } } }", kInvalid, "spec.initial.ring.thickness", "at least 0, is -1"},
        Mistake{"spec { initial { dataset { dataset: 'datasets/nowhere' } } }", kNotFound, "spec.initial.dataset.dataset",
                "there is no datasets/nowhere"},
        Mistake{"spec { initial { dataset {} } }", kInvalid, "spec.initial.dataset.dataset", "is required"},
        Mistake{"spec { initial { dataset { dataset: 'points' } } }", kInvalid, "spec.initial.dataset.dataset", "must be datasets/ID"},
        Mistake{"spec { initial { dataset { dataset: 'datasets/images' } } }", kPrecondition, "spec.initial.dataset.dataset",
                "has 784 columns; a flow of dimension 2"}));

INSTANTIATE_TEST_SUITE_P(
    Functional, GateMistakeTest,
    ::testing::Values(
        Mistake{"spec { functional { terms {} } }", kInvalid, "spec.functional.terms[0]", "must name a term: potential"},
        Mistake{"spec { functional { terms { potential {} } } }", kInvalid, "spec.functional.terms[0].potential", "must name a potential"},
        Mistake{"spec { functional { terms { interaction {} } } }", kInvalid, "spec.functional.terms[0].interaction", "must name a kernel"},
        Mistake{"spec { functional { terms { weight: 0 entropy {} } } }", kInvalid, "spec.functional.terms[0].weight",
                "other than 0, is 0"},
        Mistake{"spec { functional { terms { weight: nan potential { quadratic {} } } } }", kInvalid, "spec.functional.terms[0].weight",
                "is nan"},
        Mistake{"spec { functional { terms { potential { quadratic {} } } terms { weight: -1 entropy {} } } }", kInvalid,
                "spec.functional.terms[1].weight", "above 0 for entropy, whose negative has no minimum; is -1"},
        Mistake{"spec { model { particles {} } functional { terms { entropy {} } } }", kInvalid, "spec.functional.terms[0].entropy",
                "needs a model with a density"},
        Mistake{"spec { functional { terms { entropy {} } terms { potential { quadratic { precision { values: [1, 0, 0, -2] } } } } } }",
                kInvalid, "spec.functional.terms[1].potential.quadratic.precision.values", "smallest eigenvalue is -2"},
        Mistake{"spec { functional { terms { potential { quadratic { center: [1] } } } } }", kInvalid,
                "spec.functional.terms[0].potential.quadratic.center", "must have 2 numbers"},
        Mistake{"spec { functional { terms { potential { gaussian_mixture { components { covariance { values: 1 } } } } } } }", kInvalid,
                "spec.functional.terms[0].potential.gaussian_mixture.components[0].covariance.values", "must have 4 numbers"},
        Mistake{"spec { functional { terms { potential { ring { stiffness: 0 } } } } }", kInvalid,
                "spec.functional.terms[0].potential.ring.stiffness", "above 0"},
        Mistake{"spec { functional { terms { interaction { power_law { attraction: 2 repulsion: 2 } } } } }", kInvalid,
                "spec.functional.terms[0].interaction.power_law.attraction", "must be above repulsion = 2, is 2"},
        Mistake{"spec { functional { terms { interaction { power_law { attraction: 17 } } } } }", kInvalid,
                "spec.functional.terms[0].interaction.power_law.attraction", "at most 16, is 17"},
        Mistake{"spec { functional { terms { sliced_wasserstein { dataset: 'datasets/nowhere' } } } }", kNotFound,
                "spec.functional.terms[0].sliced_wasserstein.dataset", "there is no datasets/nowhere"},
        Mistake{"spec { functional { terms { sliced_wasserstein { dataset: 'datasets/images' } } } }", kPrecondition,
                "spec.functional.terms[0].sliced_wasserstein.dataset", "has 784 columns"},
        Mistake{"spec { functional { terms { sliced_wasserstein { dataset: 'datasets/points' num_projections: 0 } } } }", kInvalid,
                "spec.functional.terms[0].sliced_wasserstein.num_projections", "at least 1, is 0"}));

#define REGRESSION(DIMENSION, FIELDS) \
  "spec { dimension: " DIMENSION " functional { terms { potential { bayesian_logistic_regression { " FIELDS " } } } } }"
constexpr char kRegression[] = "spec.functional.terms[0].potential.bayesian_logistic_regression.";

class GateRegressionTest : public GateMistakeTest {};

TEST_P(GateRegressionTest, IsRefused) {
  const Mistake& mistake = GetParam();
  v1::CreateJobRequest request = Request(kSmallest);
  request.mutable_job()->mutable_spec()->clear_functional();
  request.mutable_job()->MergeFrom(Request(mistake.change).job());
  const absl::Status status = Check(request).status();
  EXPECT_EQ(status.code(), mistake.code) << status;
  ASSERT_THAT(ViolationsOf(status), SizeIs(1)) << status;
  EXPECT_EQ(ViolationsOf(status)[0].field, absl::StrCat(kRegression, mistake.field));
  EXPECT_THAT(ViolationsOf(status)[0].description, HasSubstr(mistake.words));
}

INSTANTIATE_TEST_SUITE_P(
    Regression, GateRegressionTest,
    ::testing::Values(Mistake{REGRESSION("10", "dataset: 'datasets/unlabelled'"), kPrecondition, "dataset", "-1 and 1, or 0 and 1"},
                      Mistake{REGRESSION("9", "dataset: 'datasets/table'"), kPrecondition, "dataset", "takes spec.dimension = 10"},
                      Mistake{REGRESSION("10", "dataset: 'datasets/single'"), kPrecondition, "dataset", "too few to be divided"},
                      Mistake{REGRESSION("10", "dataset: 'datasets/nowhere'"), kNotFound, "dataset", "there is no datasets/nowhere"},
                      Mistake{REGRESSION("10", "dataset: 'datasets/table' train_fraction: 1"), kInvalid, "train_fraction", "below 1, is 1"},
                      Mistake{REGRESSION("10", "dataset: 'datasets/table' batch_size: -1"), kInvalid, "batch_size", "at least 0"},
                      Mistake{REGRESSION("10", "dataset: 'datasets/table' batch_size: 700"), kInvalid, "batch_size", "614 training rows"}));
#undef REGRESSION

INSTANTIATE_TEST_SUITE_P(
    ModelAndSolver, GateMistakeTest,
    ::testing::Values(
        Mistake{"spec { model { real_nvp { couplings: 0 } } }", kInvalid, "spec.model.real_nvp.couplings", "at least 1"},
        Mistake{"spec { model { real_nvp { hidden_width: 5000 } } }", kExhausted, "spec.model.real_nvp.hidden_width", "at most 4096"},
        Mistake{"spec { model { real_nvp { couplings: 64 hidden_width: 4096 } } }", kExhausted, "spec.model.real_nvp.hidden_width",
                "about 1.07"},
        Mistake{"spec { solver { sw_jko { batch_size: 1000000 } } }", kExhausted, "spec.solver.sw_jko.batch_size", "hidden layers"},
        Mistake{"spec { solver { paired_jko { batch_size: 1000000 } } }", kExhausted, "spec.solver.paired_jko.batch_size", "hidden layers"},
        Mistake{"spec { model { particles { count: 0 } } }", kInvalid, "spec.model.particles.count", "at least 1"},
        Mistake{"spec { model { particles { count: 2000000 } } }", kExhausted, "spec.model.particles.count",
                "at most 1000000 on this server"},
        Mistake{"spec { solver { sw_jko { inner_iterations: 0 } } }", kInvalid, "spec.solver.sw_jko.inner_iterations", "at least 1"},
        Mistake{"spec { solver { sw_jko { inner_iterations: 1000000 } } }", kExhausted, "spec.solver.sw_jko.inner_iterations",
                "at most 100000"},
        Mistake{"spec { solver { sw_jko { num_projections: -1 } } }", kInvalid, "spec.solver.sw_jko.num_projections", "at least 1"},
        Mistake{"spec { solver { sw_jko { batch_size: 1 } } }", kInvalid, "spec.solver.sw_jko.batch_size", "at least 2, is 1"},
        Mistake{"spec { solver { sw_jko { max_attempts: 11 } } }", kExhausted, "spec.solver.sw_jko.max_attempts", "at most 10"},
        Mistake{"spec { solver { sw_jko { order: 3 } } }", kInvalid, "spec.solver.sw_jko.order", "1 or 2, is 3"},
        Mistake{"spec { solver { sw_jko { tolerance: 1 } } }", kInvalid, "spec.solver.sw_jko.tolerance", "below 1"},
        Mistake{"spec { solver { sw_jko { projection_sampling: 9 } } }", kInvalid, "spec.solver.sw_jko.projection_sampling", "is 9"},
        Mistake{"spec { solver { paired_jko { order: 0 } } }", kInvalid, "spec.solver.paired_jko.order", "1 or 2, is 0"},
        Mistake{"spec { solver { paired_jko { tolerance: nan } } }", kInvalid, "spec.solver.paired_jko.tolerance", "is nan"},
        Mistake{"spec { solver { paired_jko { inner_iterations: 0 } } }", kInvalid, "spec.solver.paired_jko.inner_iterations",
                "at least 1"},
        Mistake{"spec { solver { paired_jko { optimizer { sgd { momentum: 1 } } } } }", kInvalid,
                "spec.solver.paired_jko.optimizer.sgd.momentum", "below 1"},
        Mistake{"spec { solver { paired_jko { optimizer { sgd { learning_rate: -1 } } } } }", kInvalid,
                "spec.solver.paired_jko.optimizer.sgd.learning_rate", "above 0"},
        Mistake{"spec { solver { paired_jko { optimizer { rate_schedule: 7 } } } }", kInvalid,
                "spec.solver.paired_jko.optimizer.rate_schedule", "COSINE or CONSTANT"},
        Mistake{"spec { solver { sw_jko { variant: 7 } } }", kInvalid, "spec.solver.sw_jko.variant", "is 7"},
        Mistake{"spec { solver { sw_jko { variant: MAX_SLICED control_variate: true } } }", kInvalid, "spec.solver.sw_jko.control_variate",
                "SLICED"},
        Mistake{"spec { model { icnn { hidden_layers: 0 } } }", kInvalid, "spec.model.icnn.hidden_layers", "at least 1"},
        Mistake{"spec { model { icnn { hidden_width: 300 } } }", kExhausted, "spec.model.icnn.hidden_width", "at most 256"},
        Mistake{"spec { dimension: 65 model { icnn {} } }", kInvalid, "spec.model.icnn", "at most 64, is 65"},
        Mistake{"spec { solver { jko_icnn {} } }", kInvalid, "spec.solver.jko_icnn", "use pairedJko"},
        Mistake{"spec { model { icnn {} } initial { dirac {} } solver { jko_icnn {} } }", kInvalid, "spec.solver.jko_icnn",
                "gaussian, mixture or uniformBox"},
        Mistake{"spec { model { icnn {} } solver { jko_icnn {} } schedule { num_steps: 100000 } }", kExhausted, "spec.schedule",
                "a chain of"},
        Mistake{"spec { model { icnn {} } solver { jko_icnn { tolerance: -1 } } }", kInvalid, "spec.solver.jko_icnn.tolerance",
                "at least 0"},
        Mistake{"spec { solver { euler_maruyama {} } }", kInvalid, "spec.solver.euler_maruyama", "needs spec.model particles"},
        Mistake{"spec { model { particles {} } solver { euler_maruyama { inner_iterations: 0 } } }", kInvalid,
                "spec.solver.euler_maruyama.inner_iterations", "at least 1"},
        Mistake{"spec { model { particles {} } solver { euler_maruyama { batch_size: 1 } } }", kInvalid,
                "spec.solver.euler_maruyama.batch_size", "at least 2"},
        Mistake{"spec { model { particles {} } solver { mala {} } }", kInvalid, "spec.solver.mala", "needs a term entropy"},
        Mistake{"spec { model { particles {} } functional { terms { entropy {} } } solver { mala { inner_iterations: -1 } } }", kInvalid,
                "spec.solver.mala.inner_iterations", "at least 1"},
        Mistake{"spec { solver { sw_jko { optimizer { adam { learning_rate: 0 } } } } }", kInvalid,
                "spec.solver.sw_jko.optimizer.adam.learning_rate", "above 0 and at most 10"},
        Mistake{"spec { solver { sw_jko { optimizer { adam { learning_rate: nan } } } } }", kInvalid,
                "spec.solver.sw_jko.optimizer.adam.learning_rate", "is nan"},
        Mistake{"spec { solver { sw_jko { optimizer { adam { beta1: 1 } } } } }", kInvalid, "spec.solver.sw_jko.optimizer.adam.beta1",
                "at least 0 and below 1, is 1"}));

INSTANTIATE_TEST_SUITE_P(
    Output, GateMistakeTest,
    ::testing::Values(Mistake{"spec { output { samples_per_step: -1 } }", kInvalid, "spec.output.samples_per_step", "at least 0"},
                      Mistake{"spec { output { samples_per_step: 2000000 } }", kExhausted, "spec.output.samples_per_step",
                              "at most 1000000"},
                      Mistake{"spec { model { particles { count: 10 } } output { samples_per_step: 11 } }", kInvalid,
                              "spec.output.samples_per_step", "at most the 10 particles, is 11"},
                      Mistake{"spec { output { checkpoint_every: 0 } }", kInvalid, "spec.output.checkpoint_every", "at least 1"},
                      Mistake{"spec { output { metrics {} } }", kInvalid, "spec.output.metrics[0]", "must name a metric"},
                      Mistake{"spec { output { metrics { radius {} } metrics { held_out_prediction {} } } }", kInvalid,
                              "spec.output.metrics[1].held_out_prediction", "exactly one bayesianLogisticRegression, which has 0"},
                      Mistake{"spec { output { metrics { closed_form {} } } }", kInvalid, "spec.output.metrics[0].closed_form",
                              "one quadratic potential"},
                      Mistake{"spec { initial { dirac {} } functional { terms { potential { quadratic {} } } terms { entropy {} } } "
                              "output { metrics { closed_form {} } } }",
                              kInvalid, "spec.output.metrics[0].closed_form", "gaussian initial"}));

INSTANTIATE_TEST_SUITE_P(Job, GateMistakeTest,
                         ::testing::Values(Mistake{"labels { key: 'Upper' value: '' }", kInvalid, "labels", "one is \"Upper\""},
                                           Mistake{"labels { key: '' value: '' }", kInvalid, "labels", "keys must match"}));

class GateTest : public GateFixture {};

TEST_F(GateTest, TooLongTextIsRefusedByCharacters) {
  v1::CreateJobRequest request = Request(kSmallest);
  std::string title;
  for (int i = 0; i < 200; ++i) title += "ρ";  // 200 characters, 400 bytes
  request.mutable_job()->set_display_name(title);
  request.set_request_id(std::string(128, 'r'));
  EXPECT_TRUE(Check(request).ok());
  request.mutable_job()->set_display_name(title + "x");
  request.set_request_id(std::string(129, 'r'));
  const std::vector<FieldViolation> violations = ViolationsOf(Check(request).status());
  ASSERT_THAT(violations, SizeIs(2));
  EXPECT_THAT(violations[0].description, HasSubstr("at most 200 characters, has 201"));
  EXPECT_EQ(violations[1].field, "request_id");
}

TEST_F(GateTest, TextThatWouldSteerATerminalIsRefused) {
  v1::CreateJobRequest request = Request(kSmallest);
  for (const char* bad : {"a\x1b[2J", "a\nb", "\x7f", "a\xC2\x85",
                          "\xC2\x9B"
                          "31m",
                          "\xE2\x80\xAE"
                          "txt.exe",
                          "\xE2\x80\xAA", "\xE2\x81\xA6", "x\xE2\x81\xA9"}) {
    request.mutable_job()->set_display_name(bad);
    const std::vector<FieldViolation> violations = ViolationsOf(Check(request).status());
    ASSERT_THAT(violations, SizeIs(1)) << bad;
    EXPECT_EQ(violations[0].field, "display_name");
    EXPECT_THAT(violations[0].description, HasSubstr("no control characters"));
  }
  // Neighbours of what is refused: no-break space, é, the two beside the overrides and the isolates, and writing from right to left.
  for (const char* good :
       {"a b", "\xC2\xA0", "\xC3\xA9", "\xE2\x80\xA9", "\xE2\x80\xAF", "\xE2\x81\xA5", "\xE2\x81\xAA", "\xD7\xA9\xD7\x9C"}) {
    request.mutable_job()->set_display_name(good);
    EXPECT_TRUE(Check(request).ok()) << good;
  }
  (*request.mutable_job()->mutable_labels())["team"] = "red\r";
  request.set_request_id("r\t");
  std::vector<std::string> fields;
  for (const FieldViolation& violation : ViolationsOf(Check(request).status())) fields.push_back(violation.field);
  EXPECT_THAT(fields, ::testing::UnorderedElementsAre("labels[\"team\"]", "request_id"));
}

TEST_F(GateTest, TooManyLabelsAndTermsAndMetricsAreRefused) {
  v1::CreateJobRequest request = Request(kSmallest);
  for (int i = 0; i < 33; ++i) (*request.mutable_job()->mutable_labels())[absl::StrCat("k", i)] = "v";
  v1::FlowSpec& spec = *request.mutable_job()->mutable_spec();
  for (int i = 0; i < 16; ++i) spec.mutable_functional()->add_terms()->mutable_potential()->mutable_quadratic();
  for (int i = 0; i < 17; ++i) spec.mutable_output()->add_metrics()->mutable_radius();
  const std::vector<FieldViolation> violations = ViolationsOf(Check(request).status());
  ASSERT_THAT(violations, SizeIs(3));
  EXPECT_EQ(violations[0].field, "labels");
  EXPECT_EQ(violations[1].field, "spec.functional.terms");
  EXPECT_EQ(violations[2].field, "spec.output.metrics");
}

// Left out is 0 for these two, and the text form cannot tell.
TEST_F(GateTest, ZeroIsNoDimensionAndNoStepSize) {
  v1::CreateJobRequest request = Request(kSmallest);
  request.mutable_job()->mutable_spec()->set_dimension(0);
  request.mutable_job()->mutable_spec()->mutable_schedule()->set_step_size(0);
  const std::vector<FieldViolation> violations = ViolationsOf(Check(request).status());
  ASSERT_THAT(violations, SizeIs(2));
  EXPECT_EQ(violations[0].field, "spec.dimension");
  EXPECT_THAT(violations[0].description, HasSubstr("at least 1, is 0"));
  EXPECT_EQ(violations[1].field, "spec.schedule.step_size");
  EXPECT_THAT(violations[1].description, HasSubstr("above 0 and at most 1e+06, is 0"));
}

TEST_F(GateTest, NothingAtAllIsRefusedForWhatIsRequired) {
  std::vector<std::string> fields;
  for (const FieldViolation& violation : ViolationsOf(Check(v1::CreateJobRequest()).status())) fields.push_back(violation.field);
  EXPECT_THAT(fields,
              ::testing::UnorderedElementsAre("spec.dimension", "spec.functional.terms", "spec.schedule", "spec.schedule.step_size"));
}

TEST_F(GateTest, EverythingWrongIsToldAtOnce) {
  const absl::Status status =
      Check(
          "spec { dimension: 2 initial { gaussian { mean: 1 } } "
          "functional { terms { weight: -1 entropy {} } terms { sliced_wasserstein { dataset: 'datasets/nowhere' } } } "
          "schedule { step_size: -1 num_steps: 1000000 } }")
          .status();
  // Invalid in itself comes before unknown and beyond.
  EXPECT_EQ(status.code(), kInvalid);
  std::vector<std::string> fields;
  for (const FieldViolation& violation : ViolationsOf(status)) fields.push_back(violation.field);
  EXPECT_THAT(fields, ::testing::UnorderedElementsAre("spec.initial.gaussian.mean", "spec.functional.terms[0].weight",
                                                      "spec.functional.terms[1].sliced_wasserstein.dataset", "spec.schedule.step_size",
                                                      "spec.schedule.num_steps"));
}

template <typename Detail>
bool HasDetail(const absl::Status& status) {
  return status.GetPayload(absl::StrCat("type.googleapis.com/", Detail::descriptor()->full_name())).has_value();
}

TEST_F(GateTest, EachCodeHasItsDetail) {
  const auto merged = [&](const std::string& change) {
    v1::CreateJobRequest request = Request(kSmallest);
    request.mutable_job()->MergeFrom(Request(change).job());
    return Check(request).status();
  };
  const absl::Status unknown = merged("spec { initial { dataset { dataset: 'datasets/nowhere' } } }");
  EXPECT_TRUE(HasDetail<google::rpc::ResourceInfo>(unknown)) << unknown;
  EXPECT_EQ(Reason(unknown), "RESOURCE_NOT_FOUND");
  const absl::Status beyond = merged("spec { schedule { num_steps: 1000000 } }");
  EXPECT_TRUE(HasDetail<google::rpc::QuotaFailure>(beyond)) << beyond;
  EXPECT_EQ(Reason(beyond), "BEYOND_LIMIT");
  const absl::Status unfit = merged("spec { initial { dataset { dataset: 'datasets/images' } } }");
  EXPECT_TRUE(HasDetail<google::rpc::PreconditionFailure>(unfit)) << unfit;
  EXPECT_EQ(Reason(unfit), "DATASET_DOES_NOT_FIT");
  EXPECT_EQ(Reason(merged("spec { dimension: -1 }")), "INVALID_FIELD");
}

TEST_F(GateTest, SamplesTimesDimensionAreBounded) {
  const absl::Status status =
      Check(
          "spec { dimension: 1024 initial { dirac {} } functional { terms { interaction { power_law {} } } } model { particles { count: "
          "200000 } } "
          "solver { sw_jko { batch_size: 2 } } output { samples_per_step: 10 } schedule { step_size: 1 num_steps: 1 } }")
          .status();
  EXPECT_EQ(status.code(), kExhausted) << status;
  ASSERT_THAT(ViolationsOf(status), SizeIs(1));
  EXPECT_EQ(ViolationsOf(status)[0].field, "spec.model.particles.count");
  EXPECT_THAT(ViolationsOf(status)[0].description, HasSubstr("at most 131072"));
}

// 100 000 directions of 2000 numbers: 800 MB, and twice that while they are drawn.
TEST_F(GateTest, DirectionsTimesDimensionAreBounded) {
  v1::CreateJobRequest request = Request(kSmallest);
  v1::FlowSpec& spec = *request.mutable_job()->mutable_spec();
  spec.set_dimension(2000);
  spec.mutable_initial()->mutable_dirac();
  spec.clear_functional();
  auto& term = *spec.mutable_functional()->add_terms()->mutable_sliced_wasserstein();
  term.set_dataset("datasets/wide");
  term.set_num_projections(100'000);
  datasets_.Add("wide", 10, 2000);
  spec.mutable_solver()->mutable_sw_jko()->set_num_projections(100'000);
  const absl::Status status = Check(request).status();
  EXPECT_EQ(status.code(), kExhausted) << status;
  ASSERT_THAT(ViolationsOf(status), SizeIs(2)) << status;
  EXPECT_EQ(ViolationsOf(status)[0].field, "spec.solver.sw_jko.num_projections");
  EXPECT_THAT(ViolationsOf(status)[0].description, HasSubstr("at most 67108"));
  EXPECT_EQ(ViolationsOf(status)[1].field, "spec.functional.terms[0].sliced_wasserstein.num_projections");
}

TEST_F(GateTest, AnOversizedSpecificationIsRefusedUnread) {
  v1::CreateJobRequest request = Request(kSmallest);
  auto& values = *request.mutable_job()->mutable_spec()->mutable_initial()->mutable_gaussian()->mutable_mean();
  values.Resize(200'000, 1);
  const absl::Status status = Check(request).status();
  EXPECT_EQ(status.code(), kExhausted);
  ASSERT_THAT(ViolationsOf(status), SizeIs(1));
  EXPECT_EQ(ViolationsOf(status)[0].field, "spec");
}

// 256 identities of 400 x 400 would be 328 MB, of a request of a few hundred bytes.
TEST_F(GateTest, DefaultsCannotMakeAShortRequestAHugeJob) {
  v1::CreateJobRequest request = Request(kSmallest);
  v1::FlowSpec& spec = *request.mutable_job()->mutable_spec();
  spec.set_dimension(400);
  spec.clear_functional();
  spec.mutable_functional()->add_terms()->mutable_entropy();
  for (int i = 0; i < 256; ++i) spec.mutable_initial()->mutable_mixture()->add_components();
  const absl::Status status = Check(request).status();
  EXPECT_EQ(status.code(), kExhausted) << status;
  ASSERT_FALSE(ViolationsOf(status).empty());
  EXPECT_EQ(ViolationsOf(status)[0].field, "spec.initial.mixture.components[209].covariance");
  EXPECT_THAT(ViolationsOf(status)[0].description, HasSubstr("default is a matrix of 160000 numbers"));
}

TEST_F(GateTest, AStoreThatCannotAnswerIsNoFaultOfTheRequest) {
  datasets_.Fail(absl::UnavailableError("the database is away"));
  v1::CreateJobRequest request = Request(kSmallest);
  request.mutable_job()->mutable_spec()->mutable_initial()->mutable_dataset()->set_dataset("datasets/points");
  EXPECT_TRUE(absl::IsUnavailable(Check(request).status()));
}

v1::UploadHeader GoodHeader() {
  v1::UploadHeader header;
  header.set_dataset_id("pima-2");
  header.mutable_format()->set_kind(v1::DatasetFormat::CSV);
  header.set_size_bytes(10);
  header.set_sha256(std::string(64, 'a'));
  return header;
}

TEST(UploadHeaderTest, AGoodOnePasses) {
  EXPECT_TRUE(CheckUploadHeader(GoodHeader()).ok());
  v1::UploadHeader header = GoodHeader();
  header.clear_dataset_id();
  EXPECT_TRUE(CheckUploadHeader(header).ok());
}

TEST(UploadHeaderTest, EveryMistakeIsToldAtOnce) {
  v1::UploadHeader header;
  header.set_dataset_id("2Fast");
  header.mutable_format()->set_scale(0);
  header.mutable_format()->set_max_rows(-1);
  header.set_offset(-1);
  header.set_sha256(std::string(64, 'A'));
  std::vector<std::string> fields;
  for (const FieldViolation& violation : ViolationsOf(CheckUploadHeader(header))) fields.push_back(violation.field);
  EXPECT_THAT(fields, ::testing::UnorderedElementsAre("header.dataset_id", "header.format.kind", "header.format.scale",
                                                      "header.format.max_rows", "header.size_bytes", "header.offset", "header.sha256"));
}

}  // namespace
}  // namespace sliceflow::api
