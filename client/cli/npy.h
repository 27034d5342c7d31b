// NumPy's .npy format (numpy.lib.format, version 1.0) and the .npz archive of such members.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "common/tensor.h"

namespace sliceflow::cli {

// The bytes of a .npy file of float32 or float64, C order.
std::string EncodeNpy(const Tensor& tensor);
std::string EncodeNpy(const std::vector<double>& values);

// Reads .npy versions 1 to 3 of little-endian float32, float64 or signed integers of 4 or 8 bytes, C order. InvalidArgument otherwise.
absl::StatusOr<Tensor> DecodeNpy(absl::string_view bytes);

// A member of an archive: `name` without .npy, and the bytes of its .npy file.
struct NpzMember {
  std::string name;
  std::string npy;
};

// The bytes of an archive with the members in order, compressed.
absl::StatusOr<std::string> EncodeNpz(const std::vector<NpzMember>& members);

// The member `name`, or the only one when `name` is not there. InvalidArgument for anything else; members above 4 GiB are refused.
absl::StatusOr<Tensor> DecodeNpz(const std::string& path, const std::string& name);

}  // namespace sliceflow::cli
