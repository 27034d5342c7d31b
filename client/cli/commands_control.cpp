// cancel, delete and info.
#include <memory>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "client/cli/commands.h"
#include "client/cli/describe.h"
#include "client/cli/errors.h"
#include "client/cli/source_text.h"

namespace sliceflow::cli {
namespace {

int Cancel(Context& context, const std::string& name) {
  v1::CancelJobRequest request;
  request.set_name(FullName("jobs", name));
  absl::StatusOr<v1::Job> job = context.MakeClient().CancelJob(request);
  if (!job.ok()) return ReportError(context, job.status());
  if (context.console.json()) {
    context.console.Json(*job, false);
  } else {
    context.console.Message(absl::StrCat(job->name(), " is ", v1::Job::State_Name(job->state())));
  }
  return kExitSuccess;
}

absl::Status DeleteByName(client::Client client, const std::string& name) {
  if (absl::StartsWith(name, "datasets/")) {
    v1::DeleteDatasetRequest request;
    request.set_name(name);
    return client.DeleteDataset(request);
  }
  v1::DeleteJobRequest request;
  request.set_name(name);
  return client.DeleteJob(request);
}

int Delete(Context& context, const std::string& short_name) {
  const std::string name = FullName("jobs", short_name);
  absl::Status status = DeleteByName(context.MakeClient(), name);
  if (!status.ok()) {
    const int code = ReportError(context, status);
    const bool may_be_data = absl::IsNotFound(status) && name != short_name && !context.console.json();
    if (may_be_data) context.console.Message(absl::StrCat("a data set is removed with: sliceflow delete datasets/", Printable(short_name)));
    return code;
  }
  if (context.console.json()) {
    context.console.Data("{}");
  } else {
    context.console.Message(absl::StrCat(name, " is deleted"));
  }
  return kExitSuccess;
}

int Info(Context& context) {
  absl::StatusOr<v1::ServerInfo> info = context.MakeClient().GetServerInfo();
  if (!info.ok()) return ReportError(context, info.status());
  if (context.console.json()) {
    context.console.Json(*info, false);
  } else {
    context.console.Data(ServerText(*info));
  }
  return kExitSuccess;
}

}  // namespace

void AddControlCommands(CLI::App& app, Context& context) {
  auto cancelled = std::make_shared<std::string>();
  CLI::App* cancel = app.add_subcommand("cancel", "Stop a job; its steps are kept");
  cancel->add_option("JOB", *cancelled, "jobs/ID or ID")->required();
  cancel->callback([&context, cancelled] { context.run = [&context, cancelled] { return Cancel(context, *cancelled); }; });

  auto deleted = std::make_shared<std::string>();
  CLI::App* remove = app.add_subcommand("delete", "Remove a job that has ended, with its samples, or a data set");
  remove->add_option("NAME", *deleted, "jobs/ID, ID or datasets/ID")->required();
  remove->callback([&context, deleted] { context.run = [&context, deleted] { return Delete(context, *deleted); }; });

  CLI::App* info = app.add_subcommand("info", "Show the server's version, devices, limits and what it can compute");
  info->callback([&context] { context.run = [&context] { return Info(context); }; });
}

}  // namespace sliceflow::cli
