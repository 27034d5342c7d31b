#include "client/cli/progress_view.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "client/cli/braille.h"
#include "client/cli/describe.h"
#include "client/cli/source_text.h"

namespace sliceflow::cli {
namespace {

constexpr absl::string_view kPlain = "\x1b[0m";
constexpr int kMaxPlotColumns = 56;
constexpr int kMaxPlotRows = 14;

std::string Paint(absl::string_view text, absl::string_view code, bool color) {
  return color ? absl::StrCat("\x1b[", code, "m", text, kPlain) : std::string(text);
}

// ▏▎▍▌▋▊▉█: a bar in eighths of a character.
std::string Bar(double fraction, int width) {
  static constexpr const char* kEighths[] = {"", "▏", "▎", "▍", "▌", "▋", "▊", "▉"};
  const int eighths = static_cast<int>(std::floor(std::clamp(fraction, 0.0, 1.0) * width * 8));
  std::string bar;
  for (int i = 0; i < eighths / 8; ++i) bar += "█";
  bar += kEighths[eighths % 8];
  const int used = eighths / 8 + (eighths % 8 != 0 ? 1 : 0);
  for (int i = used; i < width; ++i) bar += "·";
  return bar;
}

// ▁▂▃▄▅▆▇█: the last values, lowest to highest.
std::string Sparkline(const std::vector<double>& values, int width) {
  static constexpr const char* kBlocks[] = {"▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
  const size_t begin = values.size() > static_cast<size_t>(width) ? values.size() - width : 0;
  if (values.size() - begin < 2) return "";
  const auto [low, high] = std::minmax_element(values.begin() + begin, values.end());
  std::string line;
  for (size_t i = begin; i < values.size(); ++i) {
    const double share = *high > *low ? (values[i] - *low) / (*high - *low) : 0;
    line += std::isfinite(share) ? kBlocks[static_cast<int>(std::lround(share * 7))] : "?";
  }
  return line;
}

absl::string_view StateColor(v1::Job::State state) {
  switch (state) {
    case v1::Job::SUCCEEDED:
      return "32";
    case v1::Job::FAILED:
    case v1::Job::CANCELLED:
      return "31";
    default:
      return "36";
  }
}

// Lines are cut before they are painted, since escape sequences take no columns.
class Lines {
 public:
  Lines(int width, bool color) : width_(width), color_(color) {}
  void Add(absl::string_view text, absl::string_view code = "") {
    const std::string fitted(FitWidth(text, width_));
    lines_.push_back(code.empty() ? fitted : Paint(fitted, code, color_));
  }
  void AddRaw(std::string line) { lines_.push_back(std::move(line)); }
  std::vector<std::string> Take() { return std::move(lines_); }
  int size() const { return static_cast<int>(lines_.size()); }

 private:
  int width_;
  bool color_;
  std::vector<std::string> lines_;
};

std::string StepsLine(const ProgressState& state, int width) {
  std::string tail = absl::StrFormat(" %d/%d steps", state.job.progress().completed_steps(), state.job.progress().total_steps());
  if (state.inner)
    absl::StrAppend(&tail, ", step ", state.inner->step(), ": ", state.inner->iteration(), "/", state.inner->total_iterations());
  const int bar = std::clamp(width - DisplayWidth(tail) - 2, 4, 40);
  return absl::StrCat("[", Bar(state.Fraction(), bar), "]", tail);
}

std::string EnergyLine(const ProgressState& state, int width) {
  std::string line = absl::StrCat("energy ", Number(state.last_step->energy()), " ± ", Number(state.last_step->energy_standard_error()));
  const int room = std::min(width - DisplayWidth(line) - 2, 24);
  const std::string spark = room > 2 ? Sparkline(state.energies, room) : "";
  return spark.empty() ? line : absl::StrCat(line, "  ", spark);
}

std::string TimesLine(const ProgressState& state) {
  return absl::StrCat("time ", Number(state.last_step->wasserstein_time()), " (Wasserstein clock), ",
                      Number(state.last_step->sliced_time()), " (sliced clock)");
}

void AddStep(const ProgressState& state, int width, Lines* lines) {
  const v1::StepReport& step = *state.last_step;
  lines->Add(EnergyLine(state, width));
  lines->Add(TimesLine(state));
  if (step.has_energy_inequality()) lines->Add(InequalityText(step.energy_inequality()), step.energy_inequality().holds() ? "" : "33");
  if (!step.converged()) lines->Add("the step did not converge: more iterations or a larger learning rate may help", "33");
  if (step.metrics_size() > 0) lines->Add(MetricsText(step));
}

void AddPlot(const Tensor& samples, const ViewSize& size, bool color, Lines* lines) {
  const int rows = std::min(kMaxPlotRows, size.height - lines->size() - 3);
  const int columns = std::min(kMaxPlotColumns, size.width);
  if (rows < 4 || columns < 8) return;
  const PlotBox box = FitBox(samples, columns, rows);
  for (std::string& row : DrawPoints(samples, box, columns, rows, color)) lines->AddRaw(std::move(row));
  std::string caption = absl::StrFormat("x₁ %.3g … %.3g", box.left, box.right);
  if (samples.shape[1] > 1) absl::StrAppendFormat(&caption, "   x₂ %.3g … %.3g", box.bottom, box.top);
  if (samples.shape[1] > 2) absl::StrAppend(&caption, "   (2 of ", samples.shape[1], " coordinates)");
  lines->Add(caption, "2");
}

}  // namespace

void ProgressState::Apply(const client::WatchUpdate& update) {
  notice.clear();
  if (update.response.has_snapshot()) job = update.response.snapshot();
  const v1::JobEvent& event = update.response.event();
  if (event.sequence() > 0) job.mutable_progress()->set_last_sequence(event.sequence());
  if (event.has_state_changed()) job.set_state(event.state_changed().state());
  if (event.has_inner_progress()) inner = event.inner_progress();
  if (!event.has_step_completed()) return;
  const v1::StepReport& report = event.step_completed().report();
  last_step = report;
  inner.reset();
  energies.push_back(report.energy());
  if (report.step() > 0) step_seconds.push_back(report.seconds());
  job.mutable_progress()->set_completed_steps(report.step());
  if (update.samples) samples = update.samples;
}

double ProgressState::Fraction() const {
  const int total = job.progress().total_steps();
  if (total <= 0) return 0;
  double done = job.progress().completed_steps();
  if (inner && inner->total_iterations() > 0) done += std::min(1.0, static_cast<double>(inner->iteration()) / inner->total_iterations());
  return std::min(1.0, done / total);
}

std::optional<absl::Duration> ProgressState::Remaining() const {
  if (step_seconds.empty() || client::IsFinal(job.state())) return std::nullopt;
  const double mean = std::accumulate(step_seconds.begin(), step_seconds.end(), 0.0) / static_cast<double>(step_seconds.size());
  return absl::Seconds(mean * (1 - Fraction()) * job.progress().total_steps());
}

std::vector<std::string> RenderProgress(const ProgressState& state, absl::Duration elapsed, const ViewSize& size, bool color) {
  Lines lines(size.width, color);
  const std::string title = Printable(state.job.display_name());
  lines.Add(title.empty() ? state.job.name() : absl::StrCat(title, "  ", state.job.name()), "1");
  std::string clock = absl::StrCat(v1::Job::State_Name(state.job.state()), "  ", Clock(elapsed));
  if (const auto left = state.Remaining()) absl::StrAppend(&clock, ", about ", Clock(*left), " left");
  lines.Add(clock, StateColor(state.job.state()));
  lines.Add(StepsLine(state, size.width));
  if (state.last_step) AddStep(state, size.width, &lines);
  if (!state.notice.empty()) lines.Add(Printable(state.notice), "33");
  const bool has_points = state.samples && state.samples->shape.size() == 2 && state.samples->rows() > 0;
  if (has_points) AddPlot(*state.samples, size, color, &lines);
  std::vector<std::string> all = lines.Take();
  if (static_cast<int>(all.size()) >= size.height) all.resize(std::max(size.height - 1, 1));
  return all;
}

ProgressView::~ProgressView() {
  if (cursor_hidden_) console_.Draw("\x1b[?25h");
}

void ProgressView::Erase() {
  if (drawn_lines_ > 0) console_.Draw(absl::StrCat("\x1b[", drawn_lines_, "A\r\x1b[J"));
  drawn_lines_ = 0;
}

void ProgressView::Redraw(const ProgressState& state, absl::Duration elapsed) {
  const std::vector<std::string> lines = RenderProgress(state, elapsed, {console_.width(), console_.height()}, console_.color());
  // One write a frame, so that the terminal never shows half of one.
  std::string frame = cursor_hidden_ ? "" : "\x1b[?25l";
  cursor_hidden_ = true;
  if (drawn_lines_ > 0) absl::StrAppend(&frame, "\x1b[", drawn_lines_, "A\r");
  for (const std::string& line : lines) absl::StrAppend(&frame, line, "\x1b[K\n");
  absl::StrAppend(&frame, "\x1b[J");
  console_.Draw(frame);
  drawn_lines_ = static_cast<int>(lines.size());
}

void ProgressView::Print(const std::string& line) {
  Erase();
  console_.Message(line);
}

}  // namespace sliceflow::cli
