// What a worker's answers about expressions become.
#include "server/api/expression_calls.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <string>
#include <vector>

#include "common/errors.h"

namespace sliceflow::api {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;

using Answers = std::vector<absl::StatusOr<Tensor>>;

v1::FlowSpec Spec() {
  v1::FlowSpec spec;
  spec.set_dimension(3);
  spec.mutable_functional()->add_terms()->mutable_entropy();
  spec.mutable_functional()->add_terms()->mutable_potential()->mutable_expression()->set_source("V");
  spec.mutable_functional()->add_terms()->mutable_interaction()->mutable_expression()->set_source("W");
  return spec;
}

absl::Status Refusal(const std::string& line, const std::string& reason) {
  return WithReason(absl::InvalidArgumentError(reason), "EXPRESSION_REFUSED", {{"line", line}});
}

bool CanBeRetried(const absl::Status& status) { return status.GetPayload("type.googleapis.com/google.rpc.RetryInfo").has_value(); }

TEST(ExpressionCallsTest, FindsTheExpressionsOfASpecification) {
  const std::vector<ExpressionField> fields = ExpressionsOf("spec", Spec());
  ASSERT_THAT(fields, SizeIs(2));
  EXPECT_EQ(fields[0].field, "spec.functional.terms[1].potential.expression.source");
  EXPECT_EQ(fields[0].query.expression->kind, v1::CheckExpressionRequest::POTENTIAL);
  EXPECT_EQ(fields[0].query.expression->source, "V");
  EXPECT_THAT(fields[0].query.points->values, ElementsAre(0, 0, 0));
  EXPECT_EQ(fields[1].field, "spec.functional.terms[2].interaction.expression.source");
  EXPECT_EQ(fields[1].query.expression->kind, v1::CheckExpressionRequest::INTERACTION);
}

TEST(ExpressionCallsTest, FindsTheDensityOfARelativeEntropy) {
  v1::FlowSpec spec;
  spec.set_dimension(1);
  spec.mutable_functional()->add_terms()->mutable_relative_entropy()->mutable_potential()->mutable_expression()->set_source("V");
  const std::vector<ExpressionField> fields = ExpressionsOf("spec", spec);
  ASSERT_THAT(fields, SizeIs(1));
  EXPECT_EQ(fields[0].field, "spec.functional.terms[0].relative_entropy.potential.expression.source");
}

TEST(ExpressionCallsTest, FindsTheGenerator) {
  v1::FlowSpec spec;
  spec.set_dimension(3);
  v1::Generator& generator = *spec.mutable_model()->mutable_generator();
  generator.set_source("G");
  generator.set_noise_dimension(5);
  generator.add_parameters()->add_shape(7);
  const std::vector<ExpressionField> fields = ExpressionsOf("spec", spec);
  ASSERT_THAT(fields, SizeIs(1));
  EXPECT_EQ(fields[0].field, "spec.model.generator.source");
  EXPECT_EQ(fields[0].query.expression->kind, v1::CheckExpressionRequest::GENERATOR);
  EXPECT_EQ(fields[0].query.expression->dimension, 3);
  EXPECT_EQ(fields[0].query.expression->parameters.at(0).shape(0), 7);
  EXPECT_THAT(fields[0].query.points->shape, ElementsAre(1, 5));
}

TEST(ExpressionCallsTest, ShowsTheSamplesOfAGenerator) {
  const Tensor noise{{2, 1}, {0, 1}};
  const auto response = ToResponse(v1::CheckExpressionRequest::GENERATOR, noise, Tensor{{2, 3}, {1, 2, 3, 4, 5, INFINITY}});
  ASSERT_TRUE(response.ok()) << response.status();
  EXPECT_EQ(response->values().data(), PackValues({1, 2, 3, 4, 5, INFINITY}));
  EXPECT_THAT(response->values().shape(), ElementsAre(2, 3));
  EXPECT_FALSE(response->has_gradients());
  EXPECT_FALSE(response->finite());
}

TEST(ExpressionCallsTest, NamesEveryFieldThatIsRefused) {
  const absl::Status status =
      JudgeExpressions(ExpressionsOf("spec", Spec()), Answers{Refusal("2", "reads a file"), Refusal("0", "is empty")});
  EXPECT_TRUE(absl::IsInvalidArgument(status)) << status;
  ASSERT_THAT(ViolationsOf(status), SizeIs(2));
  EXPECT_EQ(ViolationsOf(status)[0].description, "line 2: reads a file");
  EXPECT_EQ(ViolationsOf(status)[1].description, "is empty");
}

TEST(ExpressionCallsTest, ARefusalCountsMoreThanAWorkerThatIsAway) {
  const Answers answers{absl::UnavailableError("no worker"), Refusal("2", "reads a file")};
  EXPECT_TRUE(absl::IsInvalidArgument(JudgeExpressions(ExpressionsOf("spec", Spec()), answers)));
}

TEST(ExpressionCallsTest, AWorkerThatDoesNotAnswerMayBeAskedAgain) {
  const Answers late{Tensor{{1, 4}, {1, 2, 3, 4}}, WithReason(absl::DeadlineExceededError("not answered within 20s"), "QUERY_TIMEOUT")};
  const absl::Status status = JudgeExpressions(ExpressionsOf("spec", Spec()), late);
  EXPECT_TRUE(absl::IsUnavailable(status)) << status;
  EXPECT_TRUE(CanBeRetried(status));
  EXPECT_THAT(std::string(status.message()), HasSubstr("not answered within 20s"));
  EXPECT_TRUE(JudgeExpressions(ExpressionsOf("spec", Spec()), Answers{late[0], late[0]}).ok());
}

TEST(ExpressionCallsTest, TheFieldThatEndedItsWorkerIsNamedAndNotTriedAgain) {
  const absl::Status lost = WithReason(absl::InternalError("the worker ended 2 times"), "WORKER_LOST");
  const absl::Status job = JudgeExpressions(ExpressionsOf("spec", Spec()), Answers{Tensor{{1, 4}, {1, 2, 3, 4}}, lost});
  EXPECT_TRUE(absl::IsInternal(job)) << job;
  EXPECT_EQ(job.message(), "spec.functional.terms[2].interaction.expression.source: the worker ended 2 times");
  EXPECT_EQ(Reason(job), "WORKER_LOST");
  EXPECT_FALSE(CanBeRetried(job));
  const absl::Status check = ToResponse(v1::CheckExpressionRequest::POTENTIAL, Tensor{{1, 1}, {0}}, lost).status();
  EXPECT_EQ(check.message(), "source: the worker ended 2 times");
}

TEST(ExpressionCallsTest, DividesTheAnswerIntoValuesAndGradients) {
  const Tensor points{{2, 2}, {0, 1, 2, 3}};
  absl::StatusOr<v1::CheckExpressionResponse> response =
      ToResponse(v1::CheckExpressionRequest::POTENTIAL, points, Tensor{{2, 3}, {10, 11, 12, 20, 21, 22}});
  ASSERT_TRUE(response.ok()) << response.status();
  EXPECT_EQ(response->values().data(), PackValues({10, 20}));
  EXPECT_EQ(response->gradients().data(), PackValues({11, 12, 21, 22}));
  EXPECT_EQ(response->points().data(), PackValues(points.values));
  EXPECT_TRUE(response->finite());
  EXPECT_FALSE(ToResponse(v1::CheckExpressionRequest::POTENTIAL, points, Tensor{{2, 3}, {10, NAN, 12, 20, 21, 22}})->finite());
  EXPECT_TRUE(absl::IsInternal(ToResponse(v1::CheckExpressionRequest::POTENTIAL, points, Tensor{{1, 3}, {10, 11, 12}}).status()));
  response = ToResponse(v1::CheckExpressionRequest::POTENTIAL, points, Refusal("7", "reads a file"));
  ASSERT_TRUE(response.ok());
  EXPECT_EQ(response->refusal().line(), 7);
  EXPECT_EQ(response->refusal().reason(), "reads a file");
}

}  // namespace
}  // namespace sliceflow::api
