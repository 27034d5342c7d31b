// Data sets and which jobs use them.
#include <cstdint>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "server/store/sqlite_store.h"

namespace sliceflow::store {
namespace {

constexpr int kUsersNamed = 3;  // jobs named in the refusal to delete

DatasetRow ReadDatasetRow(const Statement& row) {
  return DatasetRow{.owner = row.Bytes(0),
                    .id = row.Bytes(1),
                    .number = row.Int(2),
                    .sha256 = row.Bytes(3),
                    .format = row.Bytes(4),
                    .blob_key = row.Bytes(5),
                    .bytes = row.Int(6),
                    .dataset = row.Bytes(7)};
}

absl::Status DatasetNotFound(absl::string_view id) { return absl::NotFoundError(absl::StrCat("there is no data set ", id)); }

// Ids of at most `limit` jobs that refer to a data set.
absl::StatusOr<std::vector<std::string>> SelectUsers(Connection& connection, absl::string_view owner, absl::string_view id, int limit) {
  Statement read = connection.Prepare(
      "SELECT jobs.id FROM datasets JOIN job_datasets ON dataset_number = datasets.number JOIN jobs ON jobs.number = job_number "
      "WHERE datasets.owner = ? AND datasets.id = ? ORDER BY jobs.number LIMIT ?");
  read.BindText(owner).BindText(id).Bind(limit);
  std::vector<std::string> ids;
  while (read.Next()) ids.push_back(read.Bytes(0));
  if (!read.status().ok()) return read.status();
  return ids;
}

}  // namespace

absl::Status SqliteStore::CreateDataset(DatasetRow row) {
  absl::MutexLock lock(&write_mutex_);
  Statement insert =
      writer_->Prepare("INSERT INTO datasets (owner, id, sha256, format, blob_key, bytes, dataset) VALUES (?, ?, ?, ?, ?, ?, ?)");
  insert.BindText(row.owner).BindText(row.id).BindText(row.sha256).BindText(row.format);
  absl::Status status = insert.BindText(row.blob_key).Bind(row.bytes).BindBytes(row.dataset).Run();
  return insert.constraint_violated() ? absl::AlreadyExistsError(absl::StrCat("there is a data set ", row.id)) : status;
}

absl::StatusOr<DatasetRow> SqliteStore::GetDataset(absl::string_view owner, absl::string_view id) {
  absl::MutexLock lock(&read_mutex_);
  Statement find =
      reader_->Prepare("SELECT owner, id, number, sha256, format, blob_key, bytes, dataset FROM datasets WHERE owner = ? AND id = ?");
  find.BindText(owner).BindText(id);
  if (find.Next()) return ReadDatasetRow(find);
  return find.status().ok() ? DatasetNotFound(id) : find.status();
}

absl::StatusOr<std::vector<DatasetRow>> SqliteStore::ListDatasets(const std::optional<std::string>& owner,
                                                                  std::optional<int64_t> before_number, int limit) {
  absl::MutexLock lock(&read_mutex_);
  Statement read = owner.has_value() ? reader_->Prepare(
                                           "SELECT owner, id, number, sha256, format, blob_key, bytes, dataset FROM datasets "
                                           "WHERE owner = ? AND number < ? ORDER BY number DESC LIMIT ?")
                                     : reader_->Prepare(
                                           "SELECT owner, id, number, sha256, format, blob_key, bytes, dataset FROM datasets "
                                           "WHERE number < ? ORDER BY number DESC LIMIT ?");
  if (owner.has_value()) read.BindText(*owner);
  read.Bind(before_number.value_or(INT64_MAX)).Bind(limit);
  std::vector<DatasetRow> rows;
  while (read.Next()) rows.push_back(ReadDatasetRow(read));
  if (!read.status().ok()) return read.status();
  return rows;
}

absl::Status SqliteStore::DeleteDataset(absl::string_view owner, absl::string_view id) {
  absl::MutexLock lock(&write_mutex_);
  Transaction transaction(*writer_);
  absl::Status status = transaction.Begin();
  if (!status.ok()) return status;
  const auto users = SelectUsers(*writer_, owner, id, kUsersNamed);
  if (!users.ok()) return users.status();
  if (!users->empty()) {
    return absl::FailedPreconditionError(absl::StrCat("the data set ", id, " is used by ", absl::StrJoin(*users, ", ")));
  }
  status = writer_->Prepare("DELETE FROM datasets WHERE owner = ? AND id = ?").BindText(owner).BindText(id).Run();
  if (!status.ok()) return status;
  if (writer_->changes() == 0) return DatasetNotFound(id);
  return transaction.Commit();
}

absl::StatusOr<std::vector<std::string>> SqliteStore::JobsUsingDataset(absl::string_view owner, absl::string_view dataset_id, int limit) {
  absl::MutexLock lock(&read_mutex_);
  return SelectUsers(*reader_, owner, dataset_id, limit);
}

}  // namespace sliceflow::store
