#include "server/jobs/upload_slots.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "common/errors.h"

namespace sliceflow::jobs {
namespace {

// When an upload may have ended.
constexpr absl::Duration kRetry = absl::Seconds(5);

}  // namespace

absl::StatusOr<int64_t> UploadSlots::Take(const std::string& owner, const std::string& upload, int64_t declared_bytes) {
  const absl::Duration now = clock_.Uptime();
  const absl::MutexLock lock(&mutex_);
  const auto same = slots_.find(upload);
  if (same != slots_.end() && !IsIdle(same->second, now)) {
    return WithRetry(WithReason(absl::AbortedError("the same content is being uploaded by another stream"), "UPLOAD_IN_PROGRESS"), kRetry);
  }
  if (same == slots_.end() && !HasRoomFor(owner)) {
    std::erase_if(slots_, [&](const auto& slot) { return IsIdle(slot.second, now); });
    if (!HasRoomFor(owner)) return TooMany(owner);
  }
  slots_[upload] = {.owner = owner, .ticket = ++last_ticket_, .declared_bytes = declared_bytes, .last_use = now};
  return last_ticket_;
}

std::map<std::string, int64_t> UploadSlots::Declared() const {
  const absl::MutexLock lock(&mutex_);
  std::map<std::string, int64_t> declared;
  for (const auto& [upload, slot] : slots_) declared[upload] = slot.declared_bytes;
  return declared;
}

size_t UploadSlots::SlotsOf(const std::string& owner) const {
  return std::count_if(slots_.begin(), slots_.end(), [&](const auto& slot) { return slot.second.owner == owner; });
}

absl::Status UploadSlots::TooMany(const std::string& owner) const {
  const size_t own = SlotsOf(owner), free = kMost - slots_.size();
  const std::string message = free == 0 ? absl::StrCat("all ", kMost, " uploads that may be under way at once are")
                                        : absl::StrCat(own, " of your uploads are under way, and what is left of the ", kMost,
                                                       " at once is for others too: wait for one of yours to end");
  return WithRetry(WithReason(absl::ResourceExhaustedError(message), "TOO_MANY_UPLOADS"), kRetry);
}

absl::Status UploadSlots::Enter(const std::string& upload, int64_t ticket) {
  const absl::MutexLock lock(&mutex_);
  const auto slot = slots_.find(upload);
  if (slot == slots_.end() || slot->second.ticket != ticket) {
    const std::string message = absl::StrCat("the stream was silent for ", absl::FormatDuration(kIdle),
                                             " and its place was needed; go on from where GetUpload says");
    return WithRetry(WithReason(absl::AbortedError(message), "UPLOAD_IDLE"), kRetry);
  }
  slot->second.in_use = true;
  return absl::OkStatus();
}

void UploadSlots::Leave(const std::string& upload) {
  const absl::Duration now = clock_.Uptime();
  const absl::MutexLock lock(&mutex_);
  Slot& slot = slots_.at(upload);
  slot.in_use = false;
  slot.last_use = now;
}

void UploadSlots::Release(const std::string& upload, int64_t ticket) {
  const absl::MutexLock lock(&mutex_);
  const auto slot = slots_.find(upload);
  if (slot != slots_.end() && slot->second.ticket == ticket) slots_.erase(slot);
}

}  // namespace sliceflow::jobs
