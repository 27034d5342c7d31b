#include "client/cli/yaml_text.h"

#include <google/protobuf/util/json_util.h>

#include <algorithm>

#include "yaml-cpp/yaml.h"

namespace sliceflow::cli {
namespace {

void Emit(const YAML::Node& node, YAML::Emitter& out);

void EmitList(const YAML::Node& list, YAML::Emitter& out) {
  const bool one_line = std::all_of(list.begin(), list.end(), [](const YAML::Node& element) { return element.IsScalar(); });
  out << (one_line ? YAML::Flow : YAML::Block) << YAML::BeginSeq;
  for (const YAML::Node& element : list) Emit(element, out);
  out << YAML::EndSeq;
}

void EmitMapping(const YAML::Node& mapping, YAML::Emitter& out) {
  out << (mapping.size() == 0 ? YAML::Flow : YAML::Block) << YAML::BeginMap;
  for (const auto& entry : mapping) {
    out << YAML::Key << entry.first.Scalar() << YAML::Value;
    Emit(entry.second, out);
  }
  out << YAML::EndMap;
}

// Scalars are written without the quotes that JSON needs for large integers, unless YAML needs them.
void Emit(const YAML::Node& node, YAML::Emitter& out) {
  if (node.IsMap()) return EmitMapping(node, out);
  if (node.IsSequence()) return EmitList(node, out);
  out << node.Scalar();
}

}  // namespace

std::string YamlText(absl::string_view name, const google::protobuf::Message& message) {
  std::string json;
  if (!google::protobuf::util::MessageToJsonString(message, &json).ok()) return "";
  // JSON is YAML.
  YAML::Emitter out;
  out << YAML::BeginMap << YAML::Key << std::string(name) << YAML::Value;
  Emit(YAML::Load(json), out);
  out << YAML::EndMap;
  return out.c_str();
}

}  // namespace sliceflow::cli
