// What reads jobs, events and steps.
#include <cstring>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "server/store/sqlite_store.h"

namespace sliceflow::store {
namespace {

constexpr char kJobColumns[] =
    "id, number, version, state, create_time_us, display_name, owner, last_sequence, worker_failures, job, priority, device, stored_bytes";
constexpr char kGetJob[] =
    "SELECT id, number, version, state, create_time_us, display_name, owner, last_sequence, worker_failures, job, priority, device, "
    "stored_bytes FROM "
    "jobs "
    "WHERE id = ?";

JobRow ReadJobRow(const Statement& row) {
  JobRow job;
  job.id = row.Bytes(0);
  job.number = row.Int(1);
  job.version = row.Int(2);
  job.state = static_cast<int>(row.Int(3));
  job.create_time_us = row.Int(4);
  job.display_name = row.Bytes(5);
  job.owner = row.Bytes(6);
  job.last_sequence = row.Int(7);
  job.worker_failures = static_cast<int>(row.Int(8));
  job.job = row.Bytes(9);
  job.priority = static_cast<int>(row.Int(10));
  job.device = row.Bytes(11);
  job.stored_bytes = row.Int(12);
  return job;
}

StepRow ReadStepRow(const Statement& row) {
  StepRow step;
  step.step = static_cast<int>(row.Int(0));
  step.sequence = row.Int(1);
  step.samples_key = row.Bytes(2);
  const std::string shape = row.Bytes(3);
  step.samples_shape.resize(shape.size() / sizeof(int64_t));
  if (!step.samples_shape.empty()) std::memcpy(step.samples_shape.data(), shape.data(), step.samples_shape.size() * sizeof(int64_t));
  step.checkpoint_key = row.Bytes(4);
  step.samples_bytes = row.Int(5);
  step.checkpoint_bytes = row.Int(6);
  return step;
}

absl::StatusOr<UsageRow> ReadUsageRow(Statement& read) {
  if (read.Next()) return UsageRow{read.Int(0), read.Int(1), read.Int(2), read.Int(3)};
  if (!read.status().ok()) return read.status();
  return UsageRow();
}

std::string ListSql(const JobQuery& query) {
  std::vector<std::string> conditions = {"TRUE"};
  if (!query.states.empty()) conditions.push_back(absl::StrCat("state IN ", NumberList(query.states)));
  if (!query.excluded_states.empty()) conditions.push_back(absl::StrCat("state NOT IN ", NumberList(query.excluded_states)));
  if (query.owner.has_value()) conditions.push_back(query.owner->empty() ? "owner = ?" : "owner = ? AND owner <> ''");  // as its index says
  if (query.device.has_value()) conditions.push_back("device = ?");
  if (query.lowest_priority.has_value()) conditions.push_back("priority >= ?");
  if (query.highest_priority.has_value()) conditions.push_back("priority <= ?");
  if (!query.with_deleted) conditions.push_back("delete_time_us = 0");
  if (query.without_pending_steps) conditions.push_back("pending_steps = 0");
  if (query.display_name.has_value()) conditions.push_back("display_name = ?");
  for (size_t i = 0; i < query.labels.size(); ++i) {
    conditions.push_back("EXISTS (SELECT 1 FROM job_labels WHERE job_number = number AND key = ? AND value = ?)");
  }
  if (query.created_from_us.has_value()) conditions.push_back("create_time_us >= ?");
  if (query.created_until_us.has_value()) conditions.push_back("create_time_us < ?");
  if (query.after_number.has_value()) conditions.push_back(query.ascending ? "number > ?" : "number < ?");
  return absl::StrCat("SELECT ", kJobColumns, " FROM jobs WHERE ", absl::StrJoin(conditions, " AND "), " ORDER BY number ",
                      query.ascending ? "ASC" : "DESC", " LIMIT ?");
}

void BindQuery(const JobQuery& query, Statement& list) {
  if (query.owner.has_value()) list.BindText(*query.owner);
  if (query.device.has_value()) list.BindText(*query.device);
  if (query.lowest_priority.has_value()) list.Bind(*query.lowest_priority);
  if (query.highest_priority.has_value()) list.Bind(*query.highest_priority);
  if (query.display_name.has_value()) list.BindText(*query.display_name);
  for (const JobQuery::Label& label : query.labels) list.BindText(label.key).BindText(label.value);
  if (query.created_from_us.has_value()) list.Bind(*query.created_from_us);
  if (query.created_until_us.has_value()) list.Bind(*query.created_until_us);
  if (query.after_number.has_value()) list.Bind(*query.after_number);
  list.Bind(query.limit);
}

}  // namespace

std::string NumberList(const std::vector<int>& numbers) { return absl::StrCat("(", absl::StrJoin(numbers, ", "), ")"); }

absl::StatusOr<std::vector<StepRow>> ReadStepRows(Statement& read) {
  std::vector<StepRow> steps;
  while (read.Next()) steps.push_back(ReadStepRow(read));
  if (!read.status().ok()) return read.status();
  return steps;
}

absl::StatusOr<std::optional<Store::RequestRow>> SqliteStore::FindRequest(absl::string_view owner, absl::string_view request_id) {
  absl::MutexLock lock(&read_mutex_);
  Statement find = reader_->Prepare("SELECT job_id, request_hash FROM requests WHERE owner = ? AND request_id = ?");
  find.BindText(owner).BindText(request_id);
  if (find.Next()) return RequestRow{find.Bytes(0), find.Bytes(1)};
  if (!find.status().ok()) return find.status();
  return std::optional<RequestRow>();
}

absl::StatusOr<JobRow> SqliteStore::GetJob(absl::string_view id) {
  absl::MutexLock lock(&read_mutex_);
  Statement find = reader_->Prepare(kGetJob);
  find.BindText(id);
  if (find.Next()) return ReadJobRow(find);
  return find.status().ok() ? absl::NotFoundError(absl::StrCat("there is no job ", id)) : find.status();
}

absl::StatusOr<std::vector<JobRow>> SqliteStore::ListJobs(const JobQuery& query) {
  absl::MutexLock lock(&read_mutex_);
  Statement list = reader_->PrepareOnce(ListSql(query));
  BindQuery(query, list);
  std::vector<JobRow> rows;
  while (list.Next()) rows.push_back(ReadJobRow(list));
  if (!list.status().ok()) return list.status();
  return rows;
}

absl::StatusOr<int64_t> SqliteStore::CountJobs(const std::vector<int>& states) {
  absl::MutexLock lock(&read_mutex_);
  return reader_->QueryInt(absl::StrCat("SELECT count(*) FROM jobs WHERE state IN ", NumberList(states)));
}

absl::StatusOr<UsageRow> SqliteStore::GetUsage(absl::string_view owner) {
  absl::MutexLock lock(&read_mutex_);
  Statement find = reader_->Prepare("SELECT running_jobs, queued_jobs, stored_bytes, pending_steps FROM usage WHERE owner = ?");
  find.BindText(owner);
  return ReadUsageRow(find);
}

absl::StatusOr<UsageRow> SqliteStore::GetUsageOfAll() {
  absl::MutexLock lock(&read_mutex_);
  Statement sum = reader_->Prepare("SELECT sum(running_jobs), sum(queued_jobs), sum(stored_bytes), sum(pending_steps) FROM usage");
  return ReadUsageRow(sum);
}

absl::StatusOr<std::vector<EventRow>> SqliteStore::ReadEvents(absl::string_view job_id, int64_t after, int limit, int64_t max_bytes) {
  absl::MutexLock lock(&read_mutex_);
  Statement read =
      reader_->Prepare("SELECT sequence, time_us, event FROM events WHERE job_id = ? AND sequence > ? ORDER BY sequence LIMIT ?");
  read.BindText(job_id).Bind(after).Bind(limit);
  std::vector<EventRow> events;
  int64_t bytes = 0;
  while ((events.empty() || bytes < max_bytes) && read.Next()) {
    events.push_back(EventRow{read.Int(0), read.Int(1), read.Bytes(2)});
    bytes += static_cast<int64_t>(events.back().event.size());
  }
  if (!read.status().ok()) return read.status();
  return events;
}

absl::StatusOr<StepRow> SqliteStore::GetStep(absl::string_view job_id, int step) {
  absl::MutexLock lock(&read_mutex_);
  Statement find = reader_->Prepare(
      "SELECT step, sequence, samples_key, samples_shape, checkpoint_key, samples_bytes, checkpoint_bytes FROM steps WHERE job_id = ? AND "
      "step = ?");
  find.BindText(job_id).Bind(step);
  if (find.Next()) return ReadStepRow(find);
  return find.status().ok() ? absl::NotFoundError(absl::StrCat("job ", job_id, " has no step ", step)) : find.status();
}

absl::StatusOr<std::vector<StepRow>> SqliteStore::KeptSteps(absl::string_view job_id) {
  absl::MutexLock lock(&read_mutex_);
  Statement read = reader_->Prepare(
      "SELECT step, sequence, samples_key, samples_shape, checkpoint_key, samples_bytes, checkpoint_bytes FROM steps WHERE job_id = ? AND "
      "checkpoint_key <> '' "
      "ORDER BY step DESC");
  read.BindText(job_id);
  return ReadStepRows(read);
}

absl::StatusOr<std::vector<std::string>> SqliteStore::ReferencedKeys(absl::string_view prefix) {
  absl::MutexLock lock(&read_mutex_);
  return SelectReferencedKeys(*reader_, prefix);
}

absl::StatusOr<std::vector<std::string>> SelectReferencedKeys(Connection& connection, absl::string_view prefix) {
  Statement read = connection.Prepare(
      "SELECT key FROM (SELECT samples_key AS key FROM steps UNION ALL SELECT checkpoint_key FROM steps "
      "UNION ALL SELECT blob_key FROM datasets) WHERE key <> '' AND substr(key, 1, length(?1)) = ?1");
  read.BindText(prefix);
  std::vector<std::string> keys;
  while (read.Next()) keys.push_back(read.Bytes(0));
  if (!read.status().ok()) return read.status();
  return keys;
}

}  // namespace sliceflow::store
