// Links to a job: what their tokens show, what they do not, and how they end.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "client/cpp/channel.h"
#include "common/errors.h"
#include "common/grpc_status.h"
#include "tests/integration/client.h"
#include "tests/integration/processes.h"
#include "tests/support/temp_folder.h"

namespace sliceflow::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

const char kDaemon[] = SLICEFLOW_BIN_DIR "/sliceflowd";
const char kClient[] = SLICEFLOW_BIN_DIR "/sliceflow";

class LinksTest : public ::testing::Test {
 protected:
  void Start(const std::vector<std::string>& flags = {"--authentication", "tokens"}) {
    daemon_ = std::make_unique<DaemonProcess>(folder_.path(), flags);
    ASSERT_TRUE(daemon_->ok()) << daemon_->Log();
  }
  CommandResult TokenCommand(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), {kDaemon, "--data-dir", folder_.path(), "token"});
    return RunCommand(arguments);
  }
  std::string Token(const std::string& owner, const std::string& role = "user") {
    const CommandResult result = TokenCommand({"create", "--owner", owner, "--role", role, "--expires", "90d"});
    const size_t begin = result.output.find("sft_");
    EXPECT_NE(begin, std::string::npos) << result.output;
    return result.output.substr(begin, result.output.find('\n', begin) - begin);
  }
  std::shared_ptr<grpc::Channel> Channel(const std::string& token) {
    return client::OpenChannel(daemon_->address(), {.token = token}).value();
  }
  Client As(const std::string& token) { return Client(Channel(token)); }

  // One call of the contract, by whoever has the token.
  template <typename Request, typename Response>
  absl::Status Call(const std::string& token, grpc::Status (v1::JobService::Stub::*method)(grpc::ClientContext*, const Request&, Response*),
                    const Request& request, Response* response) {
    grpc::ClientContext context;
    context.set_deadline(absl::ToChronoTime(absl::Now() + kPatience));
    const auto stub = v1::JobService::NewStub(Channel(token));
    return FromGrpcStatus(((*stub).*method)(&context, request, response));
  }
  absl::Status Share(const std::string& token, const std::string& job, absl::Duration ttl, std::string* link = nullptr) {
    v1::ShareJobRequest request;
    request.set_name(job);
    request.mutable_ttl()->set_seconds(absl::ToInt64Seconds(ttl));
    v1::ShareJobResponse response;
    absl::Status status = Call(token, &v1::JobService::Stub::ShareJob, request, &response);
    if (link != nullptr) *link = response.token();
    return status;
  }
  absl::Status Get(const std::string& token, const std::string& job) {
    v1::GetJobRequest request;
    request.set_name(job);
    v1::Job answer;
    return Call(token, &v1::JobService::Stub::GetJob, request, &answer);
  }
  int Unshare(const std::string& token, const std::string& job) {
    v1::UnshareJobRequest request;
    request.set_name(job);
    v1::UnshareJobResponse response;
    EXPECT_TRUE(Call(token, &v1::JobService::Stub::UnshareJob, request, &response).ok());
    return response.ended_links();
  }

  TempFolder folder_;
  std::unique_ptr<DaemonProcess> daemon_;
};

