#include "client/cli/yaml_scalar.h"

#include <cmath>
#include <cstdint>
#include <limits>
#include <optional>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/quoted.h"
#include "common/suggestion.h"

namespace sliceflow::cli {
namespace {

using google::protobuf::EnumValueDescriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;

constexpr size_t kShown = 40;

std::optional<double> ParseDouble(const std::string& text) {
  if (text == ".nan" || text == ".NaN" || text == "NaN") return std::nan("");
  if (text == ".inf" || text == "+.inf" || text == "Infinity") return std::numeric_limits<double>::infinity();
  if (text == "-.inf" || text == "-Infinity") return -std::numeric_limits<double>::infinity();
  // What is left must be decimal: the C library would also take hexadecimal and words.
  if (text.empty() || text.find_first_not_of("+-.0123456789eE") != std::string::npos) return std::nullopt;
  double value = 0;
  if (!absl::SimpleAtod(text, &value)) return std::nullopt;
  return value;
}

// Whole numbers, also as 1e3 or 2.0.
template <typename Integer>
std::optional<Integer> ParseInteger(const std::string& text) {
  Integer exact = 0;
  if (absl::SimpleAtoi(text, &exact)) return exact;
  const std::optional<double> value = ParseDouble(text);
  if (!value || std::trunc(*value) != *value) return std::nullopt;
  // Above 2^53 a double no longer tells whole numbers apart.
  if (std::abs(*value) > 9007199254740992.0) return std::nullopt;
  if (*value < static_cast<double>(std::numeric_limits<Integer>::min()) ||
      *value > static_cast<double>(std::numeric_limits<Integer>::max())) {
    return std::nullopt;
  }
  return static_cast<Integer>(*value);
}

const EnumValueDescriptor* ParseEnum(const std::string& text, const FieldDescriptor& field) {
  if (const EnumValueDescriptor* value = field.enum_type()->FindValueByName(text)) return value;
  int number = 0;
  return absl::SimpleAtoi(text, &number) ? field.enum_type()->FindValueByNumber(number) : nullptr;
}

std::string BadEnum(const std::string& text, const FieldDescriptor& field) {
  std::vector<std::string> names;
  for (int i = 0; i < field.enum_type()->value_count(); ++i) {
    const std::string& name = field.enum_type()->value(i)->name();
    if (!absl::EndsWith(name, "_UNSPECIFIED")) names.push_back(name);
  }
  return absl::StrCat("must be one of ", absl::StrJoin(names, ", "), "; it is ", Quoted(text, kShown));
}

std::string BadInteger(const std::string& text, absl::string_view range) {
  if (ParseDouble(text)) return absl::StrCat("must be a whole number", range, "; it is ", text);
  return absl::StrCat("must be a whole number; it is ", Quoted(text, kShown));
}

// Calls the setter or the adder of the field's type.
#define SLICEFLOW_PUT(TYPE, VALUE) \
  (field.is_repeated() ? reflection.Add##TYPE(message, &field, VALUE) : reflection.Set##TYPE(message, &field, VALUE))

std::string SetInteger(const std::string& text, const FieldDescriptor& field, Message* message) {
  const google::protobuf::Reflection& reflection = *message->GetReflection();
  switch (field.cpp_type()) {
    case FieldDescriptor::CPPTYPE_INT32:
      if (auto value = ParseInteger<int32_t>(text)) return SLICEFLOW_PUT(Int32, *value), "";
      return BadInteger(text, " between -2147483648 and 2147483647");
    case FieldDescriptor::CPPTYPE_INT64:
      if (auto value = ParseInteger<int64_t>(text)) return SLICEFLOW_PUT(Int64, *value), "";
      return BadInteger(text, " of 64 bits");
    case FieldDescriptor::CPPTYPE_UINT32:
      if (auto value = ParseInteger<uint32_t>(text)) return SLICEFLOW_PUT(UInt32, *value), "";
      return BadInteger(text, " between 0 and 4294967295");
    default:
      if (auto value = ParseInteger<uint64_t>(text)) return SLICEFLOW_PUT(UInt64, *value), "";
      return BadInteger(text, " between 0 and 18446744073709551615");
  }
}

std::string SetText(const std::string& text, const FieldDescriptor& field, Message* message) {
  const google::protobuf::Reflection& reflection = *message->GetReflection();
  if (field.type() != FieldDescriptor::TYPE_BYTES) return SLICEFLOW_PUT(String, text), "";
  std::string bytes;
  if (!absl::Base64Unescape(text, &bytes)) return "must be bytes in base64";
  return SLICEFLOW_PUT(String, bytes), "";
}

}  // namespace

std::string SetScalar(const YAML::Node& node, const FieldDescriptor& field, Message* message) {
  const google::protobuf::Reflection& reflection = *message->GetReflection();
  const std::string& text = node.Scalar();
  switch (field.cpp_type()) {
    case FieldDescriptor::CPPTYPE_DOUBLE:
      if (auto value = ParseDouble(text)) return SLICEFLOW_PUT(Double, *value), "";
      return absl::StrCat("must be a number; it is ", Quoted(text, kShown));
    case FieldDescriptor::CPPTYPE_FLOAT:
      if (auto value = ParseDouble(text)) return SLICEFLOW_PUT(Float, static_cast<float>(*value)), "";
      return absl::StrCat("must be a number; it is ", Quoted(text, kShown));
    case FieldDescriptor::CPPTYPE_BOOL:
      if (text != "true" && text != "false") return absl::StrCat("must be true or false; it is ", Quoted(text, kShown));
      return SLICEFLOW_PUT(Bool, text == "true"), "";
    case FieldDescriptor::CPPTYPE_ENUM:
      if (const EnumValueDescriptor* value = ParseEnum(text, field)) return SLICEFLOW_PUT(Enum, value), "";
      return BadEnum(text, field);
    case FieldDescriptor::CPPTYPE_STRING:
      return SetText(text, field, message);
    default:
      return SetInteger(text, field, message);
  }
}

}  // namespace sliceflow::cli
