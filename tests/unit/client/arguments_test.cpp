#include "client/cli/arguments.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <string>

namespace sliceflow::cli {
namespace {

using ::testing::HasSubstr;

// What a program with this option makes of `text`: the value, or the message of the refusal.
template <typename Value>
std::string Parse(const CLI::Validator& validator, const std::string& text) {
  CLI::App app;
  Value value{};
  app.add_option("--option", value)->transform(validator);
  try {
    app.parse(std::vector<std::string>{text, "--option"});  // CLI11 takes them from the end
  } catch (const CLI::ParseError& error) {
    return error.what();
  }
  return absl::StrCat(value);
}

TEST(Arguments, WholeNumbersAreRefusedInWords) {
  for (const char* text : {"0", "-1", "abc", "99999999999", "1.5", "nan", "", "0x10"}) {
    EXPECT_EQ(Parse<int32_t>(WholeNumber<int32_t>(1), text),
              absl::StrCat("--option: must be a whole number from 1 to 2147483647; it is '", text, "'"));
  }
  EXPECT_EQ(Parse<int32_t>(WholeNumber<int32_t>(1), "2147483647"), "2147483647");
  EXPECT_EQ(Parse<int32_t>(WholeNumber<int32_t>(0), "010"), "10");
}

TEST(Arguments, ASeedDoesNotWrap) {
  EXPECT_EQ(Parse<uint64_t>(WholeNumber<uint64_t>(0), "-1"), "--option: must be a whole number from 0 to 18446744073709551615; it is '-1'");
  EXPECT_EQ(Parse<uint64_t>(WholeNumber<uint64_t>(0), "18446744073709551615"), "18446744073709551615");
}

TEST(Arguments, SecondsAreFinite) {
  for (const char* text : {"nan", "inf", "-1", "0", "soon", "1e300"}) {
    EXPECT_THAT(Parse<double>(Seconds(false), text), HasSubstr("must be a number of seconds above 0")) << text;
  }
  EXPECT_EQ(Parse<double>(Seconds(false), "0.5"), "0.5");
  EXPECT_EQ(Parse<double>(Seconds(true), "0"), "0");
  EXPECT_THAT(Parse<double>(Seconds(true), "nan"), HasSubstr("from 0 to a billion; it is 'nan'"));
}

TEST(Arguments, AnAddressNeedsAPort) {
  for (const char* text : {"", " ", "localhost", ":50051", "localhost:", "localhost:port", "localhost:0", "localhost:65536", "a b:1"}) {
    EXPECT_EQ(Parse<std::string>(ServerAddress(), text),
              absl::StrCat("--option: must be host:port, such as 127.0.0.1:50051; it is '", text, "'"));
  }
  for (const char* text : {"localhost:50051", "[::1]:50051", "unix:/run/sliceflow.sock", "dns:///localhost:50051"}) {
    EXPECT_EQ(Parse<std::string>(ServerAddress(), text), text);
  }
}

}  // namespace
}  // namespace sliceflow::cli
