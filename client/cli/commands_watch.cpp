// watch.
#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/time/clock.h"
#include "client/cli/arguments.h"
#include "client/cli/commands.h"
#include "client/cli/describe.h"
#include "client/cli/errors.h"
#include "client/cli/interrupt.h"
#include "client/cli/progress_view.h"
#include "client/cli/source_text.h"
#include "client/cli/table_files.h"
#include "common/clock.h"
#include "common/table/npy.h"

namespace sliceflow::cli {
namespace {

// Points enough for a drawing of some thousand dots.
constexpr int kDrawnSamples = 1000;
// A job that waits longer is asked about: one whose turn it is, and the past that a watch begins with, are through sooner.
constexpr absl::Duration kWaitsLong = absl::Seconds(1);
constexpr absl::Duration kBetweenQuestions = absl::Seconds(10);
constexpr absl::Duration kQuestionTimeout = absl::Seconds(2);

// The samples of the steps seen, for --save-samples.
class SampleArchive {
 public:
  void Add(const client::WatchUpdate& update) {
    if (!update.samples) return;
    const v1::StepReport& report = update.response.event().step_completed().report();
    members_.push_back({absl::StrFormat("step_%04d", report.step()), table::WriteNpy(*update.samples)});
    times_.push_back(report.wasserstein_time());
    sliced_times_.push_back(report.sliced_time());
    energies_.push_back(report.energy());
  }

  size_t steps() const { return members_.size(); }

  absl::Status Write(const std::string& path) {
    std::vector<NpzMember> members = std::move(members_);
    members.push_back({"times", EncodeNpy(times_)});
    members.push_back({"sliced_times", EncodeNpy(sliced_times_)});
    members.push_back({"energies", EncodeNpy(energies_)});
    return WriteArchive(path, members);
  }

 private:
  std::vector<NpzMember> members_;
  std::vector<double> times_, sliced_times_, energies_;
};

std::string WhyLost(const absl::Status& reason) {
  return client::IsUnreachable(reason) ? WhyUnreachable(reason) : std::string(reason.message());
}

std::string PauseText(absl::Duration pause) { return absl::StrFormat("%.1f s", absl::ToDoubleSeconds(pause)); }

class Watch {
 public:
  Watch(Context& context, const WatchArguments& arguments, v1::Job job)
      : context_(context), console_(context.console), arguments_(arguments), started_(Uptime()) {
    state_.job = std::move(job);
    // Events before `--after` are not seen again; the others are counted as they come.
    if (arguments.after == 0) state_.job.mutable_progress()->set_completed_steps(0);
    if (console_.live()) view_.emplace(console_);
  }

  int Run(client::Client& client) {
    InterruptGuard guard;
    client::WatchOptions options;
    options.after_sequence = arguments_.after;
    options.sample_limit = !arguments_.save_samples.empty() ? -1 : view_ ? kDrawnSamples : 0;
    options.include_inner_progress = view_.has_value() || console_.json();
    options.patience = absl::Seconds(arguments_.patience_seconds);
    options.stop = &Interrupted();
    options.on_idle = [this] {
      AskWhyItWaits();
      Draw(false);
    };
    options.on_lost = [this](const absl::Status& reason, absl::Duration pause) { Lost(reason, pause); };
    absl::StatusOr<client::WatchEnd> end =
        client.Watch(state_.job.name(), options, [this](const client::WatchUpdate& update) { return Take(update); });
    Draw(true);
    const int saved = Save();
    if (console_.output_closed()) return kExitSuccess;
    if (!end.ok()) return Failed(end.status());
    if (end->stopped) return Stopped(*end);
    if (saved != kExitSuccess) return saved;
    return end->state == v1::Job::SUCCEEDED ? kExitSuccess : kExitJobFailed;
  }

 private:
  absl::Status Take(const client::WatchUpdate& update) {
    state_.Apply(update);
    why_waiting_.clear();
    next_question_ = Uptime() + kWaitsLong;
    if (update.response.has_event() && update.response.event().sequence() > 0) last_sequence_ = update.response.event().sequence();
    if (!arguments_.save_samples.empty()) archive_.Add(update);
    if (console_.json()) {
      console_.Json(update.response, true);
    } else if (view_) {
      ShowInView(update);
    } else {
      ShowAsLine(update);
    }
    return console_.output_closed() ? absl::CancelledError("nobody reads the output") : absl::OkStatus();
  }

  // Told once for as long as it stays the same.
  void AskWhyItWaits() {
    if (console_.json() || state_.job.state() != v1::Job::QUEUED || Uptime() < next_question_) return;
    const absl::StatusOr<v1::ServerInfo> server = context_.MakeHastyClient(kQuestionTimeout).GetServerInfo();
    next_question_ = Uptime() + kBetweenQuestions;
    if (!server.ok()) return;  // a lost connection is the watch's to tell
    std::string why = WhyItWaits(state_.job, *server);
    if (why == why_waiting_) return;
    why_waiting_ = std::move(why);
    if (view_) {
      state_.notice = why_waiting_;
    } else if (!why_waiting_.empty()) {
      console_.Message(Printable(why_waiting_));
    }
  }

