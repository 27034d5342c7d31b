// The daemon's encrypted port: certificates made here, replaced while it runs, and everything that must not get in.
#include <gmock/gmock.h>
#include <google/protobuf/struct.pb.h>
#include <google/protobuf/util/json_util.h>
#include <gtest/gtest.h>
#include <httplib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/time/clock.h"
#include "client/cpp/channel.h"
#include "common/grpc_status.h"
#include "tests/integration/certificates.h"
#include "tests/integration/client.h"
#include "tests/integration/processes.h"
#include "tests/integration/sockets.h"
#include "tests/support/temp_folder.h"

namespace sliceflow::testing {
namespace {

using ::testing::HasSubstr;

const char kDaemon[] = SLICEFLOW_BIN_DIR "/sliceflowd";

class TlsTest : public ::testing::Test {
 protected:
  // Over a connection of its own.
  absl::Status Call(const DaemonProcess& daemon, const client::ChannelOptions& options) {
    const auto channel = client::OpenChannel(daemon.address(), options);
    if (!channel.ok()) return channel.status();
    grpc::ClientContext context;
    context.set_deadline(absl::ToChronoTime(absl::Now() + kPatience));
    v1::ServerInfo info;
    return FromGrpcStatus(v1::ServerService::NewStub(*channel)->GetServerInfo(&context, {}, &info));
  }

