// One case for each kind of functional: an instance of it, what it claims of itself, and its formula written a second time, in double.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include <ATen/core/Generator.h>

#include "server/engine/flow_spec.h"

namespace sliceflow::engine {

// Samples and log-densities in double, row-major.
struct Points {
  int64_t count = 0;
  int64_t dimension = 0;
  std::vector<double> x;            // count · dimension
  std::vector<double> log_density;  // count; empty where the case reads none

  const double* operator[](int64_t i) const { return x.data() + i * dimension; }
};

// The value of a term as the contract's comment states it, by plain loops in double, without anything of the engine's.
using Formula = std::function<double(const Points&)>;

// What a kind of functional claims of itself.
struct Capabilities {
  bool sample_gradient = true;  // its derivative with respect to samples is not zero
  bool density = false;         // reads log-densities
  bool per_sample = true;       // is a mean over samples, with a standard error
};

struct FunctionalCase {
  std::string name;
  TermSpec spec;
  Formula formula;
  int dimension = 2;
  Capabilities capabilities;
};

// In the order of TermSpec.
std::vector<FunctionalCase> FunctionalCases();

// Samples of a case; a batch as large takes all rows of a case's data set.
inline constexpr int64_t kCaseSamples = 40;

// The random numbers of every evaluation of a case, the same every time: terms that draw are compared at this draw.
at::Generator CaseRandom();

// ½ mean W(xᵢ − xⱼ) over the ordered pairs (i, j) for which `counts`.
double HalfMeanOverPairs(const Points& points, const std::function<double(const double*)>& w,
                         const std::function<bool(int64_t, int64_t)>& counts);

double Norm(const double* z, int64_t dimension);

}  // namespace sliceflow::engine
