// The daemon's encrypted port: certificates made here, replaced while it runs, and everything that must not get in.
#include <gmock/gmock.h>
#include <google/protobuf/struct.pb.h>
#include <google/protobuf/util/json_util.h>
#include <gtest/gtest.h>
#include <httplib.h>

#include <filesystem>
#include <fstream>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/time/clock.h"
#include "client/cpp/channel.h"
#include "common/grpc_status.h"
#include "tests/integration/client.h"
#include "tests/integration/processes.h"
#include "tests/support/temp_folder.h"

namespace sliceflow::testing {
namespace {

using ::testing::HasSubstr;

const char kDaemon[] = SLICEFLOW_BIN_DIR "/sliceflowd";

class TlsTest : public ::testing::Test {
 protected:
  std::string Path(const std::string& name) const { return folder_.path() + "/" + name; }

  void OpenSsl(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), "openssl");
    const CommandResult result = RunCommand(arguments);
    ASSERT_EQ(result.exit_code, 0) << result.output;
  }
  // NAME.pem and NAME.key: an authority of its own.
  void MakeAuthority(const std::string& name) {
    OpenSsl({"req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-subj", "/CN=" + name,
             "-keyout", Path(name + ".key"), "-out", Path(name + ".pem")});
  }
  // NAME.pem and NAME.key for this machine, signed by an authority.
  void MakeCertificate(const std::string& name, const std::string& authority) {
    OpenSsl({"req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-subj", "/CN=" + name, "-addext",
             "subjectAltName=IP:127.0.0.1", "-keyout", Path(name + ".key"), "-out", Path(name + ".csr")});
    OpenSsl({"x509", "-req", "-days", "2", "-copy_extensions", "copy", "-CAcreateserial", "-in", Path(name + ".csr"), "-CA",
             Path(authority + ".pem"), "-CAkey", Path(authority + ".key"), "-out", Path(name + ".pem")});
  }
  void Install(const std::string& name) {
    for (const char* suffix : {".key", ".pem"}) {
      const std::string next = Path(absl::StrCat("next", suffix));
      std::filesystem::copy_file(Path(name + suffix), next, std::filesystem::copy_options::overwrite_existing);
      std::filesystem::rename(next, Path(absl::StrCat("server", suffix)));
    }
  }
  std::vector<std::string> Flags() const { return {"--tls-cert", Path("server.pem"), "--tls-key", Path("server.key")}; }

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
};

TEST_F(TlsTest, RenewedCertificatesAreUsedWithoutARestart) {
  MakeAuthority("old");
  MakeAuthority("new");
  MakeCertificate("first", "old");
  MakeCertificate("second", "new");
  Install("first");
  DaemonProcess daemon(data_.path(), Flags());
  ASSERT_TRUE(daemon.ok()) << daemon.Log();
  const client::ChannelOptions trusts_old{.ca_file = Path("old.pem")}, trusts_new{.ca_file = Path("new.pem")};
  EXPECT_TRUE(Call(daemon, trusts_old).ok()) << Call(daemon, trusts_old);
  EXPECT_TRUE(absl::IsUnavailable(Call(daemon, trusts_new)));
  EXPECT_TRUE(absl::IsUnavailable(Call(daemon, {})));  // in the clear

  Client connected(client::OpenChannel(daemon.address(), trusts_old).value());
  connected.Info();
  Install("second");
  const absl::Time deadline = absl::Now() + kPatience;
  while (!Call(daemon, trusts_new).ok() && absl::Now() < deadline) continue;
  EXPECT_TRUE(Call(daemon, trusts_new).ok());
  EXPECT_TRUE(absl::IsUnavailable(Call(daemon, trusts_old)));
  connected.Info();  // the connection of before goes on
}

