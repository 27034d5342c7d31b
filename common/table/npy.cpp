#include "common/table/npy.h"

#include <cstdint>
#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"
#include "common/table/numbers.h"

namespace sliceflow::table {
namespace {

constexpr absl::string_view kMagic("\x93NUMPY", 6);
constexpr size_t kMaxHeading = 64 * 1024;
constexpr size_t kMaxAxes = 32;
constexpr size_t kAlignment = 64;

absl::Status Bad(absl::string_view what) { return absl::InvalidArgumentError(absl::StrCat("the .npy file ", what)); }

uint64_t LittleEndian(absl::string_view bytes) {
  uint64_t number = 0;
  for (size_t i = bytes.size(); i-- > 0;) number = number << 8 | static_cast<unsigned char>(bytes[i]);
  return number;
}

// The heading is a Python dictionary of three entries: descr (text), fortran_order (True or False), shape (a tuple of numbers).
struct Heading {
  std::optional<std::string> type;
  std::optional<bool> fortran_order;
  std::optional<std::vector<int64_t>> shape;
};

// Takes the dictionary apart. Each method removes what it has read and answers false where it finds something else.
class HeadingParser {
 public:
  explicit HeadingParser(absl::string_view text) : text_(text) {}

  bool Parse(Heading& heading) {
    if (!Take('{')) return false;
    while (!Take('}')) {
      std::string key;
      if (!TakeText(key) || !Take(':') || !TakeEntry(key, heading)) return false;
      if (!Take(',') && !Peek('}')) return false;
    }
    return absl::StripAsciiWhitespace(text_).empty();
  }

 private:
  bool Peek(char c) {
    text_ = absl::StripLeadingAsciiWhitespace(text_);
    return !text_.empty() && text_[0] == c;
  }

  bool Take(char c) {
    if (!Peek(c)) return false;
    text_.remove_prefix(1);
    return true;
  }

  bool TakeText(std::string& text) {
    const char quote = Peek('"') ? '"' : '\'';
    if (!Take(quote)) return false;
    const size_t end = text_.find(quote);
    if (end == absl::string_view::npos) return false;
    text = std::string(text_.substr(0, end));
    text_.remove_prefix(end + 1);
    return true;
  }

  bool TakeEntry(const std::string& key, Heading& heading) {
    if (key == "descr") return TakeType(heading.type.emplace());
    if (key == "fortran_order") return TakeBool(heading.fortran_order.emplace());
    return key == "shape" && TakeShape(heading.shape.emplace());
  }

  // A list describes a structured type, which is told by name later.
  bool TakeType(std::string& type) {
    if (!Peek('[')) return TakeText(type);
    const size_t end = text_.rfind(']');
    if (end == absl::string_view::npos) return false;
    type = std::string(text_.substr(0, end + 1));
    text_.remove_prefix(end + 1);
    return true;
  }

  bool TakeBool(bool& value) {
    text_ = absl::StripLeadingAsciiWhitespace(text_);
    value = absl::ConsumePrefix(&text_, "True");
    return value || absl::ConsumePrefix(&text_, "False");
  }

  bool TakeShape(std::vector<int64_t>& shape) {
    if (!Take('(')) return false;
    while (!Take(')')) {
      text_ = absl::StripLeadingAsciiWhitespace(text_);
      size_t digits = 0;
      while (digits < text_.size() && absl::ascii_isdigit(static_cast<unsigned char>(text_[digits]))) ++digits;
      int64_t axis = 0;
      if (shape.size() == kMaxAxes || !absl::SimpleAtoi(text_.substr(0, digits), &axis)) return false;
      text_.remove_prefix(digits);
      shape.push_back(axis);
      if (!Take(',') && !Peek(')')) return false;
    }
    return true;
  }

