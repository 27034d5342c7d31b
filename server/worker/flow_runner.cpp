#include "server/worker/flow_runner.h"

#include <algorithm>
#include <chrono>
#include <new>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/errors.h"
#include "common/failpoint.h"
#include "server/worker/lost_device.h"

namespace sliceflow::worker {
namespace {

using v1::AssignmentEnded;
using v1::AttachRequest;
using SteadyClock = std::chrono::steady_clock;

constexpr int kWindow = 2;
constexpr char kOutOfMemory[] = "OUT_OF_MEMORY";
constexpr char kGpuOutOfMemory[] = "GPU_OUT_OF_MEMORY";
constexpr std::chrono::milliseconds kProgressInterval(200);

double SecondsSince(SteadyClock::time_point start) { return std::chrono::duration<double>(SteadyClock::now() - start).count(); }

AssignmentEnded Ended(AssignmentEnded::Outcome outcome, const absl::Status& error = absl::OkStatus()) {
  AssignmentEnded ended;
  ended.set_outcome(outcome);
  if (!error.ok()) *ended.mutable_error() = ToRpcStatus(error);
  return ended;
}

AssignmentEnded Failed(absl::Status error, absl::string_view reason) {
  // The payload is of this process alone.
  const bool of_gpu = error.ErasePayload(engine::kOfGpu);
  if (absl::IsResourceExhausted(error)) reason = of_gpu ? kGpuOutOfMemory : kOutOfMemory;
  return Ended(AssignmentEnded::FAILED, WithReason(std::move(error), reason));
}

AssignmentEnded Diverged(const engine::Termination& termination) {
  const std::string energy = absl::StrCat(termination.last_finite_energy);
  absl::Status error = absl::OutOfRangeError(absl::StrCat("the flow diverged at step ", termination.step, " in ", termination.term,
                                                          "; the last finite energy was ", energy, termination.detail.empty() ? "" : ": ",
                                                          termination.detail, ". A smaller schedule.stepSize or learningRate may help."));
  return Ended(AssignmentEnded::FAILED,
               WithReason(std::move(error), "DIVERGED",
                          {{"step", absl::StrCat(termination.step)}, {"term", termination.term}, {"last_finite_energy", energy}}));
}

}  // namespace

FlowRunner::FlowRunner(Connection& connection, MemoryMeter& meter, int64_t idle_bytes)
    : connection_(connection), meter_(meter), idle_bytes_(idle_bytes), thread_([this] { Run(); }) {}

FlowRunner::~FlowRunner() {
  (void)Stop(absl::InfiniteDuration());
  thread_.join();
}

absl::Status FlowRunner::Handle(const v1::AttachResponse& message, BlobInbox& inbox, const Tables& tables) {
  if (message.has_assign()) return Assign(message.assign(), inbox, tables);
  absl::MutexLock lock(&mutex_);
  if (message.has_cancel()) {
    if (task_ && task_->assignment == message.cancel().assignment()) task_->stop.Trigger();
    return absl::OkStatus();
  }
  if (message.has_step_stored()) {
    if (task_ && task_->assignment == message.step_stored().assignment()) --unacknowledged_;
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(absl::StrCat("a worker of whole jobs was sent a message of kind ", message.kind_case()));
}

absl::Status FlowRunner::Assign(const v1::Assign& assign, BlobInbox& inbox, const Tables& tables) {
  auto task = std::make_shared<Task>();
  task->assignment = assign.assignment();
  task->spec = TranslateSpec(assign.spec(), tables, assign.fork_origin());
  if (assign.has_checkpoint_spec()) task->parent = TranslateSpec(assign.checkpoint_spec(), tables, assign.checkpoint_origin());
  task->samples_per_step = assign.spec().output().samples_per_step();
  task->max_memory_bytes = assign.max_memory_bytes();
  if (assign.has_checkpoint_step()) {
    absl::StatusOr<std::string> checkpoint = inbox.TakeBytes("checkpoint");
    if (!checkpoint.ok()) return checkpoint.status();
    task->checkpoint = *std::move(checkpoint);
  }
  absl::MutexLock lock(&mutex_);
  if (task_) return absl::FailedPreconditionError("a job is being computed already");
  task_ = std::move(task);
  unacknowledged_ = 0;
  return absl::OkStatus();
}

bool FlowRunner::Stop(absl::Duration time) {
  absl::MutexLock lock(&mutex_);
  ending_ = true;
  if (task_) task_->stop.Trigger();
  const auto idle = [this]() ABSL_SHARED_LOCKS_REQUIRED(mutex_) { return task_ == nullptr; };
  return idle_.AwaitWithTimeout(mutex_, idle, time);
}

void FlowRunner::Run() {
  const auto ready = [this]() ABSL_SHARED_LOCKS_REQUIRED(mutex_) { return ending_ || task_ != nullptr; };
  while (true) {
    std::shared_ptr<Task> task;
    {
      absl::MutexLock lock(&mutex_);
      mutex_.Await(absl::Condition(&ready));
      if (!task_) return;
      task = task_;
    }
    AttachRequest message;
    *message.mutable_assignment_ended() = ComputeWithinLimit(*task);
    EndIfDeviceIsLost(message.assignment_ended().error().message().c_str());
    message.mutable_assignment_ended()->set_assignment(task->assignment);
    {
      // Before it is told: the daemon may answer with the next job at once.
      absl::MutexLock lock(&mutex_);
      task_ = nullptr;
      idle_.SignalAll();
    }
    connection_.Send(message);
  }
}

absl::StatusOr<std::unique_ptr<engine::Flow>> FlowRunner::Begin(const Task& task, engine::ProgressCallback progress) {
  if (!task.checkpoint.has_value()) return engine::Flow::Create(*task.spec, task.stop, progress);
  if (!task.parent.has_value()) return engine::Flow::Restore(*task.spec, *task.checkpoint);
  return engine::Flow::Fork(*task.spec, **task.parent, *task.checkpoint);
}

AssignmentEnded FlowRunner::ComputeWithinLimit(Task& task) {
  meter_.Restart();
  AssignmentEnded ended;
  {
    const MemoryLimit limit(meter_, task.max_memory_bytes);
    ended = Compute(task);
  }
  ended.set_peak_bytes(std::max<int64_t>(0, meter_.Peak() - idle_bytes_));
  if (task.max_memory_bytes == 0 || ended.outcome() != AssignmentEnded::FAILED) return ended;
  if (Reason(FromRpcStatus(ended.error())) != kOutOfMemory) return ended;
  const std::string limit = absl::StrCat(task.max_memory_bytes);
  absl::Status error = absl::ResourceExhaustedError(
      absl::StrCat("the job needs more memory than limits.max_memory_bytes allows, ", limit, " bytes; its steps up to there are kept"));
  *ended.mutable_error() = ToRpcStatus(WithReason(std::move(error), "MEMORY_LIMIT", {{"max_memory_bytes", limit}}));
  return ended;
}

AssignmentEnded FlowRunner::Compute(Task& task) {
  if (!task.spec.ok()) return Failed(task.spec.status(), "ENGINE_REFUSED");
  if (task.parent.has_value() && !task.parent->ok()) return Failed(task.parent->status(), "ENGINE_REFUSED");
  try {
    const SteadyClock::time_point start = SteadyClock::now();
    SteadyClock::time_point last_progress = start - kProgressInterval;
    const auto progress = [&](const engine::InnerProgress& inner) {
      if (SteadyClock::now() - last_progress < kProgressInterval) return;
      last_progress = SteadyClock::now();
      (void)meter_.Peak();  // before more of the libraries is read in
      SendProgress(task.assignment, inner);
    };
    absl::StatusOr<std::unique_ptr<engine::Flow>> flow = Begin(task, progress);
    if (!flow.ok()) {
      if (task.stop.triggered()) return Ended(AssignmentEnded::STOPPED);
      const bool refused = absl::IsDataLoss(flow.status()) || absl::IsFailedPrecondition(flow.status());
      if (task.checkpoint.has_value() && refused) return Ended(AssignmentEnded::CHECKPOINT_REFUSED, flow.status());
      return Failed(flow.status(), "ENGINE_REFUSED");
    }
    if (!task.checkpoint.has_value()) {
      if (absl::Status status = ReportStep(task, **flow, SecondsSince(start)); !status.ok()) return Failed(status, "ENGINE_FAILED");
    }
    task.checkpoint.reset();
    return Advance(task, **flow, progress);
  } catch (const std::bad_alloc&) {
    return Failed(absl::ResourceExhaustedError("the worker's memory does not suffice for this job"), kOutOfMemory);
  }
}

AssignmentEnded FlowRunner::Advance(Task& task, engine::Flow& flow, engine::ProgressCallback progress) {
  while (flow.step() < task.spec->num_steps) {
    WaitForWindow(task);
    if (task.stop.triggered()) return Ended(AssignmentEnded::STOPPED);
    const SteadyClock::time_point start = SteadyClock::now();
    const absl::StatusOr<engine::StepResult> result = flow.Step(task.stop, progress);
    if (!result.ok()) return Failed(result.status(), "ENGINE_FAILED");
    if (result->termination.has_value()) {
      const bool stopped = result->termination->reason == engine::Termination::Reason::kStopped;
      return stopped ? Ended(AssignmentEnded::STOPPED) : Diverged(*result->termination);
    }
    if (absl::Status status = ReportStep(task, flow, SecondsSince(start)); !status.ok()) return Failed(status, "ENGINE_FAILED");
  }
  return Ended(AssignmentEnded::COMPLETED);
}

absl::Status FlowRunner::ReportStep(const Task& task, engine::Flow& flow, double seconds) {
  const absl::StatusOr<std::string> checkpoint = flow.Save();
  if (!checkpoint.ok()) return checkpoint.status();
  if (task.samples_per_step > 0) {
    const absl::StatusOr<engine::SampleBatch> samples = flow.Samples(task.samples_per_step, std::nullopt);
    if (!samples.ok()) return samples.status();
    const absl::string_view bytes(reinterpret_cast<const char*>(samples->values.data()), samples->values.size() * sizeof(float));
    connection_.SendBlob("samples", {samples->count, samples->dimension}, bytes);
  }
  PassFailpoint(Failpoint::kBeforeWorkerCheckpoint);
  connection_.SendBlob("checkpoint", {}, *checkpoint);
  PassFailpoint(Failpoint::kAfterWorkerCheckpoint);
  {
    absl::MutexLock lock(&mutex_);
    ++unacknowledged_;
  }
  AttachRequest message;
  message.mutable_step_done()->set_assignment(task.assignment);
  *message.mutable_step_done()->mutable_report() = TranslateReport(flow.report(), seconds);
  PassFailpoint(Failpoint::kBeforeWorkerStepDone);
  connection_.Send(message);
  PassFailpoint(Failpoint::kAfterWorkerStepDone);
  return absl::OkStatus();
}

void FlowRunner::SendProgress(int64_t assignment, const engine::InnerProgress& progress) {
  AttachRequest message;
  message.mutable_inner_done()->set_assignment(assignment);
  *message.mutable_inner_done()->mutable_progress() = TranslateProgress(progress);
  connection_.Send(message);
}

void FlowRunner::WaitForWindow(const Task& task) {
  const auto open = [&]() ABSL_SHARED_LOCKS_REQUIRED(mutex_) { return unacknowledged_ < kWindow || task.stop.triggered(); };
  absl::MutexLock lock(&mutex_);
  mutex_.Await(absl::Condition(&open));
}

}  // namespace sliceflow::worker
