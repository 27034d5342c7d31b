// What the disk takes for a commit as durable as the daemon's: the measure for what the daemon adds to it.
#pragma once

#include <string>

struct sqlite3;

namespace sliceflow::benchmarks {

// A table of rows of about a job's size, in a database of its own in a folder.
class SyncedTable {
 public:
  explicit SyncedTable(const std::string& folder);
  ~SyncedTable();
  SyncedTable(const SyncedTable&) = delete;
  SyncedTable& operator=(const SyncedTable&) = delete;

  // Adds one row; synced when it returns.
  void Commit() { Execute("INSERT INTO rows (bytes) VALUES (zeroblob(1024))"); }

 private:
  void Execute(const char* sql);
  sqlite3* db_ = nullptr;
};

}  // namespace sliceflow::benchmarks
