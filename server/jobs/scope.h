// Whose jobs and data sets a command may touch.
#pragma once

#include <optional>
#include <string>
#include <utility>

#include "absl/strings/string_view.h"

namespace sliceflow::jobs {

// Every command of a user names its scope; what lies outside does not exist for it (NotFound, never PermissionDenied). Immutable.
class Scope {
 public:
  static Scope Of(std::string owner) { return Scope(std::move(owner)); }
  // Of a link to a job of the owner's: that job and nothing else.
  static Scope OfJob(std::string owner, std::string job_id) { return Scope(std::move(owner), std::move(job_id)); }
  // Of an administrator.
  static Scope Everyone() { return Scope(std::nullopt); }

  // Whatever belongs to the owner.
  bool Sees(absl::string_view owner) const { return job_id_.empty() && (!owner_.has_value() || *owner_ == owner); }
  bool SeesJob(absl::string_view owner, absl::string_view job_id) const {
    return job_id_.empty() ? Sees(owner) : *owner_ == owner && job_id_ == job_id;
  }
  // Unset for everyone.
  const std::optional<std::string>& owner() const { return owner_; }

 private:
  explicit Scope(std::optional<std::string> owner, std::string job_id = "") : owner_(std::move(owner)), job_id_(std::move(job_id)) {}
  std::optional<std::string> owner_;
  std::string job_id_;
};

}  // namespace sliceflow::jobs
