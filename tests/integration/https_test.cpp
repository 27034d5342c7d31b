// The HTTP port with TLS: the same pages and calls as without, certificates renewed while it runs, and clients that read nothing.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <httplib.h>
#include <unistd.h>

#include <thread>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "client/cpp/channel.h"
#include "tests/integration/certificates.h"
#include "tests/integration/client.h"
#include "tests/integration/processes.h"
#include "tests/integration/sockets.h"
#include "tests/support/temp_folder.h"

namespace sliceflow::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

constexpr char kDaemon[] = SLICEFLOW_BIN_DIR "/sliceflowd";
constexpr char kServerInfo[] = "/sliceflow.v1.ServerService/GetServerInfo";
constexpr char kJson[] = "application/json";

class HttpsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    certificates_.MakeAuthority("authority");
    certificates_.Make("first", "authority");
    certificates_.Install("first");
  }

  void Start(const std::vector<std::string>& more = {}) {
    std::vector<std::string> flags = certificates_.Flags();
    flags.insert(flags.end(), {"--http", "127.0.0.1:0", "--http-tls", "on"});
    flags.insert(flags.end(), more.begin(), more.end());
    daemon_ = std::make_unique<DaemonProcess>(data_.path(), flags);
    ASSERT_TRUE(daemon_->ok()) << daemon_->Log();
    const std::string address = daemon_->http_address();
    ASSERT_TRUE(absl::SimpleAtoi(address.substr(address.find(':') + 1), &port_)) << address;
  }

  // Over a connection of its own, by somebody who trusts one authority and may have a certificate.
  std::unique_ptr<httplib::SSLClient> Browser(const std::string& trusted = "authority", const std::string& own = "") const {
    auto browser = own.empty() ? std::make_unique<httplib::SSLClient>("127.0.0.1", port_)
                               : std::make_unique<httplib::SSLClient>("127.0.0.1", port_, certificates_.Path(own + ".pem"),
                                                                      certificates_.Path(own + ".key"));
    browser->set_ca_cert_path(certificates_.Path(trusted + ".pem").c_str());
    browser->enable_server_certificate_verification(true);
    browser->set_read_timeout(absl::ToInt64Seconds(kPatience));
    return browser;
  }

  TempFolder folder_;
  TempFolder data_;
  const Certificates certificates_{folder_.path()};
  std::unique_ptr<DaemonProcess> daemon_;
  int port_ = 0;
};

TEST_F(HttpsTest, PagesAndCallsAreThoseOfThePlainPort) {
  Start();
  const auto alive = Browser()->Get("/healthz");
  ASSERT_TRUE(alive) << to_string(alive.error());
  EXPECT_EQ(alive->body, "{\"alive\": true}\n");
  const auto info = Browser()->Post(kServerInfo, "{}", kJson);
  ASSERT_TRUE(info) << to_string(info.error());
  EXPECT_EQ(info->status, 200);
  EXPECT_THAT(info->body, HasSubstr("\"version\""));
  const auto metrics = Browser()->Get("/metrics");  // longer than one record of TLS
  ASSERT_TRUE(metrics);
  EXPECT_THAT(metrics->body, HasSubstr("sliceflow_ready 1\n"));
}

TEST_F(HttpsTest, WhoSpeaksPlainHttpIsToldSo) {
  Start();
  httplib::Client plain("127.0.0.1", port_);
  const auto answer = plain.Get("/healthz");
  ASSERT_TRUE(answer) << to_string(answer.error());
  EXPECT_EQ(answer->status, 400);
  EXPECT_THAT(answer->body, HasSubstr("HTTPS"));
}

TEST_F(HttpsTest, RenewedCertificatesAreUsedWithoutARestart) {
  certificates_.MakeAuthority("new");
  certificates_.Make("second", "new");
  Start();
  EXPECT_TRUE(Browser("authority")->Get("/healthz"));
  EXPECT_FALSE(Browser("new")->Get("/healthz"));
  certificates_.Install("second");
  const absl::Time deadline = absl::Now() + kPatience;
  while (!Browser("new")->Get("/healthz") && absl::Now() < deadline) absl::SleepFor(absl::Milliseconds(50));
  EXPECT_TRUE(Browser("new")->Get("/healthz"));
  EXPECT_FALSE(Browser("authority")->Get("/healthz"));
}

