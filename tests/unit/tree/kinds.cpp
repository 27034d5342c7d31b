#include "tests/unit/tree/kinds.h"

#include <algorithm>
#include <cctype>
#include <regex>

namespace sliceflow::tree {
namespace {

// A message of which each kind is a field of a oneof.
struct Choice {
  std::string path;
  std::string message;
  bool in_job_files = true;  // else it is asked for by a call of its own
  bool has_cost = true;      // else its kinds are told by what they are, and cost next to nothing
};

const std::vector<Choice>& Choices() {
  static const auto& choices = *new std::vector<Choice>{
      {"proto/sliceflow/v1/distribution.proto", "Distribution", true, false},
      {"proto/sliceflow/v1/functional.proto", "FunctionalTerm"},
      {"proto/sliceflow/v1/functional.proto", "Potential"},
      {"proto/sliceflow/v1/functional.proto", "Interaction"},
      {"proto/sliceflow/v1/functional.proto", "Mmd"},
      {"proto/sliceflow/v1/model.proto", "Model"},
      {"proto/sliceflow/v1/solver.proto", "Solver"},
      {"proto/sliceflow/v1/solver.proto", "Optimizer", true, false},
      {"proto/sliceflow/v1/flow.proto", "Metric"},
      {"proto/sliceflow/v1/distance.proto", "Distance", false},
      {"proto/sliceflow/v1/distance.proto", "DistanceOperand", false, false},
  };
  return choices;
}

bool IsChoice(const std::string& message) {
  return std::any_of(Choices().begin(), Choices().end(), [&](const Choice& choice) { return choice.message == message; });
}

// `real_nvp` → `RealNvp`, or `realNvp` as in JSON.
std::string Camel(const std::string& snake, bool upper_first) {
  std::string camel;
  bool upper = upper_first;
  for (const char c : snake) {
    if (c == '_') {
      upper = true;
      continue;
    }
    camel += upper ? static_cast<char>(std::toupper(static_cast<unsigned char>(c))) : c;
    upper = false;
  }
  return camel;
}

bool AnyMatches(const SourceTree& tree, const std::string& folder, const std::string& suffix, const std::regex& pattern) {
  for (const auto& [path, text] : tree) {
    if (HasPrefix(path, folder) && HasSuffix(path, suffix) && std::regex_search(text, pattern)) return true;
  }
  return false;
}

}  // namespace

std::vector<OneofField> OneofFields(const std::string& proto, const std::string& message) {
  std::vector<OneofField> fields;
  static const std::regex& field = *new std::regex(R"(^\s*([\w.]+)\s+(\w+)\s*=\s*\d+.*;)");
  std::vector<std::string> open;  // the heads of the blocks that a line lies in
  for (const std::string& raw : Lines(proto)) {
    const std::string line = raw.substr(0, raw.find("//"));
    std::smatch match;
    const bool in_oneof = open.size() == 2 && open[0] == "message " + message && HasPrefix(open[1], "oneof ");
    if (in_oneof && std::regex_search(line, match, field)) fields.push_back({match[1], match[2]});
    const size_t begin = line.find('{');
    const size_t first = line.find_first_not_of(' ');
    if (begin != std::string::npos) open.push_back(begin > first + 1 ? line.substr(first, begin - first - 1) : "");
    if (line.find('}') != std::string::npos && !open.empty()) open.pop_back();
  }
  return fields;
}

std::string CommentOf(const std::string& proto, const std::string& message) {
  std::string comment;
  for (const std::string& line : Lines(proto)) {
    if (HasPrefix(line, "message " + message + " {")) return comment;
    comment = HasPrefix(line, "//") ? comment + line + "\n" : "";
  }
  return "";
}

Findings CheckKinds(const SourceTree& tree) {
  Findings findings;
  for (const auto& [path, message, in_job_files, has_cost] : Choices()) {
    const auto proto = tree.find(path);
    const std::vector<OneofField> kinds = proto == tree.end() ? std::vector<OneofField>{} : OneofFields(proto->second, message);
    if (kinds.empty()) findings.push_back(path + ": no kinds of " + message);
    for (const auto& [type, kind] : kinds) {
      const std::string what = message + "." + kind;
      const std::regex code("\\b(k" + Camel(kind, true) + "|(has_|mutable_)?" + kind + "\\(\\))");
      if (!AnyMatches(tree, "server/api/", ".cpp", code)) findings.push_back(what + ": server/api does not know it");
      if (!AnyMatches(tree, "server/worker/", ".cpp", code)) findings.push_back(what + ": server/worker does not translate it");
      const std::regex name("\\b" + Camel(kind, false) + "\\b\"?:");
      if (in_job_files && !AnyMatches(tree, "examples/", ".yaml", name)) findings.push_back(what + ": no example uses it");
    }
  }
  return findings;
}

Findings CheckCosts(const SourceTree& tree) {
  static const std::regex& cost = *new std::regex(R"(\b(Cost|Time)\b|\bO\()");
  Findings findings;
  for (const Choice& choice : Choices()) {
    const auto proto = tree.find(choice.path);
    if (!choice.has_cost || proto == tree.end()) continue;
    for (const auto& [type, kind] : OneofFields(proto->second, choice.message)) {
      // What is a choice itself is met by the kinds it offers.
      if (IsChoice(type) || std::regex_search(CommentOf(proto->second, type), cost)) continue;
      findings.push_back(choice.message + "." + kind + ": the comment of " + type + " does not tell its cost");
    }
  }
  return findings;
}

}  // namespace sliceflow::tree
