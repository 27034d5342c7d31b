// The program's commands. Each function adds its commands to the parser; the one that is called sets `context.run`.
#pragma once

#include <CLI/CLI.hpp>

#include <functional>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "client/cli/console.h"
#include "client/cpp/channel.h"
#include "client/cpp/client.h"

namespace sliceflow::cli {

struct Context {
  std::string server = "127.0.0.1:50051";
  double timeout_seconds = 0;  // 0: the client library's own
  client::ChannelOptions security;
  std::string token_file;  // empty: the token is that of SLICEFLOW_TOKEN, where it is set
  Console console;
  // What the command line asks for; answers the exit code.
  std::function<int()> run;

  // Reads the token and the files of the options; an error is one of usage. Before `run`.
  absl::Status OpenChannel();
  client::Client MakeClient() const;
  // One whose calls take no longer than `timeout`, for what is worth little waiting.
  client::Client MakeHastyClient(absl::Duration timeout) const;

 private:
  std::shared_ptr<grpc::Channel> channel_;
};

void AddSubmitCommands(CLI::App& app, Context& context);     // submit, validate
void AddForkCommand(CLI::App& app, Context& context);        // fork
void AddWatchCommand(CLI::App& app, Context& context);       // watch
void AddRaceCommand(CLI::App& app, Context& context);        // race
void AddJobCommands(CLI::App& app, Context& context);        // get, list
void AddControlCommands(CLI::App& app, Context& context);    // cancel, pause, resume, delete, undelete, info
void AddShareCommands(CLI::App& app, Context& context);      // share, unshare
void AddDataCommands(CLI::App& app, Context& context);       // sample, density, upload, datasets
void AddExportCommand(CLI::App& app, Context& context);      // export
void AddDistanceCommand(CLI::App& app, Context& context);    // distance
void AddExpressionCommand(CLI::App& app, Context& context);  // check-expression
void AddCompletionCommand(CLI::App& app, Context& context);  // completion

struct WatchArguments {
  std::string job;
  int64_t after = 0;
  std::string save_samples;  // a .npz; empty for none
  double patience_seconds = 120;
};

// Follows a job to its end, as `watch` and `submit --watch` do.
int RunWatch(Context& context, const WatchArguments& arguments);

}  // namespace sliceflow::cli
