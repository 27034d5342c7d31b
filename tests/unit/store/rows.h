// Rows for tests of the store.
#pragma once

#include <string>

#include "absl/strings/str_cat.h"
#include "server/store/store.h"

namespace sliceflow::store {

inline constexpr int kQueued = 1;
inline constexpr int kRunning = 2;
inline constexpr int kSucceeded = 4;

inline EventRow MakeEvent(int64_t sequence) { return EventRow{sequence, sequence * 10, absl::StrCat("event ", sequence)}; }

// A new job with its first event.
inline JobCommit NewJob(const std::string& id, int state = kQueued) {
  JobCommit commit;
  commit.row.id = id;
  commit.row.state = state;
  commit.row.create_time_us = 1000;
  commit.row.display_name = "name of " + id;
  commit.row.last_sequence = 1;
  commit.row.job = "job " + id;
  commit.events = {MakeEvent(1)};
  return commit;
}

// `count` more events for a job as it was read.
inline JobCommit MoreEvents(JobRow row, int count) {
  JobCommit commit;
  for (int i = 1; i <= count; ++i) commit.events.push_back(MakeEvent(row.last_sequence + i));
  row.last_sequence += count;
  commit.row = std::move(row);
  return commit;
}

}  // namespace sliceflow::store
