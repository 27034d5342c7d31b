// Owners who do not trust each other on one daemon with its workers: tokens, scopes, the audit log, and where secrets are not.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/time/clock.h"
#include "client/cpp/channel.h"
#include "common/errors.h"
#include "common/grpc_status.h"
#include "tests/integration/client.h"
#include "tests/integration/processes.h"
#include "tests/support/temp_folder.h"

namespace sliceflow::testing {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::Each;
using ::testing::HasSubstr;
using ::testing::Not;

const char kDaemon[] = SLICEFLOW_BIN_DIR "/sliceflowd";
const char kClient[] = SLICEFLOW_BIN_DIR "/sliceflow";

std::string ReadAll(const std::string& path) {
  std::ostringstream text;
  text << std::ifstream(path, std::ios::binary).rdbuf();
  return text.str();
}

class AccessIntegrationTest : public ::testing::Test {
 protected:
  CommandResult TokenCommand(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), {kDaemon, "--data-dir", folder_.path(), "token"});
    return RunCommand(arguments);
  }
  std::string Token(const std::string& owner, const std::string& role = "user") {
    const CommandResult result = TokenCommand({"create", "--owner", owner, "--role", role, "--expires", "90d"});
    EXPECT_EQ(result.exit_code, 0) << result.output;
    const size_t begin = result.output.find("sft_");
    return begin == std::string::npos ? "" : result.output.substr(begin, result.output.find('\n', begin) - begin);
  }
  static std::string IdOf(const std::string& token) { return std::vector<std::string>(absl::StrSplit(token, '_'))[1]; }

  Client As(const DaemonProcess& daemon, const std::string& token) {
    return Client(client::OpenChannel(daemon.address(), {.token = token}).value());
  }
  absl::Status InfoOf(const DaemonProcess& daemon, const std::string& token) {
    grpc::ClientContext context;
    v1::ServerInfo info;
    const auto channel = client::OpenChannel(daemon.address(), {.token = token}).value();
    return FromGrpcStatus(v1::ServerService::NewStub(channel)->GetServerInfo(&context, {}, &info));
  }

  // A job of particles that begin at the rows of a data set, of one step.
  static v1::Job StartingAt(const std::string& dataset) {
    v1::Job job = ParticlesJob();
    job.mutable_spec()->mutable_initial()->mutable_dataset()->set_dataset(dataset);
    job.mutable_spec()->mutable_model()->mutable_particles()->set_count(4);
    job.mutable_spec()->mutable_schedule()->set_num_steps(1);
    job.mutable_spec()->mutable_output()->set_samples_per_step(4);
    return job;
  }

  TempFolder folder_;
};

TEST_F(AccessIntegrationTest, TokensAreMadeAndRevokedBesideTheDaemon) {
  DaemonProcess daemon(folder_.path(), {"--authentication", "tokens"});
  ASSERT_TRUE(daemon.ok()) << daemon.Log();
  const std::string token = Token("ada", "viewer");
  EXPECT_TRUE(InfoOf(daemon, token).ok());
  const v1::ServerInfo info = As(daemon, token).Info();
  EXPECT_EQ(info.caller().owner(), "ada");
  EXPECT_EQ(info.caller().role(), v1::VIEWER);
  EXPECT_EQ(Reason(InfoOf(daemon, "")), "TOKEN_MISSING");

  const CommandResult list = TokenCommand({"list"});
  EXPECT_EQ(list.exit_code, 0);
  EXPECT_THAT(list.output, AllOf(HasSubstr(IdOf(token)), HasSubstr("viewer"), HasSubstr("valid")));
  EXPECT_THAT(list.output, Not(HasSubstr(token.substr(token.rfind('_') + 1))));
  EXPECT_EQ(TokenCommand({"revoke", IdOf(token)}).exit_code, 0);
  const absl::Time revoked = absl::Now();
  while (InfoOf(daemon, token).ok() && absl::Now() < revoked + kPatience) absl::SleepFor(absl::Milliseconds(20));
  EXPECT_EQ(Reason(InfoOf(daemon, token)), "TOKEN_INVALID");
  EXPECT_THAT(TokenCommand({"list"}).output, HasSubstr("revoked"));
  EXPECT_EQ(TokenCommand({"revoke", "none"}).exit_code, 1);
  EXPECT_EQ(TokenCommand({"create", "--owner", "No owner", "--expires", "90d"}).exit_code, 2);
  EXPECT_EQ(TokenCommand({"create", "--owner", "ada", "--expires", "soon"}).exit_code, 2);
}

