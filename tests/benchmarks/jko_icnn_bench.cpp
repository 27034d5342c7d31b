// JKO-ICNN at its published settings (two layers of width 64, 1024 samples, 500 iterations a step, steps of 0.05): an iteration of the first
// step against the same written plainly with LibTorch, and the eighteenth step, where t = 0.9, against the first. What is compared takes turns
// in one process, so that the machine's clock meets both; medians are reported.
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/strings/str_cat.h"
#include "common/stop_latch.h"
#include "server/engine/flow.h"
#include "server/engine/flow_spec.h"
#include "tests/benchmarks/plain_icnn.h"
#include "tests/benchmarks/report.h"
#include "tests/unit/engine/specs.h"

namespace sliceflow::benchmarks {
namespace {

constexpr int kLayers = 2, kWidth = 64, kLastStep = 18;
constexpr int64_t kSamples = 1024;
constexpr double kStep = 0.05;
constexpr int kRounds = 6, kIterations = 12;      // of the iterations that are timed
constexpr int kFlows = 2, kStepIterations = 500;  // of the steps that are timed

using Clock = std::chrono::steady_clock;

double MillisecondsSince(Clock::time_point start) { return std::chrono::duration<double, std::milli>(Clock::now() - start).count(); }

engine::FlowSpec PublishedSettings(int dimension, int iterations, int steps) {
  engine::FlowSpec spec = engine::testing::OrnsteinUhlenbeckSpec(dimension);
  spec.model = engine::IcnnModel{.hidden_layers = kLayers, .hidden_width = kWidth};
  spec.solver = engine::JkoIcnnSolver{.inner = {.iterations = iterations, .batch_size = kSamples, .max_attempts = 1}};
  spec.sliced_step_size = kStep / dimension;
  spec.num_steps = steps;
  return spec;
}

std::unique_ptr<engine::Flow> Made(const engine::FlowSpec& spec) {
  const StopLatch never;
  absl::StatusOr<std::unique_ptr<engine::Flow>> flow = engine::Flow::Create(spec, never);
  if (flow.ok()) return *std::move(flow);
  std::fprintf(stderr, "%s\n", std::string(flow.status().message()).c_str());
  return nullptr;
}

// False where the flow broke off.
bool Advance(engine::Flow& flow, absl::FunctionRef<void(const engine::InnerProgress&)> on_iteration) {
  const StopLatch never;
  const absl::StatusOr<engine::StepResult> step = flow.Step(never, on_iteration);
  if (step.ok() && !step->termination.has_value()) return true;
  std::fprintf(stderr, "the flow broke off\n");
  return false;
}

bool CompareIterations(int dimension, Report& report) {
  PlainIcnn plain(dimension, kLayers, kWidth, kStep);
  std::vector<double> ours, plainly;
  for (int round = 0; round < kRounds; ++round) {
    const std::unique_ptr<engine::Flow> flow = Made(PublishedSettings(dimension, kIterations, 1));
    if (flow == nullptr) return false;
    Clock::time_point last;
    // Between two reports of progress lies one whole iteration.
    const auto on_iteration = [&](const engine::InnerProgress& progress) {
      if (progress.iteration > 1) ours.push_back(MillisecondsSince(last));
      last = Clock::now();
    };
    if (!Advance(*flow, on_iteration)) return false;
    for (int i = 0; i < kIterations; ++i) {
      const Clock::time_point start = Clock::now();
      plain.Iterate(kSamples);
      if (i > 0) plainly.push_back(MillisecondsSince(start));
    }
  }
  const std::string name = absl::StrCat("JKO-ICNN iteration d=", dimension);
  report.Inform(name, Median(ours), "ms");
  report.Inform(name + ": plain LibTorch", Median(plainly), "ms");
  report.AtLeast(name + ": times faster than plain LibTorch", Median(plainly) / Median(ours), 1, "ratio");
  return true;
}

// The last step of one flow is followed by the first of the next, and compared with it.
bool CompareSteps(int dimension, Report& report) {
  std::vector<double> ratios;
  double last = 0;
  for (int i = 0; i <= kFlows; ++i) {
    const std::unique_ptr<engine::Flow> flow = Made(PublishedSettings(dimension, kStepIterations, kLastStep));
    if (flow == nullptr) return false;
    for (int step = 1; step <= kLastStep; ++step) {
      const Clock::time_point start = Clock::now();
      if (!Advance(*flow, [](const engine::InnerProgress&) {})) return false;
      const double time = MillisecondsSince(start);
      if (step == 1 && i > 0) ratios.push_back(last / time);
      if (i == kFlows) break;
      last = time;
    }
  }
  report.AtMost(absl::StrCat("JKO-ICNN d=", dimension, ": step ", kLastStep, " over step 1"), Median(ratios), 1.1, "ratio");
  return true;
}

int Run(const std::string& folder) {
  engine::SetThreads(1);
  Report report("jko_icnn");
  for (const int dimension : {2, 12}) {
    if (!CompareIterations(dimension, report) || !CompareSteps(dimension, report)) return 1;
  }
  return report.Write(folder) ? 0 : 1;
}

}  // namespace
}  // namespace sliceflow::benchmarks

int main(int argc, char** argv) { return sliceflow::benchmarks::Run(argc > 1 ? argv[1] : "."); }
