#include "server/store/sqlite_schema.h"

#include <cstdint>
#include <iterator>
#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "common/filesystem.h"
#include "server/store/blob_store.h"

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
    // Each owner has names of its own; a reference is to the row, not to the name.
    R"sql(
CREATE TABLE owned_datasets (
  number INTEGER PRIMARY KEY AUTOINCREMENT,
  owner TEXT NOT NULL,
  id TEXT NOT NULL,
  sha256 TEXT NOT NULL,
  format TEXT NOT NULL,
  blob_key TEXT NOT NULL,
  dataset BLOB NOT NULL,
  UNIQUE (owner, id)
) STRICT;
INSERT INTO owned_datasets SELECT number, '', id, sha256, format, blob_key, dataset FROM datasets;
CREATE TABLE datasets_of_jobs (
  dataset_number INTEGER NOT NULL REFERENCES owned_datasets (number),
  job_number INTEGER NOT NULL REFERENCES jobs (number) ON DELETE CASCADE,
  PRIMARY KEY (dataset_number, job_number)
) STRICT, WITHOUT ROWID;
INSERT INTO datasets_of_jobs SELECT datasets.number, job_number FROM job_datasets JOIN datasets ON datasets.id = dataset_id;
DROP TABLE job_datasets;
DROP TABLE datasets;
ALTER TABLE owned_datasets RENAME TO datasets;
ALTER TABLE datasets_of_jobs RENAME TO job_datasets;
CREATE INDEX job_datasets_by_job ON job_datasets (job_number);
CREATE INDEX datasets_by_owner ON datasets (owner, number);
CREATE INDEX jobs_by_owner ON jobs (owner, number);
)sql",
    R"sql(
CREATE TABLE tokens (
  id TEXT PRIMARY KEY,
  secret_hash BLOB NOT NULL,
  owner TEXT NOT NULL,
  role INTEGER NOT NULL,
  description TEXT NOT NULL,
  create_time_us INTEGER NOT NULL,
  expire_time_us INTEGER NOT NULL,
  revoke_time_us INTEGER NOT NULL,
  last_use_time_us INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE token_changes (version INTEGER NOT NULL) STRICT;
INSERT INTO token_changes VALUES (0);
)sql",
    // What each owner uses, kept by triggers, whatever statement changes a job, a step or a data set. States: 1 waits, 2 runs, 3 is paused.
    // Rows of before count their jobs here; their bytes and steps follow.
    R"sql(
