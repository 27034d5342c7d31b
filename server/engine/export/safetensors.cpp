#include "server/engine/export/safetensors.h"

#include <algorithm>
#include <bit>
#include <cstdint>
#include <vector>

#include <ATen/ATen.h>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/json.h"

namespace sliceflow::engine {
namespace {

// The format is little-endian; lengths and tensors are written as they lie in memory.
static_assert(std::endian::native == std::endian::little);

constexpr size_t kAlignment = 8;

struct Entry {
  std::string path;
  at::Tensor value;  // contiguous, float or double
};

void Collect(const ScriptPart& part, const std::string& prefix, std::vector<Entry>& entries) {
  for (const ScriptPart::NamedTensor& tensor : part.tensors) {
    entries.push_back({absl::StrCat(prefix, tensor.name), tensor.value.detach().contiguous()});
  }
  for (const ScriptPart& inner : part.parts) Collect(inner, absl::StrCat(prefix, inner.name, "."), entries);
}

std::string Header(const std::vector<Entry>& entries, absl::string_view description) {
  std::string header = absl::StrCat("{\"__metadata__\":{\"format\":\"pt\",\"sliceflow\":", JsonString(description), "}");
  size_t offset = 0;
  for (const Entry& entry : entries) {
    const size_t end = offset + entry.value.nbytes();
    absl::StrAppend(&header, ",", JsonString(entry.path), ":{\"dtype\":\"", entry.value.scalar_type() == at::kDouble ? "F64" : "F32",
                    "\",\"shape\":[", absl::StrJoin(entry.value.sizes(), ","), "],\"data_offsets\":[", offset, ",", end, "]}");
    offset = end;
  }
  header += "}";
  header.resize((header.size() + kAlignment - 1) / kAlignment * kAlignment, ' ');
  return header;
}

}  // namespace

std::string WriteSafetensors(const ScriptPart& model, absl::string_view description) {
  std::vector<Entry> entries;
  Collect(model, "", entries);
  // The wider first, so that all lie on multiples of their size.
  std::stable_partition(entries.begin(), entries.end(), [](const Entry& entry) { return entry.value.scalar_type() == at::kDouble; });
  const std::string header = Header(entries, description);
  const auto size = static_cast<uint64_t>(header.size());
  std::string bytes(reinterpret_cast<const char*>(&size), sizeof(size));
  bytes += header;
  for (const Entry& entry : entries) bytes.append(static_cast<const char*>(entry.value.const_data_ptr()), entry.value.nbytes());
  return bytes;
}

}  // namespace sliceflow::engine