TEST_F(HttpsTest, WithAClientAuthorityCallsNeedACertificateOfItAndProbesDoNot) {
  certificates_.MakeAuthority("other");
  certificates_.Make("ada", "authority");
  certificates_.Make("eve", "other");
  Start({"--tls-client-ca", certificates_.Path("authority.pem")});
  EXPECT_TRUE(Browser()->Get("/healthz"));
  const auto nobody = Browser()->Post(kServerInfo, "{}", kJson);
  ASSERT_TRUE(nobody);
  EXPECT_EQ(nobody->status, 401);
  EXPECT_THAT(nobody->body, HasSubstr("certificate"));
  const auto ada = Browser("authority", "ada")->Post(kServerInfo, "{}", kJson);
  ASSERT_TRUE(ada) << to_string(ada.error());
  EXPECT_EQ(ada->status, 200) << ada->body;
  EXPECT_FALSE(Browser("authority", "eve")->Post(kServerInfo, "{}", kJson)) << "a certificate of somebody else's authority";
}

TEST_F(HttpsTest, ConnectionsThatDoNotSpeakKeepNobodyOut) {
  Start();
  std::vector<int> mute;
  for (int i = 0; i < 600; ++i) mute.push_back(ConnectTcp(daemon_->http_address()));
  const auto alive = Browser()->Get("/healthz");
  EXPECT_TRUE(alive) << to_string(alive.error());
  for (const int socket : mute) close(socket);
}

// Sessions are not taken up again, so with certificates of clients each connection shows its own.
TEST_F(HttpsTest, ClientsOfTls12ComeAgain) {
  Start({"--tls-client-ca", certificates_.Path("authority.pem")});
  const CommandResult result = RunCommand({"openssl", "s_client", "-tls1_2", "-reconnect", "-CAfile", certificates_.Path("authority.pem"),
                                           "-connect", daemon_->http_address(), "-no_ign_eof"});
  EXPECT_THAT(result.output, HasSubstr("Verify return code: 0 (ok)"));
  EXPECT_THAT(result.output, Not(HasSubstr("alert")));
  EXPECT_THAT(result.output, Not(HasSubstr("Reused")));
}

// Also an answer that is longer than all buffers between, of which nothing is lost when the server has said it all and closes.
TEST_F(HttpsTest, ALongAnswerComesWhole) {
  Start();
  Client client(client::OpenChannel(daemon_->address(), {.ca_file = certificates_.Path("authority.pem")}).value());
  v1::Job job = RealNvpJob();
  job.mutable_spec()->mutable_schedule()->set_num_steps(1);
  const std::string name = client.Create(job).name();
  client.WaitForStep(name, 1);
  constexpr int kRows = 200'000;
  std::string body = absl::StrCat("{\"name\": \"", name, "\", \"step\": 1, \"count\": ", kRows, ", \"seed\": 1}");
  std::string frame(1, '\0');
  for (const int shift : {24, 16, 8, 0}) frame.push_back(static_cast<char>(body.size() >> shift));
  const auto answer = Browser()->Post("/sliceflow.v1.JobService/SampleJob", frame + body, "application/connect+json");
  ASSERT_TRUE(answer) << to_string(answer.error());
  EXPECT_GT(answer->body.size(), size_t{kRows} * 2 * 4);
  EXPECT_THAT(answer->body.substr(answer->body.size() - 7), HasSubstr("{}")) << "the end of the stream, without an error";
}

TEST_F(HttpsTest, BeyondThisMachineOnlyWithTlsAndTokens) {
  const auto check = [&](std::vector<std::string> flags) {
    flags.insert(flags.begin(), {kDaemon, "--data-dir", data_.path(), "--http", "0.0.0.0:0"});
    flags.insert(flags.end(), {"config", "check"});
    return RunCommand(flags);
  };
  const auto with_tls = [&](std::vector<std::string> flags) {
    const std::vector<std::string> tls = certificates_.Flags();
    flags.insert(flags.end(), tls.begin(), tls.end());
    return check(flags);
  };
  EXPECT_THAT(check({}).output, HasSubstr("http: 0.0.0.0:0: without TLS (--tls-cert, --tls-key) and --authentication tokens"));
  EXPECT_THAT(with_tls({}).output, HasSubstr("http: 0.0.0.0:0: without --authentication tokens"));
  EXPECT_THAT(with_tls({"--authentication", "tokens", "--http-tls", "off"}).output, HasSubstr("http: 0.0.0.0:0: without TLS"));
  EXPECT_EQ(with_tls({"--authentication", "tokens"}).exit_code, 0);
  EXPECT_EQ(check({"--insecure"}).exit_code, 0);
  EXPECT_THAT(check({"--insecure", "--http-tls", "on"}).output, HasSubstr("http_tls: on takes a certificate"));
}

}  // namespace
}  // namespace sliceflow::testing
