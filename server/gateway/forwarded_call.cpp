#include "server/gateway/forwarded_call.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <cstdint>
#include <vector>

#include "absl/time/clock.h"

namespace sliceflow::gateway {
namespace {

std::string BytesOf(const grpc::ByteBuffer& buffer) {
  std::vector<grpc::Slice> slices;
  std::string bytes;
  if (!buffer.Dump(&slices).ok()) return bytes;
  for (const grpc::Slice& slice : slices) bytes.append(reinterpret_cast<const char*>(slice.begin()), slice.size());
  return bytes;
}

grpc::ByteBuffer BufferOf(absl::string_view bytes) {
  const grpc::Slice slice(bytes.data(), bytes.size());
  return {&slice, 1};
}

}  // namespace

ForwardedCall::ForwardedCall(const std::shared_ptr<grpc::Channel>& channel, const std::string& method,
                             const std::map<std::string, std::string>& metadata, absl::Time deadline, absl::string_view request)
    : event_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)), stub_(channel), request_(BufferOf(request)), reactor_(*this) {
  for (const auto& [key, value] : metadata) context_.AddMetadata(key, value);
  if (deadline != absl::InfiniteFuture()) context_.set_deadline(absl::ToChronoTime(deadline));
  stub_.PrepareBidiStreamingCall(&context_, method, grpc::StubOptions(), &reactor_);
  reactor_.AddHold();  // until nothing more is read: ReadOn comes from outside of gRPC's own calls
  reactor_.StartWriteLast(&request_, grpc::WriteOptions());
  reactor_.StartRead(&answer_);
  reactor_.StartCall();
}

ForwardedCall::~ForwardedCall() {
  context_.TryCancel();
  bool nothing_is_read = false;
  {
    const absl::MutexLock lock(&mutex_);
    ending_ = true;
    nothing_is_read = !reading_ || has_message_;
  }
  if (nothing_is_read) reactor_.RemoveHold();
  const auto is_over = [this]() ABSL_SHARED_LOCKS_REQUIRED(mutex_) { return status_.has_value(); };
  {
    // gRPC ends every call, this one at once.
    const absl::MutexLock lock(&mutex_, absl::Condition(&is_over));
  }
  close(event_);
}

void ForwardedCall::Tell() const {
  const uint64_t one = 1;
  (void)!write(event_, &one, sizeof one);
}

void ForwardedCall::OnRead(bool ok) {
  {
    const absl::MutexLock lock(&mutex_);
    if (ok && !ending_) {
      has_message_ = true;
      return Tell();
    }
  }
  reactor_.RemoveHold();  // the end follows
}

void ForwardedCall::OnDone(const grpc::Status& status) {
  // Under the lock to the last: once it is free this may be destroyed.
  const absl::MutexLock lock(&mutex_);
  status_ = status;
  Tell();
}

std::optional<std::string> ForwardedCall::TakeMessage() {
  uint64_t count = 0;
  (void)!read(event_, &count, sizeof count);
  const absl::MutexLock lock(&mutex_);
  if (!has_message_) return std::nullopt;
  has_message_ = false;
  std::string message = BytesOf(answer_);
  reading_ = false;
  answer_.Clear();
  return message;
}

void ForwardedCall::ReadOn() {
  reading_ = true;
  reactor_.StartRead(&answer_);
}

std::optional<grpc::Status> ForwardedCall::status() {
  const absl::MutexLock lock(&mutex_);
  return status_;
}

}  // namespace sliceflow::gateway
