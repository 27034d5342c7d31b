#include "server/events/hub.h"

#include <algorithm>
#include <atomic>
#include <utility>

namespace sliceflow::events {

struct Hub::Watcher {
  ChannelPtr channel;
  bool inner_progress = false;
  bool joined = false;        // has been called once; guarded by the hub's mutex
  int64_t progress_seen = 0;  // guarded by the hub's mutex
  std::atomic<int64_t> cursor{0};

  absl::Mutex mutex;
  std::function<void()> wake;
  bool left ABSL_GUARDED_BY(mutex) = false;
  bool calling ABSL_GUARDED_BY(mutex) = false;

  void Call() {
    {
      absl::MutexLock lock(&mutex);
      if (left) return;
      calling = true;
    }
    wake();
    absl::MutexLock lock(&mutex);
    calling = false;
  }
};

Hub::Hub(absl::Duration progress_interval)
    : progress_interval_(absl::ToChronoNanoseconds(progress_interval)), dispatcher_([this] { Dispatch(); }) {}

Hub::~Hub() {
  {
    absl::MutexLock lock(&mutex_);
    stopping_ = true;
    work_.SignalAll();
  }
  dispatcher_.join();
}

Hub::WatcherPtr Hub::Join(const std::string& job_id, int64_t newest, bool final, bool inner_progress, std::function<void()> wake) {
  auto watcher = std::make_shared<Watcher>();
  watcher->inner_progress = inner_progress;
  watcher->wake = std::move(wake);
  absl::MutexLock lock(&mutex_);
  ChannelPtr& channel = channels_[job_id];
  if (channel == nullptr) {
    channel = std::make_shared<Channel>();
    channel->job_id = job_id;
    channel->view = View{newest, final, false};
  }
  watcher->channel = channel;
  channel->watchers.insert(watcher);
  MarkChanged(channel, kJoined);
  return watcher;
}

void Hub::Leave(const WatcherPtr& watcher) {
  {
    absl::MutexLock lock(&mutex_);
    const ChannelPtr& channel = watcher->channel;
    channel->watchers.erase(watcher);
    const auto found = channels_.find(channel->job_id);
    if (channel->watchers.empty() && found != channels_.end() && found->second == channel) channels_.erase(found);
  }
  absl::MutexLock lock(&watcher->mutex);
  watcher->left = true;
  watcher->mutex.Await(absl::Condition(
      +[](Watcher* w) ABSL_NO_THREAD_SAFETY_ANALYSIS { return !w->calling; }, watcher.get()));
}

void Hub::Publish(const std::string& job_id, int64_t newest, bool final, bool step_done) {
  absl::MutexLock lock(&mutex_);
  const auto found = channels_.find(job_id);
  if (found == channels_.end()) return;
  const ChannelPtr& channel = found->second;
  channel->view.newest = newest;
  channel->view.final = final;
  if (step_done || final) {
    channel->progress = nullptr;
    channel->waiting = nullptr;
  }
  MarkChanged(channel, kEvents);
}

void Hub::PublishProgress(const std::string& job_id, EventPtr event) {
  absl::MutexLock lock(&mutex_);
  const auto found = channels_.find(job_id);
  if (found == channels_.end()) return;
  const ChannelPtr& channel = found->second;
  const SteadyTime now = std::chrono::steady_clock::now();
  if (now >= channel->next_progress) {
    ShowProgress(channel, std::move(event), now);
    return;
  }
  if (std::find(waiting_.begin(), waiting_.end(), channel) == waiting_.end()) waiting_.push_back(channel);
  channel->waiting = std::move(event);
  work_.SignalAll();
}

void Hub::Close(const std::string& job_id) {
  absl::MutexLock lock(&mutex_);
  const auto found = channels_.find(job_id);
  if (found == channels_.end()) return;
  found->second->view.deleted = true;
  MarkChanged(found->second, kEvents);
  channels_.erase(found);
}

Hub::View Hub::Look(const WatcherPtr& watcher) {
  absl::MutexLock lock(&mutex_);
  return watcher->channel->view;
}

EventPtr Hub::TakeProgress(const WatcherPtr& watcher) {
  if (!watcher->inner_progress) return nullptr;
  absl::MutexLock lock(&mutex_);
  const Channel& channel = *watcher->channel;
  if (watcher->progress_seen == channel.progress_number) return nullptr;
  watcher->progress_seen = channel.progress_number;
  return channel.progress;
}

void Hub::SetCursor(const WatcherPtr& watcher, int64_t sequence) { watcher->cursor = sequence; }

EventLog::WatchFigures Hub::figures() {
  EventLog::WatchFigures figures;
  absl::MutexLock lock(&mutex_);
  for (const auto& [job_id, channel] : channels_) {
    figures.watchers += static_cast<int64_t>(channel->watchers.size());
    for (const WatcherPtr& watcher : channel->watchers) {
      figures.longest_lag = std::max(figures.longest_lag, channel->view.newest - watcher->cursor.load());
    }
  }
  return figures;
}

void Hub::MarkChanged(const ChannelPtr& channel, Reason reason) {
  if (channel->reasons == 0) changed_.push_back(channel);
  channel->reasons |= reason;
  work_.SignalAll();
}

void Hub::ShowProgress(const ChannelPtr& channel, EventPtr event, SteadyTime now) {
  channel->progress = std::move(event);
  channel->waiting = nullptr;
  ++channel->progress_number;
  channel->next_progress = now + progress_interval_;
  MarkChanged(channel, kProgress);
}

absl::Duration Hub::ShowDueProgress() {
  absl::Duration until_next = absl::InfiniteDuration();
  const SteadyTime now = std::chrono::steady_clock::now();
  const std::vector<ChannelPtr> waiting = std::exchange(waiting_, {});
  for (const ChannelPtr& channel : waiting) {
    if (channel->waiting == nullptr) continue;  // shown or out of date meanwhile
    if (now >= channel->next_progress) {
      ShowProgress(channel, channel->waiting, now);
      continue;
    }
    waiting_.push_back(channel);
    until_next = std::min(until_next, absl::FromChrono(channel->next_progress - now));
  }
  return until_next;
}

std::vector<Hub::WatcherPtr> Hub::TakeChanged() {
  std::vector<WatcherPtr> watchers;
  if (changed_.empty()) return watchers;
  const ChannelPtr channel = changed_.front();
  changed_.pop_front();
  const unsigned reasons = std::exchange(channel->reasons, 0);
  for (const WatcherPtr& watcher : channel->watchers) {
    const bool call = (reasons & kEvents) != 0 || ((reasons & kProgress) != 0 && watcher->inner_progress) || !watcher->joined;
    if (!call) continue;
    watcher->joined = true;
    watchers.push_back(watcher);
  }
  return watchers;
}

void Hub::Dispatch() {
  absl::MutexLock lock(&mutex_);
  while (!stopping_) {
    const absl::Duration until_next = ShowDueProgress();
    if (changed_.empty()) {
      work_.WaitWithTimeout(mutex_, until_next);
      continue;
    }
    const std::vector<WatcherPtr> watchers = TakeChanged();
    mutex_.Unlock();
    for (const WatcherPtr& watcher : watchers) watcher->Call();
    mutex_.Lock();
  }
}

}  // namespace sliceflow::events
