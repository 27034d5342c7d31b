#include "common/ids.h"

#include <cstdint>

#include "absl/random/random.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "common/errors.h"

namespace sliceflow {
namespace {

// Crockford's base 32 in lower case: sorted, and without letters that read like digits.
constexpr char kAlphabet[] = "0123456789abcdefghjkmnpqrstvwxyz";
constexpr size_t kMaxIdLength = 63;

void AppendBase32(std::string& id, uint64_t value, int digits) {
  for (int digit = digits - 1; digit >= 0; --digit) id.push_back(kAlphabet[(value >> (5 * digit)) & 31]);
}

bool IsId(absl::string_view id) {
  if (id.empty() || id.size() > kMaxIdLength || id[0] == '-') return false;
  for (const char c : id) {
    if (!absl::ascii_islower(c) && !absl::ascii_isdigit(c) && c != '-') return false;
  }
  return true;
}

}  // namespace

std::string NewId() {
  thread_local absl::BitGen generator;
  std::string id;
  AppendBase32(id, static_cast<uint64_t>(absl::GetCurrentTimeNanos() / 1'000'000), 10);
  AppendBase32(id, absl::Uniform<uint64_t>(generator), 8);
  AppendBase32(id, absl::Uniform<uint64_t>(generator), 8);
  return id;
}

absl::StatusOr<std::string> ParseResourceName(absl::string_view collection, absl::string_view name, absl::string_view field) {
  const std::string prefix = absl::StrCat(collection, "/");
  const absl::string_view id = name.substr(0, prefix.size()) == prefix ? name.substr(prefix.size()) : absl::string_view();
  if (IsId(id)) return std::string(id);
  FieldViolations violations;
  violations.Add(std::string(field), absl::StrCat("must be of the form ", prefix, "ID with an ID of at most ", kMaxIdLength,
                                                  " characters of a-z, 0-9 and -; is \"", name.substr(0, 100), "\""));
  return violations.ToStatus();
}

std::string JobName(absl::string_view id) { return absl::StrCat("jobs/", id); }
std::string DatasetName(absl::string_view id) { return absl::StrCat("datasets/", id); }

}  // namespace sliceflow