TEST_F(AccessIntegrationTest, OwnersComputeWithTheirOwnDataAndReachNothingOfOthers) {
  const std::string ada_token = Token("ada"), bob_token = Token("bob"), admin_token = Token("root", "admin");
  DaemonProcess daemon(folder_.path(), {"--authentication", "tokens"});
  ASSERT_TRUE(daemon.ok()) << daemon.Log();
  Client ada = As(daemon, ada_token), bob = As(daemon, bob_token);
  ASSERT_TRUE(ada.Upload("points", "100,100\n100,101\n101,100\n101,101\n").ok());
  ASSERT_TRUE(bob.Upload("points", "-100,-100\n-100,-101\n-101,-100\n-101,-101\n").ok());
  const std::string adas = ada.Create(StartingAt("datasets/points")).name();
  const std::string bobs = bob.Create(StartingAt("datasets/points")).name();
  ASSERT_EQ(ada.WaitForEnd(adas).state(), v1::Job::SUCCEEDED);
  ASSERT_EQ(bob.WaitForEnd(bobs).state(), v1::Job::SUCCEEDED);
  EXPECT_THAT(ada.StoredSamples(adas)[0].values, Each(::testing::Gt(50)));
  EXPECT_THAT(bob.StoredSamples(bobs)[0].values, Each(::testing::Lt(-50)));

  Tensor tensor;
  EXPECT_TRUE(ada.Sample(adas, 0, 2, 1, tensor).ok());
  EXPECT_EQ(bob.Sample(adas, 0, 2, 1, tensor).error_code(), grpc::StatusCode::NOT_FOUND);
  EXPECT_EQ(bob.Density(adas, 0, Tensor{{1, 2}, {0, 0}}, tensor).error_code(), grpc::StatusCode::NOT_FOUND);
  EXPECT_EQ(bob.Cancel(adas).error_code(), grpc::StatusCode::NOT_FOUND);
  EXPECT_EQ(bob.Delete(adas).error_code(), grpc::StatusCode::NOT_FOUND);
  grpc::Status watched;
  EXPECT_TRUE(bob.Watch(adas, 0, nullptr, &watched).empty());
  EXPECT_EQ(watched.error_code(), grpc::StatusCode::NOT_FOUND);

  const auto distance = [](Client& who, const std::function<void(v1::ComputeDistanceRequest&)>& sides, double* value) {
    v1::ComputeDistanceRequest request;
    sides(request);
    request.mutable_distance()->mutable_sliced_wasserstein();
    request.set_samples(4);
    v1::ComputeDistanceResponse response;
    const grpc::Status status = who.Distance(request, response);
    if (value != nullptr) *value = response.value();
    return status.error_code();
  };
  const auto data_and_job = [&](const std::string& job) {
    return [job](v1::ComputeDistanceRequest& request) {
      request.mutable_first()->set_dataset("datasets/points");
      request.mutable_second()->mutable_job_step()->set_job(job);
      request.mutable_second()->mutable_job_step()->set_step(0);
    };
  };
  double own = 1e9;
  EXPECT_EQ(distance(bob, data_and_job(bobs), &own), grpc::StatusCode::OK);
  EXPECT_LT(own, 10);  // bob's points, not those of the same name that lie 280 away
  EXPECT_EQ(distance(bob, data_and_job(adas), nullptr), grpc::StatusCode::NOT_FOUND);
  // An admin's data set is looked for among the admin's own.
  Client admin = As(daemon, admin_token);
  EXPECT_EQ(distance(admin, data_and_job(adas), nullptr), grpc::StatusCode::NOT_FOUND);
  EXPECT_EQ(admin.Get(adas).owner(), "ada");
}

