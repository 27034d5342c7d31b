#include "tests/unit/tree/rules.h"

#include <algorithm>
#include <cctype>
#include <functional>
#include <map>
#include <regex>
#include <set>

namespace sliceflow::tree {
namespace {

// ---- rooms -----------------------------------------------------------------------------------------------------------------------

// Which rooms a room may include besides itself. A folder below a room (server/api/gate) is part of it.
const std::map<std::string, std::set<std::string>>& Rooms() {
  static const auto& table = *new std::map<std::string, std::set<std::string>>{
      {"common", {"sliceflow/v1"}},
      {"server/engine/kernels", {}},
      {"server/engine", {"server/engine/kernels", "common"}},
      {"server/worker", {"server/engine", "common", "sliceflow/v1", "sliceflow/worker/v1"}},
      {"server/store", {"common"}},
      {"server/events", {"server/store", "common", "sliceflow/v1"}},
      {"server/jobs", {"server/events", "server/store", "common", "sliceflow/v1"}},
      {"server/scheduler", {"server/jobs", "common", "sliceflow/v1", "sliceflow/worker/v1"}},
      {"server/api", {"server/jobs", "server/events", "server/scheduler", "common", "sliceflow/v1"}},
      {"server/gateway", {"common"}},
      {"server/daemon",
       {"server/gateway", "server/api", "server/scheduler", "server/jobs", "server/events", "server/store", "common", "sliceflow/v1"}},
      {"client/cpp", {"common", "sliceflow/v1"}},
      {"client/cli", {"client/cpp", "common", "sliceflow/v1"}},
      // A program of a user's, which links what is installed.
      {"examples/cpp_client", {"client/cpp", "common", "sliceflow/v1"}},
      // Generated from proto/.
      {"sliceflow/v1", {}},
      {"sliceflow/worker/v1", {"sliceflow/v1"}},
  };
  return table;
}

bool IsBelow(const std::string& path, const std::string& folder) { return HasPrefix(path, folder + "/"); }

bool IsBelowAny(const std::string& path, const std::vector<std::string>& folders) {
  return std::any_of(folders.begin(), folders.end(), [&](const std::string& folder) { return IsBelow(path, folder); });
}

// ---- libraries -------------------------------------------------------------------------------------------------------------------

struct Library {
  std::string name;
  std::regex header;
};

const std::vector<Library>& Libraries() {
  static const auto& libraries = *new std::vector<Library>{
      {"LibTorch", std::regex("(torch|ATen|c10|caffe2)/.*")},
      {"protobuf", std::regex("google/.*|.*\\.pb\\.h")},
      {"gRPC", std::regex("(grpc|grpcpp)/.*|.*\\.grpc\\.pb\\.h")},
      {"SQLite", std::regex("sqlite3.*\\.h")},
      {"files", std::regex("filesystem|fstream|fcntl\\.h|dirent\\.h|sys/(stat|mman|file)\\.h|common/filesystem\\.h")},
      {"sockets", std::regex("sys/(socket|un)\\.h|(netinet|arpa)/.*|netdb\\.h")},
      {"wall clock", std::regex("chrono|ctime|time\\.h|sys/time\\.h|absl/time/.*|common/clock\\.h")},
  };
  return libraries;
}

struct LibraryRule {
  std::string library;
  // Folders of which no file may see the library, directly or through headers of ours. `but` are folders inside them that may.
  std::vector<std::string> folders;
  std::vector<std::string> but;
};

const std::vector<LibraryRule>& LibraryRules() {
  static const auto& rules = *new std::vector<LibraryRule>{
      {"LibTorch",
       {"client", "common", "server", "tests"},
       {"server/engine", "tests/unit/engine", "tests/conformance", "tests/reference", "tests/benchmarks", "tests/fuzz"}},
      {"LibTorch", {"server/engine/kernels", "tests/unit/kernels"}, {}},
      {"protobuf", {"server/engine"}, {}},
      {"gRPC", {"server/engine", "server/jobs", "server/events", "server/store"}, {}},
      {"SQLite", {"client", "common", "server"}, {"server/store"}},
      {"files", {"server/engine"}, {}},
      {"sockets", {"server/engine"}, {}},
      {"wall clock", {"server/engine"}, {}},
  };
  return rules;
}

// For each file the libraries it sees, with the header that brings each in: its own includes and those of our headers below.
class Sight {
 public:
  explicit Sight(const SourceTree& tree) : tree_(tree) {}

