// Disks that are full, read-only, failing, or lose what was not synced, under a real daemon: what goes wrong has a name, what can be served
// is, and everything goes on by itself when the cause goes.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sqlite3.h>

#include <cerrno>
#include <filesystem>
#include <fstream>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "tests/faults/reliability.h"
#include "tests/integration/client.h"
#include "tests/integration/health.h"
#include "tests/integration/processes.h"
#include "tests/support/faulty_disk/faulty_disk.h"
#include "tests/support/temp_folder.h"

namespace sliceflow::testing {
namespace {

namespace fs = std::filesystem;

constexpr uint32_t kEverything = kWriteOperation | kSyncOperation | kChangeOperation;

v1::Job ShortJob() {
  v1::Job job = ParticlesJob();
  job.mutable_spec()->mutable_schedule()->set_num_steps(4);
  return job;
}

class DiskFaultsTest : public ::testing::Test {
 protected:
  DiskFaultsTest() : data_(folder_.path() + "/data") {
    fs::create_directory(data_);
    disk_ = std::make_unique<FaultyDisk>(data_);
  }

  void Start() {
    client_.reset();
    daemon_.reset();
    daemon_ = std::make_unique<DaemonProcess>(data_, std::vector<std::string>{}, true, disk_->prefix());
    ASSERT_TRUE(daemon_->ok()) << daemon_->Log();
    client_ = std::make_unique<Client>(daemon_->address());
  }

  grpc::Status TryCreate(std::string* name = nullptr, const std::string& request_id = "") {
    v1::CreateJobRequest request;
    *request.mutable_job() = ShortJob();
    request.set_request_id(request_id);
    v1::Job job;
    grpc::Status status = client_->TryCreate(request, job);
    if (name != nullptr) *name = job.name();
    return status;
  }

  bool WaitForReserve() {
    const absl::Time deadline = absl::Now() + kPatience;
    while (!fs::exists(data_ + "/reserve") && absl::Now() < deadline) absl::SleepFor(absl::Milliseconds(50));
    return fs::exists(data_ + "/reserve");
  }

  std::string BitsOf(const std::string& name) { return PackValues(client_->StoredSamples(name).back().values); }

  // A job computed where nothing went wrong.
  std::string UndisturbedBits() {
    const v1::Job job = client_->WaitForEnd(client_->Create(ParticlesJob()).name());
    EXPECT_EQ(job.state(), v1::Job::SUCCEEDED);
    return BitsOf(job.name());
  }

  // A fault comes while a job runs, and goes.
  void ExpectHeldUpAndTakenUpAgain(const std::string& record, const std::string& fault, int error, grpc::StatusCode code) {
    Start();
    const std::string undisturbed = UndisturbedBits();
    const std::string name = client_->Create(ParticlesJob()).name();
    client_->WaitForStep(name, 2);
    disk_->Fail(kEverything, error);
    const grpc::Status refused = TryCreate();
    EXPECT_EQ(refused.error_code(), code) << refused.error_message();
    EXPECT_THAT(refused.error_message(), ::testing::Not(::testing::IsEmpty()));
    EXPECT_EQ(client_->Get(name).state(), v1::Job::RUNNING) << "reads are served";
    EXPECT_FALSE(client_->ListNames().empty());
    EXPECT_TRUE(WaitForServing(daemon_->address(), "", false)) << "health tells the truth";
    const absl::Time healed = absl::Now();
    disk_->Heal();
    EXPECT_EQ(client_->WaitForEnd(name).state(), v1::Job::SUCCEEDED) << daemon_->Log();
    EXPECT_TRUE(WaitForServing(daemon_->address(), "", true)) << "health recovers by itself";
    const absl::Duration recovered = absl::Now() - healed;
    EXPECT_TRUE(TryCreate().ok());
    EXPECT_EQ(BitsOf(name), undisturbed);
    EXPECT_EQ(client_->Get(name).progress().assignments(), 1) << "the worker was not lost over it";
    WriteFaultRecord(record,
                     {.fault = fault, .tries = 1, .recovered_in = {recovered}, .note = "reads served, health NOT_SERVING meanwhile"});
  }

