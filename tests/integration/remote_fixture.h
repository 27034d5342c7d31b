// A daemon that takes workers of other machines, and such workers, on this one.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "client/cpp/channel.h"
#include "tests/integration/certificates.h"
#include "tests/integration/client.h"
#include "tests/integration/processes.h"
#include "tests/support/temp_folder.h"

namespace sliceflow::testing {

// What a worker shows and whom it trusts.
struct WorkerFiles {
  std::string ca = "servers.pem";
  std::string cert = "node.pem";
  std::string key = "node.key";
};

class RemoteFixture : public ::testing::Test {
 protected:
  // One authority for the server, one for workers, one for clients, and one that nobody here trusts.
  void SetUp() override {
    for (const char* authority : {"servers", "workers", "clients", "strangers"}) certificates_.MakeAuthority(authority);
    certificates_.Make("this-server", "servers");
    certificates_.Make("node", "workers");
    certificates_.Make("client", "clients");
    certificates_.Make("stranger", "strangers");
    certificates_.Install("this-server");
  }

  // `local`: the setting workers.local. Once started, a daemon is started again on the same port for workers.
  void Serve(const std::string& local, const std::vector<std::string>& more_flags = {}) {
    client_.reset();
    daemon_.reset();
    std::vector<std::string> flags = certificates_.Flags();
    flags.insert(flags.end(),
                 {"--workers-listen", workers_listen_, "--workers-client-ca", certificates_.Path("workers.pem"), "--workers-local", local});
    flags.insert(flags.end(), more_flags.begin(), more_flags.end());
    daemon_ = std::make_unique<DaemonProcess>(data_.path(), flags);
    ASSERT_TRUE(daemon_->ok()) << daemon_->Log();
    ASSERT_FALSE(daemon_->workers_address().empty());
    workers_listen_ = daemon_->workers_address();
    client_ = std::make_unique<Client>(PublicChannel());
  }

  std::shared_ptr<grpc::Channel> PublicChannel() const {
    const auto channel = client::OpenChannel(daemon_->address(), {.ca_file = certificates_.Path("servers.pem")});
    EXPECT_TRUE(channel.ok()) << channel.status();
    return *channel;
  }

  static WorkerFiles Showing(const std::string& certificate) { return {.cert = certificate + ".pem", .key = certificate + ".key"}; }

  // A worker of jobs of the machine `node`.
  std::unique_ptr<ProgramProcess> StartWorker(const std::string& node, const std::vector<std::string>& more_flags = {},
                                              const WorkerFiles& files = {}) const {
    const std::string program = SLICEFLOW_BIN_DIR "/sliceflow-worker";
    std::vector<std::string> command{program,
                                     "--connect",
                                     workers_listen_,
                                     "--ca",
                                     certificates_.Path(files.ca),
                                     "--cert",
                                     certificates_.Path(files.cert),
                                     "--key",
                                     certificates_.Path(files.key),
                                     "--name",
                                     node,
                                     "--sandbox",
                                     WorkersAreCaged() ? "required" : "off"};
    command.insert(command.end(), more_flags.begin(), more_flags.end());
    return std::make_unique<ProgramProcess>(command);
  }

  // The device of that name; without a name where there is none.
  v1::Device Device(const std::string& name) const {
    const v1::ServerInfo info = client_->Info();
    for (const v1::Device& device : info.devices()) {
      if (device.name() == name) return device;
    }
    return {};
  }

  // Until a device is there and has a worker, or is not there any more.
  ::testing::AssertionResult WaitForDevice(const std::string& name, bool there) const {
    const absl::Time deadline = absl::Now() + kPatience;
    while (Device(name).ready() != there || (Device(name).name() == name) != there) {
      if (absl::Now() > deadline) return ::testing::AssertionFailure() << name << " for too long\n" << daemon_->Log();
      absl::SleepFor(absl::Milliseconds(20));
    }
    return ::testing::AssertionSuccess();
  }

  ::testing::AssertionResult WaitForLine(const std::string& words) const {
    const absl::Time deadline = absl::Now() + kPatience;
    while (!absl::StrContains(daemon_->Log(), words)) {
      if (absl::Now() > deadline) return ::testing::AssertionFailure() << "no line with: " << words << "\n" << daemon_->Log();
      absl::SleepFor(absl::Milliseconds(20));
    }
    return ::testing::AssertionSuccess();
  }

  TempFolder folder_;
  TempFolder data_;
  const Certificates certificates_{folder_.path()};
  std::string workers_listen_ = "127.0.0.1:0";
  std::unique_ptr<DaemonProcess> daemon_;
  std::unique_ptr<Client> client_;
};

}  // namespace sliceflow::testing
