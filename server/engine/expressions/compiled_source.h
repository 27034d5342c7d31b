// A user's source, looked at and compiled: what expressions and maps of rows have in common.
#pragma once

#include <memory>
#include <string>

#include <ATen/core/Tensor.h>
#include <torch/csrc/jit/api/compilation_unit.h>

#include "absl/strings/string_view.h"
#include "server/engine/expressions/program.h"
#include "server/engine/expressions/refusal.h"
#include "server/engine/expressions/syntax.h"

namespace sliceflow::engine {

class CompiledSource {
 public:
  // Takes the source through the three looks that expression.h names. Throws Refused; also where the last function that the source defines
  // does not take that many tensors.
  CompiledSource(absl::string_view source, size_t tensors);

  // As ExpressionProgram::Run.
  at::Tensor Run(at::ArrayRef<at::Tensor> tensors) const { return program_->Run(tensors); }

  // The name of a parameter of the function.
  std::string ParameterName(size_t index) const;

 private:
  const ExpressionLines lines_;
  torch::jit::CompilationUnit unit_;
  torch::jit::Function* function_ = nullptr;
  std::unique_ptr<const ExpressionProgram> program_;
};

// The refusal that an exception is, also one of LibTorch; call it where one was caught.
ExpressionRefusal RefusalOfException();

}  // namespace sliceflow::engine
