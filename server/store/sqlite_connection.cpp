#include "server/store/sqlite_connection.h"

#include <cerrno>
#include <utility>

#include "absl/strings/str_cat.h"

namespace sliceflow::store {
namespace {

constexpr int kBusyTimeoutMs = 10'000;

bool DiskIsFull(sqlite3* db, int primary) {
  if (primary == SQLITE_FULL) return true;
  // A full disk that shows itself at fsync is an I/O error to SQLite; the system's word for it is kept beside.
  const int error = sqlite3_system_errno(db);
  return primary == SQLITE_IOERR && (error == ENOSPC || error == EDQUOT);
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

absl::StatusOr<std::unique_ptr<Connection>> Connection::Open(const std::string& path) {
  sqlite3* db = nullptr;
  const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;
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

absl::StatusOr<int64_t> Connection::QueryInt(const std::string& sql) {
  Statement statement = PrepareOnce(sql);
  if (!statement.Next()) return statement.status().ok() ? absl::InternalError(absl::StrCat("no answer to ", sql)) : statement.status();
  return statement.Int(0);
}

Transaction::~Transaction() {
  if (open_) connection_.Execute("ROLLBACK").IgnoreError();
}

absl::Status Transaction::Begin() {
  absl::Status status = connection_.Execute("BEGIN IMMEDIATE");
  open_ = status.ok();
  return status;
}

absl::Status Transaction::Commit() {
  absl::Status status = connection_.Execute("COMMIT");
  if (status.ok()) open_ = false;
  return status;
}

}  // namespace sliceflow::store
