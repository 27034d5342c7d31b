// SIGTERM in the middle of a job that is watched: whoever looks is told first, watchers are told to come back, the daemon ends in time with
// the exit code of success, and the job goes on at the next start to the bits of an undisturbed run. SLICEFLOW_SIGTERMS times.
#include <gmock/gmock.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <algorithm>
#include <chrono>
#include <memory>
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

using ::testing::HasSubstr;

constexpr int kWatchers = 3;
constexpr int kSteps = 40;
constexpr int kMostBefore = 8;  // steps before the signal; more than enough are left for the time until workers are told
constexpr int kDraws = 200;
constexpr int kEndless = 5000;  // steps

// Short steps, so that a hundred tries take minutes.
v1::Job ShortJob() {
  v1::Job job = ParticlesJob();
  job.mutable_spec()->mutable_model()->mutable_particles()->set_count(kDraws);
  job.mutable_spec()->mutable_schedule()->set_num_steps(kSteps);
  job.mutable_spec()->mutable_output()->set_samples_per_step(kDraws);
  return job;
}

std::string LastSamples(Client& client, const std::string& name) { return PackValues(client.StoredSamples(name).back().values); }

// Watches of one job that are open until their server ends them.
class Watchers {
 public:
  Watchers(const std::string& address, const std::string& name) : ends_(kWatchers) {
    for (grpc::Status& end : ends_) {
      threads_.emplace_back([address, name, &end] { Client(address).Watch(name, 0, nullptr, &end); });
    }
  }

  void ExpectToldToComeBack() {
    for (std::thread& thread : threads_) thread.join();
    for (const grpc::Status& end : ends_) {
      EXPECT_EQ(end.error_code(), grpc::StatusCode::UNAVAILABLE) << end.error_message();
      EXPECT_THAT(end.error_details(), HasSubstr("SHUTTING_DOWN"));
    }
  }

 private:
  std::vector<grpc::Status> ends_;
  std::vector<std::thread> threads_;
};

TEST(SigtermTest, EndsInTimeAndTheJobGoesOnToTheSameBits) {
  TempFolder folder;
  auto daemon = std::make_unique<DaemonProcess>(folder.path());
  ASSERT_TRUE(daemon->ok()) << daemon->Log();
  std::string undisturbed;
  {
    Client client(daemon->address());
    const std::string name = client.Create(ShortJob()).name();
    ASSERT_EQ(client.WaitForEnd(name).state(), v1::Job::SUCCEEDED) << daemon->Log();
    undisturbed = LastSamples(client, name);
  }
  const int tries = Tries("SLICEFLOW_SIGTERMS", 5);
  FaultRecord record{.fault = "SIGTERM while a job is computed and watched", .tries = tries, .note = "the time is that to exit; same bits"};
  for (int i = 0; i < tries; ++i) {
    SCOPED_TRACE(absl::StrCat("try ", i));
    const std::string name = Client(daemon->address()).Create(ShortJob()).name();
    Watchers watchers(daemon->address(), name);
    Client(daemon->address()).WaitForStep(name, i % kMostBefore);
    const absl::Time asked = absl::Now();
    ASSERT_EQ(daemon->Terminate(), 0) << daemon->Log();
    record.recovered_in.push_back(absl::Now() - asked);
    watchers.ExpectToldToComeBack();

    daemon = std::make_unique<DaemonProcess>(folder.path());
    ASSERT_TRUE(daemon->ok()) << daemon->Log();
    Client client(daemon->address());
    const v1::Job job = client.WaitForEnd(name);
    ASSERT_EQ(job.state(), v1::Job::SUCCEEDED) << job.ShortDebugString();
    EXPECT_EQ(job.progress().assignments(), 2) << "it was not interrupted";
    EXPECT_EQ(LastSamples(client, name), undisturbed);
  }
  WriteFaultRecord("sigterm", record);
}

// ---- in which order it is told ---------------------------------------------------------------------------------------------------

// Watches of one job and of grpc.health.v1, all on one connection, on which what the server sends keeps its order.
class Listeners {
 public:
  Listeners(const std::shared_ptr<grpc::Channel>& channel, const std::string& job) : health_(channel, queue_) {
    const auto stub = v1::JobService::NewStub(channel);
    v1::WatchJobRequest request;
    request.set_name(job);
    for (int i = 0; i < kMany; ++i) watches_.push_back(std::make_unique<Watch>(*stub, request, queue_));
  }
  ~Listeners() {
    queue_.Shutdown();
    void* tag = nullptr;
    for (bool ok = false; queue_.Next(&tag, &ok);) {
    }
  }

  // Until every watch has shown that the job runs, and health that the server serves.
  void WaitUntilAllListen() {
    while (health_.status != kServing || std::any_of(watches_.begin(), watches_.end(), [](const auto& watch) { return watch->last < 1; })) {
      ASSERT_TRUE(Next());
    }
  }

  // How many watches have ended when health says that the server does not serve any more; −1 where it never says so.
  int EndsBeforeNotServing() {
    while (health_.status != kNotServing) {
      if (!Next()) return -1;
    }
    return static_cast<int>(std::count_if(watches_.begin(), watches_.end(), [](const auto& watch) { return watch->ended; }));
  }