TEST_F(LinksTest, ShowOneJobAndAllowNothing) {
  Start();
  const std::string ada = Token("ada");
  Client owner = As(ada);
  const std::string shared = owner.Create(ParticlesJob()).name(), other = owner.Create(ParticlesJob()).name();
  ASSERT_EQ(owner.WaitForEnd(shared).state(), v1::Job::SUCCEEDED);
  std::string link;
  ASSERT_TRUE(Share(ada, shared, absl::Hours(1), &link).ok());

  Client guest = As(link);
  EXPECT_EQ(guest.Get(shared).name(), shared);
  EXPECT_EQ(guest.Watch(shared).size(), owner.Watch(shared).size());
  Tensor tensor;
  EXPECT_TRUE(guest.Sample(shared, 0, 2, 1, tensor).ok());
  const v1::Caller caller = guest.Info().caller();
  EXPECT_EQ(caller.owner(), "ada");
  EXPECT_EQ(caller.role(), v1::VIEWER);
  EXPECT_EQ(caller.shared_job(), shared);
  EXPECT_FALSE(caller.has_usage());

  EXPECT_TRUE(absl::IsNotFound(Get(link, other)));
  EXPECT_EQ(guest.Sample(other, 0, 2, 1, tensor).error_code(), grpc::StatusCode::NOT_FOUND);
  grpc::Status watched;
  EXPECT_TRUE(guest.Watch(other, 0, nullptr, &watched).empty());
  EXPECT_EQ(watched.error_code(), grpc::StatusCode::NOT_FOUND);

  v1::ListJobsResponse list;
  const absl::Status listed = Call(link, &v1::JobService::Stub::ListJobs, v1::ListJobsRequest(), &list);
  EXPECT_TRUE(absl::IsPermissionDenied(listed));
  EXPECT_THAT(std::string(listed.message()), HasSubstr(shared));
  EXPECT_EQ(Reason(listed), "ROLE_TOO_LOW");
  EXPECT_EQ(guest.Cancel(shared).error_code(), grpc::StatusCode::PERMISSION_DENIED);
  EXPECT_EQ(guest.Delete(shared).error_code(), grpc::StatusCode::PERMISSION_DENIED);
  EXPECT_EQ(guest.Upload("points", "1,2\n").error_code(), grpc::StatusCode::PERMISSION_DENIED);
  EXPECT_TRUE(absl::IsPermissionDenied(Share(link, shared, absl::Hours(1))));
  v1::Job made;
  v1::CreateJobRequest create;
  *create.mutable_job() = ParticlesJob();
  EXPECT_EQ(guest.TryCreate(create, made).error_code(), grpc::StatusCode::PERMISSION_DENIED);
  v1::ComputeDistanceRequest distance;
  distance.mutable_first()->mutable_job_step()->set_job(other);
  v1::ComputeDistanceResponse value;
  EXPECT_EQ(guest.Distance(distance, value).error_code(), grpc::StatusCode::PERMISSION_DENIED);
}

TEST_F(LinksTest, DoNotShowTheDataThatTheirJobGoesTo) {
  Start();
  const std::string ada = Token("ada");
  Client owner = As(ada);
  ASSERT_TRUE(owner.Upload("points", "1,2\n3,4\n5,6\n").ok());
  v1::Job job = ParticlesJob();
  job.mutable_spec()->mutable_functional()->add_terms()->mutable_sliced_wasserstein()->set_dataset("datasets/points");
  const std::string name = owner.Create(job).name();
  std::string link;
  ASSERT_TRUE(Share(ada, name, absl::Hours(1), &link).ok());

  Tensor rows;
  ASSERT_TRUE(owner.Rows("datasets/points", 2, rows).ok());
  EXPECT_THAT(rows.shape, ElementsAre(2, 2));
  EXPECT_THAT(rows.values, ElementsAre(1, 2, 3, 4));
  EXPECT_EQ(As(link).Rows("datasets/points", 2, rows).error_code(), grpc::StatusCode::PERMISSION_DENIED);
  EXPECT_EQ(As(Token("bob")).Rows("datasets/points", 2, rows).error_code(), grpc::StatusCode::NOT_FOUND);
}

