// get and list.
#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "client/cli/arguments.h"
#include "client/cli/commands.h"
#include "client/cli/describe.h"
#include "client/cli/errors.h"
#include "client/cli/yaml_text.h"

namespace sliceflow::cli {
namespace {

constexpr int kPageSize = 200;

struct ListArguments {
  std::string filter;
  std::string order_by;
  int limit = 50;
  bool deleted = false;
};

// Empty too where the server says nothing of its devices: the job itself is what was asked for.
std::string WhyWaiting(client::Client& client, const v1::Job& job) {
  if (job.state() != v1::Job::QUEUED) return "";
  const absl::StatusOr<v1::ServerInfo> server = client.GetServerInfo();
  return server.ok() ? WhyItWaits(job, *server) : "";
}

int Get(Context& context, const std::string& name) {
  v1::GetJobRequest request;
  request.set_name(FullName("jobs", name));
  client::Client client = context.MakeClient();
  absl::StatusOr<v1::Job> job = client.GetJob(request);
  if (!job.ok()) return ReportError(context, job.status());
  if (context.console.json()) {
    context.console.Json(*job, false);
  } else {
    context.console.Data(absl::StrCat(JobText(*job, WhyWaiting(client, *job)), "\n\n", YamlText("spec", job->spec())));
  }
  return kExitSuccess;
}

// Pages until `limit` jobs are there.
absl::StatusOr<v1::ListJobsResponse> ListUpTo(client::Client& client, const ListArguments& arguments) {
  v1::ListJobsResponse all;
  v1::ListJobsRequest request;
  request.set_filter(arguments.filter);
  request.set_order_by(arguments.order_by);
  request.set_show_deleted(arguments.deleted);
  do {
    request.set_page_size(std::min(kPageSize, arguments.limit - all.jobs_size()));
    absl::StatusOr<v1::ListJobsResponse> page = client.ListJobs(request);
    if (!page.ok()) return page.status();
    all.mutable_jobs()->MergeFrom(page->jobs());
    request.set_page_token(page->next_page_token());
  } while (!request.page_token().empty() && all.jobs_size() < arguments.limit);
  all.set_next_page_token(request.page_token());
  return all;
}

int List(Context& context, const ListArguments& arguments) {
  client::Client client = context.MakeClient();
  absl::StatusOr<v1::ListJobsResponse> jobs = ListUpTo(client, arguments);
  if (!jobs.ok()) return ReportError(context, jobs.status());
  if (context.console.json()) {
    context.console.Json(*jobs, false);
    return kExitSuccess;
  }
  context.console.Data(JobTable({jobs->jobs().begin(), jobs->jobs().end()}));
  if (!jobs->next_page_token().empty()) context.console.Message("there are more; see --limit");
  return kExitSuccess;
}

}  // namespace

void AddJobCommands(CLI::App& app, Context& context) {
  auto name = std::make_shared<std::string>();
  CLI::App* get = app.add_subcommand("get", "Show a job and its specification, defaults filled in; with --json all of it");
  get->add_option("JOB", *name, "jobs/ID or ID")->required();
  get->callback([&context, name] { context.run = [&context, name] { return Get(context, *name); }; });

  auto arguments = std::make_shared<ListArguments>();
  CLI::App* list = app.add_subcommand("list", "List jobs, newest first");
  list->add_option("--filter", arguments->filter, "Such as: state = RUNNING AND labels.team = \"a\"");
  list->add_option("--order-by", arguments->order_by, "\"create_time desc\" (default) or create_time");
  list->add_option("--limit", arguments->limit, "At most so many (default 50)")->transform(WholeNumber<int>(1));
  list->add_flag("--deleted", arguments->deleted, "Deleted jobs too");
  list->callback([&context, arguments] { context.run = [&context, arguments] { return List(context, *arguments); }; });
}

}  // namespace sliceflow::cli
