// Which operations a user's expression may use.
#pragma once

#include <string>

#include "absl/strings/string_view.h"

namespace sliceflow::engine {

struct OperationFacts {
  bool allowed = false;
  bool is_product = false;   // its work is a product of its operands' sizes
  bool tells_shape = false;  // gives numbers that a tensor's shape or type tells; others that give numbers would tell its values
  bool gives_lists = false;  // others that do could make them grow
};

// Of a kind of node, such as `aten::add` or `prim::If`. What is not in the table is not allowed.
OperationFacts FactsOf(const std::string& kind);

// Why a kind is not allowed, with its name.
std::string WhyNot(const std::string& kind);

// Why an operation that writes in place is not.
std::string WhyNotInPlace(const std::string& kind);

// Why an operation that gives a number for a tensor is not.
std::string WhyNotFromValues(const std::string& kind);

}  // namespace sliceflow::engine
