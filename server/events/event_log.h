// The event log: append, read from a sequence, and the hub that wakes watchers. Events are durable before anyone sees them.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/store/blob_store.h"
#include "server/store/store.h"
#include "sliceflow/v1/job.pb.h"

namespace sliceflow::events {

using EventPtr = std::shared_ptr<const v1::JobEvent>;

// A job's projection as Get and List read it, with the version that a commit must name.
struct JobView {
  v1::Job job;
  int64_t version = 0;
  int64_t number = 0;
};

// A durable change of a job. `events` get their sequence, and `job` its progress.last_sequence and etag, from the log.
struct Change {
  v1::Job job;
  int64_t version = 0;
  std::vector<v1::JobEvent> events;
  std::optional<store::StepRow> step;  // its sequence is that of the first StepCompleted among `events`
  std::vector<int> dropped_checkpoints;
};

// A watcher's place in one job's log. It costs a cursor, not memory: events are decoded once and shared. Thread-safe.
class Watch {
 public:
  virtual ~Watch() = default;

  struct Batch {
    std::vector<EventPtr> events;                // durable ones, in order, after what was returned before
    EventPtr progress;                           // the newest inner progress since the last call, if any
    std::optional<int64_t> compacted_to;         // set when what was asked for is no longer kept: the earliest sequence that is
    bool ended = false;                          // the last event of a job in a final state has been returned
  };
  // What there is now, at most `limit` events; empty when there is nothing new. Never blocks on other watchers.
  virtual absl::StatusOr<Batch> Next(int limit) = 0;
};

// Thread-safe.
class EventLog {
 public:
  virtual ~EventLog() = default;

  // Adds a job with its first events. AlreadyExists when the request id was used.
  virtual absl::StatusOr<v1::Job> Create(Change change, const std::string& owner, const std::string& request_id,
                                         const std::string& request_hash) = 0;
  // Appends in one transaction with the job's new projection, then wakes watchers. Aborted when the version has moved on.
  virtual absl::StatusOr<v1::Job> Append(Change change) = 0;
  virtual absl::StatusOr<JobView> Get(const std::string& job_id) = 0;
  virtual absl::StatusOr<std::vector<JobView>> List(const store::JobQuery& query) = 0;
  virtual absl::Status Delete(const std::string& job_id, int64_t version) = 0;

  // Not stored: the newest replaces the older.
  virtual void PublishProgress(const std::string& job_id, const v1::InnerProgress& progress) = 0;

  // Watches a job after a sequence. `wake` is called on a thread of the hub, never under a lock of the log, when Next may have something;
  // calls that come while one is pending are merged. It is called once at the start. After the Watch is destroyed it is not called again
  // (destruction waits for a running call, so do not destroy from within `wake`). NotFound; InvalidArgument beyond the newest sequence.
  virtual absl::StatusOr<std::unique_ptr<Watch>> StartWatch(const std::string& job_id, int64_t after_sequence, bool inner_progress,
                                                            std::function<void()> wake) = 0;
};

// `store` must outlive the log.
std::unique_ptr<EventLog> MakeEventLog(store::Store& store);

}  // namespace sliceflow::events
