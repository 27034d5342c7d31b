// The jobs that wait for a worker, and who computes the others.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "server/jobs/listener.h"
#include "server/scheduler/fair_share.h"
#include "server/scheduler/waiting_lines.h"

namespace sliceflow::scheduler {

struct QueueOptions {
  absl::Duration share_half_life = absl::Hours(1);
  // Jobs that an owner may have running at once, 0 for no bound. Asked while the queue is locked: short, and calls nothing here. May be
  // empty.
  std::function<int(const std::string& owner)> max_running;
  // Whether a device is given jobs now; looked at again with each Tick. Asked as `max_running` is. May be empty: always.
  std::function<bool(const std::string& device)> gets_jobs;
  std::function<absl::Duration()> uptime;  // a steady clock
};

// Thread-safe. docs/adr/0014 has the policy: by priority, then by the share of the owner, then by age; what waits interrupts what has a
// lower priority. Takers are told while the queue is locked, so what they do then is short and calls nothing here.
class JobQueue {
 public:
  // A worker's lane as the queue sees it: it takes one job at a time.
  class Taker {
   public:
    virtual ~Taker() = default;
    virtual void Poke() = 0;                                                     // there may be something to take
    virtual void Stop(const std::string& job_id) = 0;                            // the job it took is to be given up
    virtual void Preempt(const std::string& job_id, const std::string& by) = 0;  // as Stop, for the job `by`, and it waits again
  };

  // A job that was interrupted so often in a row without completing a step is not interrupted again until it has: so every job comes on.
  static constexpr int kMaxFruitless = 3;

  explicit JobQueue(QueueOptions options);

  // A device that jobs can be computed on, and the memory that they may take there together; 0: no bound.
  void SetDevice(const std::string& device, int64_t memory_bytes);
  // Takes it out again; no taker of it may be left. Jobs that wait for it alone go on waiting.
  void RemoveDevice(const std::string& device);
  // What the jobs that run on it are thought to take.
  int64_t ReservedBytes(const std::string& device) const;

  // A taker is known from Add to Remove. Remove gives up nothing: what it took is to be released first.
  void Add(Taker* taker, const std::string& device);
  void Remove(Taker* taker);

  void Push(const jobs::WaitingJob& job);
  // The job whose turn it is on the taker's device, which is `taker`'s until it lets go of it. Nothing while the queue is closed, while
  // the device gets no jobs, while that job's memory is not free, or when the taker has one.
  std::optional<std::string> Take(Taker* taker);
  // The taker's job has completed a step.
  void Progressed(Taker* taker);
  // Lets go of the taker's job, if it has one.
  void Release(Taker* taker);
  // As Release, of a job that is about to wait again because it was preempted.
  void GiveWay(Taker* taker);
  // Releases the job and has it wait again; nobody is poked, so that what cannot be started now is tried at the next Tick.
  void PutBack(Taker* taker);

  // Drops a waiting job or tells whoever took it, unless it was queued again since this sequence.
  void RequestStop(const std::string& job_id, int64_t sequence);

  // Looks after delays, and for whatever may be handed out.
  void Tick();
  void Open();
  void Close();

 private:
  struct Waiting {
    jobs::WaitingJob job;
    int fruitless = 0;    // times in a row that it was interrupted without a new step
    absl::Duration due;   // not before
    std::string devices;  // as in WaitingLines::Place
  };
  struct Taken {
    Waiting waiting;
    absl::Duration started;
    bool progressed = false;
    bool preempting = false;
    bool stopped = false;  // on request: it does not come back by itself
  };
  struct Device {
    int64_t memory_bytes = 0;
    int64_t reserved_bytes = 0;
  };
  struct TakerState {
    std::string device;
    std::optional<Taken> taken;
  };

  static WaitingLines::Place PlaceOf(const Waiting& waiting);
  std::string EligibleDevices(const jobs::WaitingJob& job) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // What waits may have other devices now.
  void PlaceAnew() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void AddWaiting(Waiting waiting) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void DropWaiting(const std::string& job_id) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void AdmitDue(absl::Duration now) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  const Waiting* NextOn(const std::string& device, absl::Duration now) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  bool GetsJobs(const std::string& device) const { return !options_.gets_jobs || options_.gets_jobs(device); }
  bool HasRoom(const std::string& device, int64_t bytes) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  std::optional<Taken> LetGo(Taker* taker) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Pokes who has nothing to do, and interrupts what stands in the way of a higher priority.
  void HandOut() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void MakeRoom(const std::string& device, absl::Duration now) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const QueueOptions options_;
  mutable absl::Mutex mutex_;
  bool open_ ABSL_GUARDED_BY(mutex_) = false;
  std::map<std::string, Device> devices_ ABSL_GUARDED_BY(mutex_);
  std::map<Taker*, TakerState> takers_ ABSL_GUARDED_BY(mutex_);
  std::unordered_map<std::string, Waiting> waiting_ ABSL_GUARDED_BY(mutex_);
  std::set<std::pair<absl::Duration, std::string>> delayed_ ABSL_GUARDED_BY(mutex_);  // those of `waiting_` that are not in `lines_`
  WaitingLines lines_ ABSL_GUARDED_BY(mutex_);
  FairShare share_ ABSL_GUARDED_BY(mutex_);
  std::unordered_map<std::string, int> running_ ABSL_GUARDED_BY(mutex_);    // jobs by owner
  std::unordered_map<std::string, int> fruitless_ ABSL_GUARDED_BY(mutex_);  // of jobs between GiveWay and Push
};

}  // namespace sliceflow::scheduler
