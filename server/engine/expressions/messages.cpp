#include "server/engine/expressions/messages.h"

#include <algorithm>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"

namespace sliceflow::engine {
namespace {

constexpr size_t kLongest = 300;
constexpr char kVariants[] = "\nThe following variants are available:";

// Where a message turns from what is wrong to LibTorch's own affairs.
constexpr const char* kAffairs[] = {"\n  File ",       "\nThe original call is", ". This could be because",
                                    " (please report", " (Could this ",          "\nException raised from"};

// What LibTorch says in a language of its own. A whole number has two bits less where it also keeps symbols in its place.
struct Translation {
  const char* message;  // a part of it
  const char* words;
};
constexpr char kLargeNumber[] = "a size, place or shift is too large a number";
constexpr Translation kTranslations[] = {{"SymIntArrayRef expected to contain only concrete", kLargeNumber},
                                         {"cannot be represented as a SymInt", kLargeNumber},
                                         {"ZeroDivisionError", "an integer is divided by zero"}};

// Without the `/folder/file.cpp:12: ` of LibTorch's source that some begin with, and the failed condition of an internal check.
absl::string_view WithoutPlace(absl::string_view message) {
  constexpr absl::string_view kInternal = "please report a bug to PyTorch.";
  if (const size_t found = message.find(kInternal); found != absl::string_view::npos) {
    message = absl::StripAsciiWhitespace(message.substr(found + kInternal.size()));
    return message.empty() ? "the operation does not take these operands" : message;
  }
  if (!absl::StartsWith(message, "/")) return message;
  const size_t end = message.find(": ");
  return end == absl::string_view::npos ? message : message.substr(end + 2);
}

absl::string_view UpTo(absl::string_view message, absl::string_view mark) { return message.substr(0, message.find(mark)); }

// Forms that write into an operand, name dimensions, or compute with complex numbers have no place in an expression.
bool IsOpenTo(absl::string_view form) {
  for (const absl::string_view mark : {"!)", "str[", "complex"}) {
    if (absl::StrContains(form, mark)) return false;
  }
  return true;
}

// What is wrong with the arguments for each form of an operation, from the list of them: paragraphs, the form first.
std::string WhyNoFormFits(absl::string_view variants) {
  std::string name;
  std::vector<std::string> reasons;
  for (const absl::string_view paragraph : absl::StrSplit(UpTo(variants, "\nThe original call is"), "\n  \n")) {
    const std::vector<absl::string_view> lines = absl::StrSplit(absl::StripAsciiWhitespace(paragraph), '\n');
    if (lines.size() < 2 || !IsOpenTo(lines[0])) continue;
    if (name.empty()) name = std::string(UpTo(UpTo(lines[0], "("), "."));
    std::string reason(absl::StripSuffix(absl::StripAsciiWhitespace(lines[1]), "."));
    reason = absl::StrReplaceAll(reason, {{" for argument '<varargs>'", " for one of its numbers"}, {" (inferred)", ""}});
    if (std::find(reasons.begin(), reasons.end(), reason) == reasons.end()) reasons.push_back(std::move(reason));
  }
  // Of the forms for other things than the operation was called on, at the end.
  std::stable_partition(reasons.begin(), reasons.end(),
                        [](const std::string& reason) { return !absl::StrContains(reason, "for argument 'self'"); });
  if (reasons.empty()) return "the arguments of a call fit no form of it";
  return absl::StrCat("the arguments fit no form of `", name, "`: ", absl::StrJoin(reasons, "; or: "));
}

// Not in the middle of a character.
absl::string_view Cut(absl::string_view message) {
  if (message.size() <= kLongest) return message;
  size_t end = kLongest;
  while (end > 0 && (static_cast<unsigned char>(message[end]) & 0xC0U) == 0x80U) --end;
  return message.substr(0, end);
}

std::string OneLine(absl::string_view message) {
  message = absl::StripAsciiWhitespace(message);
  while (!message.empty() && (message.back() == ':' || message.back() == '.')) message.remove_suffix(1);
  std::string line(absl::StripAsciiWhitespace(Cut(message)));
  std::replace(line.begin(), line.end(), '\n', ' ');
  return line;
}

}  // namespace

std::string ShortenMessage(absl::string_view message) {
  if (const size_t found = message.find(kVariants); found != absl::string_view::npos) return OneLine(WhyNoFormFits(message.substr(found)));
  for (const Translation& translation : kTranslations) {
    if (absl::StrContains(message, translation.message)) return translation.words;
  }
  message = WithoutPlace(absl::StripAsciiWhitespace(message));
  for (const absl::string_view affair : kAffairs) message = UpTo(message, affair);
  return OneLine(message);
}

}  // namespace sliceflow::engine
