// kill -9 of the worker, of the daemon, and of both, at random instants and at named points, again and again, while jobs are submitted and
// watched: no acknowledged job or event is lost, none is doubled, and the samples are the bits of an undisturbed run.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <algorithm>
#include <deque>
#include <iterator>
#include <map>
#include <memory>
#include <random>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/clock.h"
#include "common/failpoint.h"
#include "tests/faults/reliability.h"
#include "tests/integration/client.h"
#include "tests/integration/processes.h"
#include "tests/support/temp_folder.h"

namespace sliceflow::testing {
namespace {

constexpr int kWatchers = 3;
constexpr int kMostUnfinished = 3;  // jobs
constexpr int kMostRepeats = 3;     // of an acknowledged request
constexpr int kSteps = 8;
constexpr absl::Duration kLongestPause = absl::Milliseconds(300);  // before a kill
constexpr absl::Duration kRetry = absl::Milliseconds(20);
constexpr absl::Duration kArmedFor = absl::Seconds(3);
constexpr int kSpecs = 2;

// A good tenth of a second a step, so that kills come in the middle of one.
v1::Job SoakJob(int spec) {
  v1::Job job = spec == 0 ? ParticlesJob() : RealNvpJob();
  job.mutable_spec()->mutable_schedule()->set_num_steps(kSteps);
  return job;
}

bool IsDisturbance(const grpc::Status& status) {
  return status.error_code() == grpc::StatusCode::UNAVAILABLE || status.error_code() == grpc::StatusCode::CANCELLED;
}

// The daemon as its clients know it: an address that changes with each restart.
class Service {
 public:
  explicit Service(std::string data_dir) : data_dir_(std::move(data_dir)) {}

  // On the test's own thread: a daemon dies with the thread that started it.
  void Start() {
    daemon_ = std::make_unique<DaemonProcess>(data_dir_);
    ASSERT_TRUE(daemon_->ok()) << daemon_->Log();
    absl::MutexLock lock(&mutex_);
    address_ = daemon_->address();
  }

  // One that kills itself, or whose workers kill themselves, when a point is passed for that time; until it has died, for a while at most.
  void RunUntilItDies(const std::string& point, uint64_t time) {
    const std::string armed = absl::StrCat(kFailpointsVariable, "=", point, "=", time);
    daemon_.reset();
    daemon_ = std::make_unique<DaemonProcess>(data_dir_, std::vector<std::string>{}, true, std::vector<std::string>{"env", armed});
    if (daemon_->ok()) {
      absl::MutexLock lock(&mutex_);
      address_ = daemon_->address();
    }
    const absl::Time end = absl::Now() + kArmedFor;
    while (ProcessState(daemon_->pid()) != 'Z' && absl::Now() < end) absl::SleepFor(kRetry);
    daemon_->Kill();
  }
  DaemonProcess& daemon() { return *daemon_; }

  std::string address() const {
    absl::MutexLock lock(&mutex_);
    return address_;
  }

 private:
  const std::string data_dir_;
  std::unique_ptr<DaemonProcess> daemon_;
  mutable absl::Mutex mutex_;
  std::string address_ ABSL_GUARDED_BY(mutex_);
};

// What clients know of a job, whatever happened to the server.
struct Known {
  int spec = 0;
  std::string request_id;
  std::vector<std::string> events;  // as they were seen, serialized; the n-th has sequence n + 1
  bool ended = false;
};

// Submits and watches while the server comes and goes. Thread-safe.
class Clients {
 public:
  explicit Clients(Service& service) : service_(service) {
    threads_.emplace_back([this] { Submit(); });
    for (int i = 0; i < kWatchers; ++i) threads_.emplace_back([this] { WatchAll(); });
  }
  ~Clients() { Finish(); }

  // Steps seen so far, of all jobs.
  int64_t steps_seen() const {
    absl::MutexLock lock(&mutex_);
    return steps_seen_;
  }
  bool WaitForMoreSteps(int64_t than) {
    const auto more = [&]() ABSL_SHARED_LOCKS_REQUIRED(mutex_) { return steps_seen_ > than; };
    absl::MutexLock lock(&mutex_);
    return mutex_.AwaitWithTimeout(absl::Condition(&more), kPatience);
  }

  // No more jobs; waits until those there are have ended. Everything known afterwards.
  const std::map<std::string, Known>& Finish() {
    {
      absl::MutexLock lock(&mutex_);
      finishing_ = true;
    }
    for (std::thread& thread : threads_) thread.join();
    threads_.clear();
    return known_;
  }

 private:
  bool finishing() const {
    absl::MutexLock lock(&mutex_);
    return finishing_;
  }

