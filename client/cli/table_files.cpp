#include "client/cli/table_files.h"

#include <unistd.h>

#include <cerrno>
#include <cmath>
#include <cstdio>
#include <filesystem>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "common/filesystem.h"
#include "common/table/csv.h"
#include "common/table/npy.h"

namespace sliceflow::cli {
namespace {

constexpr table::Limits kLimits = {.max_values = int64_t{1} << 30};

void AppendJsonNumber(std::string* out, float value) {
  if (std::isfinite(value)) {
    absl::StrAppend(out, absl::StrFormat("%.9g", value));
  } else {
    absl::StrAppend(out, std::isnan(value) ? "\"NaN\"" : value > 0 ? "\"Infinity\"" : "\"-Infinity\"");
  }
}

absl::StatusOr<Tensor> ReadArray(const std::string& path) {
  const bool archive = absl::EndsWith(path, ".npz");
  absl::StatusOr<std::string> bytes = archive ? ReadNpzMember(path, "samples") : RealFileSystem().ReadFile(path);
  if (!bytes.ok()) return bytes.status();
  if (absl::EndsWith(path, ".csv")) return table::ReadCsv(*bytes, kLimits);
  if (archive || absl::EndsWith(path, ".npy")) return table::ReadNpy(*bytes, kLimits);
  return absl::InvalidArgumentError("its name must end in .npy, .npz or .csv");
}

}  // namespace

absl::Status CheckOutputName(const std::string& path) {
  const std::filesystem::path name(path);
  // A name that is nothing but an ending has none, and would be a hidden file.
  const std::filesystem::path ending = name.extension();
  if (ending != ".npz" && ending != ".npy" && ending != ".csv") {
    return absl::InvalidArgumentError(absl::StrCat(path, ": must be a name that ends in .npz, .npy or .csv, such as samples.npz"));
  }
  const std::string folder = name.parent_path().string();
  if (access(folder.empty() ? "." : folder.c_str(), W_OK) != 0)
    return absl::ErrnoToStatus(errno, absl::StrCat(path, ": its folder cannot be written"));
  return absl::OkStatus();
}

absl::Status WriteTable(const std::string& path, const std::string& name, const Tensor& tensor) {
  if (absl::EndsWith(path, ".npz")) return WriteArchive(path, {{name, table::WriteNpy(tensor)}});
  if (absl::EndsWith(path, ".csv")) return RealFileSystem().WriteFileDurably(path, ToCsv(tensor));
  return RealFileSystem().WriteFileDurably(path, table::WriteNpy(tensor));
}

absl::Status WriteArchive(const std::string& path, const std::vector<NpzMember>& members) {
  absl::StatusOr<std::string> bytes = EncodeNpz(members);
  if (!bytes.ok()) return bytes.status();
  return RealFileSystem().WriteFileDurably(path, *bytes);
}

std::string ToCsv(const Tensor& tensor) {
  const int64_t columns = tensor.shape.size() > 1 ? tensor.shape[1] : 1;
  std::string csv;
  csv.reserve(tensor.values.size() * 12);
  for (size_t i = 0; i < tensor.values.size(); ++i) {
    char number[32];
    const int length = std::snprintf(number, sizeof(number), "%.9g", static_cast<double>(tensor.values[i]));
    csv.append(number, length);
    csv.push_back((static_cast<int64_t>(i) + 1) % columns == 0 ? '\n' : ',');
  }
  return csv;
}

std::string ToJson(const Tensor& tensor) {
  const int64_t columns = tensor.shape.size() > 1 ? tensor.shape[1] : 0;
  std::vector<std::string> rows;
  for (int64_t i = 0; i < tensor.rows(); ++i) {
    const auto begin = tensor.values.begin() + i * std::max<int64_t>(columns, 1);
    const std::string row = absl::StrJoin(begin, begin + std::max<int64_t>(columns, 1), ",", AppendJsonNumber);
    rows.push_back(columns == 0 ? row : absl::StrCat("[", row, "]"));
  }
  return absl::StrCat("[", absl::StrJoin(rows, ","), "]");
}

absl::StatusOr<Tensor> ReadPoints(const std::string& path) {
  absl::StatusOr<Tensor> tensor = ReadArray(path);
  if (!tensor.ok()) return absl::Status(tensor.status().code(), absl::StrCat(path, ": ", tensor.status().message()));
  if (tensor->shape.size() == 1) tensor->shape.push_back(1);
  if (tensor->shape.size() != 2) {
    return absl::InvalidArgumentError(absl::StrCat(path, ": points need two axes, [count, dimension]; it has ", tensor->shape.size()));
  }
  return tensor;
}

}  // namespace sliceflow::cli
