#include "server/api/audit_log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/clock.h"
#include "tests/support/faulting_filesystem.h"
#include "tests/support/patience.h"

namespace sliceflow::api {
namespace {

using sliceflow::testing::kPatience;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;

constexpr char kPath[] = "folder/audit.jsonl";

AuditEntry Entry(const std::string& resource) {
  return {
      .time = absl::FromUnixSeconds(2'000'000'000), .owner = "ada", .method = "JobService.CancelJob", .resource = resource, .code = "OK"};
}

std::vector<std::string> Lines(testing::FaultingFileSystem& files, const std::string& path) {
  const absl::StatusOr<std::string> text = files.ReadFile(path);
  return text.ok() ? absl::StrSplit(*text, '\n', absl::SkipEmpty()) : std::vector<std::string>();
}

TEST(AuditLogTest, LinesAreJsonWhateverIsInThem) {
  testing::FaultingFileSystem files;
  AuditLog(files, kPath, {}, nullptr).Write(Entry("jobs/\"\\\n\x1b[31m ü"));
  EXPECT_THAT(Lines(files, kPath), ElementsAre(R"({"time":"2033-05-18T03:33:20.000000Z","owner":"ada","method":"JobService.CancelJob",)"
                                               R"("resource":"jobs/\"\\\u000a\u001b[31m ü","code":"OK"})"));
}

TEST(AuditLogTest, GoesOnWhereItEnded) {
  testing::FaultingFileSystem files;
  for (int round = 0; round < 3; ++round) AuditLog(files, kPath, {}, nullptr).Write(Entry(absl::StrCat("jobs/", round)));
  const std::vector<std::string> lines = Lines(files, kPath);
  ASSERT_THAT(lines, SizeIs(3));
  for (int round = 0; round < 3; ++round) EXPECT_THAT(lines[round], HasSubstr(absl::StrCat("jobs/", round, "\"")));
}

TEST(AuditLogTest, FilesAreBoundedInSizeAndNumber) {
  testing::FaultingFileSystem files;
  const AuditOptions options{.max_file_bytes = 300, .max_files = 3};  // two lines a file
  for (int i = 0; i < 20; ++i) AuditLog(files, kPath, options, nullptr).Write(Entry(absl::StrCat("jobs/", i)));
  std::vector<std::string> lines;
  for (const char* suffix : {".8", ".9", ""}) {
    const std::vector<std::string> more = Lines(files, absl::StrCat(kPath, suffix));
    EXPECT_THAT(more, SizeIs(2)) << suffix;
    lines.insert(lines.end(), more.begin(), more.end());
  }
  EXPECT_THAT(files.Paths(), SizeIs(3));
  ASSERT_THAT(lines, SizeIs(6));
  for (int i = 0; i < 6; ++i) EXPECT_THAT(lines[i], HasSubstr(absl::StrCat("jobs/", 14 + i, "\"")));
}

TEST(AuditLogTest, AFullDiskIsToldAndWhatCameMeanwhileIsWrittenLater) {
  testing::FaultingFileSystem files;
  absl::Mutex mutex;
  std::vector<absl::StatusCode> told;
  {
    AuditLog log(files, kPath, {}, [&](const absl::Status& status) {
      const absl::MutexLock lock(&mutex);
      told.push_back(status.code());
    });
    files.FailWrites(absl::ResourceExhaustedError("the disk is full"));
    log.Write(Entry("jobs/1"));
    {
      const absl::MutexLock lock(&mutex);
      const auto failed = [&] { return !told.empty(); };
      ASSERT_TRUE(mutex.AwaitWithTimeout(absl::Condition(&failed), kPatience));
    }
    log.Write(Entry("jobs/2"));
    files.Heal();
    const absl::MutexLock lock(&mutex);
    const auto healed = [&] { return told.size() == 2; };
    ASSERT_TRUE(mutex.AwaitWithTimeout(absl::Condition(&healed), kPatience));
  }
  EXPECT_THAT(told, ElementsAre(absl::StatusCode::kResourceExhausted, absl::StatusCode::kOk));
  EXPECT_THAT(Lines(files, kPath), SizeIs(2));
}

// However long the disk takes nothing: what had no room is one count, told once.
TEST(AuditLogTest, WhatIsLostIsToldInOneLine) {
  testing::FaultingFileSystem files;
  absl::Mutex mutex;
  absl::Status last;
  AuditLog log(files, kPath, {}, [&](const absl::Status& status) {
    const absl::MutexLock lock(&mutex);
    last = status;
  });
  const auto wait_for = [&](absl::StatusCode code) {
    const auto told = [&] { return last.code() == code; };
    const absl::MutexLock lock(&mutex);
    return mutex.AwaitWithTimeout(absl::Condition(&told), kPatience);
  };
  files.FailWrites(absl::ResourceExhaustedError("the disk is full"));
  log.Write(Entry("jobs/first"));
  ASSERT_TRUE(wait_for(absl::StatusCode::kResourceExhausted));
  for (size_t i = 0; i < AuditLog::kMostWaiting + 10; ++i) log.Write(Entry("jobs/more"));
  files.FailWrites(absl::UnavailableError("the disk is gone"));  // is told at the next try
  ASSERT_TRUE(wait_for(absl::StatusCode::kUnavailable));
  for (int i = 0; i < 5; ++i) log.Write(Entry("jobs/more"));
  files.FailWrites(absl::ResourceExhaustedError("the disk is full"));
  ASSERT_TRUE(wait_for(absl::StatusCode::kResourceExhausted));
  files.Heal();
  ASSERT_TRUE(wait_for(absl::StatusCode::kOk));
  const absl::Time deadline = absl::Now() + kPatience;
  while (Lines(files, kPath).size() < AuditLog::kMostWaiting + 2 && absl::Now() < deadline) absl::SleepFor(absl::Milliseconds(20));
  const std::vector<std::string> lines = Lines(files, kPath);
  ASSERT_THAT(lines, SizeIs(AuditLog::kMostWaiting + 2));
  EXPECT_THAT(lines.back(), HasSubstr("\"lost\":\"15\""));
}

TEST(AuditLogTest, AFileThatIsTakenAwayBeginsAnew) {
  testing::FaultingFileSystem files;
  {
    AuditLog log(files, kPath, {}, nullptr);
    log.Write(Entry("jobs/1"));
    const absl::Time deadline = absl::Now() + kPatience;
    while (Lines(files, kPath).empty() && absl::Now() < deadline) absl::SleepFor(absl::Milliseconds(5));
    ASSERT_TRUE(files.Remove(kPath).ok());
    log.Write(Entry("jobs/2"));
  }
  const std::vector<std::string> lines = Lines(files, kPath);
  ASSERT_THAT(lines, SizeIs(1));
  EXPECT_EQ(lines[0].front(), '{');
  EXPECT_THAT(lines[0], HasSubstr("jobs/2"));
}

}  // namespace
}  // namespace sliceflow::api
