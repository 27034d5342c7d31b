// A call of the gateway's client, made to the server of this process.
#pragma once

#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/client_callback.h>
#include <grpcpp/support/status.h>

#include <map>
#include <memory>
#include <optional>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"

namespace sliceflow::gateway {

// One request, then answers as they are taken: the next is read only once it is asked for, so that of a stream one message is held here,
// however slowly the client reads. For one thread.
class ForwardedCall {
 public:
  // Begins the call of `method`, such as /sliceflow.v1.JobService/GetJob. `deadline` is of the wall clock, as gRPC has it.
  ForwardedCall(const std::shared_ptr<grpc::Channel>& channel, const std::string& method,
                const std::map<std::string, std::string>& metadata, absl::Time deadline, absl::string_view request);
  // Cancels the call where it is not over, and waits for its end.
  ~ForwardedCall();
  ForwardedCall(const ForwardedCall&) = delete;
  ForwardedCall& operator=(const ForwardedCall&) = delete;

  // An eventfd that is readable once a message or the end is there.
  int event() const { return event_; }

  // The message that is there; nullopt where it is the end, or nothing yet.
  std::optional<std::string> TakeMessage();
  // Reads on, once after each message that was taken.
  void ReadOn();
  // How it ended; nullopt before.
  std::optional<grpc::Status> status();

 private:
  class Reactor final : public grpc::ClientBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer> {
   public:
    explicit Reactor(ForwardedCall& call) : call_(call) {}
    void OnReadDone(bool ok) override { call_.OnRead(ok); }
    void OnDone(const grpc::Status& status) override { call_.OnDone(status); }

   private:
    ForwardedCall& call_;
  };

  void OnRead(bool ok);
  void OnDone(const grpc::Status& status);
  void Tell() const;

  const int event_;
  grpc::ClientContext context_;
  grpc::TemplatedGenericStub<grpc::ByteBuffer, grpc::ByteBuffer> stub_;
  grpc::ByteBuffer request_;
  grpc::ByteBuffer answer_;  // written to by gRPC between ReadOn and OnRead
  Reactor reactor_;
  bool reading_ = true;  // of the thread: what was asked for has not been taken
  absl::Mutex mutex_;
  bool has_message_ ABSL_GUARDED_BY(mutex_) = false;
  bool ending_ ABSL_GUARDED_BY(mutex_) = false;
  std::optional<grpc::Status> status_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace sliceflow::gateway