  // The last sequence that each watch has shown, once all have ended as they should.
  std::vector<int64_t> ExpectToldToComeBack() {
    while (std::any_of(watches_.begin(), watches_.end(), [](const auto& watch) { return !watch->ended; }) && Next()) {
    }
    std::vector<int64_t> last;
    for (const auto& watch : watches_) {
      EXPECT_EQ(watch->end.error_code(), grpc::StatusCode::UNAVAILABLE) << watch->end.error_message();
      EXPECT_THAT(watch->end.error_details(), HasSubstr("SHUTTING_DOWN"));
      last.push_back(watch->last);
    }
    return last;
  }

 private:
  static constexpr int kMany = 300;
  static constexpr char kServing = 1;  // HealthCheckResponse { enum { UNKNOWN, SERVING, NOT_SERVING } status = 1; }
  static constexpr char kNotServing = 2;

  struct Call {
    virtual ~Call() = default;
    virtual void Proceed(bool ok) = 0;
  };

  struct Health : Call {
    Health(const std::shared_ptr<grpc::Channel>& channel, grpc::CompletionQueue& queue) : stub(channel) {
      call = stub.PrepareCall(&context, "/grpc.health.v1.Health/Watch", &queue);
      call->StartCall(this);
    }
    void Proceed(bool ok) override {
      if (!ok) return;
      ++done;
      if (done == 1) return call->Write(grpc::ByteBuffer(&request, 1), this);
      std::vector<grpc::Slice> slices;
      if (done > 2 && response.Dump(&slices).ok() && !slices.empty() && slices[0].size() == 2) {
        status = static_cast<char>(slices[0].begin()[1]);
      }
      call->Read(&response, this);
    }
    grpc::GenericStub stub;
    grpc::ClientContext context;
    grpc::Slice request;  // of all of the server: an empty message
    grpc::ByteBuffer response;
    std::unique_ptr<grpc::GenericClientAsyncReaderWriter> call;
    int done = 0;  // operations
    char status = 0;
  };

  struct Watch : Call {
    Watch(v1::JobService::Stub& stub, const v1::WatchJobRequest& request, grpc::CompletionQueue& queue) {
      reader = stub.PrepareAsyncWatchJob(&context, request, &queue);
      reader->StartCall(this);
    }
    void Proceed(bool ok) override {
      if (finishing) {
        ended = true;
        return;
      }
      if (!ok) {
        finishing = true;
        return reader->Finish(&end, this);
      }
      if (response.has_event()) last = response.event().sequence();
      reader->Read(&response, this);
    }
    grpc::ClientContext context;
    std::unique_ptr<grpc::ClientAsyncReader<v1::WatchJobResponse>> reader;
    v1::WatchJobResponse response;
    grpc::Status end;
    int64_t last = 0;
    bool finishing = false;
    bool ended = false;
  };

  // What the server sent next; false when nothing comes.
  bool Next() {
    void* tag = nullptr;
    bool ok = false;
    const auto patience = std::chrono::system_clock::now() + absl::ToChronoSeconds(kPatience);
    if (queue_.AsyncNext(&tag, &ok, patience) != grpc::CompletionQueue::GOT_EVENT) return false;
    static_cast<Call*>(tag)->Proceed(ok);
    return true;
  }

  grpc::CompletionQueue queue_;
  Health health_;
  std::vector<std::unique_ptr<Watch>> watches_;
};

// Balancers look at readiness and health; who is told to come back must not be sent here again.
TEST(SigtermTest, WhoeverLooksIsToldBeforeAnyWatchEnds) {
  TempFolder folder;
  const int tries = Tries("SLICEFLOW_SIGTERMS", 3);
  for (int i = 0; i < tries; ++i) {
    SCOPED_TRACE(absl::StrCat("try ", i));
    DaemonProcess daemon(folder.path(), {"--http", "127.0.0.1:0"});
    ASSERT_TRUE(daemon.ok()) << daemon.Log();
    const auto channel = grpc::CreateChannel(daemon.address(), grpc::InsecureChannelCredentials());
    Client client(channel);
    v1::Job job = ShortJob();
    job.mutable_spec()->mutable_schedule()->set_num_steps(kEndless);
    const std::string name = client.Create(job).name();
    client.WaitForStep(name, 1);
    std::vector<int64_t> last;
    {
      Listeners listeners(channel, name);
      listeners.WaitUntilAllListen();
      ASSERT_EQ(HttpStatus(daemon.http_address(), "/readyz"), 200);
      ASSERT_EQ(kill(daemon.pid(), SIGTERM), 0);
      EXPECT_EQ(listeners.EndsBeforeNotServing(), 0) << "watches ended while the server seemed to serve";
      EXPECT_EQ(HttpStatus(daemon.http_address(), "/readyz"), 503);
      last = listeners.ExpectToldToComeBack();
    }
    EXPECT_EQ(daemon.Wait(), 0) << daemon.Log();

    DaemonProcess next(folder.path());
    ASSERT_TRUE(next.ok()) << next.Log();
    Client again(next.address());
    const auto any = [](const v1::JobEvent&) { return true; };
    for (const int64_t seen : {last.front(), last.back()}) EXPECT_EQ(again.Watch(name, seen, any).at(0).sequence(), seen + 1);
    EXPECT_TRUE(again.Cancel(name).ok());
  }
}

}  // namespace
}  // namespace sliceflow::testing
