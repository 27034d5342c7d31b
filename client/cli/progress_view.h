// A job's progress drawn in a terminal.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "client/cli/console.h"
#include "client/cpp/watch.h"
#include "common/tensor.h"
#include "sliceflow/v1/job.pb.h"

namespace sliceflow::cli {

// What is shown. Not thread-safe.
struct ProgressState {
  v1::Job job;
  std::optional<v1::StepReport> last_step;
  std::optional<v1::InnerProgress> inner;
  std::vector<double> energies;      // of the steps seen
  std::vector<double> step_seconds;  // of the steps seen, step 0 left out
  std::optional<Tensor> samples;
  std::string notice;  // such as a lost connection; empty otherwise

  // Takes an update of a watch in.
  void Apply(const client::WatchUpdate& update);
  // Share of the job that is done, inner iterations counted, in [0, 1].
  double Fraction() const;
  // What is left at the mean pace of the steps seen; nothing before the first step.
  std::optional<absl::Duration> Remaining() const;
};

struct ViewSize {
  int width = 80;
  int height = 24;
};

// The lines of the drawing, none wider than `size.width`, fewer than `size.height`. A pure function of its arguments.
std::vector<std::string> RenderProgress(const ProgressState& state, absl::Duration elapsed, const ViewSize& size, bool color);

// Draws in place on standard error. Not thread-safe.
class ProgressView {
 public:
  // `console` outlives the view.
  explicit ProgressView(Console& console) : console_(console) {}
  // Restores the cursor.
  ~ProgressView();
  void Redraw(const ProgressState& state, absl::Duration elapsed);
  // A line that stays above the drawing.
  void Print(const std::string& line);

 private:
  void Erase();

  Console& console_;
  int drawn_lines_ = 0;
  bool cursor_hidden_ = false;
};

}  // namespace sliceflow::cli