TEST_F(LinksTest, EndWithTheirTimeAndTheWatchesThatTheyOpenedWithThem) {
  Start();
  const std::string ada = Token("ada");
  v1::Job job = ParticlesJob();
  job.mutable_spec()->mutable_schedule()->set_num_steps(10'000);
  const std::string name = As(ada).Create(job).name();
  std::string link;
  ASSERT_TRUE(Share(ada, name, absl::Seconds(3), &link).ok());
  grpc::Status status;
  As(link).Watch(name, 0, nullptr, &status);  // would last for minutes
  EXPECT_EQ(status.error_code(), grpc::StatusCode::UNAUTHENTICATED) << status.error_message();
  const absl::Status after = Get(link, name);
  EXPECT_TRUE(absl::IsUnauthenticated(after));
  EXPECT_EQ(Reason(after), "TOKEN_EXPIRED");
  EXPECT_EQ(As(ada).Get(name).state(), v1::Job::RUNNING);
}

TEST_F(LinksTest, AreEndedTogetherByTheirOwnerAndListedWithoutSecrets) {
  Start();
  const std::string ada = Token("ada");
  Client owner = As(ada);
  const std::string name = owner.Create(ParticlesJob()).name(), other = owner.Create(ParticlesJob()).name();
  std::string first, second, of_other;
  ASSERT_TRUE(Share(ada, name, absl::Hours(1), &first).ok());
  ASSERT_TRUE(Share(ada, name, absl::Hours(24 * 90), &second).ok());
  ASSERT_TRUE(Share(ada, other, absl::Hours(1), &of_other).ok());
  EXPECT_THAT(TokenCommand({"list"}).output, HasSubstr("link to " + name));
  EXPECT_THAT(TokenCommand({"list"}).output, Not(HasSubstr(first.substr(first.rfind('_') + 1))));
  EXPECT_EQ(Unshare(ada, name), 2);
  EXPECT_EQ(Unshare(ada, name), 0);
  EXPECT_TRUE(absl::IsUnauthenticated(Get(first, name)));
  EXPECT_TRUE(absl::IsUnauthenticated(Get(second, name)));
  EXPECT_TRUE(Get(of_other, other).ok());
}

TEST_F(LinksTest, AreRefusedToWhomTheJobIsNot) {
  Start();
  const std::string ada = Token("ada"), viewer = Token("ada", "viewer"), bob = Token("bob"), admin = Token("root", "admin");
  const std::string name = As(ada).Create(ParticlesJob()).name();
  EXPECT_TRUE(absl::IsNotFound(Share(bob, name, absl::Hours(1))));
  EXPECT_TRUE(absl::IsPermissionDenied(Share(viewer, name, absl::Hours(1))));
  std::string link;
  EXPECT_TRUE(Share(admin, name, absl::Hours(1), &link).ok());
  EXPECT_TRUE(Get(link, name).ok());
  for (const absl::Duration ttl : {absl::ZeroDuration(), -absl::Hours(1), absl::Hours(24 * 91)}) {
    const absl::Status status = Share(ada, name, ttl);
    EXPECT_TRUE(absl::IsInvalidArgument(status)) << ttl;
    EXPECT_THAT(std::string(status.message()), HasSubstr("ttl"));
  }
  EXPECT_TRUE(absl::IsInvalidArgument(Share(ada, "no job", absl::Hours(1))));
}

TEST_F(LinksTest, AreBoundedPerJobAndThoseThatEndedMakeRoom) {
  Start();
  const std::string ada = Token("ada");
  const std::string name = As(ada).Create(ParticlesJob()).name();
  for (int i = 0; i < 100; ++i) ASSERT_TRUE(Share(ada, name, absl::Hours(1)).ok()) << i;
  EXPECT_TRUE(absl::IsResourceExhausted(Share(ada, name, absl::Hours(1))));
  EXPECT_EQ(Unshare(ada, name), 100);
  EXPECT_TRUE(Share(ada, name, absl::Hours(1)).ok());
}

TEST_F(LinksTest, AreMadeAndEndedFromTheCommandLine) {
  Start();
  const std::string ada = Token("ada");
  const std::string name = As(ada).Create(ParticlesJob()).name();
  const std::string token_file = folder_.path() + "/token";
  std::ofstream(token_file) << ada;
  const auto run = [&](std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), {kClient, "--server", daemon_->address(), "--token-file", token_file});
    return RunCommand(arguments);
  };
  const std::string link = run({"share", name, "--lasts", "2h", "--page", "https://flows.example/"}).output;
  const std::string place = absl::StrCat("https://flows.example/#/", name, "?link=");
  ASSERT_THAT(link, HasSubstr(place + "sft_"));
  const size_t begin = link.find("sft_");
  EXPECT_TRUE(Get(link.substr(begin, link.find('\n', begin) - begin), name).ok());
  EXPECT_THAT(run({"unshare", name}).output, HasSubstr("1 links ended"));
  const CommandResult never = run({"share", name, "--lasts", "never"});
  EXPECT_EQ(never.exit_code, 2);
  EXPECT_THAT(never.output, HasSubstr("--lasts never: must be such as"));
  EXPECT_THAT(run({"share", name, "--page", "javascript:alert(1)"}).output, HasSubstr("must be the dashboard's address"));
  EXPECT_THAT(run({"share", name, "--lasts", "91d"}).output, HasSubstr("ttl"));
}

TEST_F(LinksTest, AreNeedlessWhereEverybodyMayLook) {
  Start({});
  const std::string name = Client(daemon_->address()).Create(ParticlesJob()).name();
  const absl::Status status = Share("", name, absl::Hours(1));
  EXPECT_TRUE(absl::IsFailedPrecondition(status));
  EXPECT_EQ(Reason(status), "NO_TOKENS_ASKED");
}

}  // namespace
}  // namespace sliceflow::testing