// gRPC complains of handshakes by itself.
TEST_F(TlsTest, WhatTheLibrarySaysOfABadHandshakeIsALineLikeAnyOther) {
  MakeAuthority("old");
  MakeCertificate("first", "old");
  Install("first");
  std::vector<std::string> flags = Flags();
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

TEST_F(TlsTest, ABadRenewalLeavesTheOldCertificateInUse) {
  MakeAuthority("old");
  MakeAuthority("new");
  MakeCertificate("first", "old");
  MakeCertificate("second", "new");
  Install("first");
  std::vector<std::string> flags = Flags();
  flags.insert(flags.end(), {"--http", "127.0.0.1:0"});
  DaemonProcess daemon(data_.path(), flags);
  ASSERT_TRUE(daemon.ok()) << daemon.Log();
  const auto wait_for = [&](const std::string& words) {
    const absl::Time deadline = absl::Now() + kPatience;
    while (daemon.Log().find(words) == std::string::npos && absl::Now() < deadline) absl::SleepFor(absl::Milliseconds(20));
    EXPECT_THAT(daemon.Log(), HasSubstr(words));
  };
  // Only half of it, and then none at all.
  std::filesystem::copy_file(Path("second.key"), Path("half.key"));
  std::filesystem::rename(Path("half.key"), Path("server.key"));
  wait_for("server.key is not the key of the certificate in");
  EXPECT_TRUE(Call(daemon, {.ca_file = Path("old.pem")}).ok()) << Call(daemon, {.ca_file = Path("old.pem")});
  std::filesystem::remove(Path("server.key"));
  EXPECT_TRUE(Call(daemon, {.ca_file = Path("old.pem")}).ok()) << Call(daemon, {.ca_file = Path("old.pem")});
  Install("second");
  wait_for("took a renewed");
  wait_for("the files of TLS are in order");
  const absl::Time deadline = absl::Now() + kPatience;
  while (!Call(daemon, {.ca_file = Path("new.pem")}).ok() && absl::Now() < deadline) continue;
  EXPECT_TRUE(Call(daemon, {.ca_file = Path("new.pem")}).ok());

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
  for (const char* name : {"servers", "clients", "strangers"}) MakeAuthority(name);
  MakeCertificate("first", "servers");
  MakeCertificate("member", "clients");
  MakeCertificate("stranger", "strangers");
  Install("first");
  std::vector<std::string> flags = Flags();
  flags.insert(flags.end(), {"--tls-client-ca", Path("clients.pem")});
  DaemonProcess daemon(data_.path(), flags);
  ASSERT_TRUE(daemon.ok()) << daemon.Log();
  const auto options = [&](const std::string& name) {
    return client::ChannelOptions{.ca_file = Path("servers.pem"), .cert_file = Path(name + ".pem"), .key_file = Path(name + ".key")};
  };
  EXPECT_TRUE(Call(daemon, options("member")).ok()) << Call(daemon, options("member"));
  EXPECT_TRUE(absl::IsUnavailable(Call(daemon, options("stranger"))));
  EXPECT_TRUE(absl::IsUnavailable(Call(daemon, {.ca_file = Path("servers.pem")})));
}

TEST_F(TlsTest, BadFilesAreRefusedByName) {
  MakeAuthority("authority");
  MakeCertificate("first", "authority");
  MakeCertificate("other", "authority");
  std::ofstream(Path("no.pem")) << "no certificate\n";
  const auto refusal = [&](const std::vector<std::string>& flags) {
    std::vector<std::string> command{kDaemon, "--data-dir", data_.path(), "--listen", "127.0.0.1:0"};
    command.insert(command.end(), flags.begin(), flags.end());
    const CommandResult result = RunCommand(command);
    EXPECT_EQ(result.exit_code, 2);
    return result.output;
  };
  EXPECT_THAT(refusal({"--tls-cert", Path("none.pem"), "--tls-key", Path("first.key")}), HasSubstr("none.pem"));
  EXPECT_THAT(refusal({"--tls-cert", Path("no.pem"), "--tls-key", Path("first.key")}), HasSubstr("no.pem holds no certificate"));
  EXPECT_THAT(refusal({"--tls-cert", Path("first.pem"), "--tls-key", Path("no.pem")}), HasSubstr("no.pem holds no private key"));
  EXPECT_THAT(refusal({"--tls-cert", Path("first.pem"), "--tls-key", Path("other.key")}), HasSubstr("other.key is not the key"));
  EXPECT_THAT(refusal({"--tls-cert", Path("first.pem")}), HasSubstr("tls.key"));
  EXPECT_THAT(refusal({"--tls-cert", Path("first.pem"), "--tls-key", Path("first.key"), "--tls-client-ca", Path("no.pem")}),
              HasSubstr("tls.client_ca"));
}

TEST_F(TlsTest, BeyondThisMachineOnlyWithCertificatesAndTokens) {
  MakeAuthority("authority");
  MakeCertificate("first", "authority");
  Install("first");
  const auto check = [&](std::vector<std::string> flags) {
    flags.insert(flags.begin(), {kDaemon, "--data-dir", data_.path(), "--listen", "0.0.0.0:0", "config", "check"});
    return RunCommand(flags);
  };
  const std::string cert = Path("server.pem"), key = Path("server.key");
  EXPECT_THAT(check({}).output, HasSubstr("TLS (--tls-cert, --tls-key) and --authentication tokens"));
  EXPECT_THAT(check({"--authentication", "tokens"}).output, HasSubstr("without TLS"));
  EXPECT_THAT(check({"--tls-cert", cert, "--tls-key", key}).output, HasSubstr("without --authentication tokens"));
  EXPECT_EQ(check({"--tls-cert", cert, "--tls-key", key, "--authentication", "tokens"}).exit_code, 0);
  EXPECT_EQ(check({"--insecure"}).exit_code, 0);
}

}  // namespace
}  // namespace sliceflow::testing
