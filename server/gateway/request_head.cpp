#include "server/gateway/request_head.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"

namespace sliceflow::gateway {
namespace {

constexpr absl::string_view kLineEnd = "\r\n";
constexpr absl::string_view kSymbolsOfTokens = "!#$%&'*+-.^_`|~";

bool IsToken(absl::string_view text) {
  const auto is_allowed = [](char c) { return absl::ascii_isalnum(c) || absl::StrContains(kSymbolsOfTokens, c); };
  return !text.empty() && std::all_of(text.begin(), text.end(), is_allowed);
}

absl::Status ReadFirstLine(absl::string_view line, RequestHead& head) {
  const std::vector<absl::string_view> parts = absl::StrSplit(line, ' ');
  const bool is_request = parts.size() == 3 && IsToken(parts[0]) && absl::StartsWith(parts[1], "/");
  if (!is_request || (parts[2] != "HTTP/1.1" && parts[2] != "HTTP/1.0")) return absl::InvalidArgumentError("not a request of HTTP/1.1");
  head.method = std::string(parts[0]);
  head.path = std::string(parts[1].substr(0, parts[1].find('?')));
  return absl::OkStatus();
}

absl::Status ReadField(absl::string_view line, RequestHead& head) {
  const std::pair<absl::string_view, absl::string_view> field = absl::StrSplit(line, absl::MaxSplits(':', 1));
  if (!IsToken(field.first) || field.first.size() == line.size()) return absl::InvalidArgumentError("a line of the head is no field");
  const absl::string_view value = absl::StripAsciiWhitespace(field.second);
  const auto [place, is_new] = head.fields.emplace(absl::AsciiStrToLower(field.first), value);
  if (!is_new) absl::StrAppend(&place->second, ", ", value);
  return absl::OkStatus();
}

absl::Status ReadLength(RequestHead& head) {
  const absl::string_view text = head.Field("content-length");
  if (text.empty()) return absl::OkStatus();
  const bool is_number = std::all_of(text.begin(), text.end(), absl::ascii_isdigit) && absl::SimpleAtoi(text, &head.content_length);
  return is_number ? absl::OkStatus() : absl::InvalidArgumentError("Content-Length is no number");
}

}  // namespace

absl::string_view RequestHead::Field(const std::string& name) const {
  const auto found = fields.find(name);
  return found == fields.end() ? absl::string_view() : absl::string_view(found->second);
}

absl::StatusOr<RequestHead> ReadHead(absl::string_view text) {
  if (!absl::ConsumeSuffix(&text, "\r\n\r\n")) return absl::InvalidArgumentError("the head has no end");
  const std::vector<absl::string_view> lines = absl::StrSplit(text, kLineEnd);
  RequestHead head;
  absl::Status status = ReadFirstLine(lines.front(), head);
  for (size_t i = 1; i < lines.size() && status.ok(); ++i) status = ReadField(lines[i], head);
  if (status.ok()) status = ReadLength(head);
  if (!status.ok()) return status;
  return head;
}

}  // namespace sliceflow::gateway
