// Random bytes on every port, raw, behind the preface of HTTP/2 and as requests of HTTP/1, and clients that never end: the daemon goes on
// serving, and keeps neither memory nor descriptors.
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <fstream>
#include <random>
#include <string>
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

constexpr char kPreface[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
constexpr char kSettings[] = "\0\0\0\4\0\0\0\0\0";
constexpr size_t kMostBytes = 64 << 10;

int ConnectUnix(const std::string& path) {
  sockaddr_un to{};
  to.sun_family = AF_UNIX;
  path.copy(to.sun_path, sizeof to.sun_path - 1);
  const int file = socket(AF_UNIX, SOCK_STREAM, 0);
  EXPECT_EQ(connect(file, reinterpret_cast<const sockaddr*>(&to), sizeof to), 0) << path;
  return file;
}

// Half of the time behind what makes it look like HTTP/2, and then with headings of frames that are right in themselves.
std::string RandomBytes(std::mt19937_64& random) {
  std::string bytes;
  const bool framed = random() % 2 == 0;
  if (framed) bytes = std::string(kPreface, sizeof kPreface - 1) + std::string(kSettings, sizeof kSettings - 1);
  const size_t size = bytes.size() + random() % kMostBytes;
  while (bytes.size() < size) {
    std::string frame;
    for (uint64_t i = random() % 512; i > 0; --i) frame.push_back(static_cast<char>(random()));
    if (framed) {
      const char heading[] = {0,
                              static_cast<char>(frame.size() >> 8),
                              static_cast<char>(frame.size()),
                              static_cast<char>(random() % 11),
                              static_cast<char>(random()),
                              0,
                              0,
                              0,
                              static_cast<char>(random() % 8)};
      bytes.append(heading, sizeof heading);
    }
    bytes += frame;
  }
  return bytes;
}

void Throw(int file, const std::string& bytes) {
  (void)send(file, bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
  close(file);
}

TEST(RandomBytesTest, OnThePortsOfClientsAndWorkersChangeNothing) {
  const int tries = Tries("SLICEFLOW_RANDOM_BYTES", 300);
  TempFolder folder;
  DaemonProcess daemon(folder.path());
  ASSERT_TRUE(daemon.ok()) << daemon.Log();
  Client client(daemon.address());
  ASSERT_NE(daemon.WorkerPid("flow"), 0);
  std::string socket_folder;
  std::ifstream(folder.path() + "/worker_socket") >> socket_folder;
  const std::string socket_path = socket_folder + "/worker.sock";
  std::mt19937_64 random(1);
  for (int i = 0; i < tries; ++i) {
    Throw(ConnectTcp(daemon.address()), RandomBytes(random));
    Throw(ConnectUnix(socket_path), RandomBytes(random));
  }
  const v1::Job job = client.WaitForEnd(client.Create(ParticlesJob()).name());
  EXPECT_EQ(job.state(), v1::Job::SUCCEEDED) << daemon.Log();
  EXPECT_EQ(job.progress().assignments(), 1) << "the worker lost its stream";
  EXPECT_EQ(daemon.Terminate(), 0);
  WriteFaultRecord(
      "random_bytes",
      {.fault = "random bytes on the ports of clients and workers", .tries = 2 * tries, .note = "the daemon and its worker go on"});
}

// ---- the HTTP port ---------------------------------------------------------------------------------------------------------------

constexpr char kRequest[] = "GET /healthz HTTP/1.1\r\n";
constexpr size_t kOversized = 256 << 10;   // a head of four times what is read
constexpr int kSlow = 20;                  // clients at once, more than twice as many as are served
constexpr int64_t kMostGrowth = 16 << 20;  // bytes of memory

// A third is anything, a third begins as a request does, a third has a head without end.
std::string RandomRequest(std::mt19937_64& random) {
  const uint64_t kind = random() % 3;
  if (kind == 2) return absl::StrCat(kRequest, "X-Long: ", std::string(kOversized, 'x'));
  std::string bytes = kind == 0 ? "" : kRequest;
  for (uint64_t i = random() % 4096; i > 0; --i) bytes.push_back(static_cast<char>(random()));
  return bytes;
}

bool IsAlive(const std::string& address) { return HttpStatus(address, "/healthz") == 200; }

// Clients that send a request byte by byte and never end it.
class SlowClients {
 public:
  explicit SlowClients(const std::string& address) {
    for (int i = 0; i < kSlow; ++i) files_.push_back(ConnectTcp(address));
    for (const int file : files_) (void)send(file, kRequest, sizeof kRequest - 1, MSG_NOSIGNAL | MSG_DONTWAIT);
  }
  ~SlowClients() {
    for (const int file : files_) close(file);
  }

  // Goes on until the server has closed all of them; false when it does not.
  bool SendUntilCut() {
    const absl::Time deadline = absl::Now() + kPatience;
    std::vector<int> open = files_;
    while (!open.empty() && absl::Now() < deadline) {
      std::erase_if(open, [](int file) { return send(file, "x", 1, MSG_NOSIGNAL | MSG_DONTWAIT) < 0 && errno != EAGAIN; });
      absl::SleepFor(absl::Milliseconds(100));
    }
    return open.empty();
  }

 private:
  std::vector<int> files_;
};

TEST(RandomBytesTest, OnTheHttpPortChangeNothing) {
  const int tries = Tries("SLICEFLOW_RANDOM_BYTES", 300);
  TempFolder folder;
  DaemonProcess daemon(folder.path(), {"--http", "127.0.0.1:0"});
  ASSERT_TRUE(daemon.ok()) << daemon.Log();
  const std::string& address = daemon.http_address();
  ASSERT_NE(daemon.WorkerPid("flow"), 0);
  ASSERT_NE(daemon.WorkerPid("query"), 0);
  Client client(daemon.address());
  ASSERT_EQ(client.WaitForEnd(client.Create(ParticlesJob()).name()).state(), v1::Job::SUCCEEDED) << daemon.Log();
  std::mt19937_64 random(1);
  const auto throw_bytes = [&] {
    for (int i = 0; i < tries; ++i) Throw(ConnectTcp(address), RandomRequest(random));
    return IsAlive(address);
  };
  ASSERT_TRUE(throw_bytes()) << "before anything is measured: " << daemon.Log();
  const int files = OpenFiles(daemon.pid());
  const int64_t bytes = ResidentBytes(daemon.pid());

  EXPECT_TRUE(throw_bytes()) << daemon.Log();
  SlowClients slow(address);
  EXPECT_TRUE(IsAlive(address)) << "slow clients keep the others out";
  EXPECT_TRUE(slow.SendUntilCut()) << "a request may take for ever";
  EXPECT_TRUE(IsAlive(address));
  const absl::Time deadline = absl::Now() + kPatience;
  while (OpenFiles(daemon.pid()) > files && absl::Now() < deadline) absl::SleepFor(absl::Milliseconds(50));
  EXPECT_LE(OpenFiles(daemon.pid()), files) << "descriptors were left";
  EXPECT_LE(ResidentBytes(daemon.pid()), bytes + kMostGrowth) << "memory was left";
  EXPECT_EQ(client.WaitForEnd(client.Create(ParticlesJob()).name()).state(), v1::Job::SUCCEEDED) << daemon.Log();
  EXPECT_EQ(daemon.Terminate(), 0);
  WriteFaultRecord("random_bytes_http", {.fault = "random bytes, endless heads and slow clients on the HTTP port",
                                         .tries = 2 * tries + kSlow,
                                         .note = "it answers; no memory, no descriptors left"});
}

}  // namespace
}  // namespace sliceflow::testing
