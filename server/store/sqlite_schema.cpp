#include "server/store/sqlite_schema.h"

#include <cstdint>
#include <iterator>

#include "absl/strings/str_cat.h"

namespace sliceflow::store {
namespace {

constexpr int64_t kApplicationId = 0x736c6677;  // "slfw": what `file` and other programs see

// Migration i leads from schema i to schema i + 1. What has been released is never edited: add to the end.
constexpr const char* kMigrations[] = {
    R"sql(
CREATE TABLE jobs (
  number INTEGER PRIMARY KEY AUTOINCREMENT,
  id TEXT NOT NULL UNIQUE,
  version INTEGER NOT NULL,
  state INTEGER NOT NULL,
  create_time_us INTEGER NOT NULL,
  display_name TEXT NOT NULL,
  owner TEXT NOT NULL,
  last_sequence INTEGER NOT NULL,
  worker_failures INTEGER NOT NULL,
  job BLOB NOT NULL
) STRICT;
CREATE INDEX jobs_by_state ON jobs (state, number);
CREATE INDEX jobs_by_display_name ON jobs (display_name, number);

CREATE TABLE job_labels (
  key TEXT NOT NULL,
  value TEXT NOT NULL,
  job_number INTEGER NOT NULL REFERENCES jobs (number) ON DELETE CASCADE,
  PRIMARY KEY (job_number, key)
) STRICT, WITHOUT ROWID;
CREATE INDEX job_labels_by_value ON job_labels (key, value, job_number);

CREATE TABLE job_datasets (
  dataset_id TEXT NOT NULL,
  job_number INTEGER NOT NULL REFERENCES jobs (number) ON DELETE CASCADE,
  PRIMARY KEY (dataset_id, job_number)
) STRICT, WITHOUT ROWID;
CREATE INDEX job_datasets_by_job ON job_datasets (job_number);

CREATE TABLE requests (
  owner TEXT NOT NULL,
  request_id TEXT NOT NULL,
  request_hash TEXT NOT NULL,
  job_id TEXT NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,
  PRIMARY KEY (owner, request_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX requests_by_job ON requests (job_id);

CREATE TABLE events (
  job_id TEXT NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,
  sequence INTEGER NOT NULL,
  time_us INTEGER NOT NULL,
  event BLOB NOT NULL,
  PRIMARY KEY (job_id, sequence)
) STRICT, WITHOUT ROWID;

CREATE TABLE steps (
  job_id TEXT NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,
  step INTEGER NOT NULL,
  sequence INTEGER NOT NULL,
  samples_key TEXT NOT NULL,
  samples_shape BLOB NOT NULL,
  checkpoint_key TEXT NOT NULL,
  PRIMARY KEY (job_id, step)
) STRICT, WITHOUT ROWID;
CREATE INDEX steps_with_checkpoint ON steps (job_id, step) WHERE checkpoint_key <> '';

CREATE TABLE datasets (
  number INTEGER PRIMARY KEY AUTOINCREMENT,
  id TEXT NOT NULL UNIQUE,
  sha256 TEXT NOT NULL,
  blob_key TEXT NOT NULL,
  dataset BLOB NOT NULL
) STRICT;

CREATE TABLE health (
  id INTEGER PRIMARY KEY CHECK (id = 0),
  probe INTEGER NOT NULL
) STRICT;
INSERT INTO health VALUES (0, 0);
)sql",
    // SQLite 3.40 checks a table WITHOUT ROWID by the wrong columns where its primary key does not come first, and calls a sound one
    // damaged.
    R"sql(
CREATE TABLE labels_in_key_order (
  job_number INTEGER NOT NULL REFERENCES jobs (number) ON DELETE CASCADE,
  key TEXT NOT NULL,
  value TEXT NOT NULL,
  PRIMARY KEY (job_number, key)
) STRICT, WITHOUT ROWID;
INSERT INTO labels_in_key_order SELECT job_number, key, value FROM job_labels;
DROP TABLE job_labels;
ALTER TABLE labels_in_key_order RENAME TO job_labels;
CREATE INDEX job_labels_by_value ON job_labels (key, value, job_number);
)sql",
    "ALTER TABLE datasets ADD COLUMN format TEXT NOT NULL DEFAULT ''",
};

absl::Status RunMigration(Connection& connection, int from) {
  Transaction transaction(connection);
  absl::Status status = transaction.Begin();
  if (status.ok()) status = connection.Execute(kMigrations[from]);
  if (status.ok()) status = connection.Execute(absl::StrCat("PRAGMA application_id=", kApplicationId, "; PRAGMA user_version=", from + 1));
  return status.ok() ? transaction.Commit() : status;
}

// A file that is new has no tables; one of ours has our application id.
absl::Status CheckOwnership(Connection& connection) {
  const absl::StatusOr<int64_t> application = connection.QueryInt("PRAGMA application_id");
  if (!application.ok()) return application.status();
  if (*application == kApplicationId) return absl::OkStatus();
  const absl::StatusOr<int64_t> tables = connection.QueryInt("SELECT count(*) FROM sqlite_schema");
  if (!tables.ok()) return tables.status();
  if (*application == 0 && *tables == 0) return absl::OkStatus();
  return absl::FailedPreconditionError("sliceflow.db was made by another program");
}

}  // namespace

int SchemaVersion() { return static_cast<int>(std::size(kMigrations)); }

absl::Status Migrate(Connection& connection) {
  absl::Status status = CheckOwnership(connection);
  if (!status.ok()) return status;
  const absl::StatusOr<int64_t> version = connection.QueryInt("PRAGMA user_version");
  if (!version.ok()) return version.status();
  if (*version > SchemaVersion()) {
    return absl::FailedPreconditionError(absl::StrCat("sliceflow.db has schema ", *version,
                                                      ", written by a newer sliceflow; this one knows ", SchemaVersion(),
                                                      ". Start the newer version, or use another data folder."));
  }
  for (int from = static_cast<int>(*version); from < SchemaVersion() && status.ok(); ++from) status = RunMigration(connection, from);
  return status;
}

}  // namespace sliceflow::store
