// The threads that answer requests.
#pragma once

#include <deque>
#include <functional>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "server/gateway/request_reader.h"

namespace sliceflow::gateway {

// As many threads as there is work for, up to a bound, and a bound on what waits for them. Thread-safe.
class Answerers {
 public:
  // `answer` takes the request's socket over.
  Answerers(size_t most_threads, size_t most_waiting, std::function<void(RequestReader::Request)> answer);
  // Waits for what is being answered, and answers what waits.
  ~Answerers();

  // Beyond the bound the connection is closed.
  void Add(RequestReader::Request request);

 private:
  void Work();

  const size_t most_threads_;
  const size_t most_waiting_;
  const std::function<void(RequestReader::Request)> answer_;
  absl::Mutex mutex_;
  bool ending_ ABSL_GUARDED_BY(mutex_) = false;
  size_t idle_ ABSL_GUARDED_BY(mutex_) = 0;
  std::deque<RequestReader::Request> requests_ ABSL_GUARDED_BY(mutex_);
  std::vector<std::thread> threads_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace sliceflow::gateway
