#include "server/scheduler/flow_lane.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "common/errors.h"
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
  return absl::IsUnavailable(status) || absl::IsResourceExhausted(status) ||
         (absl::IsAborted(status) && Reason(status) != "STALE_ASSIGNMENT");
}

}  // namespace

FlowLane::FlowLane(WorkerSession& session, JobQueue& queue, jobs::Jobs& jobs, DatasetLedger ledger, const absl::Notification& stopping)
    : session_(session), queue_(queue), jobs_(jobs), ledger_(std::move(ledger)), stopping_(stopping) {
  queue_.Add(this);
}

void FlowLane::Poke() {
  if (!poked_.exchange(true)) session_.Post([this] { Pull(); });
}

void FlowLane::Stop(const std::string& job_id) {
  session_.Post([this, job_id] {
    if (current_.has_value() && current_->job_id == job_id) SendCancel();
  });
}

absl::Time FlowLane::told_to_stop() const {
  absl::MutexLock lock(&mutex_);
  return told_to_stop_;
}

void FlowLane::Pull() {
  poked_ = false;
  while (!closed_ && !current_.has_value() && !stopping_.HasBeenNotified()) {
    const std::optional<std::string> job_id = queue_.Take(this);
    if (!job_id.has_value() || !Begin(*job_id)) return;
  }
}

bool FlowLane::Begin(const std::string& job_id) {
  absl::StatusOr<jobs::Assignment> assignment = jobs_.Start(job_id);
  if (!assignment.ok()) {
    if (MayPass(assignment.status())) {
      queue_.PutBack(job_id, this);
      return false;
    }
    queue_.Release(job_id, this);  // not queued any more
    return true;
  }
  current_ = Current{job_id, assignment->number, assignment->checkpoint_step};
  busy_ = true;
  const absl::Status provided = ledger_.Provide(assignment->job.spec());
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
    told_to_stop_ = absl::Now();
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
  const absl::Status recorded =
      Insist([&] { return jobs_.RecordStep(current_->job_id, current_->number, done.report(), samples, *checkpoint); });
  if (stopping_.HasBeenNotified() && !recorded.ok()) return absl::OkStatus();
  if (recorded.ok()) {
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

void FlowLane::HandleEnd(const AssignmentEnded& ended) {
  session_.inbox().Clear();
  if (!IsCurrent(ended.assignment())) return;
  const Current current = *current_;
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
      outcome.kind = jobs::Outcome::Kind::kStopped;
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

void FlowLane::LetGo() {
  queue_.Release(current_->job_id, this);
  current_.reset();
  busy_ = false;
  absl::MutexLock lock(&mutex_);
  told_to_stop_ = absl::InfiniteFuture();
}

void FlowLane::Closed() {
  closed_ = true;
  queue_.Remove(this);
  if (!current_.has_value()) return;
  const Current current = *current_;
  LetGo();
  (void)Insist([&] { return jobs_.LoseWorker(current.job_id, current.number, "its worker was lost"); });
}

}  // namespace sliceflow::scheduler
