// Retention through real processes: a watcher of a log that was cut is told so, with a snapshot and what is left; jobs go until what is
// stored is within its bound.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "tests/integration/client.h"
#include "tests/integration/processes.h"
#include "tests/support/temp_folder.h"

namespace sliceflow::testing {
namespace {

constexpr int kSteps = 8;
// Of 12 events (QUEUED, RUNNING, steps 0 to 8, SUCCEEDED) the newest four.
constexpr int64_t kEarliest = 9;

std::vector<v1::WatchJobResponse> WatchAll(const Client& client, const std::string& name, int64_t after) {
  grpc::ClientContext context;
  context.set_deadline(absl::ToChronoTime(absl::Now() + kPatience));
  v1::WatchJobRequest request;
  request.set_name(name);
  request.set_after_sequence(after);
  request.set_sample_limit(-1);
  const auto jobs = v1::JobService::NewStub(client.channel());
  const auto reader = jobs->WatchJob(&context, request);
  std::vector<v1::WatchJobResponse> all;
  for (v1::WatchJobResponse response; reader->Read(&response);) all.push_back(response);
  const grpc::Status status = reader->Finish();
  EXPECT_TRUE(status.ok()) << status.error_message();
  return all;
}

TEST(RetentionTest, AWatcherOfACutLogIsToldWhatIsLeft) {
  const TempFolder folder;
  std::string name;
  {
    DaemonProcess daemon(folder.path());
    ASSERT_TRUE(daemon.ok()) << daemon.Log();
    Client client(daemon.address());
    v1::Job job = ParticlesJob();
    job.mutable_spec()->mutable_schedule()->set_num_steps(kSteps);
    job.mutable_spec()->mutable_solver()->mutable_sw_jko()->set_inner_iterations(5);
    name = client.WaitForEnd(client.Create(job).name()).name();
    EXPECT_FALSE(WatchAll(client, name, 0).front().has_compacted());
    daemon.Terminate();
  }
  DaemonProcess daemon(folder.path(), {"--retention-max-events-per-job", "4"});
  ASSERT_TRUE(daemon.ok()) << daemon.Log();
  Client client(daemon.address());
  // The log is cut soon after the start.
  std::vector<v1::WatchJobResponse> all;
  const absl::Time deadline = absl::Now() + kPatience;
  do {
    all = WatchAll(client, name, 0);
  } while (!all.front().has_compacted() && absl::Now() < deadline);
  ASSERT_GE(all.size(), 2u);
  EXPECT_EQ(all[0].compacted().earliest_sequence(), kEarliest);
  EXPECT_EQ(all[1].snapshot().name(), name);
  EXPECT_EQ(all[1].snapshot().progress().completed_steps(), kSteps);
  std::vector<std::string> left;
  int samples = 0;
  for (const v1::WatchJobResponse& response : all) {
    if (response.has_event()) left.push_back(Describe(response.event()));
    samples += response.has_samples() ? 1 : 0;
  }
  EXPECT_THAT(left, ::testing::ElementsAre("step 6", "step 7", "step 8", "SUCCEEDED"));
  EXPECT_EQ(samples, 3);
  EXPECT_TRUE(WatchAll(client, name, kEarliest - 1).front().has_event());
  Tensor drawn;
  EXPECT_TRUE(client.Sample(name, 1, 10, 1, drawn).ok());  // checkpoints are kept
}

// A job that has ended, after few steps.
std::string EndedJob(Client& client) {
  v1::Job job = ParticlesJob();
  job.mutable_spec()->mutable_schedule()->set_num_steps(2);
  job.mutable_spec()->mutable_solver()->mutable_sw_jko()->set_inner_iterations(5);
  return client.WaitForEnd(client.Create(job).name()).name();
}

// All jobs there are once one of the name is gone, which it is soon after the start.
std::vector<std::string> NamesWithout(Client& client, const std::string& name) {
  const absl::Time deadline = absl::Now() + kPatience;
  std::vector<std::string> names;
  do {
    names = client.ListNames(/*show_deleted=*/true);
  } while (std::find(names.begin(), names.end(), name) != names.end() && absl::Now() < deadline);
  return names;
}

TEST(RetentionTest, BeyondTheBoundOfBytesDeletedJobsGoThenEndedOnesAndOthersNever) {
  const TempFolder folder;
  std::string ended, deleted, paused;
  int64_t bytes = 0;
  {
    DaemonProcess daemon(folder.path());
    ASSERT_TRUE(daemon.ok()) << daemon.Log();
    Client client(daemon.address());
    ended = EndedJob(client);
    deleted = EndedJob(client);
    ASSERT_TRUE(client.Delete(deleted).ok());
    paused = client.Create(ParticlesJob()).name();
    client.WaitForStep(paused, 1);
    client.Pause(paused);
    bytes = client.Info().caller().usage().stored_bytes();
    daemon.Terminate();
  }
  {
    DaemonProcess daemon(folder.path(), {"--retention-max-bytes", absl::StrCat(bytes - 1)});
    ASSERT_TRUE(daemon.ok()) << daemon.Log();
    Client client(daemon.address());
    EXPECT_THAT(NamesWithout(client, deleted), ::testing::UnorderedElementsAre(ended, paused));
    daemon.Terminate();
  }
  DaemonProcess daemon(folder.path(), {"--retention-max-bytes", "1"});
  ASSERT_TRUE(daemon.ok()) << daemon.Log();
  Client client(daemon.address());
  EXPECT_THAT(NamesWithout(client, ended), ::testing::ElementsAre(paused));
  client.Resume(paused);
  EXPECT_EQ(client.WaitForEnd(paused).state(), v1::Job::SUCCEEDED);
}

}  // namespace
}  // namespace sliceflow::testing
