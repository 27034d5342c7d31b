// The newest events of the jobs that are looked at, decoded once and shared by all who watch.
#pragma once

#include <cstdint>
#include <deque>
#include <list>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "server/events/event_log.h"

namespace sliceflow::events {

// For each job a run of events without gaps, bounded in number and bytes; for a bounded number of jobs, the least recently used of which
// goes. Events never change, so a run may be old but not wrong. Thread-safe.
class TailCache {
 public:
  explicit TailCache(const EventLogOptions& options) : options_(options) {}

  // Adds events (in order, without gaps) at the end of the job's run; a run that they do not continue is replaced.
  void Append(const std::string& job_id, const std::vector<EventPtr>& events);
  // Adds events that were read from the store: where they meet the run at either end it grows, where there is none they become it.
  void Offer(const std::string& job_id, const std::vector<EventPtr>& events);
  // Events after a sequence, at most `limit` and about `max_bytes`; nullopt when the run does not hold the first of them.
  std::optional<std::vector<EventPtr>> Read(const std::string& job_id, int64_t after, int limit, int64_t max_bytes);
  void Drop(const std::string& job_id);

 private:
  struct Entry {
    EventPtr event;
    int64_t bytes = 0;

    int64_t sequence() const { return event->sequence(); }
  };
  struct Tail {
    std::string job_id;
    std::deque<Entry> events;
    int64_t bytes = 0;
  };
  using Tails = std::list<Tail>;  // the most recently used first

  Tail& Touch(const std::string& job_id) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  bool HasRoom(const Tail& tail, int64_t bytes) const;
  void PushBack(Tail& tail, const EventPtr& event);
  // Adds those before the run's first, newest first, while there is room.
  void Prepend(Tail& tail, const std::vector<EventPtr>& events);

  const EventLogOptions options_;
  absl::Mutex mutex_;
  Tails tails_ ABSL_GUARDED_BY(mutex_);
  std::unordered_map<std::string, Tails::iterator> by_job_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace sliceflow::events
