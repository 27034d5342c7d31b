// share and unshare.
#include <memory>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "absl/time/time.h"
#include "client/cli/commands.h"
#include "client/cli/describe.h"
#include "client/cli/errors.h"
#include "client/cli/source_text.h"

namespace sliceflow::cli {
namespace {

constexpr int64_t kMostDays = 36'500;

struct ShareArguments {
  std::string job;
  std::string page;  // the dashboard's address; empty: the token alone is told
  std::string lasts = "7d";
};

// 7d, 12h, 30m.
absl::StatusOr<absl::Duration> ReadTime(absl::string_view text) {
  absl::Duration time;
  int64_t days = 0;
  absl::string_view number = text;
  if (absl::ConsumeSuffix(&number, "d") && absl::SimpleAtoi(number, &days) && days > 0 && days <= kMostDays) return absl::Hours(24) * days;
  const bool read = absl::ParseDuration(text, &time) && time > absl::ZeroDuration() && time <= absl::Hours(24) * kMostDays;
  if (read) return time;
  return absl::InvalidArgumentError(absl::StrCat("--lasts ", Printable(text), ": must be such as 7d, 12h or 30m, and at most 90d"));
}

absl::Status CheckPage(absl::string_view page) {
  const bool is_page = page.empty() || absl::StartsWith(page, "https://") || absl::StartsWith(page, "http://");
  if (is_page && !absl::StrContains(page, '#')) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("--page ", Printable(page), ": must be the dashboard's address, such as https://flows.example"));
}

int Share(Context& context, const ShareArguments& arguments) {
  const absl::StatusOr<absl::Duration> time = ReadTime(arguments.lasts);
  if (!time.ok()) return ReportUsage(context.console, time.status());
  if (const absl::Status status = CheckPage(arguments.page); !status.ok()) return ReportUsage(context.console, status);
  v1::ShareJobRequest request;
  request.set_name(FullName("jobs", arguments.job));
  absl::Duration rest;
  request.mutable_ttl()->set_seconds(absl::IDivDuration(*time, absl::Seconds(1), &rest));
  request.mutable_ttl()->set_nanos(static_cast<int>(absl::ToInt64Nanoseconds(rest)));
  const absl::StatusOr<v1::ShareJobResponse> shared = context.MakeClient().ShareJob(request);
  if (!shared.ok()) return ReportError(context, shared.status());
  if (context.console.json()) {
    context.console.Json(*shared, false);
    return kExitSuccess;
  }
  const std::string place = absl::StrCat("#/", request.name(), "?link=", shared->token());
  const std::string page(absl::StripSuffix(arguments.page, "/"));
  context.console.Data(absl::StrCat(page.empty() ? shared->token() : absl::StrCat(page, "/", place)));
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
  share->add_option("--lasts", shared->lasts, "How long it counts, such as 30m, 12h or 7d, at most 90d")->capture_default_str();
  share->add_option("--page", shared->page,
                    "Address of the dashboard, such as https://flows.example: the whole link is printed, not the token alone");
  share->callback([&context, shared] { context.run = [&context, shared] { return Share(context, *shared); }; });

  auto ended = std::make_shared<std::string>();
  CLI::App* unshare = app.add_subcommand("unshare", "End all links to a job");
  unshare->add_option("JOB", *ended, "jobs/ID or ID")->required();
  unshare->callback([&context, ended] { context.run = [&context, ended] { return Unshare(context, *ended); }; });
}

}  // namespace sliceflow::cli
