// What changes a job: each call one transaction.
#include "server/store/sqlite_store.h"

#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/store/data_folder.h"
#include "server/store/sqlite_schema.h"

namespace sliceflow::store {
namespace {

absl::Status JobNotFound(absl::string_view id) { return absl::NotFoundError(absl::StrCat("there is no job ", id)); }

// Events go on from `last` by one each and end where the row says.
absl::Status CheckSequences(const JobCommit& commit, int64_t last) {
  for (const EventRow& event : commit.events) {
    if (event.sequence != ++last) return absl::InvalidArgumentError(absl::StrCat("event ", event.sequence, " where ", last, " comes next"));
  }
  if (commit.row.last_sequence == last) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat("last_sequence ", commit.row.last_sequence, " where the log ends at ", last));
}

absl::Status InsertEvents(Connection& connection, const JobCommit& commit) {
  for (const EventRow& event : commit.events) {
    Statement insert = connection.Prepare("INSERT INTO events (job_id, sequence, time_us, event) VALUES (?, ?, ?, ?)");
    absl::Status status = insert.BindText(commit.row.id).Bind(event.sequence).Bind(event.time_us).BindBytes(event.event).Run();
    if (!status.ok()) return status;
  }
  return absl::OkStatus();
}

std::string PackShape(const std::vector<int64_t>& shape) {
  std::string bytes(shape.size() * sizeof(int64_t), '\0');
  if (!shape.empty()) std::memcpy(bytes.data(), shape.data(), bytes.size());
  return bytes;
}

absl::Status WriteStep(Connection& connection, const JobCommit& commit) {
  if (commit.step.has_value()) {
    const std::string shape = PackShape(commit.step->samples_shape);
    // No OR REPLACE: that would take the old row away without the trigger that counts its bytes.
    Statement write = connection.Prepare(
        "INSERT INTO steps (job_id, step, sequence, samples_key, samples_shape, checkpoint_key, samples_bytes, checkpoint_bytes) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (job_id, step) DO UPDATE SET sequence = excluded.sequence, "
        "samples_key = excluded.samples_key, samples_shape = excluded.samples_shape, checkpoint_key = excluded.checkpoint_key, "
        "samples_bytes = excluded.samples_bytes, checkpoint_bytes = excluded.checkpoint_bytes");
    write.BindText(commit.row.id).Bind(commit.step->step).Bind(commit.step->sequence).BindText(commit.step->samples_key);
    write.BindBytes(shape).BindText(commit.step->checkpoint_key);
    absl::Status status = write.Bind(commit.step->samples_bytes).Bind(commit.step->checkpoint_bytes).Run();
    if (!status.ok()) return status;
  }
  for (const int step : commit.dropped_checkpoints) {
    Statement drop = connection.Prepare("UPDATE steps SET checkpoint_key = '', checkpoint_bytes = 0 WHERE job_id = ? AND step = ?");
    absl::Status status = drop.BindText(commit.row.id).Bind(step).Run();
    if (!status.ok()) return status;
  }
  return absl::OkStatus();
}

absl::Status InsertLabels(Connection& connection, const JobRow& row, int64_t number) {
  for (const auto& [key, value] : row.labels) {
    Statement insert = connection.Prepare("INSERT INTO job_labels (key, value, job_number) VALUES (?, ?, ?)");
    absl::Status status = insert.BindText(key).BindText(value).Bind(number).Run();
    if (!status.ok()) return status;
  }
  return absl::OkStatus();
}

// In the job's own transaction, so that no data set is deleted between the check and the job.
absl::Status InsertDatasetReferences(Connection& connection, const JobRow& row, int64_t number) {
  for (const std::string& dataset : row.datasets) {
    Statement insert = connection.Prepare(
        "INSERT OR IGNORE INTO job_datasets (dataset_number, job_number) SELECT number, ?1 FROM datasets WHERE owner = ?2 AND id = ?3");
    absl::Status status = insert.Bind(number).BindText(row.owner).BindText(dataset).Run();
    if (!status.ok()) return status;
    if (connection.changes() == 0) return absl::NotFoundError(absl::StrCat("there is no data set ", dataset));
  }
  return absl::OkStatus();
}

absl::Status InsertRequest(Connection& connection, absl::string_view job_id, absl::string_view owner, absl::string_view request_id,
                           absl::string_view request_hash) {
  if (request_id.empty()) return absl::OkStatus();
  Statement insert = connection.Prepare("INSERT INTO requests (owner, request_id, request_hash, job_id) VALUES (?, ?, ?, ?)");
  absl::Status status = insert.BindText(owner).BindText(request_id).BindText(request_hash).BindText(job_id).Run();
  if (insert.constraint_violated()) return absl::AlreadyExistsError(absl::StrCat("the request id ", request_id, " was used"));
  return status;
}

// The number given to the new row.
absl::StatusOr<int64_t> InsertJob(Connection& connection, const JobRow& row) {
  Statement insert = connection.Prepare(
      "INSERT INTO jobs (id, version, state, create_time_us, display_name, owner, priority, device, last_sequence, worker_failures, "
      "pending_steps, job) VALUES (?, 1, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING number");
  insert.BindText(row.id).Bind(row.state).Bind(row.create_time_us).BindText(row.display_name).BindText(row.owner);
  insert.Bind(row.priority)
      .BindText(row.device)
      .Bind(row.last_sequence)
      .Bind(row.worker_failures)
      .Bind(row.pending_steps)
      .BindBytes(row.job);
  if (!insert.Next()) {
    if (insert.constraint_violated()) return absl::AlreadyExistsError(absl::StrCat("there is a job ", row.id));
    return insert.status();
  }
  const int64_t number = insert.Int(0);
  absl::Status status = insert.Run();  // to the end: the row is there only then
  if (!status.ok()) return status;
  return number;
}

absl::Status UpdateJob(Connection& connection, const JobRow& row) {
  Statement update = connection.Prepare(
      "UPDATE jobs SET version = version + 1, state = ?, last_sequence = ?, worker_failures = ?, pending_steps = ?, end_time_us = ?, "
      "delete_time_us = ?, purge_time_us = ?, job = ? WHERE id = ?");
  update.Bind(row.state).Bind(row.last_sequence).Bind(row.worker_failures).Bind(row.pending_steps);
  update.Bind(row.end_time_us).Bind(row.delete_time_us).Bind(row.purge_time_us);
  return update.BindBytes(row.job).BindText(row.id).Run();
}

// The stored last_sequence, where the stored version is `version`.
absl::StatusOr<int64_t> CheckVersion(Connection& connection, absl::string_view id, int64_t version) {
  Statement find = connection.Prepare("SELECT version, last_sequence FROM jobs WHERE id = ?");
  find.BindText(id);
  if (!find.Next()) return find.status().ok() ? JobNotFound(id) : find.status();
  if (find.Int(0) != version) return absl::AbortedError(absl::StrCat("job ", id, " is at version ", find.Int(0), ", not ", version));
  return find.Int(1);
}

}  // namespace

