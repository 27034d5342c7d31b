// The API over HTTP, as browsers call it: the same server, door and errors as over gRPC.
#include <gmock/gmock.h>
#include <google/protobuf/util/json_util.h>
#include <gtest/gtest.h>
#include <httplib.h>

#include <atomic>
#include <fstream>
#include <sstream>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "tests/integration/client.h"
#include "tests/integration/processes.h"
#include "tests/support/temp_folder.h"

namespace sliceflow::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::SizeIs;

constexpr char kDaemon[] = SLICEFLOW_BIN_DIR "/sliceflowd";
constexpr char kServerInfo[] = "/sliceflow.v1.ServerService/GetServerInfo";
constexpr char kGetJob[] = "/sliceflow.v1.JobService/GetJob";
constexpr char kCreateJob[] = "/sliceflow.v1.JobService/CreateJob";
constexpr char kWatchJob[] = "/sliceflow.v1.JobService/WatchJob";
constexpr char kJson[] = "application/json";
constexpr char kConnectJson[] = "application/connect+json";
constexpr char kGrpcWeb[] = "application/grpc-web+proto";

template <typename Message>
Message FromJson(const std::string& json) {
  Message message;
  const auto status = google::protobuf::util::JsonStringToMessage(json, &message);
  EXPECT_TRUE(status.ok()) << status.ToString() << " in " << json;
  return message;
}

std::string ToJson(const google::protobuf::Message& message) {
  std::string json;
  EXPECT_TRUE(google::protobuf::util::MessageToJsonString(message, &json).ok());
  return json;
}

struct Frame {
  uint8_t flags;
  std::string bytes;
};

std::string Framed(const std::string& message) {
  std::string framed(1, '\0');
  for (const int shift : {24, 16, 8, 0}) framed.push_back(static_cast<char>(message.size() >> shift));
  return framed + message;
}

std::vector<Frame> Frames(absl::string_view body) {
  std::vector<Frame> frames;
  while (body.size() >= 5) {
    size_t size = 0;
    for (int i = 1; i < 5; ++i) size = size << 8 | static_cast<uint8_t>(body[i]);
    EXPECT_LE(size, body.size() - 5);
    frames.push_back({static_cast<uint8_t>(body[0]), std::string(body.substr(5, size))});
    body.remove_prefix(5 + std::min(size, body.size() - 5));
  }
  EXPECT_EQ(body.size(), 0U);
  return frames;
}

