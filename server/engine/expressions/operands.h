// What LibTorch itself does not look at before it computes: operands on which an operation would end the process instead of failing.
#pragma once

#include <ATen/core/ivalue.h>
#include <torch/csrc/jit/ir/ir.h>

namespace sliceflow::engine {

// Makes division and remainder of integers fail, with an exception, by zero and where the quotient is beyond 64 bits (the least integer by
// −1): the processor traps there. Replaces LibTorch's operators in this process, the first time it is called, because its compiler runs
// them too, on constants. Call it before a source is compiled.
void GuardIntegerDivision();

// Throws Refused, with the line, for operands of `node` that LibTorch believes unseen:
// - types, layouts and formats of tensors, which are numbers here, that are not those of plain tensors of real and whole numbers;
// - memory that is not that of plain tensors, and so is not counted (budget.h);
// - the ends of a range whose difference is beyond 64 bits.
void CheckOperands(const torch::jit::Node& node, int line, at::ArrayRef<c10::IValue> operands);

}  // namespace sliceflow::engine