  absl::string_view text_;
};

absl::StatusOr<NumberType> ReadType(absl::string_view type) {
  static const auto& types = *new std::map<absl::string_view, NumberType>{
      {"b1", NumberType::kBool},   {"i1", NumberType::kInt8},    {"u1", NumberType::kUint8},  {"i2", NumberType::kInt16},
      {"u2", NumberType::kUint16}, {"i4", NumberType::kInt32},   {"u4", NumberType::kUint32}, {"i8", NumberType::kInt64},
      {"u8", NumberType::kUint64}, {"f4", NumberType::kFloat32}, {"f8", NumberType::kFloat64}};
  const std::string shown = absl::CHexEscape(type.substr(0, 60));
  if (absl::StartsWith(type, ">")) return Bad(absl::StrCat("is big-endian ('", shown, "'); save it with array.astype('<f4')"));
  if (absl::StrContains(type, "O")) return Bad("holds Python objects; save an array of numbers, such as array.astype('<f4')");
  absl::string_view name = type;
  if (!absl::ConsumePrefix(&name, "<")) absl::ConsumePrefix(&name, "|");
  const auto found = types.find(name);
  if (found != types.end()) return found->second;
  return Bad(absl::StrCat("holds values of the type '", shown, "'; float32, float64, integers and booleans are read"));
}

// The dictionary's text; removes it and what stands before it from `bytes`.
absl::StatusOr<absl::string_view> TakeHeading(absl::string_view& bytes) {
  if (!absl::ConsumePrefix(&bytes, kMagic) || bytes.size() < 2) return Bad("does not begin as one");
  const int version = static_cast<unsigned char>(bytes[0]);
  if (version < 1 || version > 3) return Bad(absl::StrCat("has version ", version, "; versions 1 to 3 are read"));
  bytes.remove_prefix(2);
  const size_t length_size = version == 1 ? 2 : 4;
  if (bytes.size() < length_size) return Bad("ends inside its heading");
  const uint64_t length = LittleEndian(bytes.substr(0, length_size));
  bytes.remove_prefix(length_size);
  if (length > kMaxHeading) return Bad(absl::StrCat("has a heading of ", length, " bytes, at most ", kMaxHeading));
  if (bytes.size() < length) return Bad("ends inside its heading");
  const absl::string_view text = bytes.substr(0, length);
  bytes.remove_prefix(length);
  return text;
}

}  // namespace

absl::StatusOr<Tensor> ReadNpy(absl::string_view bytes, const Limits& limits) {
  const absl::StatusOr<absl::string_view> text = TakeHeading(bytes);
  if (!text.ok()) return text.status();
  Heading heading;
  if (!HeadingParser(*text).Parse(heading) || !heading.type || !heading.fortran_order || !heading.shape) {
    return Bad("has a heading that cannot be read");
  }
  const absl::StatusOr<NumberType> type = ReadType(*heading.type);
  if (!type.ok()) return type.status();
  if (*heading.fortran_order) return Bad("is in Fortran order; save it with numpy.ascontiguousarray(array)");
  if (heading.shape->empty()) return Bad("holds a single number; one axis or more is needed");
  absl::StatusOr<Extent> extent = CheckExtent(*heading.shape, *type, bytes.size(), limits.max_values, limits.max_rows);
  if (!extent.ok()) return extent.status();
  const int64_t row_size = extent->count / extent->shape[0];
  absl::StatusOr<std::vector<float>> values = ReadNumbers(bytes, *type, /*big_endian=*/false, extent->count, row_size);
  if (!values.ok()) return values.status();
  return Tensor{.shape = std::move(extent->shape), .values = *std::move(values)};
}

std::string NpyHeading(const std::vector<int64_t>& shape) {
  std::string dictionary =
      absl::StrCat("{'descr': '<f4', 'fortran_order': False, 'shape': (", absl::StrJoin(shape, ", "), shape.size() == 1 ? "," : "", "), }");
  // Magic, version and length take 10 bytes; blanks and a line feed fill up to a multiple of 64, so that values can be mapped aligned.
  const size_t unpadded = kMagic.size() + 4 + dictionary.size() + 1;
  dictionary.append((kAlignment - unpadded % kAlignment) % kAlignment, ' ');
  dictionary += '\n';
  const auto length = static_cast<uint16_t>(dictionary.size());
  std::string heading = absl::StrCat(kMagic, absl::string_view("\x01\x00", 2));
  heading += static_cast<char>(length & 0xFF);
  heading += static_cast<char>(length >> 8);
  return heading + dictionary;
}

std::string WriteNpy(const Tensor& tensor) { return NpyHeading(tensor.shape) + PackValues(tensor.values); }

}  // namespace sliceflow::table
