// Users' expressions through real processes: checked, refused at submission, computed, and a worker that does not answer.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <signal.h>

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/errors.h"
#include "common/grpc_status.h"
#include "google/rpc/error_details.pb.h"
#include "tests/integration/client.h"
#include "tests/integration/processes.h"
#include "tests/support/temp_folder.h"

namespace sliceflow::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;

constexpr char kPotential[] = "def V(x):\n    return (x[:, 0] ** 2 - 1) ** 2 + x[:, 1] ** 2\n";
constexpr char kKernel[] = "def W(z):\n    return torch.exp(-(z * z).sum(1))\n";
constexpr char kRandom[] = "def V(x):\n    y = 2 * x\n    return (y + torch.rand_like(x)).sum(1)\n";
constexpr char kEndless[] = "def V(x):\n    while True:\n        pass\n    return x.sum(1)\n";

class ExpressionTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    folder_ = new TempFolder;
    daemon_ = new DaemonProcess(folder_->path());
  }
  static void TearDownTestSuite() {
    delete daemon_;
    delete folder_;
  }
  void SetUp() override { ASSERT_TRUE(daemon_->ok()) << daemon_->Log(); }

  static v1::CreateJobRequest JobOf(const std::vector<std::string>& potentials, const std::string& kernel = "") {
    v1::CreateJobRequest request;
    v1::Job& job = *request.mutable_job();
    job = ParticlesJob();
    job.mutable_spec()->mutable_schedule()->set_num_steps(2);
    job.mutable_spec()->mutable_solver()->mutable_sw_jko()->set_inner_iterations(20);
    v1::Functional& functional = *job.mutable_spec()->mutable_functional();
    functional.clear_terms();
    for (const std::string& source : potentials) functional.add_terms()->mutable_potential()->mutable_expression()->set_source(source);
    if (!kernel.empty()) functional.add_terms()->mutable_interaction()->mutable_expression()->set_source(kernel);
    return request;
  }

  static std::vector<float> Numbers(const v1::TensorChunk& chunk) {
    const absl::StatusOr<Tensor> tensor = UnpackValues(chunk.data(), {chunk.shape().begin(), chunk.shape().end()});
    EXPECT_TRUE(tensor.ok()) << tensor.status();
    return tensor.ok() ? tensor->values : std::vector<float>();
  }

  static TempFolder* folder_;
  static DaemonProcess* daemon_;
  Client client_{daemon_->address()};
};
TempFolder* ExpressionTest::folder_ = nullptr;
DaemonProcess* ExpressionTest::daemon_ = nullptr;

TEST_F(ExpressionTest, ValuesAndGradientsAtPoints) {
  v1::CheckExpressionRequest request;
  request.set_kind(v1::CheckExpressionRequest::POTENTIAL);
  request.set_source(kPotential);
  request.set_dimension(2);
  v1::CheckExpressionResponse response;
  ASSERT_TRUE(client_.CheckExpression(request, response).ok());
  EXPECT_FALSE(response.has_refusal());
  EXPECT_TRUE(response.finite());
  // (0, 0), (1, 1), (1, −1): (a² − 1)² + b² with the gradient (4a(a² − 1), 2b), all of it exact in float.
  EXPECT_THAT(Numbers(response.points()), ElementsAre(0, 0, 1, 1, 1, -1));
  EXPECT_THAT(Numbers(response.values()), ElementsAre(1, 1, 1));
  EXPECT_THAT(Numbers(response.gradients()), ElementsAre(0, 0, 0, 2, 0, -2));
}

TEST_F(ExpressionTest, ARefusalIsAnAnswer) {
  v1::CheckExpressionRequest request;
  request.set_kind(v1::CheckExpressionRequest::INTERACTION);
  request.set_source(kRandom);
  request.set_dimension(2);
  v1::CheckExpressionResponse response;
  ASSERT_TRUE(client_.CheckExpression(request, response).ok());
  EXPECT_EQ(response.refusal().line(), 3);
  EXPECT_THAT(response.refusal().reason(), HasSubstr("draws random numbers"));
  EXPECT_FALSE(response.has_values());
}

