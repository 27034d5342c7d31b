#include "server/scheduler/flow_lane.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/clock.h"
#include "common/errors.h"
#include "common/failpoint.h"
#include "common/ids.h"

namespace sliceflow::scheduler {
namespace {

using worker::v1::AssignmentEnded;
using worker::v1::AttachRequest;
using worker::v1::AttachResponse;

constexpr absl::Duration kFirstDelay = absl::Milliseconds(200);
constexpr absl::Duration kLongestDelay = absl::Seconds(5);

// What may pass: a full disk, a busy database. Aborted without our reason is a lost race, which Jobs has tried again already.
bool MayPass(const absl::Status& status) {
  return absl::IsUnavailable(status) || (absl::IsResourceExhausted(status) && Reason(status) != "QUOTA_EXCEEDED") ||
         (absl::IsAborted(status) && Reason(status) != "STALE_ASSIGNMENT");
}

DatasetNames DatasetsOf(const jobs::Assignment& assignment) {
  DatasetNames names;
  for (std::string& name : ReferredDatasets(assignment.job.spec())) names.emplace(assignment.job.owner(), std::move(name));
  if (!assignment.made_from.has_value()) return names;
  for (std::string& name : ReferredDatasets(assignment.made_from->spec())) names.emplace(assignment.job.owner(), std::move(name));
  return names;
}

}  // namespace

FlowLane::FlowLane(WorkerSession& session, JobQueue& queue, jobs::Jobs& jobs, DatasetLedger ledger, const SteadyNotification& stopping,
                   WorkerEnd worker_end, HeldUp held_up, WorkerObserver* observer)
    : session_(session),
      queue_(queue),
      jobs_(jobs),
      ledger_(std::move(ledger)),
      stopping_(stopping),
      worker_end_(std::move(worker_end)),
      held_up_(std::move(held_up)),
      observer_(observer) {
  queue_.Add(this, session_.hello().device());
}

void FlowLane::Poke() {
  if (!poked_.exchange(true)) session_.Post([this] { Pull(); });
}

void FlowLane::Stop(const std::string& job_id) {
  session_.Post([this, job_id] {
    if (current_.has_value() && current_->job_id == job_id) SendCancel();
  });
}

void FlowLane::Preempt(const std::string& job_id, const std::string& by) {
  session_.Post([this, job_id, by] {
    if (!current_.has_value() || current_->job_id != job_id) return;
    current_->preempted_by = by;
    SendCancel();
  });
}

absl::Duration FlowLane::told_to_stop() const {
  absl::MutexLock lock(&mutex_);
  return told_to_stop_;
}

void FlowLane::SetTimeLimit(const v1::Job& job) {
  const double most = job.limits().max_run_seconds();
  absl::MutexLock lock(&mutex_);
  limited_job_ = current_->job_id;
  time_limit_ = most > 0 ? Uptime() + absl::Seconds(most - job.progress().run_seconds()) : absl::InfiniteDuration();
}

void FlowLane::HoldToTimeLimit(absl::Duration now) {
  std::string job_id;
  {
    absl::MutexLock lock(&mutex_);
    if (now < time_limit_) return;
    time_limit_ = absl::InfiniteDuration();
    job_id = limited_job_;
  }
  session_.Post([this, job_id] {
    if (!current_.has_value() || current_->job_id != job_id) return;
    const std::string limit = absl::StrCat(current_->max_run_seconds);
    current_->failure =
        WithReason(absl::ResourceExhaustedError(absl::StrCat("the job was computed for as long as limits.max_run_seconds allows, ", limit,
                                                             " seconds; its steps up to there are kept")),
                   "TIME_LIMIT", {{"max_run_seconds", limit}});
    SendCancel();
  });
}

void FlowLane::Pull() {
  poked_ = false;
  while (!closed_ && !current_.has_value() && !stopping_.HasBeenNotified()) {
    const std::optional<std::string> job_id = queue_.Take(this);
    if (!job_id.has_value() || !Begin(*job_id)) return;
  }
}

bool FlowLane::Begin(const std::string& job_id) {
  absl::StatusOr<jobs::Assignment> assignment = jobs_.Start(job_id, session_.hello().device());
  if (!assignment.ok()) {
    if (MayPass(assignment.status())) {
      queue_.PutBack(this);
      return false;
    }
    queue_.Release(this);  // not queued any more
    return true;
  }
  current_ = Current{job_id, assignment->number, assignment->checkpoint_step, assignment->job.limits().max_run_seconds()};
  busy_ = true;
  if (observer_ != nullptr) observer_->OnAssigned(session_.hello().worker_id(), session_.hello().pid(), JobName(job_id));
  SetTimeLimit(assignment->job);
  const absl::Status provided = ledger_.Provide(DatasetsOf(*assignment));
  if (provided.ok()) {
    Hand(*std::move(assignment));
    return true;
  }
  LetGo();
  if (MayPass(provided)) {
    (void)Insist([&] { return jobs_.LoseWorker(job_id, assignment->number, std::string(provided.message())); });
  } else {
    (void)Insist([&] { return jobs_.Finish(job_id, assignment->number, {jobs::Outcome::Kind::kFailed, provided}); });
  }
  return true;
}

void FlowLane::Hand(jobs::Assignment assignment) {
  AttachResponse message;
  worker::v1::Assign& assign = *message.mutable_assign();
  assign.set_assignment(assignment.number);
  assign.set_job(JobName(current_->job_id));
  *assign.mutable_spec() = std::move(*assignment.job.mutable_spec());
  assign.mutable_spec()->mutable_schedule()->set_num_steps(assignment.job.progress().total_steps());
  assign.set_max_memory_bytes(assignment.job.limits().max_memory_bytes());
  if (assignment.job.has_fork_origin()) *assign.mutable_fork_origin() = assignment.job.fork_origin();
  if (assignment.made_from.has_value()) {
    *assign.mutable_checkpoint_spec() = std::move(*assignment.made_from->mutable_spec());
    if (assignment.made_from->has_fork_origin()) *assign.mutable_checkpoint_origin() = assignment.made_from->fork_origin();
  }
  if (assignment.checkpoint_step.has_value()) {
    assign.set_checkpoint_step(*assignment.checkpoint_step);
    auto checkpoint = std::make_shared<const std::string>(std::move(assignment.checkpoint));
    session_.SendBlob("checkpoint", {}, {checkpoint, *checkpoint});
  }
  session_.Send(std::move(message));
}

void FlowLane::SendCancel() {
  if (std::exchange(current_->stop_sent, true)) return;
  {
    absl::MutexLock lock(&mutex_);
    told_to_stop_ = Uptime();
  }
  AttachResponse message;
  message.mutable_cancel()->set_assignment(current_->number);
  session_.Send(std::move(message));
}

absl::Status FlowLane::Handle(const AttachRequest& message) {
  switch (message.kind_case()) {
    case AttachRequest::kStepDone:
      return HandleStep(message.step_done());
    case AttachRequest::kInnerDone:
      if (IsCurrent(message.inner_done().assignment())) {
        jobs_.RecordProgress(current_->job_id, current_->number, message.inner_done().progress());
      }
      return absl::OkStatus();
    case AttachRequest::kAssignmentEnded:
      HandleEnd(message.assignment_ended());
      Pull();
      return absl::OkStatus();
    default:
      return absl::InvalidArgumentError(absl::StrCat("a worker of whole jobs sent a message of kind ", message.kind_case()));
  }
}

absl::Status FlowLane::HandleStep(const worker::v1::StepDone& done) {
  if (!IsCurrent(done.assignment())) {
    session_.inbox().Clear();
    return absl::OkStatus();
  }
  const absl::StatusOr<std::string> checkpoint = session_.inbox().TakeBytes("checkpoint");
  if (!checkpoint.ok()) return checkpoint.status();
  Tensor samples;
  if (session_.inbox().Has("samples")) {
    absl::StatusOr<Tensor> taken = session_.inbox().TakeTensor("samples");
    if (!taken.ok()) return taken.status();
    samples = *std::move(taken);
  }
  const absl::Status recorded = StoreStep(done.report(), samples, *checkpoint);
  if (stopping_.HasBeenNotified() && !recorded.ok()) return absl::OkStatus();
  if (recorded.ok()) {
    queue_.Progressed(this);
    PassFailpoint(Failpoint::kBeforeAcknowledgement);
    AttachResponse message;
    message.mutable_step_stored()->set_assignment(current_->number);
    message.mutable_step_stored()->set_step(done.report().step());
    session_.Send(std::move(message));
    return absl::OkStatus();
  }
  SendCancel();
  if (absl::IsAborted(recorded) || absl::IsNotFound(recorded)) return absl::OkStatus();  // cancelled or deleted meanwhile
  (void)Insist([&] { return jobs_.Finish(current_->job_id, current_->number, {jobs::Outcome::Kind::kFailed, recorded}); });
  return absl::OkStatus();
}

absl::Status FlowLane::StoreStep(const v1::StepReport& report, const Tensor& samples, const std::string& checkpoint) {
  int failures = 0;
  bool noted = false, told = false;
  absl::Status recorded = Insist([&] {
    absl::Status status = jobs_.RecordStep(current_->job_id, current_->number, report, samples, checkpoint);
    if (!MayPass(status)) return status;
    // Other than a full disk it may be over in a moment, as a busy database is.
    if (++failures == 1 && !absl::IsResourceExhausted(status)) return status;
    if (!std::exchange(told, true) && held_up_) held_up_(JobName(current_->job_id), status);
    // Where there is too little room even for this, the next try tells it.
    if (!noted) noted = jobs_.NoteHeldUp(current_->job_id, current_->number, report.step(), status).ok();
    return status;
  });
  if (told && held_up_ && !stopping_.HasBeenNotified()) held_up_(JobName(current_->job_id), absl::OkStatus());
  return recorded;
}

void FlowLane::HandleEnd(const AssignmentEnded& ended) {
  session_.inbox().Clear();
  if (!IsCurrent(ended.assignment())) return;
  const Current current = *current_;
  jobs_.NotePeak(current.job_id, ended.peak_bytes());
  const bool waits_again = ended.outcome() == AssignmentEnded::STOPPED && current.failure.ok() && !current.preempted_by.empty();
  if (waits_again) queue_.GiveWay(this);
  LetGo();
  const std::string reason(ended.error().message());
  jobs::Outcome outcome;
  switch (ended.outcome()) {
    case AssignmentEnded::COMPLETED:
      outcome.kind = jobs::Outcome::Kind::kCompleted;
      break;
    case AssignmentEnded::FAILED:
      outcome = {jobs::Outcome::Kind::kFailed, FromRpcStatus(ended.error())};
      if (outcome.error.ok()) outcome.error = absl::InternalError("the worker gave no reason");
      break;
    case AssignmentEnded::CHECKPOINT_REFUSED:
      (void)Insist([&] { return jobs_.RefuseCheckpoint(current.job_id, current.number, current.checkpoint_step.value_or(0), reason); });
      return;
    default:
      if (!current.stop_sent) {
        (void)Insist([&] { return jobs_.LoseWorker(current.job_id, current.number, "the worker gave the job up"); });
        return;
      }
      outcome = OutcomeOfStop(current);
  }
  // Aborted where the job was cancelled meanwhile: it has its end already.
  (void)Insist([&] { return jobs_.Finish(current.job_id, current.number, outcome); });
}

absl::Status FlowLane::Insist(const std::function<absl::Status()>& change) {
  absl::Duration delay = kFirstDelay;
  while (true) {
    if (stopping_.HasBeenNotified()) return absl::UnavailableError("the server is stopping");
    absl::Status status = change();
    if (!MayPass(status)) return status;
    if (stopping_.WaitForNotificationWithTimeout(delay)) return status;
    delay = std::min(2 * delay, kLongestDelay);
  }
}

jobs::Outcome FlowLane::OutcomeOfStop(const Current& current) const {
  if (!current.failure.ok()) return {jobs::Outcome::Kind::kFailed, current.failure};
  jobs::Outcome outcome{jobs::Outcome::Kind::kStopped, absl::OkStatus()};
  if (!current.preempted_by.empty()) outcome.reason = absl::StrCat("preempted by ", JobName(current.preempted_by));
  return outcome;
}

void FlowLane::LetGo() {
  queue_.Release(this);
  current_.reset();
  busy_ = false;
  if (observer_ != nullptr) observer_->OnReleased(session_.hello().worker_id(), session_.hello().pid());
  absl::MutexLock lock(&mutex_);
  told_to_stop_ = absl::InfiniteDuration();
  time_limit_ = absl::InfiniteDuration();
}

void FlowLane::Beat(const worker::v1::Heartbeat& heartbeat) {
  if (current_.has_value()) current_->seen_bytes = heartbeat.peak_bytes() - session_.hello().idle_bytes();
}

void FlowLane::Closed() {
  closed_ = true;
  const std::optional<Current> lost = current_;
  if (lost.has_value()) {
    if (lost->failure.ok() && !lost->preempted_by.empty()) queue_.GiveWay(this);
    LetGo();
  }
  queue_.Remove(this);
  if (lost.has_value() && !stopping_.HasBeenNotified()) ReportLoss(*lost);
}

void FlowLane::ReportLoss(const Current& lost) {
  jobs_.NotePeak(lost.job_id, lost.seen_bytes);  // what the worker cannot tell any more
  if (!lost.failure.ok() || !lost.preempted_by.empty()) {
    // It did not stop in time and was killed for that: no failure of its worker.
    (void)Insist([&] { return jobs_.Finish(lost.job_id, lost.number, OutcomeOfStop(lost)); });
    return;
  }
  const worker::v1::Hello& hello = session_.hello();
  const std::string which = session_.peer().remote ? absl::StrCat(" ", hello.worker_id()) : "";
  if (leaving_) {
    const jobs::Outcome left{jobs::Outcome::Kind::kStopped, absl::OkStatus(), absl::StrCat("its worker", which, " was told to end")};
    (void)Insist([&] { return jobs_.Finish(lost.job_id, lost.number, left); });
    return;
  }
  const std::string end = worker_end_ && !session_.peer().remote ? worker_end_(hello.worker_id(), hello.pid()) : "";
  const std::string reason = absl::StrCat("its worker", which, " was lost", end.empty() ? "" : ": it ", end);
  (void)Insist([&] { return jobs_.LoseWorker(lost.job_id, lost.number, reason); });
}

}  // namespace sliceflow::scheduler
