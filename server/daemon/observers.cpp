#include "server/daemon/observers.h"

#include <google/protobuf/descriptor.h>

#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "common/log.h"

namespace sliceflow::daemon {
namespace {

constexpr size_t kMaxTraces = 10'000;

LogLevel LevelOf(const api::FinishedCall& call) {
  if (call.code == "INTERNAL" || call.code == "DATA_LOSS" || call.code == "UNKNOWN") return LogLevel::kError;
  return api::IsChange(call.method) ? LogLevel::kInfo : LogLevel::kDebug;
}

std::string SolverOf(const v1::Job& job) {
  const v1::Solver& solver = job.spec().solver();
  const auto* field = solver.GetDescriptor()->FindFieldByNumber(solver.kind_case());
  return field == nullptr ? "unknown" : field->name();
}

std::string Describe(const v1::StateChanged& change) {
  const std::string because = change.has_error() ? change.error().message() : change.reason();
  return absl::StrCat("the job is ", v1::Job::State_Name(change.state()), change.device().empty() ? "" : " on ", change.device(),
                      because.empty() ? "" : ": ", because);
}

}  // namespace

void JobTraces::Remember(const std::string& job, const std::string& trace_id) {
  absl::MutexLock lock(&mutex_);
  if (!traces_.insert_or_assign(job, trace_id).second) return;
  order_.push_back(job);
  if (order_.size() <= kMaxTraces) return;
  traces_.erase(order_.front());
  order_.pop_front();
}

std::string JobTraces::Of(const std::string& job) const {
  absl::MutexLock lock(&mutex_);
  const auto found = traces_.find(job);
  return found == traces_.end() ? "" : found->second;
}

void ObserveCall(const api::FinishedCall& call, Metrics& metrics, JobTraces& traces) {
  metrics.CallEnded(call.method, call.code, call.duration);
  if (!call.job.empty() && !call.trace_id.empty()) traces.Remember(call.job, call.trace_id);
  const LogLevel level = LevelOf(call);
  if (!IsLogged(level)) return;
  const absl::string_view name = absl::StripPrefix(call.method, "/sliceflow.v1.");
  Log(level,
      absl::StrCat(name, " answered ", call.code, " after ", absl::FormatDuration(absl::Floor(call.duration, absl::Microseconds(1)))),
      {{"request_id", call.request_id}, {"job", call.job}, {"trace_id", call.trace_id}});
}

void ObserveJob(const v1::Job& job, const std::vector<events::EventPtr>& events, Metrics& metrics, const JobTraces& traces) {
  for (const events::EventPtr& event : events) {
    if (event->has_step_completed()) metrics.StepStored(SolverOf(job), event->step_completed().report().seconds());
    if (!event->has_state_changed()) continue;
    Log(LogLevel::kInfo, Describe(event->state_changed()), {{"job", job.name()}, {"trace_id", traces.Of(job.name())}});
  }
}

void ObserveHeldUp(const std::string& job, const absl::Status& why, HeldUpSteps& held_up, const JobTraces& traces) {
  if (!absl::IsResourceExhausted(why)) held_up.Set(job, why);
  Log(why.ok() ? LogLevel::kInfo : LogLevel::kError,
      why.ok() ? "no step waits to be stored any more" : absl::StrCat("a step is computed, cannot be stored and waits: ", why.ToString()),
      {{"job", job}, {"trace_id", traces.Of(job)}});
}

}  // namespace sliceflow::daemon
