#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sqlite3.h>

#include <array>
#include <filesystem>
#include <fstream>
#include <random>
#include <thread>

#include "server/store/sqlite_connection.h"
#include "server/store/sqlite_schema.h"
#include "server/store/store.h"
#include "tests/support/temp_folder.h"
#include "tests/unit/store/rows.h"

namespace sliceflow::store {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class SqliteStoreTest : public ::testing::Test {
 protected:
  void SetUp() override { Open(); }

  void Open() {
    store_.reset();
    auto store = OpenSqliteStore(folder_.path());
    ASSERT_TRUE(store.ok()) << store.status();
    store_ = *std::move(store);
  }

  void Create(const JobCommit& commit) {
    const absl::Status status = store_->CreateJob(commit, "", "", "");
    ASSERT_TRUE(status.ok()) << status;
  }

  std::vector<std::string> Ids(const JobQuery& query) {
    const auto rows = store_->ListJobs(query);
    EXPECT_TRUE(rows.ok()) << rows.status();
    std::vector<std::string> ids;
    for (const JobRow& row : *rows) ids.push_back(row.id);
    return ids;
  }

  testing::TempFolder folder_;
  std::unique_ptr<Store> store_;
};

TEST_F(SqliteStoreTest, AJobIsReadBackAlsoAfterReopening) {
  JobCommit commit = NewJob("a");
  commit.row.owner = "ada";
  commit.row.job = std::string("\0bytes\xff", 7);
  Create(commit);
  for (int round = 0; round < 2; ++round) {
    const auto row = store_->GetJob("a");
    ASSERT_TRUE(row.ok()) << row.status();
    EXPECT_EQ(row->number, 1);
    EXPECT_EQ(row->version, 1);
    EXPECT_EQ(row->state, kQueued);
    EXPECT_EQ(row->create_time_us, 1000);
    EXPECT_EQ(row->display_name, "name of a");
    EXPECT_EQ(row->owner, "ada");
    EXPECT_EQ(row->last_sequence, 1);
    EXPECT_EQ(row->job, commit.row.job);
    Open();
  }
  EXPECT_TRUE(absl::IsNotFound(store_->GetJob("b").status()));
  EXPECT_TRUE(absl::IsAlreadyExists(store_->CreateJob(NewJob("a"), "", "", "")));
}

// Rows in every table: what checks the file when it is opened must call none of them damaged.
TEST_F(SqliteStoreTest, AFullDatabaseIsSoundWhenReopened) {
  ASSERT_TRUE(
      store_
          ->CreateDataset(DatasetRow{.owner = "ada", .id = "d", .sha256 = "s", .format = "f", .blob_key = "datasets/d", .dataset = "bytes"})
          .ok());
  JobCommit job = NewJob("a");
  job.row.owner = "ada";
  job.row.labels = {{"team", "red"}, {"kind", "test"}};
  job.row.datasets = {"d"};
  ASSERT_TRUE(store_->CreateJob(job, "ada", "r1", "h1").ok());
  JobCommit step = MoreEvents(*store_->GetJob("a"), 1);
  step.step = StepRow{0, 2, "jobs/a/s", {1}, "jobs/a/c"};
  ASSERT_TRUE(store_->Commit(step).ok());
  Open();
  JobQuery query;
  query.labels.push_back({"team", "red"});
  EXPECT_THAT(Ids(query), ElementsAre("a"));
}

TEST_F(SqliteStoreTest, LabelsAndDataSetsOfTheFirstSchemaAreKept) {
  store_.reset();
  std::filesystem::remove(folder_.path() + "/sliceflow.db");
  {
    auto connection = *Connection::Open(folder_.path() + "/sliceflow.db", Connection::IfMissing::kMake);
    ASSERT_TRUE(Migrate(*connection, folder_.path(), 1).ok());
    const absl::Status status = connection->Execute(R"sql(
INSERT INTO jobs VALUES (1, 'a', 1, 1, 1000, 'name of a', '', 1, 0, x'00');
INSERT INTO events VALUES ('a', 1, 1000, x'00');
INSERT INTO job_labels VALUES ('team', 'red', 1), ('kind', 'test', 1);
INSERT INTO datasets VALUES (1, 'd', 's', 'datasets/d/table', x'00');
INSERT INTO job_datasets VALUES ('d', 1);
)sql");
    ASSERT_TRUE(status.ok()) << status;
  }
  for (int round = 0; round < 2; ++round) {
    Open();
    JobQuery query;
    query.labels = {{"team", "red"}, {"kind", "test"}};
    EXPECT_THAT(Ids(query), ElementsAre("a"));
    EXPECT_EQ(store_->GetDataset("", "d")->blob_key, "datasets/d/table");
    EXPECT_THAT(*store_->JobsUsingDataset("", "d", 10), ElementsAre("a"));
  }
  // Still in one with their job.
  ASSERT_TRUE(store_->DeleteJob("a", 1).ok());
  ASSERT_TRUE(store_->DeleteDataset("", "d").ok());
  store_.reset();
  EXPECT_EQ(*(*Connection::Open(folder_.path() + "/sliceflow.db"))->QueryInt("SELECT count(*) FROM job_labels"), 0);
}

TEST_F(SqliteStoreTest, OfTwoCommitsOnOneVersionOneWins) {
  Create(NewJob("a"));
  const JobRow row = *store_->GetJob("a");
  JobCommit first = MoreEvents(row, 2);
  first.row.state = kRunning;
  first.row.worker_failures = 3;
  ASSERT_TRUE(store_->Commit(first).ok());
  EXPECT_TRUE(absl::IsAborted(store_->Commit(MoreEvents(row, 1))));
  const JobRow now = *store_->GetJob("a");
  EXPECT_EQ(now.version, 2);
  EXPECT_EQ(now.state, kRunning);
  EXPECT_EQ(now.worker_failures, 3);
  EXPECT_EQ(now.last_sequence, 3);
  EXPECT_EQ(store_->ReadEvents("a", 0, 100, 1 << 20)->size(), 3u);
  EXPECT_TRUE(absl::IsNotFound(store_->Commit(MoreEvents(NewJob("b").row, 1))));
}

TEST_F(SqliteStoreTest, GapsAndRepetitionsInALogAreRefusedWhole) {
  Create(NewJob("a"));
  const JobRow row = *store_->GetJob("a");
  JobCommit gap = MoreEvents(row, 2);
  gap.events[1].sequence = 4;
  JobCommit repeated = MoreEvents(row, 2);
  repeated.events[0].sequence = 1;
  JobCommit wrong_end = MoreEvents(row, 2);
  wrong_end.row.last_sequence = 7;
  for (const JobCommit& bad : {gap, repeated, wrong_end}) EXPECT_TRUE(absl::IsInvalidArgument(store_->Commit(bad)));
  EXPECT_EQ(store_->GetJob("a")->version, 1);
  EXPECT_EQ(store_->ReadEvents("a", 0, 100, 1 << 20)->size(), 1u);
}

TEST_F(SqliteStoreTest, EventsAreReadFromEverySequenceWithinBothLimits) {
  Create(NewJob("a"));
  Create(NewJob("b"));
  ASSERT_TRUE(store_->Commit(MoreEvents(*store_->GetJob("a"), 99)).ok());
  for (int64_t after = 0; after <= 100; ++after) {
    const auto events = store_->ReadEvents("a", after, 7, 1 << 20);
    ASSERT_TRUE(events.ok());
    ASSERT_EQ(events->size(), std::min<size_t>(7, 100 - after));
    for (size_t i = 0; i < events->size(); ++i) {
      const EventRow expected = MakeEvent(after + 1 + static_cast<int64_t>(i));
      EXPECT_EQ((*events)[i].sequence, expected.sequence);
      EXPECT_EQ((*events)[i].time_us, expected.time_us);
      EXPECT_EQ((*events)[i].event, expected.event);
    }
  }
  EXPECT_EQ(store_->ReadEvents("a", 0, 100, 1)->size(), 1u);   // always one
  EXPECT_EQ(store_->ReadEvents("a", 0, 100, 20)->size(), 3u);  // "event N" has 7 bytes: the third passes 20
  EXPECT_THAT(*store_->ReadEvents("none", 0, 100, 1 << 20), IsEmpty());
}

TEST_F(SqliteStoreTest, ARequestIdIsUsedOnceByItsOwner) {
  ASSERT_TRUE(store_->CreateJob(NewJob("a"), "ada", "r1", "h1").ok());
  EXPECT_TRUE(absl::IsAlreadyExists(store_->CreateJob(NewJob("b"), "ada", "r1", "h2")));
  EXPECT_TRUE(absl::IsNotFound(store_->GetJob("b").status()));
  EXPECT_TRUE(store_->CreateJob(NewJob("b"), "bob", "r1", "h2").ok());
  EXPECT_TRUE(store_->CreateJob(NewJob("c"), "ada", "", "").ok());
  EXPECT_TRUE(store_->CreateJob(NewJob("d"), "ada", "", "").ok());
  const auto found = store_->FindRequest("ada", "r1");
  ASSERT_TRUE(found.ok() && found->has_value());
  EXPECT_EQ((*found)->job_id, "a");
  EXPECT_EQ((*found)->request_hash, "h1");
  EXPECT_FALSE(store_->FindRequest("ada", "r2")->has_value());
  EXPECT_FALSE(store_->FindRequest("ada", "")->has_value());
}

TEST_F(SqliteStoreTest, ListsByEveryConditionInPages) {
  std::mt19937 random(11);
  std::vector<JobRow> all;
  for (int i = 0; i < 60; ++i) {
    JobCommit commit = NewJob(absl::StrCat("job", i), 1 + static_cast<int>(random() % 6));
    commit.row.create_time_us = i;
    commit.row.display_name = random() % 2 == 0 ? "x" : "y";
    if (random() % 2 == 0) commit.row.labels["team"] = random() % 2 == 0 ? "red" : "blue";
    if (random() % 2 == 0) commit.row.labels["kind"] = "test";
    commit.row.owner = std::array{"", "ada", "bob"}[random() % 3];
    commit.row.device = random() % 2 == 0 ? "cpu" : "any";
    commit.row.priority = static_cast<int>(random() % 5) - 2;
    Create(commit);
    all.push_back(commit.row);
  }
  for (int trial = 0; trial < 200; ++trial) {
    JobQuery query;
    if (random() % 2 == 0) query.states = {kQueued, kRunning, kSucceeded};
    if (random() % 2 == 0) query.excluded_states = {kRunning};
    if (random() % 3 == 0) query.display_name = "x";
    if (random() % 3 == 0) query.owner = random() % 2 == 0 ? "ada" : "";
    if (random() % 3 == 0) query.device = "cpu";
    if (random() % 3 == 0) query.lowest_priority = -1;
    if (random() % 3 == 0) query.highest_priority = 1;
    if (random() % 3 == 0) query.labels.push_back({"team", "red"});
    if (random() % 3 == 0) query.labels.push_back({"kind", "test"});
    if (random() % 3 == 0) query.created_from_us = random() % 60;
    if (random() % 3 == 0) query.created_until_us = random() % 60;
    query.ascending = random() % 2 == 0;
    std::vector<std::string> expected;  // the plain reading of the query
    for (const JobRow& row : all) {
      const auto is = [&](int state) { return row.state == state; };
      bool in = query.states.empty() || std::any_of(query.states.begin(), query.states.end(), is);
      in = in && std::none_of(query.excluded_states.begin(), query.excluded_states.end(), is);
      in = in && (!query.owner || *query.owner == row.owner) && (!query.device || *query.device == row.device);
      in = in && row.priority >= query.lowest_priority.value_or(-100) && row.priority <= query.highest_priority.value_or(100);
      in = in && (!query.display_name || *query.display_name == row.display_name);
      for (const auto& label : query.labels) in = in && row.labels.count(label.key) != 0 && row.labels.at(label.key) == label.value;
      in = in && (!query.created_from_us || row.create_time_us >= *query.created_from_us);
      in = in && (!query.created_until_us || row.create_time_us < *query.created_until_us);
      if (in) expected.push_back(row.id);
    }
    if (!query.ascending) std::reverse(expected.begin(), expected.end());
    query.limit = 1 + static_cast<int>(random() % 20);
    std::vector<std::string> listed;
    while (true) {
      const auto rows = store_->ListJobs(query);
      ASSERT_TRUE(rows.ok()) << rows.status();
      for (const JobRow& row : *rows) listed.push_back(row.id);
      if (static_cast<int>(rows->size()) < query.limit) break;
      query.after_number = rows->back().number;
    }
    EXPECT_EQ(listed, expected);
  }
}

TEST_F(SqliteStoreTest, TextOfUsersIsNeverReadAsSql) {
  JobCommit commit = NewJob("a");
  commit.row.display_name = "'; DROP TABLE jobs; --";
  commit.row.labels["k"] = "\" OR 1=1 --";
  Create(commit);
  JobQuery query;
  query.display_name = commit.row.display_name;
  query.labels.push_back({"k", commit.row.labels["k"]});
  EXPECT_THAT(Ids(query), ElementsAre("a"));
  query.display_name = "x' OR '1'='1";
  EXPECT_THAT(Ids(query), IsEmpty());
}

TEST_F(SqliteStoreTest, StepsKeepTheirBytesUntilDropped) {
  Create(NewJob("a"));
  for (int step = 0; step < 4; ++step) {
    JobCommit commit = MoreEvents(*store_->GetJob("a"), 1);
    commit.step = StepRow{step, commit.row.last_sequence, absl::StrCat("jobs/a/s", step), {1000, 2}, absl::StrCat("jobs/a/c", step)};
    if (step == 3) commit.dropped_checkpoints = {2, 9};
    ASSERT_TRUE(store_->Commit(commit).ok());
  }
  const auto step = store_->GetStep("a", 1);
  ASSERT_TRUE(step.ok());
  EXPECT_EQ(step->sequence, 3);
  EXPECT_EQ(step->samples_key, "jobs/a/s1");
  EXPECT_THAT(step->samples_shape, ElementsAre(1000, 2));
  EXPECT_EQ(step->checkpoint_key, "jobs/a/c1");
  EXPECT_EQ(store_->GetStep("a", 2)->checkpoint_key, "");
  EXPECT_EQ(store_->GetStep("a", 2)->samples_key, "jobs/a/s2");
  EXPECT_TRUE(absl::IsNotFound(store_->GetStep("a", 4).status()));
  std::vector<int> kept;
  const auto rows = store_->KeptSteps("a");
  for (const StepRow& row : *rows) kept.push_back(row.step);
  EXPECT_THAT(kept, ElementsAre(3, 1, 0));
  EXPECT_EQ(store_->ReferencedKeys("jobs/")->size(), 7u);
  EXPECT_THAT(*store_->ReferencedKeys("datasets/"), IsEmpty());
}

TEST_F(SqliteStoreTest, ADeletedJobLeavesNothing) {
  JobCommit commit = NewJob("a");
  commit.row.labels["k"] = "v";
  ASSERT_TRUE(store_->CreateJob(commit, "ada", "r1", "h1").ok());
  JobCommit step = MoreEvents(*store_->GetJob("a"), 1);
  step.step = StepRow{0, 2, "jobs/a/s", {1}, "jobs/a/c"};
  ASSERT_TRUE(store_->Commit(step).ok());
  EXPECT_TRUE(absl::IsAborted(store_->DeleteJob("a", 1)));
  ASSERT_TRUE(store_->DeleteJob("a", 2).ok());
  EXPECT_TRUE(absl::IsNotFound(store_->DeleteJob("a", 2)));
  EXPECT_THAT(*store_->ReadEvents("a", 0, 10, 1 << 20), IsEmpty());
  EXPECT_THAT(*store_->KeptSteps("a"), IsEmpty());
  EXPECT_THAT(*store_->ReferencedKeys("jobs/"), IsEmpty());
  EXPECT_FALSE(store_->FindRequest("ada", "r1")->has_value());
  Create(NewJob("b"));
  EXPECT_EQ(store_->GetJob("b")->number, 2);  // numbers are not used again
}

TEST_F(SqliteStoreTest, DataSetsAreKeptWhileTheyAreUsed) {
  ASSERT_TRUE(
      store_
          ->CreateDataset(DatasetRow{.owner = "ada", .id = "d", .sha256 = "s", .format = "f", .blob_key = "datasets/d", .dataset = "bytes"})
          .ok());
  EXPECT_TRUE(absl::IsAlreadyExists(store_->CreateDataset(DatasetRow{.owner = "ada", .id = "d"})));
  ASSERT_TRUE(store_->CreateDataset(DatasetRow{.owner = "ada", .id = "e"}).ok());
  EXPECT_EQ(store_->GetDataset("ada", "d")->dataset, "bytes");
  EXPECT_EQ(store_->GetDataset("ada", "d")->format, "f");
  EXPECT_EQ(store_->GetDataset("ada", "d")->blob_key, "datasets/d");
  EXPECT_TRUE(absl::IsNotFound(store_->GetDataset("ada", "x").status()));
  EXPECT_EQ(store_->ListDatasets(std::nullopt, std::nullopt, 1)->at(0).id, "e");
  EXPECT_EQ(store_->ListDatasets(std::nullopt, 2, 10)->at(0).id, "d");
  EXPECT_THAT(*store_->ReferencedKeys("datasets/"), ElementsAre("datasets/d"));

  JobCommit job = NewJob("a");
  job.row.owner = "ada";
  job.row.datasets = {"d", "missing"};
  EXPECT_TRUE(absl::IsNotFound(store_->CreateJob(job, "", "", "")));
  EXPECT_TRUE(absl::IsNotFound(store_->GetJob("a").status()));
  job.row.datasets = {"d"};
  Create(job);
  JobCommit done = MoreEvents(*store_->GetJob("a"), 1);
  done.row.state = kSucceeded;
  ASSERT_TRUE(store_->Commit(done).ok());
  EXPECT_THAT(*store_->JobsUsingDataset("ada", "d", 10), ElementsAre("a"));
  EXPECT_THAT(*store_->JobsUsingDataset("ada", "e", 10), IsEmpty());
  EXPECT_TRUE(absl::IsFailedPrecondition(store_->DeleteDataset("ada", "d")));
  ASSERT_TRUE(store_->DeleteJob("a", 2).ok());
  EXPECT_TRUE(store_->DeleteDataset("ada", "d").ok());
  EXPECT_TRUE(absl::IsNotFound(store_->DeleteDataset("ada", "d")));
}

TEST_F(SqliteStoreTest, EachOwnerHasDataSetsOfItsOwn) {
  for (const char* owner : {"ada", "bob"}) {
    ASSERT_TRUE(store_->CreateDataset(DatasetRow{.owner = owner, .id = "d", .blob_key = owner, .dataset = "bytes"}).ok()) << owner;
  }
  EXPECT_EQ(store_->GetDataset("ada", "d")->blob_key, "ada");
  EXPECT_EQ(store_->GetDataset("bob", "d")->blob_key, "bob");
  EXPECT_THAT(*store_->ListDatasets("bob", std::nullopt, 10), SizeIs(1));
  EXPECT_THAT(*store_->ListDatasets(std::nullopt, std::nullopt, 10), SizeIs(2));

  JobCommit job = NewJob("a");
  job.row.owner = "ada";
  job.row.datasets = {"d"};
  Create(job);
  EXPECT_THAT(*store_->JobsUsingDataset("bob", "d", 10), IsEmpty());
  EXPECT_TRUE(absl::IsFailedPrecondition(store_->DeleteDataset("ada", "d")));
  EXPECT_TRUE(store_->DeleteDataset("bob", "d").ok());
  job = NewJob("b");
  job.row.owner = "bob";
  job.row.datasets = {"d"};
  EXPECT_TRUE(absl::IsNotFound(store_->CreateJob(job, "", "", "")));

  JobQuery query;
  query.owner = "ada";
  EXPECT_THAT(Ids(query), ElementsAre("a"));
  query.owner = "bob";
  EXPECT_THAT(Ids(query), IsEmpty());
}

TEST_F(SqliteStoreTest, ManyThreadsLoseNothing) {
  constexpr int kThreads = 4;
  constexpr int kEach = 25;
  Create(NewJob("shared"));
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < kEach; ++i) {
        EXPECT_TRUE(store_->CreateJob(NewJob(absl::StrCat("job", t, "x", i)), "", "", "").ok());
        while (true) {
          const absl::Status status = store_->Commit(MoreEvents(*store_->GetJob("shared"), 1));
          if (status.ok()) break;
          ASSERT_TRUE(absl::IsAborted(status)) << status;
        }
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(*store_->CountJobs({kQueued}), kThreads * kEach + 1);
  EXPECT_EQ(store_->GetJob("shared")->last_sequence, kThreads * kEach + 1);
  EXPECT_EQ(store_->ReadEvents("shared", 0, 1000, 1 << 20)->size(), kThreads * kEach + 1u);
}

TEST_F(SqliteStoreTest, AnotherProcessIsKeptOut) {
  const auto second = OpenSqliteStore(folder_.path(), {absl::ZeroDuration()});
  ASSERT_TRUE(absl::IsFailedPrecondition(second.status())) << second.status();
  EXPECT_THAT(second.status().message(), HasSubstr(folder_.path()));
}

TEST_F(SqliteStoreTest, AnotherProcessIsKeptOutAlsoWhereTheFileOfTheLockWasRemoved) {
  std::filesystem::remove(folder_.path() + "/lock");
  const auto second = OpenSqliteStore(folder_.path(), {absl::ZeroDuration()});
  ASSERT_TRUE(absl::IsFailedPrecondition(second.status())) << second.status();
}

TEST_F(SqliteStoreTest, HealthIsCheckedByWriting) {
  EXPECT_TRUE(store_->CheckHealth().ok());
  EXPECT_TRUE(store_->CheckHealth().ok());
}

TEST_F(SqliteStoreTest, ANewerSchemaIsRefusedAndLeftAlone) {
  Create(NewJob("a"));
  store_.reset();
  auto connection = *Connection::Open(folder_.path() + "/sliceflow.db");
  ASSERT_TRUE(connection->Execute(absl::StrCat("PRAGMA user_version=", SchemaVersion() + 1)).ok());
  connection.reset();
  const auto refused = OpenSqliteStore(folder_.path());
  EXPECT_TRUE(absl::IsFailedPrecondition(refused.status())) << refused.status();
  connection = *Connection::Open(folder_.path() + "/sliceflow.db");
  EXPECT_EQ(*connection->QueryInt("PRAGMA user_version"), SchemaVersion() + 1);
  ASSERT_TRUE(connection->Execute(absl::StrCat("PRAGMA user_version=", SchemaVersion())).ok());
  connection.reset();
  Open();
  EXPECT_TRUE(store_->GetJob("a").ok());
}

TEST_F(SqliteStoreTest, TheDatabaseIsDurableByItsSettings) {
  auto connection = *Connection::Open(folder_.path() + "/sliceflow.db");
  Statement journal = connection->PrepareOnce("PRAGMA journal_mode");
  ASSERT_TRUE(journal.Next());
  EXPECT_EQ(journal.Bytes(0), "wal");
  EXPECT_EQ(*connection->QueryInt("PRAGMA synchronous"), 2);  // FULL
  EXPECT_EQ(*connection->QueryInt("PRAGMA foreign_keys"), 1);
}

TEST_F(SqliteStoreTest, AFullDiskIsNamedAndNothingIsHalfDone) {
  Create(NewJob("a"));
  store_.reset();
  {
    auto connection = *Connection::Open(folder_.path() + "/sliceflow.db");
    Transaction transaction(*connection);
    ASSERT_TRUE(transaction.Begin().ok());
    // SQLite's own word for a full disk, brought about by a bound on the file's size.
    const int64_t pages = *connection->QueryInt("PRAGMA page_count");
    ASSERT_TRUE(connection->QueryInt(absl::StrCat("PRAGMA max_page_count=", pages)).ok());
    absl::Status status = connection->Prepare("UPDATE jobs SET job = zeroblob(1000000)").Run();
    EXPECT_TRUE(absl::IsResourceExhausted(status)) << status;
  }
  Open();
  EXPECT_EQ(store_->GetJob("a")->job, "job a");
}

TEST(SqliteOpenTest, AFileOfAnotherProgramIsRefused) {
  testing::TempFolder folder;
  auto connection = *Connection::Open(folder.path() + "/sliceflow.db", Connection::IfMissing::kMake);
  ASSERT_TRUE(connection->Execute("CREATE TABLE other (x)").ok());
  connection.reset();
  EXPECT_TRUE(absl::IsFailedPrecondition(OpenSqliteStore(folder.path()).status()));
}

TEST(SqliteOpenTest, ADamagedFileIsNamed) {
  testing::TempFolder folder;
  std::ofstream(folder.path() + "/sliceflow.db") << std::string(8192, 'x');
  const auto opened = OpenSqliteStore(folder.path());
  EXPECT_TRUE(absl::IsDataLoss(opened.status())) << opened.status();
}

// A database with a damaged page opens, so that what is sound in it can be served; the check names the damage.
TEST(SqliteOpenTest, DamagedPagesAreFoundByTheCheck) {
  testing::TempFolder folder;
  int64_t page = 0;
  {
    auto store = *OpenSqliteStore(folder.path());
    for (int i = 0; i < 50; ++i) ASSERT_TRUE(store->CreateJob(NewJob(absl::StrCat("job", i)), "", "", "").ok());
    EXPECT_TRUE(store->CheckIntegrity().ok());
    page = *(*Connection::Open(folder.path() + "/sliceflow.db"))->QueryInt("SELECT rootpage FROM sqlite_schema WHERE name = 'events'");
  }
  {
    std::fstream file(folder.path() + "/sliceflow.db", std::ios::in | std::ios::out | std::ios::binary);
    file.seekp((page - 1) * 4096).write("\xff\xff\xff\xff\xff\xff\xff\xff", 8);
  }
  const auto store = OpenSqliteStore(folder.path());
  ASSERT_TRUE(store.ok()) << store.status();
  const absl::Status found = (*store)->CheckIntegrity();
  EXPECT_TRUE(absl::IsDataLoss(found)) << found;
  EXPECT_TRUE((*store)->GetJob("job7").ok());
  EXPECT_TRUE(absl::IsDataLoss((*store)->ReadEvents("job7", 0, 10, 1 << 20).status()));
}

TEST(SqliteOpenTest, AStoppedCheckSaysNothingOfTheDatabase) {
  testing::TempFolder folder;
  const auto store = OpenSqliteStore(folder.path());
  (*store)->StopChecks();
  EXPECT_TRUE(absl::IsCancelled((*store)->CheckIntegrity()));
}

}  // namespace
}  // namespace sliceflow::store
