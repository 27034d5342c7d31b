// Readers of uploaded tables: CSV, NPY, IDX, each also through gzip. The first byte says which.
#include <cmath>
#include <cstddef>
#include <cstdint>

#include "absl/strings/string_view.h"
#include "common/table/csv.h"
#include "common/table/gzip.h"
#include "common/table/idx.h"
#include "common/table/npy.h"
#include "tests/fuzz/require.h"

namespace sliceflow::fuzz {
namespace {

constexpr table::Limits kLimits{.max_values = 4096, .max_rows = 100};
constexpr int64_t kMostUnpacked = 1 << 16;

absl::StatusOr<Tensor> Read(int format, absl::string_view bytes) {
  if (format >= 3) {
    const absl::StatusOr<std::string> unpacked = table::Gunzip(bytes, kMostUnpacked);
    if (!unpacked.ok()) return unpacked.status();
    Require(static_cast<int64_t>(unpacked->size()) <= kMostUnpacked, "what gzip unpacks to stays within its bound");
    return Read(format % 3, *unpacked);
  }
  switch (format) {
    case 0:
      return table::ReadCsv(bytes, kLimits);
    case 1:
      return table::ReadNpy(bytes, kLimits);
    default:
      return table::ReadIdx(bytes, kLimits);
  }
}

void Check(const absl::StatusOr<Tensor>& tensor) {
  if (!tensor.ok()) {
    Require(absl::IsInvalidArgument(tensor.status()) || absl::IsResourceExhausted(tensor.status()), "a refusal has one of two codes");
    return Require(!tensor.status().message().empty(), "a refusal says why");
  }
  const absl::StatusOr<int64_t> count = ElementCount(tensor->shape, kLimits.max_values);
  Require(count.ok() && *count == static_cast<int64_t>(tensor->values.size()) && *count > 0, "the shape is that of the values");
  Require(tensor->rows() <= kLimits.max_rows, "no more rows than were asked for");
  for (const float value : tensor->values) Require(std::isfinite(value), "values are finite");
}

}  // namespace
}  // namespace sliceflow::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const absl::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  sliceflow::fuzz::Check(sliceflow::fuzz::Read(data[0] % 6, bytes));
  return 0;
}
