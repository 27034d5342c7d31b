// cancel, pause, resume, delete, undelete and info.
#include <memory>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "client/cli/commands.h"
#include "client/cli/describe.h"
#include "client/cli/errors.h"
#include "client/cli/source_text.h"

namespace sliceflow::cli {
namespace {

// Says where the job is after a command that steers it.
int ReportState(Context& context, const absl::StatusOr<v1::Job>& job) {
  if (!job.ok()) return ReportError(context, job.status());
  if (context.console.json()) {
    context.console.Json(*job, false);
  } else {
    context.console.Message(absl::StrCat(job->name(), " is ", v1::Job::State_Name(job->state())));
  }
  return kExitSuccess;
}

int Cancel(Context& context, const std::string& name) {
  v1::CancelJobRequest request;
  request.set_name(FullName("jobs", name));
  return ReportState(context, context.MakeClient().CancelJob(request));
}

int Pause(Context& context, const std::string& name) {
  v1::PauseJobRequest request;
  request.set_name(FullName("jobs", name));
  return ReportState(context, context.MakeClient().PauseJob(request));
}

int Resume(Context& context, const std::string& name) {
  v1::ResumeJobRequest request;
  request.set_name(FullName("jobs", name));
  return ReportState(context, context.MakeClient().ResumeJob(request));
}

// A command that takes the name of one job.
void AddJobCommand(CLI::App& app, Context& context, const char* name, const char* description,
                   int (*command)(Context& context, const std::string& name)) {
  auto job = std::make_shared<std::string>();
  CLI::App* added = app.add_subcommand(name, description);
  added->add_option("JOB", *job, "jobs/ID or ID")->required();
  added->callback([&context, job, command] { context.run = [&context, job, command] { return command(context, *job); }; });
}

struct DeleteArguments {
  std::string name;
  bool purge = false;
  std::string owner;
};

int DeleteDataset(Context& context, const std::string& name, const std::string& owner) {
  v1::DeleteDatasetRequest request;
  request.set_name(name);
  request.set_owner(owner);
  const absl::Status status = context.MakeClient().DeleteDataset(request);
  if (!status.ok()) return ReportError(context, status);
  if (context.console.json()) {
    context.console.Data("{}");
  } else {
    context.console.Message(absl::StrCat(name, " is deleted"));
  }
  return kExitSuccess;
}

// "jobs/… is deleted; until … it can be taken back with: sliceflow undelete jobs/…".
std::string DeletedText(const v1::Job& job, bool purged) {
  if (purged) return absl::StrCat(job.name(), " is gone for good");
  return absl::StrCat(job.name(), " is deleted; until ", TimeText(job.purge_time()), " it can be taken back: sliceflow undelete ",
                      job.name());
}

int Delete(Context& context, const DeleteArguments& arguments) {
  const std::string name = FullName("jobs", arguments.name);
  if (absl::StartsWith(name, "datasets/")) return DeleteDataset(context, name, arguments.owner);
  v1::DeleteJobRequest request;
  request.set_name(name);
  request.set_purge(arguments.purge);
  const absl::StatusOr<v1::Job> job = context.MakeClient().DeleteJob(request);
  if (!job.ok()) {
    const int code = ReportError(context, job.status());
    const bool may_be_data = absl::IsNotFound(job.status()) && name != arguments.name && !context.console.json();
    if (may_be_data) {
      context.console.Message(absl::StrCat("a data set is removed with: sliceflow delete datasets/", Printable(arguments.name)));
    }
    return code;
  }
  if (context.console.json()) {
    context.console.Json(*job, false);
  } else {
    context.console.Message(DeletedText(*job, arguments.purge));
  }
  return kExitSuccess;
}

int Undelete(Context& context, const std::string& name) {
  v1::UndeleteJobRequest request;
  request.set_name(FullName("jobs", name));
  const absl::StatusOr<v1::Job> job = context.MakeClient().UndeleteJob(request);
  if (!job.ok()) return ReportError(context, job.status());
  if (context.console.json()) {
    context.console.Json(*job, false);
  } else {
    context.console.Message(absl::StrCat(job->name(), " is back: ", v1::Job::State_Name(job->state())));
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
  AddJobCommand(app, context, "cancel", "Stop a job; its steps are kept", Cancel);
  AddJobCommand(app, context, "pause", "Set a job aside at its last completed step", Pause);
  AddJobCommand(app, context, "resume", "Take a paused job up again", Resume);

  auto deleted = std::make_shared<DeleteArguments>();
  CLI::App* remove = app.add_subcommand("delete", "Delete a job that has ended, which can be undeleted for a time, or a data set");
  remove->add_option("NAME", deleted->name, "jobs/ID, ID or datasets/ID")->required();
  remove->add_flag("--purge", deleted->purge, "Remove a job at once and for good, with its samples");
  remove->add_option("--owner", deleted->owner, "Whose data set it is (default: one's own); for admins");
  remove->callback([&context, deleted] { context.run = [&context, deleted] { return Delete(context, *deleted); }; });

  auto taken_back = std::make_shared<std::string>();
  CLI::App* undelete = app.add_subcommand("undelete", "Take a deleted job back");
  undelete->add_option("JOB", *taken_back, "jobs/ID or ID")->required();
  undelete->callback([&context, taken_back] { context.run = [&context, taken_back] { return Undelete(context, *taken_back); }; });

  CLI::App* info = app.add_subcommand("info", "Show the server's version, devices, limits and what it can compute");
  info->callback([&context] { context.run = [&context] { return Info(context); }; });
}

}  // namespace sliceflow::cli