SqliteStore::SqliteStore(FolderLock lock, std::string path, std::unique_ptr<Connection> writer, std::unique_ptr<Connection> reader)
    : lock_(std::move(lock)), path_(std::move(path)), writer_(std::move(writer)), reader_(std::move(reader)) {}

absl::Status SqliteStore::CreateJob(JobCommit commit, absl::string_view owner, absl::string_view request_id,
                                    absl::string_view request_hash) {
  absl::Status status = CheckSequences(commit, 0);
  if (!status.ok()) return status;
  absl::MutexLock lock(&write_mutex_);
  Transaction transaction(*writer_);
  status = transaction.Begin();
  if (!status.ok()) return status;
  const absl::StatusOr<int64_t> number = InsertJob(*writer_, commit.row);
  if (!number.ok()) return number.status();
  status = InsertRequest(*writer_, commit.row.id, owner, request_id, request_hash);
  if (status.ok()) status = InsertLabels(*writer_, commit.row, *number);
  if (status.ok()) status = InsertDatasetReferences(*writer_, commit.row, *number);
  if (status.ok()) status = InsertEvents(*writer_, commit);
  if (status.ok() && commit.fork.has_value()) status = InsertFork(*writer_, commit.row.id, *commit.fork);
  return status.ok() ? transaction.Commit() : status;
}

