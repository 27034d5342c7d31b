#include "server/jobs/upload_slots.h"

#include "absl/strings/str_cat.h"
#include "common/errors.h"

namespace sliceflow::jobs {

absl::StatusOr<int64_t> UploadSlots::Take(const std::string& sha256) {
  const absl::Time now = clock_.Now();
  const absl::MutexLock lock(&mutex_);
  const auto same = slots_.find(sha256);
  if (same != slots_.end() && !IsIdle(same->second, now)) {
    return WithReason(absl::AbortedError("the same content is being uploaded by another stream"), "UPLOAD_IN_PROGRESS");
  }
  if (same == slots_.end() && slots_.size() >= kMost) {
    std::erase_if(slots_, [&](const auto& slot) { return IsIdle(slot.second, now); });
  }
  if (same == slots_.end() && slots_.size() >= kMost) {
    return WithRetry(WithReason(absl::ResourceExhaustedError(absl::StrCat("more than ", kMost, " uploads at once")), "TOO_MANY_UPLOADS"),
                     absl::Seconds(5));
  }
  slots_[sha256] = {.ticket = ++last_ticket_, .last_use = now};
  return last_ticket_;
}

absl::Status UploadSlots::Enter(const std::string& sha256, int64_t ticket) {
  const absl::MutexLock lock(&mutex_);
  const auto slot = slots_.find(sha256);
  if (slot == slots_.end() || slot->second.ticket != ticket) {
    return WithReason(absl::AbortedError(absl::StrCat("the stream was silent for ", absl::FormatDuration(kIdle),
                                                      " and its place was needed; go on from where GetUpload says")),
                      "UPLOAD_IDLE");
  }
  slot->second.in_use = true;
  return absl::OkStatus();
}

void UploadSlots::Leave(const std::string& sha256) {
  const absl::Time now = clock_.Now();
  const absl::MutexLock lock(&mutex_);
  Slot& slot = slots_.at(sha256);
  slot.in_use = false;
  slot.last_use = now;
}

void UploadSlots::Release(const std::string& sha256, int64_t ticket) {
  const absl::MutexLock lock(&mutex_);
  const auto slot = slots_.find(sha256);
  if (slot != slots_.end() && slot->second.ticket == ticket) slots_.erase(slot);
}

}  // namespace sliceflow::jobs
