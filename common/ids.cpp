#include "common/ids.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <random>

#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "absl/time/clock.h"
#include "common/errors.h"
#include "common/quoted.h"

namespace sliceflow {
namespace {

// Crockford's base 32, in lower case: in the order of the bytes, so that ids sort by their time.
constexpr absl::string_view kAlphabet = "0123456789abcdefghjkmnpqrstvwxyz";
constexpr int kTimeCharacters = 10;
constexpr int kRandomCharacters = 16;
constexpr size_t kMaxIdLength = 63;

std::array<uint8_t, kRandomCharacters> RandomBytes() {
  std::array<uint8_t, kRandomCharacters> bytes{};
  if (getentropy(bytes.data(), bytes.size()) != 0) {
    std::random_device device;
    std::generate(bytes.begin(), bytes.end(), [&] { return static_cast<uint8_t>(device()); });
  }
  return bytes;
}

bool IsLetterOrDigit(char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); }

bool IsId(absl::string_view id) {
  return !id.empty() && id.size() <= kMaxIdLength && IsLetterOrDigit(id[0]) &&
         std::all_of(id.begin(), id.end(), [](char c) { return IsLetterOrDigit(c) || c == '-'; });
}

}  // namespace

std::string NewId() {
  std::string id(kTimeCharacters + kRandomCharacters, '0');
  uint64_t time = static_cast<uint64_t>(absl::ToUnixMillis(absl::Now()));
  for (int i = kTimeCharacters - 1; i >= 0; --i, time /= 32) id[i] = kAlphabet[time % 32];
  const auto bytes = RandomBytes();
  for (int i = 0; i < kRandomCharacters; ++i) id[kTimeCharacters + i] = kAlphabet[bytes[i] % 32];
  return id;
}

absl::StatusOr<std::string> ParseResourceName(absl::string_view collection, absl::string_view name, absl::string_view field) {
  absl::string_view id = name;
  if (absl::ConsumePrefix(&id, absl::StrCat(collection, "/")) && IsId(id)) return std::string(id);
  FieldViolations violations;
  violations.Add(std::string(field), name.empty()
                                         ? absl::StrCat("is required, of the form ", collection, "/ID")
                                         : absl::StrCat("must be ", collection, "/ID with an ID of a-z, 0-9 and -, is ", Quoted(name)));
  return violations.ToStatus();
}

std::string JobName(absl::string_view id) { return absl::StrCat("jobs/", id); }

std::string DatasetName(absl::string_view id) { return absl::StrCat("datasets/", id); }

}  // namespace sliceflow
