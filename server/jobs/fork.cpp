// Forks: jobs that begin at a kept step of another and share its steps up to there.
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/errors.h"
#include "common/ids.h"
#include "server/events/projection.h"
#include "server/jobs/jobs.h"
#include "server/jobs/retention.h"

namespace sliceflow::jobs {
namespace {

constexpr size_t kMaxAncestors = 100;  // each keeps a specification
constexpr int kEventsAtOnce = 1000;
constexpr int64_t kBytesAtOnce = 4 << 20;

std::string IdOfName(const std::string& name) { return name.substr(name.find('/') + 1); }

absl::StatusOr<v1::Job> Parse(const store::ForkAncestor& ancestor) {
  v1::Job made_from;
  if (made_from.ParseFromString(ancestor.made_from)) return made_from;
  return absl::DataLossError(absl::StrCat("what ", JobName(ancestor.job_id), " was is damaged"));
}

// Of checkpoints that the job itself made: its specification, its length told as a number of steps, and its origin.
v1::Job MadeFromItself(const v1::Job& job) {
  v1::Job made_from;
  *made_from.mutable_spec() = job.spec();
  made_from.mutable_spec()->mutable_schedule()->set_num_steps(job.progress().total_steps());
  if (job.has_fork_origin()) *made_from.mutable_fork_origin() = job.fork_origin();
  return made_from;
}

// Those of a parent up to a step, where its own steps may be the last.
std::vector<store::ForkAncestor> AncestorsUpTo(int step, const v1::Job& parent, std::vector<store::ForkAncestor> ancestors) {
  for (size_t i = 0; i < ancestors.size(); ++i) {
    if (ancestors[i].last_step < step) continue;
    ancestors[i].last_step = step;
    ancestors.resize(i + 1);
    return ancestors;
  }
  ancestors.push_back({step, events::JobId(parent), MadeFromItself(parent).SerializeAsString()});
  return ancestors;
}

// The sliced time at a step of what made it.
double SlicedTimeAt(const v1::Job& made_from, int step) {
  const v1::FlowSpec& spec = made_from.spec();
  const double dimension = spec.model().has_latent_flow() ? spec.model().latent_flow().latent_dimension() : spec.dimension();
  const double step_size =
      spec.schedule().clock() == v1::Schedule::SLICED ? spec.schedule().step_size() : spec.schedule().step_size() / dimension;
  return made_from.fork_origin().sliced_time() + (step - made_from.fork_origin().step()) * step_size;
}

absl::Status TooManyAncestors(const v1::Job& parent) {
  return PreconditionError("FORK_TOO_DEEP", parent.name(),
                           absl::StrCat("a fork may have at most ", kMaxAncestors, " ancestors; submit its specification as a job"));
}

}  // namespace

absl::StatusOr<v1::Job> Jobs::MadeFrom(const v1::Job& job, int step) {
  if (!IsShared(job, step)) return MadeFromItself(job);
  const auto ancestors = store_.ForkAncestors(events::JobId(job));
  if (!ancestors.ok()) return ancestors.status();
  for (const store::ForkAncestor& ancestor : *ancestors) {
    if (ancestor.last_step >= step) return Parse(ancestor);
  }
  return absl::DataLossError(absl::StrCat("what step ", step, " of ", job.name(), " was made from is not there"));
}

absl::StatusOr<ForkPoint> Jobs::FindForkPoint(const Scope& scope, const std::string& job_id, std::optional<int> step) {
  absl::StatusOr<v1::Job> parent = Get(scope, job_id);
  if (!parent.ok()) return parent.status();
  const absl::StatusOr<KeptStep> kept = FindKeptStep(scope, job_id, step);
  if (!kept.ok()) return kept.status();
  const absl::StatusOr<v1::Job> made_from = MadeFrom(*parent, kept->step);
  if (!made_from.ok()) return made_from.status();
  ForkPoint point{.parent = *std::move(parent)};
  point.origin.set_job(point.parent.name());
  point.origin.set_step(kept->step);
  point.origin.set_sliced_time(SlicedTimeAt(*made_from, kept->step));
  return point;
}

absl::StatusOr<std::vector<v1::JobEvent>> Jobs::StepEvents(const std::string& job_id, int last_step) {
  std::vector<v1::JobEvent> told;
  int64_t after = 0;
  while (true) {
    const auto rows = store_.ReadEvents(job_id, after, kEventsAtOnce, kBytesAtOnce);
    if (!rows.ok()) return rows.status();
    for (const store::EventRow& row : *rows) {
      const absl::StatusOr<events::EventPtr> event = events::DecodeEvent(row);
      if (!event.ok()) return event.status();
      after = row.sequence;
      if (!(*event)->has_step_completed()) continue;
      const int step = (*event)->step_completed().report().step();
      if (step <= last_step) told.push_back(**event);
      if (step >= last_step) return told;
    }
    if (rows->empty()) return told;
  }
}

absl::Status Jobs::ShareSteps(events::Change& change) {
  const v1::ForkOrigin& origin = change.job.fork_origin();
  const std::string parent_id = IdOfName(origin.job());
  const absl::StatusOr<events::JobView> parent = log_.Get(parent_id);
  if (!parent.ok()) return parent.status();
  auto ancestors = store_.ForkAncestors(parent_id);
  if (!ancestors.ok()) return ancestors.status();
  store::Fork fork{.parent_id = parent_id, .last_step = origin.step()};
  fork.ancestors = AncestorsUpTo(origin.step(), parent->job, *std::move(ancestors));
  if (fork.ancestors.size() > kMaxAncestors) return TooManyAncestors(parent->job);

  auto told = StepEvents(parent_id, origin.step());
  if (!told.ok()) return told.status();
  v1::JobProgress& progress = *change.job.mutable_progress();
  progress.set_completed_steps(origin.step());
  if (told->empty()) {  // dropped by retention: what is known all the same
    progress.mutable_last_step()->set_step(origin.step());
    progress.mutable_last_step()->set_sliced_time(origin.sliced_time());
  } else {
    told->back().mutable_step_completed()->set_checkpoint_kept(true);  // by the fork, also where the parent drops it
    *progress.mutable_last_step() = told->back().step_completed().report();
  }
  fork.first_told_step = origin.step() + 1 - static_cast<int>(told->size());
  for (v1::JobEvent& event : *told) change.events.push_back(std::move(event));
  change.fork = std::move(fork);
  return absl::OkStatus();
}

absl::StatusOr<v1::Job> Jobs::Fork(v1::Job job, const std::string& requester, const std::string& request_id,
                                   const std::string& request_hash, int max_active_jobs) {
  return CreateOnce(std::move(job), {requester, request_id, request_hash}, max_active_jobs);
}

}  // namespace sliceflow::jobs
