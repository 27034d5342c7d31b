#include "client/cli/yaml_message.h"

#include <google/protobuf/descriptor.h>
#include <google/protobuf/util/json_util.h>

#include <algorithm>
#include <set>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "client/cli/yaml_scalar.h"
#include "common/suggestion.h"
#include "google/api/field_behavior.pb.h"
#include "yaml-cpp/depthguard.h"

namespace sliceflow::cli {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;

constexpr int kMaxDepth = 64;
constexpr int kMaxValues = 1'000'000;
constexpr size_t kMaxProblems = 100;

Position At(const YAML::Mark& mark) { return {mark.line + 1, mark.column + 1}; }

bool IsOutputOnly(const FieldDescriptor& field) {
  const auto& options = field.options();
  for (int i = 0; i < options.ExtensionSize(google::api::field_behavior); ++i) {
    if (options.GetExtension(google::api::field_behavior, i) == google::api::OUTPUT_ONLY) return true;
  }
  return false;
}

// Messages of google.protobuf have a JSON form of their own, such as a timestamp's text.
bool HasOwnForm(const Descriptor& type) { return absl::StartsWith(type.full_name(), "google.protobuf."); }

const FieldDescriptor* FindField(const Descriptor& type, const std::string& name) {
  if (const FieldDescriptor* field = type.FindFieldByName(name)) return field;
  for (int i = 0; i < type.field_count(); ++i) {
    if (type.field(i)->json_name() == name) return type.field(i);
  }
  return nullptr;
}

class Reader {
 public:
  explicit Reader(YamlReading* reading) : reading_(*reading) {}

  void ReadMessage(const YAML::Node& node, const std::string& path, int depth, Message* message) {
    if (!Enter(node, path, depth)) return;
    if (!node.IsMap()) return Complain(node.Mark(), path, absl::StrCat("must be a mapping of ", FieldNames(*message->GetDescriptor())));
    std::set<const FieldDescriptor*> seen;
    for (const auto& entry : node) ReadEntry(entry.first, entry.second, path, depth, message, &seen);
  }

 private:
  void Complain(const YAML::Mark& mark, const std::string& path, std::string description) {
    reading_.only_values = false;
    Add(mark, path, std::move(description));
  }

  void ComplainOfValue(const YAML::Mark& mark, const std::string& path, std::string description) {
    Add(mark, path, std::move(description));
  }

  void Add(const YAML::Mark& mark, const std::string& path, std::string description) {
    if (reading_.problems.size() < kMaxProblems) reading_.problems.push_back({At(mark), JsonPath(path), std::move(description)});
  }

  // Bounds the work that aliases can cause.
  bool Enter(const YAML::Node& node, const std::string& path, int depth) {
    if (exhausted_) return false;
    if (depth > kMaxDepth) return Complain(node.Mark(), path, "is nested too deeply"), false;
    if (++values_ <= kMaxValues) return true;
    exhausted_ = true;
    Complain(node.Mark(), path, absl::StrCat("the file holds more than ", kMaxValues, " values once its aliases are followed"));
    return false;
  }

  static std::string FieldNames(const Descriptor& type) {
    std::string names;
    for (int i = 0; i < type.field_count(); ++i) {
      if (!IsOutputOnly(*type.field(i))) absl::StrAppend(&names, names.empty() ? "" : ", ", type.field(i)->json_name());
    }
    return names.empty() ? "no fields: {}" : names;
  }

  static std::string UnknownField(const std::string& name, const Descriptor& type) {
    std::vector<std::string> candidates;
    for (int i = 0; i < type.field_count(); ++i) candidates.push_back(type.field(i)->json_name());
    const std::string nearest = NearestWord(name, candidates);
    if (!nearest.empty()) return absl::StrCat("there is no such field; did you mean ", nearest, "?");
    return absl::StrCat("there is no such field; here can be ", FieldNames(type));
  }

  void ReadEntry(const YAML::Node& key, const YAML::Node& value, const std::string& path, int depth, Message* message,
                 std::set<const FieldDescriptor*>* seen) {
    if (!key.IsScalar()) return Complain(key.Mark(), path, "has a name that is no text");
    const std::string& name = key.Scalar();
    const std::string prefix = path.empty() ? "" : path + ".";
    const FieldDescriptor* field = FindField(*message->GetDescriptor(), name);
    if (field == nullptr) return Complain(key.Mark(), prefix + name, UnknownField(name, *message->GetDescriptor()));
    const std::string field_path = prefix + field->name();
    if (!seen->insert(field).second) return Complain(key.Mark(), field_path, "is given twice");
    if (IsOutputOnly(*field)) {
      reading_.ignored.push_back({At(key.Mark()), JsonPath(field_path), "is set by the server and left out here"});
      return;
    }
    if (const auto* oneof = field->real_containing_oneof(); oneof != nullptr) {
      for (const FieldDescriptor* other : *seen) {
        if (other == field || other->real_containing_oneof() != oneof) continue;
        return Complain(key.Mark(), field_path,
                        absl::StrCat("cannot stand beside ", other->json_name(), ": only one of them can be given"));
      }
    }
    reading_.places[field_path] = {At(key.Mark()), At(value.Mark()), value.IsScalar()};
    if (value.IsNull())
      return Complain(key.Mark(), field_path, "has no value; leave it out" + std::string(IsMessage(*field) ? ", or write {}" : ""));
    ReadField(value, *field, field_path, depth, message);
  }

  static bool IsMessage(const FieldDescriptor& field) {
    return field.cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE && !field.is_repeated();
  }

