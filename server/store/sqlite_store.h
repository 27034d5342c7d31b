// The store on SQLite: one connection that writes, one that reads, each behind its mutex.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "server/store/folder_lock.h"
#include "server/store/sqlite_connection.h"
#include "server/store/store.h"

namespace sliceflow::store {

class SqliteStore final : public Store {
 public:
  // Both connections are to the database at `path`, whose schema is up to date.
  SqliteStore(FolderLock lock, std::string path, std::unique_ptr<Connection> writer, std::unique_ptr<Connection> reader);

  absl::Status CreateJob(JobCommit commit, absl::string_view owner, absl::string_view request_id, absl::string_view request_hash) override;
  absl::StatusOr<std::optional<RequestRow>> FindRequest(absl::string_view owner, absl::string_view request_id) override;
  absl::Status Commit(const JobCommit& commit) override;
  absl::StatusOr<JobRow> GetJob(absl::string_view id) override;
  absl::StatusOr<std::vector<JobRow>> ListJobs(const JobQuery& query) override;
  absl::StatusOr<int64_t> CountJobs(const std::vector<int>& states) override;
  absl::StatusOr<UsageRow> GetUsage(absl::string_view owner) override;
  absl::StatusOr<UsageRow> GetUsageOfAll() override;
  absl::Status DeleteJob(absl::string_view id, int64_t version) override;
  absl::StatusOr<std::vector<std::string>> JobsToPurge(int64_t now_us, int limit) override;
  absl::StatusOr<std::vector<std::string>> JobsBeyond(const RetentionBounds& bounds, int limit) override;
  absl::StatusOr<std::vector<std::string>> JobsBeyondBytes(int64_t max_bytes, int limit) override;
  absl::StatusOr<std::vector<std::string>> JobsWithLongLogs(int64_t max_events, int limit) override;
  absl::StatusOr<std::vector<EventRow>> ReadEvents(absl::string_view job_id, int64_t after, int limit, int64_t max_bytes) override;
  absl::StatusOr<StepRow> GetStep(absl::string_view job_id, int step) override;
  absl::StatusOr<std::vector<StepRow>> StepsWithSamples(absl::string_view job_id, int64_t before_sequence) override;
  absl::StatusOr<std::vector<StepRow>> KeptSteps(absl::string_view job_id) override;
  absl::StatusOr<std::vector<ForkAncestor>> ForkAncestors(absl::string_view job_id) override;
  absl::StatusOr<bool> IsSharedByForks(absl::string_view job_id, int step, absl::string_view key) override;
  absl::StatusOr<std::vector<std::string>> KeysSharedByForks(absl::string_view job_id, absl::string_view prefix) override;
  absl::StatusOr<std::vector<std::string>> ReferencedKeys(absl::string_view prefix) override;
  absl::Status CreateDataset(DatasetRow row) override;
  absl::StatusOr<DatasetRow> GetDataset(absl::string_view owner, absl::string_view id) override;
  absl::StatusOr<std::vector<DatasetRow>> ListDatasets(const std::optional<std::string>& owner, std::optional<int64_t> before_number,
                                                       int limit) override;
  absl::Status DeleteDataset(absl::string_view owner, absl::string_view id) override;
  absl::StatusOr<std::vector<std::string>> JobsUsingDataset(absl::string_view owner, absl::string_view dataset_id, int limit) override;
  absl::Status CheckHealth() override;
  absl::Status CheckIntegrity() override;
  void StopChecks() override;

 private:
  FolderLock lock_;
  const std::string path_;
  absl::Mutex check_mutex_;
  Connection* checking_ ABSL_GUARDED_BY(check_mutex_) = nullptr;
  bool checks_stopped_ ABSL_GUARDED_BY(check_mutex_) = false;
  absl::Mutex write_mutex_;
  std::unique_ptr<Connection> writer_ ABSL_GUARDED_BY(write_mutex_);
  absl::Mutex read_mutex_;
  std::unique_ptr<Connection> reader_ ABSL_GUARDED_BY(read_mutex_);
};

// `(1, 2, 3)` of numbers, for IN.
std::string NumberList(const std::vector<int>& numbers);

// Every blob key under a prefix that a row refers to.
absl::StatusOr<std::vector<std::string>> SelectReferencedKeys(Connection& connection, absl::string_view prefix);
// The rows of a query for step, sequence, samples_key, samples_shape and checkpoint_key.
absl::StatusOr<std::vector<StepRow>> ReadStepRows(Statement& read);

// Removes events below a sequence and what their steps refer to as samples.
absl::Status DropEvents(Connection& connection, absl::string_view job_id, int64_t before_sequence);

// Copies a fork's shared steps and remembers its ancestors, in the transaction that makes the job. FailedPrecondition when the last shared
// step has no checkpoint.
absl::Status InsertFork(Connection& connection, absl::string_view job_id, const Fork& fork);

}  // namespace sliceflow::store
