#include "tests/benchmarks/stand_in_worker.h"

#include <unistd.h>

#include <map>
#include <memory>
#include <string>

#include <grpcpp/grpcpp.h>

#include "absl/strings/numbers.h"
#include "absl/time/clock.h"
#include "common/clock.h"
#include "common/version.h"
#include "sliceflow/worker/v1/worker.grpc.pb.h"

namespace sliceflow::benchmarks {
namespace {

namespace wire = worker::v1;
using Stream = grpc::ClientReaderWriter<wire::AttachRequest, wire::AttachResponse>;

constexpr absl::Duration kPause = absl::Milliseconds(10);

wire::AttachRequest Hello(std::map<std::string, std::string>& flags) {
  wire::AttachRequest message;
  wire::Hello& hello = *message.mutable_hello();
  hello.set_worker_id(flags["--worker-id"]);
  hello.set_version(std::string(Version()));
  hello.set_device(flags["--device"]);
  hello.set_lane(flags["--lane"] == "flow" ? wire::LANE_FLOW : wire::LANE_QUERY);
  hello.set_threads(1);
  hello.set_pid(getpid());
  return message;
}

void SendBlob(Stream& stream, const char* key, size_t bytes) {
  wire::AttachRequest message;
  message.mutable_blob()->set_key(key);
  message.mutable_blob()->mutable_data()->resize(bytes);
  if (key == std::string("samples")) {
    message.mutable_blob()->add_shape(kStandInSamples);
    message.mutable_blob()->add_shape(2);
  }
  stream.Write(message);
}

void SendStep(Stream& stream, int64_t assignment, int step) {
  absl::SleepFor(kPause);
  const double now = absl::ToDoubleSeconds(Uptime());
  SendBlob(stream, "samples", kStandInSamples * 2 * sizeof(float));
  SendBlob(stream, "checkpoint", kStandInCheckpointBytes);
  wire::AttachRequest message;
  message.mutable_step_done()->set_assignment(assignment);
  message.mutable_step_done()->mutable_report()->set_step(step);
  message.mutable_step_done()->mutable_report()->set_seconds(now);
  stream.Write(message);
}

void SendEnd(Stream& stream, int64_t assignment) {
  wire::AttachRequest message;
  message.mutable_assignment_ended()->set_assignment(assignment);
  message.mutable_assignment_ended()->set_outcome(wire::AssignmentEnded::COMPLETED);
  stream.Write(message);
}

void Serve(Stream& stream) {
  int last = 0;
  wire::AttachResponse message;
  while (stream.Read(&message)) {
    if (message.has_drain()) return;
    if (message.has_assign()) {
      last = message.assign().spec().schedule().num_steps();
      SendStep(stream, message.assign().assignment(), 0);
    }
    if (!message.has_step_stored()) continue;
    const int64_t assignment = message.step_stored().assignment();
    if (message.step_stored().step() < last) {
      SendStep(stream, assignment, message.step_stored().step() + 1);
    } else {
      SendEnd(stream, assignment);
    }
  }
}

}  // namespace

bool IsStartedAsWorker(int argc, char** argv) { return argc > 1 && argv[1] == std::string("--connect"); }

int RunStandInWorker(int argc, char** argv) {
  std::map<std::string, std::string> flags;
  for (int i = 1; i + 1 < argc; i += 2) flags[argv[i]] = argv[i + 1];
  const auto stub = wire::WorkerService::NewStub(grpc::CreateChannel(flags["--connect"], grpc::InsecureChannelCredentials()));
  grpc::ClientContext context;
  const std::unique_ptr<Stream> stream = stub->Attach(&context);
  stream->Write(Hello(flags));
  Serve(*stream);
  context.TryCancel();
  (void)stream->Finish();
  return 0;
}

}  // namespace sliceflow::benchmarks