CREATE TABLE usage (
  owner TEXT PRIMARY KEY,
  running_jobs INTEGER NOT NULL,
  queued_jobs INTEGER NOT NULL,
  stored_bytes INTEGER NOT NULL,
  pending_steps INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
ALTER TABLE jobs ADD COLUMN stored_bytes INTEGER NOT NULL DEFAULT 0;
ALTER TABLE jobs ADD COLUMN pending_steps INTEGER NOT NULL DEFAULT 0;
ALTER TABLE steps ADD COLUMN samples_bytes INTEGER NOT NULL DEFAULT 0;
ALTER TABLE steps ADD COLUMN checkpoint_bytes INTEGER NOT NULL DEFAULT 0;
ALTER TABLE datasets ADD COLUMN bytes INTEGER NOT NULL DEFAULT 0;
INSERT INTO usage SELECT owner, sum(state = 2), sum(state IN (1, 3)), 0, 0 FROM jobs GROUP BY owner;

CREATE TRIGGER usage_of_new_job AFTER INSERT ON jobs BEGIN
  INSERT INTO usage VALUES (NEW.owner, NEW.state = 2, NEW.state IN (1, 3), NEW.stored_bytes, NEW.pending_steps)
  ON CONFLICT (owner) DO UPDATE SET running_jobs = running_jobs + excluded.running_jobs, queued_jobs = queued_jobs + excluded.queued_jobs,
    stored_bytes = stored_bytes + excluded.stored_bytes, pending_steps = pending_steps + excluded.pending_steps;
END;
CREATE TRIGGER usage_of_job AFTER UPDATE OF state, stored_bytes, pending_steps ON jobs
WHEN OLD.state <> NEW.state OR OLD.stored_bytes <> NEW.stored_bytes OR OLD.pending_steps <> NEW.pending_steps BEGIN
  UPDATE usage SET running_jobs = running_jobs + (NEW.state = 2) - (OLD.state = 2),
    queued_jobs = queued_jobs + (NEW.state IN (1, 3)) - (OLD.state IN (1, 3)),
    stored_bytes = stored_bytes + NEW.stored_bytes - OLD.stored_bytes,
    pending_steps = pending_steps + NEW.pending_steps - OLD.pending_steps WHERE owner = NEW.owner;
END;
CREATE TRIGGER usage_of_removed_job AFTER DELETE ON jobs BEGIN
  UPDATE usage SET running_jobs = running_jobs - (OLD.state = 2), queued_jobs = queued_jobs - (OLD.state IN (1, 3)),
    stored_bytes = stored_bytes - OLD.stored_bytes, pending_steps = pending_steps - OLD.pending_steps WHERE owner = OLD.owner;
END;
CREATE TRIGGER bytes_of_new_step AFTER INSERT ON steps WHEN NEW.samples_bytes + NEW.checkpoint_bytes > 0 BEGIN
  UPDATE jobs SET stored_bytes = stored_bytes + NEW.samples_bytes + NEW.checkpoint_bytes WHERE id = NEW.job_id;
END;
CREATE TRIGGER bytes_of_step AFTER UPDATE OF samples_bytes, checkpoint_bytes ON steps
WHEN OLD.samples_bytes + OLD.checkpoint_bytes <> NEW.samples_bytes + NEW.checkpoint_bytes BEGIN
  UPDATE jobs SET stored_bytes = stored_bytes + NEW.samples_bytes + NEW.checkpoint_bytes - OLD.samples_bytes - OLD.checkpoint_bytes
  WHERE id = NEW.job_id;
END;
CREATE TRIGGER bytes_of_removed_step AFTER DELETE ON steps BEGIN
  UPDATE jobs SET stored_bytes = stored_bytes - OLD.samples_bytes - OLD.checkpoint_bytes WHERE id = OLD.job_id;
END;
CREATE TRIGGER bytes_of_new_dataset AFTER INSERT ON datasets BEGIN
  INSERT INTO usage VALUES (NEW.owner, 0, 0, NEW.bytes, 0) ON CONFLICT (owner) DO UPDATE SET stored_bytes = stored_bytes + excluded.stored_bytes;
END;
CREATE TRIGGER bytes_of_removed_dataset AFTER DELETE ON datasets BEGIN
  UPDATE usage SET stored_bytes = stored_bytes - OLD.bytes WHERE owner = OLD.owner;
END;
)sql",
    // The defaults of both fields, which jobs of before had none of.
    R"sql(
ALTER TABLE jobs ADD COLUMN priority INTEGER NOT NULL DEFAULT 0;
ALTER TABLE jobs ADD COLUMN device TEXT NOT NULL DEFAULT 'any';
)sql",
    // Forks, deletion that can be taken back, retention. When older jobs ended is in their messages only: they count from their creation.
    R"sql(
CREATE TABLE fork_ancestors (
  job_id TEXT NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,
  last_step INTEGER NOT NULL,
  ancestor_id TEXT NOT NULL,
  made_from BLOB NOT NULL,
  PRIMARY KEY (job_id, last_step)
) STRICT, WITHOUT ROWID;
CREATE INDEX fork_ancestors_by_ancestor ON fork_ancestors (ancestor_id, job_id);
ALTER TABLE jobs ADD COLUMN end_time_us INTEGER NOT NULL DEFAULT 0;
ALTER TABLE jobs ADD COLUMN delete_time_us INTEGER NOT NULL DEFAULT 0;
ALTER TABLE jobs ADD COLUMN purge_time_us INTEGER NOT NULL DEFAULT 0;
ALTER TABLE jobs ADD COLUMN first_sequence INTEGER NOT NULL DEFAULT 1;
UPDATE jobs SET end_time_us = create_time_us WHERE state IN (4, 5, 6);
CREATE INDEX jobs_to_purge ON jobs (purge_time_us) WHERE purge_time_us > 0;
CREATE INDEX jobs_ended ON jobs (end_time_us, owner, number, id) WHERE end_time_us > 0 AND delete_time_us = 0;
CREATE INDEX jobs_by_log_length ON jobs (last_sequence - first_sequence);
)sql",
    // Bytes of rows of before they were counted, from the files; the triggers add them up. Steps that a fork shares are their ancestor's to
    // count. Steps still to be computed are in the jobs' messages, which those who read messages count at the start.
    R"sql(
