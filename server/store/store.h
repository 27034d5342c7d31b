// What the daemon keeps, and the one way to it.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "common/metrics.h"
#include "server/store/rows.h"

namespace sliceflow::store {

// Thread-safe. A call returns once what it wrote is durable. Errors besides those named: NotFound; Aborted when a version is not the one
// stored; ResourceExhausted for a full disk; DataLoss for a damaged database; Unavailable otherwise.
class Store {
 public:
  virtual ~Store() = default;

  // Adds a job at version 1 with its first events and gives it its number. With a request id that was used: AlreadyExists, changing
  // nothing. An empty request id is not remembered. NotFound when a data set it refers to is not there. A fork gets copies of its parent's
  // step rows, which name the parent's blobs; FailedPrecondition when the last of them has no checkpoint (any more).
  virtual absl::Status CreateJob(JobCommit commit, absl::string_view owner, absl::string_view request_id,
                                 absl::string_view request_hash) = 0;

  // The job made for a request id, with the hash it was made with; nullopt when the id was not used.
  struct RequestRow {
    std::string job_id;
    std::string request_hash;
  };
  virtual absl::StatusOr<std::optional<RequestRow>> FindRequest(absl::string_view owner, absl::string_view request_id) = 0;

  // Replaces state, last_sequence, worker_failures, times and `job` of the row. InvalidArgument when the events leave a gap.
  virtual absl::Status Commit(const JobCommit& commit) = 0;
  virtual absl::StatusOr<JobRow> GetJob(absl::string_view id) = 0;
  virtual absl::StatusOr<std::vector<JobRow>> ListJobs(const JobQuery& query) = 0;
  virtual absl::StatusOr<int64_t> CountJobs(const std::vector<int>& states) = 0;
  // Kept up to date by every commit: reading it costs one row. All 0 for an owner that has nothing.
  virtual absl::StatusOr<UsageRow> GetUsage(absl::string_view owner) = 0;
  // The sum over all owners that ever had something.
  virtual absl::StatusOr<UsageRow> GetUsageOfAll() = 0;
  // With its events, steps and request id; its number is not used again.
  virtual absl::Status DeleteJob(absl::string_view id, int64_t version) = 0;

  // Ids of at most `limit` deleted jobs whose purge time has come, those due first first.
  virtual absl::StatusOr<std::vector<std::string>> JobsToPurge(int64_t now_us, int limit) = 0;
  // Ids of at most `limit` jobs that have ended, are not deleted and are beyond the bounds, those that ended first first.
  virtual absl::StatusOr<std::vector<std::string>> JobsBeyond(const RetentionBounds& bounds, int limit) = 0;
  // Ids of at most `limit` jobs that have ended and whose removal brings the bytes of all jobs' samples and checkpoints down to
  // `max_bytes`, or as near as it can: deleted ones, those deleted first first, then the others, those that ended first first.
  virtual absl::StatusOr<std::vector<std::string>> JobsBeyondBytes(int64_t max_bytes, int limit) = 0;
  // Ids of at most `limit` jobs that hold more events than `max_events`.
  virtual absl::StatusOr<std::vector<std::string>> JobsWithLongLogs(int64_t max_events, int limit) = 0;

  // Events after a sequence in order, at most `limit` and about `max_bytes` (always one where there is one).
  virtual absl::StatusOr<std::vector<EventRow>> ReadEvents(absl::string_view job_id, int64_t after, int limit, int64_t max_bytes) = 0;

  virtual absl::StatusOr<StepRow> GetStep(absl::string_view job_id, int step) = 0;
  // Steps with samples whose events are below a sequence, in order.
  virtual absl::StatusOr<std::vector<StepRow>> StepsWithSamples(absl::string_view job_id, int64_t before_sequence) = 0;
  // Steps with a kept checkpoint, newest first.
  virtual absl::StatusOr<std::vector<StepRow>> KeptSteps(absl::string_view job_id) = 0;
  // Of a fork, by last_step; empty of another job.
  virtual absl::StatusOr<std::vector<ForkAncestor>> ForkAncestors(absl::string_view job_id) = 0;
  // Whether the same step of a fork of the job refers to a blob.
  virtual absl::StatusOr<bool> IsSharedByForks(absl::string_view job_id, int step, absl::string_view key) = 0;
  // Blob keys under a prefix, the folder of a job, that steps of its forks refer to.
  virtual absl::StatusOr<std::vector<std::string>> KeysSharedByForks(absl::string_view job_id, absl::string_view prefix) = 0;
  // Every blob key that anything refers to, under a prefix.
  virtual absl::StatusOr<std::vector<std::string>> ReferencedKeys(absl::string_view prefix) = 0;

  // AlreadyExists when the owner has the id already.
  virtual absl::Status CreateDataset(DatasetRow row) = 0;
  virtual absl::StatusOr<DatasetRow> GetDataset(absl::string_view owner, absl::string_view id) = 0;
  // Newest first; those of every owner where none is named.
  virtual absl::StatusOr<std::vector<DatasetRow>> ListDatasets(const std::optional<std::string>& owner,
                                                               std::optional<int64_t> before_number, int limit) = 0;
  // FailedPrecondition when a job refers to it.
  virtual absl::Status DeleteDataset(absl::string_view owner, absl::string_view id) = 0;

  // Ids of jobs that refer to a data set, at most `limit`.
  virtual absl::StatusOr<std::vector<std::string>> JobsUsingDataset(absl::string_view owner, absl::string_view dataset_id, int limit) = 0;

  // Reads and writes a probe; what is wrong with the store, if anything.
  virtual absl::Status CheckHealth() = 0;

  // Reads every page of the database and says whether it is sound: DataLoss where it is damaged. Takes as long as reading the file does,
  // and holds nobody up; one at a time.
  virtual absl::Status CheckIntegrity() = 0;
  // Makes a CheckIntegrity that is running end soon, and later ones at once, with Cancelled.
  virtual void StopChecks() = 0;
};

struct StoreOptions {
  absl::Duration lock_wait = absl::Seconds(5);  // how long another process may still have the folder open
  Metrics* metrics = nullptr;                   // told of commits; must outlive the store
};

// Opens or makes DIR/sliceflow.db (WAL, synchronous=FULL, foreign keys) and brings its schema up to date. The folder is made when missing.
// FailedPrecondition when the schema is newer than this program, when the file belongs to another one, when there is none beside files that
// need it (reason DATABASE_MISSING), or when another process still has the folder open after `lock_wait`; DataLoss when the database is
// damaged so much that it cannot be opened: CheckIntegrity looks closer.
absl::StatusOr<std::unique_ptr<Store>> OpenSqliteStore(const std::string& folder, const StoreOptions& options = {});

}  // namespace sliceflow::store
