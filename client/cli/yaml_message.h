// A YAML (or JSON) text as a protobuf message, by the message's descriptor.
#pragma once

#include <google/protobuf/message.h>

#include <map>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "client/cli/source_text.h"

namespace sliceflow::cli {

// Where a field stands in the text.
struct FieldPlace {
  Position key;    // of its name, or of the element in a list
  Position value;  // of what it is set to
  bool is_scalar = false;
};

struct YamlReading {
  // What is wrong, in the order of the text; empty when the message was filled.
  std::vector<Problem> problems;
  // Whether each problem is a single value that its field cannot take. The message then holds all the rest, those fields being unset.
  bool only_values = true;
  // Fields that only the server sets and that were therefore left out.
  std::vector<Problem> ignored;
  // By path in proto field names: spec.functional.terms[1].potential.quadratic.precision.
  std::map<std::string, FieldPlace> places;
};

// Fills `message` from `text`. Names are those of the JSON mapping (camelCase) or of the proto file (snake_case). Unknown, repeated and
// conflicting names are problems, as are values of the wrong type; all are found at once. At most 64 levels and a million values, aliases
// followed. Calls no server.
YamlReading ReadYaml(const std::string& text, google::protobuf::Message* message);

// Where to point for a field: itself, else its nearest ancestor in the text. {0, 0} when there is none.
Position PlaceOf(const YamlReading& reading, absl::string_view path);

// spec.schedule.step_size → spec.schedule.stepSize: the path as job files spell it.
std::string JsonPath(absl::string_view path);

}  // namespace sliceflow::cli
