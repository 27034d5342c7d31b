// The short queries that wait for a worker or are with one. Owners take turns, so that many of one keep no other's waiting.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "common/tensor.h"
#include "server/scheduler/scheduler.h"

namespace sliceflow::scheduler {

// Thread-safe. Every query is answered exactly once. Callbacks run under no lock of the desk: on the thread of whoever calls Answer, or,
// for refusals, cancellations and timeouts, of whoever calls Tick. Takers are told while the desk is locked, so what they do then is short
// and calls nothing here.
class QueryDesk {
 public:
  // A worker's lane as the desk sees it.
  class Taker {
   public:
    virtual ~Taker() = default;
    virtual void Poke() = 0;  // there may be something to take
    virtual void Kill() = 0;  // it took too long: its worker is to be ended
  };

  // A query while it is not answered. Its members are read by the taker only.
  struct Pending {
    int64_t number = 0;
    Query query;

   private:
    friend class QueryDesk;
    QueryCallback callback_;  // empty once answered
    absl::Duration timeout_;
    absl::Duration deadline_;  // as the next's `now`
    int losses_ = 0;
    Taker* taker_ = nullptr;
  };
  using PendingPtr = std::shared_ptr<Pending>;

  // How many queries may wait, of all owners together and of one; at least one each.
  struct Bounds {
    int all = 1;
    int of_owner = 1;
  };
  // `wake` is called, under no lock, when Tick has something to do at once.
  // While no taker is there, a query waits `patience` for one, and otherwise `timeout`.
  QueryDesk(Bounds bounds, absl::Duration timeout, absl::Duration patience, std::function<void()> wake);

  void Add(Taker* taker);
  void Remove(Taker* taker);

  // As Scheduler::Ask.
  std::function<void()> Ask(Query query, QueryCallback callback);

  // The oldest waiting query of the owner whose turn it is, or null.
  PendingPtr Take(Taker* taker);
  // Does nothing for a query that was answered (cancelled, timed out) meanwhile.
  void Answer(const PendingPtr& pending, absl::StatusOr<scheduler::Answer> result);
  // Its worker was lost: it waits again, first of its owner's; the second time it is answered Internal with reason WORKER_LOST, for good.
  void Lose(const PendingPtr& pending);

  // Answers what was refused, cancelled, or has timed out by `now` (of Uptime); kills takers that took too long.
  void Tick(absl::Duration now);
  // Answers everything Unavailable, also what is asked later.
  void Close();

 private:
  struct Reply {
    QueryCallback callback;
    absl::StatusOr<scheduler::Answer> result;
  };
  void ReplyLater(Pending& pending, absl::Status status) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Cancel(const PendingPtr& pending);
  void DropAnswered() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void PokeAllLocked() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Why a waiting query is answered by `now`; OK where it waits on.
  absl::Status EndOfWait(const Pending& pending, absl::Duration now) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // OK where one more query of the owner may wait.
  absl::Status CheckRoom(const std::string& owner) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const Bounds bounds_;
  const absl::Duration timeout_;
  const absl::Duration patience_;
  const std::function<void()> wake_;
  absl::Mutex mutex_;
  bool closed_ ABSL_GUARDED_BY(mutex_) = false;
  int64_t last_number_ ABSL_GUARDED_BY(mutex_) = 0;
  std::map<std::string, std::deque<PendingPtr>> waiting_ ABSL_GUARDED_BY(mutex_);  // by owner; no line is empty
  std::string last_owner_ ABSL_GUARDED_BY(mutex_);                                 // whose turn was the last
  std::set<PendingPtr> taken_ ABSL_GUARDED_BY(mutex_);
  std::vector<Reply> replies_ ABSL_GUARDED_BY(mutex_);
  std::set<Taker*> takers_ ABSL_GUARDED_BY(mutex_);
  absl::Duration alone_since_ ABSL_GUARDED_BY(mutex_);  // when the last taker went, of Uptime
};

}  // namespace sliceflow::scheduler
