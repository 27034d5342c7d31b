// fork.
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "client/cli/arguments.h"
#include "client/cli/commands.h"
#include "client/cli/describe.h"
#include "client/cli/errors.h"
#include "client/cli/job_file.h"

namespace sliceflow::cli {
namespace {

struct ForkArguments {
  std::string job;
  std::optional<int> step;
  std::string file;
  std::string display_name;
  std::vector<std::string> labels;
  std::string request_id;
  bool validate = false;
  bool watch = false;
};

// What the file says, and over it what the command line says.
void Apply(const ForkArguments& arguments, v1::ForkJobRequest& request) {
  request.set_name(FullName("jobs", arguments.job));
  if (arguments.step.has_value()) request.set_step(*arguments.step);
  if (!arguments.display_name.empty()) request.set_display_name(arguments.display_name);
  for (const std::string& label : arguments.labels) {
    const std::pair<std::string, std::string> parts = absl::StrSplit(label, absl::MaxSplits('=', 1));
    (*request.mutable_labels())[parts.first] = parts.second;
  }
  if (!arguments.request_id.empty()) request.set_request_id(arguments.request_id);
  request.set_validate_only(arguments.validate);
}

int Show(Context& context, const ForkArguments& arguments, const v1::Job& job) {
  if (context.console.json()) {
    context.console.Json(job, arguments.watch);
  } else {
    context.console.Data(arguments.validate ? ValidationText(job) : job.name());
  }
  if (!arguments.watch) return kExitSuccess;
  return RunWatch(context, {.job = job.name()});
}

int Fork(Context& context, const ForkArguments& arguments) {
  ForkFile file{{SourceText("", ""), {}}, {}};
  if (!arguments.file.empty()) {
    absl::StatusOr<ForkFile> read = ReadForkFile(arguments.file);
    if (!read.ok()) return ReportUsage(context.console, read.status());
    file = *std::move(read);
  }
  Apply(arguments, file.request);
  if (!file.reading.problems.empty()) {
    file.request.set_validate_only(true);
    return ReportBadFile(context, file, [&](client::Client& client) { return client.ForkJob(file.request).status(); });
  }
  if (!context.console.json()) PrintProblems(context.console, file, file.reading.ignored);
  const absl::StatusOr<v1::Job> job = context.MakeClient().ForkJob(file.request);
  if (job.ok()) return Show(context, arguments, *job);
  return arguments.file.empty() ? ReportError(context, job.status()) : ReportRefusal(context, file, job.status());
}

CLI::Validator Label() {
  return CLI::Validator(
      [](std::string& text) -> std::string {
        return text.find('=') == std::string::npos ? absl::StrCat("must be KEY=VALUE; it is '", text, "'") : "";
      },
      "");
}

}  // namespace

void AddForkCommand(CLI::App& app, Context& context) {
  auto arguments = std::make_shared<ForkArguments>();
  CLI::App* fork = app.add_subcommand("fork", "Begin a new job at a kept step of another, with parts of its specification replaced");
  fork->add_option("JOB", arguments->job, "jobs/ID or ID")->required();
  fork->add_option("--step", arguments->step, "The kept step to begin at (default: the newest)")->transform(WholeNumber<int>(0));
  fork->add_option("--file", arguments->file,
                   "What is replaced, in YAML or JSON: overrides with functional, solver, schedule, output or seed; - is standard input");
  fork->add_option("--name", arguments->display_name, "Title of the new job");
  fork->add_option("--label", arguments->labels, "KEY=VALUE, as often as wanted")->check(Label())->allow_extra_args(false);
  fork->add_option("--request-id", arguments->request_id, "The same id with the same fork answers with the job that exists");
  CLI::Option* validate = fork->add_flag("--validate", arguments->validate, "Only have the server check it; nothing is created");
  fork->add_flag("--watch", arguments->watch, "Follow the new job to its end")->excludes(validate);
  fork->callback([&context, arguments] { context.run = [&context, arguments] { return Fork(context, *arguments); }; });
}

}  // namespace sliceflow::cli
