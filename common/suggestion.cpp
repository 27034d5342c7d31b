#include "common/suggestion.h"

#include <algorithm>
#include <cstddef>

#include "absl/strings/ascii.h"

namespace sliceflow {
namespace {

// Longer words are not a slip of the hand; the bound also keeps hostile input cheap.
constexpr size_t kLongestWord = 64;

std::string Plain(absl::string_view word) {
  std::string plain;
  for (char c : word) {
    if (c != '_' && c != '-') plain.push_back(absl::ascii_tolower(c));
  }
  return plain;
}

// Optimal string alignment distance by three rows of its table.
size_t Distance(const std::string& a, const std::string& b) {
  std::vector<size_t> before_last(b.size() + 1), last(b.size() + 1), row(b.size() + 1);
  for (size_t j = 0; j <= b.size(); ++j) last[j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t replaced = last[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
      row[j] = std::min({last[j] + 1, row[j - 1] + 1, replaced});
      const bool swapped = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
      if (swapped) row[j] = std::min(row[j], before_last[j - 2] + 1);
    }
    before_last.swap(last);
    last.swap(row);
  }
  return last[b.size()];
}

}  // namespace

std::string NearestWord(absl::string_view word, const std::vector<std::string>& candidates) {
  if (word.size() > kLongestWord) return "";
  const std::string plain = Plain(word);
  size_t best = std::max<size_t>(1, plain.size() / 3) + 1;
  std::string nearest;
  for (const std::string& candidate : candidates) {
    const size_t distance = Distance(plain, Plain(candidate));
    if (distance >= best) continue;
    best = distance;
    nearest = candidate;
  }
  return nearest;
}

}  // namespace sliceflow
