#include "server/engine/check_expression.h"

#include <exception>
#include <utility>

#include <ATen/ATen.h>

#include "server/engine/expressions/expression.h"
#include "server/engine/expressions/row_map.h"
#include "server/engine/models/generator_network.h"
#include "server/engine/random.h"

namespace sliceflow::engine {
namespace {

std::vector<float> FloatsOf(const at::Tensor& tensor) {
  const at::Tensor values = tensor.contiguous();
  const float* data = values.const_data_ptr<float>();
  return {data, data + values.numel()};
}

}  // namespace

std::variant<ExpressionValues, ExpressionRefusal> CheckExpression(ExpressionKind kind, absl::string_view source, int dimension,
                                                                  absl::Span<const float> points) {
  const int64_t rows = kind == ExpressionKind::kPotential ? kPotentialRows : kKernelRows;
  const Expression::Result compiled = Expression::Compile(source, dimension, rows);
  if (const auto* refusal = std::get_if<ExpressionRefusal>(&compiled)) return *refusal;
  try {
    const auto count = static_cast<int64_t>(points.size()) / dimension;
    const at::Tensor x = at::from_blob(const_cast<float*>(points.data()), {count, dimension}, at::TensorOptions(at::kFloat));
    const Expression::Values values = std::get<0>(compiled)->Evaluate(x, /*with_gradient=*/true);
    return ExpressionValues{FloatsOf(values.value), FloatsOf(values.gradient)};
  } catch (const std::exception& error) {
    return ExpressionRefusal{0, error.what()};
  }
}

std::variant<std::vector<float>, ExpressionRefusal> CheckGenerator(const GeneratorModel& generator, int dimension,
                                                                   absl::Span<const float> noise) {
  const RowMap::Result compiled = RowMap::Compile(generator.source, SignatureOf(generator, dimension));
  if (const auto* refusal = std::get_if<ExpressionRefusal>(&compiled)) return *refusal;
  try {
    const int64_t columns = generator.noise_dimension;
    const auto count = static_cast<int64_t>(noise.size()) / columns;
    const at::Tensor z = at::from_blob(const_cast<float*>(noise.data()), {count, columns}, at::TensorOptions(at::kFloat));
    at::Generator random = MakeGenerator(/*seed=*/0, Purpose::kInitialParameters);
    return FloatsOf(std::get<0>(compiled)->Evaluate(z, InitialTensors(generator.parameters, random)));
  } catch (const std::exception& error) {
    return ExpressionRefusal{0, error.what()};
  }
}

}  // namespace sliceflow::engine
