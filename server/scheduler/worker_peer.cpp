#include "server/scheduler/worker_peer.h"

#include <grpc/grpc_security_constants.h>

#include <algorithm>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "common/device_name.h"
#include "common/quoted.h"

namespace sliceflow::scheduler {
namespace {

constexpr absl::string_view kUnixSocket = "unix:";
constexpr size_t kLongestId = 128;
constexpr int kMaxThreads = 256;

bool IsIdOfAnotherMachine(absl::string_view id) {
  const auto is_allowed = [](unsigned char c) { return absl::ascii_isalnum(c) || absl::StrContains("._:-", std::string(1, c)); };
  return !id.empty() && id.size() <= kLongestId && std::all_of(id.begin(), id.end(), is_allowed);
}

absl::Status CheckLocal(const worker::v1::Hello& hello) {
  if (hello.worker_id().empty()) return absl::InvalidArgumentError("a worker without an id");
  if (!absl::StrContains(hello.device(), '/')) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("device: a worker of this machine must name a device without a slash, is ", Quoted(hello.device())));
}

absl::Status CheckRemote(const worker::v1::Hello& hello) {
  if (!IsDeviceOfAnotherMachine(hello.device())) {
    return absl::InvalidArgumentError(
        absl::StrCat("device: a worker of another machine must name NODE/cpu or NODE/cuda:N, with NODE up to 63 of a-z, 0-9, . and -, is ",
                     Quoted(hello.device())));
  }
  const absl::string_view id = absl::StripPrefix(hello.worker_id(), kRemoteIds);
  if (!IsIdOfAnotherMachine(id)) {
    return absl::InvalidArgumentError(
        absl::StrCat("worker_id: a worker of another machine must have an id of up to 128 letters, digits, and . _ : -, is ", Quoted(id)));
  }
  if (hello.threads() < 1 || hello.threads() > kMaxThreads) {
    return absl::InvalidArgumentError(absl::StrCat("threads: must be between 1 and ", kMaxThreads, ", is ", hello.threads()));
  }
  if (hello.memory_bytes() <= 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("memory_bytes: a worker of another machine must say what memory it has, is ", hello.memory_bytes()));
  }
  return absl::OkStatus();
}

}  // namespace

// Not by whether the certificate names somebody: an authority may sign one without a name.
WorkerPeer PeerOf(const grpc::CallbackServerContext& context) {
  WorkerPeer peer;
  peer.address = context.peer();
  peer.remote = !absl::StartsWith(peer.address, kUnixSocket);
  const auto security = context.auth_context();
  if (security == nullptr) return peer;
  const std::vector<grpc::string_ref> names = security->FindPropertyValues(GRPC_X509_CN_PROPERTY_NAME);
  if (!names.empty()) peer.subject = std::string(names.front().data(), names.front().size());
  for (const char* part : {GRPC_X509_PEM_CERT_PROPERTY_NAME, GRPC_X509_PEM_CERT_CHAIN_PROPERTY_NAME}) {
    for (const grpc::string_ref& text : security->FindPropertyValues(part))
      absl::StrAppend(&peer.chain, absl::string_view(text.data(), text.size()));
  }
  return peer;
}

void SetApart(worker::v1::Hello& hello) {
  hello.set_worker_id(absl::StrCat(kRemoteIds, hello.worker_id()));
  hello.set_pid(0);
}

absl::Status CheckIdentity(const WorkerPeer& peer, const worker::v1::Hello& hello) {
  return peer.remote ? CheckRemote(hello) : CheckLocal(hello);
}

}  // namespace sliceflow::scheduler
