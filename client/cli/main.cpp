// sliceflow: the command-line client.
#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <iostream>
#include <sstream>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/strip.h"
#include "client/cli/arguments.h"
#include "client/cli/commands.h"
#include "client/cli/errors.h"
#include "common/version.h"

namespace {

constexpr char kFooter[] = R"(
Data go to standard output, messages to standard error.
Exit codes: 0 success; 1 the job that was watched failed or was cancelled; 2 wrong usage, or a file or standard output that cannot be
read or written; 3 no server answers; 4 refused: by the server, or because the job file is wrong; 130 Ctrl-C (a job that was watched
goes on).)";

bool HasFlag(int argc, char** argv, const std::string& flag) { return std::find(argv, argv + argc, flag) != argv + argc; }

// What ended the parsing: help or the version that was asked for, or wrong usage.
int ReportParsing(const CLI::App& app, const CLI::ParseError& error, bool json) {
  sliceflow::cli::Console console;
  console.Configure({.json = json});
  std::ostringstream data, message;
  if (app.exit(error, data, message) == 0) {
    console.Data(absl::StripSuffix(data.str(), "\n"));
    return console.output_failed() ? sliceflow::cli::kExitUsage : sliceflow::cli::kExitSuccess;
  }
  if (json) return ReportUsage(console, absl::InvalidArgumentError(error.what()));
  console.Message(absl::StripSuffix(message.str(), "\n"));
  return sliceflow::cli::kExitUsage;
}

}  // namespace

int main(int argc, char** argv) {
  using sliceflow::cli::Context;
  // A reader that goes away ends the writing, not the program in the middle of it.
  std::signal(SIGPIPE, SIG_IGN);
  // gRPC's own log is for those who ask for it.
  setenv("GRPC_VERBOSITY", "NONE", /*overwrite=*/0);
  Context context;
  sliceflow::cli::ConsoleOptions console;
  bool no_color = false;
  CLI::App app("Submit sliced-Wasserstein gradient flows to a sliceflow server and follow them.", "sliceflow");
  app.footer(kFooter);
  app.fallthrough();
  app.require_subcommand(0, 1);
  app.set_version_flag("--version", std::string(sliceflow::Version()));
  app.add_option("--server", context.server, "host:port of the server (default 127.0.0.1:50051)")
      ->envname("SLICEFLOW_SERVER")
      ->check(sliceflow::cli::ServerAddress());
  app.add_option("--token-file", context.token_file, "File with the token to show to the server (default: the variable SLICEFLOW_TOKEN)")
      ->envname("SLICEFLOW_TOKEN_FILE");
  app.add_flag("--tls", context.security.tls, "Encrypt, and trust the certificates that this system trusts");
  app.add_option("--tls-ca", context.security.ca_file, "Encrypt, and trust a server whose certificate one of these has signed (PEM)")
      ->envname("SLICEFLOW_TLS_CA");
  app.add_option("--tls-cert", context.security.cert_file, "One's own certificate, for a server that asks for one (PEM)");
  app.add_option("--tls-key", context.security.key_file, "The key of --tls-cert (PEM)");
  app.add_flag("--insecure", context.security.insecure, "Allow to send the token to another machine in the clear");
  app.add_option("--timeout", context.timeout_seconds, "Seconds that one call may take (default 30; 600 for samples and tables)")
      ->check(sliceflow::cli::Seconds(false));
  app.add_flag("--json", console.json, "Print the contract's JSON; one line an event when streaming");
  app.add_flag("--no-color", no_color, "No colours; so does the environment variable NO_COLOR");
  sliceflow::cli::AddSubmitCommands(app, context);
  sliceflow::cli::AddForkCommand(app, context);
  sliceflow::cli::AddWatchCommand(app, context);
  sliceflow::cli::AddRaceCommand(app, context);
  sliceflow::cli::AddJobCommands(app, context);
  sliceflow::cli::AddControlCommands(app, context);
  sliceflow::cli::AddShareCommands(app, context);
  sliceflow::cli::AddDataCommands(app, context);
  sliceflow::cli::AddExportCommand(app, context);
  sliceflow::cli::AddDistanceCommand(app, context);
  sliceflow::cli::AddExpressionCommand(app, context);
  sliceflow::cli::AddCompletionCommand(app, context);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return ReportParsing(app, error, HasFlag(argc, argv, "--json"));
  }
  if (!context.run) {
    std::cerr << app.help();
    return sliceflow::cli::kExitUsage;
  }
  console.color = !no_color;
  context.console.Configure(console);
  if (const absl::Status status = context.OpenChannel(); !status.ok()) return ReportUsage(context.console, status);
  const int code = context.run();
  return context.console.output_failed() ? sliceflow::cli::kExitUsage : code;
}
