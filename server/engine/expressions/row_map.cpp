#include "server/engine/expressions/row_map.h"

#include <algorithm>
#include <cmath>
#include <exception>
#include <new>
#include <stdexcept>
#include <utility>

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <torch/csrc/autograd/autograd.h>
#include <torch/csrc/autograd/custom_function.h>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "server/engine/expressions/budget.h"
#include "server/engine/expressions/compiled_source.h"
#include "server/engine/expressions/independence.h"
#include "server/engine/expressions/messages.h"
#include "server/engine/random.h"

namespace sliceflow::engine {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

constexpr int64_t kMostRows = 256;
constexpr int64_t kLeastRows = 16;  // enough for the trial of independence
constexpr uint64_t kTrialSeed = 2;

class CompiledRowMap final : public RowMap {
 public:
  CompiledRowMap(absl::string_view source, const Signature& signature)
      : signature_(signature), source_(source, signature.tensors.size() + 1) {
    const int64_t widest = std::max(signature.inputs, signature.outputs.value_or(1));
    rows_ = std::clamp(kMaxExpressionElements / widest, kLeastRows, kMostRows);
    while (true) {
      try {
        Try();
        return;
      } catch (const BeyondBound&) {
        if (rows_ == kLeastRows) throw;
      }
      rows_ = std::max(rows_ / 4, kLeastRows);
    }
  }

  int64_t outputs() const override { return outputs_; }
  int64_t piece() const override { return rows_; }

  at::Tensor Evaluate(const at::Tensor& x, absl::Span<const at::Tensor> tensors) const override;

  // Outside any graph.
  at::Tensor Values(const at::Tensor& x, at::TensorList tensors) const {
    const at::NoGradGuard no_graph;
    return Named([&] {
      std::vector<at::Tensor> pieces;
      for (int64_t first = 0; first < x.size(0); first += rows_) {
        const int64_t size = std::min(rows_, x.size(0) - first);
        pieces.push_back(RunRows(Piece(x, first), tensors).narrow(0, 0, size));
      }
      return at::cat(pieces);
    });
  }

  // What a gradient in the values, `outer`, becomes in each tensor.
  variable_list Gradients(const at::Tensor& x, at::TensorList tensors, const at::Tensor& outer) const {
    return Named([&] {
      variable_list sums(tensors.size());
      for (int64_t first = 0; first < x.size(0); first += rows_) {
        const int64_t size = std::min(rows_, x.size(0) - first);
        at::Tensor weights = outer.narrow(0, first, size);
        if (size < rows_) weights = at::cat({weights, at::zeros({rows_ - size, outputs_}, weights.options())});
        variable_list gradients = GradientsOfRows(Piece(x, first), tensors, weights);
        for (size_t i = 0; i < sums.size(); ++i) {
          if (!gradients[i].defined()) continue;
          sums[i] = sums[i].defined() ? sums[i].add_(gradients[i]) : gradients[i];
        }
      }
      return sums;
    });
  }

 private:
  // What goes wrong with values that the trial did not have.
  template <typename Work>
  static auto Named(const Work& work) -> decltype(work()) {
    try {
      return work();
    } catch (const Refused& refused) {
      throw std::runtime_error(absl::StrCat("line ", refused.refusal().line, " of the source: ", refused.refusal().reason));
    }
  }

  // rows_ rows from `first`; where there are fewer, the last is repeated.
  at::Tensor Piece(const at::Tensor& x, int64_t first) const {
    const int64_t size = std::min(rows_, x.size(0) - first);
    at::Tensor piece = x.narrow(0, first, size);
    if (size == rows_) return piece;
    return at::cat({piece, piece.narrow(0, size - 1, 1).expand({rows_ - size, signature_.inputs})});
  }

  // All rows at once.
  at::Tensor RunRows(const at::Tensor& x, at::TensorList tensors) const {
    const AllocationBudget budget(kMaxExpressionMemory);
    return Run(x, tensors);
  }

  at::Tensor Run(const at::Tensor& x, at::TensorList tensors) const {
    std::vector<at::Tensor> arguments{x};
    arguments.insert(arguments.end(), tensors.begin(), tensors.end());
    at::Tensor value = source_.Run(arguments);
    CheckValue(value, x.size(0));
    return value.to(at::kFloat);
  }

