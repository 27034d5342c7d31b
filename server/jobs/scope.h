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
  // Of an administrator.
  static Scope Everyone() { return Scope(std::nullopt); }

  bool Sees(absl::string_view owner) const { return !owner_.has_value() || *owner_ == owner; }
  // Unset for everyone.
  const std::optional<std::string>& owner() const { return owner_; }

 private:
  explicit Scope(std::optional<std::string> owner) : owner_(std::move(owner)) {}
  std::optional<std::string> owner_;
};

}  // namespace sliceflow::jobs
