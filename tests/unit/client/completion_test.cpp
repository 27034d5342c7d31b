#include "client/cli/completion.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

namespace sliceflow::cli {
namespace {

using ::testing::HasSubstr;

std::string Script(const std::string& shell) {
  CLI::App app("Test.", "sliceflow");
  bool json = false;
  app.add_flag("--json", json, "JSON; it's [all]");
  CLI::App* watch = app.add_subcommand("watch", "Follow a job");
  int after = 0;
  watch->add_option("--after", after, "Sequence");
  app.add_subcommand("completion", "Completion");
  CLI::App* rows = app.add_subcommand("dataset", "Look at a data set")->add_subcommand("rows", "Read rows");
  rows->add_option("--count", after, "How many");
  return CompletionScript(app, shell);
}

// What bash itself answers for the words typed so far.
std::string BashAnswers(const std::string& words, int count) {
  const std::string path = testing::TempDir() + "completion_test.bash";
  std::ofstream(path) << Script("bash") << "COMP_WORDS=(" << words << ")\nCOMP_CWORD=" << count
                      << "\n_sliceflow\necho \"${COMPREPLY[*]}\"\n";
  FILE* pipe = popen(("bash " + path).c_str(), "r");
  std::string answer;
  char buffer[256];
  while (std::fgets(buffer, sizeof(buffer), pipe) != nullptr) answer += buffer;
  EXPECT_EQ(pclose(pipe), 0);
  std::filesystem::remove(path);
  return answer;
}

TEST(Completion, BashCompletesCommandsAndTheirOptions) {
  EXPECT_EQ(BashAnswers("sliceflow wa", 1), "watch\n");
  EXPECT_EQ(BashAnswers("sliceflow watch --a", 2), "--after\n");
  EXPECT_EQ(BashAnswers("sliceflow watch --j", 2), "--json\n");
  EXPECT_EQ(BashAnswers("sliceflow completion z", 2), "zsh\n");
}

TEST(Completion, BashCompletesCommandsBelowACommand) {
  EXPECT_EQ(BashAnswers("sliceflow dataset ''", 2), "rows\n");
  EXPECT_EQ(BashAnswers("sliceflow dataset rows --", 3), "--help --count --help --json\n");
  EXPECT_EQ(BashAnswers("sliceflow dataset rows /et", 3), "/etc\n");
}

TEST(Completion, ZshAndFishNameCommandsAndOptions) {
  EXPECT_THAT(Script("zsh"), HasSubstr("'watch:Follow a job'"));
  EXPECT_THAT(Script("zsh"), HasSubstr("'--after[Sequence]:value:_files'"));
  EXPECT_THAT(Script("fish"), HasSubstr("-n '__fish_seen_subcommand_from watch' -l after -r -d 'Sequence'"));
  EXPECT_THAT(Script("zsh"), HasSubstr("'1:word:(rows)'"));
  EXPECT_THAT(Script("fish"), HasSubstr("-n '__fish_seen_subcommand_from dataset' -a 'rows'"));
  EXPECT_THAT(Script("fish"), HasSubstr("-n '__fish_seen_subcommand_from dataset' -l count -r -d 'How many'"));
  EXPECT_THAT(Script("fish"), HasSubstr("-l json -d 'JSON; it'\\''s [all]'"));
}

}  // namespace
}  // namespace sliceflow::cli
