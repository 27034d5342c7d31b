#include <variant>

#include "server/engine/functionals/logistic_regression_rows.h"
#include "server/engine/metrics/closed_form.h"
#include "server/engine/metrics/held_out_prediction.h"
#include "server/engine/metrics/metric.h"
#include "server/engine/metrics/radius.h"

namespace sliceflow::engine {
namespace {

// One line for each kind: a kind of MetricSpec without one does not compile.
struct Maker {
  const FlowSpec& spec;

  using Made = std::unique_ptr<StepMetric>;
  Made operator()(const HeldOutPredictionMetric& /*metric*/) const {
    return std::make_unique<HeldOutPrediction>(*RegressionsOf(spec.terms).at(0), spec.seed);
  }
  Made operator()(const RadiusMetric& /*metric*/) const { return std::make_unique<Radius>(); }
  Made operator()(const ClosedFormMetric& /*metric*/) const { return std::make_unique<ClosedForm>(spec); }
};

}  // namespace

std::vector<std::unique_ptr<StepMetric>> MakeMetrics(const FlowSpec& spec) {
  std::vector<std::unique_ptr<StepMetric>> metrics;
  for (const MetricSpec& metric : spec.metrics) metrics.push_back(std::visit(Maker{spec}, metric));
  return metrics;
}

}  // namespace sliceflow::engine
