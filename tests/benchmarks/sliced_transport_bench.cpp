// Sliced transport, value and gradient, on one core: against POT, against the same written plainly with torch.sort, against the time of its two
// sorts alone, and on two cores, beside what these cores give to two evaluations that share nothing. The contenders take turns, so that a
// change of clock rate meets them all; medians are reported.
#include <ATen/Parallel.h>
#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/from_blob.h>
#include <ATen/ops/matmul.h>
#include <ATen/ops/sort.h>
#include <ATen/ops/zeros_like.h>
#include <c10/core/InferenceMode.h>
#include <sys/resource.h>

#include <algorithm>
#include <barrier>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <functional>
#include <string>
#include <thread>
#include <tuple>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/types/span.h"
#include "hwy/aligned_allocator.h"
#include "hwy/contrib/sort/vqsort.h"
#include "server/engine/kernels/cpu/sliced_kernels.h"
#include "server/engine/kernels/sliced_transport.h"
#include "tests/benchmarks/peer.h"
#include "tests/benchmarks/report.h"
#include "tests/unit/kernels/clouds.h"

namespace sliceflow::benchmarks {
namespace {

struct Problem {
  int64_t count;
  int dimension;
  int64_t directions;
  int repeats;
  // What it is held to; 0: not held.
  double over_pot, over_torch, over_sorts;

