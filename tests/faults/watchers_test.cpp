// Watchers, many and bad: a slow one costs a cursor and not memory, one that goes away takes nothing with it, and each gets every event
// once.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "tests/faults/reliability.h"
#include "tests/integration/client.h"
#include "tests/integration/processes.h"
#include "tests/integration/sockets.h"
#include "tests/support/temp_folder.h"

namespace sliceflow::testing {
namespace {

constexpr int64_t kMiB = 1 << 20;

// A connection of its own, where gRPC would share one between channels.
std::shared_ptr<grpc::Channel> OwnConnection(const std::string& address) {
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  arguments.SetMaxReceiveMessageSize(-1);
  return grpc::CreateCustomChannel(address, grpc::InsecureChannelCredentials(), arguments);
}

// A watch as a raw stream, so that a test can leave it unread or break it off.
struct RawWatch {
  RawWatch(const std::shared_ptr<grpc::Channel>& channel, const std::string& name, int sample_limit)
      : stub(v1::JobService::NewStub(channel)) {
    v1::WatchJobRequest request;
    request.set_name(name);
    request.set_sample_limit(sample_limit);
    context.set_deadline(absl::ToChronoTime(absl::Now() + 10 * kPatience));
    reader = stub->WatchJob(&context, request);
  }
  ~RawWatch() {
    context.TryCancel();
    if (!finished) (void)Finish();
  }

  grpc::Status Finish() {
    finished = true;
    return reader->Finish();
  }

  std::unique_ptr<v1::JobService::Stub> stub;
  grpc::ClientContext context;
  std::unique_ptr<grpc::ClientReader<v1::WatchJobResponse>> reader;
  bool finished = false;
};

// Steps that are large and take next to no time to compute.
v1::Job HeavyJob(int particles, int steps) {
  v1::Job job = ParticlesJob();
  v1::FlowSpec& spec = *job.mutable_spec();
  spec.mutable_functional()->clear_terms();
  spec.mutable_functional()->add_terms()->mutable_potential()->mutable_quadratic();
  spec.mutable_solver()->mutable_euler_maruyama();
  spec.mutable_model()->mutable_particles()->set_count(particles);
  spec.mutable_schedule()->set_num_steps(steps);
  spec.mutable_output()->set_samples_per_step(particles);
  spec.mutable_output()->clear_metrics();
  return job;
}

// A tab of a browser that asks for everything of a job and reads nothing. The caller closes the socket.
int StalledTab(const std::string& address, const std::string& name) {
  v1::WatchJobRequest watch;
  watch.set_name(name);
  watch.set_sample_limit(-1);
  const std::string message = watch.SerializeAsString();
  const std::string frame = absl::StrCat(std::string(4, '\0'), std::string(1, static_cast<char>(message.size())), message);
  const std::string request = absl::StrCat("POST /sliceflow.v1.JobService/WatchJob HTTP/1.1\r\nHost: localhost\r\nContent-Type: ",
                                           "application/connect+proto\r\nContent-Length: ", frame.size(), "\r\n\r\n", frame);
  const int socket = ConnectTcp(address);
  EXPECT_EQ(send(socket, request.data(), request.size(), MSG_NOSIGNAL), static_cast<ssize_t>(request.size()));
  return socket;
}

class WatchersTest : public ::testing::Test {
 protected:
  WatchersTest() : daemon_(folder_.path(), {"--http", "127.0.0.1:0"}), client_(daemon_.address()) {}
  void SetUp() override { ASSERT_TRUE(daemon_.ok()) << daemon_.Log(); }

  // The most memory that the daemon had until a step was done; as long as it takes, if only something happens.
  int64_t FollowToStep(const std::string& name, int step) {
    int64_t most = 0;
    bool there = false;
    while (!there) {
      bool any = false;
      grpc::Status status;
      (void)client_.Watch(
          name, followed_,
          [&](const v1::JobEvent& event) {
            any = true;
            followed_ = event.sequence();
            most = std::max(most, ResidentBytes(daemon_.pid()));
            there = event.has_step_completed() && event.step_completed().report().step() == step;
            return there;
          },
          &status);
      if (any) continue;
      ADD_FAILURE() << "nothing happens: " << status.error_message();
      break;
    }
    return most;
  }

