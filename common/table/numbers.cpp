#include "common/table/numbers.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace sliceflow::table {
namespace {

template <typename Number>
Number Load(const char* bytes, bool big_endian) {
  char ordered[sizeof(Number)];
  std::memcpy(ordered, bytes, sizeof(Number));
  if (big_endian) std::reverse(ordered, ordered + sizeof(Number));
  Number number;
  std::memcpy(&number, ordered, sizeof(Number));
  return number;
}

template <typename Number>
absl::StatusOr<std::vector<float>> ReadAll(absl::string_view bytes, bool big_endian, int64_t count, int64_t row_size) {
  std::vector<float> values(static_cast<size_t>(count));
  for (int64_t i = 0; i < count; ++i) {
    const auto number = static_cast<double>(Load<Number>(bytes.data() + i * sizeof(Number), big_endian));
    // A double beyond the range of float has no conversion that C++ defines.
    if (!(std::abs(number) <= std::numeric_limits<float>::max())) {
      return absl::InvalidArgumentError(absl::StrCat("row ", i / row_size + 1, ", column ", i % row_size + 1, ": ", number,
                                                     std::isfinite(number) ? " is outside the range of float32" : " is not finite"));
    }
    values[i] = static_cast<float>(number);
  }
  return values;
}

}  // namespace

int64_t SizeOf(NumberType type) {
  switch (type) {
    case NumberType::kBool:
    case NumberType::kInt8:
    case NumberType::kUint8:
      return 1;
    case NumberType::kInt16:
    case NumberType::kUint16:
      return 2;
    case NumberType::kInt32:
    case NumberType::kUint32:
    case NumberType::kFloat32:
      return 4;
    case NumberType::kInt64:
    case NumberType::kUint64:
    case NumberType::kFloat64:
      return 8;
  }
  return 1;
}

absl::StatusOr<std::vector<float>> ReadNumbers(absl::string_view bytes, NumberType type, bool big_endian, int64_t count, int64_t row_size) {
  const auto read = [&](auto zero) { return ReadAll<decltype(zero)>(bytes, big_endian, count, row_size); };
  switch (type) {
    case NumberType::kBool:
    case NumberType::kUint8:
      return read(uint8_t{0});
    case NumberType::kInt8:
      return read(int8_t{0});
    case NumberType::kInt16:
      return read(int16_t{0});
    case NumberType::kUint16:
      return read(uint16_t{0});
    case NumberType::kInt32:
      return read(int32_t{0});
    case NumberType::kUint32:
      return read(uint32_t{0});
    case NumberType::kInt64:
      return read(int64_t{0});
    case NumberType::kUint64:
      return read(uint64_t{0});
    case NumberType::kFloat32:
      return read(0.0F);
    case NumberType::kFloat64:
      return read(0.0);
  }
  return absl::InternalError("a type of number outside its list");
}

absl::StatusOr<Extent> CheckExtent(std::vector<int64_t> shape, NumberType type, size_t bytes, int64_t max_values, int64_t max_rows) {
  const std::string words = absl::StrCat("[", absl::StrJoin(shape, ", "), "]");
  const auto available = static_cast<int64_t>(bytes) / SizeOf(type);
  // What is in the bytes bounds the count, so that a shape that only claims to be large says so first.
  absl::StatusOr<int64_t> count = ElementCount(shape, std::numeric_limits<int64_t>::max() / SizeOf(type));
  if (!count.ok()) return count.status();
  if (*count == 0) return absl::InvalidArgumentError(absl::StrCat("the table of shape ", words, " is empty"));
  if (*count != available || *count * SizeOf(type) != static_cast<int64_t>(bytes)) {
    return absl::InvalidArgumentError(absl::StrCat("the heading tells of the shape ", words, ", which takes ", *count * SizeOf(type),
                                                   " bytes, but ", bytes, " bytes follow it"));
  }
  const int64_t row_size = *count / shape[0];
  if (max_rows > 0) shape[0] = std::min(shape[0], max_rows);
  if (shape[0] * row_size > max_values) {
    return absl::ResourceExhaustedError(absl::StrCat("the table of shape ", words, " has more than ", max_values, " values"));
  }
  const int64_t taken = shape[0] * row_size;
  return Extent{.shape = std::move(shape), .count = taken};
}

}  // namespace sliceflow::table
