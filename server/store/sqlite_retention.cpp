// What is to go: deleted jobs whose time has come, ended ones beyond the bounds, old events of long logs.
#include "server/store/sqlite_store.h"

namespace sliceflow::store {
namespace {

absl::StatusOr<std::vector<std::string>> Texts(Statement& read) {
  std::vector<std::string> texts;
  while (read.Next()) texts.push_back(read.Bytes(0));
  if (!read.status().ok()) return read.status();
  return texts;
}

}  // namespace

absl::Status DropEvents(Connection& connection, absl::string_view job_id, int64_t before_sequence) {
  Statement samples =
      connection.Prepare("UPDATE steps SET samples_key = '', samples_bytes = 0 WHERE job_id = ? AND sequence < ? AND samples_key <> ''");
  absl::Status status = samples.BindText(job_id).Bind(before_sequence).Run();
  if (!status.ok()) return status;
  status = connection.Prepare("DELETE FROM events WHERE job_id = ? AND sequence < ?").BindText(job_id).Bind(before_sequence).Run();
  if (!status.ok()) return status;
  return connection.Prepare("UPDATE jobs SET first_sequence = ? WHERE id = ?").Bind(before_sequence).BindText(job_id).Run();
}

absl::StatusOr<std::vector<std::string>> SqliteStore::JobsToPurge(int64_t now_us, int limit) {
  absl::MutexLock lock(&read_mutex_);
  Statement read = reader_->Prepare("SELECT id FROM jobs WHERE purge_time_us > 0 AND purge_time_us <= ? ORDER BY purge_time_us LIMIT ?");
  read.Bind(now_us).Bind(limit);
  return Texts(read);
}

absl::StatusOr<std::vector<std::string>> SqliteStore::JobsBeyond(const RetentionBounds& bounds, int limit) {
  absl::MutexLock lock(&read_mutex_);
  Statement read = reader_->Prepare(
      "SELECT id FROM (SELECT id, end_time_us, number, "
      "row_number() OVER (PARTITION BY owner ORDER BY end_time_us DESC, number DESC) AS place "
      "FROM jobs WHERE end_time_us > 0 AND delete_time_us = 0) "
      "WHERE end_time_us < ? OR place > ? ORDER BY end_time_us, number LIMIT ?");
  read.Bind(bounds.ended_before_us).Bind(bounds.max_jobs).Bind(limit);
  return Texts(read);
}

absl::StatusOr<std::vector<std::string>> SqliteStore::JobsBeyondBytes(int64_t max_bytes, int limit) {
  absl::MutexLock lock(&read_mutex_);
  // A job goes for as long as those before it free too little. One that stores nothing would free nothing.
  Statement read = reader_->Prepare(
      "WITH stored AS (SELECT id, stored_bytes, end_time_us, row_number() OVER (ORDER BY delete_time_us = 0, delete_time_us, end_time_us, "
      "id) "
      "AS place FROM jobs WHERE stored_bytes > 0 AND end_time_us > 0) "
      "SELECT id FROM (SELECT id, place, sum(stored_bytes) OVER (ORDER BY place) - stored_bytes AS freed_before FROM stored) "
      "WHERE freed_before < (SELECT sum(stored_bytes) FROM jobs WHERE stored_bytes > 0) - ? ORDER BY place LIMIT ?");
  read.Bind(max_bytes).Bind(limit);
  return Texts(read);
}

absl::StatusOr<std::vector<std::string>> SqliteStore::JobsWithLongLogs(int64_t max_events, int limit) {
  absl::MutexLock lock(&read_mutex_);
  Statement read =
      reader_->Prepare("SELECT id FROM jobs WHERE last_sequence > first_sequence AND last_sequence - first_sequence >= ? LIMIT ?");
  read.Bind(max_events).Bind(limit);
  return Texts(read);
}

absl::StatusOr<std::vector<StepRow>> SqliteStore::StepsWithSamples(absl::string_view job_id, int64_t before_sequence) {
  absl::MutexLock lock(&read_mutex_);
  Statement read = reader_->Prepare(
      "SELECT step, sequence, samples_key, samples_shape, checkpoint_key FROM steps WHERE job_id = ? AND sequence < ? AND samples_key <> "
      "'' "
      "ORDER BY step");
  read.BindText(job_id).Bind(before_sequence);
  return ReadStepRows(read);
}

}  // namespace sliceflow::store
