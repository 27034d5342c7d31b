// What the store keeps and is asked for, as rows: jobs, their events and steps, data sets. The bytes of messages are opaque here.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace sliceflow::store {

// A job as List and Get see it. `job` holds a serialized sliceflow.v1.Job; the other fields are what queries look at. Labels and data sets
// are written when the job is made and only queried afterwards, times of the end and pending steps with each change: rows that are read
// leave them empty (`job` has them).
struct JobRow {
  std::string id;
  int64_t number = 0;   // order of creation, given by the store
  int64_t version = 0;  // raised by each commit; what Commit compares
  int state = 0;        // sliceflow.v1.Job.State
  int64_t create_time_us = 0;
  std::string display_name;
  std::string owner;
  int priority = 0;
  std::string device;        // as in sliceflow.v1.Job
  int64_t stored_bytes = 0;  // of its steps, which the store counts: only read
  std::map<std::string, std::string> labels;
  std::vector<std::string> datasets;  // ids that the specification refers to, of data sets of the job's owner
  int64_t last_sequence = 0;
  int worker_failures = 0;     // workers lost in a row without a new step
  int64_t pending_steps = 0;   // still to be computed
  int64_t end_time_us = 0;     // when it ended; 0 before
  int64_t delete_time_us = 0;  // when it was deleted; 0 where it is not
  int64_t purge_time_us = 0;   // when a deleted job is to be removed
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
  int64_t samples_bytes = 0;     // sizes of what the keys name
  int64_t checkpoint_bytes = 0;  // 0 where nothing is kept
};

// What an owner uses, over all jobs and data sets.
struct UsageRow {
  int64_t running_jobs = 0;
  int64_t queued_jobs = 0;  // that wait or are paused
  int64_t stored_bytes = 0;
  int64_t pending_steps = 0;
};

// Of a fork: a job whose steps it shares.
struct ForkAncestor {
  int last_step = 0;      // its steps are those after the ancestor before, up to this one
  std::string job_id;     // whose blobs the steps name; it may be deleted by now
  std::string made_from;  // a serialized sliceflow.v1.Job: of what specification and origin the steps' checkpoints were made
};

// What a new job shares with another.
struct Fork {
  std::string parent_id;
  int last_step = 0;
  int first_told_step = 0;  // the commit's events from the second on tell the steps from this one to `last_step`; those before have none
  std::vector<ForkAncestor> ancestors;  // by last_step, up to that of the fork
};

// One durable change of a job: all of it or nothing.
struct JobCommit {
  JobRow row;                            // row.version is the version that was read; the commit stores version + 1
  std::vector<EventRow> events;          // go on from the stored last_sequence without a gap, and end at row.last_sequence
  std::optional<StepRow> step;           // added, or replacing the one of the same number
  std::vector<int> dropped_checkpoints;  // steps whose checkpoint_key becomes empty
  int64_t drop_events_before = 0;        // events below this sequence go, and the samples of their steps; 0: none
  std::optional<Fork> fork;              // only of CreateJob
};

struct JobQuery {
  struct Label {
    std::string key;
    std::string value;
  };
  std::vector<int> states;  // empty: all
  std::vector<int> excluded_states;
  std::optional<std::string> owner;
  std::optional<std::string> device;
  std::optional<int> lowest_priority;   // inclusive
  std::optional<int> highest_priority;  // inclusive
  std::optional<std::string> display_name;
  std::vector<Label> labels;
  std::optional<int64_t> created_from_us;   // inclusive
  std::optional<int64_t> created_until_us;  // exclusive
  bool with_deleted = false;
  bool without_pending_steps = false;  // only jobs whose row counts none: those of older schemas, until they change
  bool ascending = false;
  std::optional<int64_t> after_number;  // goes on after this job in the order asked for
  int limit = 50;
};

// What ended jobs may keep; those that go are deleted, the oldest first.
struct RetentionBounds {
  int64_t ended_before_us = 0;   // jobs that ended before go
  int64_t max_jobs = INT64_MAX;  // of an owner
};

// Each owner has ids of its own.
struct DatasetRow {
  std::string owner;
  std::string id;
  int64_t number = 0;  // given by the store
  std::string sha256;
  std::string format;  // how the bytes were read; empty where it is not known
  std::string blob_key;
  int64_t bytes = 0;    // of the table
  std::string dataset;  // a serialized sliceflow.v1.Dataset
};

}  // namespace sliceflow::store
