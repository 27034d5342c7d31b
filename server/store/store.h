// What the daemon keeps: jobs, their events and steps, data sets. The bytes of messages are opaque here.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace sliceflow::store {

// A job as List and Get see it. `job` holds a serialized sliceflow.v1.Job; the other fields are what queries look at. Labels and data sets
// are written when the job is made and only queried afterwards: rows that are read leave them empty (`job` has them).
struct JobRow {
  std::string id;
  int64_t number = 0;   // order of creation, given by the store
  int64_t version = 0;  // raised by each commit; what Commit compares
  int state = 0;        // sliceflow.v1.Job.State
  int64_t create_time_us = 0;
  std::string display_name;
  std::string owner;
  std::map<std::string, std::string> labels;
  std::vector<std::string> datasets;  // ids that the specification refers to
  int64_t last_sequence = 0;
  int worker_failures = 0;  // workers lost in a row without a new step
  std::string job;
};

struct EventRow {
  int64_t sequence = 0;
  int64_t time_us = 0;
  std::string event;  // a serialized sliceflow.v1.JobEvent
};

// A completed step and where its bytes are. Keys of the blob store; empty when nothing is kept.
struct StepRow {
  int step = 0;
  int64_t sequence = 0;  // of its StepCompleted event
  std::string samples_key;
  std::vector<int64_t> samples_shape;
  std::string checkpoint_key;
};

// One durable change of a job: all of it or nothing.
struct JobCommit {
  JobRow row;                            // row.version is the version that was read; the commit stores version + 1
  std::vector<EventRow> events;          // go on from the stored last_sequence without a gap, and end at row.last_sequence
  std::optional<StepRow> step;           // added, or replacing the one of the same number
  std::vector<int> dropped_checkpoints;  // steps whose checkpoint_key becomes empty
};

struct JobQuery {
  struct Label {
    std::string key;
    std::string value;
  };
  std::vector<int> states;  // empty: all
  std::vector<int> excluded_states;
  std::optional<std::string> display_name;
  std::vector<Label> labels;
  std::optional<int64_t> created_from_us;   // inclusive
  std::optional<int64_t> created_until_us;  // exclusive
  bool ascending = false;
  std::optional<int64_t> after_number;  // goes on after this job in the order asked for
  int limit = 50;
};

struct DatasetRow {
  std::string id;
  int64_t number = 0;  // given by the store
  std::string sha256;
  std::string format;  // how the bytes were read; empty where it is not known
  std::string blob_key;
  std::string dataset;  // a serialized sliceflow.v1.Dataset
};

// Thread-safe. A call returns once what it wrote is durable. Errors besides those named: NotFound; Aborted when a version is not the one
// stored; ResourceExhausted for a full disk; DataLoss for a damaged database; Unavailable otherwise.
class Store {
 public:
  virtual ~Store() = default;

  // Adds a job at version 1 with its first events and gives it its number. With a request id that was used: AlreadyExists, changing
  // nothing. An empty request id is not remembered. NotFound when a data set it refers to is not there.
  virtual absl::Status CreateJob(JobCommit commit, absl::string_view owner, absl::string_view request_id,
                                 absl::string_view request_hash) = 0;

  // The job made for a request id, with the hash it was made with; nullopt when the id was not used.
  struct RequestRow {
    std::string job_id;
    std::string request_hash;
  };
  virtual absl::StatusOr<std::optional<RequestRow>> FindRequest(absl::string_view owner, absl::string_view request_id) = 0;

  // Replaces state, last_sequence, worker_failures and `job` of the row. InvalidArgument when the events leave a gap.
  virtual absl::Status Commit(const JobCommit& commit) = 0;
  virtual absl::StatusOr<JobRow> GetJob(absl::string_view id) = 0;
  virtual absl::StatusOr<std::vector<JobRow>> ListJobs(const JobQuery& query) = 0;
  virtual absl::StatusOr<int64_t> CountJobs(const std::vector<int>& states) = 0;
  // With its events, steps and request id; its number is not used again.
  virtual absl::Status DeleteJob(absl::string_view id, int64_t version) = 0;

  // Events after a sequence in order, at most `limit` and about `max_bytes` (always one where there is one).
  virtual absl::StatusOr<std::vector<EventRow>> ReadEvents(absl::string_view job_id, int64_t after, int limit, int64_t max_bytes) = 0;

  virtual absl::StatusOr<StepRow> GetStep(absl::string_view job_id, int step) = 0;
  // Steps with a kept checkpoint, newest first.
  virtual absl::StatusOr<std::vector<StepRow>> KeptSteps(absl::string_view job_id) = 0;
  // Every blob key that anything refers to, under a prefix.
  virtual absl::StatusOr<std::vector<std::string>> ReferencedKeys(absl::string_view prefix) = 0;

  // AlreadyExists when the id is taken.
  virtual absl::Status CreateDataset(DatasetRow row) = 0;
  virtual absl::StatusOr<DatasetRow> GetDataset(absl::string_view id) = 0;
  virtual absl::StatusOr<std::vector<DatasetRow>> ListDatasets(std::optional<int64_t> before_number, int limit) = 0;
  // FailedPrecondition when a job refers to it.
  virtual absl::Status DeleteDataset(absl::string_view id) = 0;

  // Ids of jobs that refer to a data set, at most `limit`.
  virtual absl::StatusOr<std::vector<std::string>> JobsUsingDataset(absl::string_view dataset_id, int limit) = 0;

  // Reads and writes a probe; what is wrong with the store, if anything.
  virtual absl::Status CheckHealth() = 0;
};

// Opens or makes DIR/sliceflow.db (WAL, synchronous=FULL, foreign keys), brings its schema up to date, and checks it.
// The folder is made when missing. FailedPrecondition when the schema is newer than this program, when the file belongs to another one, or
// when another process still has the folder open after `lock_wait`; DataLoss when the database is damaged.
absl::StatusOr<std::unique_ptr<Store>> OpenSqliteStore(const std::string& folder, absl::Duration lock_wait = absl::Seconds(5));

}  // namespace sliceflow::store
