// sliceflowd as a program of subcommands.
#pragma once

#include <CLI/CLI.hpp>
#include <functional>
#include <string>
#include <vector>

#include "server/daemon/settings.h"

namespace sliceflow::daemon {

// Exit codes of every command.
inline constexpr int kSuccess = 0;
inline constexpr int kFailure = 1;
inline constexpr int kUsage = 2;  // wrong flags or settings

// A subcommand that has been declared. `run` is called when the program was started with it, after all flags were parsed and all settings
// read: it answers the exit code.
struct Command {
  CLI::App* app;
  std::function<int(const ResolvedSettings& resolved)> run;
};

// Each is defined in the file of its command, declares it with the flags that are its own (the settings' flags are every command's), and
// adds it to the list.
void AddServeCommand(CLI::App& program, std::vector<Command>& commands);
void AddHealthCommand(CLI::App& program, std::vector<Command>& commands);
void AddConfigCommands(CLI::App& program, std::vector<Command>& commands);
void AddBackupCommands(CLI::App& program, std::vector<Command>& commands);
void AddTokenCommands(CLI::App& program, std::vector<Command>& commands);

// Serves: what `sliceflowd` does without a subcommand.
int Serve(const ResolvedSettings& resolved);

// Tells a failure on standard error and answers the exit code for it.
int Fail(const absl::Status& status, int exit_code = kFailure);

// Everything that `main` does.
int RunProgram(int argc, char** argv);

}  // namespace sliceflow::daemon
