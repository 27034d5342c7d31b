// Who is told what becomes of attached workers: what keeps their processes.
#pragma once

#include <cstdint>
#include <string>

#include "absl/status/status.h"

namespace sliceflow::scheduler {

// A worker of another machine, as it is told to people.
struct RemoteWorker {
  std::string id;       // `remote/ID`
  std::string device;   // `NODE/cpu`
  std::string subject;  // the common name in its certificate; may be empty
  std::string address;  // where it comes from, such as `ipv4:10.0.0.7:41234`
};

// Called on threads of the scheduler; calls are short and call nothing of it. A worker is named by its id and its process, so that what is
// said of one that has been replaced means nothing.
class WorkerObserver {
 public:
  virtual ~WorkerObserver() = default;
  // It said Hello and may have work.
  virtual void OnAdmitted(const std::string& worker_id, int64_t pid) = 0;
  // It said Hello and was sent away.
  virtual void OnRefused(const std::string& worker_id, int64_t pid, const absl::Status& why) = 0;
  // It has a job, `jobs/ID`, of which it is about to be told; and then none any more.
  virtual void OnAssigned(const std::string& worker_id, int64_t pid, const std::string& job) = 0;
  virtual void OnReleased(const std::string& worker_id, int64_t pid) = 0;
  // It has done something: a step was computed, or a query answered.
  virtual void OnServed(const std::string& worker_id, int64_t pid) = 0;
  // Its stream has ended.
  virtual void OnDetached(const std::string& worker_id, int64_t pid) = 0;
};

}  // namespace sliceflow::scheduler
