// The second look at a user's source: what the parser makes of it, before anything is compiled. Compiling already evaluates: default values
// of parameters, and operations on constant numbers and texts.
#pragma once

#include <memory>
#include <vector>

#include <torch/csrc/jit/frontend/source_range.h>
#include <torch/csrc/jit/frontend/tree_views.h>

#include "server/engine/expressions/lexical.h"

namespace sliceflow::engine {

// Where a node of a tree or graph stands in the user's source.
class ExpressionLines {
 public:
  explicit ExpressionLines(const ExpressionText& text);
  // `otherwise` for what is not of this source: LibTorch writes some of its own operations in TorchScript.
  int Of(const torch::jit::SourceRange& range, int otherwise = 0) const;
  // Of the place that a message of the compiler names; 0 where it names none.
  int InMessage(absl::string_view message) const;
  const std::shared_ptr<torch::jit::Source>& source() const { return source_; }

 private:
  std::shared_ptr<torch::jit::Source> source_;
  std::vector<int> lines_;
};

// The functions that the source defines. Throws Refused for
// - what the parser does not understand;
// - anything but functions at the outermost level, more than 16 of these, or two of one name;
// - kinds of statement and expression that are not in the table of syntax.cpp;
// - default values of parameters, which the compiler evaluates;
// - operations and methods that are not in the table (operation_table.h), and calls of any name but the source's own functions and a few of
//   the language's;
// - texts anywhere but as the equation of torch.einsum: the compiler computes with constant ones, and they could be made to grow;
// - tuples but for numbers as an operand of a call, and types that are tuples: `t = t + t` doubles a type for the compiler;
// - loops over anything but range(…), which the compiler would unroll.
std::vector<torch::jit::Def> ParseExpression(const ExpressionLines& lines);

}  // namespace sliceflow::engine
