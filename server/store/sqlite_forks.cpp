// Jobs that share steps: rows are copied, blobs are not.
#include "absl/strings/str_cat.h"
#include "server/store/sqlite_store.h"

namespace sliceflow::store {
namespace {

// In the transaction of the copy, so that the blob is not dropped between the two.
absl::Status CheckCheckpoint(Connection& connection, const Fork& fork) {
  Statement find = connection.Prepare("SELECT 1 FROM steps WHERE job_id = ? AND step = ? AND checkpoint_key <> ''");
  find.BindText(fork.parent_id).Bind(fork.last_step);
  if (find.Next() || !find.status().ok()) return find.status();
  return absl::FailedPreconditionError(absl::StrCat("job ", fork.parent_id, " keeps no checkpoint of step ", fork.last_step));
}

}  // namespace

absl::Status InsertFork(Connection& connection, absl::string_view job_id, const Fork& fork) {
  absl::Status status = CheckCheckpoint(connection, fork);
  if (!status.ok()) return status;
  // The first event tells that the job was made; the steps' follow.
  Statement copy = connection.Prepare(
      "INSERT INTO steps (job_id, step, sequence, samples_key, samples_shape, checkpoint_key) "
      "SELECT ?1, step, CASE WHEN step < ?2 THEN 0 ELSE step - ?2 + 2 END, samples_key, samples_shape, checkpoint_key FROM steps "
      "WHERE job_id = ?3 AND step <= ?4");
  status = copy.BindText(job_id).Bind(fork.first_told_step).BindText(fork.parent_id).Bind(fork.last_step).Run();
  for (const ForkAncestor& ancestor : fork.ancestors) {
    if (!status.ok()) return status;
    Statement insert = connection.Prepare("INSERT INTO fork_ancestors (job_id, last_step, ancestor_id, made_from) VALUES (?, ?, ?, ?)");
    status = insert.BindText(job_id).Bind(ancestor.last_step).BindText(ancestor.job_id).BindBytes(ancestor.made_from).Run();
  }
  return status;
}

absl::StatusOr<std::vector<ForkAncestor>> SqliteStore::ForkAncestors(absl::string_view job_id) {
  absl::MutexLock lock(&read_mutex_);
  Statement read = reader_->Prepare("SELECT last_step, ancestor_id, made_from FROM fork_ancestors WHERE job_id = ? ORDER BY last_step");
  read.BindText(job_id);
  std::vector<ForkAncestor> ancestors;
  while (read.Next()) ancestors.push_back(ForkAncestor{static_cast<int>(read.Int(0)), read.Bytes(1), read.Bytes(2)});
  if (!read.status().ok()) return read.status();
  return ancestors;
}

absl::StatusOr<bool> SqliteStore::IsSharedByForks(absl::string_view job_id, int step, absl::string_view key) {
  absl::MutexLock lock(&read_mutex_);
  Statement find = reader_->Prepare(
      "SELECT 1 FROM fork_ancestors JOIN steps USING (job_id) WHERE ancestor_id = ?1 AND step = ?2 "
      "AND (checkpoint_key = ?3 OR samples_key = ?3)");
  find.BindText(job_id).Bind(step).BindText(key);
  const bool found = find.Next();
  if (!find.status().ok()) return find.status();
  return found;
}

absl::StatusOr<std::vector<std::string>> SqliteStore::KeysSharedByForks(absl::string_view job_id, absl::string_view prefix) {
  absl::MutexLock lock(&read_mutex_);
  Statement read = reader_->Prepare(
      "WITH forks AS (SELECT DISTINCT job_id FROM fork_ancestors WHERE ancestor_id = ?1) "
      "SELECT key FROM (SELECT samples_key AS key FROM steps JOIN forks USING (job_id) "
      "UNION SELECT checkpoint_key FROM steps JOIN forks USING (job_id)) WHERE key <> '' AND substr(key, 1, length(?2)) = ?2");
  read.BindText(job_id).BindText(prefix);
  std::vector<std::string> keys;
  while (read.Next()) keys.push_back(read.Bytes(0));
  if (!read.status().ok()) return read.status();
  return keys;
}

}  // namespace sliceflow::store