  void Submit() {
    for (int number = 0;; ++number) {
      {
        const auto room = [&]() ABSL_SHARED_LOCKS_REQUIRED(mutex_) { return finishing_ || unfinished_ < kMostUnfinished; };
        absl::MutexLock lock(&mutex_);
        mutex_.Await(absl::Condition(&room));
        if (finishing_) return;
      }
      SubmitOne(number);
    }
  }

  // The same request until it is acknowledged, and then again: it must stay one job.
  void SubmitOne(int number) {
    v1::CreateJobRequest request;
    *request.mutable_job() = SoakJob(number % kSpecs);
    request.set_request_id(absl::StrCat("soak-", number));
    std::string name;
    for (int acknowledged = 0; acknowledged <= number % kMostRepeats;) {
      v1::Job job;
      const grpc::Status status = Client(service_.address()).TryCreate(request, job);
      if (!status.ok()) {
        ASSERT_TRUE(IsDisturbance(status)) << status.error_code() << ": " << status.error_message();
        absl::SleepFor(kRetry);
        continue;
      }
      if (name.empty()) {
        name = job.name();
        Acknowledge(name, number % kSpecs, request.request_id());
      }
      ASSERT_EQ(job.name(), name) << "one request made two jobs";
      ++acknowledged;
    }
  }

  void Acknowledge(const std::string& name, int spec, const std::string& request_id) {
    absl::MutexLock lock(&mutex_);
    known_[name] = Known{.spec = spec, .request_id = request_id};
    waiting_.push_back(name);
    ++unfinished_;
  }

  void WatchAll() {
    while (true) {
      std::string name;
      {
        const auto work = [&]() ABSL_SHARED_LOCKS_REQUIRED(mutex_) { return finishing_ || !waiting_.empty(); };
        absl::MutexLock lock(&mutex_);
        mutex_.Await(absl::Condition(&work));
        if (waiting_.empty()) return;
        name = waiting_.front();
        waiting_.pop_front();
      }
      WatchOne(name);
    }
  }

  void WatchOne(const std::string& name) {
    std::vector<std::string> events;
    grpc::Status status = grpc::Status::CANCELLED;
    while (!status.ok()) {
      const auto see = [&](const v1::JobEvent& event) {
        EXPECT_EQ(event.sequence(), static_cast<int64_t>(events.size()) + 1) << name << ": an event is missing or came twice";
        events.push_back(event.SerializeAsString());
        if (event.has_step_completed()) CountStep();
        return false;
      };
      (void)Client(service_.address()).Watch(name, static_cast<int64_t>(events.size()), see, &status);
      if (status.ok()) break;
      ASSERT_TRUE(IsDisturbance(status)) << name << ": " << status.error_code() << ": " << status.error_message();
      absl::SleepFor(kRetry);
    }
    absl::MutexLock lock(&mutex_);
    known_[name].events = std::move(events);
    known_[name].ended = true;
    --unfinished_;
  }

  void CountStep() {
    absl::MutexLock lock(&mutex_);
    ++steps_seen_;
  }

  Service& service_;
  mutable absl::Mutex mutex_;
  std::map<std::string, Known> known_ ABSL_GUARDED_BY(mutex_);
  std::deque<std::string> waiting_ ABSL_GUARDED_BY(mutex_);
  int unfinished_ ABSL_GUARDED_BY(mutex_) = 0;
  int64_t steps_seen_ ABSL_GUARDED_BY(mutex_) = 0;
  bool finishing_ ABSL_GUARDED_BY(mutex_) = false;
  std::vector<std::thread> threads_;
};

enum Victim { kWorker, kDaemon, kBoth, kAtPoint };
constexpr const char* kNames[] = {"kill_worker", "kill_daemon", "kill_both", "kill_at_point"};
constexpr const char* kFaults[] = {"kill -9 of the worker", "kill -9 of the daemon", "kill -9 of daemon and worker at once",
                                   "kill -9 at a named point of daemon or worker"};
constexpr const char* kPoints[] = {"blob.before_write",
                                   "blob.after_write",
                                   "commit.before",
                                   "commit.after",
                                   "answer.before",
                                   "step.before_acknowledgement",
                                   "worker.before_checkpoint",
                                   "worker.after_checkpoint",
                                   "worker.before_step_done",
                                   "worker.after_step_done"};
constexpr uint64_t kMostPasses = 12;

// What is there afterwards, held against what clients were told.
class Audit {
 public:
  Audit(Client& client, const std::vector<std::string>& undisturbed) : client_(client), undisturbed_(undisturbed) {}

