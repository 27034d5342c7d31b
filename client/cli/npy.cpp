#include "client/cli/npy.h"

#include <zip.h>

#include <cstring>
#include <memory>
#include <optional>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"

namespace sliceflow::cli {
namespace {

constexpr absl::string_view kMagic("\x93NUMPY", 6);
constexpr size_t kAlignment = 64;
constexpr uint64_t kMaxMemberBytes = uint64_t{4} << 30;
constexpr int64_t kMaxValues = int64_t{1} << 30;

std::string Header(absl::string_view type, const std::vector<int64_t>& shape) {
  std::string tuple = absl::StrJoin(shape, ", ");
  if (shape.size() == 1) tuple += ",";
  std::string dictionary = absl::StrCat("{'descr': '", type, "', 'fortran_order': False, 'shape': (", tuple, "), }");
  const size_t unpadded = kMagic.size() + 2 + 2 + dictionary.size() + 1;
  dictionary.append((kAlignment - unpadded % kAlignment) % kAlignment, ' ');
  dictionary.push_back('\n');
  std::string header(kMagic);
  header.append({'\x01', '\x00', static_cast<char>(dictionary.size() & 0xFF), static_cast<char>(dictionary.size() >> 8)});
  return header + dictionary;
}

// What stands behind `'key':` in the header's dictionary.
std::optional<absl::string_view> Entry(absl::string_view dictionary, absl::string_view key) {
  const size_t at = dictionary.find(absl::StrCat("'", key, "':"));
  if (at == absl::string_view::npos) return std::nullopt;
  return absl::StripLeadingAsciiWhitespace(dictionary.substr(at + key.size() + 3));
}

absl::StatusOr<std::vector<int64_t>> ParseShape(absl::string_view text) {
  const size_t end = text.find(')');
  if (text.empty() || text[0] != '(' || end == absl::string_view::npos) return absl::InvalidArgumentError("its header has no shape");
  std::vector<int64_t> shape;
  for (absl::string_view part : absl::StrSplit(text.substr(1, end - 1), ',')) {
    part = absl::StripAsciiWhitespace(part);
    if (part.empty()) continue;
    int64_t length = 0;
    if (!absl::SimpleAtoi(part, &length)) return absl::InvalidArgumentError("its header has no valid shape");
    shape.push_back(length);
  }
  return shape;
}

template <typename Stored>
std::vector<float> Convert(absl::string_view data, int64_t count) {
  std::vector<float> values(count);
  for (int64_t i = 0; i < count; ++i) {
    Stored stored;
    std::memcpy(&stored, data.data() + i * sizeof(Stored), sizeof(Stored));
    values[i] = static_cast<float>(stored);
  }
  return values;
}

struct Layout {
  absl::string_view dictionary;
  absl::string_view data;
};

absl::StatusOr<Layout> Split(absl::string_view bytes) {
  if (!absl::StartsWith(bytes, kMagic) || bytes.size() < 12) return absl::InvalidArgumentError("it is no .npy file");
  const int version = static_cast<uint8_t>(bytes[6]);
  if (version < 1 || version > 3) return absl::InvalidArgumentError(absl::StrCat("version ", version, " of .npy cannot be read"));
  const size_t length_bytes = version == 1 ? 2 : 4;
  size_t length = 0;
  for (size_t i = 0; i < length_bytes; ++i) length |= static_cast<size_t>(static_cast<uint8_t>(bytes[8 + i])) << (8 * i);
  const size_t begin = 8 + length_bytes;
  if (bytes.size() - begin < length) return absl::InvalidArgumentError("it ends inside its header");
  return Layout{bytes.substr(begin, length), bytes.substr(begin + length)};
}

struct ZipCloser {
  void operator()(zip_t* archive) const { zip_discard(archive); }
};

std::string ZipMessage(zip_error_t* error) {
  std::string message = zip_error_strerror(error);
  zip_error_fini(error);
  return message;
}

absl::StatusOr<std::string> ReadMember(zip_t* archive, zip_int64_t index) {
  zip_stat_t info;
  if (zip_stat_index(archive, index, 0, &info) != 0) return absl::InvalidArgumentError(zip_strerror(archive));
  if (info.size > kMaxMemberBytes) return absl::InvalidArgumentError("its array is larger than 4 GiB");
  zip_file_t* file = zip_fopen_index(archive, index, 0);
  if (file == nullptr) return absl::InvalidArgumentError(zip_strerror(archive));
  std::string bytes(info.size, '\0');
  const zip_int64_t read = zip_fread(file, bytes.data(), bytes.size());
  const int closed = zip_fclose(file);
  if (read != static_cast<zip_int64_t>(bytes.size()) || closed != 0) return absl::InvalidArgumentError("its array is damaged");
  return bytes;
}

// The archive's bytes once it is closed; `source` outlives it.
absl::StatusOr<std::string> BytesOf(zip_source_t* source) {
  zip_stat_t info;
  if (zip_source_open(source) != 0 || zip_source_stat(source, &info) != 0) return absl::InternalError("the archive cannot be read back");
  std::string bytes(info.size, '\0');
  const zip_int64_t read = zip_source_read(source, bytes.data(), bytes.size());
  zip_source_close(source);
  if (read != static_cast<zip_int64_t>(bytes.size())) return absl::InternalError("the archive cannot be read back");
  return bytes;
}

}  // namespace

std::string EncodeNpy(const Tensor& tensor) {
  std::string bytes = Header("<f4", tensor.shape);
  bytes.append(reinterpret_cast<const char*>(tensor.values.data()), tensor.values.size() * sizeof(float));
  return bytes;
}

std::string EncodeNpy(const std::vector<double>& values) {
  std::string bytes = Header("<f8", {static_cast<int64_t>(values.size())});
  bytes.append(reinterpret_cast<const char*>(values.data()), values.size() * sizeof(double));
  return bytes;
}

absl::StatusOr<Tensor> DecodeNpy(absl::string_view bytes) {
  absl::StatusOr<Layout> layout = Split(bytes);
  if (!layout.ok()) return layout.status();
  const auto type = Entry(layout->dictionary, "descr"), order = Entry(layout->dictionary, "fortran_order"),
             axes = Entry(layout->dictionary, "shape");
  if (!type || !order || !axes || type->size() < 5) return absl::InvalidArgumentError("its header is incomplete");
  absl::StatusOr<std::vector<int64_t>> shape = ParseShape(*axes);
  if (!shape.ok()) return shape.status();
  if (absl::StartsWith(*order, "True") && shape->size() > 1) {
    return absl::InvalidArgumentError("it is in Fortran order; save numpy.ascontiguousarray(array)");
  }
  absl::StatusOr<int64_t> count = ElementCount(*shape, kMaxValues);
  if (!count.ok()) return count.status();
  const absl::string_view code = type->substr(1, 3);
  const int64_t size = code == "<f4" || code == "<i4" ? 4 : 8;
  if (static_cast<int64_t>(layout->data.size()) != *count * size) return absl::InvalidArgumentError("its size does not fit its shape");
  Tensor tensor{*shape, {}};
  if (code == "<f4") {
    tensor.values = Convert<float>(layout->data, *count);
  } else if (code == "<f8") {
    tensor.values = Convert<double>(layout->data, *count);
  } else if (code == "<i4") {
    tensor.values = Convert<int32_t>(layout->data, *count);
  } else if (code == "<i8") {
    tensor.values = Convert<int64_t>(layout->data, *count);
  } else {
    return absl::InvalidArgumentError(absl::StrCat("its type ", code, " is none of <f4, <f8, <i4, <i8"));
  }
  return tensor;
}

absl::StatusOr<std::string> EncodeNpz(const std::vector<NpzMember>& members) {
  zip_error_t error;
  zip_error_init(&error);
  zip_source_t* source = zip_source_buffer_create(nullptr, 0, 0, &error);
  if (source == nullptr) return absl::InternalError(ZipMessage(&error));
  zip_source_keep(source);
  const std::unique_ptr<zip_source_t, decltype(&zip_source_free)> owner(source, &zip_source_free);
  std::unique_ptr<zip_t, ZipCloser> archive(zip_open_from_source(source, ZIP_TRUNCATE, &error));
  if (archive == nullptr) return absl::InternalError(ZipMessage(&error));
  for (const NpzMember& member : members) {
    zip_source_t* data = zip_source_buffer(archive.get(), member.npy.data(), member.npy.size(), 0);
    const std::string name = member.name + ".npy";
    const zip_int64_t index = data == nullptr ? -1 : zip_file_add(archive.get(), name.c_str(), data, ZIP_FL_ENC_UTF_8);
    if (index < 0) return absl::InternalError(zip_strerror(archive.get()));
    // Level 1: noise hardly compresses, and waiting for it is no use.
    zip_set_file_compression(archive.get(), index, ZIP_CM_DEFLATE, 1);
  }
  if (zip_close(archive.get()) != 0) return absl::InternalError(zip_strerror(archive.get()));
  static_cast<void>(archive.release());
  return BytesOf(source);
}

absl::StatusOr<Tensor> DecodeNpz(const std::string& path, const std::string& name) {
  int code = 0;
  std::unique_ptr<zip_t, ZipCloser> archive(zip_open(path.c_str(), ZIP_RDONLY, &code));
  if (archive == nullptr) return absl::InvalidArgumentError("it is no .npz archive");
  zip_int64_t index = zip_name_locate(archive.get(), (name + ".npy").c_str(), 0);
  if (index < 0 && zip_get_num_entries(archive.get(), 0) == 1) index = 0;
  if (index < 0) return absl::InvalidArgumentError(absl::StrCat("it has no array ", name));
  absl::StatusOr<std::string> bytes = ReadMember(archive.get(), index);
  if (!bytes.ok()) return bytes.status();
  return DecodeNpy(*bytes);
}

}  // namespace sliceflow::cli
