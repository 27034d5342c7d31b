#include "tests/benchmarks/filled_folder.h"

#include <sqlite3.h>

#include <algorithm>
#include <cstdio>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "sliceflow/v1/job.pb.h"

namespace sliceflow::benchmarks {
namespace {

// Everything in one transaction; the first error is kept and told.
class Filler {
 public:
  explicit Filler(const std::string& data_dir) { Check(sqlite3_open(absl::StrCat(data_dir, "/sliceflow.db").c_str(), &db_)); }
  ~Filler() { sqlite3_close(db_); }
  Filler(const Filler&) = delete;
  Filler& operator=(const Filler&) = delete;

  bool Fill(const std::string& job_id, int count) {
    Execute("BEGIN");
    v1::Job job;
    if (!job.ParseFromString(Text(absl::StrCat("SELECT job FROM jobs WHERE id = '", job_id, "'")))) ok_ = false;
    const std::string jobs = CopyOf("jobs", "id", {"number", "job"});
    const std::string events = CopyOf("events", "job_id", {});
    const std::string steps = CopyOf("steps", "job_id", {});
    for (int i = 1; i < count && ok_; ++i) {
      const std::string id = absl::StrFormat("%s%06d", job_id.substr(0, job_id.size() - 6), i);
      job.set_name(absl::StrCat("jobs/", id));
      Copy(jobs, id, job_id, job.SerializeAsString());
      Copy(events, id, job_id, "");
      Copy(steps, id, job_id, "");
    }
    Execute("COMMIT");
    return ok_;
  }

 private:
  void Check(int code) {
    if (code == SQLITE_OK || code == SQLITE_DONE || code == SQLITE_ROW || !ok_) return;
    std::fprintf(stderr, "the folder cannot be filled: %s\n", sqlite3_errmsg(db_));
    ok_ = false;
  }

  void Execute(const std::string& sql) { Check(sqlite3_exec(db_, sql.c_str(), nullptr, nullptr, nullptr)); }

  std::string Text(const std::string& sql) {
    sqlite3_stmt* statement = nullptr;
    Check(sqlite3_prepare_v2(db_, sql.c_str(), -1, &statement, nullptr));
    std::string text;
    if (sqlite3_step(statement) == SQLITE_ROW) {
      text.assign(static_cast<const char*>(sqlite3_column_blob(statement, 0)), sqlite3_column_bytes(statement, 0));
    }
    sqlite3_finalize(statement);
    return text;
  }

  // A statement that copies the rows whose `key` is ?2 to the key ?1, `number` anew and `job` as ?3.
  std::string CopyOf(const std::string& table, const std::string& key, const std::vector<std::string>& changed) {
    sqlite3_stmt* statement = nullptr;
    Check(sqlite3_prepare_v2(db_, absl::StrCat("SELECT name FROM pragma_table_info('", table, "')").c_str(), -1, &statement, nullptr));
    std::vector<std::string> names, values;
    while (sqlite3_step(statement) == SQLITE_ROW) {
      const std::string name = reinterpret_cast<const char*>(sqlite3_column_text(statement, 0));
      names.push_back(name);
      const bool is_changed = std::find(changed.begin(), changed.end(), name) != changed.end();
      values.push_back(name == key ? "?1" : !is_changed ? name : name == "job" ? "?3" : "NULL");
    }
    sqlite3_finalize(statement);
    return absl::StrCat("INSERT INTO ", table, " (", absl::StrJoin(names, ", "), ") SELECT ", absl::StrJoin(values, ", "), " FROM ", table,
                        " WHERE ", key, " = ?2");
  }

  void Copy(const std::string& sql, const std::string& to, const std::string& from, const std::string& job) {
    sqlite3_stmt* statement = nullptr;
    Check(sqlite3_prepare_v2(db_, sql.c_str(), -1, &statement, nullptr));
    sqlite3_bind_text(statement, 1, to.data(), static_cast<int>(to.size()), SQLITE_STATIC);
    sqlite3_bind_text(statement, 2, from.data(), static_cast<int>(from.size()), SQLITE_STATIC);
    sqlite3_bind_blob(statement, 3, job.data(), static_cast<int>(job.size()), SQLITE_STATIC);
    Check(sqlite3_step(statement));
    sqlite3_finalize(statement);
  }

  sqlite3* db_ = nullptr;
  bool ok_ = true;
};

}  // namespace

bool FillFolder(const std::string& data_dir, const std::string& job_id, int count) { return Filler(data_dir).Fill(job_id, count); }

}  // namespace sliceflow::benchmarks