  void ReadField(const YAML::Node& node, const FieldDescriptor& field, const std::string& path, int depth, Message* message) {
    if (field.is_map()) return ReadMap(node, field, path, depth, message);
    if (field.is_repeated()) return ReadList(node, field, path, depth, message);
    ReadValue(node, field, path, depth, message);
  }

  // One value of a field: the field's, or an element of it.
  void ReadValue(const YAML::Node& node, const FieldDescriptor& field, const std::string& path, int depth, Message* message) {
    if (field.cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE) {
      Message* child = field.is_repeated() ? message->GetReflection()->AddMessage(message, &field)
                                           : message->GetReflection()->MutableMessage(message, &field);
      if (HasOwnForm(*field.message_type())) return ReadOwnForm(node, path, depth, child);
      return ReadMessage(node, path, depth + 1, child);
    }
    if (!Enter(node, path, depth)) return;
    if (!node.IsScalar()) return Complain(node.Mark(), path, node.IsNull() ? "has no value" : "must be a single value");
    const std::string wrong = SetScalar(node, field, message);
    if (!wrong.empty()) ComplainOfValue(node.Mark(), path, wrong);
  }

  void ReadOwnForm(const YAML::Node& node, const std::string& path, int depth, Message* message) {
    if (!Enter(node, path, depth)) return;
    if (!node.IsScalar()) return Complain(node.Mark(), path, "must be a single value");
    YAML::Emitter quoted;
    quoted << YAML::DoubleQuoted << node.Scalar();
    const auto status = google::protobuf::util::JsonStringToMessage(quoted.c_str(), message);
    if (!status.ok())
      Complain(node.Mark(), path, absl::StrCat("is no ", message->GetDescriptor()->name(), " in the JSON form of protobuf"));
  }

  void ReadList(const YAML::Node& node, const FieldDescriptor& field, const std::string& path, int depth, Message* message) {
    if (!Enter(node, path, depth)) return;
    if (!node.IsSequence()) return Complain(node.Mark(), path, "must be a list: [...]");
    int index = 0;
    for (const YAML::Node& element : node) {
      const std::string element_path = absl::StrCat(path, "[", index++, "]");
      reading_.places[element_path] = {At(element.Mark()), At(element.Mark()), element.IsScalar()};
      ReadValue(element, field, element_path, depth + 1, message);
    }
  }

  void ReadMap(const YAML::Node& node, const FieldDescriptor& field, const std::string& path, int depth, Message* message) {
    if (!Enter(node, path, depth)) return;
    if (!node.IsMap()) return Complain(node.Mark(), path, "must be a mapping");
    std::set<std::string> seen;
    for (const auto& entry : node) {
      if (!entry.first.IsScalar()) return Complain(entry.first.Mark(), path, "has a name that is no text");
      const std::string entry_path = absl::StrCat(path, ".", entry.first.Scalar());
      if (!seen.insert(entry.first.Scalar()).second) {
        Complain(entry.first.Mark(), entry_path, "is given twice");
        continue;
      }
      reading_.places[entry_path] = {At(entry.first.Mark()), At(entry.second.Mark()), entry.second.IsScalar()};
      Message* item = message->GetReflection()->AddMessage(message, &field);
      const std::string wrong = SetScalar(entry.first, *field.message_type()->map_key(), item);
      if (!wrong.empty()) Complain(entry.first.Mark(), entry_path, "its name " + wrong);
      ReadValue(entry.second, *field.message_type()->map_value(), entry_path, depth + 1, item);
    }
  }

  YamlReading& reading_;
  int values_ = 0;
  bool exhausted_ = false;
};

}  // namespace

YamlReading ReadYaml(const std::string& text, Message* message) {
  YamlReading reading;
  try {
    const std::vector<YAML::Node> documents = YAML::LoadAll(text);
    if (documents.empty() || documents[0].IsNull()) {
      reading.only_values = false;
      reading.problems.push_back({{1, 1}, "", "the file is empty"});
    } else if (documents.size() > 1) {
      reading.only_values = false;
      reading.problems.push_back({At(documents[1].Mark()), "", "the file holds more than one document; one job a file"});
    } else {
      Reader(&reading).ReadMessage(documents[0], "", 0, message);
    }
  } catch (const YAML::DeepRecursion& error) {
    reading.only_values = false;
    reading.problems.push_back({At(error.mark), "", absl::StrCat("is nested too deeply; job files have at most ", kMaxDepth, " levels")});
  } catch (const YAML::Exception& error) {
    reading.only_values = false;
    reading.problems.push_back({error.mark.is_null() ? Position{1, 1} : At(error.mark), "", absl::StrCat("this is not YAML: ", error.msg)});
  }
  std::stable_sort(reading.problems.begin(), reading.problems.end(), [](const Problem& a, const Problem& b) {
    return std::pair(a.position.line, a.position.column) < std::pair(b.position.line, b.position.column);
  });
  return reading;
}

Position PlaceOf(const YamlReading& reading, absl::string_view path) {
  bool exact = true;
  while (!path.empty()) {
    if (auto found = reading.places.find(std::string(path)); found != reading.places.end()) {
      return exact && found->second.is_scalar ? found->second.value : found->second.key;
    }
    exact = false;
    const size_t cut = path.find_last_of(".[");
    path = cut == absl::string_view::npos ? "" : path.substr(0, cut);
  }
  return {};
}

std::string JsonPath(absl::string_view path) {
  if (absl::StartsWith(path, "labels.")) return std::string(path);  // names of the user's own
  std::string json;
  bool raise = false;
  for (char c : path) {
    if (c == '_') {
      raise = true;
      continue;
    }
    json.push_back(raise ? absl::ascii_toupper(c) : c);
    raise = false;
  }
  return json;
}

}  // namespace sliceflow::cli
