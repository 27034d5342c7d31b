#include "server/engine/expressions/independence.h"

#include <limits>
#include <tuple>

#include <ATen/ATen.h>

#include "absl/strings/str_cat.h"
#include "server/engine/expressions/refusal.h"

namespace sliceflow::engine {
namespace {

constexpr double kEpsilon = std::numeric_limits<float>::epsilon();
constexpr int kNudges = 2;
// In sums of hundreds of terms the order of the terms, which may change with the number of rows and with their place, counts for a few
// times what the last bit of each term does; the largest of thousands of such differences is a few times the usual one.
constexpr double kRoundings = 16;
// Few rows are seen to jump where a large number is added and taken away again, but those that do jump far.
constexpr double kQuantile = 0.95;
constexpr double kFar = 16;  // mean and spread of other rows

// How far each value may move by rounding alone.
at::Tensor RoundingOf(const at::Tensor& x, const at::Tensor& value, at::Generator& random, const RowFunction& function) {
  at::Tensor moved = at::zeros_like(value);
  for (int i = 0; i < kNudges; ++i) {
    const at::Tensor nudge = at::rand(x.sizes(), random, x.options()).sub_(0.5).mul_(2 * kEpsilon);
    moved = at::maximum(moved, (function(x + x * nudge) - value).abs().nan_to_num(0, 0, 0));
  }
  const auto rank = 1 + static_cast<int64_t>(kQuantile * static_cast<double>(moved.numel() - 1));
  const at::Tensor usual = std::get<0>(moved.reshape({-1}).kthvalue(rank));
  return (moved + usual + value.abs() * kEpsilon) * kRoundings;
}

bool AreSame(const at::Tensor& one, const at::Tensor& other, const at::Tensor& rounding) {
  const at::Tensor near = (one - other).abs().le(rounding).logical_and(rounding.isfinite());
  return one.eq(other).logical_or(one.isnan().logical_and(other.isnan())).logical_or(near).all().item<bool>();
}

at::Tensor EveryThird(const at::Tensor& rows, int64_t first) {
  const int64_t kept = (rows.size(0) - 1) / 3;
  return rows.slice(0, first, first + 3 * kept, 3);
}

// Every third row among others, in reverse: almost none keeps its place or what stands a fixed number of places before it.
at::Tensor Among(const at::Tensor& x, at::Tensor others) {
  EveryThird(others, 1).copy_(EveryThird(x, 0).flip({0}));
  return others;
}

// Where rows far out have no value, such as beyond the end of a table, among those that are as `x` is.
at::Tensor ValueAmongOthers(const at::Tensor& x, at::Generator& random, const RowFunction& function) {
  const at::Tensor others = at::randn(x.sizes(), random, x.options());
  try {
    return function(Among(x, others * kFar + kFar));
  } catch (const Refused&) {
    return function(Among(x, others));
  }
}

at::Tensor ValueOfFirst(int64_t count, const at::Tensor& x, const RowFunction& function) {
  try {
    return function(x.narrow(0, 0, count));
  } catch (const Refused& refused) {
    throw Refused(refused.refusal().line, absl::StrCat("for ", count, " rows instead of ", x.size(0),
                                                       " it fails, and any number may come: ", refused.refusal().reason));
  }
}

}  // namespace

void CheckRowsAreIndependent(const at::Tensor& x, const at::Tensor& value, at::Generator& random, const RowFunction& function) {
  const at::Tensor rounding = RoundingOf(x, value, random, function);
  const at::Tensor among = ValueAmongOthers(x, random, function);
  if (!AreSame(EveryThird(among, 1).flip({0}), EveryThird(value, 0), EveryThird(rounding, 0))) {
    throw Refused(0, "what it gives for a row changes with the other rows, or with the row's place among them; rows must be independent");
  }
  const int64_t fewer = x.size(0) / 2 - 1;
  const at::Tensor alone = ValueOfFirst(fewer, x, function);
  if (AreSame(alone, value.narrow(0, 0, fewer), rounding.narrow(0, 0, fewer))) return;
  throw Refused(0, "what it gives for a row changes with the number of rows; rows must be independent");
}

}  // namespace sliceflow::engine
