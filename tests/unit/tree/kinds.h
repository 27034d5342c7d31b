// Completeness of what a job file can ask for: a kind that the contract has and a room has forgotten is a finding.
#pragma once

#include <string>
#include <vector>

#include "tests/unit/tree/rules.h"
#include "tests/unit/tree/source_tree.h"

namespace sliceflow::tree {

struct OneofField {
  std::string type;
  std::string name;
};

// The fields of every `oneof` inside `message` of a .proto file's text, in order, without those of nested messages.
std::vector<OneofField> OneofFields(const std::string& proto, const std::string& message);

// The comment before `message` at the file's top level, empty where there is none.
std::string CommentOf(const std::string& proto, const std::string& message);

// Each kind of distribution, functional, model, solver, optimizer and metric of the contract is known to the gate (server/api), to the
// worker's translation (server/worker), and to at least one job file of examples/.
Findings CheckKinds(const SourceTree& tree);

// The comment of the message of each functional, model, solver, metric and distance tells what it costs: “Cost”, “Time” or “O(”.
Findings CheckCosts(const SourceTree& tree);

}  // namespace sliceflow::tree
