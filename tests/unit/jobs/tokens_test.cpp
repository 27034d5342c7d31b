#include "server/jobs/tokens.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "absl/strings/str_split.h"
#include "common/errors.h"
#include "server/store/store.h"
#include "tests/support/fake_clock.h"
#include "tests/support/temp_folder.h"

namespace sliceflow::jobs {
namespace {

using ::testing::HasSubstr;
using ::testing::MatchesRegex;
using ::testing::Not;
using ::testing::SizeIs;

class TokensTest : public ::testing::Test {
 protected:
  TokensTest() {
    store_ = *store::OpenTokenStore(folder_.path());
    tokens_ = std::make_unique<Tokens>(*store_, clock_);
  }

  std::string Create(const std::string& owner, v1::Role role, std::optional<absl::Time> expires = std::nullopt) {
    const absl::StatusOr<std::string> token = tokens_->Create(owner, role, expires, "for a test");
    EXPECT_TRUE(token.ok()) << token.status();
    return token.value_or("");
  }
  static std::string IdOf(const std::string& token) { return std::vector<std::string>(absl::StrSplit(token, '_'))[1]; }
  std::string ReasonOf(const std::string& token) { return Reason(tokens_->Verify(token).status()); }

  testing::TempFolder folder_;
  testing::FakeClock clock_;
  std::unique_ptr<store::TokenStore> store_;
  std::unique_ptr<Tokens> tokens_;
};

TEST_F(TokensTest, ATokenStandsForItsOwnerAndRole) {
  const std::string token = Create("ada", v1::VIEWER);
  EXPECT_THAT(token, MatchesRegex("sft_[0-9a-z]+_[0-9a-f]+"));
  const absl::StatusOr<Identity> identity = tokens_->Verify(token);
  ASSERT_TRUE(identity.ok()) << identity.status();
  EXPECT_EQ(identity->owner, "ada");
  EXPECT_EQ(identity->role, v1::VIEWER);
  EXPECT_EQ(identity->token_id, IdOf(token));
  EXPECT_NE(Create("ada", v1::VIEWER), token);
}

// Both come back in lists and messages, some of them for a terminal.
TEST_F(TokensTest, OwnersAndDescriptionsAreText) {
  for (const char* text : {"\xff\xfe", "a\nb", "\x1b[2J"}) {
    const absl::Status owner = tokens_->Create(text, v1::USER, std::nullopt, "").status();
    EXPECT_EQ(ViolationsOf(owner).size(), 1) << owner;
    const absl::Status description = tokens_->Create("ada", v1::USER, std::nullopt, text).status();
    EXPECT_EQ(ViolationsOf(description).size(), 1) << description;
  }
  EXPECT_TRUE(tokens_->Create("ada", v1::USER, std::nullopt, "Ada’s \"laptop\"").ok());
}

TEST_F(TokensTest, WhatIsNoTokenIsInvalidAndSaysNothingElse) {
  const std::string token = Create("ada", v1::USER);
  std::string other_secret = token;
  other_secret.back() = other_secret.back() == '0' ? '1' : '0';
  const std::string other_id = Create("bob", v1::USER);
  const std::string mixed = "sft_" + IdOf(other_id) + token.substr(token.rfind('_'));
  std::string message;
  for (const std::string& wrong :
       {other_secret, mixed, token.substr(0, token.size() - 1), token + "0", token.substr(4), std::string("sft_"),
        std::string("sft_none_00"), "sft_" + IdOf(token) + "_", std::string(100'000, 'x'), std::string()}) {
    const absl::Status status = tokens_->Verify(wrong).status();
    EXPECT_TRUE(absl::IsUnauthenticated(status)) << status;
    EXPECT_EQ(Reason(status), "TOKEN_INVALID");
    if (message.empty()) message = std::string(status.message());
    EXPECT_EQ(status.message(), message);
  }
}

TEST_F(TokensTest, ExpiryIsToldOnlyToWhoHasTheSecret) {
  const std::string token = Create("ada", v1::USER, clock_.Now() + absl::Hours(1));
  EXPECT_TRUE(tokens_->Verify(token).ok());
  EXPECT_TRUE(tokens_->Recheck(IdOf(token)).ok());
  clock_.Advance(absl::Hours(1));
  EXPECT_EQ(ReasonOf(token), "TOKEN_EXPIRED");
  EXPECT_EQ(Reason(tokens_->Recheck(IdOf(token))), "TOKEN_EXPIRED");
  EXPECT_EQ(ReasonOf(token.substr(0, token.size() - 2) + "zz"), "TOKEN_INVALID");
}

TEST_F(TokensTest, AnotherProcessMakesAndRevokesThemBesideADaemon) {
  auto daemon = store::OpenSqliteStore(folder_.path());  // has the folder's lock
  ASSERT_TRUE(daemon.ok()) << daemon.status();
  EXPECT_EQ(ReasonOf("sft_none_00"), "TOKEN_INVALID");  // so that what it knows is of before
  const auto other_store = store::OpenTokenStore(folder_.path());
  ASSERT_TRUE(other_store.ok()) << other_store.status();
  Tokens other(**other_store, clock_);
  const std::string token = *other.Create("ada", v1::USER, std::nullopt, "");
  EXPECT_TRUE(tokens_->Verify(token).ok());
  ASSERT_TRUE(other.Revoke(IdOf(token)).ok());
  clock_.Advance(Tokens::kRefresh);
  EXPECT_EQ(ReasonOf(token), "TOKEN_INVALID");
  EXPECT_EQ(Reason(tokens_->Recheck(IdOf(token))), "TOKEN_INVALID");
  EXPECT_TRUE(absl::IsNotFound(other.Revoke("none")));
}

TEST_F(TokensTest, AClockSetBackDoesNotKeepARevokedTokenValid) {
  const std::string token = Create("ada", v1::USER);
  EXPECT_TRUE(tokens_->Verify(token).ok());
  clock_.Set(-absl::Hours(5));
  const auto other_store = store::OpenTokenStore(folder_.path());
  ASSERT_TRUE(Tokens(**other_store, clock_).Revoke(IdOf(token)).ok());
  clock_.Advance(Tokens::kRefresh);
  EXPECT_EQ(ReasonOf(token), "TOKEN_INVALID");
}

TEST_F(TokensTest, OnlyHashesAreKept) {
  const std::string token = Create("ada", v1::USER);
  const std::string secret = token.substr(token.rfind('_') + 1);
  tokens_.reset();
  store_.reset();
  int files = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder_.path())) {
    if (!entry.is_regular_file()) continue;
    std::ostringstream bytes;
    bytes << std::ifstream(entry.path(), std::ios::binary).rdbuf();
    EXPECT_THAT(bytes.str(), Not(HasSubstr(secret))) << entry.path();
    ++files;
  }
  EXPECT_GT(files, 0);
}

TEST_F(TokensTest, TheLastUseIsKeptToTheMinute) {
  const std::string token = Create("ada", v1::USER);
  EXPECT_EQ(tokens_->List()->at(0).last_use_time_us, 0);
  for (int second = 0; second < 90; ++second) {
    ASSERT_TRUE(tokens_->Verify(token).ok());
    clock_.Advance(absl::Seconds(1));
  }
  EXPECT_EQ(tokens_->List()->at(0).last_use_time_us, absl::ToUnixMicros(clock_.Now() - absl::Seconds(30)));
  clock_.Set(-absl::Hours(5));
  ASSERT_TRUE(tokens_->Verify(token).ok());
  EXPECT_EQ(tokens_->List()->at(0).last_use_time_us, absl::ToUnixMicros(clock_.Now())) << "the clock was set back meanwhile";
}

TEST_F(TokensTest, MistakesAreNamedAllAtOnce) {
  const absl::Status status = tokens_->Create("No owner", v1::ROLE_UNSPECIFIED, clock_.Now(), std::string(201, 'x')).status();
  EXPECT_THAT(ViolationsOf(status), SizeIs(4)) << status;
  for (const char* owner : {"", "-ada", "../etc", "Ada", "a b"}) EXPECT_FALSE(tokens_->Create(owner, v1::USER, std::nullopt, "").ok());
  for (const char* owner : {"ada", "ada.l@example.org", "team-7"}) Create(owner, v1::USER);
}

}  // namespace
}  // namespace sliceflow::jobs
