#include "common/table/csv.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <optional>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"

namespace sliceflow::table {
namespace {

constexpr absl::string_view kByteOrderMark = "\xEF\xBB\xBF";
constexpr size_t kMostShown = 40;  // bytes of a bad field that the message repeats

char FindSeparator(absl::string_view line) {
  for (const char separator : {';', ',', '\t'}) {
    if (line.find(separator) != absl::string_view::npos) return separator;
  }
  return ' ';
}

// The fields of a line, without the blanks and the quotes around them. Inside quotes a separator is part of the field.
void Split(absl::string_view line, char separator, std::vector<absl::string_view>& fields) {
  fields.clear();
  if (separator == ' ') line = absl::StripAsciiWhitespace(line);
  bool quoted = false;
  size_t begin = 0;
  for (size_t i = 0; i <= line.size(); ++i) {
    if (i < line.size() && line[i] == '"') quoted = !quoted;
    if (i < line.size() && (quoted || line[i] != separator)) continue;
    absl::string_view field = absl::StripAsciiWhitespace(line.substr(begin, i - begin));
    begin = i + 1;
    if (separator == ' ' && field.empty()) continue;  // several blanks separate as one does
    if (field.size() >= 2 && field.front() == '"' && field.back() == '"') {
      field = absl::StripAsciiWhitespace(field.substr(1, field.size() - 2));
    }
    fields.push_back(field);
  }
}

enum class Parsed { kNumber, kNotFinite, kTooLarge, kNoNumber };

Parsed Parse(absl::string_view field, float& value) {
  if (field.size() > 1 && field[0] == '+' && field[1] != '-') field.remove_prefix(1);
  double number = 0;
  const auto [end, error] = std::from_chars(field.data(), field.data() + field.size(), number);
  if (error == std::errc::invalid_argument || end != field.data() + field.size()) return Parsed::kNoNumber;
  if (error == std::errc::result_out_of_range) return Parsed::kTooLarge;
  if (!std::isfinite(number)) return Parsed::kNotFinite;
  value = static_cast<float>(number);
  return std::isfinite(value) ? Parsed::kNumber : Parsed::kTooLarge;
}

bool IsHeading(const std::vector<absl::string_view>& fields) {
  float unused = 0;
  return std::all_of(fields.begin(), fields.end(), [&](absl::string_view field) { return Parse(field, unused) == Parsed::kNoNumber; }) &&
         std::any_of(fields.begin(), fields.end(), [](absl::string_view field) { return !field.empty(); });
}

absl::string_view Why(Parsed parsed) {
  if (parsed == Parsed::kNotFinite) return "is not finite";
  if (parsed == Parsed::kTooLarge) return "is outside the range of float32";
  return "is not a number";
}

absl::Status BadField(int64_t line, size_t column, absl::string_view field, Parsed parsed) {
  const std::string place = absl::StrCat("line ", line, ", column ", column + 1, ": ");
  if (field.empty()) return absl::InvalidArgumentError(absl::StrCat(place, "the field is empty, a number is needed"));
  const absl::string_view rest = field.size() > kMostShown ? "…" : "";
  return absl::InvalidArgumentError(absl::StrCat(place, "'", absl::CHexEscape(field.substr(0, kMostShown)), rest, "' ", Why(parsed)));
}

// Takes lines one after the other.
class Reader {
 public:
  explicit Reader(const Limits& limits) : limits_(limits) {}

  bool full() const { return limits_.max_rows > 0 && rows_ >= limits_.max_rows; }

  absl::Status Add(absl::string_view line) {
    ++line_;
    if (absl::StripAsciiWhitespace(line).empty()) {
      if (blank_line_ == 0) blank_line_ = line_;
      return absl::OkStatus();
    }
    if (blank_line_ != 0) return absl::InvalidArgumentError(absl::StrCat("line ", blank_line_, " is blank, but rows follow it"));
    if (!separator_.has_value()) return AddFirst(line);
    Split(line, *separator_, fields_);
    return AddRow();
  }

  absl::StatusOr<Tensor> Take() {
    if (rows_ == 0) return absl::InvalidArgumentError("the table has no rows");
    tensor_.shape = {rows_, static_cast<int64_t>(columns_)};
    return std::move(tensor_);
  }

 private:
  absl::Status AddFirst(absl::string_view line) {
    separator_ = FindSeparator(line);
    Split(line, *separator_, fields_);
    columns_ = fields_.size();
    return IsHeading(fields_) ? absl::OkStatus() : AddRow();
  }

  absl::Status AddRow() {
    if (fields_.size() != columns_) {
      return absl::InvalidArgumentError(absl::StrCat("line ", line_, ", column ", std::min(fields_.size(), columns_) + 1, ": the row has ",
                                                     fields_.size(), fields_.size() == 1 ? " field" : " fields", ", the first line has ",
                                                     columns_));
    }
    if (static_cast<int64_t>(tensor_.values.size() + columns_) > limits_.max_values) {
      return absl::ResourceExhaustedError(absl::StrCat("line ", line_, ": the table has more than ", limits_.max_values, " values"));
    }
    for (size_t column = 0; column < columns_; ++column) {
      float value = 0;
      const Parsed parsed = Parse(fields_[column], value);
      if (parsed != Parsed::kNumber) return BadField(line_, column, fields_[column], parsed);
      tensor_.values.push_back(value);
    }
    ++rows_;
    return absl::OkStatus();
  }

  const Limits limits_;
  std::optional<char> separator_;
  size_t columns_ = 0;
  int64_t line_ = 0;
  int64_t rows_ = 0;
  int64_t blank_line_ = 0;  // the first blank line after the rows
  std::vector<absl::string_view> fields_;
  Tensor tensor_;
};

}  // namespace

absl::StatusOr<Tensor> ReadCsv(absl::string_view bytes, const Limits& limits) {
  absl::ConsumePrefix(&bytes, kByteOrderMark);
  Reader reader(limits);
  while (!bytes.empty() && !reader.full()) {
    const size_t end = bytes.find('\n');
    absl::string_view line = bytes.substr(0, end);
    bytes.remove_prefix(end == absl::string_view::npos ? bytes.size() : end + 1);
    absl::ConsumeSuffix(&line, "\r");
    absl::Status status = reader.Add(line);
    if (!status.ok()) return status;
  }
  return reader.Take();
}

}  // namespace sliceflow::table
