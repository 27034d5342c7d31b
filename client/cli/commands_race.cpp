// race.
#include <algorithm>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "client/cli/arguments.h"
#include "client/cli/commands.h"
#include "client/cli/errors.h"
#include "client/cli/interrupt.h"
#include "client/cli/job_file.h"
#include "client/cli/race.h"
#include "common/clock.h"
#include "common/errors.h"
#include "common/stop_latch.h"

namespace sliceflow::cli {
namespace {

struct RaceArguments {
  std::string file;
  std::string solvers;
  double seconds = 60;
  std::string metric;
};

// The kinds of a `kind` oneof as job files name them, in the contract's order.
std::vector<std::string> KindsOf(const google::protobuf::Descriptor& message) {
  std::vector<std::string> names;
  const google::protobuf::OneofDescriptor& kinds = *message.FindOneofByName("kind");
  for (int i = 0; i < kinds.field_count(); ++i) names.push_back(kinds.field(i)->json_name());
  return names;
}

std::string KindOf(const google::protobuf::Message& message) {
  const auto* set = message.GetReflection()->GetOneofFieldDescriptor(message, message.GetDescriptor()->FindOneofByName("kind"));
  return set == nullptr ? "" : std::string(set->json_name());
}

// The kind with its defaults; what is already of that kind keeps its parameters.
void SetKind(google::protobuf::Message& message, const std::string& kind) {
  if (KindOf(message) == kind) return;
  message.GetReflection()->MutableMessage(&message, message.GetDescriptor()->FindFieldByCamelcaseName(kind));
}

absl::StatusOr<std::vector<std::string>> ReadSolvers(const std::string& text) {
  const std::vector<std::string> known = KindsOf(*v1::Solver::descriptor());
  std::vector<std::string> solvers;
  std::set<std::string> seen;
  for (const absl::string_view part : absl::StrSplit(text, ',')) {
    const std::string solver(absl::StripAsciiWhitespace(part));
    if (std::find(known.begin(), known.end(), solver) == known.end()) {
      return absl::InvalidArgumentError(absl::StrCat("--solvers: there is no '", solver, "'; there are ", absl::StrJoin(known, ", ")));
    }
    if (!seen.insert(solver).second) return absl::InvalidArgumentError(absl::StrCat("--solvers: ", solver, " is named twice"));
    solvers.push_back(solver);
  }
  return solvers;
}

absl::Status NoSuchFigure(const std::string& metric, const std::vector<std::string>& names) {
  return absl::InvalidArgumentError(absl::StrCat("--metric: steps have no '", metric, "'; they have ", absl::StrJoin(names, ", ")));
}

absl::Status CheckMetric(const std::string& metric, const v1::FlowSpec& spec) {
  const std::vector<std::string> names = FiguresOf(spec);
  const bool known = metric.empty() || std::find(names.begin(), names.end(), metric) != names.end();
  return known ? absl::OkStatus() : NoSuchFigure(metric, names);
}

// Why no model goes with a solver: with the file's own, and with the one that takes away most of what stands against that.
class Obstacles {
 public:
  explicit Obstacles(absl::Status own) : own_(std::move(own)), nearest_remain_(ViolationsOf(own_).size()) {}

  void Add(const std::string& model, const absl::Status& refusal) {
    const std::vector<FieldViolation> violations = ViolationsOf(refusal);
    const auto remain =
        static_cast<size_t>(std::count_if(violations.begin(), violations.end(), [this](const auto& v) { return IsOwn(v); }));
    const bool nearer = remain < nearest_remain_ || (remain == nearest_remain_ && !model_.empty() && violations.size() < nearest_.size());
    if (!nearer) return;
    model_ = model;
    nearest_ = violations;
    nearest_remain_ = remain;
  }

  absl::Status ToStatus(const std::string& solver) const {
    FieldViolations all;
    for (const FieldViolation& violation : ViolationsOf(own_)) all.Add(violation.field, violation.description);
    const size_t own = all.all().size();
    for (const FieldViolation& violation : nearest_) {
      if (IsOwn(violation)) continue;
      all.Add(violation.field, absl::StrCat("with spec.solver ", solver, " and spec.model ", model_, ": ", violation.description));
    }
    return all.all().size() == own ? own_ : all.ToStatus(own_.code());
  }

