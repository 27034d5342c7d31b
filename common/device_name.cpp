#include "common/device_name.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/strip.h"

namespace sliceflow {
namespace {

constexpr size_t kMaxDeviceDigits = 3;
constexpr size_t kLongestNode = 63;

bool IsLowerOrDigit(char c) {
  return absl::ascii_islower(static_cast<unsigned char>(c)) || absl::ascii_isdigit(static_cast<unsigned char>(c));
}

}  // namespace

bool IsDeviceOfThisMachine(absl::string_view name) {
  if (name == "cpu") return true;
  if (!absl::ConsumePrefix(&name, "cuda:") || name.empty() || name.size() > kMaxDeviceDigits) return false;
  return std::all_of(name.begin(), name.end(), absl::ascii_isdigit) && (name.size() == 1 || name[0] != '0');
}

bool IsDeviceOfAnotherMachine(absl::string_view name) {
  const size_t slash = name.find('/');
  return slash != absl::string_view::npos && IsNodeName(name.substr(0, slash)) && IsDeviceOfThisMachine(name.substr(slash + 1));
}

bool IsNodeName(absl::string_view name) {
  if (name.empty() || name.size() > kLongestNode || !IsLowerOrDigit(name.front()) || !IsLowerOrDigit(name.back())) return false;
  return std::all_of(name.begin(), name.end(), [](char c) { return IsLowerOrDigit(c) || c == '.' || c == '-'; });
}

}  // namespace sliceflow
