// Mixed work for as long as asked: jobs of several kinds, watched, cancelled, drawn from and deleted, data sets that come and go. Memory of
// the daemon stays where it was after the warm-up, and no file or descriptor is left.
#include <gtest/gtest.h>

#include <filesystem>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/time/clock.h"
#include "tests/faults/reliability.h"
#include "tests/integration/client.h"
#include "tests/integration/processes.h"
#include "tests/support/temp_folder.h"

namespace sliceflow::testing {
namespace {

namespace fs = std::filesystem;

constexpr int kClients = 4;
constexpr double kWarmUpShare = 0.3;
constexpr double kMebibyte = 1 << 20;
constexpr double kMostGrowth = 20;  // MiB
constexpr absl::Duration kSettle = absl::Milliseconds(50);

v1::Job QuickJob(uint64_t choice) {
  v1::Job job = choice % 2 == 0 ? ParticlesJob() : RealNvpJob();
  v1::FlowSpec& spec = *job.mutable_spec();
  spec.mutable_schedule()->set_num_steps(1 + static_cast<int>(choice / 2 % 3));
  spec.mutable_solver()->mutable_sw_jko()->set_inner_iterations(10);
  return job;
}

// One user, who does this and that, and tidies up.
class User {
 public:
  User(std::string address, int number) : client_(address), number_(number), random_(number) {}

  void ActUntil(absl::Time end) {
    while (absl::Now() < end && !::testing::Test::HasFailure()) ActOnce();
  }
  int jobs() const { return jobs_; }

 private:
  void ActOnce() {
    const v1::Job job = client_.Create(QuickJob(random_()));
    ++jobs_;
    switch (random_() % 6) {
      case 0:
        client_.WaitForStep(job.name(), 0);
        (void)client_.Cancel(job.name());
        break;
      case 1:
        Look(job);
        break;
      case 2:
        UseDataset();
        break;
      case 3:
        // Gone before it ends: the stream is broken off.
        client_.Watch(job.name(), 0, [](const v1::JobEvent&) { return true; });
        break;
      default:
        break;
    }
    (void)client_.WaitForEnd(job.name());
    const grpc::Status deleted = client_.Purge(job.name());
    EXPECT_TRUE(deleted.ok()) << deleted.error_message();
  }

  void Look(const v1::Job& job) {
    (void)client_.WaitForEnd(job.name());
    Tensor samples;
    EXPECT_TRUE(client_.Sample(job.name(), std::nullopt, 100, random_(), samples).ok());
    if (job.spec().model().has_real_nvp()) {
      Tensor densities;
      EXPECT_TRUE(client_.Density(job.name(), std::nullopt, samples, densities).ok());
    }
    EXPECT_FALSE(client_.StoredSamples(job.name()).empty());
    (void)client_.ListNames();
    (void)client_.Info();
  }

  void UseDataset() {
    const std::string id = absl::StrCat("table-", number_);
    std::string csv;
    for (int row = 0; row < 200; ++row) absl::StrAppend(&csv, random_() % 1000, ",", row, "\n");
    const grpc::Status uploaded = client_.Upload(id, csv);
    EXPECT_TRUE(uploaded.ok()) << uploaded.error_message();
    const grpc::Status deleted = client_.DeleteDataset(absl::StrCat("datasets/", id));
    EXPECT_TRUE(deleted.ok()) << deleted.error_message();
  }

  Client client_;
  const int number_;
  std::mt19937_64 random_;
  int jobs_ = 0;
};

int64_t FilesBelow(const std::string& folder) {
  int64_t count = 0;
  for (const auto& entry : fs::recursive_directory_iterator(folder)) count += entry.is_regular_file() ? 1 : 0;
  return count;
}

int Work(std::vector<std::unique_ptr<User>>& users, absl::Time end) {
  std::vector<std::thread> threads;
  for (const auto& user : users) threads.emplace_back([&user, end] { user->ActUntil(end); });
  for (std::thread& thread : threads) thread.join();
  int jobs = 0;
  for (const auto& user : users) jobs += user->jobs();
  return jobs;
}

TEST(MixedSoakTest, MemoryFilesAndDescriptorsStayWhereTheyWere) {
  const absl::Duration length = absl::Seconds(Tries("SLICEFLOW_SOAK_SECONDS", 30));
  TempFolder folder;
  DaemonProcess daemon(folder.path());
  ASSERT_TRUE(daemon.ok()) << daemon.Log();
  std::vector<std::unique_ptr<User>> users;
  for (int i = 0; i < kClients; ++i) users.push_back(std::make_unique<User>(daemon.address(), i));

  const absl::Time start = absl::Now();
  (void)Work(users, start + kWarmUpShare * length);
  const double memory = static_cast<double>(ResidentBytes(daemon.pid())) / kMebibyte;
  const int descriptors = OpenFiles(daemon.pid());
  const int64_t files = FilesBelow(folder.path());
  const int jobs = Work(users, start + length);
  const absl::Time deadline = absl::Now() + kPatience;
  while ((OpenFiles(daemon.pid()) > descriptors || FilesBelow(folder.path()) > files) && absl::Now() < deadline) absl::SleepFor(kSettle);
  EXPECT_LE(OpenFiles(daemon.pid()), descriptors);
  EXPECT_LE(FilesBelow(folder.path()), files) << "a file is left";
  EXPECT_TRUE(Client(daemon.address()).ListNames().empty());
  const double grown = static_cast<double>(ResidentBytes(daemon.pid())) / kMebibyte - memory;
  EXPECT_LE(grown, kMostGrowth);
  std::printf("%d jobs in %s, daemon grew by %.1f MiB after the warm-up\n", jobs, absl::FormatDuration(length).c_str(), grown);
  EXPECT_EQ(daemon.Terminate(), 0);
  WriteFaultRecord("mixed_soak", {.fault = absl::StrCat("mixed work for ", absl::FormatDuration(length)),
                                  .tries = jobs,
                                  .note = absl::StrFormat("daemon grew by %.1f MiB after the warm-up; no file or descriptor left", grown)});
}

}  // namespace
}  // namespace sliceflow::testing
