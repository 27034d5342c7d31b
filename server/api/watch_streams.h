// The streams of WatchJob: each a cursor into the event log, written as fast as its reader reads.
#pragma once

#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/server_callback.h>

#include <deque>
#include <memory>
#include <set>
#include <thread>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "common/steady_wait.h"
#include "server/api/access.h"
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
  // How often the tokens of streams are looked at: one that was revoked or has expired ends its streams by then, however quiet they are.
  static constexpr absl::Duration kTokenInterval = absl::Seconds(1);

  WatchStreams(Access& access, jobs::Jobs& jobs);
  ~WatchStreams();

  // The reactor of a new stream; it ends by itself, at once where the door or the owner's quota refuses it. Both the request and what the
  // stream writes are serialized: WatchJobRequest and WatchJobResponse.
  grpc::ServerWriteReactor<grpc::ByteBuffer>* Open(const grpc::CallbackServerContext& context, const grpc::ByteBuffer& request);
  // Ends every stream, and each that is opened from now on, with UNAVAILABLE and reason SHUTTING_DOWN.
  void Shutdown();

 private:
  friend class WatchStream;
  // Lets the caller in, and counts the watch.
  absl::StatusOr<Caller> Admit(const grpc::CallbackServerContext& context, const v1::WatchJobRequest& request);
  void Remove(const std::shared_ptr<WatchStream>& stream);
  void CheckTokens();
  // The bytes of the message that an event is sent as. Those of the newest are kept: all who watch a job are sent the same. On the executor.
  grpc::ByteBuffer BytesOf(const events::EventPtr& event);

  Access& access_;
  jobs::Jobs& jobs_;
  absl::Mutex mutex_;
  bool shut_down_ ABSL_GUARDED_BY(mutex_) = false;
  std::set<std::shared_ptr<WatchStream>> streams_ ABSL_GUARDED_BY(mutex_);
  std::deque<std::pair<events::EventPtr, grpc::ByteBuffer>> sent_;  // on the executor
  SteadyNotification ending_;
  scheduler::Executor executor_;  // joined before what its work uses goes
  std::thread token_checker_;     // only where tokens are asked for
};

}  // namespace sliceflow::api
