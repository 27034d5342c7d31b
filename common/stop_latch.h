// A one-way latch that asks work to stop.
#pragma once

#include <atomic>

namespace sliceflow {

// Once triggered it stays so. Handed to the work as `const StopLatch&`; only its owner can trigger it. Thread-safe.
class StopLatch {
 public:
  StopLatch() = default;
  StopLatch(const StopLatch&) = delete;
  StopLatch& operator=(const StopLatch&) = delete;

  void Trigger() { triggered_.store(true, std::memory_order_release); }
  bool triggered() const { return triggered_.load(std::memory_order_acquire); }

 private:
  std::atomic<bool> triggered_{false};
};

}  // namespace sliceflow
