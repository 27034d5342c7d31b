#include "tests/benchmarks/synced_table.h"

#include <sqlite3.h>

#include "absl/strings/str_cat.h"

namespace sliceflow::benchmarks {

SyncedTable::SyncedTable(const std::string& folder) {
  sqlite3_open(absl::StrCat(folder, "/commits.db").c_str(), &db_);
  Execute("PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; CREATE TABLE rows (id INTEGER PRIMARY KEY, bytes BLOB)");
}

SyncedTable::~SyncedTable() { sqlite3_close(db_); }

void SyncedTable::Execute(const char* sql) { sqlite3_exec(db_, sql, nullptr, nullptr, nullptr); }

}  // namespace sliceflow::benchmarks
