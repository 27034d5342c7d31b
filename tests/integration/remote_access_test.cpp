// The port for workers of other machines: whom it lets in, as whom, and what is served on it.
#include "tests/integration/remote_fixture.h"

#include <gmock/gmock.h>

#include <cstdio>
#include <fstream>
#include <sstream>

#include "common/version.h"
#include "sliceflow/worker/v1/worker.grpc.pb.h"

namespace sliceflow::testing {
namespace {

using ::testing::HasSubstr;

std::string Read(const std::string& path) {
  std::ostringstream text;
  text << std::ifstream(path).rdbuf();
  return text.str();
}

class RemoteAccessTest : public RemoteFixture {
 protected:
  using Stream = grpc::ClientReaderWriter<worker::v1::AttachRequest, worker::v1::AttachResponse>;

  // A worker's end of a stream, played by the test.
  struct Played {
    std::unique_ptr<worker::v1::WorkerService::Stub> stub;
    grpc::ClientContext context;
    std::unique_ptr<Stream> stream;
  };

  std::shared_ptr<grpc::Channel> WorkersChannel() const {
    const grpc::SslCredentialsOptions options{Read(certificates_.Path("servers.pem")), Read(certificates_.Path("node.key")),
                                              Read(certificates_.Path("node.pem"))};
    return grpc::CreateChannel(workers_listen_, grpc::SslCredentials(options));
  }

  // One that may come.
  static worker::v1::Hello GoodHello() {
    worker::v1::Hello hello;
    hello.set_worker_id("gpu1-flow");
    hello.set_version(std::string(Version()));
    hello.set_device("gpu1/cpu");
    hello.set_lane(worker::v1::LANE_FLOW);
    hello.set_threads(2);
    hello.set_pid(4711);
    hello.set_memory_bytes(int64_t{1} << 30);
    return hello;
  }

  std::unique_ptr<Played> Play(const std::shared_ptr<grpc::Channel>& channel, const worker::v1::Hello& hello) const {
    auto played = std::make_unique<Played>();
    played->stub = worker::v1::WorkerService::NewStub(channel);
    played->context.set_deadline(absl::ToChronoTime(absl::Now() + kPatience));
    played->stream = played->stub->Attach(&played->context);
    worker::v1::AttachRequest message;
    *message.mutable_hello() = hello;
    played->stream->Write(message);
    return played;
  }

  grpc::Status Refusal(const worker::v1::Hello& hello) const { return Play(WorkersChannel(), hello)->stream->Finish(); }

