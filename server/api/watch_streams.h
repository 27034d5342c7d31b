// The streams of WatchJob: each a cursor into the event log, written as fast as its reader reads.
#pragma once

#include <grpcpp/support/server_callback.h>

#include <memory>
#include <set>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "server/events/event_log.h"
#include "server/jobs/jobs.h"
#include "server/scheduler/executor.h"
#include "sliceflow/v1/job_service.pb.h"

namespace sliceflow::api {

class WatchStream;

// All streams of a server. What a stream does, it does on one thread of this, never on that of an appender or of the log's hub.
// Thread-safe. Destroyed after the gRPC server has ended its calls.
class WatchStreams {
 public:
  WatchStreams(events::EventLog& log, jobs::Jobs& jobs);
  ~WatchStreams();

  // The reactor of a new stream; it ends by itself.
  grpc::ServerWriteReactor<v1::WatchJobResponse>* Open(const v1::WatchJobRequest& request);
  // Ends every stream, and each that is opened from now on, with UNAVAILABLE and reason SHUTTING_DOWN.
  void Shutdown();

 private:
  friend class WatchStream;
  void Remove(const std::shared_ptr<WatchStream>& stream);

  events::EventLog& log_;
  jobs::Jobs& jobs_;
  absl::Mutex mutex_;
  bool shut_down_ ABSL_GUARDED_BY(mutex_) = false;
  std::set<std::shared_ptr<WatchStream>> streams_ ABSL_GUARDED_BY(mutex_);
  scheduler::Executor executor_;  // last: joined before what its work uses goes
};

}  // namespace sliceflow::api
