#include "client/cpp/channel.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "tests/support/temp_folder.h"

namespace sliceflow::client {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

TEST(ChannelTest, KnowsWhatStaysOnThisMachine) {
  for (const char* local : {"127.0.0.1:1", "127.8.9.1:1", "localhost:1", "[::1]:1", "unix:/run/s.sock"})
    EXPECT_TRUE(IsLocal(local)) << local;
  for (const char* remote : {"10.0.0.1:1", "127.0.0.1.example.org:1", "localhost.example.org:1", "[::2]:1", "[::1:2]:1",
                             "dns:///example.org", "0.0.0.0:1", ""}) {
    EXPECT_FALSE(IsLocal(remote)) << remote;
  }
}

TEST(ChannelTest, ATokenGoesToNoOtherMachineInTheClearUnlessAllowed) {
  const std::string remote = "example.org:50051";
  const absl::Status refused = OpenChannel(remote, {.token = "sft_a_secret"}).status();
  EXPECT_TRUE(absl::IsInvalidArgument(refused)) << refused;
  EXPECT_THAT(refused.message(), HasSubstr("--tls"));
  EXPECT_THAT(refused.message(), Not(HasSubstr("secret")));
  EXPECT_TRUE(OpenChannel(remote, {.token = "t", .insecure = true}).ok());
  EXPECT_TRUE(OpenChannel(remote, {.tls = true, .token = "t"}).ok());
  EXPECT_TRUE(OpenChannel("127.0.0.1:50051", {.token = "t"}).ok());
  EXPECT_TRUE(OpenChannel(remote, {}).ok());
}

TEST(ChannelTest, ATokenThatIsNoneIsRefusedAndNotShown) {
  for (const char* token : {"a\nb", "a b", "a\x01", "a\xff"}) {
    const absl::Status refused = OpenChannel("127.0.0.1:50051", {.token = token}).status();
    EXPECT_TRUE(absl::IsInvalidArgument(refused)) << refused;
    EXPECT_THAT(refused.message(), HasSubstr("printable"));
    EXPECT_THAT(refused.message(), Not(HasSubstr(token)));
  }
}

TEST(ChannelTest, FilesThatCannotBeUsedAreNamed) {
  testing::TempFolder folder;
  const std::string path = folder.path() + "/file";
  EXPECT_THAT(OpenChannel("localhost:1", {.ca_file = path}).status().message(), HasSubstr(path));
  std::ofstream(path) << "no certificate";
  EXPECT_THAT(OpenChannel("localhost:1", {.ca_file = path}).status().message(), HasSubstr(path));
  EXPECT_FALSE(OpenChannel("localhost:1", {.cert_file = path}).ok());

  EXPECT_THAT(ReadTokenFile(path).status().message(), HasSubstr(path));  // two words
  std::ofstream(path) << "  sft_a_b\n";
  EXPECT_EQ(*ReadTokenFile(path), "sft_a_b");
  std::ofstream(path) << "\n";
  EXPECT_FALSE(ReadTokenFile(path).ok());
  EXPECT_FALSE(ReadTokenFile(path + ".none").ok());
}

}  // namespace
}  // namespace sliceflow::client
