// The stream of one attached worker.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <grpcpp/grpcpp.h>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "common/blob_inbox.h"
#include "server/scheduler/executor.h"
#include "server/scheduler/outbox.h"
#include "server/scheduler/worker_peer.h"
#include "sliceflow/worker/v1/worker.grpc.pb.h"

namespace sliceflow::scheduler {

class WorkerSession;

// What a session's worker does. Called on the session's executor, except for the destructor, which comes after all calls.
class Lane {
 public:
  virtual ~Lane() = default;
  // Takes work, if it has none. May be called at any time.
  virtual void Pull() = 0;
  // A message that is neither a blob nor a heartbeat. An error ends the stream with that status.
  virtual absl::Status Handle(const worker::v1::AttachRequest& message) = 0;
  // The worker lives.
  virtual void Beat(const worker::v1::Heartbeat& /*heartbeat*/) {}
  // The worker ends because it was told to: that it takes what it holds with it is no failure. Closed comes next.
  virtual void Leave() {}
  // The stream is lost: gives back what it holds. Nothing is called afterwards.
  virtual void Closed() = 0;
};

// Whom a session belongs to. Outlives it. Thread-safe.
class SessionHost {
 public:
  virtual ~SessionHost() = default;
  // Accepts or refuses a worker; on the session's executor.
  virtual absl::StatusOr<std::unique_ptr<Lane>> Admit(WorkerSession& session, const worker::v1::Hello& hello) = 0;
  // A worker has computed a step or answered a query; on the session's executor.
  virtual void Served(const WorkerSession& session) = 0;
  // gRPC is through with the session: destroy it, on another thread than its executor and gRPC's.
  virtual void Retire(WorkerSession* session) = 0;
};

// Transport only: one read and one write in flight, messages handled in order on the session's own thread, the next read after that.
class WorkerSession : public grpc::ServerBidiReactor<worker::v1::AttachRequest, worker::v1::AttachResponse> {
 public:
  // `context` is gRPC's and lives until OnDone.
  WorkerSession(grpc::CallbackServerContext* context, SessionHost& host, int64_t max_blob_bytes);
  ~WorkerSession() override;

  // Thread-safe.
  void Send(worker::v1::AttachResponse message);
  void SendBlob(std::string key, std::vector<int64_t> shape, SharedBytes bytes);
  void Post(std::function<void()> work) { executor_.Post(std::move(work)); }
  // Memory that the worker holds beside what it held when it attached, by its newest heartbeat. Unit: bytes.
  int64_t used_bytes() const { return used_bytes_.load(); }
  // Ends the stream: with a status once the write in flight is done, or at once, whatever the worker does.
  void Close(grpc::Status status);
  void Cut();
  // When the worker was last heard of, of Uptime; now, while a message of it is being handled.
  absl::Duration last_heard(absl::Duration now) const;
  // Nothing more is taken from it: its stream has ended, or is about to.
  bool closing() const;

  const WorkerPeer& peer() const { return peer_; }

  // On the executor.
  BlobInbox& inbox() { return inbox_; }
  // Set apart where the worker is of another machine.
  const worker::v1::Hello& hello() const { return hello_; }

 private:
  void OnReadDone(bool ok) override;
  void OnWriteDone(bool ok) override;
  void OnCancel() override;
  void OnDone() override;

  void HandleMessage();
  absl::Status Dispatch();
  void WriteNext() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void FinishWhenIdle() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void BeginClose(grpc::Status status) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  SessionHost& host_;
  const WorkerPeer peer_;
  worker::v1::AttachRequest incoming_;
  BlobInbox inbox_;             // on the executor
  worker::v1::Hello hello_;     // on the executor, constant after Admit
  std::unique_ptr<Lane> lane_;  // on the executor
  std::atomic<int64_t> used_bytes_{0};

  mutable absl::Mutex mutex_;
  grpc::CallbackServerContext* context_ ABSL_GUARDED_BY(mutex_);  // null after OnDone
  Outbox outbox_ ABSL_GUARDED_BY(mutex_);
  worker::v1::AttachResponse outgoing_ ABSL_GUARDED_BY(mutex_);
  bool writing_ ABSL_GUARDED_BY(mutex_) = false;
  bool closing_ ABSL_GUARDED_BY(mutex_) = false;
  bool finished_ ABSL_GUARDED_BY(mutex_) = false;
  bool handling_ ABSL_GUARDED_BY(mutex_) = false;
  grpc::Status status_ ABSL_GUARDED_BY(mutex_);
  absl::Duration last_heard_ ABSL_GUARDED_BY(mutex_);

  Executor executor_;  // last: joined before anything else goes
};

}  // namespace sliceflow::scheduler
