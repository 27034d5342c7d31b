// Who may write an upload.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "common/clock.h"

namespace sliceflow::jobs {

// A bounded number of slots, one a content. A stream that has been silent for kIdle keeps its slot only until another wants it, so that
// clients that went silent do not shut out the others. Thread-safe.
class UploadSlots {
 public:
  static constexpr size_t kMost = 16;
  static constexpr absl::Duration kIdle = absl::Seconds(30);

  explicit UploadSlots(Clock& clock) : clock_(clock) {}

  // A ticket for the content. Aborted (reason UPLOAD_IN_PROGRESS) while another stream writes it, ResourceExhausted (reason
  // TOO_MANY_UPLOADS) while all slots are in use.
  absl::StatusOr<int64_t> Take(const std::string& sha256);

  // Around each use of the file: between the two the slot is not idle. Aborted (reason UPLOAD_IDLE) when the slot has been given away;
  // then the use must not begin and Leave must not follow.
  absl::Status Enter(const std::string& sha256, int64_t ticket);
  void Leave(const std::string& sha256);

  // Does nothing when the slot has been given away.
  void Release(const std::string& sha256, int64_t ticket);

 private:
  struct Slot {
    int64_t ticket = 0;
    absl::Time last_use;
    bool in_use = false;
  };
  bool IsIdle(const Slot& slot, absl::Time now) const { return !slot.in_use && now - slot.last_use >= kIdle; }

  Clock& clock_;
  absl::Mutex mutex_;
  int64_t last_ticket_ ABSL_GUARDED_BY(mutex_) = 0;
  std::map<std::string, Slot> slots_ ABSL_GUARDED_BY(mutex_);  // by SHA-256
};

}  // namespace sliceflow::jobs
