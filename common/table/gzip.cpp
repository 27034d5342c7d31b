#include "common/table/gzip.h"

#include <zlib.h>

#include <algorithm>
#include <limits>
#include <vector>

#include "absl/cleanup/cleanup.h"
#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace sliceflow::table {
namespace {

constexpr int kGzipWindow = 15 + 16;  // the largest window, gzip's heading and no other (zlib.h, inflateInit2)
constexpr size_t kPieceBytes = 256 * 1024;

absl::Status Damaged(const z_stream& stream) {
  return absl::InvalidArgumentError(absl::StrCat("the bytes are not readable as gzip: ", stream.msg == nullptr ? "cut off" : stream.msg));
}

}  // namespace

absl::StatusOr<std::string> Gunzip(absl::string_view compressed, int64_t max_bytes) {
  z_stream stream{};
  if (inflateInit2(&stream, kGzipWindow) != Z_OK) return absl::ResourceExhaustedError("no memory to read gzip");
  const absl::Cleanup end = [&] { inflateEnd(&stream); };
  std::string bytes;
  std::vector<Bytef> piece(kPieceBytes);
  bool member_ended = false;
  while (!compressed.empty() || !member_ended) {
    if (member_ended && inflateReset(&stream) != Z_OK) return absl::InternalError("gzip: reset failed");
    const auto taken = static_cast<uInt>(std::min<size_t>(compressed.size(), std::numeric_limits<uInt>::max()));
    stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(compressed.data()));
    stream.avail_in = taken;
    stream.next_out = piece.data();
    stream.avail_out = kPieceBytes;
    const int code = inflate(&stream, Z_NO_FLUSH);
    compressed.remove_prefix(taken - stream.avail_in);
    const size_t count = kPieceBytes - stream.avail_out;
    if (static_cast<int64_t>(bytes.size() + count) > max_bytes) {
      return absl::ResourceExhaustedError(absl::StrCat("the gzip data expands to more than ", max_bytes, " bytes"));
    }
    bytes.append(reinterpret_cast<const char*>(piece.data()), count);
    member_ended = code == Z_STREAM_END;
    if (code != Z_OK && !member_ended) return Damaged(stream);
  }
  return bytes;
}

}  // namespace sliceflow::table
