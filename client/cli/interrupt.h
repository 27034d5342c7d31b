// Ctrl-C while a job is followed.
#pragma once

#include <csignal>

#include "common/stop_latch.h"

namespace sliceflow::cli {

// Triggered by the first Ctrl-C or SIGTERM under an InterruptGuard.
StopLatch& Interrupted();

// While one exists, the first Ctrl-C triggers Interrupted() and a second one ends the program.
class InterruptGuard {
 public:
  InterruptGuard();
  ~InterruptGuard();
  InterruptGuard(const InterruptGuard&) = delete;
  InterruptGuard& operator=(const InterruptGuard&) = delete;

 private:
  struct sigaction before_interrupt_ {
  }, before_terminate_{};
};

}  // namespace sliceflow::cli
