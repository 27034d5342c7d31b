// The public services put together, for the daemon.
#pragma once

#include <grpcpp/server_builder.h>

#include <memory>
#include <string>
#include <vector>

#include "server/api/access.h"
#include "server/api/limits.h"
#include "server/jobs/datasets.h"
#include "server/jobs/jobs.h"
#include "server/scheduler/scheduler.h"

namespace sliceflow::api {

struct Rooms {
  jobs::Jobs& jobs;
  jobs::Datasets& datasets;
  Access& access;
  scheduler::Scheduler& scheduler;
};

// Thread-safe. Destroyed after the server that it was registered with.
class Services {
 public:
  virtual ~Services() = default;

  // Full names of the services, as health checking names them.
  virtual const std::vector<std::string>& names() const = 0;

  // Ends every watch, and each that begins from now on, with UNAVAILABLE.
  virtual void Shutdown() = 0;
};

// Registers JobService, DatasetService and ServerService. The rooms must outlive the result.
std::unique_ptr<Services> RegisterServices(grpc::ServerBuilder& builder, const Rooms& rooms, const Limits& limits = {});

}  // namespace sliceflow::api
