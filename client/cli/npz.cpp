#include "client/cli/npz.h"

#include <zip.h>

#include <memory>

#include "absl/strings/str_cat.h"

namespace sliceflow::cli {
namespace {

constexpr absl::string_view kMagic("\x93NUMPY", 6);
constexpr size_t kAlignment = 64;
constexpr uint64_t kMaxMemberBytes = uint64_t{4} << 30;

// The heading of a version 1.0 file of float64 on one axis.
std::string Heading(size_t length) {
  std::string dictionary = absl::StrCat("{'descr': '<f8', 'fortran_order': False, 'shape': (", length, ",), }");
  const size_t unpadded = kMagic.size() + 2 + 2 + dictionary.size() + 1;
  dictionary.append((kAlignment - unpadded % kAlignment) % kAlignment, ' ');
  dictionary.push_back('\n');
  std::string heading(kMagic);
  heading.append({'\x01', '\x00', static_cast<char>(dictionary.size() & 0xFF), static_cast<char>(dictionary.size() >> 8)});
  return heading + dictionary;
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

std::string EncodeNpy(const std::vector<double>& values) {
  std::string bytes = Heading(values.size());
  bytes.append(reinterpret_cast<const char*>(values.data()), values.size() * sizeof(double));
  return bytes;
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

absl::StatusOr<std::string> ReadNpzMember(const std::string& path, const std::string& name) {
  int code = 0;
  std::unique_ptr<zip_t, ZipCloser> archive(zip_open(path.c_str(), ZIP_RDONLY, &code));
  if (archive == nullptr) return absl::InvalidArgumentError("it is no .npz archive");
  zip_int64_t index = zip_name_locate(archive.get(), (name + ".npy").c_str(), 0);
  if (index < 0 && zip_get_num_entries(archive.get(), 0) == 1) index = 0;
  if (index < 0) return absl::InvalidArgumentError(absl::StrCat("it has no array ", name));
  return ReadMember(archive.get(), index);
}

}  // namespace sliceflow::cli
