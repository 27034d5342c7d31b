// share and unshare.
#include <memory>

#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "absl/time/time.h"
#include "client/cli/commands.h"
#include "client/cli/describe.h"
#include "client/cli/errors.h"
#include "client/cli/source_text.h"

namespace sliceflow::cli {
namespace {

struct ShareArguments {
  std::string job;
  std::string page;  // the dashboard's address; empty: the token alone is told
  std::string lasts = "168h";
};

int Share(Context& context, const ShareArguments& arguments) {
  absl::Duration ttl;
  if (!absl::ParseDuration(arguments.lasts, &ttl) || ttl <= absl::ZeroDuration()) {
    return ReportError(context,
                       absl::InvalidArgumentError(absl::StrCat("--lasts ", Printable(arguments.lasts), ": must be such as 168h or 30m")));
  }
  v1::ShareJobRequest request;
  request.set_name(FullName("jobs", arguments.job));
  request.mutable_ttl()->set_seconds(absl::ToInt64Seconds(ttl));
  const absl::StatusOr<v1::ShareJobResponse> shared = context.MakeClient().ShareJob(request);
  if (!shared.ok()) return ReportError(context, shared.status());
  if (context.console.json()) {
    context.console.Json(*shared, false);
    return kExitSuccess;
  }
  const std::string place = absl::StrCat("#/", request.name(), "?link=", shared->token());
  const std::string page(absl::StripSuffix(arguments.page, "/"));
  context.console.Data(absl::StrCat(page.empty() ? shared->token() : absl::StrCat(page, "/", place), "\n"));
  context.console.Message(absl::StrCat("Whoever has it may look at ", request.name(), " until ", TimeText(shared->expire_time()),
                                       "; sliceflow unshare ", request.name(), " ends it before."));
  return kExitSuccess;
}

int Unshare(Context& context, const std::string& name) {
  v1::UnshareJobRequest request;
  request.set_name(FullName("jobs", name));
  const absl::StatusOr<v1::UnshareJobResponse> ended = context.MakeClient().UnshareJob(request);
  if (!ended.ok()) return ReportError(context, ended.status());
  if (context.console.json()) {
    context.console.Json(*ended, false);
  } else {
    context.console.Message(absl::StrCat(request.name(), ": ", ended->ended_links(), " links ended"));
  }
  return kExitSuccess;
}

}  // namespace

void AddShareCommands(CLI::App& app, Context& context) {
  auto shared = std::make_shared<ShareArguments>();
  CLI::App* share = app.add_subcommand("share", "Make a link that shows one job, and nothing else, until it expires");
  share->add_option("JOB", shared->job, "jobs/ID or ID")->required();
  share->add_option("--lasts", shared->lasts, "How long it counts, such as 30m or 168h, at most 2160h")->capture_default_str();
  share->add_option("--page", shared->page,
                    "Address of the dashboard, such as https://flows.example: the whole link is printed, not the token alone");
  share->callback([&context, shared] { context.run = [&context, shared] { return Share(context, *shared); }; });

  auto ended = std::make_shared<std::string>();
  CLI::App* unshare = app.add_subcommand("unshare", "End all links to a job");
  unshare->add_option("JOB", *ended, "jobs/ID or ID")->required();
  unshare->callback([&context, ended] { context.run = [&context, ended] { return Unshare(context, *ended); }; });
}

}  // namespace sliceflow::cli
