#include "common/table/idx.h"

#include <cstdint>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "common/table/numbers.h"

namespace sliceflow::table {
namespace {

constexpr int kMaxAxes = 8;

absl::Status Bad(absl::string_view what) { return absl::InvalidArgumentError(absl::StrCat("the IDX file ", what)); }

absl::StatusOr<NumberType> ReadType(int code) {
  switch (code) {
    case 0x08:
      return NumberType::kUint8;
    case 0x09:
      return NumberType::kInt8;
    case 0x0B:
      return NumberType::kInt16;
    case 0x0C:
      return NumberType::kInt32;
    case 0x0D:
      return NumberType::kFloat32;
    case 0x0E:
      return NumberType::kFloat64;
    default:
      return Bad(absl::StrCat("has the unknown type of values ", code, "; 8, 9, 11, 12, 13 and 14 are read"));
  }
}

}  // namespace

absl::StatusOr<Tensor> ReadIdx(absl::string_view bytes, const Limits& limits) {
  const auto byte = [&](size_t i) { return static_cast<unsigned char>(bytes[i]); };
  if (bytes.size() < 4 || byte(0) != 0 || byte(1) != 0) return Bad("does not begin as one");
  const absl::StatusOr<NumberType> type = ReadType(byte(2));
  if (!type.ok()) return type.status();
  const int axes = byte(3);
  if (axes < 1 || axes > kMaxAxes) return Bad(absl::StrCat("has ", axes, " axes; between 1 and ", kMaxAxes, " are read"));
  const size_t heading = 4 + 4 * static_cast<size_t>(axes);
  if (bytes.size() < heading) return Bad("ends inside its heading");
  std::vector<int64_t> shape;
  for (size_t at = 4; at < heading; at += 4) {
    shape.push_back(int64_t{byte(at)} << 24 | byte(at + 1) << 16 | byte(at + 2) << 8 | byte(at + 3));
  }
  bytes.remove_prefix(heading);
  absl::StatusOr<Extent> extent = CheckExtent(std::move(shape), *type, bytes.size(), limits.max_values, limits.max_rows);
  if (!extent.ok()) return extent.status();
  const int64_t row_size = extent->count / extent->shape[0];
  absl::StatusOr<std::vector<float>> values = ReadNumbers(bytes, *type, /*big_endian=*/true, extent->count, row_size);
  if (!values.ok()) return values.status();
  return Tensor{.shape = std::move(extent->shape), .values = *std::move(values)};
}

}  // namespace sliceflow::table
