// A worker process: attaches to a daemon and computes what it is given until the stream ends.
#pragma once

#include <string>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "server/worker/route.h"
#include "server/worker/sandbox.h"
#include "sliceflow/worker/v1/worker.pb.h"

namespace sliceflow::worker {

struct WorkerOptions {
  RouteOptions route;
  std::string worker_id;
  std::string version;
  std::string node;                    // what this machine is called by a daemon on another one: its devices are NODE/DEVICE; else empty
  std::string device = "cpu";          // or `cuda:N`
  std::string gpu;                     // the one that `cuda:N` is, by its identifier; empty: the driver's Nth
  std::string gpu_precision = "fp32";  // of gradients of sliced transport
  v1::Lane lane = v1::LANE_FLOW;
  int threads = 1;
  SandboxOptions sandbox;
  absl::Duration attach_timeout = absl::Seconds(10);  // to find the daemon and to be taken by it
  absl::Duration stop_timeout = absl::Seconds(2);     // how long a computation that is given up may go on
};

// Goes into its cage before it is given anything: from then on the process can do what Sandbox leaves it, and no more.
// Returns when the stream has ended: OK after the daemon asked for it, otherwise why; it does not attach again, because its cage opens no
// other connection. One of another machine's daemon says goodbye when it is told to end (SIGTERM, SIGINT), and ends with exit code 0. Everything a worker
// knows the daemon has stored, so a computation that does not stop in time ends with the process (std::_Exit).
absl::Status RunWorker(const WorkerOptions& options);

}  // namespace sliceflow::worker