absl::Status SqliteStore::Commit(const JobCommit& commit) {
  absl::MutexLock lock(&write_mutex_);
  Transaction transaction(*writer_);
  absl::Status status = transaction.Begin();
  if (!status.ok()) return status;
  const absl::StatusOr<int64_t> last = CheckVersion(*writer_, commit.row.id, commit.row.version);
  if (!last.ok()) return last.status();
  status = CheckSequences(commit, *last);
  if (status.ok()) status = UpdateJob(*writer_, commit.row);
  if (status.ok()) status = InsertEvents(*writer_, commit);
  if (status.ok()) status = WriteStep(*writer_, commit);
  if (status.ok() && commit.drop_events_before > 0) status = DropEvents(*writer_, commit.row.id, commit.drop_events_before);
  return status.ok() ? transaction.Commit() : status;
}

absl::Status SqliteStore::DeleteJob(absl::string_view id, int64_t version) {
  absl::MutexLock lock(&write_mutex_);
  Transaction transaction(*writer_);
  absl::Status status = transaction.Begin();
  if (!status.ok()) return status;
  const absl::StatusOr<int64_t> last = CheckVersion(*writer_, id, version);
  if (!last.ok()) return last.status();
  status = writer_->Prepare("DELETE FROM jobs WHERE id = ?").BindText(id).Run();  // the rest goes with it, by its foreign keys
  return status.ok() ? transaction.Commit() : status;
}

absl::Status SqliteStore::CheckHealth() {
  {
    absl::MutexLock lock(&write_mutex_);
    absl::Status status = writer_->CheckInPlace();
    if (status.ok()) status = writer_->Prepare("UPDATE health SET probe = probe + 1 WHERE id = 0").Run();
    if (!status.ok()) return status;
  }
  absl::MutexLock lock(&read_mutex_);
  Statement read = reader_->Prepare("SELECT probe FROM health WHERE id = 0");
  if (read.Next()) return absl::OkStatus();
  return read.status().ok() ? absl::DataLossError("sliceflow.db has lost its health row") : read.status();
}

absl::Status SqliteStore::CheckIntegrity() {
  {
    // Opened by its name, a file that is gone would be made anew.
    absl::MutexLock lock(&read_mutex_);
    if (absl::Status status = reader_->CheckInPlace(); !status.ok()) return status;
  }
  // A connection of its own: in WAL mode a long read keeps nobody waiting.
  const absl::StatusOr<std::unique_ptr<Connection>> connection = Connection::Open(path_);
  if (!connection.ok()) return connection.status();
  {
    absl::MutexLock lock(&check_mutex_);
    if (checks_stopped_) return absl::CancelledError("the check was stopped");
    checking_ = connection->get();
  }
  absl::Status status = CheckPages(**connection);
  absl::MutexLock lock(&check_mutex_);
  checking_ = nullptr;
  return checks_stopped_ ? absl::CancelledError("the check was stopped") : status;
}

void SqliteStore::StopChecks() {
  absl::MutexLock lock(&check_mutex_);
  checks_stopped_ = true;
  if (checking_ != nullptr) checking_->Interrupt();
}

absl::StatusOr<std::unique_ptr<Store>> OpenSqliteStore(const std::string& folder, const StoreOptions& options) {
  if (absl::Status status = MakeDataFolder(folder); !status.ok()) return status;
  absl::StatusOr<FolderLock> lock = FolderLock::Acquire(folder, options.lock_wait);
  if (!lock.ok()) return lock.status();
  if (absl::Status status = CheckLosesNothing(folder); !status.ok()) return status;
  std::string path = absl::StrCat(folder, "/sliceflow.db");
  absl::StatusOr<std::unique_ptr<Connection>> writer = Connection::Open(path, Connection::IfMissing::kMake);
  if (!writer.ok()) return writer.status();
  if (absl::Status status = Migrate(**writer, folder); !status.ok()) return status;
  (*writer)->SetMetrics(options.metrics);
  absl::StatusOr<std::unique_ptr<Connection>> reader = Connection::Open(path);
  if (!reader.ok()) return reader.status();
  return std::make_unique<SqliteStore>(*std::move(lock), std::move(path), *std::move(writer), *std::move(reader));
}

}  // namespace sliceflow::store
