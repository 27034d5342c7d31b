// The project's own files as text, read from the source folder.
#pragma once

#include <map>
#include <string>
#include <vector>

namespace sliceflow::tree {

// A file's text by its path relative to the root, with forward slashes.
using SourceTree = std::map<std::string, std::string>;

// Every file below `root` that belongs to the project: what builds, tools and editors leave behind is passed over.
SourceTree ReadSourceTree(const std::string& root);

std::vector<std::string> Lines(const std::string& text);

// What the text includes, as written between quotes or angle brackets, in order.
std::vector<std::string> Includes(const std::string& text);

bool HasSuffix(const std::string& path, const std::string& suffix);
bool HasPrefix(const std::string& path, const std::string& prefix);

// C++, Python, the contract, and shell scripts (known by their first line).
bool IsCpp(const std::string& path);
bool IsSource(const std::string& path, const std::string& text);

}  // namespace sliceflow::tree
