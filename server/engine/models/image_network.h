// A convolutional network that makes images of noise (after Radford et al. 2016).
#pragma once

#include <vector>

#include "server/engine/flow_spec.h"
#include "server/engine/models/output_range.h"
#include "server/engine/models/pushforward.h"

namespace sliceflow::engine {

// A dense layer to 2C maps of height/4 × width/4, C = base_channels, then two transposed convolutions (4 × 4, stride 2, padding 1: each
// doubles the sides) to C maps and to the image, silu before each, and the range at the end. A transposed convolution of these sizes
// multiplies 16 times a point of its input, where an upsampling and a 3 × 3 convolution multiply 36 times. Rows are (height, width,
// channels), channels last. Starts about the mean of each channel of `mean`, ρ₀'s.
class ImageNetwork final : public Network {
 public:
  ImageNetwork(const CnnModel& spec, const at::Tensor& mean);

  int64_t noise_dimension() const override { return spec_.noise_dimension; }
  std::vector<Shape> shapes() const override;
  std::vector<at::Tensor> InitialParameters(at::Generator& random) const override;
  at::Tensor Apply(absl::Span<const at::Tensor> parameters, const at::Tensor& z) const override;
  ScriptPart Script(absl::Span<const at::Tensor> parameters) const override;

 private:
  CnnModel spec_;
  OutputRange range_;
  at::Tensor channel_means_;
};

}  // namespace sliceflow::engine
