// A job's life: what may happen to it and when. Commands of users and reports of the scheduler become durable events here.
#pragma once

#include <cstdint>
#include <functional>
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
#include "server/jobs/assignment.h"
#include "server/jobs/kept_step.h"
#include "server/jobs/listener.h"
#include "server/jobs/quota.h"
#include "server/jobs/retention.h"
#include "server/jobs/run_notes.h"
#include "server/jobs/sample_cache.h"
#include "server/jobs/scope.h"
#include "server/store/blob_store.h"
#include "server/store/disk_room.h"
#include "sliceflow/v1/job.pb.h"

namespace sliceflow::jobs {

// State machine: QUEUED → RUNNING → SUCCEEDED | FAILED; QUEUED, RUNNING, PAUSED → CANCELLED; QUEUED, RUNNING → PAUSED → QUEUED; RUNNING →
// QUEUED when its worker is lost or it makes room for another.
// Thread-safe. Every method answers after what it did is durable. Commands take effect on the newest version: a lost race is tried again.
// A user's command names its scope, and what lies outside is NotFound as what does not exist; the scheduler's calls have none.
// Checkpoints kept: step 0, every `checkpoint_every`-th, the last, and always the newest, from which a job goes on.
class Jobs {
 public:
  // All must outlive this. `listener` may be set later, once, before the first command.
  Jobs(events::EventLog& log, store::Store& store, store::BlobStore& blobs, Clock& clock, RetryDelays retry_delays = {},
       const RetentionOptions& retention = {});
  void SetListener(Listener* listener) { listener_ = listener; }
  // What owners may use, before the first command; nothing is bounded without. They must outlive this.
  void SetQuotas(const Quotas* quotas) { quotas_ = quotas; }
  // Where room on the disk is asked for, before the first command; it must outlive this. Without, a full disk shows in what is written.
  void SetDisk(store::DiskRoom* disk) { disk_ = disk; }

  // Worker failures in a row without a new step after which a job fails (reason WORKER_LOST).
  static constexpr int kMaxAssignmentsWithoutProgress = 5;

  // Times a command is tried again after it lost a race, before it answers Aborted.
  static constexpr int kMaxRaces = 32;

  // Counts the steps that waiting jobs of older schemas have still to do, puts RUNNING jobs back to QUEUED (nothing runs when a daemon
  // starts) and answers the queue in order.
  absl::StatusOr<std::vector<WaitingJob>> Recover();

  // `job` is valid and complete (the gate saw to that); progress.total_steps, where it is 0, follows from the schedule. With a request id
  // that was used: the job of then, if its hash (RequestHash of what came, before the gate) was the same, else AlreadyExists. ResourceExhausted with QuotaFailure beyond
  // `max_active_jobs` and the owner's quota, with reason DISK_FULL where the disk has little room left.
  absl::StatusOr<v1::Job> Create(v1::Job job, const std::string& owner, const std::string& request_id, const std::string& request_hash,
                                 int max_active_jobs);
  absl::StatusOr<v1::Job> Get(const Scope& scope, const std::string& job_id);
  // A page of jobs, shorter than asked for where they are large (always one where there is one); `next_number` continues it.
  struct Page {
    std::vector<v1::Job> jobs;
    std::optional<int64_t> next_number;
  };
  absl::StatusOr<Page> List(const Scope& scope, store::JobQuery query);
  // A cancelled job stays as it is. FailedPrecondition (reason JOB_ENDED) when it ended otherwise; Aborted (reason ETAG_MISMATCH).
  absl::StatusOr<v1::Job> Cancel(const Scope& scope, const std::string& job_id, const std::string& etag);
  // A paused job stays as it is; FailedPrecondition and Aborted as for Cancel.
  absl::StatusOr<v1::Job> Pause(const Scope& scope, const std::string& job_id, const std::string& etag);
  // Only of a paused job anything changes; FailedPrecondition and Aborted as for Cancel.
  absl::StatusOr<v1::Job> Resume(const Scope& scope, const std::string& job_id, const std::string& etag);
  // Until its purge time a deleted job stays as it is. FailedPrecondition (reason JOB_NOT_ENDED) while it has not ended.
  absl::StatusOr<v1::Job> Delete(const Scope& scope, const std::string& job_id, const std::string& etag);
  // FailedPrecondition (reason JOB_NOT_DELETED).
  absl::StatusOr<v1::Job> Undelete(const Scope& scope, const std::string& job_id, const std::string& etag);
  // For good, deleted or not; answers the job as it was. Errors as of Delete.
  absl::StatusOr<v1::Job> Purge(const Scope& scope, const std::string& job_id, const std::string& etag);

