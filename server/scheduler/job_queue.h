// The jobs that wait for a worker, and who computes the others.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"

namespace sliceflow::scheduler {

// Thread-safe. Jobs are handed out in the order in which they were created, which is that of their ids; a job that lost its worker is
// therefore again before younger ones. Takers are told while the queue is locked, so what they do then is short and calls nothing here.
class JobQueue {
 public:
  // A worker's lane as the queue sees it.
  class Taker {
   public:
    virtual ~Taker() = default;
    virtual void Poke() = 0;                           // there may be something to take
    virtual void Stop(const std::string& job_id) = 0;  // the job it took is to be given up
  };

  // A taker is known from Add to Remove. Remove gives up nothing: what it took is to be released first.
  void Add(Taker* taker);
  void Remove(Taker* taker);

  void Push(const std::string& job_id);
  // The oldest waiting job, which is `taker`'s until it releases it. Nothing while the queue is closed.
  std::optional<std::string> Take(Taker* taker);
  void Release(const std::string& job_id, Taker* taker);
  // Releases a job and has it wait again; nobody is poked, so that what cannot be started now is tried at the next PokeAll.
  void PutBack(const std::string& job_id, Taker* taker);

  // Drops a waiting job or tells whoever took it.
  void RequestStop(const std::string& job_id);

  void PokeAll();
  void Open();
  void Close();

 private:
  void PokeAllLocked() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void ReleaseLocked(const std::string& job_id, Taker* taker) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  absl::Mutex mutex_;
  bool open_ ABSL_GUARDED_BY(mutex_) = false;
  std::set<std::string> waiting_ ABSL_GUARDED_BY(mutex_);
  std::map<std::string, Taker*> taken_ ABSL_GUARDED_BY(mutex_);
  std::set<Taker*> takers_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace sliceflow::scheduler