TEST_F(ExpressionTest, AJobOfExpressionsIsComputed) {
  v1::Job created;
  const grpc::Status status = client_.TryCreate(JobOf({kPotential}, kKernel), created);
  ASSERT_TRUE(status.ok()) << status.error_message();
  const v1::Job job = client_.WaitForEnd(created.name());
  EXPECT_EQ(job.state(), v1::Job::SUCCEEDED) << job.error().message();
  EXPECT_EQ(job.progress().completed_steps(), 2);
  Tensor samples;
  EXPECT_TRUE(client_.Sample(created.name(), 2, 10, 1, samples).ok());
}

TEST_F(ExpressionTest, EveryRefusedExpressionIsNamedAtSubmission) {
  for (const bool validate_only : {false, true}) {
    v1::CreateJobRequest request = JobOf({kPotential, kRandom, kEndless}, kKernel);
    request.set_validate_only(validate_only);
    v1::Job job;
    const absl::Status status = FromGrpcStatus(client_.TryCreate(request, job));
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << status;
    const std::vector<FieldViolation> violations = ViolationsOf(status);
    ASSERT_THAT(violations, SizeIs(2)) << status;
    EXPECT_EQ(violations[0].field, "spec.functional.terms[1].potential.expression.source");
    EXPECT_THAT(violations[0].description, HasSubstr("line 3: `aten::rand_like` draws random numbers"));
    EXPECT_EQ(violations[1].field, "spec.functional.terms[2].potential.expression.source");
    EXPECT_THAT(violations[1].description, HasSubstr("line 2: `while` may run for ever"));
  }
}

TEST_F(ExpressionTest, ValidatingCreatesNothing) {
  v1::CreateJobRequest request = JobOf({kPotential}, kKernel);
  request.set_validate_only(true);
  v1::Job job;
  ASSERT_TRUE(client_.TryCreate(request, job).ok());
  EXPECT_TRUE(job.name().empty());
  EXPECT_EQ(job.progress().total_steps(), 2);
}

constexpr char kGenerator[] = "def generator(z, w, b):\n    return z @ w + b\n";

v1::Generator GeneratorOf(const std::string& source) {
  v1::Generator generator;
  generator.set_source(source);
  generator.set_noise_dimension(3);
  v1::GeneratorParameter& matrix = *generator.add_parameters();
  matrix.add_shape(3);
  matrix.add_shape(2);
  generator.add_parameters()->add_shape(2);
  return generator;
}

TEST_F(ExpressionTest, AJobIsGeneratedByItsOwnSource) {
  v1::CreateJobRequest request = JobOf({kPotential});
  *request.mutable_job()->mutable_spec()->mutable_model()->mutable_generator() = GeneratorOf(kGenerator);
  const v1::Job ended = client_.WaitForEnd(client_.Create(request.job()).name());
  EXPECT_EQ(ended.state(), v1::Job::SUCCEEDED) << ended.ShortDebugString();
  EXPECT_EQ(ended.spec().model().generator().parameters(0).initial_scale(), 1);
  *request.mutable_job()->mutable_spec()->mutable_model()->mutable_generator() = GeneratorOf("def generator(z, w, b):\n    return z @ w\n");
  v1::Job job;
  const absl::Status status = FromGrpcStatus(client_.TryCreate(request, job));
  ASSERT_THAT(ViolationsOf(status), SizeIs(1)) << status;
  EXPECT_EQ(ViolationsOf(status)[0].field, "spec.model.generator.source");
  EXPECT_THAT(ViolationsOf(status)[0].description, HasSubstr("do not depend on `b`"));
}

}  // namespace
}  // namespace sliceflow::testing
