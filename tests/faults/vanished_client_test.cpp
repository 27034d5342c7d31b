// Clients that upload half a table and vanish, and a server that is killed meanwhile: nothing half done is seen, the place is given back,
// the upload goes on from where it was, and no file stays behind. SLICEFLOW_VANISHED_CLIENTS times.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/sha.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/time/clock.h"
#include "client/cpp/upload.h"
#include "tests/faults/reliability.h"
#include "tests/integration/client.h"
#include "tests/integration/processes.h"
#include "tests/support/temp_folder.h"

namespace sliceflow::testing {
namespace {

namespace fs = std::filesystem;

using ::testing::IsEmpty;
using ::testing::SizeIs;

const char kDaemon[] = SLICEFLOW_BIN_DIR "/sliceflowd";
const char kClient[] = SLICEFLOW_BIN_DIR "/sliceflow";
const char kHalfUploader[] = SLICEFLOW_BIN_DIR "/../tests/half_uploader";
constexpr int kRows = 1'000'000;  // of 2 bytes
constexpr char kSmall[] = "1,2\n3,4\n";
constexpr absl::Duration kPoll = absl::Milliseconds(1);

// A client of its own process. It dies with the test.
class Uploader {
 public:
  explicit Uploader(std::vector<std::string> command) {
    std::vector<char*> arguments;
    for (std::string& argument : command) arguments.push_back(argument.data());
    arguments.push_back(nullptr);
    pid_ = fork();
    if (pid_ != 0) return;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    execv(arguments[0], arguments.data());
    _exit(127);
  }
  ~Uploader() {
    if (pid_ <= 0) return;
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
  }
  Uploader(const Uploader&) = delete;
  Uploader& operator=(const Uploader&) = delete;

 private:
  pid_t pid_ = 0;
};

class VanishedClientTest : public ::testing::Test {
 protected:
  void Start() {
    client_.reset();
    daemon_.reset();
    daemon_ = std::make_unique<DaemonProcess>(data_.path());
    ASSERT_TRUE(daemon_->ok()) << daemon_->Log();
    client_ = std::make_unique<Client>(daemon_->address());
    datasets_ = v1::DatasetService::NewStub(client_->channel());
  }

  struct TableFile {
    std::string path;
    std::string sha256;
    int64_t bytes = 0;
  };

  // A file of numbers that no other has.
  TableFile Table(int number) {
    std::string rows = absl::StrCat(number, "\n");
    for (int i = 0; i < kRows; ++i) rows += static_cast<char>('0' + i % 10) + std::string("\n");
    std::string path = absl::StrCat(files_.path(), "/table-", number, ".csv");
    std::ofstream(path, std::ios::binary) << rows;
    unsigned char digest[SHA256_DIGEST_LENGTH];
    SHA256(reinterpret_cast<const unsigned char*>(rows.data()), rows.size(), digest);
    return {path, absl::BytesToHexString(absl::string_view(reinterpret_cast<const char*>(digest), sizeof digest)),
            static_cast<int64_t>(rows.size())};
  }

  // How much of an upload has arrived; 0 where nothing has.
  int64_t Arrived(const std::string& sha256) {
    grpc::ClientContext context;
    context.set_deadline(absl::ToChronoTime(absl::Now() + kPatience));
    v1::GetUploadRequest request;
    request.set_sha256(sha256);
    v1::Upload upload;
    return datasets_->GetUpload(&context, request, &upload).ok() ? upload.offset() : 0;
  }
  void WaitUntilArrived(const std::string& sha256, int64_t bytes) {
    const absl::Time deadline = absl::Now() + kPatience;
    while (Arrived(sha256) < bytes) {
      ASSERT_LT(absl::Now(), deadline) << daemon_->Log();
      absl::SleepFor(kPoll);
    }
  }

  std::vector<v1::Dataset> Datasets() {
    grpc::ClientContext context;
    context.set_deadline(absl::ToChronoTime(absl::Now() + kPatience));
    v1::ListDatasetsRequest request;
    request.set_page_size(1000);
    v1::ListDatasetsResponse response;
    EXPECT_TRUE(datasets_->ListDatasets(&context, request, &response).ok());
    return {response.datasets().begin(), response.datasets().end()};
  }
  // Uploads that are not finished, as files.
  std::vector<std::string> Parts() const {
    std::vector<std::string> names;
    std::error_code none;
    for (const auto& entry : fs::directory_iterator(data_.path() + "/uploads", none)) names.push_back(entry.path().filename().string());
    return names;
  }

  std::unique_ptr<Uploader> UploadHalf(const TableFile& table, const std::string& id) {
    return std::make_unique<Uploader>(std::vector<std::string>{kHalfUploader, daemon_->address(), table.path, id, table.sha256});
  }
  // Half a table arrives, and its client is gone.
  void Vanish(const TableFile& table, const std::string& id) {
    const auto uploader = UploadHalf(table, id);
    WaitUntilArrived(table.sha256, table.bytes / 2);
  }

