// SQLite as this room uses it: a connection that owns its prepared statements, statements that reset themselves, transactions that roll
// back, and the one mapping from SQLite's result codes to statuses.
#pragma once

#include <sqlite3.h>

#include <cstdint>
#include <memory>
#include <string>
#include <unordered_map>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace sliceflow::store {

// The status of what last went wrong on `db`: ResourceExhausted for a full disk, DataLoss for a damaged file, Unavailable otherwise.
absl::Status SqliteError(sqlite3* db, int code, absl::string_view doing);

// A prepared statement in use. Parameters are bound in order from the first; text and bytes must outlive the next step. Once something has
// failed every further call does nothing, and status() tells. Not thread-safe.
class Statement {
 public:
  // `statement` may be null with `error` set. An `owned` statement is finalized at the end, another one reset.
  Statement(sqlite3* db, sqlite3_stmt* statement, bool owned, absl::Status error);
  Statement(Statement&& other) noexcept;
  Statement& operator=(Statement&&) = delete;
  ~Statement();

  Statement& Bind(int64_t value);
  Statement& Bind(int value) { return Bind(static_cast<int64_t>(value)); }
  Statement& BindText(absl::string_view text);
  Statement& BindBytes(absl::string_view bytes);

  // Goes to the next row; false at the end or after an error.
  bool Next();
  // Runs a statement that answers no rows.
  absl::Status Run();
  const absl::Status& status() const { return status_; }
  // Whether the error is a violated UNIQUE, PRIMARY KEY or FOREIGN KEY constraint.
  bool constraint_violated() const { return constraint_violated_; }

  // Columns of the current row, from 0.
  int64_t Int(int column) const { return sqlite3_column_int64(statement_, column); }
  std::string Bytes(int column) const;

 private:
  void Check(int code);

  sqlite3* db_;
  sqlite3_stmt* statement_;
  bool owned_;
  int bound_ = 0;
  bool constraint_violated_ = false;
  absl::Status status_;
};

// Not thread-safe: its owner guards it with a mutex.
class Connection {
 public:
  // Opens or makes the file with write-ahead log, synchronous=FULL, foreign keys and a busy timeout.
  static absl::StatusOr<std::unique_ptr<Connection>> Open(const std::string& path);
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  // A statement whose text is a constant: prepared once and kept.
  Statement Prepare(const char* sql);
  // A statement put together for one use.
  Statement PrepareOnce(const std::string& sql);
  absl::Status Execute(const std::string& sql);
  // The single number that a query answers.
  absl::StatusOr<int64_t> QueryInt(const std::string& sql);
  // Rows changed by the last statement.
  int64_t changes() const { return sqlite3_changes64(db_); }

 private:
  explicit Connection(sqlite3* db) : db_(db) {}

  sqlite3* db_;
  std::unordered_map<const char*, sqlite3_stmt*> statements_;  // by the address of the text
};

// A write transaction, rolled back unless committed.
class Transaction {
 public:
  explicit Transaction(Connection& connection) : connection_(connection) {}
  ~Transaction();
  absl::Status Begin();
  absl::Status Commit();

 private:
  Connection& connection_;
  bool open_ = false;
};

}  // namespace sliceflow::store
