// Expressions at the gate: what it says of a request before a worker looks into the source.
#include <gmock/gmock.h>

#include <cmath>
#include <functional>
#include <string>

#include "tests/unit/api/gate_fixture.h"

namespace sliceflow::api {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;

constexpr char kSource[] = "def V(x):\n    return x.sum(1)\n";

v1::CheckExpressionRequest Request() {
  v1::CheckExpressionRequest request;
  request.set_kind(v1::CheckExpressionRequest::POTENTIAL);
  request.set_source(kSource);
  request.set_dimension(2);
  return request;
}

void SetPoints(v1::CheckExpressionRequest& request, const std::vector<float>& values, const std::vector<int64_t>& shape) {
  request.mutable_points()->mutable_shape()->Assign(shape.begin(), shape.end());
  request.mutable_points()->set_data(PackValues(values));
  request.mutable_points()->set_last(true);
}

TEST(CheckExpressionGateTest, FillsInThreePoints) {
  v1::CheckExpressionRequest request = Request();
  request.set_dimension(3);
  const absl::StatusOr<Tensor> points = CheckCheckExpression(request, Limits());
  ASSERT_TRUE(points.ok()) << points.status();
  EXPECT_THAT(points->shape, ElementsAre(3, 3));
  EXPECT_THAT(points->values, ElementsAre(0, 0, 0, 1, 1, 1, 1, -1, 1));
}

TEST(CheckExpressionGateTest, AGeneratorIsTriedOnNoise) {
  v1::CheckExpressionRequest request = Request();
  request.set_kind(v1::CheckExpressionRequest::GENERATOR);
  request.set_noise_dimension(1);
  request.add_parameters()->add_shape(2);
  request.add_parameters()->add_shape(1);
  request.mutable_parameters(1)->add_shape(2);
  const absl::StatusOr<Tensor> noise = CheckCheckExpression(request, Limits());
  ASSERT_TRUE(noise.ok()) << noise.status();
  EXPECT_THAT(noise->shape, ElementsAre(3, 1));
  EXPECT_EQ(request.parameters(0).initial_scale(), 0);
  EXPECT_EQ(request.parameters(1).initial_scale(), 1);
  request.clear_noise_dimension();
  EXPECT_THAT(CheckCheckExpression(request, Limits())->shape, ElementsAre(3, 2));
  request.clear_parameters();
  request.set_noise_dimension(0);
  EXPECT_THAT(ViolationsOf(CheckCheckExpression(request, Limits()).status()), SizeIs(2));
}

TEST(CheckExpressionGateTest, TakesPoints) {
  v1::CheckExpressionRequest request = Request();
  SetPoints(request, {1, 2, 3, 4}, {2, 2});
  const absl::StatusOr<Tensor> points = CheckCheckExpression(request, Limits());
  ASSERT_TRUE(points.ok()) << points.status();
  EXPECT_THAT(points->values, ElementsAre(1, 2, 3, 4));
}

struct BadRequest {
  const char* name;
  std::function<void(v1::CheckExpressionRequest&)> spoil;
  absl::StatusCode code;
  const char* field;
  const char* words;
};

class CheckExpressionMistakeTest : public ::testing::TestWithParam<BadRequest> {};

TEST_P(CheckExpressionMistakeTest, IsNamedByItsField) {
  v1::CheckExpressionRequest request = Request();
  GetParam().spoil(request);
  const absl::Status status = CheckCheckExpression(request, Limits()).status();
  EXPECT_EQ(status.code(), GetParam().code) << status;
  const std::vector<FieldViolation> violations = ViolationsOf(status);
  ASSERT_THAT(violations, SizeIs(1)) << status;
  EXPECT_EQ(violations[0].field, GetParam().field);
  EXPECT_THAT(violations[0].description, HasSubstr(GetParam().words));
}

INSTANTIATE_TEST_SUITE_P(
    Requests, CheckExpressionMistakeTest,
    ::testing::Values(
        BadRequest{"NoKind", [](auto& r) { r.clear_kind(); }, kInvalid, "kind", "must be POTENTIAL, INTERACTION or GENERATOR"},
        BadRequest{"UnknownKind", [](auto& r) { r.set_kind(static_cast<v1::CheckExpressionRequest::Kind>(9)); }, kInvalid, "kind",
                   "must be"},
        BadRequest{"NoiseOfAPotential", [](auto& r) { r.set_noise_dimension(2); }, kInvalid, "noise_dimension", "belongs to GENERATOR"},
        BadRequest{"ParametersOfAPotential", [](auto& r) { r.add_parameters(); }, kInvalid, "parameters", "belong to GENERATOR"},
        BadRequest{"GeneratorOfNothing", [](auto& r) { r.set_kind(v1::CheckExpressionRequest::GENERATOR); }, kInvalid, "parameters",
                   "between 1 and 64 tensors to train, are 0"},
        BadRequest{"NoSource", [](auto& r) { r.clear_source(); }, kInvalid, "source", "must define a function"},
        BadRequest{"LongSource", [](auto& r) { r.set_source(std::string(65'537, 'x')); }, kExhausted, "source", "must be at most 65536"},
        BadRequest{"NoDimension", [](auto& r) { r.clear_dimension(); }, kInvalid, "dimension", "must be at least 1, is 0"},
        BadRequest{"LargeDimension", [](auto& r) { r.set_dimension(1'000'000); }, kExhausted, "dimension", "must be at most 4096"},
        BadRequest{"OtherShape",
                   [](auto& r) {
                     SetPoints(r, {1, 2, 3}, {1, 3});
                   },
                   kInvalid, "points", "shape [count, 2]"},
        BadRequest{"OneAxis",
                   [](auto& r) {
                     SetPoints(r, {1, 2}, {2});
                   },
                   kInvalid, "points", "shape [count, 2]"},
        BadRequest{"NoPoints",
                   [](auto& r) {
                     SetPoints(r, {}, {0, 2});
                   },
                   kInvalid, "points", "at least one point"},
        BadRequest{"NotFinite",
                   [](auto& r) {
                     SetPoints(r, {1, NAN}, {1, 2});
                   },
                   kInvalid, "points", "finite"},
        BadRequest{"Part",
                   [](auto& r) {
                     SetPoints(r, {1, 2}, {2, 2});
                   },
                   kInvalid, "points", ""}),
    [](const auto& info) { return info.param.name; });

class ExpressionTermGateTest : public GateFixture {
 protected:
  static std::string Job(const std::string& term) {
    return "spec { dimension: 2 functional { terms { " + term + " } } schedule { step_size: 0.1 num_steps: 3 } }";
  }
};

TEST_F(ExpressionTermGateTest, PassesASourceUnread) {
  const absl::StatusOr<v1::Job> job = Check(Job("potential { expression { source: 'anything' } }"));
  ASSERT_TRUE(job.ok()) << job.status();
  EXPECT_EQ(job->spec().functional().terms(0).potential().expression().source(), "anything");
  EXPECT_TRUE(Check(Job("interaction { expression { source: 'anything' } }")).ok());
}

TEST_F(ExpressionTermGateTest, NamesTheFieldOfASourceThatIsMissingOrTooLong) {
  for (const std::string& kind : {std::string("potential"), std::string("interaction")}) {
    const std::string field = "spec.functional.terms[0]." + kind + ".expression.source";
    const absl::Status missing = Check(Job(kind + " { expression {} }")).status();
    ASSERT_THAT(ViolationsOf(missing), SizeIs(1)) << missing;
    EXPECT_EQ(ViolationsOf(missing)[0].field, field);
    const absl::Status long_one = Check(Job(kind + " { expression { source: '" + std::string(65'537, 'x') + "' } }")).status();
    EXPECT_EQ(long_one.code(), kExhausted);
    ASSERT_THAT(ViolationsOf(long_one), SizeIs(1)) << long_one;
    EXPECT_EQ(ViolationsOf(long_one)[0].field, field);
  }
}

TEST_F(ExpressionTermGateTest, TakesAllPairs) {
  const absl::Status status = Check(Job("interaction { random_pairs: 10 expression { source: 'anything' } }")).status();
  ASSERT_THAT(ViolationsOf(status), SizeIs(1)) << status;
  EXPECT_EQ(ViolationsOf(status)[0].field, "spec.functional.terms[0].interaction.random_pairs");
}

}  // namespace
}  // namespace sliceflow::api
