#include <algorithm>

#include "absl/strings/match.h"
#include "server/api/gate/checks.h"

namespace sliceflow::api {
namespace {

constexpr double kMaxStepSize = 1e6;
constexpr int kMaxMetrics = 16;
constexpr int kDefaultSamples = 1000;
// An end time is reached by a whole number of steps up to rounding.
constexpr double kStepRounding = 1e-9;

// As jobs::StepsOf counts them, without the bounds of an int.
double StepsTo(const v1::Schedule& schedule) { return std::ceil(schedule.end_time() / schedule.step_size() * (1 - kStepRounding)); }

// A chain of maps grows with the steps, and a checkpoint holds all of it.
void BoundGrowth(Context& context, const std::string& path, const v1::Schedule& schedule) {
  const double steps = schedule.has_num_steps() ? schedule.num_steps() : StepsTo(schedule);
  // Flows of τ, τ/2 and τ/4 take 1, 2 and 4 steps at a time.
  const double maps = schedule.step_halving() ? 7 * steps : steps;
  const double parameters = maps * context.parameters_a_step;
  if (!(parameters > static_cast<double>(context.limits.max_model_parameters))) return;
  context.findings.BeyondLimit(
      path, absl::StrCat("makes ", schedule.step_halving() ? "three chains of together " : "a chain of ", maps, " maps with about ",
                         parameters, " parameters; this server takes ", context.limits.max_model_parameters));
}

// Of schemes with noise, smaller steps change less than the noise does.
void CheckStepHalving(Context& context, const std::string& path, const v1::FlowSpec& spec) {
  if (spec.solver().has_mala())
    context.findings.Invalid(path, "has no meaning for mala, which adapts its steps; use pairedJko with the model realNvp");
  if (!spec.solver().has_euler_maruyama()) return;
  for (const v1::FunctionalTerm& term : spec.functional().terms()) {
    if (!HasEntropy(term)) continue;
    return context.findings.Invalid(
        path, "cannot be observed through the noise that eulerMaruyama turns an entropy into; use pairedJko with the model realNvp");
  }
}

}  // namespace

void CheckSchedule(Context& context, const std::string& path, v1::FlowSpec& spec) {
  v1::Schedule& schedule = *spec.mutable_schedule();
  if (schedule.step_halving()) CheckStepHalving(context, absl::StrCat(path, ".step_halving"), spec);
  const Range positive{.low = 0, .low_open = true, .high = kMaxStepSize};
  if (schedule.step_size() == 0 && absl::StartsWith(path, "overrides.")) {
    context.findings.Invalid(absl::StrCat(path, ".step_size"),
                             "must be above 0; it is 0, or not given: a part is replaced whole, what it leaves out is not the parent's");
  } else {
    CheckNumber(context.findings, absl::StrCat(path, ".step_size"), schedule.step_size(), positive);
  }
  if (schedule.clock() == v1::Schedule::CLOCK_UNSPECIFIED) schedule.set_clock(v1::Schedule::WASSERSTEIN);
  if (!v1::Schedule::Clock_IsValid(schedule.clock())) {
    context.findings.Invalid(absl::StrCat(path, ".clock"), absl::StrCat("must be SLICED or WASSERSTEIN, is ", schedule.clock()));
  }
  BoundGrowth(context, path, schedule);
  switch (schedule.length_case()) {
    case v1::Schedule::kNumSteps:
      return CheckCount(context, absl::StrCat(path, ".num_steps"), schedule.num_steps(), 1, context.limits.max_steps);
    case v1::Schedule::kEndTime: {
      const std::string field = absl::StrCat(path, ".end_time");
      CheckNumber(context.findings, field, schedule.end_time(), Above(0));
      const bool both = positive.Contains(schedule.step_size()) && Above(0).Contains(schedule.end_time());
      if (both && StepsTo(schedule) > static_cast<double>(context.limits.max_steps)) {
        context.findings.BeyondLimit(absl::StrCat(field, " / step_size"), StepsTo(schedule), context.limits.max_steps);
      }
      return;
    }
    case v1::Schedule::LENGTH_NOT_SET:
      return context.findings.Invalid(path, "must say how long the flow goes on: numSteps or endTime");
  }
}

void CheckOutput(Context& context, const std::string& path, v1::FlowSpec& spec) {
  v1::Output& output = *spec.mutable_output();
  const bool particles = spec.model().has_particles();
  const int64_t most = particles ? spec.model().particles().count() : context.limits.max_samples;
  if (!output.has_samples_per_step()) output.set_samples_per_step(static_cast<int>(std::clamp<int64_t>(most, 0, kDefaultSamples)));
  if (!output.has_checkpoint_every()) output.set_checkpoint_every(1);

  const std::string samples_field = absl::StrCat(path, ".samples_per_step");
  const int64_t samples = output.samples_per_step();
  CheckCount(context, samples_field, samples, 0, context.limits.max_samples);
  if (particles && samples > most) {
    context.findings.Invalid(samples_field, absl::StrCat("must be at most the ", most, " particles, is ", samples));
  }
  if (context.dimension > 0 && samples > context.limits.max_sample_values / context.dimension) {
    context.findings.BeyondLimit(samples_field, static_cast<double>(samples), context.limits.max_sample_values / context.dimension);
  }
  CheckCount(context, absl::StrCat(path, ".checkpoint_every"), output.checkpoint_every(), 1, context.limits.max_steps);
  if (output.metrics_size() > kMaxMetrics) {
    context.findings.Invalid(absl::StrCat(path, ".metrics"),
                             absl::StrCat("must be at most ", kMaxMetrics, ", are ", output.metrics_size()));
    return;
  }
  for (int i = 0; i < output.metrics_size(); ++i) {
    CheckMetric(context, absl::StrCat(path, ".metrics[", i, "]"), *output.mutable_metrics(i), spec);
  }
}

}  // namespace sliceflow::api