  // The newest kept step where none is named. Errors as of FindKeptStep.
  absl::StatusOr<ForkPoint> FindForkPoint(const Scope& scope, const std::string& job_id, std::optional<int> step);
  // As Create, of a job that goes on from `job.fork_origin` (of a FindForkPoint), with owner and progress.total_steps set. `requester`:
  // whose request ids are asked; `request_hash` tells whether the request is the same. FailedPrecondition, besides, when the step's
  // checkpoint is not kept any more, or with reason FORK_TOO_DEEP.
  absl::StatusOr<v1::Job> Fork(v1::Job job, const std::string& requester, const std::string& request_id, const std::string& request_hash,
                               int max_active_jobs);
  // The job that a request made, if it was made before; AlreadyExists where the id was used with another hash.
  absl::StatusOr<std::optional<v1::Job>> FindRequested(const std::string& requester, const std::string& request_id,
                                                       const std::string& request_hash);

  // A bounded piece of what retention asks for; whether there is more.
  absl::StatusOr<bool> Tidy();
  // As EventLog::StartWatch.
  absl::StatusOr<std::unique_ptr<events::Watch>> StartWatch(const Scope& scope, const std::string& job_id, int64_t after_sequence,
                                                            bool inner_progress, std::function<void()> wake);

  // QUEUED → RUNNING on `device`, such as `NODE/cpu`. FailedPrecondition when it is not queued any more. Where checkpoints are damaged, the
  // newest good one is taken and a warning logged to the job.
  absl::StatusOr<Assignment> Start(const std::string& job_id, const std::string& device);
  // A step was computed: blobs first, then event and projection in one commit. Repeated reports of a stored step change nothing, except
  // that a checkpoint which was dropped as damaged is put back. FailedPrecondition (reason STEP_OUT_OF_ORDER) for a step that skips one.
  // The first step that an assignment adds ends the row of worker failures.
  // Aborted (reason STALE_ASSIGNMENT) when the assignment is not the job's current one or the job is not RUNNING. ResourceExhausted when
  // the owner may not store its bytes (reason QUOTA_EXCEEDED) or the disk has no room for them (DISK_FULL).
  absl::Status RecordStep(const std::string& job_id, int64_t assignment, v1::StepReport report, const Tensor& samples,
                          const std::string& checkpoint);
  // A step that was computed cannot be stored for now, and waits: tells so in the job's log.
  absl::Status NoteHeldUp(const std::string& job_id, int64_t assignment, int step, const absl::Status& why);
  void RecordProgress(const std::string& job_id, int64_t assignment, const v1::InnerProgress& progress);
  // The most memory that a running job was seen to take; stored with its next change.
  void NotePeak(const std::string& job_id, int64_t bytes) { notes_.NotePeak(job_id, bytes); }
  // Completed with steps missing counts as a lost worker. Repeating what was said changes nothing.
  absl::Status Finish(const std::string& job_id, int64_t assignment, const Outcome& outcome);
  // The worker is gone: RUNNING → QUEUED (then OnQueued, to be tried again at retry_time), or FAILED when it happened too often without
  // progress.
  absl::Status LoseWorker(const std::string& job_id, int64_t assignment, const std::string& reason);
  // The worker could not use the checkpoint of `step`: it is dropped and the job queued again from the one before.
  absl::Status RefuseCheckpoint(const std::string& job_id, int64_t assignment, int step, const std::string& reason);

