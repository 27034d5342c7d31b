// Sliced transport, value and gradient, on one core: against the same written plainly with torch.sort, and against the time of its two
// sorts alone. The contenders take turns in one process, so that a change of clock rate meets them all; medians are reported.
#include <ATen/Parallel.h>
#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/from_blob.h>
#include <ATen/ops/matmul.h>
#include <ATen/ops/sort.h>
#include <ATen/ops/zeros_like.h>
#include <c10/core/InferenceMode.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <functional>
#include <string>
#include <tuple>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/types/span.h"
#include "hwy/aligned_allocator.h"
#include "hwy/contrib/sort/vqsort.h"
#include "server/engine/kernels/cpu/sliced_kernels.h"
#include "server/engine/kernels/sliced_transport.h"
#include "tests/benchmarks/report.h"
#include "tests/unit/kernels/clouds.h"

namespace sliceflow::benchmarks {
namespace {

struct Problem {
  int64_t count;
  int dimension;
  int64_t directions;
  int repeats;
};

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
  double ours, torch, sorts;
};

// Medians of the three. Checks that both answers agree: a fast wrong answer is no figure.
bool Measure(const Problem& problem, Times& times) {
  Input input(problem);
  const auto transport =
      kernels::MakeCpuSlicedTransport({problem.count, problem.count, problem.dimension, problem.directions}, /*threads=*/1);
  SortsAlone sorts(problem, input);
  std::vector<float> torch_gradient(input.x.size());
  double value = 0, torch_value = 0;
  std::vector<double> ours, torch, alone;
  for (int repeat = 0; repeat <= problem.repeats; ++repeat) {
    const double our_time = TimeOf([&] {
      value = transport->Evaluate({input.x, problem.count}, {input.y, problem.count}, input.directions, absl::MakeSpan(input.gradient))
                  .value()
                  .value;
    });
    const double torch_time = TimeOf([&] { torch_value = PlainTorch(problem, input, torch_gradient); });
    const double alone_time = sorts.Time();
    if (repeat == 0) continue;  // warms up
    ours.push_back(our_time);
    torch.push_back(torch_time);
    alone.push_back(alone_time);
  }
  times = {Median(ours), Median(torch), Median(alone)};
  double worst = 0, largest = 0;
  for (size_t i = 0; i < torch_gradient.size(); ++i) {
    worst = std::max(worst, std::abs(static_cast<double>(torch_gradient[i]) - input.gradient[i]));
    largest = std::max(largest, std::abs(static_cast<double>(torch_gradient[i])));
  }
  if (std::abs(value - torch_value) <= 1e-4 * torch_value && worst <= 1e-2 * largest) return true;
  std::fprintf(stderr, "the two answers differ: values %g and %g, gradients by %g of %g\n", value, torch_value, worst, largest);
  return false;
}

int Run(const std::string& folder) {
  at::set_num_threads(1);
  Report report("sliced_transport");
  for (const Problem& problem : {Problem{1024, 2, 1000, 15}, Problem{1024, 20, 1000, 15}, Problem{10000, 2, 100, 15}}) {
    const std::string name = absl::StrCat("sliced transport n=", problem.count, " d=", problem.dimension, " L=", problem.directions);
    Times times;
    if (!Measure(problem, times)) return 1;
    report.Inform(absl::StrCat(name, ": value and gradient"), times.ours, "ms");
    report.Inform(absl::StrCat(name, ": plain torch.sort"), times.torch, "ms");
    report.Inform(absl::StrCat(name, ": the two sorts alone"), times.sorts, "ms");
    const std::string faster = absl::StrCat(name, ": times faster than plain torch.sort");
    const std::string over = absl::StrCat(name, ": time over that of the two sorts alone");
    const bool held = problem.dimension == 2 && problem.count == 1024;
    held ? report.AtLeast(faster, times.torch / times.ours, 5, "ratio") : report.Inform(faster, times.torch / times.ours, "ratio");
    held ? report.AtMost(over, times.ours / times.sorts, 2, "ratio") : report.Inform(over, times.ours / times.sorts, "ratio");
  }
  return report.Write(folder) ? 0 : 1;
}

}  // namespace
}  // namespace sliceflow::benchmarks

int main(int argc, char** argv) { return sliceflow::benchmarks::Run(argc > 1 ? argv[1] : "."); }
