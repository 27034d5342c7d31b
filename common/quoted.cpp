#include "common/quoted.h"

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "common/json.h"

namespace sliceflow {
namespace {

absl::string_view Beginning(absl::string_view text, size_t most) {
  if (text.size() <= most) return text;
  size_t end = most;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) --end;
  return text.substr(0, end);
}

}  // namespace

std::string Shortened(absl::string_view text, size_t most) {
  const absl::string_view beginning = Beginning(text, most);
  return absl::StrCat(beginning, beginning.size() < text.size() ? "…" : "");
}

std::string Quoted(absl::string_view text, size_t most) {
  const absl::string_view beginning = Beginning(text, most);
  const bool utf8 = ValidUtf8Prefix(beginning) == beginning.size();
  return absl::StrCat("\"", utf8 ? absl::Utf8SafeCEscape(beginning) : absl::CHexEscape(beginning),
                      beginning.size() < text.size() ? "…\"" : "\"");
}

}  // namespace sliceflow
