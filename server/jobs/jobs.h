// A job's life: what may happen to it and when. Commands of users and reports of the scheduler become durable events here.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "common/clock.h"
#include "common/tensor.h"
#include "server/events/event_log.h"
#include "server/jobs/sample_cache.h"
#include "server/store/blob_store.h"
#include "sliceflow/v1/job.pb.h"

namespace sliceflow::jobs {

// Told of what the scheduler must act on, after it is durable, on the caller's thread and under no lock of Jobs. Calls are short.
class Listener {
 public:
  virtual ~Listener() = default;
  virtual void OnQueued(const std::string& job_id) = 0;
  virtual void OnStopRequested(const std::string& job_id) = 0;  // cancelled (or paused): whoever computes it gives up
};

// A job handed to a worker.
struct Assignment {
  int64_t number = 0;  // progress.assignments of the job: reports of older assignments are refused
  v1::Job job;
  std::optional<int> checkpoint_step;  // the newest kept step, unset to start from the beginning
  std::string checkpoint;
};

// How an assignment ended. A failure belongs to the job: another try would end the same. Stopped without the job being cancelled (the worker
// was told to leave) queues the job again.
struct Outcome {
  enum class Kind { kCompleted, kStopped, kFailed };
  Kind kind = Kind::kCompleted;
  absl::Status error;  // kFailed
};

// A kept step's checkpoint with what it was made from.
struct Checkpoint {
  v1::FlowSpec spec;
  int step = 0;
  std::string bytes;
};

// A kept step, and what it was computed from.
struct KeptStep {
  v1::FlowSpec spec;
  int step = 0;
};

// State machine: QUEUED → RUNNING → SUCCEEDED | FAILED; QUEUED, RUNNING, PAUSED → CANCELLED; RUNNING → QUEUED when its worker is lost.
// Thread-safe. Every method answers after what it did is durable. Commands take effect on the newest version: a lost race is tried again.
// Checkpoints kept: step 0, every `checkpoint_every`-th, the last, and always the newest, from which a job goes on.
class Jobs {
 public:
  // All must outlive this. `listener` may be set later, once, before the first command.
  Jobs(events::EventLog& log, store::Store& store, store::BlobStore& blobs, Clock& clock);
  void SetListener(Listener* listener) { listener_ = listener; }

  // Worker failures in a row without a new step after which a job fails (reason WORKER_LOST).
  static constexpr int kMaxAssignmentsWithoutProgress = 5;

  // Times a command is tried again after it lost a race, before it answers Aborted.
  static constexpr int kMaxRaces = 32;

  // Puts RUNNING jobs back to QUEUED (nothing runs when a daemon starts), sweeps blobs nothing refers to, and answers the queue in order.
  absl::StatusOr<std::vector<std::string>> Recover();

  // `job` is valid and complete (the gate saw to that); progress.total_steps, where it is 0, follows from the schedule. With a request id that was used: the job of then, if it was the same request,
  // else AlreadyExists. ResourceExhausted with QuotaFailure beyond `max_active_jobs`.
  absl::StatusOr<v1::Job> Create(v1::Job job, const std::string& owner, const std::string& request_id, int max_active_jobs);
  absl::StatusOr<v1::Job> Get(const std::string& job_id);
  // A page of jobs, shorter than asked for where they are large (always one where there is one); `next_number` continues it.
  struct Page {
    std::vector<v1::Job> jobs;
    std::optional<int64_t> next_number;
  };
  absl::StatusOr<Page> List(store::JobQuery query);
  // A cancelled job stays as it is. FailedPrecondition (reason JOB_ENDED) when it ended otherwise; Aborted (reason ETAG_MISMATCH).
  absl::StatusOr<v1::Job> Cancel(const std::string& job_id, const std::string& etag);
  // FailedPrecondition (reason JOB_NOT_ENDED) while it has not ended.
  absl::Status Delete(const std::string& job_id, const std::string& etag);

