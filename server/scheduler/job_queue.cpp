#include "server/scheduler/job_queue.h"

#include <algorithm>
#include <vector>

#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"

namespace sliceflow::scheduler {
namespace {

constexpr char kAnyDevice[] = "any";
constexpr char kSeparator = ',';

}  // namespace

JobQueue::JobQueue(QueueOptions options) : options_(std::move(options)), share_(options_.share_half_life) {}

void JobQueue::SetDevice(const std::string& device, int64_t memory_bytes) {
  absl::MutexLock lock(&mutex_);
  const auto [known, is_new] = devices_.try_emplace(device);
  if (!is_new && known->second.memory_bytes == memory_bytes) return;
  known->second.memory_bytes = memory_bytes;
  PlaceAnew();
}

void JobQueue::RemoveDevice(const std::string& device) {
  absl::MutexLock lock(&mutex_);
  if (devices_.erase(device) > 0) PlaceAnew();
}

// Rare: when the daemon starts, and when a device comes with its first worker or goes with its last.
void JobQueue::PlaceAnew() {
  for (auto& [id, waiting] : waiting_) {
    const bool in_line = delayed_.count({waiting.due, id}) == 0;
    if (in_line) lines_.Remove(PlaceOf(waiting));
    waiting.devices = EligibleDevices(waiting.job);
    if (in_line) lines_.Add(PlaceOf(waiting));
  }
}

int64_t JobQueue::ReservedBytes(const std::string& device) const {
  absl::MutexLock lock(&mutex_);
  const auto known = devices_.find(device);
  return known == devices_.end() ? 0 : known->second.reserved_bytes;
}

void JobQueue::Add(Taker* taker, const std::string& device) {
  absl::MutexLock lock(&mutex_);
  takers_[taker].device = device;
}

void JobQueue::Remove(Taker* taker) {
  absl::MutexLock lock(&mutex_);
  takers_.erase(taker);
}

void JobQueue::Push(const jobs::WaitingJob& job) {
  absl::MutexLock lock(&mutex_);
  const auto known = waiting_.find(job.id);
  if (known != waiting_.end() && known->second.job.sequence >= job.sequence) return;
  DropWaiting(job.id);
  Waiting waiting{.job = job};
  if (const auto fruitless = fruitless_.extract(job.id)) waiting.fruitless = fruitless.mapped();
  waiting.due = options_.uptime() + job.delay;
  AddWaiting(std::move(waiting));
  HandOut();
}

std::optional<std::string> JobQueue::Take(Taker* taker) {
  absl::MutexLock lock(&mutex_);
  const auto state = takers_.find(taker);
  if (!open_ || state == takers_.end() || state->second.taken.has_value() || !GetsJobs(state->second.device)) return std::nullopt;
  const absl::Duration now = options_.uptime();
  const Waiting* next = NextOn(state->second.device, now);
  if (next == nullptr || !HasRoom(state->second.device, next->job.memory_bytes)) return std::nullopt;
  std::string job_id = next->job.id;
  Taken taken{.waiting = *next, .started = now};
  DropWaiting(job_id);
  devices_[state->second.device].reserved_bytes += taken.waiting.job.memory_bytes;
  ++running_[taken.waiting.job.owner];
  share_.Begin(taken.waiting.job.owner, now);
  state->second.taken = std::move(taken);
  return job_id;
}

void JobQueue::Progressed(Taker* taker) {
  absl::MutexLock lock(&mutex_);
  const auto state = takers_.find(taker);
  if (state != takers_.end() && state->second.taken.has_value()) state->second.taken->progressed = true;
}

void JobQueue::Release(Taker* taker) {
  absl::MutexLock lock(&mutex_);
  if (LetGo(taker).has_value()) HandOut();
}

void JobQueue::GiveWay(Taker* taker) {
  absl::MutexLock lock(&mutex_);
  const std::optional<Taken> taken = LetGo(taker);
  if (!taken.has_value()) return;
  if (!taken->progressed && !taken->stopped) fruitless_[taken->waiting.job.id] = taken->waiting.fruitless + 1;
  HandOut();
}

void JobQueue::PutBack(Taker* taker) {
  absl::MutexLock lock(&mutex_);
  if (std::optional<Taken> taken = LetGo(taker)) AddWaiting(std::move(taken->waiting));
}

void JobQueue::RequestStop(const std::string& job_id, int64_t sequence) {
  absl::MutexLock lock(&mutex_);
  fruitless_.erase(job_id);
  const auto waiting = waiting_.find(job_id);
  if (waiting != waiting_.end() && waiting->second.job.sequence < sequence) DropWaiting(job_id);
  for (auto& [taker, state] : takers_) {
    const bool has_it = state.taken.has_value() && state.taken->waiting.job.id == job_id;
    if (!has_it || state.taken->waiting.job.sequence >= sequence) continue;
    state.taken->stopped = true;
    taker->Stop(job_id);
  }
}

void JobQueue::Tick() {
  absl::MutexLock lock(&mutex_);
  HandOut();
}

void JobQueue::Open() {
  absl::MutexLock lock(&mutex_);
  open_ = true;
  HandOut();
}

void JobQueue::Close() {
  absl::MutexLock lock(&mutex_);
  open_ = false;
}

WaitingLines::Place JobQueue::PlaceOf(const Waiting& waiting) {
  return {.priority = waiting.job.priority, .devices = waiting.devices, .owner = waiting.job.owner, .id = waiting.job.id};
}

std::string JobQueue::EligibleDevices(const jobs::WaitingJob& job) const {
  std::vector<std::string> eligible;
  for (const auto& [name, device] : devices_) {
    const bool asked_for = job.device.empty() || job.device == kAnyDevice || job.device == name;
    if (asked_for && (device.memory_bytes == 0 || job.memory_bytes <= device.memory_bytes)) eligible.push_back(name);
  }
  return absl::StrJoin(eligible, std::string(1, kSeparator));
}

void JobQueue::AddWaiting(Waiting waiting) {
  waiting.devices = EligibleDevices(waiting.job);
  const std::string id = waiting.job.id;
  if (waiting.due > options_.uptime()) {
    delayed_.insert({waiting.due, id});
  } else {
    lines_.Add(PlaceOf(waiting));
  }
  waiting_.insert_or_assign(id, std::move(waiting));
}

void JobQueue::DropWaiting(const std::string& job_id) {
  const auto waiting = waiting_.find(job_id);
  if (waiting == waiting_.end()) return;
  if (delayed_.erase({waiting->second.due, job_id}) == 0) lines_.Remove(PlaceOf(waiting->second));
  waiting_.erase(waiting);
}

void JobQueue::AdmitDue(absl::Duration now) {
  while (!delayed_.empty() && delayed_.begin()->first <= now) {
    lines_.Add(PlaceOf(waiting_.at(delayed_.begin()->second)));
    delayed_.erase(delayed_.begin());
  }
}

const JobQueue::Waiting* JobQueue::NextOn(const std::string& device, absl::Duration now) const {
  const auto eligible = [&](const std::string& devices) {
    const std::vector<absl::string_view> names = absl::StrSplit(devices, kSeparator);
    return std::find(names.begin(), names.end(), device) != names.end();
  };
  const auto usage = [&](const std::string& owner) ABSL_NO_THREAD_SAFETY_ANALYSIS -> std::optional<double> {
    const int most = options_.max_running ? options_.max_running(owner) : 0;
    const auto running = running_.find(owner);
    if (most > 0 && running != running_.end() && running->second >= most) return std::nullopt;
    return share_.Usage(owner, now);
  };
  const std::optional<std::string> id = lines_.Next(eligible, usage);
  return id.has_value() ? &waiting_.at(*id) : nullptr;
}

bool JobQueue::HasRoom(const std::string& device, int64_t bytes) const {
  const Device& known = devices_.at(device);
  return known.memory_bytes == 0 || known.reserved_bytes + bytes <= known.memory_bytes;
}

std::optional<JobQueue::Taken> JobQueue::LetGo(Taker* taker) {
  const auto state = takers_.find(taker);
  if (state == takers_.end() || !state->second.taken.has_value()) return std::nullopt;
  std::optional<Taken> taken = std::exchange(state->second.taken, std::nullopt);
  const jobs::WaitingJob& job = taken->waiting.job;
  devices_[state->second.device].reserved_bytes -= job.memory_bytes;
  if (--running_[job.owner] == 0) running_.erase(job.owner);
  share_.End(job.owner, taken->started, options_.uptime());
  return taken;
}

void JobQueue::HandOut() {
  if (!open_ || waiting_.empty()) return;
  const absl::Duration now = options_.uptime();
  AdmitDue(now);
  std::set<std::string> computing;
  for (const auto& [taker, state] : takers_) {
    if (state.taken.has_value()) {
      computing.insert(state.device);
    } else {
      taker->Poke();
    }
  }
  for (const std::string& device : computing) MakeRoom(device, now);
}

// One at a time on each device: while a taker is idle with room, or on its way to be, nothing more is interrupted. Nor is anything for a
// job that could not be taken.
void JobQueue::MakeRoom(const std::string& device, absl::Duration now) {
  if (!GetsJobs(device)) return;
  const Waiting* next = NextOn(device, now);
  if (next == nullptr) return;
  const bool has_room = HasRoom(device, next->job.memory_bytes);
  Taker* victim = nullptr;
  Taken* least = nullptr;
  for (auto& [taker, state] : takers_) {
    if (state.device != device) continue;
    if (!state.taken.has_value() && has_room) return;
    if (!state.taken.has_value()) continue;
    Taken& taken = *state.taken;
    if (taken.preempting) return;
    const bool may_be_interrupted = taken.progressed || taken.waiting.fruitless < kMaxFruitless;
    if (taken.waiting.job.priority >= next->job.priority || !may_be_interrupted) continue;
    // Of equals the one that began last, which has least to lose.
    const bool less = least == nullptr || taken.waiting.job.priority < least->waiting.job.priority ||
                      (taken.waiting.job.priority == least->waiting.job.priority && taken.started > least->started);
    if (!less) continue;
    victim = taker;
    least = &taken;
  }
  if (victim == nullptr) return;
  least->preempting = true;
  victim->Preempt(least->waiting.job.id, next->job.id);
}

}  // namespace sliceflow::scheduler