  const std::map<std::string, std::string>& Of(const std::string& path) {
    const auto known = seen_.find(path);
    if (known != seen_.end()) return known->second;
    seen_[path];  // stands while headers that include each other are read
    std::map<std::string, std::string> sight;
    for (const std::string& header : Includes(tree_.at(path))) {
      for (const Library& library : Libraries()) {
        if (std::regex_match(header, library.header)) sight.emplace(library.name, header);
      }
      if (tree_.count(header) == 0) continue;
      for (const auto& [library, through] : Of(header)) sight.emplace(library, header + " -> " + through);
    }
    return seen_[path] = sight;
  }

 private:
  const SourceTree& tree_;
  std::map<std::string, std::map<std::string, std::string>> seen_;
};

// ---- words -----------------------------------------------------------------------------------------------------------------------

// Findings of `pattern` in every text file, by line.
Findings Search(const SourceTree& tree, const std::regex& pattern, const std::string& what) {
  Findings findings;
  for (const auto& [path, text] : tree) {
    if (path == "LICENSE" || !std::regex_search(text, pattern)) continue;
    int number = 0;
    for (const std::string& line : Lines(text)) {
      ++number;
      std::smatch match;
      if (std::regex_search(line, match, pattern)) {
        findings.push_back(path + ":" + std::to_string(number) + ": " + what + ": " + match.str());
      }
    }
  }
  return findings;
}

// ---- dead files ------------------------------------------------------------------------------------------------------------------

std::string FolderOf(const std::string& path) {
  const size_t slash = path.rfind('/');
  return slash == std::string::npos ? "" : path.substr(0, slash);
}

// Whether the nearest CMakeLists.txt above `path` names it, by its path from there or from its include root (proto/).
bool IsBuilt(const SourceTree& tree, const std::string& path) {
  for (std::string folder = FolderOf(path);; folder = FolderOf(folder)) {
    const auto list = tree.find(folder.empty() ? "CMakeLists.txt" : folder + "/CMakeLists.txt");
    if (list != tree.end()) {
      const std::string name = folder.empty() ? path : path.substr(folder.size() + 1);
      const std::string escaped = std::regex_replace(name, std::regex("[.+]"), "\\$&");
      return std::regex_search(list->second, std::regex("(^|[\\s(/])" + escaped + "($|[\\s)])"));
    }
    if (folder.empty()) return false;
  }
}

bool IsWordPart(char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_'; }

// As a word. Not by a regular expression: every file is searched for every name.
bool Mentions(const std::string& text, const std::string& word) {
  for (size_t at = text.find(word); at != std::string::npos; at = text.find(word, at + 1)) {
    const size_t end = at + word.size();
    if ((at == 0 || !IsWordPart(text[at - 1])) && (end == text.size() || !IsWordPart(text[end]))) return true;
  }
  return false;
}

bool IsMentionedElsewhere(const SourceTree& tree, const std::string& path, const std::string& word) {
  return std::any_of(tree.begin(), tree.end(), [&](const auto& file) { return file.first != path && Mentions(file.second, word); });
}

}  // namespace

std::string RoomOf(const std::string& path) {
  std::string best;
  for (const auto& [room, unused] : Rooms()) {
    if (IsBelow(path, room) && room.size() > best.size()) best = room;
  }
  if (!best.empty() || !IsBelow(path, "tests")) return best;
  return "tests";
}

Findings CheckRooms(const SourceTree& tree) {
  Findings findings;
  for (const auto& [path, text] : tree) {
    if (!IsCpp(path)) continue;
    const std::string from = RoomOf(path);
    if (from.empty()) findings.push_back(path + ": lies in no room of the table");
    if (from.empty() || from == "tests") continue;
    for (const std::string& header : Includes(text)) {
      const std::string to = RoomOf(header);
      if (to.empty() || to == from || Rooms().at(from).count(to) > 0) continue;
      findings.push_back(path + ": " + from + " may not include " + to + " (" + header + ")");
    }
  }
  return findings;
}

Findings CheckLibraries(const SourceTree& tree) {
  Findings findings;
  Sight sight(tree);
  for (const auto& [path, text] : tree) {
    if (!IsCpp(path)) continue;
    const auto& sees = sight.Of(path);
    for (const LibraryRule& rule : LibraryRules()) {
      if (!IsBelowAny(path, rule.folders) || IsBelowAny(path, rule.but)) continue;
      const auto found = sees.find(rule.library);
      if (found != sees.end()) findings.push_back(path + ": may not see " + rule.library + " (" + found->second + ")");
    }
    const auto torch = sees.find("LibTorch");
    for (const char* other : {"protobuf", "gRPC"}) {
      const auto found = sees.find(other);
      if (torch == sees.end() || found == sees.end()) continue;
      findings.push_back(path + ": LibTorch (" + torch->second + ") and " + other + " (" + found->second + ") in one translation unit");
    }
  }
  return findings;
}

Findings CheckLength(const SourceTree& tree) {
  constexpr size_t kMostLines = 500;
  Findings findings;
  for (const auto& [path, text] : tree) {
    // The page's sources have this rule alone: what its bundler and its linter find is theirs.
    if (!IsSource(path, text) && !HasSuffix(path, ".ts") && !HasSuffix(path, ".tsx")) continue;
    const size_t lines = Lines(text).size();
    if (lines > kMostLines) findings.push_back(path + ": " + std::to_string(lines) + " lines, at most " + std::to_string(kMostLines));
  }
  return findings;
}

// The words are put together here, so that this file passes its own rule.
Findings CheckMarkers(const SourceTree& tree) {
  const std::string words = std::string("\\b(TO") + "DO|FIX" + "ME|XX" + "X|HA" + "CK)\\b|[Nn]ot" + "[ _-][Ii]mplemented";
  return Search(tree, std::regex(words), "unfinished work");
}

Findings CheckMachinePaths(const SourceTree& tree) {
  const std::string folders = std::string("(^|[^A-Za-z0-9_.}/*~-])/(wo") + "rk|ro" + "ot|ho" + "me|Use" + "rs)(/|\\b)";
  return Search(tree, std::regex(folders), "path of a machine");
}

Findings CheckDeadFiles(const SourceTree& tree) {
  Findings findings;
  std::set<std::string> included;
  for (const auto& [path, text] : tree) {
    if (!IsCpp(path)) continue;
    for (const std::string& header : Includes(text)) included.insert(header);
  }
  for (const auto& [path, text] : tree) {
    if (HasSuffix(path, ".cpp") || HasSuffix(path, ".proto")) {
      if (!IsBuilt(tree, path)) findings.push_back(path + ": named in no CMakeLists.txt");
    } else if (HasSuffix(path, ".h")) {
      if (included.count(path) == 0) findings.push_back(path + ": included by nothing");
    } else if (IsSource(path, text)) {
      const std::string name = path.substr(path.rfind('/') + 1);
      // A Python module is imported by its name without the suffix.
      const std::string word = HasSuffix(name, ".py") ? name.substr(0, name.size() - 3) : name;
      if (!IsMentionedElsewhere(tree, path, word)) findings.push_back(path + ": mentioned nowhere");
    }
  }
  return findings;
}

}  // namespace sliceflow::tree
