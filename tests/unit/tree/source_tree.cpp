#include "tests/unit/tree/source_tree.h"

#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>

namespace sliceflow::tree {
namespace {

namespace fs = std::filesystem;

bool IsPassedOver(const fs::path& folder) {
  const std::string name = folder.filename().string();
  if (name == ".ci") return false;
  // Corpora of fuzzers are inputs, as hostile as can be.
  return HasPrefix(name, ".") || name == "build" || HasPrefix(name, "build-") || name == "demo-output" || name == "__pycache__" ||
         name == "corpus";
}

std::string ReadText(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

// Pictures and other data have zero bytes near their beginning.
bool IsText(const std::string& bytes) { return bytes.substr(0, 4096).find('\0') == std::string::npos; }

std::string Trimmed(const std::string& text) {
  const size_t first = text.find_first_not_of(" \t");
  return first == std::string::npos ? "" : text.substr(first);
}

}  // namespace

bool HasSuffix(const std::string& path, const std::string& suffix) {
  return path.size() >= suffix.size() && path.compare(path.size() - suffix.size(), suffix.size(), suffix) == 0;
}

bool HasPrefix(const std::string& path, const std::string& prefix) { return path.compare(0, prefix.size(), prefix) == 0; }

bool IsCpp(const std::string& path) { return HasSuffix(path, ".h") || HasSuffix(path, ".cpp") || HasSuffix(path, ".cu"); }

bool IsSource(const std::string& path, const std::string& text) {
  if (IsCpp(path) || HasSuffix(path, ".py") || HasSuffix(path, ".proto") || HasSuffix(path, ".sh")) return true;
  const std::string first = text.substr(0, text.find('\n'));
  return HasPrefix(first, "#!") && (HasSuffix(first, "bash") || HasSuffix(first, "/sh"));
}

SourceTree ReadSourceTree(const std::string& root) {
  SourceTree tree;
  for (auto it = fs::recursive_directory_iterator(root); it != fs::recursive_directory_iterator(); ++it) {
    if (it->is_directory() && IsPassedOver(it->path())) {
      it.disable_recursion_pending();
      continue;
    }
    // In a linked work tree `.git` is a file that names another folder.
    if (!it->is_regular_file() || it->path().filename() == ".git") continue;
    std::string text = ReadText(it->path());
    if (IsText(text)) tree[it->path().lexically_relative(root).generic_string()] = std::move(text);
  }
  return tree;
}

std::vector<std::string> Lines(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) lines.push_back(line);
  return lines;
}

std::vector<std::string> Includes(const std::string& text) {
  std::vector<std::string> found;
  for (const std::string& raw : Lines(text)) {
    std::string line = Trimmed(raw);
    if (!HasPrefix(line, "#")) continue;
    line = Trimmed(line.substr(1));
    if (!HasPrefix(line, "include")) continue;
    line = Trimmed(line.substr(7));
    if (line.empty() || (line[0] != '"' && line[0] != '<')) continue;
    const size_t end = line.find(line[0] == '"' ? '"' : '>', 1);
    if (end != std::string::npos) found.push_back(line.substr(1, end - 1));
  }
  return found;
}

}  // namespace sliceflow::tree
