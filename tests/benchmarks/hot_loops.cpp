// The loops that a flow's time goes into, each alone: timed by Google Benchmark, or run once for a counter of instructions.
//   hot_loops [--benchmark_filter=...]   times
//   hot_loops --once LOOP                the loop once, inside CollectedLoop(), where tests/benchmarks/instructions.py counts
//   hot_loops --list                     the names of the loops
#include <benchmark/benchmark.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "hwy/aligned_allocator.h"
#include "server/engine/kernels/cpu/coupling_flow.h"
#include "server/engine/kernels/sliced_transport.h"
#include "tests/unit/kernels/clouds.h"

namespace sliceflow::benchmarks {
namespace {

using Loop = std::function<void()>;
using hwy::AlignedFreeUniquePtr;

struct NamedLoop {
  std::string name;
  std::function<Loop()> make;  // allocates and fills what the loop works on
};

Loop SlicedTransportLoop(int64_t x_count, int64_t y_count, int dimension, int64_t directions, bool weighted) {
  struct State {
    std::vector<float> x, y, weights, directions, gradient;
    std::unique_ptr<kernels::SlicedTransport> transport;
  };
  auto state = std::make_shared<State>();
  state->x = kernels::NormalCloud(x_count, dimension, 1);
  state->y = kernels::NormalCloud(y_count, dimension, 2);
  if (weighted) state->weights = kernels::PositiveWeights(x_count, 4);
  state->directions = kernels::RandomDirections(directions, dimension, 3);
  state->gradient.resize(state->x.size());
  state->transport = kernels::MakeCpuSlicedTransport({x_count, y_count, dimension, directions}, /*threads=*/1);
  return [state, x_count, y_count] {
    (void)state->transport->Evaluate({state->x, x_count, state->weights}, {state->y, y_count}, state->directions,
                                     absl::MakeSpan(state->gradient));
  };
}

// Two targets in one evaluation, as a step of second order asks for them.
Loop TwoTargetsLoop(int64_t count, int dimension, int64_t directions) {
  struct State {
    std::vector<float> x, y, other, directions, gradient;
    std::unique_ptr<kernels::SlicedTransport> transport;
  };
  auto state = std::make_shared<State>();
  state->x = kernels::NormalCloud(count, dimension, 1);
  state->y = kernels::NormalCloud(count, dimension, 2);
  state->other = kernels::NormalCloud(count, dimension, 4);
  state->directions = kernels::RandomDirections(directions, dimension, 3);
  state->gradient.resize(state->x.size());
  state->transport = kernels::MakeCpuSlicedTransport({count, count, dimension, directions, /*max_targets=*/2}, /*threads=*/1);
  return [state, count] {
    const kernels::SlicedTarget targets[] = {{{state->y, count}, 1.0}, {{state->other, count}, -0.25}};
    kernels::SlicedValue values[2];
    (void)state->transport->EvaluateSum({state->x, count}, targets, state->directions, absl::MakeSpan(state->gradient),
                                        absl::MakeSpan(values));
  };
}

// A RealNVP on one run of points: there, or there and back.
Loop CouplingFlowLoop(const kernels::CouplingFlowShape& shape, bool back) {
  static constexpr int64_t kPoints = kernels::kFlowPoints;
  struct State {
    std::vector<float> z, base, x, log_density, parameters, gradient, mean, deviation;
    AlignedFreeUniquePtr<float[]> matrices, record, scratch;
  };
  auto state = std::make_shared<State>();
  state->z = state->x = kernels::NormalCloud(kPoints, static_cast<int>(shape.dimension), 1);
  state->base = state->log_density = kernels::NormalCloud(kPoints, 1, 2);
  state->parameters = state->gradient = kernels::NormalCloud(shape.num_parameters(), 1, 3, 0.1f);
  state->mean.resize(static_cast<size_t>(shape.dimension), 0.0f);
  state->deviation.resize(static_cast<size_t>(shape.dimension), 1.0f);
  state->matrices = hwy::AllocateAligned<float>(std::max<int64_t>(shape.matrices_size(), 1));
  state->record = hwy::AllocateAligned<float>(shape.record_size() * (kPoints / kernels::kPanel));
  state->scratch = hwy::AllocateAligned<float>(std::max(shape.forward_scratch_size(), shape.backward_scratch_size()));
  return [state, shape, back] {
    kernels::PrepareCouplingFlow(shape, state->parameters.data(), state->matrices.get());
    const kernels::CouplingFlowWeights weights{state->parameters.data(), state->matrices.get(), state->mean.data(),
                                               state->deviation.data()};
    kernels::CouplingFlowForward(shape, weights, state->z.data(), state->base.data(), kPoints, state->x.data(), state->log_density.data(),
                                 back ? state->record.get() : nullptr, state->scratch.get());
    if (!back) return;
    kernels::CouplingFlowBackward(shape, weights, state->record.get(), state->x.data(), state->log_density.data(), kPoints,
                                  state->gradient.data(), state->scratch.get());
  };
}

constexpr kernels::CouplingFlowShape kPublished{.dimension = 2, .hidden = 100, .couplings = 5, .linear = false, .scale_bound = 2};
constexpr kernels::CouplingFlowShape kDefault{.dimension = 8, .hidden = 32, .couplings = 4, .linear = true, .scale_bound = 2};

const std::vector<NamedLoop>& Loops() {
  static const auto& loops = *new std::vector<NamedLoop>{
      {"sliced_transport/n=1024/d=2/L=64", [] { return SlicedTransportLoop(1024, 1024, 2, 64, false); }},
      {"sliced_transport/n=1024/d=784/L=16", [] { return SlicedTransportLoop(1024, 1024, 784, 16, false); }},
      {"sliced_transport/n=10000/d=2/L=8", [] { return SlicedTransportLoop(10'000, 10'000, 2, 8, false); }},
      {"sliced_transport/n=1024/m=700/d=2/L=64", [] { return SlicedTransportLoop(1024, 700, 2, 64, false); }},
      {"sliced_transport/n=1024/weighted/d=2/L=64", [] { return SlicedTransportLoop(1024, 1024, 2, 64, true); }},
      {"sliced_transport/n=1024/two_targets/d=2/L=64", [] { return TwoTargetsLoop(1024, 2, 64); }},
      {"coupling_flow/published/forward", [] { return CouplingFlowLoop(kPublished, /*back=*/false); }},
      {"coupling_flow/published/forward_and_backward", [] { return CouplingFlowLoop(kPublished, /*back=*/true); }},
      {"coupling_flow/default/d=8/forward_and_backward", [] { return CouplingFlowLoop(kDefault, /*back=*/true); }},
  };
  return loops;
}

}  // namespace

// What is counted: only what runs inside a function of this name.
extern "C" [[gnu::noinline]] void CollectedLoop(const Loop& loop) { loop(); }

namespace {

int RunOnce(const std::string& name) {
  for (const NamedLoop& named : Loops()) {
    if (named.name != name) continue;
    const Loop loop = named.make();
    loop();  // dispatch to the instruction set is chosen in the first call
    CollectedLoop(loop);
    return 0;
  }
  std::fprintf(stderr, "there is no loop %s; see --list\n", name.c_str());
  return 2;
}

int Run(int argc, char** argv) {
  const std::string first = argc > 1 ? argv[1] : "";
  if (first == "--once" && argc == 3) return RunOnce(argv[2]);
  for (const NamedLoop& named : Loops()) {
    if (first == "--list") {
      std::puts(named.name.c_str());
      continue;
    }
    benchmark::RegisterBenchmark(named.name.c_str(), [&named](benchmark::State& state) {
      const Loop loop = named.make();
      for (auto _ : state) loop();
    })->Unit(benchmark::kMicrosecond);
  }
  if (first == "--list") return 0;
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 2;
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}

}  // namespace
}  // namespace sliceflow::benchmarks

int main(int argc, char** argv) { return sliceflow::benchmarks::Run(argc, argv); }
