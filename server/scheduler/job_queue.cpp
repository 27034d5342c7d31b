#include "server/scheduler/job_queue.h"

#include <utility>

namespace sliceflow::scheduler {

void JobQueue::Add(Taker* taker) {
  absl::MutexLock lock(&mutex_);
  takers_.insert(taker);
}

void JobQueue::Remove(Taker* taker) {
  absl::MutexLock lock(&mutex_);
  takers_.erase(taker);
}

void JobQueue::Push(const std::string& job_id) {
  absl::MutexLock lock(&mutex_);
  waiting_.insert(job_id);
  PokeAllLocked();
}

std::optional<std::string> JobQueue::Take(Taker* taker) {
  absl::MutexLock lock(&mutex_);
  if (!open_ || waiting_.empty()) return std::nullopt;
  std::string job_id = std::move(waiting_.extract(waiting_.begin()).value());
  taken_[job_id] = taker;
  return job_id;
}

void JobQueue::Release(const std::string& job_id, Taker* taker) {
  absl::MutexLock lock(&mutex_);
  ReleaseLocked(job_id, taker);
}

void JobQueue::PutBack(const std::string& job_id, Taker* taker) {
  absl::MutexLock lock(&mutex_);
  ReleaseLocked(job_id, taker);
  waiting_.insert(job_id);
}

void JobQueue::RequestStop(const std::string& job_id) {
  absl::MutexLock lock(&mutex_);
  waiting_.erase(job_id);
  const auto taken = taken_.find(job_id);
  if (taken != taken_.end()) taken->second->Stop(job_id);
}

void JobQueue::PokeAll() {
  absl::MutexLock lock(&mutex_);
  PokeAllLocked();
}

void JobQueue::Open() {
  absl::MutexLock lock(&mutex_);
  open_ = true;
  PokeAllLocked();
}

void JobQueue::Close() {
  absl::MutexLock lock(&mutex_);
  open_ = false;
}

void JobQueue::PokeAllLocked() {
  if (!open_ || waiting_.empty()) return;
  for (Taker* taker : takers_) taker->Poke();
}

void JobQueue::ReleaseLocked(const std::string& job_id, Taker* taker) {
  const auto taken = taken_.find(job_id);
  if (taken != taken_.end() && taken->second == taker) taken_.erase(taken);
}

}  // namespace sliceflow::scheduler
