#include "server/store/sqlite_connection.h"

#include <sys/stat.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/clock.h"
#include "common/errors.h"
#include "common/failpoint.h"

namespace sliceflow::store {
namespace {

constexpr int kBusyTimeoutMs = 10'000;

using NumberOfText = std::function<int64_t(absl::string_view)>;

void CallNumberOfText(sqlite3_context* context, int /*count*/, sqlite3_value** arguments) {
  const auto* text = reinterpret_cast<const char*>(sqlite3_value_text(arguments[0]));
  const size_t size = sqlite3_value_bytes(arguments[0]);
  const auto& function = *static_cast<const NumberOfText*>(sqlite3_user_data(context));
  sqlite3_result_int64(context, function(text == nullptr ? absl::string_view() : absl::string_view(text, size)));
}

bool DiskIsFull(sqlite3* db, int primary) {
  if (primary == SQLITE_FULL) return true;
  // A full disk that shows itself at fsync is an I/O error to SQLite; the system's word for it is kept beside.
  const int error = sqlite3_system_errno(db);
  return primary == SQLITE_IOERR && (error == ENOSPC || error == EDQUOT);
}

absl::Status Gone(const std::string& path, absl::string_view remedy) {
  return WithReason(
      absl::UnavailableError(
          absl::StrCat("the database's file ", path, " was removed or replaced while it is in use, and nothing more is written: ", remedy)),
      "DATABASE_GONE");
}

absl::Status Unreachable(const std::string& path, int error) {
  return WithReason(
      absl::UnavailableError(absl::StrCat("the database's file ", path, " cannot be looked at, and nothing is written until it ",
                                          "can: ", std::strerror(error))),
      "DATABASE_UNREACHABLE");
}

}  // namespace

absl::Status SqliteError(sqlite3* db, int code, absl::string_view doing) {
  const int primary = code & 0xff;
  const std::string message = absl::StrCat("database: ", doing, ": ", db == nullptr ? sqlite3_errstr(code) : sqlite3_errmsg(db));
  if (db != nullptr && DiskIsFull(db, primary)) return absl::ResourceExhaustedError(absl::StrCat(message, " (the disk is full)"));
  if (primary == SQLITE_CORRUPT || primary == SQLITE_NOTADB) return absl::DataLossError(absl::StrCat(message, " (the file is damaged)"));
  return absl::UnavailableError(message);
}

Statement::Statement(sqlite3* db, sqlite3_stmt* statement, bool owned, absl::Status error)
    : db_(db), statement_(statement), owned_(owned), status_(std::move(error)) {}

Statement::Statement(Statement&& other) noexcept
    : db_(other.db_),
      statement_(std::exchange(other.statement_, nullptr)),
      owned_(other.owned_),
      bound_(other.bound_),
      constraint_violated_(other.constraint_violated_),
      status_(other.status_) {}

Statement::~Statement() {
  if (statement_ == nullptr) return;
  if (owned_) {
    sqlite3_finalize(statement_);
    return;
  }
  sqlite3_reset(statement_);
  sqlite3_clear_bindings(statement_);
}

void Statement::Check(int code) {
  if (code == SQLITE_OK || code == SQLITE_ROW || code == SQLITE_DONE) return;
  constraint_violated_ = (code & 0xff) == SQLITE_CONSTRAINT;
  status_ = SqliteError(db_, code, sqlite3_sql(statement_));
}

Statement& Statement::Bind(int64_t value) {
  if (status_.ok()) Check(sqlite3_bind_int64(statement_, ++bound_, value));
  return *this;
}

Statement& Statement::BindText(absl::string_view text) {
  // A null pointer would bind NULL, and an empty view may hold one.
  const char* data = text.data() == nullptr ? "" : text.data();
  if (status_.ok()) Check(sqlite3_bind_text64(statement_, ++bound_, data, text.size(), SQLITE_STATIC, SQLITE_UTF8));
  return *this;
}

Statement& Statement::BindBytes(absl::string_view bytes) {
  const char* data = bytes.data() == nullptr ? "" : bytes.data();
  if (status_.ok()) Check(sqlite3_bind_blob64(statement_, ++bound_, data, bytes.size(), SQLITE_STATIC));
  return *this;
}

bool Statement::Next() {
  if (!status_.ok()) return false;
  const int code = sqlite3_step(statement_);
  Check(code);
  return code == SQLITE_ROW;
}

absl::Status Statement::Run() {
  Next();
  return status_;
}

std::string Statement::Bytes(int column) const {
  // Blob before bytes: the order in which SQLite wants them asked for.
  const void* data = sqlite3_column_blob(statement_, column);
  const int size = sqlite3_column_bytes(statement_, column);
  return data == nullptr ? std::string() : std::string(static_cast<const char*>(data), size);
}

absl::StatusOr<std::unique_ptr<Connection>> Connection::Open(const std::string& path, IfMissing if_missing) {
  sqlite3* db = nullptr;
  const int create = if_missing == IfMissing::kMake ? SQLITE_OPEN_CREATE : 0;
  const int flags = create | SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;
  const int code = sqlite3_open_v2(path.c_str(), &db, flags, nullptr);
  if (code != SQLITE_OK) {
    absl::Status status = SqliteError(db, code, absl::StrCat("open ", path));
    sqlite3_close(db);
    return status;
  }
  std::unique_ptr<Connection> connection(new Connection(db));
  sqlite3_busy_timeout(db, kBusyTimeoutMs);
  for (const char* pragma : {"PRAGMA journal_mode=WAL", "PRAGMA synchronous=FULL", "PRAGMA foreign_keys=ON", "PRAGMA trusted_schema=OFF",
                             "PRAGMA journal_size_limit=67108864"}) {
    absl::Status status = connection->Execute(pragma);
    if (!status.ok()) return status;
  }
  // The log is opened by the first reading.
  if (absl::Status status = connection->Execute("SELECT count(*) FROM sqlite_schema"); !status.ok()) return status;
  connection->RememberFiles();
  return connection;
}

Connection::~Connection() {
  for (const auto& [sql, statement] : statements_) sqlite3_finalize(statement);
  sqlite3_close(db_);
}

Statement Connection::Prepare(const char* sql) {
  const auto found = statements_.find(sql);
  if (found != statements_.end()) return Statement(db_, found->second, /*owned=*/false, absl::OkStatus());
  sqlite3_stmt* statement = nullptr;
  const int code = sqlite3_prepare_v3(db_, sql, -1, SQLITE_PREPARE_PERSISTENT, &statement, nullptr);
  if (code != SQLITE_OK) return Statement(db_, nullptr, false, SqliteError(db_, code, sql));
  statements_.emplace(sql, statement);
  return Statement(db_, statement, /*owned=*/false, absl::OkStatus());
}

Statement Connection::PrepareOnce(const std::string& sql) {
  sqlite3_stmt* statement = nullptr;
  const int code = sqlite3_prepare_v2(db_, sql.c_str(), static_cast<int>(sql.size()), &statement, nullptr);
  return Statement(db_, statement, /*owned=*/true, code == SQLITE_OK ? absl::OkStatus() : SqliteError(db_, code, sql));
}

absl::Status Connection::Execute(const std::string& sql) {
  const int code = sqlite3_exec(db_, sql.c_str(), nullptr, nullptr, nullptr);
  return code == SQLITE_OK ? absl::OkStatus() : SqliteError(db_, code, sql);
}

absl::Status Connection::Define(const char* name, std::function<int64_t(absl::string_view)> function) {
  // SQLite frees it, also where it refuses.
  const int code =
      sqlite3_create_function_v2(db_, name, 1, SQLITE_UTF8 | SQLITE_DIRECTONLY, new NumberOfText(std::move(function)), CallNumberOfText,
                                 nullptr, nullptr, [](void* own) { delete static_cast<NumberOfText*>(own); });
  return code == SQLITE_OK ? absl::OkStatus() : SqliteError(db_, code, absl::StrCat("define ", name));
}

absl::StatusOr<int64_t> Connection::QueryInt(const std::string& sql) {
  Statement statement = PrepareOnce(sql);
  if (!statement.Next()) return statement.status().ok() ? absl::InternalError(absl::StrCat("no answer to ", sql)) : statement.status();
  return statement.Int(0);
}

absl::Status Connection::CopyTo(const std::string& path) {
  sqlite3* copy = nullptr;
  int code = sqlite3_open_v2(path.c_str(), &copy, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, nullptr);
  absl::Status status = code == SQLITE_OK ? absl::OkStatus() : SqliteError(copy, code, absl::StrCat("open ", path));
  if (status.ok()) {
    sqlite3_backup* const backup = sqlite3_backup_init(copy, "main", db_, "main");
    if (backup != nullptr) sqlite3_backup_step(backup, -1);
    code = backup == nullptr ? sqlite3_errcode(copy) : sqlite3_backup_finish(backup);
    if (code != SQLITE_OK) status = SqliteError(copy, code, absl::StrCat("write ", path));
  }
  sqlite3_close(copy);
  return status;
}

void Connection::RememberFiles() {
  for (const char* suffix : {"", "-wal", "-shm"}) {
    std::string path = absl::StrCat(sqlite3_db_filename(db_, "main"), suffix);
    struct stat info;
    if (stat(path.c_str(), &info) == 0) files_.push_back({std::move(path), info.st_dev, info.st_ino});
  }
}

// Moves what the log holds into the database, as far as that goes without waiting for anybody. It is there for those who have it open, also
// where no name leads to it any more.
absl::Status Connection::EmptyLog() {
  sqlite3_busy_timeout(db_, 0);
  const int code = sqlite3_wal_checkpoint_v2(db_, "main", SQLITE_CHECKPOINT_TRUNCATE, nullptr, nullptr);
  absl::Status status = code == SQLITE_OK ? absl::OkStatus() : SqliteError(db_, code, "empty the write-ahead log");
  sqlite3_busy_timeout(db_, kBusyTimeoutMs);
  return status;
}

absl::Status Connection::CheckInPlace() {
  for (const OpenFile& file : files_) {
    struct stat info;
    const int error = stat(file.path.c_str(), &info) == 0 ? 0 : errno;
    if (error == 0 && info.st_dev == file.device && info.st_ino == file.number) continue;
    if (error != 0 && error != ENOENT && error != ENOTDIR) return Unreachable(file.path, error);
    if (&file == &files_.front()) return Gone(file.path, "put it back, or stop the server and restore a backup");
    const absl::Status emptied = EmptyLog();
    return Gone(file.path, emptied.ok() ? "what was acknowledged is in the database; stop the server and start it again"
                                        : absl::StrCat("stop the server with SIGTERM, which keeps what was acknowledged, and start it "
                                                       "again (",
                                                       std::string(emptied.message()), ")"));
  }
  return absl::OkStatus();
}

absl::Status CheckPages(Connection& connection) {
  Statement check = connection.PrepareOnce("PRAGMA quick_check(1)");
  if (!check.Next()) return check.status();
  const std::string answer = check.Bytes(0);
  return answer == "ok" ? absl::OkStatus() : absl::DataLossError(absl::StrCat("sliceflow.db is damaged: ", answer));
}

Snapshot::~Snapshot() {
  if (open_) connection_.Execute("ROLLBACK").IgnoreError();
}

absl::Status Snapshot::Begin() {
  absl::Status status = connection_.Execute("BEGIN");
  open_ = status.ok();
  // The first reading takes the snapshot.
  return status.ok() ? connection_.QueryInt("SELECT count(*) FROM sqlite_schema").status() : status;
}

Transaction::~Transaction() {
  if (open_) connection_.Execute("ROLLBACK").IgnoreError();
}

absl::Status Transaction::Begin() {
  begun_ = Uptime();
  absl::Status status = connection_.CheckInPlace();
  if (status.ok()) status = connection_.Prepare("BEGIN IMMEDIATE").Run();
  open_ = status.ok();
  return status;
}

absl::Status Transaction::Commit() {
  PassFailpoint(Failpoint::kBeforeCommit);
  absl::Status status = connection_.Prepare("COMMIT").Run();
  if (!status.ok()) return status;
  open_ = false;
  if (connection_.metrics() != nullptr) connection_.metrics()->CommitDone(Uptime() - begun_);
  PassFailpoint(Failpoint::kAfterCommit);
  return status;
}

}  // namespace sliceflow::store
