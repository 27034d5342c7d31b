// A user's own function of points, given as TorchScript source.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <variant>

#include <ATen/core/Tensor.h>

#include "absl/strings/string_view.h"
#include "server/engine/expressions/refusal.h"

namespace sliceflow::engine {

// Rows that an evaluation of a potential prefers, and one of a kernel: a batch of samples, and many of its pairs.
inline constexpr int64_t kPotentialRows = 1024;
inline constexpr int64_t kKernelRows = 16384;

// The last function that the source defines, from x (n × d) to n values, row by row; functions before it may be called by it. For example
//   def V(x): return 0.5 * (x * x).sum(1)
//
// A source is hostile until shown otherwise, and neither it nor any job that holds one can make a worker crash, hang or touch anything but
// numbers:
// - Nothing of it runs before it is looked at three times: as words (lexical.h), so that no nesting exhausts the stack of the parser or of
//   the compiler; as a tree (syntax.h), so that nothing that the compiler evaluates by itself (default values, texts, tuples) can grow; as
//   operations (operations.h), each of which is in a list of pure ones. A file, a socket, a random number, another thread, the state of the
//   program have no operation in that list.
// - Nothing runs for ever: the only loops are over ranges, functions cannot call themselves (the compiler refuses it), and the run counts
//   operations, loops, elements and bytes (program.h, budget.h), refusing before the one that goes beyond; a single operation on tensors as
//   large as they may be takes at most seconds.
// - What one run does, every run does. No number comes from a tensor's values, so branches, lengths of loops and sizes follow from the
//   shape of x alone; and x always has the same shape: rows() × d, the last rows repeated where points are fewer. So the trial run of
//   Compile speaks for every later one, and later ones are held to the same bounds all the same.
// - No number makes the processor trap or LibTorch read beyond its tables: operands that would are refused before (operands.h).
// - Rows are independent of each other and of their number. That is tried on random points, to the last bits (independence.h); where it
//   fails unseen, values are wrong and nothing else.
//
// Exceptions of LibTorch on the way become refusals.
class Expression {
 public:
  using Result = std::variant<std::unique_ptr<const Expression>, ExpressionRefusal>;

  // Looks at `source`, compiles it, and tries it on random points, their gradient included. `preferred_rows` is how many rows an
  // evaluation should take; fewer are taken where these would go beyond a bound. At most 64 KiB of source; takes a fraction of a second
  // for what people write, seconds at worst.
  static Result Compile(absl::string_view source, int dimension, int64_t preferred_rows);

  virtual ~Expression() = default;

  // Rows of one evaluation. The same source, dimension and preference give the same.
  virtual int64_t rows() const = 0;

  struct Values {
    at::Tensor value;     // n, float
    at::Tensor gradient;  // n × d, float; undefined where not wanted
  };
  // At any n ≥ 1 points (float, n × d), in pieces of rows(). Time: that of ⌈n / rows()⌉ evaluations; memory: at most 512 MiB for a piece.
  // The same points give the same bits. Throws std::runtime_error naming the line where an operation fails on these values, such as an
  // index beyond its range.
  virtual Values Evaluate(const at::Tensor& x, bool with_gradient) const = 0;
};

}  // namespace sliceflow::engine