  TempFolder folder_;
  DaemonProcess daemon_;
  Client client_;
  int64_t followed_ = 0;
};

TEST_F(WatchersTest, AThousandOfOneJobSeeEveryEventInOrder) {
  constexpr int kWatchers = 1000;
  constexpr int kConnections = 20;
  const v1::Job job = client_.Create(ParticlesJob());
  client_.WaitForStep(job.name(), 0);
  const int64_t before = ResidentBytes(daemon_.pid());
  std::vector<std::shared_ptr<grpc::Channel>> channels;
  for (int i = 0; i < kConnections; ++i) channels.push_back(OwnConnection(daemon_.address()));
  std::vector<std::vector<std::string>> seen(kWatchers);
  std::atomic<int> failed = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < kWatchers; ++i) {
    threads.emplace_back([&, i] {
      RawWatch watch(channels[i % kConnections], job.name(), 0);
      v1::WatchJobResponse response;
      while (watch.reader->Read(&response)) seen[i].push_back(response.event().SerializeAsString());
      failed += !watch.Finish().ok();
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(failed, 0);
  std::vector<std::string> log;
  for (const v1::JobEvent& event : client_.Watch(job.name())) log.push_back(event.SerializeAsString());
  ASSERT_EQ(client_.Get(job.name()).state(), v1::Job::SUCCEEDED);
  int different = 0;
  for (const std::vector<std::string>& events : seen) different += events != log;
  EXPECT_EQ(different, 0);
  const int64_t grown = ResidentBytes(daemon_.pid()) - before;
  EXPECT_LE(grown, 100 * kMiB) << "a watcher costs more than 100 KiB";
  WriteFaultRecord("watchers_thousand", {.fault = "1,000 watchers of one job",
                                         .tries = kWatchers,
                                         .lost = different,
                                         .note = absl::StrCat("daemon grew by ", grown / kMiB, " MiB")});
}

TEST_F(WatchersTest, OneThatNeverReadsCostsACursor) {
  // 2 MB of samples a step. What a step itself takes for a moment is measured before the watcher comes.
  constexpr int kParticles = 250'000;
  constexpr int kWarmUp = 36;  // fills the cache of samples, 64 MiB
  constexpr int kUnwatched = kWarmUp + 6;
  const int64_t mebibytes = Tries("SLICEFLOW_STALLED_MIB", 32);
  const int steps = kUnwatched + static_cast<int>(mebibytes * kMiB / (kParticles * 2 * 4)) + 1;
  const v1::Job job = client_.Create(HeavyJob(kParticles, steps));
  FollowToStep(job.name(), kWarmUp);
  const int64_t unwatched = FollowToStep(job.name(), kUnwatched);
  RawWatch stalled(OwnConnection(daemon_.address()), job.name(), -1);
  const int64_t watched = FollowToStep(job.name(), steps);
  const int64_t grown = std::max<int64_t>(0, watched - unwatched);
  EXPECT_LE(grown, 16 * kMiB);
  // It was not forgotten: once it reads it gets everything, in order.
  v1::WatchJobResponse response;
  int64_t next = 1;
  int64_t bytes = 0;
  while (stalled.reader->Read(&response)) {
    bytes += static_cast<int64_t>(response.ByteSizeLong());
    if (response.has_event()) EXPECT_EQ(response.event().sequence(), next++);
  }
  EXPECT_EQ(next - 1, client_.Get(job.name()).progress().last_sequence());
  EXPECT_GE(bytes, mebibytes * kMiB);
  WriteFaultRecord("watcher_stalled", {.fault = absl::StrCat("a watcher that never reads while ", mebibytes, " MiB go by"),
                                       .tries = 1,
                                       .note = absl::StrCat("daemon grew by ", grown / kMiB, " MiB; then it read everything")});
}

TEST_F(WatchersTest, TabsThatNeverReadCostTheDaemonAFewMebibytesEach) {
  constexpr int kTabs = 8;
  constexpr int kParticles = 250'000;
  constexpr int kWarmUp = 36;  // fills the cache of samples, as above
  constexpr int kUnwatched = kWarmUp + 6;
  constexpr int kSteps = kUnwatched + 17;  // 32 MiB for each tab
  const v1::Job job = client_.Create(HeavyJob(kParticles, kSteps));
  FollowToStep(job.name(), kWarmUp);
  const int64_t unwatched = FollowToStep(job.name(), kUnwatched);
  std::vector<int> tabs;
  for (int i = 0; i < kTabs; ++i) tabs.push_back(StalledTab(daemon_.http_address(), job.name()));
  const int64_t watched = FollowToStep(job.name(), kSteps);
  for (const int tab : tabs) close(tab);
  const int64_t grown = std::max<int64_t>(0, watched - unwatched);
  EXPECT_LE(grown, 4 * kMiB * kTabs);
  WriteFaultRecord("tabs_stalled", {.fault = absl::StrCat(kTabs, " tabs of browsers that never read while 32 MiB go by"),
                                    .tries = kTabs,
                                    .note = absl::StrCat("daemon grew by ", grown / kMiB, " MiB")});
}

TEST_F(WatchersTest, ComingAndGoingLeavesNothingBehind) {
  const int rounds = Tries("SLICEFLOW_WATCH_CONNECTS", 2'000);
  constexpr int kThreads = 8;
  const v1::Job job = client_.Create(ParticlesJob());
  ASSERT_EQ(client_.WaitForEnd(job.name()).state(), v1::Job::SUCCEEDED);
  const auto come_and_go = [&](int count) {
    std::vector<std::thread> threads;
    for (int i = 0; i < kThreads; ++i) {
      threads.emplace_back([&, i] {
        std::mt19937_64 random(i);
        std::shared_ptr<grpc::Channel> channel = OwnConnection(daemon_.address());
        for (int round = 0; round < count / kThreads; ++round) {
          if (random() % 4 == 0) channel = OwnConnection(daemon_.address());
          RawWatch watch(channel, job.name(), random() % 2 == 0 ? -1 : 0);
          v1::WatchJobResponse response;
          for (uint64_t reads = random() % 6; reads > 0; --reads) {
            if (!watch.reader->Read(&response)) break;
          }
        }
      });
    }
    for (std::thread& thread : threads) thread.join();
  };
  come_and_go(rounds / 5);
  const int64_t memory = ResidentBytes(daemon_.pid());
  const int files = OpenFiles(daemon_.pid());
  come_and_go(rounds);
  // Connections that were closed are noticed a moment later.
  const absl::Time deadline = absl::Now() + kPatience;
  while (OpenFiles(daemon_.pid()) > files && absl::Now() < deadline) absl::SleepFor(absl::Milliseconds(10));
  EXPECT_LE(OpenFiles(daemon_.pid()), files);
  const int64_t grown = ResidentBytes(daemon_.pid()) - memory;
  EXPECT_LE(grown, 16 * kMiB);
  EXPECT_EQ(client_.Watch(job.name()).back().state_changed().state(), v1::Job::SUCCEEDED);
  WriteFaultRecord("watchers_come_and_go", {.fault = "watchers that connect, read a little, and go away",
                                            .tries = rounds,
                                            .note = absl::StrCat("daemon grew by ", grown / kMiB, " MiB, no descriptor left")});
}

TEST_F(WatchersTest, TabsThatAreOpenedAndClosedLeaveNothingBehind) {
  const int rounds = Tries("SLICEFLOW_TABS", 500);
  const v1::Job job = client_.Create(ParticlesJob());
  ASSERT_EQ(client_.WaitForEnd(job.name()).state(), v1::Job::SUCCEEDED);
  const auto open_and_close = [&](int count) {
    char bytes[4096];
    for (int i = 0; i < count; ++i) {
      const int tab = StalledTab(daemon_.http_address(), job.name());
      EXPECT_TRUE(i % 3 == 0 || recv(tab, bytes, sizeof bytes, 0) > 0);
      for (bool to_the_end = i % 3 == 1; to_the_end;) to_the_end = recv(tab, bytes, sizeof bytes, 0) > 0;
      close(tab);
    }
  };
  open_and_close(rounds / 5);
  const int64_t memory = ResidentBytes(daemon_.pid());
  const int files = OpenFiles(daemon_.pid());
  open_and_close(rounds);
  const absl::Time deadline = absl::Now() + kPatience;
  while (OpenFiles(daemon_.pid()) > files && absl::Now() < deadline) absl::SleepFor(absl::Milliseconds(10));
  EXPECT_LE(OpenFiles(daemon_.pid()), files);
  const int64_t grown = ResidentBytes(daemon_.pid()) - memory;
  EXPECT_LE(grown, 16 * kMiB);
  WriteFaultRecord("tabs_come_and_go", {.fault = "tabs of browsers that are opened, read a little or all, and are closed",
                                        .tries = rounds,
                                        .note = absl::StrCat("daemon grew by ", grown / kMiB, " MiB, no descriptor left")});
}

TEST_F(WatchersTest, EverySequenceCanBeResumedFrom) {
  const v1::Job job = client_.Create(ParticlesJob());
  ASSERT_EQ(client_.WaitForEnd(job.name()).state(), v1::Job::SUCCEEDED);
  const std::vector<v1::JobEvent> log = client_.Watch(job.name());
  int lost = 0;
  for (size_t after = 0; after <= log.size(); ++after) {
    const std::vector<v1::JobEvent> rest = client_.Watch(job.name(), static_cast<int64_t>(after));
    ASSERT_EQ(rest.size(), log.size() - after);
    for (size_t i = 0; i < rest.size(); ++i) lost += rest[i].SerializeAsString() != log[after + i].SerializeAsString();
  }
  EXPECT_EQ(lost, 0);
  WriteFaultRecord("watchers_resume",
                   {.fault = "a watcher that resumes after every sequence", .tries = static_cast<int>(log.size()) + 1, .lost = lost});
}

}  // namespace
}  // namespace sliceflow::testing
