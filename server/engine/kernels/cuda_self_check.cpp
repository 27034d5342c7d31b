// What a device is asked before it is given work.
#include <cmath>
#include <random>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "server/engine/kernels/cuda_plugin.h"

namespace sliceflow::kernels {
namespace {

struct Case {
  const char* name;
  int64_t x_count, y_count;
  int dimension;
  int64_t directions;
  bool weighs;
};

// One for each kernel that sorts, none of a round size.
constexpr Case kCases[] = {{"up to 1024 points", 300, 300, 3, 33, false},        {"up to 4096 points", 3000, 3000, 2, 5, false},
                           {"up to 8192 points", 5000, 5000, 2, 5, false},       {"more points", 9000, 9000, 2, 5, false},
                           {"points of unequal counts", 700, 450, 9, 17, false}, {"points that weigh unequally", 400, 300, 17, 20, true}};

// Rounding, and projections closer than it that change places: some 1e-5 of a gradient. A kernel that is wrong is off by far more.
double Tolerance(gpu::Precision precision) {
  switch (precision) {
    case gpu::Precision::kTf32:
      return 5e-3;
    case gpu::Precision::kBf16:
      return 3e-2;
    case gpu::Precision::kFp32:
      break;
  }
  return 1e-3;
}

std::vector<float> Normal(std::mt19937_64& random, int64_t count, float shift) {
  std::normal_distribution<float> normal(shift);
  std::vector<float> values(count);
  for (float& value : values) value = normal(random);
  return values;
}

std::vector<float> Directions(std::mt19937_64& random, int64_t count, int dimension) {
  std::vector<float> directions = Normal(random, count * dimension, 0);
  for (int64_t row = 0; row < count; ++row) {
    float* const direction = directions.data() + row * dimension;
    double square = 0;
    for (int k = 0; k < dimension; ++k) square += static_cast<double>(direction[k]) * direction[k];
    for (int k = 0; k < dimension; ++k) direction[k] = static_cast<float>(direction[k] / std::sqrt(square));
  }
  return directions;
}

std::vector<float> Weights(std::mt19937_64& random, int64_t count) {
  std::uniform_real_distribution<float> uniform(0.1f, 1.0f);
  std::vector<float> weights(count);
  for (float& weight : weights) weight = uniform(random);
  weights[0] = 0;
  return weights;
}

double Norm(const std::vector<float>& values) {
  double square = 0;
  for (const float value : values) square += static_cast<double>(value) * value;
  return std::sqrt(square);
}

absl::Status Compare(const CudaPlugin& plugin, gpu::Precision precision, const Case& test) {
  std::mt19937_64 random(1);
  const std::vector<float> x = Normal(random, test.x_count * test.dimension, 0), y = Normal(random, test.y_count * test.dimension, 1);
  const std::vector<float> directions = Directions(random, test.directions, test.dimension);
  const std::vector<float> x_weights = test.weighs ? Weights(random, test.x_count) : std::vector<float>();
  const std::vector<float> y_weights = test.weighs ? Weights(random, test.y_count) : std::vector<float>();
  const SlicedTransportShape shape{test.x_count, test.y_count, test.dimension, test.directions};
  const PointCloud from{x, test.x_count, x_weights}, to{y, test.y_count, y_weights};
  std::vector<float> gradient(x.size()), expected_gradient(x.size());
  const auto expected = MakeReferenceSlicedTransport(shape)->Evaluate(from, to, directions, absl::MakeSpan(expected_gradient));
  const auto transport = plugin.MakeTransport(shape, precision);
  if (!transport.ok()) return transport.status();
  const auto value = (*transport)->Evaluate(from, to, directions, absl::MakeSpan(gradient));
  if (!value.ok()) return value.status();

  const double norm = Norm(expected_gradient);
  for (size_t i = 0; i < gradient.size(); ++i) gradient[i] -= expected_gradient[i];
  const double value_error = std::abs(value->value - expected->value) / expected->value, gradient_error = Norm(gradient) / norm;
  // Written so that what is no number fails.
  if (value_error <= 1e-4 && gradient_error <= Tolerance(precision)) return absl::OkStatus();
  return absl::FailedPreconditionError(absl::StrCat("the device computes something else than the processor: of ", test.name,
                                                    " the distance is off by ", value_error, " of it and the gradient by ",
                                                    gradient_error));
}

}  // namespace

absl::Status CheckCudaTransport(const CudaPlugin& plugin, gpu::Precision precision) {
  for (const Case& test : kCases) {
    if (absl::Status status = Compare(plugin, precision, test); !status.ok()) return status;
  }
  return absl::OkStatus();
}

}  // namespace sliceflow::kernels
