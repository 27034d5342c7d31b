// Arrays in files: .npz, .npy and .csv, by the name's ending.
#pragma once

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "client/cli/npz.h"
#include "common/tensor.h"

namespace sliceflow::cli {

// InvalidArgument unless the name ends in .npz, .npy or .csv and its folder can be written. Asked before work whose result goes there.
absl::Status CheckOutputName(const std::string& path);

// Writes an array of one or two axes; in a .npz it is called `name`. All or nothing: the file is replaced once the new one is complete.
absl::Status WriteTable(const std::string& path, const std::string& name, const Tensor& tensor);
absl::Status WriteArchive(const std::string& path, const std::vector<NpzMember>& members);

// Rows of numbers separated by commas, with 9 significant digits, which bring a float32 back exactly.
std::string ToCsv(const Tensor& tensor);

// Lists of lists of numbers; what JSON has no number for becomes a string, as in protobuf's JSON.
std::string ToJson(const Tensor& tensor);

// Reads points of shape [count, dimension]; one axis is read as points on the line. Files are read as uploaded
// tables are (common/table), so that a .csv may have a heading. Of a .npz the array `samples`, or its only one.
absl::StatusOr<Tensor> ReadPoints(const std::string& path);

}  // namespace sliceflow::cli
