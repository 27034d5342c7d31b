#include "tests/integration/health.h"

#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/grpcpp.h>

#include <vector>

#include "absl/time/clock.h"
#include "tests/integration/processes.h"

namespace sliceflow::testing {

bool IsServing(const std::string& address, const std::string& service) {
  return IsServing(grpc::CreateChannel(address, grpc::InsecureChannelCredentials()), service);
}

bool IsServing(const std::shared_ptr<grpc::Channel>& channel, const std::string& service) {
  // HealthCheckRequest { string service = 1; }
  const std::string request = std::string("\x0a") + static_cast<char>(service.size()) + service;
  const grpc::Slice slice(request);
  grpc::ByteBuffer response;
  grpc::ClientContext context;
  context.set_deadline(absl::ToChronoTime(absl::Now() + kPatience));
  grpc::GenericStub stub(channel);
  grpc::CompletionQueue queue;
  const auto call = stub.PrepareUnaryCall(&context, "/grpc.health.v1.Health/Check", grpc::ByteBuffer(&slice, 1), &queue);
  call->StartCall();
  grpc::Status status;
  call->Finish(&response, &status, nullptr);
  void* tag = nullptr;
  bool ok = false;
  queue.Next(&tag, &ok);
  std::vector<grpc::Slice> slices;
  if (!status.ok() || !response.Dump(&slices).ok() || slices.empty()) return false;
  // HealthCheckResponse { enum { UNKNOWN, SERVING, NOT_SERVING } status = 1; }
  return slices[0].size() == 2 && slices[0].begin()[0] == 0x08 && slices[0].begin()[1] == 1;
}

bool WaitForServing(const std::string& address, const std::string& service, bool serving) {
  const absl::Time deadline = absl::Now() + kPatience;
  while (absl::Now() < deadline) {
    if (IsServing(address, service) == serving) return true;
    absl::SleepFor(absl::Milliseconds(50));
  }
  return false;
}

}  // namespace sliceflow::testing
