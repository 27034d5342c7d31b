#include "client/cli/source_text.h"

#include <algorithm>
#include <cstdint>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"

namespace sliceflow::cli {
namespace {

constexpr char kBold[] = "\x1b[1m";
constexpr char kRed[] = "\x1b[31m";
constexpr char kPlain[] = "\x1b[0m";

struct CodePoint {
  uint32_t value = 0;
  size_t bytes = 0;  // 0: not UTF-8
};

CodePoint Decode(absl::string_view text) {
  const auto byte = [&](size_t i) { return static_cast<uint8_t>(text[i]); };
  const uint8_t first = byte(0);
  if (first < 0x80) return {first, 1};
  const size_t bytes = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2;
  if (first < 0xC2 || first > 0xF4 || text.size() < bytes) return {};
  uint32_t value = first & (0xFF >> (bytes + 1));
  for (size_t i = 1; i < bytes; ++i) {
    if ((byte(i) & 0xC0) != 0x80) return {};
    value = value << 6 | (byte(i) & 0x3F);
  }
  const bool overlong = (bytes == 3 && value < 0x800) || (bytes == 4 && value < 0x10000);
  const bool surrogate = value >= 0xD800 && value <= 0xDFFF;
  if (overlong || surrogate || value > 0x10FFFF) return {};
  return {value, bytes};
}

int ColumnsOf(uint32_t c) {
  if ((c >= 0x300 && c <= 0x36F) || c == 0x200B || c == 0xFE0F) return 0;
  const bool wide = (c >= 0x1100 && c <= 0x115F) || (c >= 0x2E80 && c <= 0xA4CF) || (c >= 0xAC00 && c <= 0xD7A3) ||
                    (c >= 0xF900 && c <= 0xFAFF) || (c >= 0xFE30 && c <= 0xFE6F) || (c >= 0xFF00 && c <= 0xFF60) ||
                    (c >= 0x1F300 && c <= 0x1FAFF) || (c >= 0x20000 && c <= 0x3FFFD);
  return wide ? 2 : 1;
}

}  // namespace

bool IsUtf8(absl::string_view text) {
  while (!text.empty()) {
    const CodePoint point = Decode(text);
    if (point.bytes == 0) return false;
    text.remove_prefix(point.bytes);
  }
  return true;
}

absl::string_view FitWidth(absl::string_view text, int width) {
  size_t used = 0;
  int columns = 0;
  while (used < text.size()) {
    const CodePoint point = Decode(text.substr(used));
    columns += point.bytes == 0 ? 1 : ColumnsOf(point.value);
    if (columns > width) break;
    used += std::max<size_t>(point.bytes, 1);
  }
  return text.substr(0, used);
}

int DisplayWidth(absl::string_view text) {
  int columns = 0;
  while (!text.empty()) {
    const CodePoint point = Decode(text);
    columns += point.bytes == 0 ? 1 : ColumnsOf(point.value);
    text.remove_prefix(std::max<size_t>(point.bytes, 1));
  }
  return columns;
}

std::string Printable(absl::string_view text) {
  std::string printable;
  while (!text.empty()) {
    const CodePoint point = Decode(text);
    const bool control = point.bytes == 0 || (point.value < 0x20 && point.value != '\n') || (point.value >= 0x7F && point.value < 0xA0);
    if (control) {
      printable.push_back(point.value == '\t' ? ' ' : '?');
    } else {
      absl::StrAppend(&printable, text.substr(0, point.bytes));
    }
    text.remove_prefix(std::max<size_t>(point.bytes, 1));
  }
  return printable;
}

std::string SourceText::Render(const Problem& problem, int width, bool color) const {
  std::string out = color ? kBold : "";
  absl::StrAppend(&out, name_, ":");
  if (problem.position.line > 0) absl::StrAppend(&out, problem.position.line, ":", problem.position.column, ":");
  absl::StrAppend(&out, " ", color ? kPlain : "");
  if (!problem.field.empty()) absl::StrAppend(&out, Printable(problem.field), ": ");
  absl::StrAppend(&out, Printable(problem.description), "\n");
  if (problem.position.line <= 0) return out;

  const std::vector<absl::string_view> lines = absl::StrSplit(text_, '\n');
  if (problem.position.line > static_cast<int>(lines.size())) return out;
  const absl::string_view line = absl::StripSuffix(lines[problem.position.line - 1], "\r");
  const size_t column = std::min<size_t>(std::max(problem.position.column, 1) - 1, line.size());
  // A long line is shown from shortly before the place.
  constexpr size_t kBefore = 30;
  size_t begin = 0;
  if (DisplayWidth(line) + 4 > width && column > kBefore) begin = column - kBefore;
  while (begin > 0 && begin < line.size() && (static_cast<uint8_t>(line[begin]) & 0xC0) == 0x80) --begin;
  const std::string before = Printable(line.substr(begin, column - begin));
  const std::string shown = Printable(line.substr(begin));
  absl::StrAppend(&out, "    ", FitWidth(shown, std::max(width - 4, 20)), "\n");
  absl::StrAppend(&out, "    ", std::string(DisplayWidth(before), ' '), color ? kRed : "", "^", color ? kPlain : "", "\n");
  return out;
}

}  // namespace sliceflow::cli
