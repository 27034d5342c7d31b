#include "server/scheduler/query_desk.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/clock.h"
#include "common/errors.h"

namespace sliceflow::scheduler {
namespace {

constexpr int kMaxLosses = 1;
constexpr absl::Duration kRetryDelay = absl::Seconds(1);

absl::Status NoWorker(absl::string_view why) { return WithRetry(WithReason(absl::UnavailableError(why), "NO_WORKER"), kRetryDelay); }

// Not to be asked again: each time would cost the worker, and those who wait behind it the time in which it starts.
absl::Status WorkerLost(int times) {
  return WithReason(absl::InternalError(absl::StrCat("the worker ended ", times,
                                                     " times while it computed the answer, probably because of what it was asked; the log "
                                                     "of the server says how it ended")),
                    "WORKER_LOST");
}

absl::Status TooMany(absl::string_view which) {
  return WithRetry(WithReason(absl::ResourceExhaustedError(absl::StrCat(which, "; try again in a moment")), "TOO_MANY_QUERIES"),
                   kRetryDelay);
}

}  // namespace

QueryDesk::QueryDesk(Bounds bounds, absl::Duration timeout, absl::Duration patience, std::function<void()> wake)
    : bounds_{std::max(1, bounds.all), std::max(1, bounds.of_owner)},
      timeout_(timeout),
      patience_(patience),
      wake_(std::move(wake)),
      alone_since_(Uptime()) {}

void QueryDesk::Add(Taker* taker) {
  absl::MutexLock lock(&mutex_);
  takers_.insert(taker);
}

void QueryDesk::Remove(Taker* taker) {
  absl::MutexLock lock(&mutex_);
  takers_.erase(taker);
  if (takers_.empty()) alone_since_ = Uptime();
  for (const PendingPtr& pending : taken_) {
    if (pending->taker_ == taker) pending->taker_ = nullptr;
  }
}

std::function<void()> QueryDesk::Ask(Query query, QueryCallback callback) {
  auto pending = std::make_shared<Pending>();
  pending->timeout_ = query.timeout.value_or(timeout_);
  pending->query = std::move(query);
  pending->callback_ = std::move(callback);
  pending->deadline_ = Uptime() + pending->timeout_;
  bool refused = true;
  {
    absl::MutexLock lock(&mutex_);
    pending->number = ++last_number_;
    if (closed_) {
      ReplyLater(*pending, NoWorker("the server is stopping"));
    } else if (absl::Status full = CheckRoom(pending->query.owner); !full.ok()) {
      ReplyLater(*pending, std::move(full));
    } else {
      refused = false;
      waiting_[pending->query.owner].push_back(pending);
      PokeAllLocked();
    }
  }
  if (refused) wake_();
  return [this, pending] { Cancel(pending); };
}

absl::Status QueryDesk::CheckRoom(const std::string& owner) const {
  const auto own = waiting_.find(owner);
  if (own != waiting_.end() && own->second.size() >= static_cast<size_t>(bounds_.of_owner)) {
    return TooMany(absl::StrCat(bounds_.of_owner, " of your own short requests (draws, densities, distances, checks) wait already, as ",
                                "many as an owner's may"));
  }
  size_t all = 0;
  for (const auto& [each, line] : waiting_) all += line.size();
  if (all < static_cast<size_t>(bounds_.all)) return absl::OkStatus();
  return TooMany(absl::StrCat(bounds_.all, " short requests (draws, densities, distances, checks) of all owners wait on this server ",
                              "already, as many as may"));
}

QueryDesk::PendingPtr QueryDesk::Take(Taker* taker) {
  absl::MutexLock lock(&mutex_);
  if (waiting_.empty()) return nullptr;
  // In the order of their names, round and round.
  auto line = waiting_.upper_bound(last_owner_);
  if (line == waiting_.end()) line = waiting_.begin();
  last_owner_ = line->first;
  PendingPtr pending = std::move(line->second.front());
  line->second.pop_front();
  if (line->second.empty()) waiting_.erase(line);
  pending->taker_ = taker;
  taken_.insert(pending);
  return pending;
}

void QueryDesk::Answer(const PendingPtr& pending, absl::StatusOr<scheduler::Answer> result) {
  QueryCallback callback;
  {
    absl::MutexLock lock(&mutex_);
    taken_.erase(pending);
    callback = std::exchange(pending->callback_, nullptr);
  }
  if (callback) callback(std::move(result));
}

void QueryDesk::Lose(const PendingPtr& pending) {
  bool give_up = false;
  {
    absl::MutexLock lock(&mutex_);
    taken_.erase(pending);
    pending->taker_ = nullptr;
    if (!pending->callback_) return;
    give_up = closed_ || ++pending->losses_ > kMaxLosses;
    if (give_up) {
      ReplyLater(*pending, closed_ ? NoWorker("the server is stopping") : WorkerLost(pending->losses_));
    } else {
      waiting_[pending->query.owner].push_front(pending);
      PokeAllLocked();
    }
  }
  if (give_up) wake_();
}

absl::Status QueryDesk::EndOfWait(const Pending& pending, absl::Duration now) const {
  const absl::Duration asked = pending.deadline_ - pending.timeout_;
  if (takers_.empty() && now - std::max(asked, alone_since_) >= patience_) {
    return NoWorker(
        absl::StrCat("no worker for short requests (draws, densities, distances, checks, exports) is attached to the server, nor was for ",
                     absl::FormatDuration(patience_)));
  }
  if (pending.deadline_ > now) return absl::OkStatus();
  return NoWorker(absl::StrCat("no worker took the query within ", absl::FormatDuration(pending.timeout_)));
}

void QueryDesk::Tick(absl::Duration now) {
  std::vector<Reply> replies;
  {
    absl::MutexLock lock(&mutex_);
    for (const auto& [owner, line] : waiting_) {
      for (const PendingPtr& pending : line) {
        if (absl::Status end = EndOfWait(*pending, now); !end.ok()) ReplyLater(*pending, std::move(end));
      }
    }
    for (const PendingPtr& pending : taken_) {
      if (pending->deadline_ > now) continue;
      if (pending->taker_ != nullptr) pending->taker_->Kill();
      pending->taker_ = nullptr;
      ReplyLater(*pending,
                 WithReason(absl::DeadlineExceededError(absl::StrCat("not answered within ", absl::FormatDuration(pending->timeout_))),
                            "QUERY_TIMEOUT"));
    }
    DropAnswered();
    replies.swap(replies_);
  }
  for (Reply& reply : replies) reply.callback(std::move(reply.result));
}

void QueryDesk::Close() {
  {
    absl::MutexLock lock(&mutex_);
    closed_ = true;
    for (const auto& [owner, line] : waiting_) {
      for (const PendingPtr& pending : line) ReplyLater(*pending, NoWorker("the server is stopping"));
    }
    for (const PendingPtr& pending : taken_) ReplyLater(*pending, NoWorker("the server is stopping"));
    DropAnswered();
  }
  wake_();
}

void QueryDesk::Cancel(const PendingPtr& pending) {
  {
    absl::MutexLock lock(&mutex_);
    if (!pending->callback_) return;
    ReplyLater(*pending, absl::CancelledError("cancelled"));
    DropAnswered();
  }
  wake_();
}

void QueryDesk::ReplyLater(Pending& pending, absl::Status status) {
  if (!pending.callback_) return;
  replies_.push_back({std::exchange(pending.callback_, nullptr), std::move(status)});
}

// What is with a worker stays in `taken_` until the worker is through with it, so that one that hangs is noticed.
void QueryDesk::DropAnswered() {
  const auto answered = [](const PendingPtr& pending) { return !pending->callback_; };
  for (auto line = waiting_.begin(); line != waiting_.end();) {
    std::deque<PendingPtr>& queries = line->second;
    queries.erase(std::remove_if(queries.begin(), queries.end(), answered), queries.end());
    line = queries.empty() ? waiting_.erase(line) : std::next(line);
  }
}

void QueryDesk::PokeAllLocked() {
  for (Taker* taker : takers_) taker->Poke();
}

}  // namespace sliceflow::scheduler
