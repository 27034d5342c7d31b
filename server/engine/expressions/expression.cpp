#include "server/engine/expressions/expression.h"

#include <algorithm>
#include <exception>
#include <new>
#include <stdexcept>
#include <utility>
#include <vector>

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <torch/csrc/autograd/autograd.h>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "server/engine/expressions/budget.h"
#include "server/engine/expressions/compiled_source.h"
#include "server/engine/expressions/independence.h"
#include "server/engine/expressions/messages.h"
#include "server/engine/random.h"

namespace sliceflow::engine {
namespace {

constexpr int64_t kLeastRows = 16;  // enough for the trial of independence
constexpr uint64_t kTrialSeed = 1;

class CompiledExpression final : public Expression {
 public:
  CompiledExpression(absl::string_view source, int dimension) : source_(source, /*tensors=*/1), dimension_(dimension) {}

  // Settles on the number of rows and tries the expression with it.
  void Try(int64_t preferred_rows) {
    rows_ = std::max(std::min(preferred_rows, kMaxExpressionElements / dimension_), kLeastRows);
    while (true) {
      try {
        return TryRows();
      } catch (const BeyondBound&) {
        if (rows_ == kLeastRows) throw;
      }
      rows_ = std::max(rows_ / 8, kLeastRows);
    }
  }

  int64_t rows() const override { return rows_; }

  Values Evaluate(const at::Tensor& x, bool with_gradient) const override {
    const int64_t count = x.size(0);
    Values all{.value = at::empty({count}, at::kFloat)};
    if (with_gradient) all.gradient = at::empty({count, dimension_}, at::kFloat);
    try {
      for (int64_t first = 0; first < count; first += rows_) {
        const int64_t size = std::min(rows_, count - first);
        at::Tensor piece = x.narrow(0, first, size);
        if (size < rows_) piece = at::cat({piece, piece.narrow(0, size - 1, 1).expand({rows_ - size, dimension_})});
        const Values values = EvaluateRows(piece, with_gradient);
        all.value.narrow(0, first, size).copy_(values.value.narrow(0, 0, size));
        if (with_gradient) all.gradient.narrow(0, first, size).copy_(values.gradient.narrow(0, 0, size));
      }
    } catch (const Refused& refused) {
      throw std::runtime_error(absl::StrCat("line ", refused.refusal().line, " of the expression: ", refused.refusal().reason));
    }
    return all;
  }

 private:
  // All points at once.
  Values EvaluateRows(const at::Tensor& x, bool with_gradient) const {
    const AllocationBudget budget(kMaxExpressionMemory);
    try {
      const at::AutoGradMode record(with_gradient);
      const at::Tensor leaf = x.detach().clone().requires_grad_(with_gradient);
      const at::Tensor value = source_.Run(leaf);
      CheckValue(value, x.size(0));
      if (!with_gradient) return {value.detach().to(at::kFloat)};
      return {value.detach().to(at::kFloat), Gradient(value, leaf)};
    } catch (const std::bad_alloc&) {
      throw BeyondBound(0, absl::StrCat("its gradient asks for more than ", kMaxExpressionMemory >> 20, " MiB of memory"));
    }
  }

  static void CheckValue(const at::Tensor& value, int64_t points) {
    if (value.dim() != 1 || value.size(0) != points) {
      throw Refused(0, absl::StrCat("for ", points, " points it gives a tensor of shape [", absl::StrJoin(value.sizes(), ", "),
                                    "]; it must give one value for each point: shape [", points, "]"));
    }
    if (!at::isFloatingType(value.scalar_type())) throw Refused(0, "its values are not real numbers of floating point");
  }

  static at::Tensor Gradient(const at::Tensor& value, const at::Tensor& leaf) {
    constexpr char kNone[] = "it has no gradient: the value does not depend on x, or not in a way that can be differentiated";
    if (!value.requires_grad()) throw Refused(0, kNone);
    try {
      const at::Tensor gradient = torch::autograd::grad({value.sum()}, {leaf}, {}, false, false, /*allow_unused=*/true)[0];
      if (!gradient.defined()) throw Refused(0, kNone);
      return gradient.to(at::kFloat);
    } catch (const c10::Error& error) {
      throw Refused(0, absl::StrCat("its gradient cannot be computed: ", ShortenMessage(error.what_without_backtrace())));
    }
  }

  void TryRows() const {
    at::Generator random = MakeGenerator(kTrialSeed, Purpose::kSamples);
    const at::Tensor x = at::randn({rows_, dimension_}, random, at::TensorOptions(at::kFloat));
    const at::Tensor value = EvaluateRows(x, /*with_gradient=*/true).value;
    CheckRowsAreIndependent(x, value, random, [this](const at::Tensor& rows) { return EvaluateRows(rows, false).value; });
  }

  const CompiledSource source_;
  const int dimension_;
  int64_t rows_ = 0;
};

}  // namespace

Expression::Result Expression::Compile(absl::string_view source, int dimension, int64_t preferred_rows) {
  try {
    auto expression = std::make_unique<CompiledExpression>(source, dimension);
    expression->Try(preferred_rows);
    return expression;
  } catch (const std::exception&) {
    return RefusalOfException();
  }
}

}  // namespace sliceflow::engine
