#include "server/daemon/settings.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "server/daemon/settings_table.h"
#include "tests/support/temp_folder.h"

namespace sliceflow::daemon {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

// What a file, the environment and flags give together.
absl::StatusOr<ResolvedSettings> Resolve(const std::string& file, const std::map<std::string, std::string>& variables = {},
                                         const std::vector<GivenSetting>& flags = {}) {
  GivenSettings given;
  AddFile(file, "sliceflowd.yaml", given);
  std::vector<std::string> entries;
  for (const auto& [name, value] : variables) entries.push_back(name + "=" + value);
  std::vector<const char*> environment;
  for (const std::string& entry : entries) environment.push_back(entry.c_str());
  environment.push_back(nullptr);
  AddEnvironment(environment.data(), given);
  given.values.insert(given.values.end(), flags.begin(), flags.end());
  return ResolveSettings(given);
}

std::vector<std::string> Problems(const absl::Status& status) {
  std::vector<std::string> lines;
  std::istringstream text{std::string(status.message())};
  for (std::string line; std::getline(text, line);) lines.push_back(line);
  return lines;
}

TEST(Settings, FlagsGoBeforeTheEnvironmentAndTheEnvironmentBeforeTheFile) {
  const std::string file = "threads: 2\nlog:\n  level: warn\nshutdown_time: 20s\n";
  const std::map<std::string, std::string> variables{{"SLICEFLOWD_THREADS", "3"}, {"SLICEFLOWD_LOG_LEVEL", "error"}};
  const auto resolved = Resolve(file, variables, {{"threads", "4", "--threads"}});
  ASSERT_TRUE(resolved.ok()) << resolved.status();
  EXPECT_EQ(resolved->settings.threads, 4);
  EXPECT_EQ(resolved->settings.log_level, "error");
  EXPECT_EQ(resolved->settings.shutdown_time, absl::Seconds(20));
  EXPECT_EQ(resolved->settings.listen.ToString(), "127.0.0.1:50051");
  const std::map<std::string, std::string> sources{
      {"threads", "--threads"}, {"log.level", "SLICEFLOWD_LOG_LEVEL"}, {"shutdown_time", "sliceflowd.yaml:4"}};
  EXPECT_EQ(resolved->sources, sources);
}

TEST(Settings, GpusAreAllNoneOrNumbers) {
  EXPECT_EQ(Resolve("")->settings.gpus, "auto");
  for (const char* good : {"auto", "none", "0", "2,0,63"}) EXPECT_EQ(Resolve(std::string("gpus: ") + good)->settings.gpus, good);
  for (const char* bad : {"all", "-1", "64", "1,1", "0,", "cuda:0"}) {
    EXPECT_THAT(Problems(Resolve(std::string("gpus: '") + bad + "'").status()),
                ElementsAre(HasSubstr("gpus: must be auto, none, or numbers below 64 such as 0,2; it is")))
        << bad;
  }
}

TEST(Settings, NamesMayBeNestedOrDotted) {
  EXPECT_EQ(Resolve("log.level: debug\n")->settings.log_level, "debug");
  EXPECT_EQ(Resolve("log: {level: debug}\n")->settings.log_level, "debug");
  EXPECT_THAT(Problems(Resolve("log.level: debug\nlog:\n  level: info\n").status()),
              ElementsAre("sliceflowd.yaml:3: log.level: is given twice"));
}

TEST(Settings, WhatNobodyGivesDependsOnThisMachine) {
  const auto resolved = Resolve("");
  ASSERT_TRUE(resolved.ok());
  EXPECT_GE(resolved->settings.threads, 1);
  EXPECT_THAT(resolved->settings.worker, ::testing::EndsWith("/sliceflow-worker"));
  EXPECT_THAT(resolved->sources, IsEmpty());
}

TEST(Settings, EveryMistakeIsToldWithItsLineAndWhatWouldBeRight) {
  const auto resolved = Resolve("thraeds: 2\nlog:\n  level: loud\nlisten: nowhere\nquota:\n  max_watches: -1\n",
                                {{"SLICEFLOWD_SHUTDOWN_TIME", "soon"}}, {{"threads", "0.5", "--threads"}});
  EXPECT_EQ(resolved.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(
      Problems(resolved.status()),
      ElementsAre("sliceflowd.yaml:1: there is no setting thraeds; did you mean threads?",
                  R"(sliceflowd.yaml:3: log.level: must be one of debug, info, warn, error; it is "loud")",
                  "sliceflowd.yaml:4: listen: must be HOST:PORT with a port from 0 to 65535, such as 127.0.0.1:50051 or [::1]:0; "
                  "it is \"nowhere\"",
                  R"(sliceflowd.yaml:6: quota.max_watches: must be a whole number from 0 to 2147483647; it is "-1")",
                  R"(SLICEFLOWD_SHUTDOWN_TIME: shutdown_time: must be a duration from 3s to 1h, such as 500ms, 8s or 1h30m; it is "soon")",
                  R"(--threads: threads: must be a whole number from 0 to 256; it is "0.5")"));
}

TEST(Settings, AFileThatIsNoMappingOfSingleValuesIsRefused) {
  EXPECT_THAT(Problems(Resolve("- 1\n").status()), ElementsAre("sliceflowd.yaml:1: must be a mapping of settings"));
  EXPECT_THAT(Problems(Resolve("threads:\nlisten: [a, b]\n").status()),
              ElementsAre("sliceflowd.yaml:1: threads: has no value; leave it out, or write \"\"",
                          "sliceflowd.yaml:2: listen: must be a single value, not a list"));
  EXPECT_THAT(Problems(Resolve("a: 'open").status()), ElementsAre(HasSubstr("sliceflowd.yaml:1: ")));
  std::string deep;
  for (int i = 0; i < 12; ++i) deep += "{a: ";
  EXPECT_THAT(std::string(Resolve(deep + "1" + std::string(12, '}')).status().message()), HasSubstr("nested too deeply"));
}

TEST(Settings, MistakesOfEveryKindAreToldTogether) {
  EXPECT_THAT(Problems(Resolve("threads: [1]\nlog.level: loud\n", {{"SLICEFLOWD_LISTEM", "x"}}, {{"http", "nowhere", "--http"}}).status()),
              ElementsAre("sliceflowd.yaml:1: threads: must be a single value, not a list",
                          "SLICEFLOWD_LISTEM: no setting has this variable; did you mean SLICEFLOWD_LISTEN?",
                          HasSubstr("sliceflowd.yaml:2: log.level: must be one of"), HasSubstr("--http: http: must be HOST:PORT")));
}

TEST(Settings, OfVariablesOnlyThoseOfOthersAreLeftAlone) {
  EXPECT_TRUE(Resolve("", {{"SLICEFLOWD_CONFIG", "x"},
                           {"SLICEFLOWD_SERVICE_HOST", "10.0.0.1"},
                           {"SLICEFLOWD_PORT", "tcp://10.0.0.1:50051"},
                           {"SLICEFLOWD_PORT_50051_TCP_ADDR", "10.0.0.1"},
                           {"SLICEFLOW_FAILPOINTS", "x"}})
                  .ok());
  EXPECT_THAT(Problems(Resolve("", {{"SLICEFLOWD_COLOUR", "red"}}).status()),
              ElementsAre("SLICEFLOWD_COLOUR: no setting has this variable; `sliceflowd config table` lists them"));
}

TEST(Settings, AFileIsOneDocumentOfUtf8) {
  EXPECT_THAT(Problems(Resolve("threads: 2\n---\nthreads: 3\n").status()),
              ElementsAre("sliceflowd.yaml:3: threads: is given twice", "sliceflowd.yaml:3: a second document begins; settings are one"));
  EXPECT_THAT(Problems(Resolve("threads: 2\nready_file: a\xff\n").status()), ElementsAre("sliceflowd.yaml:2: is not UTF-8"));
}

TEST(Settings, ValuesThatCannotBeMeantAreRefused) {
  EXPECT_THAT(Problems(Resolve("worker_memory_bytes: 1\nquota.max_priority: 101\n").status()),
              ElementsAre(R"(sliceflowd.yaml:1: worker_memory_bytes: must be 0, or a whole number of bytes from 268435456 on; it is "1")",
                          R"(sliceflowd.yaml:2: quota.max_priority: must be a whole number from 0 to 100; it is "101")"));
}

TEST(Settings, AliasesCannotMakeAFileLarge) {
  std::string text = "a: &a {x: 1}\n";
  for (char c = 'b'; c < 'h'; ++c) {
    text += std::string(1, c) + ": &" + c + " {";
    for (int i = 0; i < 10; ++i) text += std::string(i == 0 ? "" : ", ") + "k" + std::to_string(i) + ": *" + static_cast<char>(c - 1);
    text += "}\n";
  }
  EXPECT_THAT(std::string(Resolve(text).status().message()), HasSubstr("more than 10000 entries"));
}

TEST(Settings, AnOwnersQuotaTakesTheRestFromThatOfAll) {
  const auto resolved = Resolve(
      "quota:\n  owners:\n    anna:\n      max_watches: 7\n    team.b: {max_requests_per_second: 2.5}\n  max_watches: 3\n  max_priority: "
      "5\n");
  ASSERT_TRUE(resolved.ok()) << resolved.status();
  const auto& owners = resolved->settings.owner_quotas;
  EXPECT_EQ(resolved->settings.quota.max_watches(), 3);
  EXPECT_EQ(owners.at("anna").max_watches(), 7);
  EXPECT_EQ(owners.at("anna").max_priority(), 5);
  EXPECT_EQ(owners.at("team.b").max_watches(), 3);
  EXPECT_EQ(owners.at("team.b").max_requests_per_second(), 2.5);
  EXPECT_THAT(Problems(Resolve("quota.owners.anna.max_joy: 7\nquota.owners.anna: 3\n").status()),
              ElementsAre("sliceflowd.yaml:1: there is no setting quota.owners.anna.max_joy: a quota has no max_joy",
                          R"(sliceflowd.yaml:2: quota.owners.anna: must be a mapping of limits, such as {max_watches: 2}; it is "3")"));
  EXPECT_THAT(Problems(Resolve("quota.owners.Anna.max_watches: 3\n").status()),
              ElementsAre("sliceflowd.yaml:1: quota.owners.Anna.max_watches: no token has the owner \"Anna\": it must match "
                          "[a-z0-9][a-z0-9._@-]{0,62}"));
}

TEST(Settings, WhatWouldNotServeIsRefused) {
  ResolvedSettings resolved;
  resolved.settings.listen = {"0.0.0.0", 1};
  resolved.settings.worker = "/none";
  EXPECT_THAT(Problems(CheckForServing(resolved)), ElementsAre(HasSubstr("--data-dir"), HasSubstr("--insecure"), HasSubstr("--worker")));
  resolved.settings.data_dir = "/data";
  resolved.settings.insecure = true;
  resolved.settings.worker = "/bin/true";
  EXPECT_TRUE(CheckForServing(resolved).ok());
  resolved.settings.data_dir = "/bin/true";
  resolved.settings.ready_file = "/no/such/folder/ready";
  resolved.settings.worker_user = "nobody-of-this-name";
  EXPECT_THAT(Problems(CheckForServing(resolved)),
              ElementsAre("--data-dir: data_dir: must be a folder; \"/bin/true\" is a file",
                          "--ready-file: ready_file: must lie in a folder that exists; \"/no/such/folder\" is none",
                          HasSubstr("--worker-user: worker_user: must be a user of this machine")));
}

TEST(Settings, WorkersOfOtherMachinesTakeAllThatTheirPortNeeds) {
  ResolvedSettings resolved;
  Settings& settings = resolved.settings;
  settings.data_dir = "/data";
  settings.worker = "/bin/true";
  settings.workers_listen = {"0.0.0.0", 50052};
  EXPECT_THAT(Problems(CheckForServing(resolved)), ElementsAre("--workers-listen: workers.listen: takes TLS, and certificates of workers: "
                                                               "give tls.cert, tls.key, workers.client_ca"));
  settings.workers_client_ca = "/none";
  EXPECT_THAT(Problems(CheckForServing(resolved)), ElementsAre(HasSubstr("give tls.cert, tls.key")));
  settings.workers_listen.reset();
  settings.workers_local = "queries";
  EXPECT_THAT(Problems(CheckForServing(resolved)),
              ElementsAre("--workers-client-ca: workers.client_ca: is of no use without workers.listen, the port that it is for",
                          "--workers-local: workers.local: queries leaves no worker for jobs without workers.listen"));
  settings.workers_listen = settings.listen;
  EXPECT_THAT(
      Problems(CheckForServing(resolved)),
      ElementsAre(HasSubstr("give tls.cert, tls.key"), HasSubstr("127.0.0.1:50051 is what listen is; each needs a port of its own")));
}

TEST(Settings, TheirAuthorityIsCheckedByItsOwnName) {
  const testing::TempFolder folder;
  const std::string cert = folder.path() + "/server.pem", key = folder.path() + "/server.key";
  const std::string authority = folder.path() + "/workers.pem", clients = folder.path() + "/clients.pem";
  const auto make = [&](const std::string& to, const std::string& its_key) {
    return std::system(absl::StrCat("openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj /CN=server -keyout ",
                                    its_key, " -out ", to, " 2>/dev/null")
                           .c_str());
  };
  ASSERT_EQ(make(cert, key), 0);
  ASSERT_EQ(make(authority, folder.path() + "/workers.key"), 0);
  ResolvedSettings resolved;
  resolved.settings.data_dir = "/data";
  resolved.settings.worker = "/bin/true";
  resolved.settings.tls.cert = cert;
  resolved.settings.tls.key = key;
  resolved.settings.workers_listen = {"0.0.0.0", 50052};
  resolved.settings.workers_client_ca = key;
  EXPECT_THAT(Problems(CheckForServing(resolved)),
              ElementsAre(absl::StrCat("--workers-listen: workers.listen: workers.client_ca: ", key, " holds no certificate in PEM")));
  resolved.settings.workers_client_ca = authority;
  EXPECT_THAT(Problems(CheckForServing(resolved)), IsEmpty());

  // One that signs others as well.
  resolved.settings.workers_client_ca = cert;
  EXPECT_THAT(Problems(CheckForServing(resolved)),
              ElementsAre(HasSubstr(absl::StrCat("workers.client_ca: ", cert, " holds the same as tls.cert: "))));
  std::filesystem::copy_file(authority, clients);
  resolved.settings.tls.client_ca = clients;
  resolved.settings.workers_client_ca = authority;
  EXPECT_THAT(Problems(CheckForServing(resolved)),
              ElementsAre(HasSubstr(absl::StrCat("workers.client_ca: ", authority, " holds the same as tls.client_ca: "))));
}

// It is written over what is there, and removed when the daemon stops.
TEST(Settings, AReadyFileReplacesNothingInTheDataFolder) {
  testing::TempFolder folder;
  const std::string data = folder.path() + "/data", left = data + "/left.json", notes = data + "/notes";
  ResolvedSettings resolved;
  resolved.settings.worker = "/bin/true";
  resolved.settings.data_dir = data + "/";
  const auto problems = [&](const std::string& path) {
    resolved.settings.ready_file = path;
    return Problems(CheckForServing(resolved));
  };
  EXPECT_THAT(problems(data + "/ready.json"), IsEmpty()) << "the folder is made";
  EXPECT_THAT(problems(data + "/sliceflow.db"),
              ElementsAre(HasSubstr("--ready-file: ready_file: must be a name that the data folder has for nothing else")));
  std::filesystem::create_directories(data + "/blobs");
  std::filesystem::create_directory_symlink(data, folder.path() + "/other");
  std::ofstream(notes) << "mine";
  std::ofstream(left) << R"({"grpc": "127.0.0.1:1", "pid": 1})";
  for (const std::string& good : {data + "/ready.json", left, folder.path() + "/sliceflow.db", folder.path() + "/other/ready"}) {
    EXPECT_THAT(problems(good), IsEmpty()) << good;
  }
  for (const std::string& bad :
       {data + "/sliceflow.db", data + "/sliceflow.db-wal", data + "/lock", data + "/reserve", data + "/audit.jsonl", data + "/blobs",
        data + "/blobs/ready", data + "/blobs/../lock", folder.path() + "/other/lock"}) {
    EXPECT_THAT(problems(bad), ElementsAre(HasSubstr("\"" + bad + "\" is none")));
  }
  EXPECT_THAT(problems(notes), ElementsAre(HasSubstr("must not replace something else in the data folder; \"" + notes)));
}

TEST(SettingsTable, EveryDefaultIsAValueThatIsTaken) {
  std::set<std::string> flags;
  for (const Setting& setting : AllSettings()) {
    Settings settings;
    EXPECT_TRUE(setting.read(setting.write(settings), settings).ok()) << setting.name;
    EXPECT_TRUE(flags.insert(setting.Flag()).second) << setting.name;
  }
}

TEST(SettingsTable, IsThePageOfDocumentation) {
  std::ifstream file(std::string(SLICEFLOW_SOURCE_DIR) + "/docs/operations.md");
  std::ostringstream page;
  page << file.rdbuf();
  EXPECT_THAT(page.str(), HasSubstr(SettingsAsMarkdown())) << "the table is what `sliceflowd config table` prints";
}

}  // namespace
}  // namespace sliceflow::daemon
