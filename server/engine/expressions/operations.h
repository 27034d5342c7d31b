// The third look at a user's expression: the operations that the compiler made of it, before any of them runs.
#pragma once

#include <torch/csrc/jit/api/compilation_unit.h>

#include "server/engine/expressions/syntax.h"

namespace sliceflow::engine {

// Walks the graph of `function` through every block of it and every function it calls, each once. Throws Refused, with the line, for
// - a kind of node that is not in the table (operation_table.h);
// - an operation that writes in place, but for appending to a list;
// - a number taken from a tensor's values: branches, lengths of loops and sizes then depend on the shape of x only, so that what one
//   evaluation does every one does;
// - a loop with a condition, which alone may run for ever;
// - values of types other than tensors, numbers, none, and lists and tuples of these;
// - a first function that does not take that many tensors and give one tensor.
void CheckOperations(torch::jit::Function& function, const ExpressionLines& lines, size_t tensors);

}  // namespace sliceflow::engine
