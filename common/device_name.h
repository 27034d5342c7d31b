// Names of devices and of machines.
#pragma once

#include "absl/strings/string_view.h"

namespace sliceflow {

// Whether a name is one that a device of the daemon's own machine may have: `cpu`, or `cuda:N` without leading zeros.
bool IsDeviceOfThisMachine(absl::string_view name);

// Whether it is one of another machine: NODE, a slash, and what the machine itself calls it.
bool IsDeviceOfAnotherMachine(absl::string_view name);

// Whether it is a NODE: up to 63 of the characters a–z, 0–9, `.` and `-`, beginning and ending with a letter or a digit.
bool IsNodeName(absl::string_view name);

}  // namespace sliceflow
