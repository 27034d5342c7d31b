// One thread that runs what it is given, in order.
#pragma once

#include <deque>
#include <functional>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"

namespace sliceflow::scheduler {

// Thread-safe. Blocking work of a worker's session runs here, so that it holds up no other session and no thread of gRPC. What is posted is
// bounded by its users: a session reads its next message only after the one before was handled.
class Executor {
 public:
  Executor();
  // Runs what was posted, then joins the thread; not to be called on it.
  ~Executor();
  Executor(const Executor&) = delete;
  Executor& operator=(const Executor&) = delete;

  void Post(std::function<void()> work);

 private:
  void Run();

  absl::Mutex mutex_;
  std::deque<std::function<void()>> queue_ ABSL_GUARDED_BY(mutex_);
  bool ending_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

}  // namespace sliceflow::scheduler