  TempFolder folder_;
  TempFolder data_;
  const Certificates certificates_{folder_.path()};
};

TEST_F(TlsTest, RenewedCertificatesAreUsedWithoutARestart) {
  certificates_.MakeAuthority("old");
  certificates_.MakeAuthority("new");
  certificates_.Make("first", "old");
  certificates_.Make("second", "new");
  certificates_.Install("first");
  DaemonProcess daemon(data_.path(), certificates_.Flags());
  ASSERT_TRUE(daemon.ok()) << daemon.Log();
  const client::ChannelOptions trusts_old{.ca_file = certificates_.Path("old.pem")}, trusts_new{.ca_file = certificates_.Path("new.pem")};
  EXPECT_TRUE(Call(daemon, trusts_old).ok()) << Call(daemon, trusts_old);
  EXPECT_TRUE(absl::IsUnavailable(Call(daemon, trusts_new)));
  EXPECT_TRUE(absl::IsUnavailable(Call(daemon, {})));  // in the clear

  Client connected(client::OpenChannel(daemon.address(), trusts_old).value());
  connected.Info();
  certificates_.Install("second");
  const absl::Time deadline = absl::Now() + kPatience;
  while (!Call(daemon, trusts_new).ok() && absl::Now() < deadline) continue;
  EXPECT_TRUE(Call(daemon, trusts_new).ok());
  EXPECT_TRUE(absl::IsUnavailable(Call(daemon, trusts_old)));
  connected.Info();  // the connection of before goes on
}

// gRPC complains of handshakes by itself.
TEST_F(TlsTest, WhatTheLibrarySaysOfABadHandshakeIsALineLikeAnyOther) {
  certificates_.MakeAuthority("old");
  certificates_.Make("first", "old");
  certificates_.Install("first");
  std::vector<std::string> flags = certificates_.Flags();
  flags.insert(flags.end(), {"--log-format", "json"});
  DaemonProcess daemon(data_.path(), flags);
  ASSERT_TRUE(daemon.ok()) << daemon.Log();
  EXPECT_TRUE(absl::IsUnavailable(Call(daemon, {})));
  EXPECT_EQ(daemon.Terminate(), 0);
  EXPECT_THAT(daemon.Log(), HasSubstr("Handshake failed"));
  for (const std::string& line : std::vector<std::string>(absl::StrSplit(daemon.Log(), '\n', absl::SkipEmpty()))) {
    google::protobuf::Struct fields;
    EXPECT_TRUE(google::protobuf::util::JsonStringToMessage(line, &fields).ok()) << line;
  }
}

// Whoever reaches the port brings them about.
TEST_F(TlsTest, BadHandshakesDoNotFillTheLog) {
  certificates_.MakeAuthority("old");
  certificates_.Make("first", "old");
  certificates_.Install("first");
  DaemonProcess daemon(data_.path(), certificates_.Flags());
  ASSERT_TRUE(daemon.ok()) << daemon.Log();
  for (int i = 0; i < 60; ++i) {
    const int stranger = ConnectTcp(daemon.address());
    ASSERT_GE(stranger, 0);
    EXPECT_EQ(send(stranger, "no handshake\n", 13, MSG_NOSIGNAL), 13);
    char byte = 0;
    while (recv(stranger, &byte, 1, 0) > 0) continue;  // until the daemon has ended it
    close(stranger);
  }
  EXPECT_EQ(daemon.Terminate(), 0);
  EXPECT_THAT(daemon.Log(), HasSubstr("10 lines of this source left out in this minute"));
  const std::vector<std::string> lines = absl::StrSplit(daemon.Log(), "Handshake failed");
  EXPECT_LE(lines.size(), 31U) << "ten of each of two places, and some more of a second minute";
}

TEST_F(TlsTest, ABadRenewalLeavesTheOldCertificateInUse) {
  certificates_.MakeAuthority("old");
  certificates_.MakeAuthority("new");
  certificates_.Make("first", "old");
  certificates_.Make("second", "new");
  certificates_.Install("first");
  std::vector<std::string> flags = certificates_.Flags();
  flags.insert(flags.end(), {"--http", "127.0.0.1:0"});
  DaemonProcess daemon(data_.path(), flags);
  ASSERT_TRUE(daemon.ok()) << daemon.Log();
  const auto wait_for = [&](const std::string& words) {
    const absl::Time deadline = absl::Now() + kPatience;
    while (daemon.Log().find(words) == std::string::npos && absl::Now() < deadline) absl::SleepFor(absl::Milliseconds(20));
    EXPECT_THAT(daemon.Log(), HasSubstr(words));
  };
  // Only half of it, and then none at all.
  std::filesystem::copy_file(certificates_.Path("second.key"), certificates_.Path("half.key"));
  std::filesystem::rename(certificates_.Path("half.key"), certificates_.Path("server.key"));
  wait_for("server.key is not the key of the certificate in");
  EXPECT_TRUE(Call(daemon, {.ca_file = certificates_.Path("old.pem")}).ok()) << Call(daemon, {.ca_file = certificates_.Path("old.pem")});
  std::filesystem::remove(certificates_.Path("server.key"));
  EXPECT_TRUE(Call(daemon, {.ca_file = certificates_.Path("old.pem")}).ok()) << Call(daemon, {.ca_file = certificates_.Path("old.pem")});
  certificates_.Install("second");
  wait_for("took a renewed");
  wait_for("the files of TLS are in order");
  const absl::Time deadline = absl::Now() + kPatience;
  while (!Call(daemon, {.ca_file = certificates_.Path("new.pem")}).ok() && absl::Now() < deadline) continue;
  EXPECT_TRUE(Call(daemon, {.ca_file = certificates_.Path("new.pem")}).ok());

  const std::string metrics = httplib::Client("http://" + daemon.http_address()).Get("/metrics")->body;
  const auto value = [&](const std::string& name) {
    const size_t line = metrics.find("\n" + name + " ");
    return line == std::string::npos ? 0 : std::stod(metrics.substr(line + name.size() + 2));
  };
  const double now = absl::ToDoubleSeconds(absl::Now() - absl::UnixEpoch()), two_days = 2 * 24 * 3600;
  EXPECT_NEAR(value("sliceflow_tls_certificate_load_time_seconds"), now, absl::ToDoubleSeconds(kPatience));
  EXPECT_NEAR(value("sliceflow_tls_certificate_expire_time_seconds"), now + two_days, 600) << "ten minutes for the test until here";
}

TEST_F(TlsTest, WithAClientAuthorityClientsNeedACertificateOfIt) {
  for (const char* name : {"servers", "clients", "strangers"}) certificates_.MakeAuthority(name);
  certificates_.Make("first", "servers");
  certificates_.Make("member", "clients");
  certificates_.Make("stranger", "strangers");
  certificates_.Install("first");
  std::vector<std::string> flags = certificates_.Flags();
  flags.insert(flags.end(), {"--tls-client-ca", certificates_.Path("clients.pem")});
  DaemonProcess daemon(data_.path(), flags);
  ASSERT_TRUE(daemon.ok()) << daemon.Log();
  const auto options = [&](const std::string& name) {
    return client::ChannelOptions{.ca_file = certificates_.Path("servers.pem"),
                                  .cert_file = certificates_.Path(name + ".pem"),
                                  .key_file = certificates_.Path(name + ".key")};
  };
  EXPECT_TRUE(Call(daemon, options("member")).ok()) << Call(daemon, options("member"));
  EXPECT_TRUE(absl::IsUnavailable(Call(daemon, options("stranger"))));
  EXPECT_TRUE(absl::IsUnavailable(Call(daemon, {.ca_file = certificates_.Path("servers.pem")})));
}

TEST_F(TlsTest, BadFilesAreRefusedByName) {
  certificates_.MakeAuthority("authority");
  certificates_.Make("first", "authority");
  certificates_.Make("other", "authority");
  std::ofstream(certificates_.Path("no.pem")) << "no certificate\n";
  const auto refusal = [&](const std::vector<std::string>& flags) {
    std::vector<std::string> command{kDaemon, "--data-dir", data_.path(), "--listen", "127.0.0.1:0"};
    command.insert(command.end(), flags.begin(), flags.end());
    const CommandResult result = RunCommand(command);
    EXPECT_EQ(result.exit_code, 2);
    return result.output;
  };
  EXPECT_THAT(refusal({"--tls-cert", certificates_.Path("none.pem"), "--tls-key", certificates_.Path("first.key")}), HasSubstr("none.pem"));
  EXPECT_THAT(refusal({"--tls-cert", certificates_.Path("no.pem"), "--tls-key", certificates_.Path("first.key")}),
              HasSubstr("no.pem holds no certificate"));
  EXPECT_THAT(refusal({"--tls-cert", certificates_.Path("first.pem"), "--tls-key", certificates_.Path("no.pem")}),
              HasSubstr("no.pem holds no private key"));
  EXPECT_THAT(refusal({"--tls-cert", certificates_.Path("first.pem"), "--tls-key", certificates_.Path("other.key")}),
              HasSubstr("other.key is not the key"));
  EXPECT_THAT(refusal({"--tls-cert", certificates_.Path("first.pem")}), HasSubstr("tls.key"));
  EXPECT_THAT(refusal({"--tls-cert", certificates_.Path("first.pem"), "--tls-key", certificates_.Path("first.key"), "--tls-client-ca",
                       certificates_.Path("no.pem")}),
              HasSubstr("tls.client_ca"));
}

TEST_F(TlsTest, BeyondThisMachineOnlyWithCertificatesAndTokens) {
  certificates_.MakeAuthority("authority");
  certificates_.Make("first", "authority");
  certificates_.Install("first");
  const auto check = [&](std::vector<std::string> flags) {
    flags.insert(flags.begin(), {kDaemon, "--data-dir", data_.path(), "--listen", "0.0.0.0:0", "config", "check"});
    return RunCommand(flags);
  };
  const std::string cert = certificates_.Path("server.pem"), key = certificates_.Path("server.key");
  EXPECT_THAT(check({}).output, HasSubstr("TLS (--tls-cert, --tls-key) and --authentication tokens"));
  EXPECT_THAT(check({"--authentication", "tokens"}).output, HasSubstr("without TLS"));
  EXPECT_THAT(check({"--tls-cert", cert, "--tls-key", key}).output, HasSubstr("without --authentication tokens"));
  EXPECT_EQ(check({"--tls-cert", cert, "--tls-key", key, "--authentication", "tokens"}).exit_code, 0);
  EXPECT_EQ(check({"--insecure"}).exit_code, 0);
}

}  // namespace
}  // namespace sliceflow::testing
