// Workers that go wrong as no worker should. What one does wrong is the name it is called by:
//   wrong_version  says another version than the daemon's
//   dies_at_once   ends when it is given a job
//   breaks_out     starts a program when it is given a job, from inside a worker's cage
#include <grpcpp/grpcpp.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <memory>
#include <string>

#include <unistd.h>

#include "common/version.h"
#include "server/worker/sandbox.h"
#include "sliceflow/worker/v1/worker.grpc.pb.h"

namespace {

namespace v1 = sliceflow::worker::v1;

v1::AttachRequest Hello(const std::map<std::string, std::string>& flags, const std::string& version) {
  v1::AttachRequest message;
  v1::Hello& hello = *message.mutable_hello();
  hello.set_worker_id(flags.at("--worker-id"));
  hello.set_version(version);
  hello.set_device(flags.at("--device"));
  hello.set_lane(flags.at("--lane") == "flow" ? v1::LANE_FLOW : v1::LANE_QUERY);
  hello.set_threads(1);
  hello.set_pid(getpid());
  return message;
}

}  // namespace

int main(int argc, char** argv) {
  const std::string fault = std::filesystem::path(argv[0]).filename();
  std::map<std::string, std::string> flags;
  for (int i = 1; i + 1 < argc; i += 2) flags[argv[i]] = argv[i + 1];

  sliceflow::worker::Sandbox sandbox({});
  if (fault == "breaks_out" && !sandbox.Enter().ok()) return 1;
  const auto stub = v1::WorkerService::NewStub(grpc::CreateChannel(flags.at("--connect"), grpc::InsecureChannelCredentials()));
  grpc::ClientContext context;
  context.set_wait_for_ready(true);
  const auto stream = stub->Attach(&context);
  const std::string version(sliceflow::Version());
  stream->Write(Hello(flags, fault == "wrong_version" ? version + "-other" : version));
  if (fault == "breaks_out" && !sandbox.Seal().ok()) return 1;

  v1::AttachResponse message;
  while (stream->Read(&message)) {
    if (!message.has_assign()) continue;
    std::fprintf(stderr, "found no device\n");
    if (fault == "breaks_out") execl("/bin/true", "true", nullptr);
    return 3;
  }
  return 1;
}
