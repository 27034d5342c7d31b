// Two networks that take points to few numbers and back, trained on a data set.
#pragma once

#include <cstdint>
#include <vector>

#include <ATen/core/Generator.h>
#include <ATen/core/Tensor.h>

#include "absl/types/span.h"
#include "common/stop_latch.h"
#include "server/engine/estimate.h"
#include "server/engine/export/script_part.h"
#include "server/engine/flow.h"
#include "server/engine/flow_spec.h"
#include "server/engine/solvers/minimise.h"

namespace sliceflow::engine {

// Encoder x ↦ code and decoder code ↦ x, each of `hidden_layers` layers of `hidden_width` units with max(0, ·) and a linear layer at the end.
// Holds structure, not parameters: every call takes them as one flat float tensor of `num_parameters` entries. Points are float, n × d, codes
// n × latent; what comes back is outside any graph and its rows do not depend on how many there are.
class AutoEncoder {
 public:
  AutoEncoder(int64_t dimension, const LatentSpace& spec);

  int64_t num_parameters() const { return num_parameters_; }
  at::Tensor Encode(const at::Tensor& parameters, const at::Tensor& x) const;
  at::Tensor Decode(const at::Tensor& parameters, const at::Tensor& codes) const;

  // Its method `network` is Decode.
  ScriptPart DecoderScript(const at::Tensor& parameters) const;

  struct Training {
    Minimisation minimised;
    Estimate lost;  // E|x − decoded(encoded(x))|² over E|x − E x|², on at most kErrorRows rows; its error is over rows
  };
  static constexpr int64_t kErrorRows = 8192;

  // Minimises the mean squared error on mini-batches of `rows` by Adam, whose rate falls by a cosine from 0.001 to a hundredth of it. Points
  // are trained on in units of their mean and deviation, and codes are whitened at the end (mean 0, covariance the identity over the
  // rows, except in directions that carry less than a millionth of the variance of the first; where codes do not vary at all they are 0, and
  // what they are does not change what is decoded); both are folded into the outer layers.
  // `minimised.stopped` and `divergence` say where it did not end.
  Training Train(const at::Tensor& rows, const LatentSpace& spec, uint64_t seed, const StopLatch& stop, ProgressCallback progress) const;

 private:
  using Parts = std::vector<at::Tensor>;  // weights and biases in turn, of the encoder and then of the decoder

  Parts Split(const at::Tensor& parameters) const;
  at::Tensor InitialParameters(at::Generator& random) const;
  size_t half() const { return widths_.size() - 1; }
  at::Tensor Whitened(const at::Tensor& parameters, const at::Tensor& rows) const;
  Estimate ShareLost(const at::Tensor& parameters, const at::Tensor& rows, const at::Tensor& mean) const;

  std::vector<int64_t> widths_;  // of the encoder's layers, from d to latent; the decoder's are the same, backwards
  std::vector<std::vector<int64_t>> shapes_;
  std::vector<int64_t> sizes_;
  int64_t num_parameters_ = 0;
};

}  // namespace sliceflow::engine
