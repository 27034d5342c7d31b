#include "client/cli/describe.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"
#include "client/cli/source_text.h"

namespace sliceflow::cli {
namespace {

std::string StateName(v1::Job::State state) { return v1::Job::State_Name(state); }

std::string Steps(const v1::Job& job) { return absl::StrCat(job.progress().completed_steps(), "/", job.progress().total_steps()); }

std::string StepLine(const v1::StepReport& report, int total_steps) {
  std::string line =
      absl::StrFormat("step %d/%d  time %s (sliced %s)  energy %s ± %s", report.step(), total_steps, Number(report.wasserstein_time()),
                      Number(report.sliced_time()), Number(report.energy()), Number(report.energy_standard_error()));
  if (report.step() > 0) absl::StrAppend(&line, "  moved² ", Number(report.distance_squared()));
  if (report.has_energy_inequality()) absl::StrAppend(&line, "  ", InequalityText(report.energy_inequality()));
  if (!report.converged()) absl::StrAppend(&line, "  not converged");
  if (report.metrics_size() > 0) absl::StrAppend(&line, "  ", MetricsText(report));
  return line + absl::StrFormat("  %.1f s", report.seconds());
}

std::string SeverityWord(v1::LogEntry::Severity severity) {
  switch (severity) {
    case v1::LogEntry::WARNING:
      return "warning: ";
    case v1::LogEntry::ERROR:
      return "error: ";
    default:
      return "note: ";
  }
}

// Names of the kinds, with their parameters and defaults.
void AppendKinds(std::string* text, absl::string_view title, const google::protobuf::RepeatedPtrField<v1::Kind>& kinds) {
  absl::StrAppend(text, title, "\n");
  for (const v1::Kind& kind : kinds) {
    absl::StrAppend(text, "  ", kind.name(), kind.description().empty() ? "" : ": ", kind.description(), "\n");
    for (const v1::Parameter& parameter : kind.parameters()) {
      absl::StrAppend(text, "      ", parameter.name(), " (", parameter.type(), ", ",
                      parameter.default_value().empty() ? "required" : "default " + parameter.default_value(), ") ",
                      parameter.description(), "\n");
    }
  }
}

}  // namespace

std::string Number(double value) { return absl::StrFormat("%.6g", value); }

std::string Clock(absl::Duration duration) {
  const int64_t seconds = std::max<int64_t>(0, absl::ToInt64Seconds(duration));
  if (seconds >= 3600) return absl::StrFormat("%d:%02d:%02d", seconds / 3600, seconds / 60 % 60, seconds % 60);
  return absl::StrFormat("%d:%02d", seconds / 60, seconds % 60);
}

std::string TimeText(const google::protobuf::Timestamp& time) {
  return absl::FormatTime("%Y-%m-%d %H:%M:%S", absl::FromUnixSeconds(time.seconds()), absl::LocalTimeZone());
}

std::string FullName(absl::string_view collection, absl::string_view name) {
  return absl::StrContains(name, '/') ? std::string(name) : absl::StrCat(collection, "/", name);
}

std::string Table(const std::vector<std::vector<std::string>>& rows) {
  std::vector<int> widths;
  for (const auto& row : rows) {
    widths.resize(std::max(widths.size(), row.size()));
    for (size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], DisplayWidth(row[i]));
  }
  std::vector<std::string> lines;
  for (const auto& row : rows) {
    std::string line;
    for (size_t i = 0; i < row.size(); ++i) absl::StrAppend(&line, row[i], std::string(widths[i] - DisplayWidth(row[i]) + 2, ' '));
    lines.emplace_back(absl::StripTrailingAsciiWhitespace(line));
  }
  return absl::StrJoin(lines, "\n");
}

namespace {

// A column behind the names where there are several owners, which only an admin sees.
template <typename Resource>
void AddOwners(const std::vector<Resource>& resources, std::vector<std::vector<std::string>>& rows) {
  const auto is_others = [&](const Resource& resource) { return resource.owner() != resources[0].owner(); };
  if (std::none_of(resources.begin(), resources.end(), is_others)) return;
  rows[0].insert(rows[0].begin() + 1, "OWNER");
  for (size_t i = 0; i < resources.size(); ++i)
    rows[i + 1].insert(rows[i + 1].begin() + 1, resources[i].owner().empty() ? "-" : Printable(resources[i].owner()));
}

}  // namespace

std::string JobTable(const std::vector<v1::Job>& jobs) {
  std::vector<std::vector<std::string>> rows = {{"NAME", "STATE", "STEPS", "ENERGY", "CREATED", "TITLE"}};
  for (const v1::Job& job : jobs) {
    const bool has_step = job.progress().has_last_step();
    rows.push_back({job.name(), absl::StrCat(StateName(job.state()), job.has_delete_time() ? " deleted" : ""), Steps(job),
                    has_step ? Number(job.progress().last_step().energy()) : "-", TimeText(job.create_time()),
                    Printable(job.display_name())});
  }
  AddOwners(jobs, rows);
  return Table(rows);
}

