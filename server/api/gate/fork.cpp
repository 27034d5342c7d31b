#include "server/api/gate/fork.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "server/api/gate/checks.h"
#include "server/api/gate/placement.h"

namespace sliceflow::api {
namespace {

constexpr char kCannotGoOn[] = "FORK_CANNOT_GO_ON";
// A time is reached by a whole number of steps up to rounding.
constexpr double kStepRounding = 1e-9;

// What the parent's model and its history do not bear.
void CheckGoesOn(Findings& findings, const v1::FlowSpec& overrides, const v1::FlowSpec& parent) {
  const v1::Solver& solver = overrides.has_solver() ? overrides.solver() : parent.solver();
  const auto refuse = [&](const char* why) { findings.FailedPrecondition("overrides.solver", why, kCannotGoOn); };
  if ((solver.has_euler_maruyama() || solver.has_mala()) && !parent.model().has_particles()) {
    refuse("moves particles, and the parent's model has none; use pairedJko or swJko, or submit a job of its own");
  }
  if (solver.has_entropic_jko() && !parent.model().has_grid()) {
    refuse("works on a grid, and the parent's model is none; use pairedJko or swJko, or submit a job of its own");
  }
  if (solver.has_jko_icnn() != parent.solver().has_jko_icnn()) {
    refuse("jkoIcnn adds to a chain of maps that other solvers do not make, so it goes on from itself only");
  }
  if (overrides.schedule().step_halving() && !parent.schedule().step_halving()) {
    findings.FailedPrecondition("overrides.schedule.step_halving", "the parent did not run the flows of smaller steps beside its own",
                                kCannotGoOn);
  }
}

void CheckUntouched(Findings& findings, const v1::FlowSpec& overrides, const v1::FlowSpec& parent) {
  if (overrides.has_initial()) findings.Invalid("overrides.initial", "is the parent's: leave it out");
  if (overrides.has_model()) findings.Invalid("overrides.model", "is the parent's: leave it out");
  if (overrides.dimension() != 0 && overrides.dimension() != parent.dimension()) {
    findings.Invalid("overrides.dimension", absl::StrCat("is the parent's, ", parent.dimension(), ": leave it out"));
  }
}

// proto3 cannot tell a seed of 0 from none that was given: 0 is the parent's.
v1::FlowSpec Merge(const v1::FlowSpec& overrides, const v1::Job& parent) {
  v1::FlowSpec spec = parent.spec();
  spec.mutable_schedule()->set_num_steps(parent.progress().total_steps());
  if (overrides.has_functional()) *spec.mutable_functional() = overrides.functional();
  if (overrides.has_solver()) *spec.mutable_solver() = overrides.solver();
  if (overrides.has_schedule()) *spec.mutable_schedule() = overrides.schedule();
  if (overrides.has_output()) *spec.mutable_output() = overrides.output();
  if (overrides.seed() != 0) spec.set_seed(overrides.seed());
  return spec;
}

// An end time becomes a number of steps: those shared, and the least number of the fork's own that reaches it.
void CountSteps(Findings& findings, const v1::ForkOrigin& origin, int state_dimension, v1::Schedule& schedule) {
  if (!schedule.has_end_time()) return;
  const double shared = schedule.clock() == v1::Schedule::SLICED ? origin.sliced_time() : origin.sliced_time() * state_dimension;
  const double own = std::ceil((schedule.end_time() - shared) / schedule.step_size() * (1 - kStepRounding));
  if (!(std::isfinite(own) && schedule.step_size() > 0)) return;  // the schedule's own check says what is wrong
  if (own < 1) {
    findings.Invalid("overrides.schedule.end_time",
                     absl::StrCat("must be beyond the time of step ", origin.step(), ", ", shared, ", is ", schedule.end_time()));
    return;
  }
  schedule.set_num_steps(static_cast<int>(std::min(origin.step() + own, 2e9)));
}

void CheckLength(Findings& findings, const v1::ForkJobRequest& request, const v1::ForkOrigin& origin, const v1::Schedule& schedule) {
  if (!schedule.has_num_steps() || schedule.num_steps() > origin.step()) return;
  const char* field = request.overrides().has_schedule() ? "overrides.schedule.num_steps" : "overrides.schedule";
  findings.Invalid(field, absl::StrCat("must count more steps than the ", origin.step(), " that are shared, are ", schedule.num_steps(),
                                       "; steps count from the parent's step 0"));
}

// The closed form is of a flow that was descending the functional from step 0 on; of a parent that was itself forked, whether it was is
// known only where it had the metric already.
void CheckClosedForm(Findings& findings, const v1::FlowSpec& overrides, const v1::Job& parent, const v1::FlowSpec& spec) {
  const auto& before = parent.spec().output().metrics();
  const bool had_it = std::any_of(before.begin(), before.end(), [](const v1::Metric& metric) { return metric.has_closed_form(); });
  if (!overrides.has_functional() && (had_it || !parent.has_fork_origin())) return;
  for (int i = 0; i < spec.output().metrics_size(); ++i) {
    if (!spec.output().metrics(i).has_closed_form()) continue;
    findings.Invalid(absl::StrCat("overrides.output.metrics[", i, "].closed_form"),
                     "is of a flow that has followed its functional from step 0 on: leave it out beside another functional");
  }
}

}  // namespace

absl::StatusOr<v1::Job> CheckForkJob(const v1::ForkJobRequest& request, const jobs::ForkPoint& point, jobs::Datasets& datasets,
                                     const Limits& limits, const std::vector<scheduler::DeviceState>& devices) {
  Findings findings;
  if (!CheckSpecBytes(findings, "overrides", request.overrides(), limits)) return findings.ToStatus();
  const v1::FlowSpec& parent = point.parent.spec();
  CheckGoesOn(findings, request.overrides(), parent);
  if (!findings.empty()) return findings.ToStatus();
  CheckUntouched(findings, request.overrides(), parent);

  v1::Job job;
  job.set_owner(point.parent.owner());
  job.set_display_name(request.display_name());
  *job.mutable_labels() = request.labels();
  job.set_priority(request.has_priority() ? request.priority() : point.parent.priority());
  job.set_device(request.device().empty() ? point.parent.device() : request.device());
  if (request.has_limits() || point.parent.has_limits()) {
    *job.mutable_limits() = request.has_limits() ? request.limits() : point.parent.limits();
  }
  *job.mutable_fork_origin() = point.origin;
  v1::FlowSpec& spec = *job.mutable_spec();
  spec = Merge(request.overrides(), point.parent);
  const int state_dimension = spec.model().has_latent_flow() ? spec.model().latent_flow().latent_dimension() : spec.dimension();
  CountSteps(findings, point.origin, state_dimension, *spec.mutable_schedule());
  CheckChosen(findings, job, request.request_id());
  CheckPlacement(findings, job, devices);
  CheckSpec(findings, "overrides", spec, job.owner(), datasets, limits);
  CheckLength(findings, request, point.origin, spec.schedule());
  CheckClosedForm(findings, request.overrides(), point.parent, spec);
  if (findings.empty()) CheckMemory(findings, job, job.owner(), datasets, devices);
  if (!findings.empty()) return findings.ToStatus();
  job.mutable_progress()->set_total_steps(spec.schedule().num_steps());
  return job;
}

}  // namespace sliceflow::api
