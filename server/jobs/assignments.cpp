// What workers report of the jobs they were given.
#include <algorithm>
#include <cmath>
#include <optional>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/errors.h"
#include "common/ids.h"
#include "server/events/projection.h"
#include "server/jobs/decisions.h"
#include "server/jobs/jobs.h"
#include "server/jobs/retention.h"

namespace sliceflow::jobs {
namespace {

constexpr size_t kKeptStepsNamed = 20;  // in an error, the newest ones

absl::Status CheckOrder(const v1::Job& job, int step) {
  const int next = NextStep(job.progress());
  if (step >= 0 && step <= next && step <= job.progress().total_steps()) return absl::OkStatus();
  return PreconditionError("STEP_OUT_OF_ORDER", job.name(),
                           absl::StrCat("step ", step, " was reported where ", next, " of ", job.progress().total_steps(), " comes next"));
}

v1::JobEvent StepEvent(const v1::Job& job, const v1::StepReport& report, int64_t sample_count, absl::Time time) {
  v1::JobEvent event;
  *event.mutable_time() = events::ToTimestamp(time);
  v1::StepCompleted& completed = *event.mutable_step_completed();
  *completed.mutable_report() = report;
  completed.set_sample_count(static_cast<int32_t>(sample_count));
  completed.set_checkpoint_kept(IsKept(job, report.step()));
  return event;
}

constexpr char kOriginLost[] = "the checkpoint of the step that it was forked at is lost";

// Steps before its own a fork cannot compute again: they are of another specification.
bool LostOrigin(const v1::Job& job, std::optional<int> step) {
  return job.has_fork_origin() && step.value_or(-1) < job.fork_origin().step();
}

absl::Status OriginLost(const v1::Job& job) {
  return WithReason(absl::DataLossError(absl::StrCat(kOriginLost, ": step ", job.fork_origin().step(), "; fork ", job.fork_origin().job(),
                                                     " at another step")),
                    "FORK_ORIGIN_LOST");
}

absl::Status FailureOf(const Outcome& outcome) {
  return outcome.error.ok() ? absl::InternalError("the worker failed without saying why") : outcome.error;
}

// For the owner of a job: what the system says names the server's files.
std::string WhyHeldUp(const absl::Status& why) {
  if (!Reason(why).empty()) return std::string(why.message());
  return absl::IsResourceExhausted(why) ? "the disk of the server's data folder is full" : "the server cannot write to its data folder";
}

}  // namespace

absl::StatusOr<Jobs::GoodCheckpoint> Jobs::FindGoodCheckpoint(const std::string& job_id) {
  const auto kept = store_.KeptSteps(job_id);
  if (!kept.ok()) return kept.status();
  GoodCheckpoint good;
  for (const store::StepRow& row : *kept) {
    absl::StatusOr<std::string> bytes = blobs_.Get(row.checkpoint_key);
    if (bytes.ok()) {
      good.step = row.step;
      good.bytes = *std::move(bytes);
      return good;
    }
    if (!absl::IsDataLoss(bytes.status()) && !absl::IsNotFound(bytes.status())) return bytes.status();
    good.damaged.push_back(row.step);
  }
  return good;
}

absl::StatusOr<Assignment> Jobs::Start(const std::string& job_id, const std::string& device) {
  GoodCheckpoint good;
  std::optional<v1::Job> made_from;
  absl::StatusOr<Applied> applied = Apply(job_id, [&](const events::JobView& view) -> Decision {
    if (view.job.state() != v1::Job::QUEUED) {
      return PreconditionError("JOB_NOT_QUEUED", view.job.name(), absl::StrCat("the job is ", v1::Job::State_Name(view.job.state())));
    }
    absl::StatusOr<GoodCheckpoint> found = FindGoodCheckpoint(job_id);
    if (!found.ok()) return found.status();
    good = *std::move(found);
    if (good.step.has_value() && IsShared(view.job, *good.step)) {
      absl::StatusOr<v1::Job> ancestor = MadeFrom(view.job, *good.step);
      if (!ancestor.ok()) return ancestor.status();
      made_from = *std::move(ancestor);
    }
    events::Change change = ChangeOf(view);
    const absl::Time now = clock_.Now();
    for (const int step : good.damaged) {
      const std::string message = absl::StrCat("the checkpoint of step ", step, " is damaged and was dropped");
      change.events.push_back(LogEvent(v1::LogEntry::WARNING, message, now));
    }
    change.dropped_checkpoints = good.damaged;
    absl::Status status = Transition(change, v1::Job::RUNNING, "", now);
    if (!status.ok()) return status;
    change.events.back().mutable_state_changed()->set_device(device);
    change.job.set_run_device(device);
    if (LostOrigin(view.job, good.step)) {
      status = Transition(change, v1::Job::FAILED, kOriginLost, now, OriginLost(view.job));
    }
    if (!status.ok()) return status;
    return change;
  });
  if (!applied.ok()) return applied.status();
  DeleteCheckpoints(job_id, good.damaged);
  if (events::IsFinal(applied->job.state())) return PreconditionError("JOB_NOT_QUEUED", applied->job.name(), "the job has failed");
  return Assignment{applied->job.progress().assignments(), std::move(applied->job), good.step, std::move(good.bytes), std::move(made_from)};
}

absl::StatusOr<store::StepRow> Jobs::WriteStepBlobs(const std::string& job_id, int step, const Tensor& samples,
                                                    const std::string& checkpoint) {
  store::StepRow row;
  row.step = step;
  row.samples_shape = samples.shape;
  if (!samples.values.empty()) {
    row.samples_key = SamplesKey(job_id, step);
    row.samples_bytes = static_cast<int64_t>(samples.values.size() * sizeof(float));
    absl::Status status = blobs_.Put(row.samples_key, PackValues(samples.values));
    if (!status.ok()) return status;
  }
  if (!checkpoint.empty()) {
    row.checkpoint_key = CheckpointKey(job_id, step);
    row.checkpoint_bytes = static_cast<int64_t>(checkpoint.size());
    absl::Status status = blobs_.Put(row.checkpoint_key, checkpoint);
    if (!status.ok()) return status;
  }
  return row;
}

absl::Status Jobs::RecordStep(const std::string& job_id, int64_t assignment, v1::StepReport report, const Tensor& samples,
                              const std::string& checkpoint) {
  const int step = report.step();
  const absl::StatusOr<events::JobView> before = log_.Get(job_id);
  if (!before.ok()) return before.status();
  absl::Status status = CheckAssignment(before->job, assignment);
  if (status.ok()) status = CheckOrder(before->job, step);
  if (!status.ok()) return status;
  if (step < NextStep(before->job.progress())) return RestoreStep(job_id, assignment, step, checkpoint);
  const auto bytes = static_cast<int64_t>(samples.values.size() * sizeof(float) + checkpoint.size());
  if (quotas_ != nullptr) status = quotas_->CheckBytes(before->job.owner(), bytes);
  if (status.ok()) status = CheckDisk(bytes);
  if (!status.ok()) return status;
  const absl::StatusOr<store::StepRow> row = WriteStepBlobs(job_id, step, samples, checkpoint);
  if (!row.ok()) return row.status();

  std::vector<int> dropped;
  const absl::StatusOr<Applied> applied = Apply(job_id, [&](const events::JobView& view) -> Decision {
    absl::Status check = CheckAssignment(view.job, assignment);
    if (!check.ok()) return check;
    if (step < NextStep(view.job.progress())) return std::nullopt;  // the same report came twice at once
    events::Change change = ChangeOf(view);
    change.events.push_back(StepEvent(view.job, report, samples.rows(), clock_.Now()));
    change.job.mutable_progress()->set_completed_steps(step);
    *change.job.mutable_progress()->mutable_last_step() = report;
    change.worker_failures = 0;
    change.step = *row;
    dropped.clear();
    if (step > 0 && !row->checkpoint_key.empty() && !IsKept(view.job, step - 1)) dropped.push_back(step - 1);
    change.dropped_checkpoints = dropped;
    return change;
  });
  if (absl::IsNotFound(applied.status())) ReleaseFolder(job_id);  // purged meanwhile
  if (!applied.ok()) return applied.status();
  if (!applied->changed) return absl::OkStatus();
  if (!row->samples_key.empty()) samples_.Put(row->samples_key, std::make_shared<const Tensor>(samples));
  DeleteCheckpoints(job_id, dropped);
  return absl::OkStatus();
}

absl::Status Jobs::RestoreStep(const std::string& job_id, int64_t assignment, int step, const std::string& checkpoint) {
  const auto stored = store_.GetStep(job_id, step);
  if (!stored.ok()) return stored.status();
  if (!stored->checkpoint_key.empty() || checkpoint.empty()) return absl::OkStatus();
  const auto wanted = [&](const v1::Job& job) { return IsKept(job, step) || step + 1 == NextStep(job.progress()); };
  return Apply(job_id,
               [&](const events::JobView& view) -> Decision {
                 absl::Status status = CheckAssignment(view.job, assignment);
                 if (!status.ok()) return status;
                 if (!wanted(view.job)) return std::nullopt;
                 events::Change change = ChangeOf(view);
                 change.step = *stored;
                 change.step->checkpoint_key = CheckpointKey(job_id, step);
                 change.step->checkpoint_bytes = static_cast<int64_t>(checkpoint.size());
                 status = blobs_.Put(change.step->checkpoint_key, checkpoint);
                 if (!status.ok()) return status;
                 return change;
               })
      .status();
}

absl::Status Jobs::NoteHeldUp(const std::string& job_id, int64_t assignment, int step, const absl::Status& why) {
  return Apply(job_id,
               [&](const events::JobView& view) -> Decision {
                 absl::Status status = CheckAssignment(view.job, assignment);
                 if (!status.ok()) return status;
                 events::Change change = ChangeOf(view);
                 const std::string message = absl::StrCat("step ", step, " is computed, cannot be stored and waits: ", WhyHeldUp(why));
                 change.events.push_back(LogEvent(v1::LogEntry::WARNING, message, clock_.Now()));
                 return change;
               })
      .status();
}

void Jobs::DeleteCheckpoints(const std::string& job_id, const std::vector<int>& steps) {
  for (const int step : steps) ReleaseBlob(job_id, step, CheckpointKey(job_id, step));
}

void Jobs::RecordProgress(const std::string& job_id, int64_t assignment, const v1::InnerProgress& progress) {
  const absl::StatusOr<events::JobView> view = log_.Get(job_id);
  if (!view.ok() || !CheckAssignment(view->job, assignment).ok()) return;
  log_.PublishProgress(job_id, progress);
}

absl::Status Jobs::End(const std::string& job_id, Decide decide) {
  const absl::StatusOr<Applied> applied = Apply(job_id, decide);
  if (!applied.ok()) return applied.status();
  if (applied->changed && applied->job.state() == v1::Job::QUEUED) TellQueued(applied->job);
  return absl::OkStatus();
}

Jobs::Decision Jobs::DecideLoss(const events::JobView& view, const std::string& reason) const {
  events::Change change = ChangeOf(view);
  ++change.worker_failures;
  absl::Status status;
  if (change.worker_failures < kMaxAssignmentsWithoutProgress) {
    const absl::Time now = clock_.Now();
    status = Transition(change, v1::Job::QUEUED, reason, now);
    const absl::Duration delay = std::min(retry_delays_.first * std::exp2(change.worker_failures - 1), retry_delays_.longest);
    *change.job.mutable_retry_time() = events::ToTimestamp(now + delay);
  } else {
    const std::string message =
        absl::StrCat("the worker was lost ", change.worker_failures, " times in a row without a new step, at last: ", reason);
    status = Transition(change, v1::Job::FAILED, message, clock_.Now(), WithReason(absl::UnavailableError(message), "WORKER_LOST"));
  }
  if (!status.ok()) return status;
  return change;
}

absl::Status Jobs::Finish(const std::string& job_id, int64_t assignment, const Outcome& outcome) {
  return End(job_id, [&](const events::JobView& view) -> Decision {
    if (EndedUnder(view.job, assignment)) return std::nullopt;
    absl::Status status = CheckAssignment(view.job, assignment);
    if (!status.ok()) return status;
    const v1::JobProgress& progress = view.job.progress();
    const bool complete = progress.has_last_step() && progress.completed_steps() == progress.total_steps();
    events::Change change = ChangeOf(view);
    switch (outcome.kind) {
      case Outcome::Kind::kCompleted:
        if (!complete) {
          return DecideLoss(view, absl::StrCat("the worker ended after step ", progress.completed_steps(), " of ", progress.total_steps()));
        }
        status = Transition(change, v1::Job::SUCCEEDED, "", clock_.Now());
        break;
      case Outcome::Kind::kStopped:
        status = Transition(change, v1::Job::QUEUED, outcome.reason, clock_.Now());
        break;
      case Outcome::Kind::kFailed:
        status = Transition(change, v1::Job::FAILED, FailureOf(outcome).message(), clock_.Now(), FailureOf(outcome));
        break;
    }
    if (!status.ok()) return status;
    return change;
  });
}

absl::Status Jobs::LoseWorker(const std::string& job_id, int64_t assignment, const std::string& reason) {
  return End(job_id, [&](const events::JobView& view) -> Decision {
    if (EndedUnder(view.job, assignment)) return std::nullopt;
    absl::Status status = CheckAssignment(view.job, assignment);
    if (!status.ok()) return status;
    return DecideLoss(view, reason);
  });
}

absl::Status Jobs::RefuseCheckpoint(const std::string& job_id, int64_t assignment, int step, const std::string& reason) {
  bool dropped = false;
  absl::Status ended = End(job_id, [&](const events::JobView& view) -> Decision {
    if (EndedUnder(view.job, assignment)) return std::nullopt;
    absl::Status status = CheckAssignment(view.job, assignment);
    if (!status.ok()) return status;
    const auto stored = store_.GetStep(job_id, step);
    if (!stored.ok() && !absl::IsNotFound(stored.status())) return stored.status();
    dropped = stored.ok() && !stored->checkpoint_key.empty();
    // Dropping one each time, refusals come to an end; one of a checkpoint that is not there must be counted to do so.
    if (!dropped) return DecideLoss(view, absl::StrCat("the worker refused a checkpoint of step ", step, " that is not kept: ", reason));
    events::Change change = ChangeOf(view);
    change.dropped_checkpoints = {step};
    const std::string message = absl::StrCat("the checkpoint of step ", step, " could not be used and was dropped: ", reason);
    change.events.push_back(LogEvent(v1::LogEntry::WARNING, message, clock_.Now()));
    status = Transition(change, v1::Job::QUEUED, "goes on from the checkpoint before", clock_.Now());
    if (!status.ok()) return status;
    return change;
  });
  if (ended.ok() && dropped) DeleteCheckpoints(job_id, {step});
  return ended;
}

absl::Status Jobs::CheckpointNotKept(const std::string& job_id, std::optional<int> step) {
  const auto kept = store_.KeptSteps(job_id);
  if (!kept.ok()) return kept.status();
  std::vector<int> steps;
  for (const store::StepRow& row : *kept) steps.push_back(row.step);
  const bool shortened = steps.size() > kKeptStepsNamed;
  if (shortened) steps.resize(kKeptStepsNamed);
  const std::string named = steps.empty() ? "no step has one" : absl::StrCat("steps with one, newest first: ", absl::StrJoin(steps, ", "));
  const std::string asked =
      step.has_value() ? absl::StrCat("the checkpoint of step ", *step, " is not kept") : "there is no checkpoint yet";
  return PreconditionError("CHECKPOINT_NOT_KEPT", JobName(job_id), absl::StrCat(asked, "; ", named, shortened ? ", …" : ""));
}

absl::Status Jobs::WhyMissing(const std::string& job_id, const store::StepRow& row) {
  const absl::StatusOr<store::StepRow> now = store_.GetStep(job_id, row.step);
  if (!now.ok()) return now.status();
  if (now->checkpoint_key != row.checkpoint_key) return absl::NotFoundError("the checkpoint was dropped");
  return absl::DataLossError(absl::StrCat("the checkpoint of step ", row.step, " of ", JobName(job_id),
                                          " is gone from the server's data folder: its file blobs/", row.checkpoint_key, " is missing"));
}

absl::StatusOr<Checkpoint> Jobs::LoadCheckpoint(const std::string& job_id, std::optional<int> step) {
  absl::StatusOr<v1::Job> job = Get(Scope::Everyone(), job_id);
  if (!job.ok()) return job.status();
  const auto kept = store_.KeptSteps(job_id);
  if (!kept.ok()) return kept.status();
  for (const store::StepRow& row : *kept) {
    if (step.has_value() && row.step != *step) continue;
    absl::StatusOr<std::string> bytes = blobs_.Get(row.checkpoint_key);
    if (bytes.ok()) {
      absl::StatusOr<v1::Job> made_from = MadeFrom(*job, row.step);
      if (!made_from.ok()) return made_from.status();
      return Checkpoint{job->owner(), std::move(*made_from->mutable_spec()), made_from->fork_origin(), row.step, *std::move(bytes)};
    }
    if (absl::IsNotFound(bytes.status())) bytes = WhyMissing(job_id, row);
    // Not found: dropped since the rows were read. Damaged: an older one serves where any does.
    const bool passable = absl::IsNotFound(bytes.status()) || (absl::IsDataLoss(bytes.status()) && !step.has_value());
    if (!passable) return bytes.status();
  }
  return CheckpointNotKept(job_id, step);
}

absl::StatusOr<KeptStep> Jobs::FindKeptStep(const Scope& scope, const std::string& job_id, std::optional<int> step) {
  absl::StatusOr<v1::Job> job = Get(scope, job_id);
  if (!job.ok()) return job.status();
  const auto kept = store_.KeptSteps(job_id);
  if (!kept.ok()) return kept.status();
  for (const store::StepRow& row : *kept) {
    if (!step.has_value() || row.step == *step) return KeptStep{std::move(*job->mutable_spec()), row.step};
  }
  return CheckpointNotKept(job_id, step);
}

absl::StatusOr<std::shared_ptr<const Tensor>> Jobs::LoadSamples(const std::string& job_id, int step) {
  std::shared_ptr<const Tensor> samples = samples_.Get(SamplesKey(job_id, step));
  if (samples != nullptr) return samples;
  const auto row = store_.GetStep(job_id, step);
  if (!row.ok()) return row.status();
  if (row->samples_key.empty()) {
    Tensor none{row->samples_shape, {}};
    if (!none.shape.empty()) none.shape[0] = 0;  // dropped by retention
    return std::make_shared<const Tensor>(std::move(none));
  }
  samples = samples_.Get(row->samples_key);
  if (samples != nullptr) return samples;  // of a step that a fork shares
  const absl::StatusOr<std::string> bytes = blobs_.Get(row->samples_key);
  if (!bytes.ok()) return bytes.status();
  absl::StatusOr<Tensor> tensor = UnpackValues(*bytes, row->samples_shape);
  if (!tensor.ok()) return tensor.status();
  samples = std::make_shared<const Tensor>(*std::move(tensor));
  samples_.Put(row->samples_key, samples);
  return samples;
}

}  // namespace sliceflow::jobs