CREATE TRIGGER bytes_of_dataset AFTER UPDATE OF bytes ON datasets WHEN OLD.bytes <> NEW.bytes BEGIN
  INSERT INTO usage VALUES (NEW.owner, 0, 0, NEW.bytes - OLD.bytes, 0)
  ON CONFLICT (owner) DO UPDATE SET stored_bytes = stored_bytes + excluded.stored_bytes;
END;
UPDATE steps SET samples_bytes = blob_bytes(samples_key)
  WHERE samples_bytes = 0 AND substr(samples_key, 1, length(job_id) + 6) = 'jobs/' || job_id || '/';
UPDATE steps SET checkpoint_bytes = blob_bytes(checkpoint_key)
  WHERE checkpoint_bytes = 0 AND substr(checkpoint_key, 1, length(job_id) + 6) = 'jobs/' || job_id || '/';
UPDATE datasets SET bytes = blob_bytes(blob_key) WHERE bytes = 0;
CREATE INDEX jobs_that_store ON jobs (stored_bytes, delete_time_us, end_time_us, id) WHERE stored_bytes > 0;
)sql",
    // A blob is counted with one of the steps that refer to it: that of the job which made it, for as long as that one does, then that of a
    // fork. Keys are jobs/ID/NAME, of the job that made them. At last, what jobs that had gone before had left to their forks.
    R"sql(
CREATE TRIGGER heir_of_samples AFTER UPDATE OF samples_key ON steps WHEN OLD.samples_bytes > 0 AND OLD.samples_key <> NEW.samples_key BEGIN
  UPDATE steps SET samples_bytes = OLD.samples_bytes WHERE step = OLD.step AND job_id = (
    SELECT job_id FROM fork_ancestors JOIN steps AS shared USING (job_id)
    WHERE ancestor_id = substr(OLD.samples_key, 6, instr(substr(OLD.samples_key, 6), '/') - 1) AND job_id <> OLD.job_id
      AND shared.step = OLD.step AND samples_key = OLD.samples_key ORDER BY job_id LIMIT 1);
END;
CREATE TRIGGER heir_of_checkpoint AFTER UPDATE OF checkpoint_key ON steps
WHEN OLD.checkpoint_bytes > 0 AND OLD.checkpoint_key <> NEW.checkpoint_key BEGIN
  UPDATE steps SET checkpoint_bytes = OLD.checkpoint_bytes WHERE step = OLD.step AND job_id = (
    SELECT job_id FROM fork_ancestors JOIN steps AS shared USING (job_id)
    WHERE ancestor_id = substr(OLD.checkpoint_key, 6, instr(substr(OLD.checkpoint_key, 6), '/') - 1) AND job_id <> OLD.job_id
      AND shared.step = OLD.step AND checkpoint_key = OLD.checkpoint_key ORDER BY job_id LIMIT 1);
END;
CREATE TRIGGER heir_of_removed_step AFTER DELETE ON steps WHEN OLD.samples_bytes + OLD.checkpoint_bytes > 0 BEGIN
  UPDATE steps SET samples_bytes = OLD.samples_bytes WHERE OLD.samples_bytes > 0 AND step = OLD.step AND job_id = (
    SELECT job_id FROM fork_ancestors JOIN steps AS shared USING (job_id)
    WHERE ancestor_id = substr(OLD.samples_key, 6, instr(substr(OLD.samples_key, 6), '/') - 1) AND job_id <> OLD.job_id
      AND shared.step = OLD.step AND samples_key = OLD.samples_key ORDER BY job_id LIMIT 1);
  UPDATE steps SET checkpoint_bytes = OLD.checkpoint_bytes WHERE OLD.checkpoint_bytes > 0 AND step = OLD.step AND job_id = (
    SELECT job_id FROM fork_ancestors JOIN steps AS shared USING (job_id)
    WHERE ancestor_id = substr(OLD.checkpoint_key, 6, instr(substr(OLD.checkpoint_key, 6), '/') - 1) AND job_id <> OLD.job_id
      AND shared.step = OLD.step AND checkpoint_key = OLD.checkpoint_key ORDER BY job_id LIMIT 1);
