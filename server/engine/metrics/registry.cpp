#include <variant>

#include "server/engine/functionals/logistic_regression_rows.h"
#include "server/engine/metrics/closed_form.h"
#include "server/engine/metrics/held_out_prediction.h"
#include "server/engine/metrics/metric.h"
#include "server/engine/metrics/mode_coverage.h"
#include "server/engine/metrics/moments.h"
#include "server/engine/metrics/radius.h"
#include "server/engine/metrics/relative_entropy_to_target.h"
#include "server/engine/metrics/target_distance.h"

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
  Made operator()(const TargetDistanceMetric& metric) const { return std::make_unique<TargetDistance>(metric, spec.seed); }
  Made operator()(const RelativeEntropyToTargetMetric& metric) const {
    return std::make_unique<RelativeEntropyToTarget>(metric, spec.dimension);
  }
  Made operator()(const ModeCoverageMetric& metric) const { return std::make_unique<ModeCoverage>(metric, spec.dimension); }
  Made operator()(const MomentsMetric& /*metric*/) const { return std::make_unique<MomentFigures>(); }
};

}  // namespace

std::vector<std::unique_ptr<StepMetric>> MakeMetrics(const FlowSpec& spec) {
  std::vector<std::unique_ptr<StepMetric>> metrics;
  for (const MetricSpec& metric : spec.metrics) metrics.push_back(std::visit(Maker{spec}, metric));
  return metrics;
}

}  // namespace sliceflow::engine
