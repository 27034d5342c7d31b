#include "server/engine/distances/operand.h"

#include <algorithm>
#include <utility>
#include <vector>

#include <ATen/ATen.h>

#include "absl/strings/str_cat.h"
#include "server/engine/dense.h"
#include "server/engine/mixture_density.h"
#include "server/engine/random.h"
#include "server/engine/validate.h"

namespace sliceflow::engine {
namespace {

class FlowSide final : public Side {
 public:
  explicit FlowSide(Flow& flow) : flow_(flow) {}

  int dimension() const override { return flow_.dimension(); }
  bool has_density() const override { return flow_.has_density(); }

  absl::StatusOr<at::Tensor> Samples(int64_t count, uint64_t seed) const override {
    const absl::StatusOr<SampleBatch> batch = flow_.Samples(std::min(count, flow_.max_samples()), seed);
    if (!batch.ok()) return batch.status();
    return at::tensor(batch->values, at::kFloat).view({batch->count, batch->dimension});
  }

  absl::StatusOr<at::Tensor> LogDensity(const at::Tensor& x) const override {
    const at::Tensor points = x.contiguous();
    const absl::StatusOr<std::vector<float>> values =
        flow_.LogDensity({points.const_data_ptr<float>(), static_cast<size_t>(points.numel())});
    if (!values.ok()) return values.status();
    return at::tensor(*values, at::kFloat).to(at::kDouble);
  }

 private:
  Flow& flow_;
};

class TableSide final : public Side {
 public:
  explicit TableSide(TablePtr table) : table_(std::move(table)) {}

  int dimension() const override { return static_cast<int>(table_->columns); }
  bool has_density() const override { return false; }

  // Rows without replacement.
  absl::StatusOr<at::Tensor> Samples(int64_t count, uint64_t seed) const override {
    at::Generator random = MakeGenerator(seed, Purpose::kDistance);
    const at::Tensor order = at::randperm(table_->rows, random, at::TensorOptions(at::kLong));
    return ViewOf(*table_).index_select(0, order.narrow(0, 0, std::min(count, table_->rows)));
  }

  absl::StatusOr<at::Tensor> LogDensity(const at::Tensor& /*x*/) const override {
    return absl::FailedPreconditionError("a data set has no density");
  }

 private:
  TablePtr table_;
};

class MixtureSide final : public Side {
 public:
  MixtureSide(const GaussianMixture& mixture, int dimension) : density_(mixture, dimension), moments_(MomentsOf(mixture, dimension)) {}

  int dimension() const override { return density_.dimension(); }
  bool has_density() const override { return true; }

  absl::StatusOr<at::Tensor> Samples(int64_t count, uint64_t seed) const override {
    at::Generator random = MakeGenerator(seed, Purpose::kDistance);
    return density_.Sample(count, random);
  }

  absl::StatusOr<at::Tensor> LogDensity(const at::Tensor& x) const override {
    return density_.Evaluate(x, /*with_gradient=*/false).log_density.to(at::kDouble);
  }

  std::optional<GaussianLaw> moments() const override { return moments_; }

 private:
  static GaussianLaw MomentsOf(const GaussianMixture& mixture, int dimension) {
    double total = 0;
    for (const WeightedGaussian& component : mixture.components) total += component.weight;
    GaussianLaw law{Eigen::VectorXd::Zero(dimension), Eigen::MatrixXd::Zero(dimension, dimension)};
    for (const WeightedGaussian& component : mixture.components) {
      law.mean += component.weight / total * ToVector(component.gaussian.mean);
    }
    for (const WeightedGaussian& component : mixture.components) {
      const Eigen::VectorXd apart = ToVector(component.gaussian.mean) - law.mean;
      law.covariance += component.weight / total * (ToMatrix(component.gaussian.covariance, dimension) + apart * apart.transpose());
    }
    return law;
  }

  MixtureDensity density_;
  GaussianLaw moments_;
};

struct SideMaker {
  using Made = absl::StatusOr<std::unique_ptr<Side>>;

  Made operator()(Flow* flow) const { return std::make_unique<FlowSide>(*flow); }
  Made operator()(const TablePtr& table) const {
    const bool filled = table != nullptr && table->rows > 0 && table->columns > 0 &&
                        static_cast<int64_t>(table->values.size()) == table->rows * table->columns;
    if (!filled) return absl::InvalidArgumentError("a data set without values");
    return std::make_unique<TableSide>(table);
  }
  Made operator()(const GaussianMixture& mixture) const {
    const int dimension = mixture.components.empty() ? 0 : static_cast<int>(mixture.components[0].gaussian.mean.size());
    if (absl::Status status = ValidateMixture(mixture, dimension); !status.ok()) return status;
    return std::make_unique<MixtureSide>(mixture, dimension);
  }
};

}  // namespace

absl::StatusOr<std::unique_ptr<Side>> MakeSide(const Operand& operand) { return std::visit(SideMaker{}, operand); }

}  // namespace sliceflow::engine