END;
UPDATE steps SET samples_bytes = blob_bytes(samples_key) WHERE samples_bytes = 0 AND job_id = (
    SELECT min(job_id) FROM fork_ancestors JOIN steps AS shared USING (job_id)
    WHERE ancestor_id = substr(steps.samples_key, 6, instr(substr(steps.samples_key, 6), '/') - 1)
      AND shared.step = steps.step AND shared.samples_key = steps.samples_key)
  AND NOT EXISTS (SELECT 1 FROM steps AS made WHERE made.step = steps.step AND made.samples_key = steps.samples_key
    AND made.job_id = substr(steps.samples_key, 6, instr(substr(steps.samples_key, 6), '/') - 1));
UPDATE steps SET checkpoint_bytes = blob_bytes(checkpoint_key) WHERE checkpoint_bytes = 0 AND job_id = (
    SELECT min(job_id) FROM fork_ancestors JOIN steps AS shared USING (job_id)
    WHERE ancestor_id = substr(steps.checkpoint_key, 6, instr(substr(steps.checkpoint_key, 6), '/') - 1)
      AND shared.step = steps.step AND shared.checkpoint_key = steps.checkpoint_key)
  AND NOT EXISTS (SELECT 1 FROM steps AS made WHERE made.step = steps.step AND made.checkpoint_key = steps.checkpoint_key
    AND made.job_id = substr(steps.checkpoint_key, 6, instr(substr(steps.checkpoint_key, 6), '/') - 1));
)sql",
    // A new job is in no index that only others need: each is a page more in the commit that its client waits for.
    R"sql(
DROP INDEX jobs_by_log_length;
CREATE INDEX jobs_by_log_length ON jobs (last_sequence - first_sequence) WHERE last_sequence > first_sequence;
DROP INDEX jobs_by_owner;
CREATE INDEX jobs_by_owner ON jobs (owner, number) WHERE owner <> '';
)sql",
    R"sql(
ALTER TABLE tokens ADD COLUMN job_id TEXT NOT NULL DEFAULT '';
CREATE INDEX tokens_of_links ON tokens (job_id, expire_time_us) WHERE job_id <> '';
)sql",
};

absl::Status RunMigration(Connection& connection, int from) {
  Transaction transaction(connection);
  absl::Status status = transaction.Begin();
  if (status.ok()) status = connection.Execute(kMigrations[from]);
  if (status.ok()) status = connection.Execute(absl::StrCat("PRAGMA application_id=", kApplicationId, "; PRAGMA user_version=", from + 1));
  return status.ok() ? transaction.Commit() : status;
}

// `blob_bytes(key)` of migrations: what the blob holds; 0 where it is not there.
absl::Status DefineBlobBytes(Connection& connection, const std::string& folder) {
  const auto blobs = std::make_shared<BlobStore>(absl::StrCat(folder, "/blobs"), RealFileSystem());
  return connection.Define("blob_bytes", [blobs](absl::string_view key) { return blobs->Size(std::string(key)).value_or(0); });
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

absl::Status Migrate(Connection& connection, const std::string& folder, int to) {
  absl::Status status = CheckOwnership(connection);
  if (status.ok()) status = DefineBlobBytes(connection, folder);
  if (!status.ok()) return status;
  const absl::StatusOr<int64_t> version = connection.QueryInt("PRAGMA user_version");
  if (!version.ok()) return version.status();
  if (*version > SchemaVersion()) {
    return absl::FailedPreconditionError(absl::StrCat("sliceflow.db has schema ", *version,
                                                      ", written by a newer sliceflow; this one knows ", SchemaVersion(),
                                                      ". Start the newer version, or use another data folder."));
  }
  for (int from = static_cast<int>(*version); from < to && status.ok(); ++from) status = RunMigration(connection, from);
  return status;
}

}  // namespace sliceflow::store
