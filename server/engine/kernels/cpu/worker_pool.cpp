#include "server/engine/kernels/cpu/worker_pool.h"

namespace sliceflow::kernels {

WorkerPool::WorkerPool(int threads) : meeting_(threads) {
  helpers_.reserve(threads - 1);
  for (int worker = 1; worker < threads; ++worker) helpers_.emplace_back([this, worker] { Serve(worker); });
}

WorkerPool::~WorkerPool() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  changed_.notify_all();
  for (std::thread& helper : helpers_) helper.join();
}

void WorkerPool::Run(absl::FunctionRef<void(int)> work) {
  if (helpers_.empty()) return work(0);
  {
    const std::lock_guard lock(mutex_);
    work_ = &work;
    ++round_;
  }
  changed_.notify_all();
  work(0);
  Meet();
}

void WorkerPool::Serve(int worker) {
  uint64_t seen = 0;
  while (true) {
    const absl::FunctionRef<void(int)>* work = nullptr;
    {
      std::unique_lock lock(mutex_);
      changed_.wait(lock, [&] { return stop_ || round_ != seen; });
      if (stop_) return;
      seen = round_;
      work = work_;
    }
    (*work)(worker);
    Meet();
  }
}

}  // namespace sliceflow::kernels