v1::Job LongJob() {
  v1::Job job = ParticlesJob();
  job.mutable_spec()->mutable_schedule()->set_num_steps(10'000);
  return job;
}

class GatewayTest : public ::testing::Test {
 protected:
  void Start(const std::vector<std::string>& more_flags = {}) {
    std::vector<std::string> flags{"--http", "127.0.0.1:0"};
    flags.insert(flags.end(), more_flags.begin(), more_flags.end());
    daemon_ = std::make_unique<DaemonProcess>(folder_.path(), flags);
    ASSERT_TRUE(daemon_->ok()) << daemon_->Log();
    http_ = std::make_unique<httplib::Client>("http://" + daemon_->http_address());
    http_->set_read_timeout(absl::ToInt64Seconds(kPatience));
  }

  httplib::Result Call(const char* method, const std::string& json, const httplib::Headers& headers = {}) {
    return http_->Post(method, headers, json, kJson);
  }
  void WaitForMetric(const std::string& line) {
    const absl::Time deadline = absl::Now() + kPatience;
    while (!absl::StrContains(http_->Get("/metrics")->body, line)) {
      ASSERT_LT(absl::Now(), deadline) << "no " << line;
      absl::SleepFor(absl::Milliseconds(20));
    }
  }

  TempFolder folder_;
  std::unique_ptr<DaemonProcess> daemon_;
  std::unique_ptr<httplib::Client> http_;
};

TEST_F(GatewayTest, CallsInJsonAreAnsweredInJson) {
  Start();
  const auto info = Call(kServerInfo, "{}");
  ASSERT_TRUE(info);
  EXPECT_EQ(info->status, 200);
  EXPECT_EQ(info->get_header_value("Content-Type"), kJson);
  EXPECT_EQ(ToJson(FromJson<v1::ServerInfo>(info->body)), ToJson(Client(daemon_->address()).Info()));

  const v1::Job wanted = ParticlesJob();
  const auto created = Call(kCreateJob, absl::StrCat("{\"job\": ", ToJson(wanted), "}"));
  ASSERT_EQ(created->status, 200) << created->body;
  const auto job = FromJson<v1::Job>(created->body);
  EXPECT_EQ(job.display_name(), wanted.display_name());
  EXPECT_EQ(Client(daemon_->address()).Get(job.name()).name(), job.name());
}

TEST_F(GatewayTest, ErrorsAreThoseOfTheServer) {
  Start();
  const auto none = Call(kGetJob, R"({"name": "jobs/none"})");
  EXPECT_EQ(none->status, 404);
  EXPECT_THAT(none->body, HasSubstr(R"("code": "not_found")"));
  EXPECT_THAT(none->body, HasSubstr("google.rpc.ErrorInfo"));
  const auto invalid = Call(kCreateJob, R"({"job": {"spec": {"dimension": -1}}})");
  EXPECT_EQ(invalid->status, 400);
  EXPECT_THAT(invalid->body, HasSubstr("google.rpc.BadRequest"));
  EXPECT_THAT(invalid->body, HasSubstr("spec.dimension"));
  for (const char* wrong : {R"({"nme": "jobs/a"})", "{", "[]", R"({"name": 1)", "\xff"}) {
    const auto refused = Call(kGetJob, wrong);
    EXPECT_EQ(refused->status, 400) << wrong;
    EXPECT_THAT(refused->body, HasSubstr("invalid_argument")) << wrong;
    EXPECT_THAT(refused->body, HasSubstr("google.rpc.ErrorInfo")) << wrong;
  }
  EXPECT_THAT(Call(kGetJob, "{\"name\": \"\xff\"}")->body, HasSubstr("byte 10 is not UTF-8"));
  EXPECT_EQ(daemon_->Log().find("[libprotobuf"), std::string::npos) << daemon_->Log();
  EXPECT_EQ(Call("/sliceflow.v1.JobService/Made", "{}")->status, 501);
  EXPECT_EQ(Call("/sliceflow.v1.DatasetService/UploadDataset", "{}")->status, 501);
  EXPECT_EQ(Call(kWatchJob, "{}")->status, 501) << "a stream in the form of a single answer";
  const auto plain = http_->Post(kGetJob, "{}", "text/plain");
  EXPECT_EQ(plain->status, 415);
  EXPECT_THAT(plain->body, HasSubstr("the content type must be one of application/grpc-web+proto, "));
  EXPECT_EQ(Call("/sliceflow.worker.v1.WorkerService/Attach", "{}")->status, 413) << "bodies belong to the public contract alone";
}

TEST_F(GatewayTest, AWatchIsTheSameAsOverGrpc) {
  Start();
  Client client(daemon_->address());
  v1::Job job = ParticlesJob();
  job.mutable_spec()->mutable_schedule()->set_num_steps(3);
  const std::string name = client.Create(job).name();
  const auto watched = http_->Post(kWatchJob, Framed(absl::StrCat("{\"name\": \"", name, "\"}")), kConnectJson);
  ASSERT_TRUE(watched);
  EXPECT_EQ(watched->get_header_value("Content-Type"), kConnectJson);
  std::vector<Frame> frames = Frames(watched->body);
  ASSERT_FALSE(frames.empty());
  EXPECT_EQ(frames.back().flags, 2);
  EXPECT_EQ(frames.back().bytes, "{}");
  frames.pop_back();
  std::vector<std::string> events;
  for (const Frame& frame : frames) {
    const auto response = FromJson<v1::WatchJobResponse>(frame.bytes);
    if (response.has_event()) events.push_back(Describe(response.event()));
  }
  std::vector<std::string> over_grpc;
  for (const v1::JobEvent& event : client.Watch(name)) over_grpc.push_back(Describe(event));
  EXPECT_EQ(events, over_grpc);

  v1::WatchJobRequest request;
  request.set_name(name);
  const auto web = http_->Post(kWatchJob, Framed(request.SerializeAsString()), kGrpcWeb);
  std::vector<Frame> messages = Frames(web->body);
  ASSERT_FALSE(messages.empty());
  EXPECT_EQ(messages.back().flags, 0x80);
  EXPECT_EQ(messages.back().bytes, "grpc-status: 0\r\n");
  request.set_name("jobs/none");
  const auto none = Frames(http_->Post(kWatchJob, Framed(request.SerializeAsString()), kGrpcWeb)->body);
  ASSERT_THAT(none, SizeIs(1));
  EXPECT_THAT(none[0].bytes, HasSubstr("grpc-status: 5\r\n"));
}

TEST_F(GatewayTest, AClientThatGoesAwayEndsItsCall) {
  Start();
  Client client(daemon_->address());
  const std::string name = client.Create(LongJob()).name();
  client.WaitForStep(name, 0);
  std::atomic<bool> begun = false;
  httplib::Request request;
  request.method = "POST";
  request.path = kWatchJob;
  request.body = Framed(absl::StrCat("{\"name\": \"", name, "\"}"));
  request.set_header("Content-Type", kConnectJson);
  // Goes away as soon as something came.
  request.content_receiver = [&](const char*, size_t, uint64_t, uint64_t) {
    begun = true;
    return false;
  };
  (void)http_->send(request);
  EXPECT_TRUE(begun);
  WaitForMetric("sliceflow_watchers 0\n");
  EXPECT_EQ(client.Get(name).state(), v1::Job::RUNNING) << "leaving a watch ends no job";
  (void)client.Cancel(name);
}

TEST_F(GatewayTest, BytesThatAreNoMessageAreTheClientsMistake) {
  Start();
  const auto answer = http_->Post(kGetJob, std::string("\xff\xff\xff"), "application/proto");
  EXPECT_EQ(answer->status, 400);
  EXPECT_THAT(answer->body, HasSubstr("is no sliceflow.v1.GetJobRequest"));
}

TEST_F(GatewayTest, PagesFromElsewhereAreRefused) {
  Start();
  const auto refused = Call(kServerInfo, "{}", {{"Origin", "http://evil.example"}});
  EXPECT_EQ(refused->status, 403);
  EXPECT_THAT(refused->body, HasSubstr("permission_denied"));
  EXPECT_EQ(Call(kServerInfo, "{}", {{"Host", "evil.example"}})->status, 403);
  EXPECT_EQ(Call(kServerInfo, "{}", {{"Origin", "http://" + daemon_->http_address()}})->status, 200);
  EXPECT_FALSE(http_->Options(kServerInfo)->has_header("Access-Control-Allow-Origin"));
}

TEST_F(GatewayTest, TokensCountHereToo) {
  Start({"--authentication", "tokens"});
  const auto token_of = [&](const std::string& owner) {
    const CommandResult result =
        RunCommand({kDaemon, "--data-dir", folder_.path(), "token", "create", "--owner", owner, "--expires", "1d"});
    const size_t begin = result.output.find("sft_");
    return result.output.substr(begin, result.output.find('\n', begin) - begin);
  };
  const httplib::Headers ada{{"Authorization", "Bearer " + token_of("ada")}};
  const httplib::Headers bob{{"Authorization", "Bearer " + token_of("bob")}};
  EXPECT_EQ(Call(kServerInfo, "{}")->status, 401);
  const auto created = Call(kCreateJob, absl::StrCat("{\"job\": ", ToJson(LongJob()), "}"), ada);
  ASSERT_EQ(created->status, 200) << created->body;
  const auto job = FromJson<v1::Job>(created->body);
  EXPECT_EQ(job.owner(), "ada");
  const std::string by_name = absl::StrCat("{\"name\": \"", job.name(), "\"}");
  EXPECT_EQ(Call(kGetJob, by_name, ada)->status, 200);
  EXPECT_EQ(Call(kGetJob, by_name, bob)->status, 404);
  EXPECT_EQ(Call("/sliceflow.v1.JobService/CancelJob", by_name, bob)->status, 404);
  const auto watched = http_->Post(kWatchJob, bob, Framed(by_name), kConnectJson);
  EXPECT_THAT(watched->body, HasSubstr("not_found"));
  EXPECT_EQ(Call("/sliceflow.v1.JobService/CancelJob", by_name, ada)->status, 200);
  // Who did it, and from where: not "from within the server".
  EXPECT_EQ(daemon_->Terminate(), 0);
  std::ostringstream audit;
  audit << std::ifstream(folder_.path() + "/audit.jsonl").rdbuf();
  EXPECT_THAT(audit.str(), HasSubstr("ipv4:127.0.0.1:"));
  EXPECT_THAT(audit.str(), ::testing::Not(HasSubstr("inproc")));
}

}  // namespace
}  // namespace sliceflow::testing
