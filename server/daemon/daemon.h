// The daemon put together from its rooms.
#pragma once

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "server/daemon/settings.h"

namespace sliceflow::daemon {

// Everything that serves, from the first request to the last. Thread-safe.
class Daemon {
 public:
  // `settings` are complete. Opens the data folder (FailedPrecondition while another daemon has it), takes the interrupted jobs up again,
  // and serves.
  static absl::StatusOr<std::unique_ptr<Daemon>> Start(const Settings& settings);
  virtual ~Daemon() = default;

  // host:port with the port that was taken.
  virtual const std::string& address() const = 0;

  // Ends watches (Unavailable), lets calls end, stops the workers, and returns after about that time. Every step that was reported is
  // stored; what is being computed is given up and goes on at the next start.
  virtual void Shutdown(absl::Duration time) = 0;
};

}  // namespace sliceflow::daemon