  void Check(const std::map<std::string, Known>& known) {
    for (const auto& [name, job] : known) CheckJob(name, job);
    std::set<std::string> names;
    for (const std::string& name : client_.ListNames()) {
      EXPECT_TRUE(known.count(name) > 0) << name << " was made by nobody";
      doubled_ += known.count(name) == 0 || !names.insert(name).second;
    }
    EXPECT_EQ(names.size(), known.size());
    lost_ += static_cast<int>(known.size() - names.size());
  }
  int lost() const { return lost_; }
  int doubled() const { return doubled_; }

 private:
  void CheckJob(const std::string& name, const Known& seen) {
    EXPECT_TRUE(seen.ended) << name;
    EXPECT_EQ(client_.Get(name).state(), v1::Job::SUCCEEDED) << name;
    const std::vector<v1::JobEvent> log = client_.Watch(name);
    std::multiset<int> steps;
    for (size_t i = 0; i < log.size(); ++i) {
      if (log[i].has_step_completed()) steps.insert(log[i].step_completed().report().step());
      const bool as_seen = i < seen.events.size() && log[i].SerializeAsString() == seen.events[i];
      EXPECT_TRUE(as_seen) << name << ": event " << i + 1 << " is not the one that was seen";
      lost_ += !as_seen;
    }
    EXPECT_EQ(log.size(), seen.events.size()) << name;
    lost_ += static_cast<int>(std::max(seen.events.size(), log.size()) - log.size());
    for (int step = 0; step <= kSteps; ++step) {
      EXPECT_EQ(steps.count(step), 1u) << name << ", step " << step;
      lost_ += steps.count(step) == 0;
      doubled_ += steps.count(step) > 1;
    }
    EXPECT_EQ(PackValues(client_.StoredSamples(name).back().values), undisturbed_[seen.spec]) << name << ": other bits than undisturbed";
  }

  Client& client_;
  const std::vector<std::string>& undisturbed_;
  int lost_ = 0;
  int doubled_ = 0;
};

TEST(KillSoakTest, NothingIsLostOrDoubledAndTheBitsAreTheSame) {
  const int kills = Tries("SLICEFLOW_SOAK_KILLS", 60);
  const int seed = Tries("SLICEFLOW_SOAK_SEED", 1);
  TempFolder folder;
  Service service(folder.path());
  service.Start();
  std::vector<std::string> undisturbed;
  {
    Client client(service.address());
    for (int spec = 0; spec < kSpecs; ++spec) {
      const std::string name = client.Create(SoakJob(spec)).name();
      ASSERT_EQ(client.WaitForEnd(name).state(), v1::Job::SUCCEEDED);
      undisturbed.push_back(PackValues(client.StoredSamples(name).back().values));
      ASSERT_TRUE(client.Delete(name).ok());
    }
  }

  Clients clients(service);
  std::mt19937_64 random(seed);
  FaultRecord records[std::size(kNames)];
  for (int i = 0; i < kills && !::testing::Test::HasFailure(); ++i) {
    const auto victim = static_cast<Victim>(random() % std::size(kNames));
    const pid_t worker = service.daemon().WorkerPid("flow");
    absl::SleepFor(kLongestPause * (static_cast<double>(random() % 1000) / 1000));
    if (victim == kAtPoint) service.RunUntilItDies(kPoints[random() % std::size(kPoints)], 2 + random() % kMostPasses);
    const absl::Time killed = absl::Now();
    if (victim == kWorker || victim == kBoth) kill(worker, SIGKILL);
    if (victim == kDaemon || victim == kBoth) service.daemon().Kill();
    if (victim != kWorker) service.Start();
    ASSERT_TRUE(clients.WaitForMoreSteps(clients.steps_seen())) << "no step after kill " << i << "\n" << service.daemon().Log();
    ++records[victim].tries;
    records[victim].recovered_in.push_back(absl::Now() - killed);
  }

  const std::map<std::string, Known>& known = clients.Finish();
  Client client(service.address());
  Audit audit(client, undisturbed);
  audit.Check(known);
  std::printf("%d kills, seed %d, %zu jobs\n", kills, seed, known.size());
  for (const Victim victim : {kWorker, kDaemon, kBoth, kAtPoint}) {
    FaultRecord& record = records[victim];
    record.fault = kFaults[victim];
    record.lost = audit.lost();
    record.doubled = audit.doubled();
    record.note = "recovered: until the next step is durable and seen; same bits as undisturbed";
    WriteFaultRecord(kNames[victim], record);
  }
}

}  // namespace
}  // namespace sliceflow::testing
