// An inner iteration of SW-JKO at the published settings (RealNVP of 5 couplings of width 100 with fixed halves, 1024 samples, 1000
// directions) against the same written plainly with LibTorch: what the published code does, less its detours. Both take turns in one
// process; medians are reported.
#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <torch/csrc/autograd/autograd.h>
#include <torch/optim/adam.h>

#include <chrono>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <memory>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "common/stop_latch.h"
#include "server/engine/flow.h"
#include "server/engine/flow_spec.h"
#include "tests/benchmarks/report.h"
#include "tests/unit/engine/specs.h"

namespace sliceflow::benchmarks {
namespace {

constexpr int kDimension = 2, kCouplings = 5, kRounds = 4, kIterations = 12;
constexpr int64_t kWidth = 100, kSamples = 1024, kDirections = 1000;
constexpr double kWassersteinStep = 0.1;

using Clock = std::chrono::steady_clock;

double MillisecondsSince(Clock::time_point start) { return std::chrono::duration<double, std::milli>(Clock::now() - start).count(); }

// Affine couplings on the standard Gaussian of the plane.
class PlainFlow {
 public:
  struct Samples {
    at::Tensor x, log_density;
  };

  PlainFlow() {
    for (int i = 0; i < kCouplings; ++i) {
      for (const auto& [out, in] : {std::pair{kWidth, int64_t{1}}, std::pair{kWidth, kWidth}, std::pair{int64_t{2}, kWidth}}) {
        const double scale = i + 1 < kCouplings ? 1 / std::sqrt(static_cast<double>(in)) : 0;
        parameters_.push_back((at::randn({out, in}) * scale).requires_grad_(true));
        parameters_.push_back(at::zeros({out}).requires_grad_(true));
      }
    }
  }

  const std::vector<at::Tensor>& parameters() const { return parameters_; }

  Samples Push(const at::Tensor& z) const {
    at::Tensor x = z, log_density = z.square().sum(1) * -0.5;
    for (size_t i = 0; i < kCouplings; ++i) {
      const at::Tensor* p = &parameters_[6 * i];
      const int64_t kept = i % 2 == 0 ? 0 : 1;
      const at::Tensor stays = x.narrow(1, kept, 1);
      const at::Tensor first = at::tanh(at::addmm(p[1], stays, p[0].t()));
      const at::Tensor out = at::addmm(p[5], at::tanh(at::addmm(p[3], first, p[2].t())), p[4].t());
      const at::Tensor s = at::tanh(out.narrow(1, 0, 1) / 2) * 2;
      const at::Tensor goes = x.narrow(1, 1 - kept, 1) * s.exp() + out.narrow(1, 1, 1);
      x = kept == 0 ? at::cat({stays, goes}, 1) : at::cat({goes, stays}, 1);
      log_density = log_density - s.sum(1);
    }
    return {x, log_density};
  }

 private:
  std::vector<at::Tensor> parameters_;
};

// The problem is that of testing::OrnsteinUhlenbeckSpec: V = |x − 1|².
class PlainIteration {
 public:
  PlainIteration() : adam_(flow_.parameters(), torch::optim::AdamOptions(0.005)) {}

  double Time() {
    const auto start = Clock::now();
    const PlainFlow::Samples samples = flow_.Push(at::randn({kSamples, kDimension}));
    at::Tensor before;
    {
      const at::NoGradGuard no_graph;
      before = before_.Push(at::randn({kSamples, kDimension})).x;
    }
    const at::Tensor random = at::randn({kDirections, kDimension});
    const at::Tensor directions = random / random.norm(2, {1}, /*keepdim=*/true);
    const at::Tensor sorted = std::get<0>(at::matmul(directions, samples.x.t()).sort(1));
    const at::Tensor sorted_before = std::get<0>(at::matmul(directions, before.t()).sort(1));
    const at::Tensor energy = (samples.x - 1).square().sum(1).mean() + samples.log_density.mean();
    const at::Tensor loss = (sorted - sorted_before).square().mean() + energy * (2 * kWassersteinStep / kDimension);
    adam_.zero_grad();
    torch::autograd::backward({loss});
    adam_.step();
    return MillisecondsSince(start);
  }

 private:
  PlainFlow flow_, before_;
  torch::optim::Adam adam_;
};

engine::FlowSpec PublishedSettings() {
  engine::FlowSpec spec = engine::testing::OrnsteinUhlenbeckSpec(kDimension);
  spec.model = engine::RealNvpModel{.couplings = kCouplings, .hidden_width = kWidth, .learned_linear = false};
  spec.solver = engine::SwJkoSolver{.inner = {.iterations = kIterations,
                                              .batch_size = kSamples,
                                              .optimizer = engine::AdamOptions{.learning_rate = 0.005},
                                              .rate_schedule = engine::RateSchedule::kConstant,
                                              .max_attempts = 1},
                                    .order = 1,
                                    .num_projections = kDirections,
                                    .projection_sampling = engine::ProjectionSampling::kIndependent};
  spec.sliced_step_size = kWassersteinStep / kDimension;
  spec.num_steps = kRounds;
  return spec;
}

int Run(const std::string& folder) {
  engine::SetThreads(1);
  const StopLatch never;
  absl::StatusOr<std::unique_ptr<engine::Flow>> flow = engine::Flow::Create(PublishedSettings(), never);
  if (!flow.ok()) {
    std::fprintf(stderr, "%s\n", std::string(flow.status().message()).c_str());
    return 1;
  }
  PlainIteration plain;
  std::vector<double> ours, plainly;
  for (int round = 0; round < kRounds; ++round) {
    Clock::time_point last;
    // Between two reports of progress lies one whole iteration.
    const auto on_iteration = [&](const engine::InnerProgress& progress) {
      if (progress.iteration > 1) ours.push_back(MillisecondsSince(last));
      last = Clock::now();
    };
    const absl::StatusOr<engine::StepResult> step = (*flow)->Step(never, on_iteration);
    if (!step.ok() || step->termination.has_value()) {
      std::fprintf(stderr, "the flow broke off\n");
      return 1;
    }
    for (int i = 0; i < kIterations; ++i) {
      const double time = plain.Time();
      if (i > 0) plainly.push_back(time);
    }
  }
  Report report("inner_iteration");
  const std::string name = "inner iteration at published settings";
  report.Inform(name, Median(ours), "ms");
  report.Inform(name + ": plain LibTorch", Median(plainly), "ms");
  report.AtLeast(name + ": times faster than plain LibTorch", Median(plainly) / Median(ours), 3.5, "ratio");
  return report.Write(folder) ? 0 : 1;
}

}  // namespace
}  // namespace sliceflow::benchmarks

int main(int argc, char** argv) { return sliceflow::benchmarks::Run(argc > 1 ? argv[1] : "."); }
