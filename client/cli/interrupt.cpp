#include "client/cli/interrupt.h"

namespace sliceflow::cli {

StopLatch& Interrupted() {
  static StopLatch latch;
  return latch;
}

InterruptGuard::InterruptGuard() {
  // Made before a handler may reach for it.
  Interrupted();
  struct sigaction action {};
  action.sa_handler = [](int) { Interrupted().Trigger(); };
  action.sa_flags = SA_RESETHAND | SA_RESTART;
  sigaction(SIGINT, &action, &before_interrupt_);
  sigaction(SIGTERM, &action, &before_terminate_);
}

InterruptGuard::~InterruptGuard() {
  sigaction(SIGINT, &before_interrupt_, nullptr);
  sigaction(SIGTERM, &before_terminate_, nullptr);
}

}  // namespace sliceflow::cli
