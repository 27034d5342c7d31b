// A proxy that is slow to begin.
#pragma once

#include <string>
#include <thread>

#include "absl/time/time.h"

namespace sliceflow::client {

// Listens on a port of its own and carries one connection, the first, to `target` (127.0.0.1:port), beginning `delay` after the start.
// Others are never taken up.
class SlowProxy {
 public:
  SlowProxy(const std::string& target, absl::Duration delay);
  ~SlowProxy();
  SlowProxy(const SlowProxy&) = delete;
  SlowProxy& operator=(const SlowProxy&) = delete;

  const std::string& address() const { return address_; }

 private:
  void Run(int target_port, absl::Duration delay) const;

  std::string address_;
  int listener_ = -1;
  int stop_[2] = {-1, -1};  // a pipe; its end of file ends the thread
  std::thread thread_;
};

}  // namespace sliceflow::client