  // Starts the program, which does not come in, and says why.
  std::string WordsOfOneThatIsTurnedAway(const WorkerFiles& files, const std::string& server_name = "127.0.0.1") const {
    const auto worker = StartWorker("gpu1", {"--attach-time", "3s", "--server-name", server_name}, files);
    EXPECT_EQ(worker->Wait(), 1);
    return worker->Log();
  }
};

TEST_F(RemoteAccessTest, OnlyACertificateOfTheAuthorityOfWorkersGetsIn) {
  Serve("queries", {"--tls-client-ca", certificates_.Path("clients.pem")});
  for (const char* certificate : {"stranger", "client"}) {
    SCOPED_TRACE(certificate);
    const std::string words = WordsOfOneThatIsTurnedAway(Showing(certificate));
    EXPECT_THAT(words, HasSubstr("no daemon takes this worker at " + workers_listen_));
    EXPECT_THAT(words, HasSubstr("workers.client_ca"));
  }
  const grpc::SslCredentialsOptions nothing_shown{Read(certificates_.Path("servers.pem")), "", ""};
  for (const auto& credentials : {grpc::SslCredentials(nothing_shown), grpc::InsecureChannelCredentials()}) {
    const auto channel = grpc::CreateChannel(workers_listen_, credentials);
    EXPECT_EQ(Play(channel, GoodHello())->stream->Finish().error_code(), grpc::StatusCode::UNAVAILABLE);
  }
  EXPECT_EQ(daemon_->Log().find("attached"), std::string::npos) << daemon_->Log();
}

TEST_F(RemoteAccessTest, AWorkerOnlyAttachesToTheServerItMeans) {
  Serve("queries");
  EXPECT_THAT(WordsOfOneThatIsTurnedAway({}, "another.example.org"), HasSubstr("no daemon takes this worker"));
  EXPECT_THAT(WordsOfOneThatIsTurnedAway({.ca = "strangers.pem"}), HasSubstr("no daemon takes this worker"));
}

TEST_F(RemoteAccessTest, FilesAndOptionsThatAreOfNoUseAreNamed) {
  Serve("queries");
  EXPECT_THAT(WordsOfOneThatIsTurnedAway({.key = "client.key"}), HasSubstr("--key: "));
  EXPECT_THAT(WordsOfOneThatIsTurnedAway({.cert = "nowhere"}), HasSubstr("--cert: "));
  EXPECT_THAT(WordsOfOneThatIsTurnedAway({.ca = "node.key"}), HasSubstr("--ca: "));
  const std::string worker = SLICEFLOW_BIN_DIR "/sliceflow-worker";
  const std::vector<std::pair<std::vector<std::string>, std::string>> mistakes{
      {{"--connect", "server:1"}, "--name: must be given"},
      {{"--connect", "server:1", "--name", "a"}, "--ca: must be given"},
      {{"--connect", "server:1", "--name", "Node_1"}, "--name: must be up to 63 of a-z, 0-9, . and -"},
      {{"--connect", "server", "--name", "a", "--ca", "a", "--cert", "a", "--key", "a"}, "--connect: must be unix:PATH, or HOST:PORT"},
      {{"--connect", "unix:a"}, "--worker-id: must be given"},
      {{"--connect", "unix:a", "--worker-id", "a", "--cert", "a"}, "--cert: is for a daemon on another machine"},
      {{"--connect", "server:1", "--name", "a", "--attach-time", "soon"}, "--attach-time: must be a duration"},
  };
  for (const auto& [flags, said] : mistakes) {
    std::vector<std::string> command{worker};
    command.insert(command.end(), flags.begin(), flags.end());
    const CommandResult result = RunCommand(command);
    EXPECT_EQ(result.exit_code, 2) << said;
    EXPECT_THAT(result.output, HasSubstr(said));
  }
}

TEST_F(RemoteAccessTest, WhatAWorkerSaysOfItselfIsRefusedByName) {
  Serve("queries");
  struct Case {
    void (*change)(worker::v1::Hello&);
    grpc::StatusCode code;
    std::string said;
  };
  const Case cases[] = {
      {[](auto& hello) { hello.set_version("0.0.1"); }, grpc::StatusCode::FAILED_PRECONDITION, "the worker is of version 0.0.1"},
      {[](auto& hello) { hello.set_device("cpu"); }, grpc::StatusCode::INVALID_ARGUMENT, "NODE/cpu or NODE/cuda:N"},
      {[](auto& hello) { hello.set_device("gpu1/tpu"); }, grpc::StatusCode::INVALID_ARGUMENT, "is \"gpu1/tpu\""},
      {[](auto& hello) { hello.set_device("GPU1/cpu"); }, grpc::StatusCode::INVALID_ARGUMENT, "is \"GPU1/cpu\""},
      {[](auto& hello) { hello.set_device("a/b/cpu"); }, grpc::StatusCode::INVALID_ARGUMENT, "is \"a/b/cpu\""},
      {[](auto& hello) { hello.set_device("-a/cpu"); }, grpc::StatusCode::INVALID_ARGUMENT, "is \"-a/cpu\""},
      {[](auto& hello) { hello.set_device(std::string(64, 'a') + "/cpu"); }, grpc::StatusCode::INVALID_ARGUMENT, "device: "},
      {[](auto& hello) { hello.set_worker_id(""); }, grpc::StatusCode::INVALID_ARGUMENT, "worker_id: "},
      {[](auto& hello) { hello.set_worker_id("a/b"); }, grpc::StatusCode::INVALID_ARGUMENT, "is \"a/b\""},
      {[](auto& hello) { hello.set_memory_bytes(0); }, grpc::StatusCode::INVALID_ARGUMENT, "memory_bytes: "},
      {[](auto& hello) { hello.set_threads(0); }, grpc::StatusCode::INVALID_ARGUMENT, "threads: "},
      {[](auto& hello) { hello.set_lane(worker::v1::LANE_UNSPECIFIED); }, grpc::StatusCode::INVALID_ARGUMENT, "whole jobs or queries"},
  };
  for (const Case& one : cases) {
    worker::v1::Hello hello = GoodHello();
    one.change(hello);
    const grpc::Status status = Refusal(hello);
    EXPECT_EQ(status.error_code(), one.code) << one.said;
    EXPECT_THAT(status.error_message(), HasSubstr(one.said));
    EXPECT_TRUE(WaitForLine("was refused: " + status.error_message().substr(0, 8)));
  }
  EXPECT_EQ(client_->Info().devices_size(), 0);
}

// It says the id and the process of the worker that the daemon has started.
TEST_F(RemoteAccessTest, OneThatCallsItselfAsALocalOneDisturbsNone) {
  Serve("all");
  const std::string name = client_->Create(RealNvpJob()).name();
  client_->WaitForStep(name, 1);
  const pid_t local = daemon_->WorkerPid("flow");
  worker::v1::Hello hello = GoodHello();
  hello.set_worker_id("cpu-flow");
  hello.set_pid(local);
  {
    const auto played = Play(WorkersChannel(), hello);
    ASSERT_TRUE(WaitForDevice("gpu1/cpu", true));
    EXPECT_THAT(daemon_->Log(), HasSubstr("remote/cpu-flow"));
    EXPECT_TRUE(Device("cpu").ready());
    played->context.TryCancel();
    ASSERT_TRUE(WaitForDevice("gpu1/cpu", false));
  }
  EXPECT_EQ(client_->WaitForEnd(name).state(), v1::Job::SUCCEEDED);
  EXPECT_EQ(client_->Get(name).progress().assignments(), 1);
  EXPECT_EQ(daemon_->WorkerPid("flow"), local);
  EXPECT_TRUE(Device("cpu").healthy());
}

TEST_F(RemoteAccessTest, NeitherPortServesWhatIsTheOthers) {
  Serve("queries");
  grpc::ClientContext context;
  context.set_deadline(absl::ToChronoTime(absl::Now() + kPatience));
  v1::ServerInfo info;
  const grpc::Status status = v1::ServerService::NewStub(WorkersChannel())->GetServerInfo(&context, {}, &info);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::UNIMPLEMENTED) << status.error_message();
  EXPECT_EQ(Play(PublicChannel(), GoodHello())->stream->Finish().error_code(), grpc::StatusCode::UNIMPLEMENTED);
  workers_listen_ = daemon_->address();
  const auto worker = StartWorker("gpu1");
  EXPECT_EQ(worker->Wait(), 1);
  EXPECT_THAT(worker->Log(), HasSubstr("is another port of a daemon, or none of one: want that of its setting workers.listen"));
}

// A renewed authority is taken without a restart: what it has signed gets in, and what it has not, leaves.
TEST_F(RemoteAccessTest, ARenewedAuthorityIsTakenOver) {
  Serve("queries");
  EXPECT_THAT(WordsOfOneThatIsTurnedAway(Showing("stranger")), HasSubstr("no daemon takes this worker"));
  std::ofstream(certificates_.Path("workers.pem"), std::ios::app) << Read(certificates_.Path("strangers.pem"));
  const auto worker = StartWorker("gpu1", {"--attach-time", "1m"}, Showing("stranger"));
  EXPECT_TRUE(WaitForDevice("gpu1/cpu", true)) << worker->Log();
  const auto revoked = StartWorker("gpu2");
  EXPECT_TRUE(WaitForDevice("gpu2/cpu", true)) << revoked->Log();
  v1::Job job = RealNvpJob();
  job.set_device("gpu2/cpu");
  const std::string name = client_->Create(job).name();
  client_->WaitForStep(name, 0);
  const std::string renewed = certificates_.Path("renewed.pem");
  std::ofstream(renewed) << Read(certificates_.Path("strangers.pem"));
  ASSERT_EQ(std::rename(renewed.c_str(), certificates_.Path("workers.pem").c_str()), 0);
  EXPECT_TRUE(WaitForLine("is cut off: the renewed workers.client_ca does not hold for its certificate")) << revoked->Log();
  EXPECT_TRUE(WaitForDevice("gpu2/cpu", false));
  EXPECT_NE(revoked->Wait(), 0);
  EXPECT_TRUE(Device("gpu1/cpu").ready()) << worker->Log();
}

}  // namespace
}  // namespace sliceflow::testing