  void CheckValue(const at::Tensor& value, int64_t rows) const {
    const bool columns = value.dim() == 2 && value.size(1) > 0 && value.size(1) == signature_.outputs.value_or(value.size(1));
    if (!columns || value.size(0) != rows) {
      const std::string wanted = signature_.outputs.has_value() ? absl::StrCat(*signature_.outputs) : "any number";
      throw Refused(0, absl::StrCat("for ", rows, " rows it gives a tensor of shape [", absl::StrJoin(value.sizes(), ", "),
                                    "]; it must give a row for each: shape [", rows, ", ", wanted, "]"));
    }
    if (!at::isFloatingType(value.scalar_type())) throw Refused(0, "its values are not real numbers of floating point");
  }

  variable_list GradientsOfRows(const at::Tensor& x, at::TensorList tensors, const at::Tensor& weights) const {
    const AllocationBudget budget(kMaxExpressionMemory);
    try {
      const at::AutoGradMode record(true);
      std::vector<at::Tensor> leaves;
      for (const at::Tensor& tensor : tensors) leaves.push_back(tensor.detach().requires_grad_(true));
      const at::Tensor value = Run(x, leaves);
      if (!value.requires_grad()) return variable_list(leaves.size());
      return torch::autograd::grad({value}, leaves, {weights}, false, false, /*allow_unused=*/true);
    } catch (const std::bad_alloc&) {
      throw BeyondBound(0, absl::StrCat("its gradient asks for more than ", kMaxExpressionMemory >> 20, " MiB of memory"));
    } catch (const c10::Error& error) {
      throw Refused(0, absl::StrCat("its gradient cannot be computed: ", ShortenMessage(error.what_without_backtrace())));
    }
  }

  void Try() {
    const at::NoGradGuard no_graph;
    const at::TensorOptions options(at::kFloat);
    at::Generator random = MakeGenerator(kTrialSeed, Purpose::kSamples);
    std::vector<at::Tensor> tensors;
    for (const std::vector<int64_t>& shape : signature_.tensors) {
      tensors.push_back(at::randn(shape, random, options).div_(std::sqrt(static_cast<double>(shape[0]))));
    }
    const at::Tensor x = at::randn({rows_, signature_.inputs}, random, options);
    const at::Tensor value = RunRows(x, tensors);
    outputs_ = value.size(1);
    CheckRowsAreIndependent(x, value, random, [&](const at::Tensor& rows) { return RunRows(rows, tensors); });
    if (!signature_.trained) return;
    const variable_list gradients = GradientsOfRows(x, tensors, at::ones_like(value));
    for (size_t i = 0; i < gradients.size(); ++i) {
      if (gradients[i].defined()) continue;
      throw Refused(0, absl::StrCat("its values do not depend on `", source_.ParameterName(i + 1),
                                    "`, or not in a way that can be differentiated; leave out what is not trained"));
    }
  }

  const Signature signature_;
  const CompiledSource source_;
  int64_t rows_ = 0;
  int64_t outputs_ = 0;
};

// The map as an operation whose backward pass evaluates it again.
class Differentiated : public torch::autograd::Function<Differentiated> {
 public:
  static at::Tensor forward(AutogradContext* context, const CompiledRowMap* map, const at::Tensor& x, at::TensorList tensors) {
    variable_list saved{x};
    saved.insert(saved.end(), tensors.begin(), tensors.end());
    context->save_for_backward(saved);
    context->saved_data["map"] = reinterpret_cast<int64_t>(map);
    return map->Values(x, tensors);
  }

  static variable_list backward(AutogradContext* context, const variable_list& outer) {
    const variable_list saved = context->get_saved_variables();
    const auto* map = reinterpret_cast<const CompiledRowMap*>(context->saved_data["map"].toInt());
    variable_list gradients = map->Gradients(saved[0], at::TensorList(saved).slice(1), outer[0]);
    gradients.insert(gradients.begin(), 2, at::Tensor());  // of the map and of x
    return gradients;
  }
};

at::Tensor CompiledRowMap::Evaluate(const at::Tensor& x, absl::Span<const at::Tensor> tensors) const {
  const at::TensorList list(tensors.data(), tensors.size());
  const bool wanted = std::any_of(list.begin(), list.end(), [](const at::Tensor& tensor) { return tensor.requires_grad(); });
  return wanted && at::GradMode::is_enabled() ? Differentiated::apply(this, x, list) : Values(x, list);
}

}  // namespace

RowMap::Result RowMap::Compile(absl::string_view source, const Signature& signature) {
  try {
    return std::make_unique<const CompiledRowMap>(source, signature);
  } catch (const std::exception&) {
    return RefusalOfException();
  }
}

}  // namespace sliceflow::engine
