#include "server/engine/initial/empirical.h"

#include <ATen/ATen.h>

#include "server/engine/dense.h"

namespace sliceflow::engine {
namespace {

constexpr double kRepeatJitter = 1e-3;

}  // namespace

EmpiricalInitial::EmpiricalInitial(const Empirical& empirical) : table_(empirical.table), rows_(ViewOf(*empirical.table)) {
  const at::Tensor rows = rows_.to(at::kDouble);
  mean_ = rows.mean(0).to(at::kFloat);
  deviation_ = (rows - rows.mean(0)).square().mean(0).sqrt().to(at::kFloat);
}

at::Tensor EmpiricalInitial::Sample(int64_t count, at::Generator& random) const {
  return rows_.index_select(0, at::randint(rows_.size(0), {count}, random, at::TensorOptions(at::kLong)));
}

at::Tensor EmpiricalInitial::Particles(int64_t count, at::Generator& random) const {
  const int64_t rows = rows_.size(0);
  std::vector<at::Tensor> blocks;
  for (int64_t taken = 0; taken < count; taken += rows) {
    const at::Tensor order = at::randperm(rows, random, at::TensorOptions(at::kLong));
    at::Tensor block = rows_.index_select(0, order.narrow(0, 0, std::min(rows, count - taken)));
    if (taken > 0) {
      block.add_(at::randn(block.sizes(), random, at::TensorOptions(at::kFloat)).mul_(deviation_).mul_(kRepeatJitter));
    }
    blocks.push_back(block);
  }
  return at::cat(blocks);
}

}  // namespace sliceflow::engine
