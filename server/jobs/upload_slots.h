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

// A bounded number of slots, one an upload: a content of an owner's. An owner gets another one while it has fewer than are free: one alone
// half of all, and each who comes later half of what the others left, so that no few of them can take all. A stream that has been silent
// for kIdle keeps its slot only until another wants it, so that clients that went silent do not shut out the others. Thread-safe.
class UploadSlots {
 public:
  static constexpr size_t kMost = 16;
  static constexpr absl::Duration kIdle = absl::Seconds(30);

  explicit UploadSlots(Clock& clock) : clock_(clock) {}

  // A ticket for the upload, whose name is its own among those of all owners. Aborted (reason UPLOAD_IN_PROGRESS) while another stream
  // writes it, ResourceExhausted (reason TOO_MANY_UPLOADS, RetryInfo) while the owner has its share of the slots, or all are in use.
  absl::StatusOr<int64_t> Take(const std::string& owner, const std::string& upload, int64_t declared_bytes);

  // The bytes that each upload under way has declared.
  std::map<std::string, int64_t> Declared() const;

  // Around each use of the file: between the two the slot is not idle. Aborted (reason UPLOAD_IDLE) when the slot has been given away;
  // then the use must not begin and Leave must not follow.
  absl::Status Enter(const std::string& upload, int64_t ticket);
  void Leave(const std::string& upload);

  // Does nothing when the slot has been given away.
  void Release(const std::string& upload, int64_t ticket);

 private:
  struct Slot {
    std::string owner;
    int64_t ticket = 0;
    int64_t declared_bytes = 0;
    absl::Duration last_use;  // of Uptime
    bool in_use = false;
  };
  bool IsIdle(const Slot& slot, absl::Duration now) const { return !slot.in_use && now - slot.last_use >= kIdle; }
  size_t SlotsOf(const std::string& owner) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  bool HasRoomFor(const std::string& owner) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return SlotsOf(owner) + slots_.size() < kMost; }
  absl::Status TooMany(const std::string& owner) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  Clock& clock_;
  mutable absl::Mutex mutex_;
  int64_t last_ticket_ ABSL_GUARDED_BY(mutex_) = 0;
  std::map<std::string, Slot> slots_ ABSL_GUARDED_BY(mutex_);  // by upload
};

}  // namespace sliceflow::jobs