std::string DatasetTable(const std::vector<v1::Dataset>& datasets) {
  std::vector<std::vector<std::string>> rows = {{"NAME", "ROWS", "COLUMNS", "CREATED", "TITLE"}};
  for (const v1::Dataset& dataset : datasets) {
    rows.push_back({dataset.name(), absl::StrCat(dataset.rows()), absl::StrCat(dataset.columns()), TimeText(dataset.create_time()),
                    Printable(dataset.display_name())});
  }
  AddOwners(datasets, rows);
  return Table(rows);
}

std::string WhyItWaits(const v1::Job& job, const v1::ServerInfo& server) {
  if (job.state() != v1::Job::QUEUED) return "";
  const std::string wanted = job.device().empty() ? "any" : job.device();
  std::string problems;
  for (const v1::Device& device : server.devices()) {
    if (wanted != "any" && device.name() != wanted) continue;
    if (device.ready()) return "";
    if (!device.problem().empty()) absl::StrAppend(&problems, "; ", device.name(), ": ", device.problem());
  }
  return absl::StrCat("no worker for `", wanted, "` is attached: the job waits for one", problems);
}

std::string JobText(const v1::Job& job, absl::string_view waits) {
  std::vector<std::vector<std::string>> rows = {{"name", job.name()}};
  if (!job.display_name().empty()) rows.push_back({"title", Printable(job.display_name())});
  if (!job.owner().empty()) rows.push_back({"owner", Printable(job.owner())});
  rows.push_back({"state", StateName(job.state())});
  if (!waits.empty()) rows.push_back({"waiting", Printable(waits)});
  if (!job.run_device().empty()) {
    rows.push_back({job.state() == v1::Job::RUNNING ? "runs on" : "ran on", Printable(job.run_device())});
  }
  if (job.has_delete_time()) {
    rows.push_back({"deleted", absl::StrCat(TimeText(job.delete_time()), ", to be removed ", TimeText(job.purge_time()))});
  }
  if (job.has_fork_origin())
    rows.push_back({"forked", absl::StrCat("from step ", job.fork_origin().step(), " of ", job.fork_origin().job())});
  if (job.has_error()) rows.push_back({"error", Printable(job.error().message())});
  rows.push_back({"steps", Steps(job)});
  rows.push_back({"last sequence", absl::StrCat(job.progress().last_sequence())});
  if (job.progress().has_last_step()) {
    const v1::StepReport& step = job.progress().last_step();
    rows.push_back({"time", absl::StrCat(Number(step.wasserstein_time()), " (sliced ", Number(step.sliced_time()), ")")});
    rows.push_back({"energy", absl::StrCat(Number(step.energy()), " ± ", Number(step.energy_standard_error()))});
    if (step.has_energy_inequality()) rows.push_back({"inequality", InequalityText(step.energy_inequality())});
    rows.push_back({"converged", step.converged() ? "yes" : "no: more iterations or a larger learning rate may help"});
    if (step.metrics_size() > 0) rows.push_back({"metrics", MetricsText(step)});
  }
  rows.push_back({"dimension", absl::StrCat(job.spec().dimension())});
  rows.push_back({"created", TimeText(job.create_time())});
  if (job.has_start_time()) rows.push_back({"started", TimeText(job.start_time())});
  if (job.has_end_time()) rows.push_back({"ended", TimeText(job.end_time())});
  for (const auto& [key, value] : job.labels()) rows.push_back({"label", Printable(absl::StrCat(key, " = ", value))});
  return Table(rows);
}

std::string DatasetLine(const v1::Dataset& dataset) {
  return absl::StrCat(dataset.name(), ": ", dataset.rows(), " rows, ", dataset.columns(), " columns",
                      dataset.label_values().empty() ? "" : absl::StrCat(", labels ", absl::StrJoin(dataset.label_values(), " and ")));
}

namespace {

// `3 of 5`, or only how much where there is no bound.
std::string OfBound(int64_t used, int64_t bound) { return bound == 0 ? absl::StrCat(used) : absl::StrCat(used, " of ", bound); }

std::string CallerText(const v1::Caller& caller) {
  if (!caller.shared_job().empty()) {
    return absl::StrCat("you\n  a link of ", Printable(caller.owner()), "'s, which shows ", Printable(caller.shared_job()), "\n");
  }
  const v1::Quota& quota = caller.quota();
  const v1::Usage& usage = caller.usage();
  std::string text = absl::StrCat(
      "you\n  ", caller.owner().empty() ? "no owner: the server asks for no tokens" : Printable(caller.owner()), ", ",
      absl::AsciiStrToLower(v1::Role_Name(caller.role())), "\n  jobs running ", OfBound(usage.running_jobs(), quota.max_running_jobs()),
      ", waiting ", OfBound(usage.queued_jobs(), quota.max_queued_jobs()), ", steps to compute ",
      OfBound(usage.pending_steps(), quota.max_pending_steps()), ",\n  bytes stored ",
      OfBound(usage.stored_bytes(), quota.max_stored_bytes()), ", watches ", OfBound(usage.watches(), quota.max_watches()));
  if (quota.max_requests_per_second() > 0) absl::StrAppend(&text, ", at most ", Number(quota.max_requests_per_second()), " calls a second");
  if (caller.role() != v1::ADMIN) absl::StrAppend(&text, ", priority at most ", quota.max_priority());
  return absl::StrCat(text, "\n");
}

}  // namespace