  // QUEUED → RUNNING. FailedPrecondition when it is not queued any more. Where checkpoints are damaged, the newest good one is taken and
  // a warning logged to the job.
  absl::StatusOr<Assignment> Start(const std::string& job_id);
  // A step was computed: blobs first, then event and projection in one commit. Repeated reports of a stored step change nothing, except
  // that a checkpoint which was dropped as damaged is put back. FailedPrecondition (reason STEP_OUT_OF_ORDER) for a step that skips one.
  // The first step that an assignment adds ends the row of worker failures.
  // Aborted (reason STALE_ASSIGNMENT) when the assignment is not the job's current one or the job is not RUNNING.
  absl::Status RecordStep(const std::string& job_id, int64_t assignment, v1::StepReport report, const Tensor& samples,
                          const std::string& checkpoint);
  void RecordProgress(const std::string& job_id, int64_t assignment, const v1::InnerProgress& progress);
  // Completed with steps missing counts as a lost worker. Repeating what was said changes nothing.
  absl::Status Finish(const std::string& job_id, int64_t assignment, const Outcome& outcome);
  // The worker is gone: RUNNING → QUEUED (then OnQueued), or FAILED when it happened too often without progress.
  absl::Status LoseWorker(const std::string& job_id, int64_t assignment, const std::string& reason);
  // The worker could not use the checkpoint of `step`: it is dropped and the job queued again from the one before.
  absl::Status RefuseCheckpoint(const std::string& job_id, int64_t assignment, int step, const std::string& reason);

  // The checkpoint of a step, or of the newest kept one. FailedPrecondition (reason CHECKPOINT_NOT_KEPT, naming the kept steps).
  absl::StatusOr<Checkpoint> LoadCheckpoint(const std::string& job_id, std::optional<int> step);
  // The step that LoadCheckpoint begins with, without reading its checkpoint; errors as there.
  absl::StatusOr<KeptStep> FindKeptStep(const std::string& job_id, std::optional<int> step);
  // The samples stored with a step, shared: the newest few are cached.
  absl::StatusOr<std::shared_ptr<const Tensor>> LoadSamples(const std::string& job_id, int step);

 private:
  // What to make of the job as it stands: a change, nullopt to leave it, or an error.
  using Decision = absl::StatusOr<std::optional<events::Change>>;
  using Decide = absl::FunctionRef<Decision(const events::JobView&)>;

  // Reads, decides, appends, and again when it lost a race. The job as it is then, and whether it changed.
  struct Applied {
    v1::Job job;
    bool changed = false;
  };
  absl::StatusOr<Applied> Apply(const std::string& job_id, Decide decide);

  absl::StatusOr<v1::Job> CreateWithinQuota(v1::Job job, const std::string& owner, const std::string& request_id, int max_active_jobs);
  absl::StatusOr<v1::Job> AnswerRepeatedRequest(const store::Store::RequestRow& request, const std::string& request_id,
                                                const std::string& hash);
  absl::Status CheckQuota(int max_active_jobs);
  // The worker is gone: queued again, or failed when it happened too often.
  Decision DecideLoss(const events::JobView& view, const std::string& reason) const;
  // The end of an assignment: makes the change and tells the listener where the job is queued again.
  absl::Status End(const std::string& job_id, Decide decide);
  absl::StatusOr<std::vector<std::string>> IdsInState(v1::Job::State state);

  // The newest checkpoint that can be read, and the steps of those newer that cannot.
  struct GoodCheckpoint {
    std::optional<int> step;
    std::string bytes;
    std::vector<int> damaged;
  };
  absl::StatusOr<GoodCheckpoint> FindGoodCheckpoint(const std::string& job_id);
  absl::Status RestoreStep(const std::string& job_id, int64_t assignment, int step, const std::string& checkpoint);
  absl::StatusOr<store::StepRow> WriteStepBlobs(const std::string& job_id, int step, const Tensor& samples, const std::string& checkpoint);
  absl::Status CheckpointNotKept(const std::string& job_id, std::optional<int> step);
  // After the commit that dropped them. What cannot be removed now is swept at the next start.
  void DeleteCheckpoints(const std::string& job_id, const std::vector<int>& steps);

  events::EventLog& log_;
  store::Store& store_;
  store::BlobStore& blobs_;
  Clock& clock_;
  Listener* listener_ = nullptr;
  absl::Mutex create_mutex_;  // so that the quota holds when jobs are made at once
  SampleCache samples_;
};

}  // namespace sliceflow::jobs
