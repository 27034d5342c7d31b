// Who is at the other end of a worker's stream, and what it may call itself.
#pragma once

#include <string>

#include <grpcpp/grpcpp.h>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "sliceflow/worker/v1/worker.pb.h"

namespace sliceflow::scheduler {

// Before the id of every worker of another machine, so that none is taken for one that the daemon started.
inline constexpr absl::string_view kRemoteIds = "remote/";

struct WorkerPeer {
  bool remote = false;  // it came over the network, and so over TLS
  std::string address;  // where from, such as `ipv4:10.0.0.7:41234`
  std::string subject;  // the common name in its certificate, which its authority vouches for; may be empty
  std::string chain;    // its certificate and those it came with, in PEM; empty where it showed none
};

// What is not known to have come over the daemon's own socket is remote.
WorkerPeer PeerOf(const grpc::CallbackServerContext& context);

// Sets a worker of another machine apart from those of this one: its id gets kRemoteIds before it, and its process, which is none of this
// machine's, the number 0.
void SetApart(worker::v1::Hello& hello);

// Whether id, device, threads and memory of a worker, set apart where it is remote, are such as it may have. InvalidArgument naming the
// value and what would be right.
absl::Status CheckIdentity(const WorkerPeer& peer, const worker::v1::Hello& hello);

}  // namespace sliceflow::scheduler