  // The checkpoint of a step, or of the newest kept one. FailedPrecondition (reason CHECKPOINT_NOT_KEPT, naming the kept steps);
  // DataLoss where the file is damaged or gone.
  absl::StatusOr<Checkpoint> LoadCheckpoint(const std::string& job_id, std::optional<int> step);
  // The step that LoadCheckpoint begins with, without reading its checkpoint; errors as there.
  absl::StatusOr<KeptStep> FindKeptStep(const Scope& scope, const std::string& job_id, std::optional<int> step);
  // The samples stored with a step, for a watch that was started; shared: the newest few are cached.
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
  absl::StatusOr<Applied> Apply(const std::string& job_id, Decide decide) { return Apply(Scope::Everyone(), job_id, decide); }
  absl::StatusOr<Applied> Apply(const Scope& scope, const std::string& job_id, Decide decide);
  absl::StatusOr<events::JobView> View(const Scope& scope, const std::string& job_id);

  // Who asks, and how the request is known again.
  struct Requested {
    std::string by;
    std::string id;
    std::string hash;
  };
  absl::StatusOr<v1::Job> CreateOnce(v1::Job job, const Requested& requested, int max_active_jobs);
  absl::StatusOr<v1::Job> CreateWithinQuota(v1::Job job, const Requested& requested, int max_active_jobs);
  // Whether one more job with so many steps to compute may be queued.
  absl::Status CheckQuota(const std::string& owner, int64_t steps, int max_active_jobs);
  // An owner gets another job while it has fewer that have not ended than the server has places left: one alone half of them.
  absl::Status CheckActive(const std::string& owner, int max_active_jobs);
  // The worker is gone: queued again, or failed when it happened too often.
  Decision DecideLoss(const events::JobView& view, const std::string& reason) const;
  // The end of an assignment: makes the change and tells the listener where the job is queued again.
  absl::Status End(const std::string& job_id, Decide decide);
  absl::StatusOr<std::vector<WaitingJob>> AllJobs(store::JobQuery query);
  // Of jobs that an older schema stored.
  absl::Status CountPendingSteps();
  WaitingJob Describe(const v1::Job& job) const;
  void TellQueued(const v1::Job& job);

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
  // Of a row that was read before and whose file is not there: NotFound where it has been dropped since, else DataLoss.
  absl::Status WhyMissing(const std::string& job_id, const store::StepRow& row);
  // After the commit that dropped them. What cannot be removed now is swept after the next start.
  void DeleteCheckpoints(const std::string& job_id, const std::vector<int>& steps);
  // The same of a blob of a step and of all that the job has, but for what forks share.
  void ReleaseBlob(const std::string& job_id, int step, const std::string& key);
  void ReleaseFolder(const std::string& job_id);
  absl::Status Remove(const events::JobView& view);
  // What makes room on the disk, or stops what takes it, also goes through where the disk is full.
  absl::StatusOr<v1::Job> EvenOnAFullDisk(absl::FunctionRef<absl::StatusOr<v1::Job>()> command);
  absl::Status CheckDisk(int64_t bytes) const { return disk_ == nullptr ? absl::OkStatus() : disk_->Check(bytes); }
  absl::StatusOr<v1::Job> CancelOnce(const Scope& scope, const std::string& job_id, const std::string& etag);
  absl::StatusOr<v1::Job> DeleteOnce(const Scope& scope, const std::string& job_id, const std::string& etag);

  // What the checkpoint of a step was made from: a job of `spec` and `fork_origin`.
  absl::StatusOr<v1::Job> MadeFrom(const v1::Job& job, int step);
  absl::StatusOr<std::vector<v1::JobEvent>> StepEvents(const std::string& job_id, int last_step);
  // Adds to a new job what it shares with its parent.
  absl::Status ShareSteps(events::Change& change);

  // Pieces of Tidy.
  absl::StatusOr<bool> PurgeDue();
  absl::StatusOr<bool> DeleteBeyond();
  absl::StatusOr<bool> CutLongLogs();
  absl::StatusOr<bool> PurgeBeyondBytes();
  absl::Status CutLog(const std::string& job_id);

  events::EventLog& log_;
  store::Store& store_;
  store::BlobStore& blobs_;
  Clock& clock_;
  const RetryDelays retry_delays_;
  const RetentionOptions retention_;
  Listener* listener_ = nullptr;
  const Quotas* quotas_ = nullptr;
  store::DiskRoom* disk_ = nullptr;
  absl::Mutex create_mutex_;  // so that the quota holds when jobs are made at once
  SampleCache samples_;
  RunNotes notes_;
};

}  // namespace sliceflow::jobs