  void ShowInView(const client::WatchUpdate& update) {
    const v1::JobEvent& event = update.response.event();
    const bool stays = event.has_log() || (event.has_state_changed() && event.state_changed().state() == v1::Job::FAILED);
    if (stays) view_->Print(EventLine(event, state_.job.progress().total_steps()));
    Draw(stays);
  }

  void ShowAsLine(const client::WatchUpdate& update) {
    if (update.response.has_compacted()) {
      console_.Message(absl::StrCat("events before ", update.response.compacted().earliest_sequence(), " are no longer kept"));
    }
    const std::string line = EventLine(update.response.event(), state_.job.progress().total_steps());
    if (!line.empty()) console_.Data(line);
  }

  // At most about ten frames a second.
  void Draw(bool now) {
    if (!view_) return;
    const absl::Duration time = Uptime();
    if (!now && time - drawn_ < absl::Milliseconds(90)) return;
    drawn_ = time;
    view_->Redraw(state_, Elapsed());
  }

  // Of the job where its start is known, else of the watch.
  absl::Duration Elapsed() const {
    if (!state_.job.has_start_time() && !state_.job.has_create_time()) return Uptime() - started_;
    const auto& since = state_.job.has_start_time() ? state_.job.start_time() : state_.job.create_time();
    const absl::Time until = state_.job.has_end_time() ? absl::FromUnixSeconds(state_.job.end_time().seconds()) : absl::Now();
    return std::max(absl::ZeroDuration(), until - absl::FromUnixSeconds(since.seconds()));  // two clocks, which may be set
  }

  void Lost(const absl::Status& reason, absl::Duration pause) {
    state_.notice = absl::StrCat("connection lost, trying again: ", WhyLost(reason));
    if (view_) return Draw(true);
    if (!std::exchange(said_lost_, true))
      console_.Message(absl::StrCat("connection lost (", WhyLost(reason), "), trying again in ", PauseText(pause)));
  }

  std::string ComeBack() const { return absl::StrCat("sliceflow watch ", state_.job.name(), " --after ", last_sequence_); }

  int Stopped(const client::WatchEnd& end) {
    last_sequence_ = end.last_sequence;
    console_.Message(absl::StrCat("the job goes on; come back with: ", ComeBack()));
    return kExitInterrupted;
  }

  int Failed(const absl::Status& status) {
    const ExitCode code = ReportError(context_, status);
    if (code == kExitUnreachable) console_.Message(absl::StrCat("the job goes on when the server does; come back with: ", ComeBack()));
    return code;
  }

  int Save() {
    if (arguments_.save_samples.empty()) return kExitSuccess;
    const size_t steps = archive_.steps();
    absl::Status status = archive_.Write(arguments_.save_samples);
    if (!status.ok()) return ReportUsage(console_, status);
    console_.Message(absl::StrCat("samples of ", steps, " steps are in ", arguments_.save_samples));
    return kExitSuccess;
  }

  Context& context_;
  Console& console_;
  const WatchArguments& arguments_;
  const absl::Duration started_;  // of Uptime, as the next
  absl::Duration drawn_ = -absl::InfiniteDuration();
  ProgressState state_;
  SampleArchive archive_;
  std::optional<ProgressView> view_;
  int64_t last_sequence_ = 0;
  std::string why_waiting_;  // as it was told last
  absl::Duration next_question_ = Uptime() + kWaitsLong;
  bool said_lost_ = false;
};

absl::Status CheckArguments(const WatchArguments& arguments) {
  if (arguments.save_samples.empty()) return absl::OkStatus();
  if (!absl::EndsWith(arguments.save_samples, ".npz")) return absl::InvalidArgumentError("--save-samples: the name must end in .npz");
  return CheckOutputName(arguments.save_samples);
}

}  // namespace

int RunWatch(Context& context, const WatchArguments& arguments) {
  if (absl::Status status = CheckArguments(arguments); !status.ok()) return ReportUsage(context.console, status);
  client::Client client = context.MakeClient();
  v1::GetJobRequest request;
  request.set_name(FullName("jobs", arguments.job));
  absl::StatusOr<v1::Job> job = client.GetJob(request);
  if (!job.ok()) return ReportError(context, job.status());
  return Watch(context, arguments, *std::move(job)).Run(client);
}

void AddWatchCommand(CLI::App& app, Context& context) {
  auto arguments = std::make_shared<WatchArguments>();
  CLI::App* watch = app.add_subcommand("watch", "Follow a job to its end; Ctrl-C leaves it running");
  watch->add_option("JOB", arguments->job, "jobs/ID or ID")->required();
  watch->add_option("--after", arguments->after, "The last sequence already seen (default 0: from the beginning)")
      ->transform(WholeNumber<int64_t>(0));
  watch->add_option("--save-samples", arguments->save_samples,
                    "Keep the samples of the steps seen in this .npz: step_0000, step_0001, ..., times, sliced_times, energies");
  watch->add_option("--patience", arguments->patience_seconds, "Seconds to go on trying while no server answers (default 120)")
      ->check(Seconds(true));
  watch->callback([&context, arguments] { context.run = [&context, arguments] { return RunWatch(context, *arguments); }; });
}

}  // namespace sliceflow::cli