 private:
  bool IsOwn(const FieldViolation& violation) const {
    const std::vector<FieldViolation> own = ViolationsOf(own_);
    return std::any_of(own.begin(), own.end(), [&](const FieldViolation& other) {
      return other.field == violation.field && other.description == violation.description;
    });
  }

  absl::Status own_;
  std::string model_;  // of the nearest
  std::vector<FieldViolation> nearest_;
  size_t nearest_remain_;  // how many of the own stand against the nearest
};

class Race {
 public:
  Race(Context& context, const RaceArguments& arguments) : context_(context), arguments_(arguments), client_(context.MakeClient()) {}

  int Run(const v1::Job& file, const std::vector<std::string>& solvers) {
    for (const std::string& solver : solvers) {
      if (absl::Status status = Enter(file, solver); !status.ok()) return ReportError(context_, status);
    }
    InterruptGuard guard;
    for (RaceLane& lane : lanes_) {
      if (const int code = RunLane(lane); code != kExitSuccess) return code;
    }
    Print();
    const auto failed = [](const RaceLane& lane) { return lane.job.state() == v1::Job::FAILED; };
    return std::any_of(lanes_.begin(), lanes_.end(), failed) ? kExitJobFailed : kExitSuccess;
  }

 private:
  absl::StatusOr<v1::Job> Check(const v1::Job& job) {
    v1::CreateJobRequest request;
    *request.mutable_job() = job;
    request.set_validate_only(true);
    return client_.CreateJob(std::move(request));
  }

  // Which model goes with which solver and functional is the server's to say: the file's own is tried first, then each kind with its defaults.
  absl::Status Enter(const v1::Job& file, const std::string& solver) {
    v1::Job job = file;
    SetKind(*job.mutable_spec()->mutable_solver(), solver);
    absl::StatusOr<v1::Job> checked = Check(job);
    const bool own_model = checked.ok();
    Obstacles obstacles(checked.status());
    for (const std::string& model : KindsOf(*v1::Model::descriptor())) {
      if (checked.ok()) break;
      if (ExitCodeOf(checked.status()) != kExitRefused) return checked.status();
      job.mutable_spec()->clear_model();
      SetKind(*job.mutable_spec()->mutable_model(), model);
      checked = Check(job);
      obstacles.Add(model, checked.status());
    }
    if (!checked.ok()) return obstacles.ToStatus(solver);
    lanes_.push_back({.solver = solver, .model = KindOf(checked->spec().model()), .own_model = own_model, .job = std::move(job)});
    return absl::OkStatus();
  }

  int RunLane(RaceLane& lane) {
    Say(absl::StrCat(lane.solver, ": model ", lane.model, lane.own_model ? "" : ", as the file's does not fit"));
    v1::CreateJobRequest request;
    *request.mutable_job() = lane.job;
    absl::StatusOr<v1::Job> job = client_.CreateJob(std::move(request));
    if (!job.ok()) return ReportError(context_, job.status());
    lane.job = *std::move(job);
    const absl::Status followed = Follow(lane);
    const absl::Status ended = End(lane);
    if (!followed.ok()) return ReportUsage(context_.console, followed);
    if (!ended.ok()) return ReportError(context_, ended);
    Say(absl::StrCat(lane.solver, ": ", v1::Job::State_Name(lane.job.state()),
                     lane.job.has_error() ? absl::StrCat(": ", lane.job.error().message()) : ""));
    return Interrupted().triggered() ? kExitInterrupted : kExitSuccess;
  }

