#include "server/store/blob_store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <random>

#include "absl/strings/str_cat.h"
#include "common/errors.h"
#include "tests/support/faulting_filesystem.h"
#include "tests/support/temp_folder.h"

namespace sliceflow::store {
namespace {

using ::testing::ElementsAre;
using testing::FaultingFileSystem;

std::string RandomBytes(size_t size, uint32_t seed) {
  std::mt19937 random(seed);
  std::string bytes(size, '\0');
  for (char& byte : bytes) byte = static_cast<char>(random());
  return bytes;
}

TEST(BlobStoreTest, WhatWasPutIsGotBackAndReplacedAndDeleted) {
  testing::TempFolder folder;
  BlobStore blobs(folder.path(), RealFileSystem());
  for (const size_t size : {0, 1, 23, 24, 25, 1 << 20}) {
    const std::string bytes = RandomBytes(size, 7);
    ASSERT_TRUE(blobs.Put("jobs/a/checkpoint-000001", bytes).ok());
    const auto got = blobs.Get("jobs/a/checkpoint-000001");
    ASSERT_TRUE(got.ok()) << got.status();
    EXPECT_EQ(*got, bytes);
  }
  ASSERT_TRUE(blobs.Delete("jobs/a/checkpoint-000001").ok());
  EXPECT_TRUE(absl::IsNotFound(blobs.Get("jobs/a/checkpoint-000001").status()));
  EXPECT_TRUE(blobs.Delete("jobs/a/checkpoint-000001").ok());
}

TEST(BlobStoreTest, AFolderThatIsRemovedIsNoticedUntilItIsBack) {
  testing::TempFolder folder;
  const std::string in_use = folder.path() + "/blobs", aside = folder.path() + "/aside";
  BlobStore blobs(in_use, RealFileSystem());
  ASSERT_TRUE(blobs.CheckHealth().ok());
  ASSERT_TRUE(blobs.Put("jobs/a", "before").ok());
  std::filesystem::rename(in_use, aside);
  for (const absl::Status& status : {blobs.Put("jobs/b", "lost"), blobs.CheckHealth()}) {
    EXPECT_TRUE(absl::IsUnavailable(status)) << status;
    EXPECT_EQ(Reason(status), "BLOBS_GONE");
  }
  EXPECT_FALSE(std::filesystem::exists(in_use));
  std::filesystem::rename(aside, in_use);
  EXPECT_TRUE(blobs.CheckHealth().ok());
  EXPECT_TRUE(blobs.Put("jobs/b", "kept").ok());
  EXPECT_EQ(*blobs.Get("jobs/a"), "before");
}

TEST(BlobStoreTest, KeysThatLeadElsewhereAreRefused) {
  testing::TempFolder folder;
  BlobStore blobs(folder.path(), RealFileSystem());
  for (const std::string key : {"", "/", "/etc/x", "a/../b", "..", "a//b", "a/", ".hidden", "a/.b", "A", "a b", "a\\b", "ä", "a\n"}) {
    EXPECT_TRUE(absl::IsInvalidArgument(blobs.Put(key, "x"))) << key;
    EXPECT_TRUE(absl::IsInvalidArgument(blobs.Get(key).status())) << key;
    EXPECT_TRUE(absl::IsInvalidArgument(blobs.Delete(key))) << key;
  }
  EXPECT_TRUE(absl::IsInvalidArgument(blobs.Put(std::string(201, 'a'), "x")));
  EXPECT_TRUE(absl::IsInvalidArgument(blobs.DeleteTree("..")));
  EXPECT_TRUE(absl::IsInvalidArgument(blobs.Sweep("", {})));
}

// The bytes in pieces; the error in place of the rest, where there is one.
absl::Status ReadPieces(BlobStore& blobs, int64_t size, std::string& bytes) {
  bytes.clear();
  absl::StatusOr<BlobReader> reader = blobs.Open("k");
  if (!reader.ok()) return reader.status();
  while (true) {
    const absl::StatusOr<std::string> piece = reader->Read(size);
    if (!piece.ok() || piece->empty()) return piece.status();
    EXPECT_LE(static_cast<int64_t>(piece->size()), size);
    bytes += *piece;
  }
}

TEST(BlobStoreTest, IsReadInPiecesOfAnySize) {
  testing::TempFolder folder;
  BlobStore blobs(folder.path(), RealFileSystem());
  std::string read;
  EXPECT_TRUE(absl::IsNotFound(ReadPieces(blobs, 1, read)));
  for (const size_t size : {0, 1, 24, 100}) {
    const std::string bytes = RandomBytes(size, 7);
    ASSERT_TRUE(blobs.Put("k", bytes).ok());
    for (const int64_t piece : {1, 7, 24, 100, 1000}) {
      ASSERT_TRUE(ReadPieces(blobs, piece, read).ok());
      EXPECT_EQ(read, bytes) << size << " by " << piece;
    }
  }
}

TEST(BlobStoreTest, EveryDamagedByteIsNoticedInPiecesToo) {
  FaultingFileSystem files;
  BlobStore blobs("d", files);
  const std::string bytes = RandomBytes(40, 3);
  ASSERT_TRUE(blobs.Put("k", bytes).ok());
  std::string read;
  for (size_t offset = 0; offset < bytes.size() + 24; ++offset) {
    files.Damage("d/k", offset);
    EXPECT_TRUE(absl::IsDataLoss(ReadPieces(blobs, 16, read))) << offset;
    files.Damage("d/k", offset);
  }
  absl::StatusOr<BlobReader> reader = blobs.Open("k");
  ASSERT_TRUE(reader->Read(16).ok());
  files.Cut("d/k", 20);
  EXPECT_TRUE(absl::IsDataLoss(reader->Read(16).status()));
  EXPECT_TRUE(absl::IsDataLoss(ReadPieces(blobs, 16, read)));
}

TEST(BlobStoreTest, EveryDamagedByteIsNoticed) {
  FaultingFileSystem files;
  BlobStore blobs("d", files);
  const std::string bytes = RandomBytes(40, 3);
  ASSERT_TRUE(blobs.Put("k", bytes).ok());
  for (size_t offset = 0; offset < bytes.size() + 24; ++offset) {
    files.Damage("d/k", offset);
    EXPECT_TRUE(absl::IsDataLoss(blobs.Get("k").status())) << offset;
    files.Damage("d/k", offset);
  }
  EXPECT_TRUE(blobs.Get("k").ok());
  for (size_t size = 0; size < bytes.size() + 24; ++size) {
    ASSERT_TRUE(blobs.Put("k", bytes).ok());
    files.Cut("d/k", size);
    EXPECT_TRUE(absl::IsDataLoss(blobs.Get("k").status())) << size;
  }
}

TEST(BlobStoreTest, ACrashAtAnyStepOfAPutLeavesTheOldOrTheNew) {
  for (int steps = 0;; ++steps) {
    FaultingFileSystem files;
    BlobStore blobs("d", files);
    ASSERT_TRUE(blobs.Put("k", "old").ok());
    files.CrashAfter(steps);
    const bool acknowledged = blobs.Put("k", "new bytes").ok();
    const bool crashed = files.Restart();
    const auto got = blobs.Get("k");
    ASSERT_TRUE(got.ok()) << "crash before step " << steps << ": " << got.status();
    EXPECT_EQ(*got, acknowledged ? "new bytes" : "old");
    // What is left over is swept; the blob stays.
    ASSERT_TRUE(blobs.Put("x/y", "z").ok());
    ASSERT_TRUE(blobs.Sweep("x", {}).ok());
    EXPECT_TRUE(blobs.Get("k").ok());
    if (!crashed) break;
  }
}

TEST(BlobStoreTest, AFullDiskIsNamedAndLeavesTheOldBlob) {
  FaultingFileSystem files;
  BlobStore blobs("d", files);
  ASSERT_TRUE(blobs.Put("k", "old").ok());
  files.FailWrites(absl::ResourceExhaustedError("the disk is full"));
  EXPECT_TRUE(absl::IsResourceExhausted(blobs.Put("k", "new")));
  EXPECT_EQ(*blobs.Get("k"), "old");
  files.Heal();
  ASSERT_TRUE(blobs.Put("k", "new").ok());
  EXPECT_EQ(*blobs.Get("k"), "new");
}

TEST(BlobStoreTest, SweepKeepsWhatIsReferredToAndNothingElse) {
  testing::TempFolder folder;
  BlobStore blobs(folder.path(), RealFileSystem());
  for (const std::string key : {"jobs/a/c-1", "jobs/a/c-2", "jobs/ab/c-1", "jobs/b/c-1", "datasets/x"})
    ASSERT_TRUE(blobs.Put(key, key).ok());
  // Half a temporary file of a crash.
  ASSERT_TRUE(RealFileSystem().WriteFileDurably(folder.path() + "/jobs/a/c-3.tmp", "half").ok());
  ASSERT_TRUE(blobs.Sweep("jobs/", {"jobs/b/c-1", "jobs/a/c-2"}).ok());
  EXPECT_TRUE(blobs.Get("jobs/a/c-2").ok());
  EXPECT_TRUE(blobs.Get("jobs/b/c-1").ok());
  EXPECT_TRUE(blobs.Get("datasets/x").ok());
  EXPECT_THAT(*RealFileSystem().List(folder.path() + "/jobs/a"), ElementsAre("c-2"));
  EXPECT_TRUE(RealFileSystem().List(folder.path() + "/jobs/ab")->empty());
  EXPECT_TRUE(absl::IsNotFound(blobs.Get("jobs/ab/c-1").status()));
  ASSERT_TRUE(blobs.DeleteTree("jobs/b").ok());
  EXPECT_TRUE(absl::IsNotFound(blobs.Get("jobs/b/c-1").status()));
  EXPECT_TRUE(blobs.Sweep("nothing/here", {}).ok());
}

}  // namespace
}  // namespace sliceflow::store
