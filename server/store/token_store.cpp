#include "server/store/token_store.h"

#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "server/store/data_folder.h"
#include "server/store/folder_lock.h"
#include "server/store/sqlite_connection.h"
#include "server/store/sqlite_schema.h"

namespace sliceflow::store {
namespace {

absl::Status RaiseVersion(Connection& connection) { return connection.Prepare("UPDATE token_changes SET version = version + 1").Run(); }

// The schema is the daemon's to bring up to date while there is one.
absl::Status MakeReady(Connection& connection, const std::string& folder) {
  const absl::StatusOr<int64_t> version = connection.QueryInt("PRAGMA user_version");
  if (!version.ok()) return version.status();
  if (*version == SchemaVersion()) return absl::OkStatus();
  const absl::StatusOr<FolderLock> lock = FolderLock::Acquire(folder, absl::ZeroDuration());
  if (absl::IsFailedPrecondition(lock.status())) {
    return absl::FailedPreconditionError(
        absl::StrCat("the daemon that uses ", folder, " is of another version than this program: use that version, or stop it first"));
  }
  return lock.ok() ? Migrate(connection, folder) : lock.status();
}

class SqliteTokenStore final : public TokenStore {
 public:
  explicit SqliteTokenStore(std::unique_ptr<Connection> connection) : connection_(std::move(connection)) {}

  absl::Status Create(const TokenRow& row) override;
  absl::Status CreateLink(const TokenRow& row, int most) override;
  absl::StatusOr<int> RevokeLinks(absl::string_view job_id, int64_t time_us) override;
  absl::StatusOr<std::vector<TokenRow>> List() override;
  absl::Status Revoke(absl::string_view id, int64_t time_us) override;
  absl::Status RecordUse(absl::string_view id, int64_t time_us) override;
  absl::StatusOr<int64_t> Version() override;