  // The same upload by another client; what has arrived after its first piece.
  int64_t GoOn(const TableFile& table, const std::string& id) {
    int64_t first = -1;
    client::UploadOptions options{.path = table.path, .dataset_id = id, .on_progress = [&](int64_t sent, int64_t) {
                                    if (first < 0) first = sent;
                                  }};
    options.format.set_kind(v1::DatasetFormat::CSV);
    // For a moment the server may still be at what had arrived from the one that vanished.
    const absl::Time deadline = absl::Now() + kPatience;
    absl::StatusOr<v1::Dataset> dataset = absl::AbortedError("");
    while (absl::IsAborted(dataset.status()) && absl::Now() < deadline) {
      dataset = client::UploadFile(*datasets_, options, client::RetryPolicy(), kPatience);
    }
    EXPECT_TRUE(dataset.ok()) << dataset.status() << daemon_->Log();
    EXPECT_EQ(dataset.ok() ? dataset->rows() : 0, kRows + 1);
    return first;
  }

  TempFolder data_;
  TempFolder files_;
  std::unique_ptr<DaemonProcess> daemon_;
  std::unique_ptr<Client> client_;
  std::unique_ptr<v1::DatasetService::Stub> datasets_;
};

TEST_F(VanishedClientTest, NothingHalfDoneIsSeenAndTheUploadGoesOnFromWhereItWas) {
  const int tries = Tries("SLICEFLOW_VANISHED_CLIENTS", 10);
  Start();
  for (int i = 0; i < tries; ++i) {
    SCOPED_TRACE(absl::StrCat("client ", i));
    const TableFile table = Table(i);
    const std::string id = absl::StrCat("table-", i);
    Vanish(table, id);
    EXPECT_EQ(Arrived(table.sha256), table.bytes / 2);
    EXPECT_THAT(Datasets(), SizeIs(i)) << "half a table is seen";
    EXPECT_THAT(Parts(), SizeIs(1));
    EXPECT_GT(GoOn(table, id), table.bytes / 2) << "it began anew";
    EXPECT_THAT(Datasets(), SizeIs(i + 1));
    EXPECT_THAT(Parts(), IsEmpty()) << "the room of the upload";
    fs::remove(table.path);
  }
  WriteFaultRecord("vanished_client", {.fault = "kill -9 of a client in the middle of an upload",
                                       .tries = tries,
                                       .note = "nothing half done is seen; goes on from where it was"});
}

// As many as one owner may have under way at once.
TEST_F(VanishedClientTest, PlacesOfClientsThatVanishedAreFreeAtOnce) {
  constexpr int kMany = 8;
  constexpr absl::Duration kSoon = absl::Seconds(10);  // well before a silent stream's place is given away, after 30 s
  Start();
  std::vector<TableFile> tables;
  for (int i = 0; i < kMany; ++i) tables.push_back(Table(i));
  {
    std::vector<std::unique_ptr<Uploader>> uploaders;
    for (const TableFile& table : tables) uploaders.push_back(UploadHalf(table, absl::StrCat("table-", uploaders.size())));
    for (const TableFile& table : tables) WaitUntilArrived(table.sha256, table.bytes / 2);
    EXPECT_EQ(client_->Upload("small", kSmall).error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED) << "all places are taken";
  }
  const absl::Time deadline = absl::Now() + kSoon;
  grpc::Status small = client_->Upload("small", kSmall);
  while (!small.ok() && absl::Now() < deadline) small = client_->Upload("small", kSmall);
  EXPECT_TRUE(small.ok()) << small.error_message();
}

// What nobody goes on with takes no room for ever.
TEST_F(VanishedClientTest, WhatNobodyGoesOnWithIsRemovedAfterADay) {
  Start();
  const TableFile table = Table(0);
  Vanish(table, "table");
  ASSERT_THAT(Parts(), SizeIs(1));
  daemon_->Kill();
  const fs::path part = data_.path() + "/uploads/" + Parts()[0];
  fs::last_write_time(part, fs::last_write_time(part) - std::chrono::hours(25));
  Start();
  const absl::Time deadline = absl::Now() + kPatience;
  while (!Parts().empty() && absl::Now() < deadline) absl::SleepFor(kPoll);
  EXPECT_THAT(Parts(), IsEmpty());
  EXPECT_LE(GoOn(table, "table"), table.bytes / 2) << "it goes on with what is not there";
}

TEST_F(VanishedClientTest, ADaemonThatIsKilledMeanwhileLeavesNoFileBehind) {
  const int tries = Tries("SLICEFLOW_VANISHED_CLIENTS", 5);
  Start();
  for (int i = 0; i < tries; ++i) {
    SCOPED_TRACE(absl::StrCat("try ", i));
    const TableFile table = Table(i);
    const std::string id = absl::StrCat("table-", i);
    const auto uploader = UploadHalf(table, id);
    WaitUntilArrived(table.sha256, table.bytes / 2);
    daemon_->Kill();
    Start();
    EXPECT_EQ(Arrived(table.sha256), table.bytes / 2) << "what had arrived was durable";
    EXPECT_THAT(Datasets(), SizeIs(i)) << "half a table is seen";
    const CommandResult again = RunCommand({kClient, "--server", daemon_->address(), "upload", table.path, "--id", id});
    EXPECT_EQ(again.exit_code, 0) << again.output << daemon_->Log();
    EXPECT_THAT(Datasets(), SizeIs(i + 1));
    EXPECT_THAT(Parts(), IsEmpty());
    fs::remove(table.path);
  }
  const CommandResult check = RunCommand({kDaemon, "check", "--data-dir", data_.path()});
  EXPECT_EQ(check.exit_code, 0) << check.output;
  WriteFaultRecord("upload_daemon_killed", {.fault = "kill -9 of the daemon in the middle of an upload",
                                            .tries = tries,
                                            .note = "what had arrived is there; no file stays behind"});
}

}  // namespace
}  // namespace sliceflow::testing
