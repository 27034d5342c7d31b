// Data sets and which jobs use them.
#include <cstdint>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "server/store/sqlite_store.h"

namespace sliceflow::store {
namespace {

constexpr int kUsersNamed = 3;  // jobs named in the refusal to delete

DatasetRow ReadDatasetRow(const Statement& row) {
  return DatasetRow{.id = row.Bytes(0),
                    .number = row.Int(1),
                    .sha256 = row.Bytes(2),
                    .format = row.Bytes(3),
                    .blob_key = row.Bytes(4),
                    .dataset = row.Bytes(5)};
}

absl::Status DatasetNotFound(absl::string_view id) { return absl::NotFoundError(absl::StrCat("there is no data set ", id)); }

}  // namespace

absl::StatusOr<std::vector<std::string>> SelectJobsUsingDataset(Connection& connection, absl::string_view dataset_id, int limit) {
  Statement read = connection.Prepare(
      "SELECT jobs.id FROM job_datasets JOIN jobs ON jobs.number = job_datasets.job_number WHERE dataset_id = ? ORDER BY jobs.number "
      "LIMIT ?");
  read.BindText(dataset_id).Bind(limit);
  std::vector<std::string> ids;
  while (read.Next()) ids.push_back(read.Bytes(0));
  if (!read.status().ok()) return read.status();
  return ids;
}

absl::Status SqliteStore::CreateDataset(DatasetRow row) {
  absl::MutexLock lock(&write_mutex_);
  Statement insert = writer_->Prepare("INSERT INTO datasets (id, sha256, format, blob_key, dataset) VALUES (?, ?, ?, ?, ?)");
  insert.BindText(row.id).BindText(row.sha256).BindText(row.format);
  absl::Status status = insert.BindText(row.blob_key).BindBytes(row.dataset).Run();
  return insert.constraint_violated() ? absl::AlreadyExistsError(absl::StrCat("there is a data set ", row.id)) : status;
}

absl::StatusOr<DatasetRow> SqliteStore::GetDataset(absl::string_view id) {
  absl::MutexLock lock(&read_mutex_);
  Statement find = reader_->Prepare("SELECT id, number, sha256, format, blob_key, dataset FROM datasets WHERE id = ?");
  find.BindText(id);
  if (find.Next()) return ReadDatasetRow(find);
  return find.status().ok() ? DatasetNotFound(id) : find.status();
}

absl::StatusOr<std::vector<DatasetRow>> SqliteStore::ListDatasets(std::optional<int64_t> before_number, int limit) {
  absl::MutexLock lock(&read_mutex_);
  Statement read =
      reader_->Prepare("SELECT id, number, sha256, format, blob_key, dataset FROM datasets WHERE number < ? ORDER BY number DESC LIMIT ?");
  read.Bind(before_number.value_or(INT64_MAX)).Bind(limit);
  std::vector<DatasetRow> rows;
  while (read.Next()) rows.push_back(ReadDatasetRow(read));
  if (!read.status().ok()) return read.status();
  return rows;
}

absl::Status SqliteStore::DeleteDataset(absl::string_view id) {
  absl::MutexLock lock(&write_mutex_);
  Transaction transaction(*writer_);
  absl::Status status = transaction.Begin();
  if (!status.ok()) return status;
  const auto users = SelectJobsUsingDataset(*writer_, id, kUsersNamed);
  if (!users.ok()) return users.status();
  if (!users->empty()) {
    return absl::FailedPreconditionError(absl::StrCat("the data set ", id, " is used by ", absl::StrJoin(*users, ", ")));
  }
  status = writer_->Prepare("DELETE FROM datasets WHERE id = ?").BindText(id).Run();
  if (!status.ok()) return status;
  if (writer_->changes() == 0) return DatasetNotFound(id);
  return transaction.Commit();
}

absl::StatusOr<std::vector<std::string>> SqliteStore::JobsUsingDataset(absl::string_view dataset_id, int limit) {
  absl::MutexLock lock(&read_mutex_);
  return SelectJobsUsingDataset(*reader_, dataset_id, limit);
}

}  // namespace sliceflow::store
