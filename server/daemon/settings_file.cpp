// Settings as YAML: a tree of mappings, flattened to names with dots.
#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <iterator>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/json.h"
#include "server/daemon/settings.h"

namespace sliceflow::daemon {
namespace {

// Deeper than any name, and far below what aliases of aliases can make of a small file.
constexpr int kMaxDepth = 8;
constexpr size_t kMaxEntries = 10'000;

class Flattening {
 public:
  explicit Flattening(const std::string& path) : path_(path) {}

  void Read(const YAML::Node& node, const std::string& prefix, int depth) {
    if (given_.size() + problems_.size() > kMaxEntries) return;
    if (depth > kMaxDepth) return Complain(node.Mark(), prefix, "is nested too deeply");
    for (const auto& entry : node) ReadEntry(entry.first, entry.second, prefix, depth);
  }

  void Complain(const YAML::Mark& mark, const std::string& name, const std::string& what) {
    problems_.push_back(absl::StrCat(Source(mark), ": ", name, name.empty() ? "" : ": ", what));
  }

  void AddTo(GivenSettings& given) {
    if (given_.size() + problems_.size() > kMaxEntries) {
      given_.clear();
      problems_ = {absl::StrCat(path_, ": has more than ", kMaxEntries, " entries once its aliases are followed")};
    }
    std::move(given_.begin(), given_.end(), std::back_inserter(given.values));
    std::move(problems_.begin(), problems_.end(), std::back_inserter(given.problems));
  }

 private:
  std::string Source(const YAML::Mark& mark) const { return absl::StrCat(path_, ":", mark.line + 1); }

  void ReadEntry(const YAML::Node& key, const YAML::Node& value, const std::string& prefix, int depth) {
    if (!key.IsScalar()) return Complain(key.Mark(), prefix, "has a name that is no text");
    const std::string name = prefix.empty() ? key.Scalar() : absl::StrCat(prefix, ".", key.Scalar());
    if (value.IsMap()) return Read(value, name, depth + 1);
    if (!seen_.insert(name).second) return Complain(key.Mark(), name, "is given twice");
    if (value.IsNull()) return Complain(key.Mark(), name, "has no value; leave it out, or write \"\"");
    if (!value.IsScalar()) return Complain(value.Mark(), name, "must be a single value, not a list");
    given_.push_back({name, value.Scalar(), Source(key.Mark())});
  }

  const std::string& path_;
  std::set<std::string> seen_;
  std::vector<GivenSetting> given_;
  std::vector<std::string> problems_;
};

}  // namespace

void AddFile(const std::string& text, const std::string& path, GivenSettings& given) {
  if (const size_t valid = ValidUtf8Prefix(text); valid < text.size()) {
    const auto line = 1 + std::count(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(valid), '\n');
    given.problems.push_back(absl::StrCat(path, ":", line, ": is not UTF-8"));
    return;
  }
  Flattening flattening(path);
  try {
    const std::vector<YAML::Node> documents = YAML::LoadAll(text);
    for (const YAML::Node& root : documents) {
      if (root.IsMap()) {
        flattening.Read(root, "", 0);
      } else if (!root.IsNull()) {
        flattening.Complain(root.Mark(), "", "must be a mapping of settings");
      }
    }
    if (documents.size() > 1) flattening.Complain(documents[1].Mark(), "", "a second document begins; settings are one");
  } catch (const YAML::Exception& error) {
    flattening.Complain(error.mark, "", error.msg);
  }
  flattening.AddTo(given);
}

}  // namespace sliceflow::daemon
