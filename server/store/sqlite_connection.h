// SQLite as this room uses it: a connection that owns its prepared statements, statements that reset themselves, transactions that roll
// back, and the one mapping from SQLite's result codes to statuses.
#pragma once

#include <sqlite3.h>
#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "common/metrics.h"

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
  enum class IfMissing { kRefuse, kMake };

  // Opens the file with write-ahead log, synchronous=FULL, foreign keys and a busy timeout. One that is made takes away what another of its
  // name has left of its log, so that callers make one only where they know that there was none.
  static absl::StatusOr<std::unique_ptr<Connection>> Open(const std::string& path, IfMissing if_missing = IfMissing::kRefuse);
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  // A statement whose text is a constant: prepared once and kept.
  Statement Prepare(const char* sql);
  // A statement put together for one use.
  Statement PrepareOnce(const std::string& sql);
  absl::Status Execute(const std::string& sql);
  // Gives statements of this connection, but not what the file says itself (triggers, views), a function of one text.
  absl::Status Define(const char* name, std::function<int64_t(absl::string_view)> function);
  // The single number that a query answers.
  absl::StatusOr<int64_t> QueryInt(const std::string& sql);
  // Writes the database as this connection sees it, in a Snapshot as it was at its beginning, to a new file. Not synced.
  absl::Status CopyTo(const std::string& path);
  // Makes what another thread runs on this connection end soon. Thread-safe.
  void Interrupt() { sqlite3_interrupt(db_); }
  // OK while the database, its write-ahead log and that log's index lie where they were opened. Else Unavailable with reason DATABASE_GONE:
  // what is written to a file that was removed or replaced is lost with it. Where the database itself is in its place, what its log holds
  // is moved into it. DATABASE_UNREACHABLE where the system does not say whether they are there. In no transaction.
  absl::Status CheckInPlace();
  // Rows changed by the last statement.
  int64_t changes() const { return sqlite3_changes64(db_); }

  // Where the time of its transactions is told, if anywhere; must outlive the connection.
  void SetMetrics(Metrics* metrics) { metrics_ = metrics; }
  Metrics* metrics() const { return metrics_; }

 private:
  // A file that is open, by its name and by what the name led to.
  struct OpenFile {
    std::string path;
    dev_t device;
    ino_t number;
  };

  explicit Connection(sqlite3* db) : db_(db) {}
  void RememberFiles();
  absl::Status EmptyLog();

  sqlite3* db_;
  std::vector<OpenFile> files_;  // the database first
  Metrics* metrics_ = nullptr;
  std::unordered_map<const char*, sqlite3_stmt*> statements_;  // by the address of the text
};

// Reads every page: DataLoss where one is damaged. The schema must be today's: SQLite's check mistakes the first one's table of labels for
// a damaged one.
absl::Status CheckPages(Connection& connection);

// The database as it is at one instant, for as long as this lives.
class Snapshot {
 public:
  explicit Snapshot(Connection& connection) : connection_(connection) {}
  ~Snapshot();
  absl::Status Begin();

 private:
  Connection& connection_;
  bool open_ = false;
};

// A write transaction, rolled back unless committed. It does not begin on a file that is not in its place any more.
class Transaction {
 public:
  explicit Transaction(Connection& connection) : connection_(connection) {}
  ~Transaction();
  absl::Status Begin();
  absl::Status Commit();

 private:
  Connection& connection_;
  bool open_ = false;
  absl::Duration begun_;  // of Uptime
};

}  // namespace sliceflow::store
