// A user's own map of rows to rows, given as TorchScript source: a generator of samples, or features of them.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include <ATen/core/Tensor.h>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "server/engine/expressions/refusal.h"

namespace sliceflow::engine {

// The last function that the source defines, from x (n × inputs) and further tensors of known shapes to n rows, row by row. For example
//   def generator(z, w, b): return torch.tanh(z @ w + b)
// A source is looked at, tried and bounded as expression.h says of expressions; what follows from the shape of x there follows here from
// the shapes of x and of the tensors, which are always the same too.
class RowMap {
 public:
  struct Signature {
    int64_t inputs = 0;
    std::vector<std::vector<int64_t>> tensors;
    std::optional<int64_t> outputs;  // columns that it must give; any number where not set
    bool trained = false;            // whether it must have a gradient in each of the tensors
  };
  using Result = std::variant<std::unique_ptr<const RowMap>, ExpressionRefusal>;

  // Looks at `source`, compiles it, and tries it on random rows and tensors, with the gradient where trained. Time as Expression::Compile.
  static Result Compile(absl::string_view source, const Signature& signature);

  virtual ~RowMap() = default;

  // Columns that it gives.
  virtual int64_t outputs() const = 0;

  // Rows that the source is given at once, always as many: where there are fewer, the last is repeated.
  virtual int64_t piece() const = 0;

  // At any n ≥ 1 rows (float, n × inputs): n × outputs(), float, in pieces of at most 256 rows, each within the bounds of one expression.
  // Part of the graph of those tensors that want gradients, not of that of x: the backward pass evaluates it once more instead of keeping
  // what it computed, so memory is that of a piece. The same input gives the same bits. Throws std::runtime_error naming the line where an
  // operation fails on these values.
  virtual at::Tensor Evaluate(const at::Tensor& x, absl::Span<const at::Tensor> tensors) const = 0;
};

}  // namespace sliceflow::engine
