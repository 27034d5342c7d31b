// Does what retention asks for, now and then.
#pragma once

#include <functional>
#include <thread>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "common/steady_wait.h"
#include "server/jobs/jobs.h"

namespace sliceflow::jobs {

// A thread that calls Jobs::Tidy at once and then after each interval, several times where there is much to do, so that a long list is
// worked off in pieces between which others have their turn. Thread-safe.
class Caretaker {
 public:
  // `jobs` must outlive this. `report` is told of what could not be done, on the thread; it is tried again at the next look.
  Caretaker(Jobs& jobs, absl::Duration interval, std::function<void(const absl::Status&)> report);
  // Ends after the piece at hand.
  ~Caretaker();
  Caretaker(const Caretaker&) = delete;
  Caretaker& operator=(const Caretaker&) = delete;

 private:
  void Run();
  void Look();

  Jobs& jobs_;
  const absl::Duration interval_;
  const std::function<void(const absl::Status&)> report_;
  SteadyNotification ending_;
  std::thread thread_;
};

}  // namespace sliceflow::jobs
