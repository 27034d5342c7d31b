#include "server/events/tail_cache.h"

#include <algorithm>

namespace sliceflow::events {
namespace {

int64_t SizeOf(const EventPtr& event) { return static_cast<int64_t>(event->ByteSizeLong()); }

}  // namespace

TailCache::Tail& TailCache::Touch(const std::string& job_id) {
  const auto found = by_job_.find(job_id);
  if (found != by_job_.end()) {
    tails_.splice(tails_.begin(), tails_, found->second);
    return tails_.front();
  }
  tails_.push_front(Tail{job_id, {}, 0});
  by_job_[job_id] = tails_.begin();
  if (static_cast<int>(tails_.size()) > options_.tail_jobs) {
    by_job_.erase(tails_.back().job_id);
    tails_.pop_back();
  }
  return tails_.front();
}

bool TailCache::HasRoom(const Tail& tail, int64_t bytes) const {
  return static_cast<int>(tail.events.size()) < options_.tail_events && tail.bytes + bytes <= options_.tail_bytes;
}

void TailCache::PushBack(Tail& tail, const EventPtr& event) {
  const int64_t bytes = SizeOf(event);
  while (!tail.events.empty() && !HasRoom(tail, bytes)) {
    tail.bytes -= tail.events.front().bytes;
    tail.events.pop_front();
  }
  tail.events.push_back(Entry{event, bytes});
  tail.bytes += bytes;
}

void TailCache::Prepend(Tail& tail, const std::vector<EventPtr>& events) {
  for (auto event = events.rbegin(); event != events.rend(); ++event) {
    if ((*event)->sequence() >= tail.events.front().sequence()) continue;
    const int64_t bytes = SizeOf(*event);
    if (!HasRoom(tail, bytes)) return;
    tail.events.push_front(Entry{*event, bytes});
    tail.bytes += bytes;
  }
}

void TailCache::Append(const std::string& job_id, const std::vector<EventPtr>& events) {
  if (events.empty()) return;
  absl::MutexLock lock(&mutex_);
  Tail& tail = Touch(job_id);
  const bool continues = tail.events.empty() || tail.events.back().sequence() + 1 == events.front()->sequence();
  if (!continues) {
    tail.events.clear();
    tail.bytes = 0;
  }
  for (const EventPtr& event : events) PushBack(tail, event);
}

void TailCache::Offer(const std::string& job_id, const std::vector<EventPtr>& events) {
  if (events.empty()) return;
  absl::MutexLock lock(&mutex_);
  Tail& tail = Touch(job_id);
  if (tail.events.empty()) {
    for (const EventPtr& event : events) PushBack(tail, event);
    return;
  }
  const int64_t first = tail.events.front().sequence();
  const int64_t last = tail.events.back().sequence();
  if (events.back()->sequence() < first - 1 || events.front()->sequence() > last + 1) return;
  Prepend(tail, events);
  for (const EventPtr& event : events) {
    if (event->sequence() > last) PushBack(tail, event);
  }
}

std::optional<std::vector<EventPtr>> TailCache::Read(const std::string& job_id, int64_t after, int limit, int64_t max_bytes) {
  absl::MutexLock lock(&mutex_);
  const auto found = by_job_.find(job_id);
  if (found == by_job_.end()) return std::nullopt;
  tails_.splice(tails_.begin(), tails_, found->second);
  const std::deque<Entry>& run = tails_.front().events;
  if (run.empty() || run.front().sequence() > after + 1 || run.back().sequence() <= after) return std::nullopt;
  std::vector<EventPtr> events;
  int64_t bytes = 0;
  for (size_t i = static_cast<size_t>(after + 1 - run.front().sequence()); i < run.size(); ++i) {
    if (static_cast<int>(events.size()) == limit || (!events.empty() && bytes >= max_bytes)) break;
    events.push_back(run[i].event);
    bytes += run[i].bytes;
  }
  return events;
}

void TailCache::Drop(const std::string& job_id) {
  absl::MutexLock lock(&mutex_);
  const auto found = by_job_.find(job_id);
  if (found == by_job_.end()) return;
  tails_.erase(found->second);
  by_job_.erase(found);
}

}  // namespace sliceflow::events
