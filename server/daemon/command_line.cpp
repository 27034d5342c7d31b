#include "server/daemon/command_line.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <iostream>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/filesystem.h"
#include "common/version.h"
#include "server/daemon/settings_table.h"

namespace sliceflow::daemon {
namespace {

constexpr char kConfigVariable[] = "SLICEFLOWD_CONFIG";

// The settings' flags, each with its place in the table.
std::vector<std::pair<const Setting*, CLI::Option*>> AddSettings(CLI::App& program) {
  std::vector<std::pair<const Setting*, CLI::Option*>> flags;
  const Settings defaults;
  for (const Setting& setting : AllSettings()) {
    CLI::Option* const option = setting.is_switch
                                    ? program.add_flag(setting.Flag(), setting.help)
                                    : program.add_option(setting.Flag(), CLI::callback_t([](const auto&) { return true; }), setting.help);
    option->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);
    if (!setting.is_switch) option->type_name(setting.takes)->default_str(setting.write(defaults));
    flags.emplace_back(&setting, option);
  }
  return flags;
}

void ReadFile(const std::string& path, GivenSettings& given) {
  if (path.empty()) return;
  const absl::StatusOr<std::string> text = RealFileSystem().ReadFile(path);
  if (text.ok()) return AddFile(*text, path, given);
  given.problems.push_back(absl::StrCat("--config: ", std::string(text.status().message())));
}

}  // namespace

int Fail(const absl::Status& status, int exit_code) {
  std::cerr << std::string(status.message()) << "\n";
  return exit_code;
}

int RunProgram(int argc, char** argv) {
  // What is stored or backed up is its owner's alone, whatever the shell's habit.
  umask(S_IRWXG | S_IRWXO);
  CLI::App program{
      "Computes sliced-Wasserstein gradient flows as jobs and serves them over gRPC.\n"
      "A flag goes before the environment, the environment before the file of --config."};
  program.set_version_flag("--version", std::string(Version()));
  program.fallthrough();
  program.require_subcommand(0, 1);
  std::string config;
  program.add_option("--config", config, "File of settings, in YAML")->type_name("FILE")->envname(kConfigVariable);
  const auto flags = AddSettings(program);
  std::vector<Command> commands;
  AddServeCommand(program, commands);
  AddHealthCommand(program, commands);
  AddConfigCommands(program, commands);
  AddBackupCommands(program, commands);
  AddTokenCommands(program, commands);
  try {
    program.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return program.exit(error) == 0 ? kSuccess : kUsage;
  }

  GivenSettings given;
  ReadFile(config, given);
  AddEnvironment(environ, given);
  for (const auto& [setting, option] : flags) {
    if (option->count() > 0) given.values.push_back({setting->name, option->results().back(), setting->Flag()});
  }
  const absl::StatusOr<ResolvedSettings> resolved = ResolveSettings(given);
  if (!resolved.ok()) return Fail(resolved.status(), kUsage);
  const auto named = std::find_if(commands.begin(), commands.end(), [](const Command& command) { return command.app->parsed(); });
  return named == commands.end() ? Serve(*resolved) : named->run(*resolved);
}

}  // namespace sliceflow::daemon