std::string ServerText(const v1::ServerInfo& info) {
  std::string text = absl::StrCat("version ", info.version(), "\n", CallerText(info.caller()), "devices\n");
  for (const v1::Device& device : info.devices()) {
    absl::StrAppend(&text, "  ", device.name(), ": ", device.model(), device.model().empty() ? "" : ", ", device.threads(), " threads, ",
                    device.ready() ? "ready" : "no worker attached", ", ", device.running_jobs(), " jobs running\n");
  }
  if (info.devices().empty()) absl::StrAppend(&text, "  none: no worker for jobs is attached, so jobs wait for one\n");
  AppendKinds(&text, "initial distributions", info.initial_distributions());
  AppendKinds(&text, "functionals", info.functionals());
  AppendKinds(&text, "models", info.models());
  AppendKinds(&text, "solvers", info.solvers());
  AppendKinds(&text, "metrics", info.metrics());
  AppendKinds(&text, "distances", info.distances());
  const v1::Limits& limits = info.limits();
  absl::StrAppend(&text, "limits\n  dimension ", limits.max_dimension(), ", steps ", limits.max_steps(), ", particles ",
                  limits.max_particles(), ", inner iterations ", limits.max_inner_iterations(), ",\n  projections ",
                  limits.max_projections(), ", batch ", limits.max_batch_size(), ", samples ", limits.max_samples(), ",\n  upload ",
                  limits.max_upload_bytes(), " bytes, data set ", limits.max_dataset_values(), " values, active jobs ",
                  limits.max_active_jobs(), ", specification ", limits.max_spec_bytes(), " bytes");
  return text;
}

std::string ValidationText(const v1::Job& job) {
  const v1::Schedule& schedule = job.spec().schedule();
  const bool wasserstein = schedule.clock() != v1::Schedule::SLICED;
  const int dimension = std::max(job.spec().dimension(), 1);
  const int steps = job.progress().total_steps() > 0 ? job.progress().total_steps() : schedule.num_steps();
  const double sliced_step = wasserstein ? schedule.step_size() / dimension : schedule.step_size();
  const double sliced_end = sliced_step * steps;
  std::string text = absl::StrCat("valid: dimension ", job.spec().dimension());
  if (steps > 0) {
    absl::StrAppend(&text, ", ", steps, steps == 1 ? " step" : " steps", " to time ", Number(sliced_end * dimension), " (sliced ",
                    Number(sliced_end), ")");
  } else {
    absl::StrAppend(&text, ", to time ", Number(schedule.end_time() * (wasserstein ? 1 : dimension)));
  }
  absl::StrAppend(&text, ", step size ", Number(sliced_step * dimension), " (sliced ", Number(sliced_step), ")");
  return text;
}

std::string InequalityText(const v1::EnergyInequality& inequality) {
  return absl::StrCat(inequality.holds() ? "inequality holds" : "inequality VIOLATED", " (slack ", Number(inequality.slack()), " ± ",
                      Number(inequality.standard_error()), ")");
}

std::string MetricsText(const v1::StepReport& report) {
  std::vector<std::string> parts;
  for (const v1::MetricValue& metric : report.metrics()) {
    parts.push_back(absl::StrCat(metric.name(), " ", Number(metric.value()),
                                 metric.standard_error() > 0 ? " ± " + Number(metric.standard_error()) : ""));
  }
  return absl::StrJoin(parts, "  ");
}

std::string EventLine(const v1::JobEvent& event, int total_steps) {
  switch (event.kind_case()) {
    case v1::JobEvent::kStateChanged: {
      const v1::StateChanged& change = event.state_changed();
      std::string line = StateName(change.state());
      if (!change.device().empty()) absl::StrAppend(&line, " on ", Printable(change.device()));
      if (!change.reason().empty()) absl::StrAppend(&line, ": ", Printable(change.reason()));
      if (change.has_error() && change.error().message() != change.reason())
        absl::StrAppend(&line, ": ", Printable(change.error().message()));
      return line;
    }
    case v1::JobEvent::kStepCompleted:
      return StepLine(event.step_completed().report(), total_steps);
    case v1::JobEvent::kLog:
      return SeverityWord(event.log().severity()) + Printable(event.log().message());
    default:
      return "";
  }
}

}  // namespace sliceflow::cli