  std::string Name() const { return absl::StrCat("sliced transport n=", count, " d=", dimension, " L=", directions); }
};

constexpr Problem kProblems[] = {
    {1024, 2, 1000, 11, 30, 6, 1.5}, {1024, 20, 1000, 11, 30, 6, 1.5}, {1024, 784, 1000, 11, 10, 2.5, 0},
    {10'000, 2, 100, 11, 25, 5, 0},  {10'000, 50, 500, 3, 25, 4, 0},   {100'000, 2, 50, 3, 25, 4, 0},
};
constexpr double kTwoCores = 1.85;

struct Input {
  explicit Input(const Problem& problem)
      : x(kernels::NormalCloud(problem.count, problem.dimension, 1)),
        y(kernels::NormalCloud(problem.count, problem.dimension, 2)),
        directions(kernels::RandomDirections(problem.directions, problem.dimension, 3)),
        gradient(x.size()) {}
  std::vector<float> x, y, directions, gradient;
};

double Milliseconds(std::chrono::steady_clock::duration time) { return std::chrono::duration<double, std::milli>(time).count(); }

double TimeOf(const std::function<void()>& work) {
  const auto start = std::chrono::steady_clock::now();
  work();
  return Milliseconds(std::chrono::steady_clock::now() - start);
}

// The mean of two that run at once.
double TimeOfPair(const std::function<void()>& work, const std::function<void()>& other_work) {
  std::barrier start(2);
  double other_time = 0;
  std::thread other([&] {
    start.arrive_and_wait();
    other_time = TimeOf(other_work);
  });
  start.arrive_and_wait();
  const double time = TimeOf(work);
  other.join();
  return (time + other_time) / 2;
}

at::Tensor Matrix(std::vector<float>& values, int64_t columns) {
  return at::from_blob(values.data(), {static_cast<int64_t>(values.size()) / columns, columns}, at::kFloat);
}

// Projects, sorts both, takes differences, scatters them back through the permutation, multiplies by the directions.
double PlainTorch(const Problem& problem, Input& input, std::vector<float>& gradient) {
  const c10::InferenceMode no_autograd;
  const at::Tensor x = Matrix(input.x, problem.dimension), y = Matrix(input.y, problem.dimension);
  const at::Tensor directions = Matrix(input.directions, problem.dimension);
  const auto [sorted_x, order] = at::sort(at::matmul(directions, x.t()), 1);
  const at::Tensor sorted_y = std::get<0>(at::sort(at::matmul(directions, y.t()), 1));
  const at::Tensor differences = sorted_x - sorted_y;
  const at::Tensor matched = at::zeros_like(differences).scatter_(1, order, differences);
  const double scale = 2.0 / static_cast<double>(problem.count * problem.directions);
  Matrix(gradient, problem.dimension).copy_(at::matmul(matched.t(), directions) * scale);
  return differences.square().mean().item<double>();
}

// Sorts 2·L rows of n packed keys. Only the sorting is timed: rows are copied in eight at a time, so that they are as warm as they would
// be when just computed.
class SortsAlone {
 public:
  SortsAlone(const Problem& problem, const Input& input) : count_(problem.count), rows_(2 * problem.directions) {
    keys_.reserve(rows_ * count_);
    for (const std::vector<float>* points : {&input.x, &input.y}) {
      for (int64_t l = 0; l < problem.directions; ++l) AddRow(problem, *points, input.directions.data() + l * problem.dimension);
    }
    buffer_ = hwy::AllocateAligned<uint64_t>(kRows * count_);
  }

  double Time() {
    double total = 0;
    for (int64_t row = 0; row < rows_; row += kRows) {
      const int64_t rows = std::min(kRows, rows_ - row);
      std::copy_n(keys_.begin() + row * count_, rows * count_, buffer_.get());
      total += TimeOf([&] {
        for (int64_t r = 0; r < rows; ++r) sorter_(buffer_.get() + r * count_, count_, hwy::SortAscending());
      });
    }
    return total;
  }

 private:
  static constexpr int64_t kRows = 8;

  void AddRow(const Problem& problem, const std::vector<float>& points, const float* direction) {
    for (int64_t i = 0; i < count_; ++i) {
      float projection = 0;
      for (int k = 0; k < problem.dimension; ++k) projection += points[i * problem.dimension + k] * direction[k];
      keys_.push_back(static_cast<uint64_t>(kernels::KeyOfFloat(projection)) << 32 | static_cast<uint64_t>(i));
    }
  }

  int64_t count_, rows_;
  std::vector<uint64_t> keys_;
  hwy::AlignedFreeUniquePtr<uint64_t[]> buffer_;
  hwy::Sorter sorter_;
};

struct Times {
  std::vector<double> ours, two_threads, pair, torch, sorts, pot;
};

bool Agree(double value, double torch_value, const std::vector<float>& gradient, const std::vector<float>& torch_gradient) {
  double worst = 0, largest = 0;
  for (size_t i = 0; i < torch_gradient.size(); ++i) {
    worst = std::max(worst, std::abs(static_cast<double>(torch_gradient[i]) - gradient[i]));
    largest = std::max(largest, std::abs(static_cast<double>(torch_gradient[i])));
  }
  if (std::abs(value - torch_value) <= 1e-4 * torch_value && worst <= 1e-2 * largest) return true;
  std::fprintf(stderr, "the two answers differ: values %g and %g, gradients by %g of %g\n", value, torch_value, worst, largest);
  return false;
}

// One round warms up. Checks that both answers agree: a fast wrong answer is no figure.
bool Measure(const Problem& problem, Peer& pot, Times& times) {
  Input input(problem);
  const kernels::SlicedTransportShape shape{problem.count, problem.count, problem.dimension, problem.directions};
  const auto transport = kernels::MakeCpuSlicedTransport(shape, /*threads=*/1);
  const auto shared = kernels::MakeCpuSlicedTransport(shape, /*threads=*/2);
  const auto beside = kernels::MakeCpuSlicedTransport(shape, /*threads=*/1);
  Input input_beside(problem);
  SortsAlone sorts(problem, input);
  std::vector<float> torch_gradient(input.x.size());
  double value = 0, torch_value = 0;
  const auto run = [&](kernels::SlicedTransport& by, Input& on) {
    return by.Evaluate({on.x, problem.count}, {on.y, problem.count}, on.directions, absl::MakeSpan(on.gradient))->value;
  };
  const auto evaluate = [&](kernels::SlicedTransport& by) { return TimeOf([&] { value = run(by, input); }); };
  const std::string request = absl::StrCat(problem.count, " ", problem.dimension, " ", problem.directions);
  for (int repeat = 0; repeat <= problem.repeats; ++repeat) {
    const double pot_time = pot.Time(request).value_or(0);
    const double ours = evaluate(*transport), two = evaluate(*shared), sorting = sorts.Time();
    const double pair = TimeOfPair([&] { run(*transport, input); }, [&] { run(*beside, input_beside); });
    const double torch_time = TimeOf([&] { torch_value = PlainTorch(problem, input, torch_gradient); });
    if (repeat == 0) continue;
    if (pot_time > 0) times.pot.push_back(pot_time);
    times.ours.push_back(ours);
    times.two_threads.push_back(two);
    times.pair.push_back(pair);
    times.sorts.push_back(sorting);
    times.torch.push_back(torch_time);
  }
  return Agree(value, torch_value, input.gradient, torch_gradient);
}

void Tell(Report& report, const Problem& problem, const Times& times) {
  const std::string name = problem.Name();
  const double ours = Median(times.ours);
  report.Inform(name + ": value and gradient", ours, "ms");
  const auto row = [&](const std::string& what, const std::vector<double>& other, double target) {
    if (other.empty()) return;
    report.Inform(absl::StrCat(name, ": ", what), Median(other), "ms");
    report.AtLeast(absl::StrCat(name, ": times faster than ", what), Median(other) / ours, target, "ratio");
  };
  row("POT", times.pot, problem.over_pot);
  row("plain torch.sort", times.torch, problem.over_torch);
  report.Inform(name + ": two evaluations on two cores over one", 2 * ours / Median(times.pair), "ratio");
  report.AtLeast(name + ": two cores over one", ours / Median(times.two_threads), kTwoCores, "ratio");
  const std::string over = name + ": time over that of its two sorts alone";
  const double ratio = ours / Median(times.sorts);
  problem.over_sorts > 0 ? report.AtMost(over, ratio, problem.over_sorts, "ratio") : report.Inform(over, ratio, "ratio");
}

constexpr int kLargeDirections = 50;
constexpr int64_t kLargest = 1'000'000;

double LargeMilliseconds(int64_t count) {
  const Problem problem{count, 2, kLargeDirections, 0, 0, 0, 0};
  Input input(problem);
  const auto transport = kernels::MakeCpuSlicedTransport({count, count, 2, kLargeDirections}, /*threads=*/1);
  std::vector<double> times;
  for (int repeat = 0; repeat <= 3; ++repeat) {
    const double time = TimeOf([&] {
      (void)transport->Evaluate({input.x, count}, {input.y, count}, input.directions, absl::MakeSpan(input.gradient)).value();
    });
    if (repeat > 0) times.push_back(time);
  }
  return Median(times);
}

// What this process took at most, its own clouds included. Unit: MB.
double PeakMemory() {
  rusage usage = {};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<double>(usage.ru_maxrss) * 1024 / 1e6;
}

// Before anything else has been measured, so that the most memory is this one's.
void MeasureLarge(Report& report) {
  const auto per_item = [](int64_t count) {
    const double items = static_cast<double>(count);
    return LargeMilliseconds(count) / (items * std::log(items));
  };
  const double small = per_item(10'000), large = per_item(kLargest);
  const std::string name = absl::StrCat("sliced transport n=10^6 d=2 L=", kLargeDirections);
  report.AtMost(name + ": peak memory", PeakMemory(), 600, "MB");
  report.AtMost(name + ": time over n log n from n=10^4", large / small, 1.3, "ratio");
}

int Run(const std::string& folder) {
  at::set_num_threads(1);
  Report report("sliced_transport");
  MeasureLarge(report);
  Peer pot("sliced_transport.py");
  for (const Problem& problem : kProblems) {
    Times times;
    if (!Measure(problem, pot, times)) return 1;
    Tell(report, problem, times);
  }
  return report.Write(folder) ? 0 : 1;
}

}  // namespace
}  // namespace sliceflow::benchmarks

int main(int argc, char** argv) { return sliceflow::benchmarks::Run(argc > 1 ? argv[1] : "."); }
