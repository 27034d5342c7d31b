// A few threads that wait for the same call again and again.
#pragma once

#include <barrier>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <thread>
#include <vector>

#include "absl/functional/function_ref.h"

namespace sliceflow::kernels {

// `threads` ≥ 1 counts the caller of Run; threads - 1 are started and joined by the destructor. One Run at a time. Run allocates nothing.
class WorkerPool {
 public:
  explicit WorkerPool(int threads);
  ~WorkerPool();
  WorkerPool(const WorkerPool&) = delete;
  WorkerPool& operator=(const WorkerPool&) = delete;

  int threads() const { return static_cast<int>(helpers_.size()) + 1; }

  // Calls work(0), …, work(threads() - 1), each on its own thread (0 on the caller's), and returns when all have returned.
  void Run(absl::FunctionRef<void(int)> work);

 private:
  void Meet() { meeting_.arrive_and_wait(); }
  void Serve(int worker);

  std::barrier<> meeting_;
  std::mutex mutex_;
  std::condition_variable changed_;
  const absl::FunctionRef<void(int)>* work_ = nullptr;  // guarded by mutex_
  uint64_t round_ = 0;                                  // guarded by mutex_
  bool stop_ = false;                                   // guarded by mutex_
  std::vector<std::thread> helpers_;
};

}  // namespace sliceflow::kernels
