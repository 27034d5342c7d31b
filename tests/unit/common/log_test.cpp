#include "common/log.h"

#include <gtest/gtest.h>

#include <string>

namespace sliceflow {
namespace {

constexpr char kTime[] = "2026-01-31T12:00:00.000Z";

TEST(LogLine, AsJsonIsOneObjectWithWhatIsKnown) {
  EXPECT_EQ(
      FormatLogLine(LogFormat::kJson, kTime, LogLevel::kWarn, "a \"line\"\nand another",
                    {{"request_id", "abc"}, {"job", ""}, {"worker", "cpu-flow"}}),
      R"({"time":"2026-01-31T12:00:00.000Z","level":"warn","message":"a \"line\"\nand another","request_id":"abc","worker":"cpu-flow"})");
}

TEST(LogLine, AsTextIsForPeople) {
  EXPECT_EQ(FormatLogLine(LogFormat::kText, kTime, LogLevel::kInfo, "it is so", {{"job", "jobs/a"}, {"why", "as said"}, {"worker", ""}}),
            R"(2026-01-31T12:00:00.000Z info  it is so job=jobs/a why="as said")");
}

TEST(LogLine, NothingInItSteersATerminalOrMakesALineOfItsOwn) {
  const std::string line = FormatLogLine(LogFormat::kText, kTime, LogLevel::kError, "\x1b[2J\nforged \"line\"", {{"job", "a\nb"}});
  EXPECT_EQ(line, R"(2026-01-31T12:00:00.000Z error \u001b[2J\nforged \"line\" job="a\nb")");
}

}  // namespace
}  // namespace sliceflow
