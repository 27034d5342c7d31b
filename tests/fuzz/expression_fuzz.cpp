// Users' expressions, from the first look to the trial run: no source may crash, hang or read what is not its own. What is let through has
// values at any points.
#include <cstddef>
#include <cstdint>
#include <stdexcept>

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include "absl/strings/string_view.h"
#include "server/engine/expressions/expression.h"
#include "tests/fuzz/require.h"

namespace sliceflow::fuzz {
namespace {

constexpr int kDimension = 2;
constexpr int64_t kRows = 16;

void Compile(absl::string_view source) {
  static const bool kOneThread = [] {
    at::set_num_threads(1);
    return true;
  }();
  static_cast<void>(kOneThread);
  const engine::Expression::Result compiled = engine::Expression::Compile(source, kDimension, kRows);
  if (const auto* refusal = std::get_if<engine::ExpressionRefusal>(&compiled))
    return Require(!refusal->reason.empty(), "a refusal says why");
  const engine::Expression& expression = *std::get<0>(compiled);
  const at::Tensor points = at::full({3, kDimension}, 1e30, at::kFloat);
  try {
    const engine::Expression::Values values = expression.Evaluate(points, /*with_gradient=*/true);
    Require(values.value.sizes() == at::IntArrayRef({3}) && values.gradient.sizes() == points.sizes(),
            "a value and a gradient for each point");
  } catch (const std::runtime_error&) {
    // An operation may fail on these values; that it says so is all that is promised.
  }
}

}  // namespace
}  // namespace sliceflow::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  sliceflow::fuzz::Compile(absl::string_view(reinterpret_cast<const char*>(data), size));
  return 0;
}
