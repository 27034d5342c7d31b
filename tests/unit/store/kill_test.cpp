// A process that commits is killed without warning; what it had acknowledged is there when the store is opened again.
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <random>

#include "absl/strings/str_cat.h"
#include "server/store/blob_store.h"
#include "server/store/store.h"
#include "tests/support/temp_folder.h"
#include "tests/unit/store/rows.h"

namespace sliceflow::store {
namespace {

std::string BlobKey(int64_t sequence) { return absl::StrCat("jobs/a/samples-", sequence); }

// Appends one event and one blob after another and writes a byte for each that was acknowledged. Never returns.
[[noreturn]] void CommitUntilKilled(const std::string& folder, int acknowledgements) {
  auto store = OpenSqliteStore(folder);
  if (!store.ok()) _exit(1);
  BlobStore blobs(folder + "/blobs", RealFileSystem());
  if (absl::IsNotFound((*store)->GetJob("a").status()) && !(*store)->CreateJob(NewJob("a"), "", "", "").ok()) _exit(2);
  while (true) {
    JobCommit commit = MoreEvents(*(*store)->GetJob("a"), 1);
    const int64_t sequence = commit.row.last_sequence;
    if (!blobs.Put(BlobKey(sequence), absl::StrCat("samples ", sequence)).ok()) _exit(3);
    commit.step = StepRow{static_cast<int>(sequence), sequence, BlobKey(sequence), {1}, ""};
    if (!(*store)->Commit(commit).ok()) _exit(4);
    if (write(acknowledgements, "x", 1) != 1) _exit(5);
  }
}

TEST(KillTest, WhatWasAcknowledgedSurvivesKillAtAnyMoment) {
  testing::TempFolder folder;
  std::mt19937 random(5);
  int64_t acknowledged = 1;  // the job's first event
  for (int round = 0; round < 12; ++round) {
    int channel[2];
    ASSERT_EQ(pipe(channel), 0);
    const pid_t child = fork();
    if (child == 0) CommitUntilKilled(folder.path(), channel[1]);
    close(channel[1]);
    // The child dies somewhere after this many acknowledgements: in a blob, in a commit, or between.
    const int until = 1 + static_cast<int>(random() % 20);
    char byte;
    for (int i = 0; i < until; ++i) {
      ASSERT_EQ(read(channel[0], &byte, 1), 1) << "the child ended early";
      ++acknowledged;
    }
    usleep(random() % 3000);  // only to vary the place of death: nothing waits for it
    kill(child, SIGKILL);
    int status;
    ASSERT_EQ(waitpid(child, &status, 0), child);
    ASSERT_TRUE(WIFSIGNALED(status));
    while (read(channel[0], &byte, 1) == 1) ++acknowledged;
    close(channel[0]);

    auto store = OpenSqliteStore(folder.path());
    ASSERT_TRUE(store.ok()) << store.status();
    BlobStore blobs(folder.path() + "/blobs", RealFileSystem());
    const auto row = (*store)->GetJob("a");
    ASSERT_TRUE(row.ok());
    EXPECT_GE(row->last_sequence, acknowledged);
    EXPECT_LE(row->last_sequence, acknowledged + 1);  // at most one was committed and not yet acknowledged
    EXPECT_EQ(row->version, row->last_sequence);
    const auto events = (*store)->ReadEvents("a", 0, 10000, 1 << 30);
    ASSERT_EQ(static_cast<int64_t>(events->size()), row->last_sequence);
    for (int64_t sequence = 2; sequence <= row->last_sequence; ++sequence) {
      EXPECT_EQ((*events)[sequence - 1].event, MakeEvent(sequence).event);
      const auto step = (*store)->GetStep("a", static_cast<int>(sequence));
      ASSERT_TRUE(step.ok());
      EXPECT_EQ(*blobs.Get(step->samples_key), absl::StrCat("samples ", sequence));
    }
    acknowledged = row->last_sequence;
  }
}

}  // namespace
}  // namespace sliceflow::store
