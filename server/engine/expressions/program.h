// Runs the operations of a user's expression, counting what they do.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <vector>

#include <ATen/core/Tensor.h>
#include <ATen/core/ivalue.h>
#include <torch/csrc/jit/api/compilation_unit.h>

#include "server/engine/expressions/syntax.h"

namespace sliceflow::engine {

// What one run may do. All counts follow from the shapes of its tensors alone (CheckOperations saw to that), so a run that stayed within
// them says that all runs on these shapes do.
inline constexpr int64_t kMaxExpressionSteps = 20'000;               // operations that run
inline constexpr int64_t kMaxExpressionTrips = 1000;                 // of a loop
inline constexpr int64_t kMaxExpressionElements = int64_t{1} << 22;  // of one tensor, or of a list
inline constexpr int64_t kMaxExpressionWork = int64_t{1} << 27;      // elements read and written; a product counts a sixteenth of its terms
inline constexpr int64_t kMaxExpressionMemory = int64_t{512} << 20;  // bytes allocated by one run and its gradient

// A function whose operations CheckOperations has passed. LibTorch's own executor is left aside: it rewrites a graph by what it saw in
// earlier runs, so that the same numbers would not always give the same bits, and it counts nothing. Immutable; not thread-safe because
// LibTorch's operators are not promised to be.
class ExpressionProgram {
 public:
  ExpressionProgram(torch::jit::Function& function, const ExpressionLines& lines);

  // The tensor it gives for `tensors`, as many as it takes, part of their graph where that is recorded. Throws Refused, with the line,
  // beyond one of the bounds above and where an operation fails.
  at::Tensor Run(at::ArrayRef<at::Tensor> tensors) const;

 private:
  struct Routine;
  struct Instruction;
  struct Sequence {
    std::vector<Instruction> instructions;
    std::vector<size_t> inputs;
    std::vector<size_t> results;
  };
  struct Instruction {
    const torch::jit::Node* node = nullptr;
    int line = 0;
    std::vector<size_t> inputs;
    std::vector<size_t> outputs;
    std::optional<torch::jit::Operation> operation;  // none for what the run does itself
    bool is_product = false;
    c10::IValue constant;
    std::vector<Sequence> blocks;
    const Routine* callee = nullptr;
  };
  // A function: its values have places in a frame.
  struct Routine {
    size_t frame = 0;
    Sequence body;
  };
  class Builder;
  class Execution;

  std::map<const torch::jit::Function*, std::unique_ptr<Routine>> routines_;
  const Routine* main_ = nullptr;
};

}  // namespace sliceflow::engine
