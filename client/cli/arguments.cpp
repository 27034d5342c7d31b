#include "client/cli/arguments.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"

namespace sliceflow::cli {
namespace {

constexpr double kMostSeconds = 1e9;

bool IsAddress(const std::string& text) {
  const bool graphic = std::all_of(text.begin(), text.end(), [](unsigned char c) { return c > 0x20 && c != 0x7F; });
  if (!graphic || absl::StartsWith(text, ":")) return false;
  if (absl::StartsWith(text, "unix") || absl::StrContains(text, "://")) return true;
  int port = 0;
  const size_t colon = text.rfind(':');
  return colon != std::string::npos && absl::SimpleAtoi(text.substr(colon + 1), &port) && port > 0 && port < 65536;
}

}  // namespace

CLI::Validator Seconds(bool or_zero) {
  return CLI::Validator(
      [or_zero](std::string& text) -> std::string {
        double value = 0;
        const bool read = absl::SimpleAtod(text, &value) && value <= kMostSeconds;
        if (read && (value > 0 || (or_zero && value == 0))) return "";
        return absl::StrCat("must be a number of seconds ", or_zero ? "from 0" : "above 0", " to a billion; it is '", text, "'");
      },
      "");
}

CLI::Validator ServerAddress() {
  return CLI::Validator(
      [](std::string& text) -> std::string {
        if (IsAddress(text)) return "";
        return absl::StrCat("must be host:port, such as 127.0.0.1:50051; it is '", text, "'");
      },
      "");
}

}  // namespace sliceflow::cli
