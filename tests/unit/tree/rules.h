// The rules that the source tree is held to. Each answers what is wrong, one line a finding, `path: what and why`; empty when all is well.
#pragma once

#include <string>
#include <vector>

#include "tests/unit/tree/source_tree.h"

namespace sliceflow::tree {

using Findings = std::vector<std::string>;

// The room a path belongs to, the longest of the table's folders that holds it; empty for none. Tests belong to rooms below tests/.
std::string RoomOf(const std::string& path);

// Includes between rooms: only the arrows of the table (docs/architecture.md) are allowed. Tests may include every room.
Findings CheckRooms(const SourceTree& tree);

// Includes from outside: which folders may name LibTorch, protobuf, gRPC, SQLite, files, sockets and clocks, directly or through a header
// of ours; and that no translation unit sees LibTorch and protobuf together.
Findings CheckLibraries(const SourceTree& tree);

// No source is longer than 500 lines.
Findings CheckLength(const SourceTree& tree);

// No marks of unfinished work in sources, build files or pages.
Findings CheckMarkers(const SourceTree& tree);

// No paths of somebody's machine.
Findings CheckMachinePaths(const SourceTree& tree);

// No dead files: a .cpp or .proto is named in the nearest CMakeLists.txt above it, a header is included, a script is mentioned.
Findings CheckDeadFiles(const SourceTree& tree);

}  // namespace sliceflow::tree
