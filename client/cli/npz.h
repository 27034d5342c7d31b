// NumPy's .npz archive of .npy files (numpy.lib.format, version 1.0).
#pragma once

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace sliceflow::cli {

// The bytes of a .npy file of float64 on one axis. Those of float32 are written, and all are read, by common/table/npy.h.
std::string EncodeNpy(const std::vector<double>& values);

// A member of an archive: `name` without .npy, and the bytes of its .npy file.
struct NpzMember {
  std::string name;
  std::string npy;
};

// The bytes of an archive with the members in order, compressed.
absl::StatusOr<std::string> EncodeNpz(const std::vector<NpzMember>& members);

// The bytes of the member `name`, or of the only one when `name` is not there. InvalidArgument for anything else; members above 4 GiB are
// refused.
absl::StatusOr<std::string> ReadNpzMember(const std::string& path, const std::string& name);

}  // namespace sliceflow::cli