TEST_F(AccessIntegrationTest, SecretsAreInNoLogAndNoCommandLineAndTheAuditLogTellsWhoDidWhat) {
  const std::string token = Token("ada"), viewer = Token("ada", "viewer");
  const std::string token_file = folder_.path() + "/token";
  std::ofstream(token_file) << token << "\n";
  DaemonProcess daemon(folder_.path(), {"--authentication", "tokens", "--log-level", "debug"});
  ASSERT_TRUE(daemon.ok()) << daemon.Log();
  v1::Job job = ParticlesJob();
  job.mutable_spec()->mutable_schedule()->set_num_steps(10'000);
  Client ada = As(daemon, token);
  const std::string name = ada.Create(job).name();
  ada.WaitForStep(name, 0);
  EXPECT_EQ(As(daemon, viewer).Cancel(name).error_code(), grpc::StatusCode::PERMISSION_DENIED);

  // Commands of the client show nothing either, while they run.
  const std::string output = folder_.path() + "/watch.out";
  const CommandResult watching =
      RunCommand({"sh", "-c",
                  absl::StrCat("'", kClient, "' --server ", daemon.address(), " --token-file '", token_file, "' watch ", name, " > '",
                               output, "' 2>&1 & sleep 1; cat /proc/$!/cmdline; kill $!")});
  EXPECT_THAT(watching.output, AllOf(HasSubstr("--token-file"), Not(HasSubstr("sft_"))));
  const CommandResult cancelled = RunCommand({kClient, "--server", daemon.address(), "--token-file", token_file, "cancel", name});
  EXPECT_EQ(cancelled.exit_code, 0) << cancelled.output;
  const CommandResult info = RunCommand({kClient, "--server", daemon.address(), "--token-file", token_file, "info"});
  EXPECT_THAT(info.output, AllOf(HasSubstr("ada, user"), HasSubstr("jobs running")));
  const CommandResult without = RunCommand({kClient, "--server", daemon.address(), "info"});
  EXPECT_EQ(without.exit_code, 4) << without.output;
  EXPECT_THAT(without.output, HasSubstr("--token-file"));

  const std::string daemons_line = ReadAll(absl::StrCat("/proc/", daemon.pid(), "/cmdline"));
  EXPECT_EQ(daemon.Terminate(), 0);
  std::vector<std::string> texts{daemons_line,     daemon.Log(), ReadAll(output), watching.output,
                                 cancelled.output, info.output,  without.output};
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder_.path())) {
    if (entry.is_regular_file() && entry.path() != token_file) texts.push_back(ReadAll(entry.path()));
  }
  for (const std::string& each : {token, viewer}) EXPECT_THAT(texts, Each(Not(HasSubstr(each.substr(each.rfind('_') + 1)))));

  const std::vector<std::string> lines = absl::StrSplit(ReadAll(folder_.path() + "/audit.jsonl"), '\n');
  EXPECT_THAT(lines,
              Contains(AllOf(HasSubstr(R"("token":")" + IdOf(token)), HasSubstr("JobService.CreateJob"), HasSubstr(R"("code":"OK")"))));
  EXPECT_THAT(lines, Contains(AllOf(HasSubstr(IdOf(viewer)), HasSubstr("JobService.CancelJob"), HasSubstr("ROLE_TOO_LOW"))));
  EXPECT_THAT(lines,
              Contains(AllOf(HasSubstr(IdOf(token)), HasSubstr("JobService.CancelJob"), HasSubstr(name), HasSubstr(R"("code":"OK")"))));
  EXPECT_THAT(lines, Contains(AllOf(HasSubstr("TOKEN_MISSING"), HasSubstr("GetServerInfo"), HasSubstr("ipv4:127.0.0.1"))));
}

}  // namespace
}  // namespace sliceflow::testing