  TempFolder folder_;
  const std::string data_;
  std::unique_ptr<FaultyDisk> disk_;
  std::unique_ptr<DaemonProcess> daemon_;
  std::unique_ptr<Client> client_;
};

TEST_F(DiskFaultsTest, AFullDiskHoldsUpAndLosesNothing) {
  ExpectHeldUpAndTakenUpAgain("disk_full", "full disk", ENOSPC, grpc::StatusCode::RESOURCE_EXHAUSTED);
}

// What others leave of the disk runs out, first down to what is to stay free, then to nothing.
TEST_F(DiskFaultsTest, AFullDiskIsFreedThroughTheService) {
  Start();
  const std::string ended = client_->WaitForEnd(client_->Create(ShortJob()).name()).name();
  const std::string cancelled = client_->Create(ParticlesJob()).name();
  client_->WaitForStep(cancelled, 2);
  disk_->LeaveRoom(int64_t{32} << 20);
  const grpc::Status refused = TryCreate();
  EXPECT_EQ(refused.error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_THAT(refused.error_message(), ::testing::HasSubstr("the disk of the server's data folder has"));
  EXPECT_THAT(client_->Upload("d", "1,2\n3,4\n").error_message(), ::testing::HasSubstr("the disk of the server's data folder has"));
  const auto tells = [](const v1::JobEvent& event) {
    return event.log().message().find("cannot be stored and waits: the disk of the server's data folder has") != std::string::npos;
  };
  EXPECT_TRUE(tells(client_->Watch(cancelled, 0, tells).back())) << "the job tells what it waits for";
  EXPECT_EQ(client_->Get(cancelled).state(), v1::Job::RUNNING);

  disk_->LeaveRoom(0);
  EXPECT_TRUE(WaitForServing(daemon_->address(), "", false));
  const grpc::Status stopped = client_->Cancel(cancelled);
  EXPECT_TRUE(stopped.ok()) << stopped.error_message();
  EXPECT_EQ(client_->Get(cancelled).state(), v1::Job::CANCELLED);
  disk_->LeaveRoom(-1);
  EXPECT_TRUE(WaitForReserve()) << "it is made again";
  EXPECT_THAT(daemon_->Log(), ::testing::HasSubstr("new jobs and uploads are refused, and steps wait"));

  disk_->LeaveRoom(0);
  const grpc::Status purged = client_->Purge(ended);
  EXPECT_TRUE(purged.ok()) << purged.error_message();
  disk_->LeaveRoom(-1);
  EXPECT_TRUE(WaitForServing(daemon_->address(), "", true));
  EXPECT_EQ(client_->WaitForEnd(client_->Create(ShortJob()).name()).state(), v1::Job::SUCCEEDED);
}

TEST_F(DiskFaultsTest, AReadOnlyDiskHoldsUpAndLosesNothing) {
  ExpectHeldUpAndTakenUpAgain("disk_read_only", "disk that became read-only", EROFS, grpc::StatusCode::UNAVAILABLE);
}

TEST_F(DiskFaultsTest, ADiskThatFailsHoldsUpAndLosesNothing) {
  ExpectHeldUpAndTakenUpAgain("disk_errors", "disk with errors", EIO, grpc::StatusCode::UNAVAILABLE);
}

// One write or sync fails, whichever: a request is answered by what is true, and repeated it makes one job.
TEST_F(DiskFaultsTest, AnySingleFailureIsAnErrorOrNothing) {
  const int tries = Tries("SLICEFLOW_DISK_FAILURES", 60);
  Start();
  std::vector<std::string> names;
  int failures = 0;
  for (int i = 0; i < tries; ++i) {
    disk_->Fail(i % 2 == 0 ? kWriteOperation : kSyncOperation, EIO, /*times=*/1, /*skip=*/i / 2 % 10);
    std::string name;
    const std::string request_id = absl::StrCat("request-", i);
    const grpc::Status first = TryCreate(&name, request_id);
    failures += !first.ok();
    disk_->Heal();
    std::string again;
    const grpc::Status repeated = TryCreate(&again, request_id);
    ASSERT_TRUE(repeated.ok()) << i << ": " << repeated.error_message();
    if (first.ok()) EXPECT_EQ(name, again);
    names.push_back(again);
  }
  EXPECT_GT(failures, 0) << "no failure reached a request";
  for (const std::string& name : names) EXPECT_EQ(client_->WaitForEnd(name).state(), v1::Job::SUCCEEDED) << name;
  daemon_->Kill();
  Start();
  int lost = 0;
  for (const std::string& name : names) lost += client_->Get(name).state() != v1::Job::SUCCEEDED;
  const int doubled = static_cast<int>(client_->ListNames().size()) - tries;
  EXPECT_EQ(lost, 0);
  EXPECT_EQ(doubled, 0);
  WriteFaultRecord(
      "disk_single_failure",
      {.fault = "the n-th write or fsync fails", .tries = tries, .lost = lost, .doubled = doubled, .note = "kill -9 afterwards"});
}

// The power goes: the daemon is killed, and the disk forgets what was not synced.
TEST_F(DiskFaultsTest, WhatWasAcknowledgedSurvivesALossOfPower) {
  const int tries = Tries("SLICEFLOW_POWER_LOSSES", 8);
  std::mt19937_64 random(1);
  disk_->RememberUnsynced();
  std::vector<std::string> names;
  int dropped = 0;
  std::vector<absl::Duration> recovered;
  for (int i = 0; i < tries; ++i) {
    Start();
    std::string name;
    ASSERT_TRUE(TryCreate(&name).ok());
    names.push_back(name);
    const int64_t seen = client_->Get(name).progress().last_sequence();
    absl::SleepFor(absl::Milliseconds(random() % 400));
    const v1::Job before = client_->Get(name);
    daemon_->Kill();
    dropped += disk_->DropUnsynced();
    const absl::Time start = absl::Now();
    Start();
    const v1::Job after = client_->Get(name);
    recovered.push_back(absl::Now() - start);
    EXPECT_GE(after.progress().last_sequence(), std::max(seen, before.progress().last_sequence())) << "a durable event was lost";
    EXPECT_GE(after.progress().completed_steps(), before.progress().completed_steps());
    for (const std::string& each : names) EXPECT_EQ(client_->WaitForEnd(each).state(), v1::Job::SUCCEEDED) << daemon_->Log();
  }
  EXPECT_GT(dropped, 0) << "nothing was ever left to be synced: the disk remembers wrongly";
  const std::string bits = BitsOf(names[0]);
  int different = 0;
  for (const std::string& name : names) different += BitsOf(name) != bits;
  EXPECT_EQ(different, 0);
  WriteFaultRecord("disk_power", {.fault = "loss of power: kill -9, and what was not synced is gone",
                                  .tries = tries,
                                  .lost = different,
                                  .recovered_in = recovered,
                                  .note = absl::StrCat(dropped, " unsynced writes and names were dropped")});
}

// ---- what somebody takes away ----------------------------------------------------------------------------------------------------

TEST_F(DiskFaultsTest, WithoutItsDatabaseOrFilesNothingIsAcknowledgedUntilTheyAreBack) {
  Start();
  const std::string kept = client_->WaitForEnd(client_->Create(ShortJob()).name()).name();
  for (const char* taken : {"/sliceflow.db", "/sliceflow.db-wal", "/blobs"}) {
    SCOPED_TRACE(taken);
    const std::string running = client_->Create(ParticlesJob()).name();
    client_->WaitForStep(running, 1);
    fs::rename(data_ + taken, folder_.path() + "/away");
    EXPECT_TRUE(WaitForServing(daemon_->address(), "sliceflow.v1.JobService", false));
    EXPECT_THAT(daemon_->Log(), ::testing::HasSubstr(absl::StrCat(taken, " was removed")));
    if (std::string(taken) != "/blobs") {
      const grpc::Status refused = TryCreate();
      EXPECT_EQ(refused.error_code(), grpc::StatusCode::UNAVAILABLE);
      EXPECT_THAT(refused.error_message(), ::testing::HasSubstr(absl::StrCat(taken, " was removed or replaced")));
    }
    EXPECT_FALSE(fs::exists(data_ + taken)) << "nothing is begun anew in its place";
    fs::rename(folder_.path() + "/away", data_ + taken);
    EXPECT_TRUE(WaitForServing(daemon_->address(), "sliceflow.v1.JobService", true));
    EXPECT_EQ(client_->WaitForEnd(running).state(), v1::Job::SUCCEEDED);
    EXPECT_EQ(BitsOf(running), UndisturbedBits());
  }
  EXPECT_EQ(client_->Get(kept).state(), v1::Job::SUCCEEDED);
}

// ---- bytes that rot --------------------------------------------------------------------------------------------------------------

// The files of a job whose names begin so, the newest step last.
std::vector<fs::path> Blobs(const std::string& data, const std::string& job, const std::string& begin) {
  std::vector<fs::path> found;
  for (const auto& entry : fs::directory_iterator(data + "/blobs/" + job)) {
    if (entry.path().filename().string().rfind(begin, 0) == 0) found.push_back(entry.path());
  }
  std::sort(found.begin(), found.end());
  return found;
}

void FlipBit(const fs::path& path, int64_t offset) {
  std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
  file.seekg(offset);
  const auto byte = static_cast<char>(file.get() ^ 4);
  file.seekp(offset);
  file.put(byte);
}

TEST_F(DiskFaultsTest, ADamagedOrTornCheckpointIsPassedOver) {
  Start();
  const std::string undisturbed = UndisturbedBits();
  for (const bool torn : {false, true}) {
    const std::string name = client_->Create(ParticlesJob()).name();
    client_->WaitForStep(name, 3);
    daemon_->Kill();
    const fs::path newest = Blobs(data_, name, "checkpoint-").back();
    if (torn) {
      fs::resize_file(newest, fs::file_size(newest) / 2);
    } else {
      FlipBit(newest, static_cast<int64_t>(fs::file_size(newest)) / 2);
    }
    Start();
    EXPECT_EQ(client_->WaitForEnd(name).state(), v1::Job::SUCCEEDED);
    EXPECT_EQ(BitsOf(name), undisturbed);
    std::string warning;
    for (const v1::JobEvent& event : client_->Watch(name)) {
      if (event.has_log()) warning = event.log().message();
    }
    EXPECT_THAT(warning, ::testing::HasSubstr("damaged"));
  }
  WriteFaultRecord("checkpoint_damaged", {.fault = "newest checkpoint with a flipped bit, or torn",
                                          .tries = 2,
                                          .note = "goes on from the one before, with a warning in its log; same bits"});
}

TEST_F(DiskFaultsTest, DamagedSamplesAreNamedAndTheRestIsServed) {
  Start();
  const std::string name = client_->WaitForEnd(client_->Create(ShortJob()).name()).name();
  daemon_->Kill();
  const fs::path samples = Blobs(data_, name, "samples-").front();
  FlipBit(samples, static_cast<int64_t>(fs::file_size(samples)) / 2);
  Start();
  grpc::ClientContext context;
  v1::WatchJobRequest request;
  request.set_name(name);
  request.set_sample_limit(-1);
  const auto reader = v1::JobService::NewStub(client_->channel())->WatchJob(&context, request);
  v1::WatchJobResponse response;
  while (reader->Read(&response)) {
  }
  EXPECT_EQ(reader->Finish().error_code(), grpc::StatusCode::DATA_LOSS);
  EXPECT_EQ(client_->Watch(name).back().state_changed().state(), v1::Job::SUCCEEDED) << "events are served without samples";
  Tensor drawn;
  EXPECT_TRUE(client_->Sample(name, std::nullopt, 10, 1, drawn).ok()) << "what is whole can be drawn from";
  WriteFaultRecord("samples_damaged", {.fault = "samples with a flipped bit", .tries = 1, .note = "DATA_LOSS for them alone"});
}

// A page of the database that holds nothing but rows of a table, neither its first nor one that leads to others.
int LeafPage(const std::string& database, const std::string& table) {
  sqlite3* db = nullptr;
  EXPECT_EQ(sqlite3_open_v2(database.c_str(), &db, SQLITE_OPEN_READONLY, nullptr), SQLITE_OK);
  sqlite3_stmt* find = nullptr;
  const std::string sql = absl::StrCat("SELECT max(pageno) FROM dbstat WHERE name = '", table, "' AND pagetype = 'leaf'");
  EXPECT_EQ(sqlite3_prepare_v2(db, sql.c_str(), -1, &find, nullptr), SQLITE_OK);
  EXPECT_EQ(sqlite3_step(find), SQLITE_ROW);
  const int page = sqlite3_column_int(find, 0);
  sqlite3_finalize(find);
  sqlite3_close(db);
  return page;
}

void Overwrite(const fs::path& path, int64_t offset, const std::string& bytes) {
  std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
  file.seekp(offset);
  file.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
}

TEST_F(DiskFaultsTest, ADamagedPageOfTheDatabaseIsNamedAndTheRestIsServed) {
  constexpr int kPageSize = 4096;
  Start();
  std::vector<std::string> names;
  for (int i = 0; i < 12; ++i) names.push_back(client_->WaitForEnd(client_->Create(ShortJob()).name()).name());
  ASSERT_EQ(daemon_->Terminate(), 0);
  const std::string database = data_ + "/sliceflow.db";
  const int page = LeafPage(database, "events");
  ASSERT_GT(page, 1);
  fs::copy_file(database, database + ".whole");
  Overwrite(database, (page - 1) * kPageSize, std::string(kPageSize, 'x'));
  Start();
  int damaged = 0;
  for (const std::string& name : names) {
    EXPECT_EQ(client_->Get(name).state(), v1::Job::SUCCEEDED) << "another table is whole";
    grpc::Status status;
    (void)client_->Watch(name, 0, nullptr, &status);
    damaged += !status.ok();
    if (!status.ok()) EXPECT_EQ(status.error_code(), grpc::StatusCode::DATA_LOSS) << status.error_message();
  }
  EXPECT_GT(damaged, 0);
  EXPECT_TRUE(WaitForServing(daemon_->address(), "sliceflow.v1.JobService", false)) << "health tells of the damage";
  ASSERT_EQ(daemon_->Terminate(), 0);
  // Put back from a backup, it is as before.
  fs::rename(database + ".whole", database);
  Start();
  for (const std::string& name : names) EXPECT_EQ(client_->Watch(name).back().state_changed().state(), v1::Job::SUCCEEDED);
  WriteFaultRecord("database_damaged", {.fault = "a page of the database with other bytes",
                                        .tries = 1,
                                        .note = "DATA_LOSS for what lies there, the rest is served, health says so"});
}

}  // namespace
}  // namespace sliceflow::testing
