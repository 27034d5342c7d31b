// Users' expressions as seen from outside the engine: checked, and evaluated at points. Free of LibTorch headers.
#pragma once

#include <string>
#include <variant>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "server/engine/expressions/refusal.h"
#include "server/engine/flow_spec.h"

namespace sliceflow::engine {

enum class ExpressionKind {
  kPotential,    // V at points x
  kInteraction,  // W at differences z
};

struct ExpressionValues {
  std::vector<float> values;     // one for each point; may be infinite or not a number
  std::vector<float> gradients;  // row-major, count × dimension
};

// Checks `source` as a flow that uses it does (expressions/expression.h says what that means), and evaluates it at `points`, row-major,
// count × dimension, at least one, finite. Does not throw; takes seconds at worst.
std::variant<ExpressionValues, ExpressionRefusal> CheckExpression(ExpressionKind kind, absl::string_view source, int dimension,
                                                                  absl::Span<const float> points);

// Checks a generator of samples of `dimension` as a flow that uses it does, and gives its samples, row-major, count × dimension, where its
// parameters start for seed 0, at `noise`: row-major, count × noise_dimension, at least one row, finite. Does not throw; takes seconds at
// worst.
std::variant<std::vector<float>, ExpressionRefusal> CheckGenerator(const GeneratorModel& generator, int dimension,
                                                                   absl::Span<const float> noise);

}  // namespace sliceflow::engine
