#include "tests/benchmarks/watchers.h"

#include "absl/time/time.h"
#include "common/steady_wait.h"

namespace sliceflow::benchmarks {
namespace {

constexpr int kConnections = 4;  // of which each may have 1,000 streams
constexpr absl::Duration kLongest = absl::Minutes(5);

}  // namespace

class Watchers::Stream final : public grpc::ClientReadReactor<v1::WatchJobResponse> {
 public:
  Stream(v1::JobService::Stub& stub, const std::string& job) {
    request_.set_name(job);
    stub.async()->WatchJob(&context_, &request_, this);
    StartRead(&response_);
    StartCall();
  }

  int64_t Join() {
    if (!done_.WaitForNotificationWithTimeout(kLongest)) context_.TryCancel();
    while (!done_.WaitForNotificationWithTimeout(kLongest)) {
    }
    return events_;
  }

 private:
  void OnReadDone(bool ok) override {
    if (!ok) return;
    if (response_.has_event()) ++events_;
    StartRead(&response_);
  }
  void OnDone(const grpc::Status& /*status*/) override { done_.Notify(); }

  grpc::ClientContext context_;
  v1::WatchJobRequest request_;
  v1::WatchJobResponse response_;
  int64_t events_ = 0;
  SteadyNotification done_;
};

Watchers::Watchers(const std::string& address, const std::string& job, int count) {
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);  // else all channels share one connection
  for (int i = 0; i < kConnections; ++i) {
    stubs_.push_back(v1::JobService::NewStub(grpc::CreateCustomChannel(address, grpc::InsecureChannelCredentials(), arguments)));
  }
  for (int i = 0; i < count; ++i) streams_.push_back(std::make_unique<Stream>(*stubs_[i % kConnections], job));
}

Watchers::~Watchers() { (void)Join(); }

int64_t Watchers::Join() {
  int64_t events = 0;
  for (const std::unique_ptr<Stream>& stream : streams_) events += stream->Join();
  return events;
}

}  // namespace sliceflow::benchmarks
