// submit and validate.
#include <memory>
#include <utility>
#include <vector>

#include "client/cli/commands.h"
#include "client/cli/describe.h"
#include "client/cli/errors.h"
#include "client/cli/job_file.h"

namespace sliceflow::cli {
namespace {

struct SubmitArguments {
  std::string file;
  std::string request_id;
  bool watch = false;
  WatchArguments watching;
};

// Reads the file and sends it. On success calls `done` with the server's job.
int Send(Context& context, const SubmitArguments& arguments, bool validate_only, const std::function<int(const v1::Job&)>& done) {
  absl::StatusOr<JobFile> file = ReadJobFile(arguments.file);
  if (!file.ok()) return ReportUsage(context.console, file.status());
  if (!file->reading.problems.empty()) return ReportBadJobFile(context, *file);
  if (!context.console.json()) PrintProblems(context.console, *file, file->reading.ignored);
  v1::CreateJobRequest request;
  *request.mutable_job() = file->job;
  request.set_request_id(arguments.request_id);
  request.set_validate_only(validate_only);
  absl::StatusOr<v1::Job> job = context.MakeClient().CreateJob(std::move(request));
  if (!job.ok()) return ReportRefusal(context, *file, job.status());
  return done(*job);
}

int Submit(Context& context, const SubmitArguments& arguments) {
  return Send(context, arguments, false, [&](const v1::Job& job) -> int {
    if (context.console.json()) {
      context.console.Json(job, arguments.watch);
    } else {
      context.console.Data(job.name());
    }
    if (!arguments.watch) return kExitSuccess;
    WatchArguments watching = arguments.watching;
    watching.job = job.name();
    return RunWatch(context, watching);
  });
}

int Validate(Context& context, const SubmitArguments& arguments) {
  return Send(context, arguments, true, [&](const v1::Job& job) -> int {
    if (context.console.json()) {
      context.console.Json(job, false);
    } else {
      context.console.Data(ValidationText(job));
    }
    return kExitSuccess;
  });
}

}  // namespace

void AddSubmitCommands(CLI::App& app, Context& context) {
  auto arguments = std::make_shared<SubmitArguments>();
  CLI::App* submit = app.add_subcommand("submit", "Submit a job file and print the job's name");
  submit->add_option("FILE", arguments->file, "Job file in YAML or JSON; - is standard input")->required();
  submit->add_flag("--watch", arguments->watch, "Follow the job to its end");
  submit->add_option("--request-id", arguments->request_id, "The same id with the same job answers with the job that exists");
  submit->add_option("--save-samples", arguments->watching.save_samples, "With --watch: keep the samples of all steps in this .npz");
  submit->callback([&context, arguments] {
    if (!arguments->watching.save_samples.empty()) arguments->watch = true;
    context.run = [&context, arguments] { return Submit(context, *arguments); };
  });

  auto checked = std::make_shared<SubmitArguments>();
  CLI::App* validate = app.add_subcommand("validate", "Have the server check a job file; nothing is created");
  validate->add_option("FILE", checked->file, "Job file in YAML or JSON; - is standard input")->required();
  validate->callback([&context, checked] { context.run = [&context, checked] { return Validate(context, *checked); }; });
}

}  // namespace sliceflow::cli
