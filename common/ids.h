// Identifiers and resource names.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace sliceflow {

// 26 characters of [0-9a-z], sorted by time of making, with 80 random bits: unguessable enough for a name, never reused.
std::string NewId();

// `jobs/ID` → ID. InvalidArgument naming `field` when it is not of that form. IDs match [a-z0-9][a-z0-9-]{0,62}.
absl::StatusOr<std::string> ParseResourceName(absl::string_view collection, absl::string_view name, absl::string_view field);
std::string JobName(absl::string_view id);
std::string DatasetName(absl::string_view id);

}  // namespace sliceflow