 private:
  absl::Status Insert(const TokenRow& row) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Links that do not count any more.
  absl::Status ForgetLinks(int64_t time_us) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::StatusOr<int> CountLinks(absl::string_view job_id) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  absl::Mutex mutex_;
  std::unique_ptr<Connection> connection_ ABSL_GUARDED_BY(mutex_);
};

absl::Status SqliteTokenStore::Insert(const TokenRow& row) {
  Statement insert = connection_->Prepare(
      "INSERT INTO tokens (id, secret_hash, owner, role, description, create_time_us, expire_time_us, job_id, revoke_time_us, "
      "last_use_time_us) VALUES (?, ?, ?, ?, ?, ?, ?, ?, 0, 0)");
  insert.BindText(row.id).BindBytes(row.secret_hash).BindText(row.owner).Bind(row.role).BindText(row.description);
  absl::Status status = insert.Bind(row.create_time_us).Bind(row.expire_time_us).BindText(row.job_id).Run();
  return status.ok() ? RaiseVersion(*connection_) : status;
}

absl::Status SqliteTokenStore::Create(const TokenRow& row) {
  absl::MutexLock lock(&mutex_);
  Transaction transaction(*connection_);
  absl::Status status = transaction.Begin();
  if (status.ok()) status = Insert(row);
  return status.ok() ? transaction.Commit() : status;
}

absl::Status SqliteTokenStore::CreateLink(const TokenRow& row, int most) {
  absl::MutexLock lock(&mutex_);
  Transaction transaction(*connection_);
  absl::Status status = transaction.Begin();
  if (status.ok()) status = ForgetLinks(row.create_time_us);
  if (!status.ok()) return status;
  const absl::StatusOr<int> links = CountLinks(row.job_id);
  if (!links.ok()) return links.status();
  if (*links >= most)
    return absl::ResourceExhaustedError(absl::StrCat("the job has ", *links, " links that count, as many as it may have"));
  status = Insert(row);
  return status.ok() ? transaction.Commit() : status;
}

absl::Status SqliteTokenStore::ForgetLinks(int64_t time_us) {
  return connection_->Prepare("DELETE FROM tokens WHERE job_id <> '' AND (expire_time_us <= ? OR revoke_time_us <> 0)").Bind(time_us).Run();
}

absl::StatusOr<int> SqliteTokenStore::CountLinks(absl::string_view job_id) {
  Statement read = connection_->Prepare("SELECT count(*) FROM tokens WHERE job_id = ? AND job_id <> ''");
  read.BindText(job_id);
  if (read.Next()) return static_cast<int>(read.Int(0));
  return read.status();
}

absl::StatusOr<int> SqliteTokenStore::RevokeLinks(absl::string_view job_id, int64_t time_us) {
  absl::MutexLock lock(&mutex_);
  Transaction transaction(*connection_);
  absl::Status status = transaction.Begin();
  if (status.ok()) status = ForgetLinks(time_us);
  if (status.ok()) {
    status =
        connection_->Prepare("UPDATE tokens SET revoke_time_us = ? WHERE job_id = ? AND job_id <> ''").Bind(time_us).BindText(job_id).Run();
  }
  if (!status.ok()) return status;
  const int links = static_cast<int>(connection_->changes());
  status = RaiseVersion(*connection_);
  if (status.ok()) status = transaction.Commit();
  return status.ok() ? absl::StatusOr<int>(links) : status;
}

absl::StatusOr<std::vector<TokenRow>> SqliteTokenStore::List() {
  absl::MutexLock lock(&mutex_);
  Statement read = connection_->Prepare(
      "SELECT id, secret_hash, owner, role, description, create_time_us, expire_time_us, revoke_time_us, last_use_time_us, "
      "job_id FROM tokens ORDER BY create_time_us, id");
  std::vector<TokenRow> rows;
  while (read.Next()) {
    rows.push_back({.id = read.Bytes(0),
                    .secret_hash = read.Bytes(1),
                    .owner = read.Bytes(2),
                    .role = static_cast<int>(read.Int(3)),
                    .job_id = read.Bytes(9),
                    .description = read.Bytes(4),
                    .create_time_us = read.Int(5),
                    .expire_time_us = read.Int(6),
                    .revoke_time_us = read.Int(7),
                    .last_use_time_us = read.Int(8)});
  }
  if (!read.status().ok()) return read.status();
  return rows;
}

absl::Status SqliteTokenStore::Revoke(absl::string_view id, int64_t time_us) {
  absl::MutexLock lock(&mutex_);
  Transaction transaction(*connection_);
  absl::Status status = transaction.Begin();
  if (!status.ok()) return status;
  status = connection_->Prepare("UPDATE tokens SET revoke_time_us = iif(revoke_time_us = 0, ?1, revoke_time_us) WHERE id = ?2")
               .Bind(time_us)
               .BindText(id)
               .Run();
  if (!status.ok()) return status;
  if (connection_->changes() == 0) return absl::NotFoundError(absl::StrCat("there is no token ", id));
  status = RaiseVersion(*connection_);
  return status.ok() ? transaction.Commit() : status;
}

absl::Status SqliteTokenStore::RecordUse(absl::string_view id, int64_t time_us) {
  absl::MutexLock lock(&mutex_);
  if (absl::Status status = connection_->CheckInPlace(); !status.ok()) return status;
  return connection_->Prepare("UPDATE tokens SET last_use_time_us = ? WHERE id = ?").Bind(time_us).BindText(id).Run();
}

absl::StatusOr<int64_t> SqliteTokenStore::Version() {
  absl::MutexLock lock(&mutex_);
  Statement read = connection_->Prepare("SELECT version FROM token_changes");
  if (read.Next()) return read.Int(0);
  return read.status().ok() ? absl::DataLossError("the database has no count of its tokens' changes") : read.status();
}

}  // namespace

absl::StatusOr<std::unique_ptr<TokenStore>> OpenTokenStore(const std::string& folder) {
  if (absl::Status status = CheckIsDataFolderOrNew(folder); !status.ok()) return status;
  if (absl::Status status = MakeDataFolder(folder); !status.ok()) return status;
  const absl::StatusOr<bool> has = HasDatabase(folder);
  if (!has.ok()) return has.status();
  if (absl::Status status = *has ? CheckLogIsThere(folder) : absl::OkStatus(); !status.ok()) return status;
  absl::StatusOr<std::unique_ptr<Connection>> connection =
      Connection::Open(absl::StrCat(folder, "/sliceflow.db"), *has ? Connection::IfMissing::kRefuse : Connection::IfMissing::kMake);
  if (!connection.ok()) return connection.status();
  if (absl::Status status = MakeReady(**connection, folder); !status.ok()) return status;
  return std::make_unique<SqliteTokenStore>(*std::move(connection));
}

}  // namespace sliceflow::store
