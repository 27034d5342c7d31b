// The public port when connections come in greater number than the daemon may have descriptors.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <httplib.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <iterator>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "tests/integration/client.h"
#include "tests/integration/processes.h"
#include "tests/integration/sockets.h"
#include "tests/support/temp_folder.h"

namespace sliceflow::testing {
namespace {

using ::testing::HasSubstr;

constexpr int kDescriptors = 192;

// Connections that never say a word.
class SilentConnections {
 public:
  SilentConnections(const std::string& address, int count) {
    for (int i = 0; i < count; ++i) files_.push_back(ConnectTcp(address));
  }
  ~SilentConnections() {
    for (const int file : files_) close(file);
  }

 private:
  std::vector<int> files_;
};

class ListenerTest : public ::testing::Test {
 protected:
  // With so few descriptors that it cannot raise the bound itself.
  void Start() {
    const std::string limit = absl::StrCat("ulimit -n ", kDescriptors, "; exec \"$@\"");
    daemon_ = std::make_unique<DaemonProcess>(folder_.path(), std::vector<std::string>{"--http", "127.0.0.1:0"}, /*wait=*/true,
                                              std::vector<std::string>{"sh", "-c", limit, "sh"});
    ASSERT_TRUE(daemon_->ok()) << daemon_->Log();
    http_ = std::make_unique<httplib::Client>("http://" + daemon_->http_address());
  }

  void WaitForReadiness(int status) {
    const absl::Time deadline = absl::Now() + kPatience;
    for (auto answer = http_->Get("/readyz"); !answer || answer->status != status; answer = http_->Get("/readyz")) {
      ASSERT_LT(absl::Now(), deadline) << (answer ? answer->body : "no answer") << daemon_->Log();
      absl::SleepFor(absl::Milliseconds(50));
    }
  }

  TempFolder folder_;
  std::unique_ptr<DaemonProcess> daemon_;
  std::unique_ptr<httplib::Client> http_;
};

// A client that speaks HTTP/2 by hand.
class PingingConnection {
 public:
  explicit PingingConnection(const std::string& address) : file_(ConnectTcp(address)) {
    const timeval patience{.tv_sec = absl::ToInt64Seconds(kPatience), .tv_usec = 0};
    EXPECT_EQ(setsockopt(file_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience), 0);
    Send(absl::StrCat("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", Frame(kSettings, "")));
  }
  ~PingingConnection() { close(file_); }

  void Ping(int times) {
    std::string pings;
    for (int i = 0; i < times; ++i) pings += Frame(kPing, "12345678");
    Send(pings);
  }
  // What the server says until it closes the connection, or until `words` come.
  std::string ReadUntil(const std::string& words) {
    char buffer[4096];
    while (heard_.find(words) == std::string::npos) {
      const ssize_t count = recv(file_, buffer, sizeof buffer, 0);
      if (count <= 0) break;
      heard_.append(buffer, static_cast<size_t>(count));
    }
    return heard_;
  }

  static constexpr char kSettings = 4, kPing = 6;
  // RFC 9113, section 4.1: length, type, flags, stream.
  static std::string Frame(char type, const std::string& payload, char flags = 0) {
    const char head[] = {0, 0, static_cast<char>(payload.size()), type, flags, 0, 0, 0, 0};
    return std::string(head, sizeof head) + payload;
  }

 private:
  void Send(const std::string& bytes) { EXPECT_EQ(send(file_, bytes.data(), bytes.size(), MSG_NOSIGNAL), std::ssize(bytes)); }

  int file_;
  std::string heard_;
};

TEST_F(ListenerTest, WhoPingsWithoutEndIsSentAwayAndNobodyElse) {
  Start();
  Client other(daemon_->address());
  other.Info();
  PingingConnection pinger(daemon_->address());
  const std::string answer = PingingConnection::Frame(PingingConnection::kPing, "12345678", /*flags=*/1);
  pinger.Ping(1);
  EXPECT_THAT(pinger.ReadUntil(answer), HasSubstr(answer));
  pinger.Ping(10);
  EXPECT_THAT(pinger.ReadUntil("too_many_pings"), HasSubstr("too_many_pings"));
  other.Info();
}

TEST_F(ListenerTest, MoreConnectionsThanDescriptorsEndNothingForGood) {
  Start();
  Client before(daemon_->address());
  const std::string name = before.Create(ParticlesJob()).name();
  const SilentConnections flood(daemon_->address(), 2 * kDescriptors);
  WaitForReadiness(503);
  EXPECT_THAT(http_->Get("/readyz")->body, HasSubstr("new connections are turned away"));
  EXPECT_EQ(before.WaitForEnd(name).state(), v1::Job::SUCCEEDED) << "who was connected before is served on";
  // The silent ones are still there on their side: the daemon has ended them.
  WaitForReadiness(200);
  Client after(daemon_->address());
  EXPECT_EQ(after.Get(name).state(), v1::Job::SUCCEEDED);
  EXPECT_EQ(daemon_->Terminate(), 0);
}

TEST_F(ListenerTest, TheBoundOnDescriptorsIsRaisedAsFarAsItMay) {
  if (!WorkersAreCaged()) GTEST_SKIP() << "a worker's own bound is its cage's";
  daemon_ = std::make_unique<DaemonProcess>(folder_.path(), std::vector<std::string>{}, /*wait=*/true,
                                            std::vector<std::string>{"sh", "-c", "ulimit -Sn 200; ulimit -Hn 512; exec \"$@\"", "sh"});
  ASSERT_TRUE(daemon_->ok()) << daemon_->Log();
  const auto limits = [](pid_t pid) { return RunCommand({"grep", "Max open files", absl::StrCat("/proc/", pid, "/limits")}).output; };
  EXPECT_THAT(limits(daemon_->pid()), ::testing::ContainsRegex("512 +512"));
  const pid_t worker = daemon_->WorkerPid("flow");
  const absl::Time deadline = absl::Now() + kPatience;
  while (limits(worker).find("256") == std::string::npos && absl::Now() < deadline) absl::SleepFor(absl::Milliseconds(50));
  EXPECT_THAT(limits(worker), ::testing::ContainsRegex("256 +256"));
}

}  // namespace
}  // namespace sliceflow::testing
