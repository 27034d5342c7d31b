// RealNVP (Dinh et al. 2017) with learned linear layers.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "server/engine/flow_spec.h"
#include "server/engine/initial/initial.h"
#include "server/engine/models/coupling_flow.h"
#include "server/engine/models/flat_parameters.h"
#include "server/engine/models/layer.h"
#include "server/engine/models/model.h"
#include "server/engine/models/monotone_layer.h"

namespace sliceflow::engine {

// x = mean + deviation · (layers)((z − mean)/deviation), z from the base, mean and deviation the base's: layers work in its units.
// The base is ρ₀ itself where that has a density, so that the initial parameters (every layer the identity) are exactly ρ₀.
// Otherwise it is a Gaussian and the model is to be fitted.
//   d ≥ 2   kernels::CouplingFlowShape: couplings that keep the halves in turn, each followed by a LinearLayer where learned_linear; without,
//           coordinates are rotated so that the halves mix.
//   d = 1   one MonotoneLayer with 8 edges for each coupling asked for.
class RealNvp final : public Model {
 public:
  // Shares `base`, which has a density. `base_is_initial`: whether it is ρ₀.
  RealNvp(const RealNvpModel& spec, int dimension, std::shared_ptr<const InitialDistribution> base, bool base_is_initial);

  int64_t num_parameters() const override { return flat_.size(); }
  bool has_density() const override { return true; }
  bool exact() const override { return false; }
  at::Tensor InitialParameters(at::Generator& random) const override;
  bool starts_exact() const override { return base_is_initial_; }
  Noise Draw(int64_t count, bool paired, at::Generator& random) const override;
  Batch Transport(const at::Tensor& parameters, const Noise& noise) const override;
  at::Tensor LogDensity(const at::Tensor& parameters, const at::Tensor& x) const override;
  at::Tensor Inverse(const at::Tensor& parameters, const at::Tensor& x) const override;
  ScriptPart Script(const at::Tensor& parameters) const override;
  int64_t max_samples() const override;

 private:
  struct Place {
    std::unique_ptr<Layer> layer;
    size_t first_tensor = 0;
    size_t tensors = 0;
    int64_t rotation = 0;  // coordinates are rolled by this much before the layer
  };

  void AddCouplings(const RealNvpModel& spec, int64_t dimension);
  void Add(std::unique_ptr<Layer> layer, int64_t rotation);
  Batch PushOnTheLine(const at::Tensor& parameters, const Noise& noise) const;

  std::shared_ptr<const InitialDistribution> base_;
  bool base_is_initial_;
  at::Tensor mean_;
  at::Tensor deviation_;
  std::vector<Place> places_;
  FlatParameters flat_;
  int64_t total_rotation_ = 0;
  std::optional<CouplingFlow> couplings_;    // in more than one dimension: the way there through all places
  const MonotoneLayer* monotone_ = nullptr;  // in one dimension: the only place
};

}  // namespace sliceflow::engine
