#include "server/engine/models/followed_batch.h"

#include <cstdint>
#include <vector>

#include <ATen/ATen.h>

#include "gtest/gtest.h"

namespace sliceflow::engine {
namespace {

constexpr int64_t kRows = 10, kBlock = 4;

// A chain whose links take one parameter: x ↦ 2x + p. Counts the rows that were pushed through a link.
class CountingChain final : public Model {
 public:
  explicit CountingChain(bool grows) : grows_(grows) {}

  int64_t num_parameters() const override { return 0; }
  bool has_density() const override { return true; }
  bool exact() const override { return false; }
  bool grows() const override { return grows_; }
  at::Tensor InitialParameters(at::Generator& /*random*/) const override { return at::empty({0}); }
  bool starts_exact() const override { return true; }
  Noise Draw(int64_t /*count*/, bool /*paired*/, at::Generator& /*random*/) const override { return {}; }
  Batch Transport(const at::Tensor& parameters, const Noise& noise) const override {
    Batch batch{.x = noise.z, .log_density = noise.log_density};
    for (int64_t i = 0; i < parameters.size(0); ++i) batch = {batch.x * 2 + parameters[i], batch.log_density - 1};
    pushed_ += parameters.size(0) * noise.z.size(0);
    return batch;
  }
  at::Tensor LogDensity(const at::Tensor& /*parameters*/, const at::Tensor& x) const override { return x; }
  at::Tensor Inverse(const at::Tensor& /*parameters*/, const at::Tensor& x) const override { return x; }
  ScriptPart Script(const at::Tensor& /*parameters*/) const override { return {}; }
  int64_t max_samples() const override { return kRows; }

  int64_t pushed() const { return pushed_; }

 private:
  bool grows_;
  mutable int64_t pushed_ = 0;
};

Noise Rows() { return {.z = at::arange(kRows, at::kFloat).view({kRows, 1}), .log_density = at::zeros({kRows})}; }

void ExpectAsTransported(FollowedBatch& followed, const std::vector<float>& parameters) {
  const at::Tensor at = at::tensor(parameters, at::kFloat);
  const Batch expected = CountingChain(true).Transport(at, Rows());
  const Batch batch = followed.At(at);
  EXPECT_TRUE(at::equal(batch.x, expected.x));
  EXPECT_TRUE(at::equal(batch.log_density, expected.log_density));
}

TEST(FollowedBatchTest, ALongerChainCostsItsNewLinksAlone) {
  const CountingChain model(/*grows=*/true);
  FollowedBatch followed(model, Rows(), kBlock);
  std::vector<float> parameters;
  for (int link = 1; link <= 20; ++link) {
    parameters.push_back(static_cast<float>(link));
    const int64_t before = model.pushed();
    ExpectAsTransported(followed, parameters);
    EXPECT_EQ(model.pushed() - before, kRows) << link << " links";
  }
}

TEST(FollowedBatchTest, AskedAgainItCostsNothing) {
  const CountingChain model(/*grows=*/true);
  FollowedBatch followed(model, Rows(), kBlock);
  ExpectAsTransported(followed, {1, 2});
  ExpectAsTransported(followed, {1, 2, 3});
  const int64_t before = model.pushed();
  ExpectAsTransported(followed, {1, 2});
  ExpectAsTransported(followed, {1, 2, 3});
  EXPECT_EQ(model.pushed(), before);
}

TEST(FollowedBatchTest, AnotherBeginningIsNotTakenForIt) {
  const CountingChain model(/*grows=*/true);
  FollowedBatch followed(model, Rows(), kBlock);
  ExpectAsTransported(followed, {1, 2, 3});
  ExpectAsTransported(followed, {1, 5, 3, 4});
  ExpectAsTransported(followed, {1, 5, 4});
  ExpectAsTransported(followed, {1});
}

TEST(FollowedBatchTest, ParametersChangedInPlaceAreNoticed) {
  const CountingChain model(/*grows=*/true);
  FollowedBatch followed(model, Rows(), kBlock);
  at::Tensor parameters = at::tensor(std::vector<float>{1, 2}, at::kFloat);
  (void)followed.At(parameters);
  parameters.fill_(7);
  EXPECT_TRUE(at::equal(followed.At(parameters).x, model.Transport(parameters, Rows()).x));
}

TEST(FollowedBatchTest, AModelThatDoesNotGrowIsComputedAsAWhole) {
  const CountingChain model(/*grows=*/false);
  FollowedBatch followed(model, Rows(), kBlock);
  ExpectAsTransported(followed, {1});
  const int64_t before = model.pushed();
  ExpectAsTransported(followed, {1, 2});
  EXPECT_EQ(model.pushed() - before, 2 * kRows);
}

}  // namespace
}  // namespace sliceflow::engine
