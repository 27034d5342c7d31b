// Which data sets a worker holds, and sending those it lacks.
#pragma once

#include <cstdint>
#include <list>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "server/jobs/datasets.h"
#include "server/scheduler/worker_session.h"
#include "sliceflow/v1/flow.pb.h"

namespace sliceflow::scheduler {

// The names of the data sets that a specification refers to, each once.
std::vector<std::string> ReferredDatasets(const v1::FlowSpec& spec);

// Data sets by owner and name.
using DatasetNames = std::set<std::pair<std::string, std::string>>;

// Kept with a session, which it sends on. Not thread-safe.
class DatasetLedger {
 public:
  DatasetLedger(WorkerSession& session, jobs::Datasets& datasets, int64_t max_bytes)
      : session_(session), datasets_(datasets), max_bytes_(max_bytes) {}

  // Sends what the specification of a job of `owner` refers to and the worker does not hold, after having it drop what was used least
  // recently beyond the bound. Errors are those of loading a data set.
  absl::Status Provide(const std::string& owner, const v1::FlowSpec& spec);
  // The same for data sets of several owners. A worker knows them by name: FailedPrecondition (reason DATASET_NAME_SHARED) where two
  // owners' have the same.
  absl::Status Provide(const DatasetNames& names);

 private:
  struct Held {
    std::string name;
    std::string identity;  // a data set of the same name may be another owner's, or another one, after the first was deleted
    int64_t bytes = 0;
  };
  // The first `in_use` of `held_` are not dropped.
  absl::Status ProvideOne(const std::string& owner, const std::string& name, size_t in_use);
  void Forget(const std::string& name);

  WorkerSession& session_;
  jobs::Datasets& datasets_;
  const int64_t max_bytes_;
  int64_t bytes_ = 0;
  std::list<Held> held_;  // most recently used first
};

}  // namespace sliceflow::scheduler
