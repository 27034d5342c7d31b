// Many who watch one job, without a thread for each.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include <grpcpp/grpcpp.h>

#include "sliceflow/v1/job_service.grpc.pb.h"

namespace sliceflow::benchmarks {

// Watch streams over a few connections, read by gRPC's own threads.
class Watchers {
 public:
  // Opens `count` streams that read the job from its first event to its end.
  Watchers(const std::string& address, const std::string& job, int count);
  // Waits until all streams have ended.
  ~Watchers();
  Watchers(const Watchers&) = delete;
  Watchers& operator=(const Watchers&) = delete;

  // Waits until all streams have ended; the number of events that all have read together.
  int64_t Join();

 private:
  class Stream;
  std::vector<std::unique_ptr<v1::JobService::Stub>> stubs_;
  std::vector<std::unique_ptr<Stream>> streams_;
};

}  // namespace sliceflow::benchmarks