  // Up to the end of the job, the time, or Ctrl-C. The time runs from when a worker has the job.
  absl::Status Follow(RaceLane& lane) {
    StopLatch over;
    absl::Duration until = absl::InfiniteDuration();
    client::WatchOptions options;
    options.stop = &over;
    options.on_idle = [&] {
      if (Interrupted().triggered() || Uptime() >= until) over.Trigger();
    };
    const absl::StatusOr<client::WatchEnd> end = client_.Watch(lane.job.name(), options, [&](const client::WatchUpdate& update) {
      const v1::JobEvent& event = update.response.event();
      if (event.state_changed().state() == v1::Job::RUNNING && until == absl::InfiniteDuration()) {
        until = Uptime() + absl::Seconds(arguments_.seconds);
      }
      return event.has_step_completed() ? Take(event.step_completed().report(), lane) : absl::OkStatus();
    });
    return end.status();
  }

  absl::Status Take(const v1::StepReport& report, RaceLane& lane) {
    if (metric_.empty()) metric_ = RaceMetric(report, arguments_.metric);
    if (AddPoint(report, metric_, lane)) return absl::OkStatus();
    return NoSuchFigure(metric_, FiguresOf(lane.job.spec()));
  }

  // Cancels what still runs and waits for its end, so that the next lane has the machine to itself.
  absl::Status End(RaceLane& lane) {
    v1::CancelJobRequest cancel;
    cancel.set_name(lane.job.name());
    // Refused where the job has ended by itself.
    if (absl::StatusOr<v1::Job> job = client_.CancelJob(cancel); !job.ok() && ExitCodeOf(job.status()) != kExitRefused) return job.status();
    const absl::StatusOr<client::WatchEnd> end =
        client_.Watch(lane.job.name(), {}, [](const client::WatchUpdate&) { return absl::OkStatus(); });
    if (!end.ok()) return end.status();
    v1::GetJobRequest get;
    get.set_name(lane.job.name());
    absl::StatusOr<v1::Job> job = client_.GetJob(get);
    if (!job.ok()) return job.status();
    lane.job = *std::move(job);
    return absl::OkStatus();
  }

  void Say(const std::string& line) {
    if (!context_.console.json()) context_.console.Message(line);
  }

  void Print() {
    if (context_.console.json()) {
      context_.console.Json(RaceJson(lanes_, metric_, arguments_.seconds), false);
    } else {
      context_.console.Data(RaceTable(lanes_, metric_, arguments_.seconds));
    }
  }

  Context& context_;
  const RaceArguments& arguments_;
  client::Client client_;
  std::vector<RaceLane> lanes_;
  std::string metric_;
};

int RunRace(Context& context, const RaceArguments& arguments) {
  const absl::StatusOr<std::vector<std::string>> solvers = ReadSolvers(arguments.solvers);
  if (!solvers.ok()) return ReportUsage(context.console, solvers.status());
  absl::StatusOr<JobFile> file = ReadJobFile(arguments.file);
  if (!file.ok()) return ReportUsage(context.console, file.status());
  if (!file->reading.problems.empty()) return ReportBadJobFile(context, *file);
  if (absl::Status status = CheckMetric(arguments.metric, file->job.spec()); !status.ok()) return ReportUsage(context.console, status);
  return Race(context, arguments).Run(file->job, *solvers);
}

}  // namespace

void AddRaceCommand(CLI::App& app, Context& context) {
  auto arguments = std::make_shared<RaceArguments>();
  CLI::App* race = app.add_subcommand("race", "Run a job file with several solvers, each for as long, and compare their errors");
  race->add_option("FILE", arguments->file, "Job file in YAML or JSON; - is standard input")->required();
  race->add_option("--solvers", arguments->solvers,
                   absl::StrCat("With commas between: ", absl::StrJoin(KindsOf(*v1::Solver::descriptor()), ", ")))
      ->required();
  race->add_option("--seconds", arguments->seconds, "How long each may run (default 60)")->check(Seconds(false));
  race->add_option(
      "--metric", arguments->metric,
      "Figure to compare (default: closed_form_symmetric_kl, kl_to_target or target_distance where the job has it, else energy)");
  race->callback([&context, arguments] { context.run = [&context, arguments] { return RunRace(context, *arguments); }; });
}

}  // namespace sliceflow::cli
