// A worker as the daemon sees it: the client's end of a stream, driven step by step by a test.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include "absl/time/clock.h"
#include "sliceflow/worker/v1/worker.grpc.pb.h"
#include "tests/support/patience.h"

namespace sliceflow::scheduler {

inline constexpr char kVersion[] = "test";
using sliceflow::testing::kPatience;

class FakeWorker {
 public:
  FakeWorker(const std::string& address, const std::string& id, worker::v1::Lane lane, const std::string& version = kVersion,
             const std::string& device = "cpu")
      : stub_(worker::v1::WorkerService::NewStub(grpc::CreateChannel(address, grpc::InsecureChannelCredentials()))) {
    context_.set_deadline(absl::ToChronoTime(absl::Now() + kPatience));
    context_.set_wait_for_ready(true);
    stream_ = stub_->Attach(&context_);
    worker::v1::AttachRequest message;
    message.mutable_hello()->set_worker_id(id);
    message.mutable_hello()->set_version(version);
    message.mutable_hello()->set_device(device);
    message.mutable_hello()->set_lane(lane);
    message.mutable_hello()->set_threads(1);
    message.mutable_hello()->set_pid(kPid);
    message.mutable_hello()->set_idle_bytes(kIdleBytes);
    message.mutable_hello()->set_memory_bytes(kMemoryBytes);
    stream_->Write(message);
  }
  ~FakeWorker() { context_.TryCancel(); }

  static constexpr int kPid = 4711;
  static constexpr int64_t kIdleBytes = 1000;
  static constexpr int64_t kMemoryBytes = int64_t{1} << 40;

  // The next message that is no blob; the blobs before it are in `blobs`. Without a kind when the stream has ended.
  worker::v1::AttachResponse Next() {
    blobs.clear();
    worker::v1::AttachResponse message;
    while (stream_->Read(&message)) {
      if (!message.has_blob()) return message;
      blobs[message.blob().key()] += message.blob().data();
    }
    return {};
  }

  worker::v1::Assign NextAssign() {
    const worker::v1::AttachResponse message = Next();
    EXPECT_TRUE(message.has_assign()) << message.ShortDebugString();
    return message.assign();
  }

  bool SendBlob(const std::string& key, const std::string& data, const std::vector<int64_t>& shape = {}) {
    worker::v1::AttachRequest message;
    message.mutable_blob()->set_key(key);
    message.mutable_blob()->set_data(data);
    message.mutable_blob()->mutable_shape()->Assign(shape.begin(), shape.end());
    return stream_->Write(message);
  }

  void SendHeartbeat(int64_t resident_bytes) {
    worker::v1::AttachRequest message;
    message.mutable_heartbeat()->set_resident_bytes(resident_bytes);
    stream_->Write(message);
  }

  void SendStep(int64_t assignment, int step) {
    SendBlob("checkpoint", "checkpoint " + std::to_string(step));
    worker::v1::AttachRequest message;
    message.mutable_step_done()->set_assignment(assignment);
    message.mutable_step_done()->mutable_report()->set_step(step);
    stream_->Write(message);
  }

  // Sends a step and waits until it is stored.
  void CompleteStep(int64_t assignment, int step) {
    SendStep(assignment, step);
    const worker::v1::AttachResponse stored = Next();
    EXPECT_TRUE(stored.has_step_stored()) << stored.ShortDebugString();
    EXPECT_EQ(stored.step_stored().step(), step);
  }

  void SendEnd(int64_t assignment, worker::v1::AssignmentEnded::Outcome outcome, const google::rpc::Status& error = {},
               int64_t peak_bytes = 0) {
    worker::v1::AttachRequest message;
    message.mutable_assignment_ended()->set_assignment(assignment);
    message.mutable_assignment_ended()->set_outcome(outcome);
    *message.mutable_assignment_ended()->mutable_error() = error;
    message.mutable_assignment_ended()->set_peak_bytes(peak_bytes);
    stream_->Write(message);
  }

  void SendAnswer(int64_t query, const google::rpc::Status& status = {}) {
    worker::v1::AttachRequest message;
    message.mutable_query_done()->set_query(query);
    *message.mutable_query_done()->mutable_status() = status;
    stream_->Write(message);
  }

  void SayGoodbye() {
    worker::v1::AttachRequest message;
    message.mutable_goodbye();
    stream_->Write(message);
  }

  // As when the process dies.
  void Drop() {
    context_.TryCancel();
    (void)stream_->Finish();
  }

  grpc::Status Finish() { return stream_->Finish(); }
  void HangUp() { stream_->WritesDone(); }

  std::map<std::string, std::string> blobs;

 private:
  std::unique_ptr<worker::v1::WorkerService::Stub> stub_;
  grpc::ClientContext context_;
  std::unique_ptr<grpc::ClientReaderWriter<worker::v1::AttachRequest, worker::v1::AttachResponse>> stream_;
};

}  // namespace sliceflow::scheduler
