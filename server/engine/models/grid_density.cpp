#include "server/engine/models/grid_density.h"

#include <limits>
#include <utility>

#include <ATen/ATen.h>

#include "absl/strings/substitute.h"
#include "server/engine/models/grid_script.h"

namespace sliceflow::engine {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
// Of the box's sides: absorbs the rounding of points carried through the model and back.
constexpr double kRoundingShare = 1e-5;
// Keeps uniform noise off the ends, where float's step is 2⁻²⁴.
constexpr double kLeastNoise = 0x1p-25;
constexpr double kMostNoise = 1 - 0x1p-24;

// Where points lie along one axis: between nodes `cell` and `cell` + 1, n each.
struct Place {
  at::Tensor cell;      // int64
  at::Tensor fraction;  // double, of the cell, in [0, 1]
};

// A piecewise linear function along one axis for each of n points, or one that all share: n × nodes or 1 × nodes.
class Profiles {
 public:
  Profiles(at::Tensor values, double spacing) : values_(std::move(values)), spacing_(spacing) {
    const int64_t cells = values_.size(1) - 1;
    const at::Tensor masses = (values_.narrow(1, 0, cells) + values_.narrow(1, 1, cells)) * (0.5 * spacing_);
    below_ = at::cat({at::zeros({values_.size(0), 1}, values_.options()), masses.cumsum(1)}, 1);
  }

  // The value at each place.
  at::Tensor At(const Place& place) const {
    return Take(values_, place.cell) * (1 - place.fraction) + Take(values_, place.cell + 1) * place.fraction;
  }

  // The place below which the share u of the mass lies: the root t of a t + (b − a) t²/2 = what is left of it in the cell.
  Place Quantile(const at::Tensor& u) const {
    const int64_t cells = values_.size(1) - 1;
    const at::Tensor target = u * below_.select(1, cells);
    const at::Tensor ends = below_.detach().narrow(1, 1, cells).contiguous();
    const at::Tensor wanted = target.detach();
    const at::Tensor found = ends.size(0) == 1 ? at::searchsorted(ends[0], wanted, /*out_int32=*/false, /*right=*/true)
                                               : at::searchsorted(ends, wanted.unsqueeze(1), false, true).squeeze(1);
    const at::Tensor cell = found.clamp_max(cells - 1);
    const at::Tensor a = Take(values_, cell);
    const at::Tensor b = Take(values_, cell + 1);
    const at::Tensor left = ((target - Take(below_, cell)) / spacing_).clamp_min(0);
    const at::Tensor value = (a * a + 2 * (b - a) * left).clamp_min(std::numeric_limits<double>::min()).sqrt();
    return {.cell = cell, .fraction = (2 * left / (a + value)).clamp_max(1)};
  }

  // The share of the mass below each place.
  at::Tensor Share(const Place& place) const {
    const at::Tensor a = Take(values_, place.cell);
    const at::Tensor b = Take(values_, place.cell + 1);
    const at::Tensor t = place.fraction;
    const at::Tensor mass = Take(below_, place.cell) + spacing_ * t * (a + 0.5 * (b - a) * t);
    return mass / below_.select(1, below_.size(1) - 1);
  }

 private:
  static at::Tensor Take(const at::Tensor& table, const at::Tensor& column) {
    return table.size(0) == 1 ? table[0].index_select(0, column) : table.gather(1, column.unsqueeze(1)).squeeze(1);
  }

  at::Tensor values_;
  double spacing_;
  at::Tensor below_;  // the mass below each node
};

// Along the first axis: ρ itself on a line, its marginal in the plane, which is piecewise linear too.
Profiles First(const GridNodes& nodes, const at::Tensor& values) {
  const at::Tensor marginal = nodes.dimension() == 1 ? values : at::matmul(values, nodes.axis_weights(1));
  return {marginal.unsqueeze(0), nodes.spacing(0)};
}

// In the plane, ρ along the second axis at each place of the first.
Profiles Second(const GridNodes& nodes, const at::Tensor& values, const Place& first) {
  const at::Tensor t = first.fraction.unsqueeze(1);
  return {values.index_select(0, first.cell) * (1 - t) + values.index_select(0, first.cell + 1) * t, nodes.spacing(1)};
}

at::Tensor Coordinate(const GridNodes& nodes, int64_t axis, const Place& place) {
  return (place.cell + place.fraction) * nodes.spacing(axis) + nodes.lower(axis);
}

// The nearest place of the box along an axis.
Place PlaceOf(const GridNodes& nodes, int64_t axis, const at::Tensor& x) {
  const auto cells = static_cast<double>(nodes.per_axis() - 1);
  const at::Tensor u = ((x.select(1, axis).to(at::kDouble) - nodes.lower(axis)) / nodes.spacing(axis)).clamp(0, cells);
  const at::Tensor cell = u.floor().clamp_max(cells - 1);
  return {.cell = cell.to(at::kLong), .fraction = u - cell};
}

at::Tensor Outside(const GridNodes& nodes, const at::Tensor& x) {
  at::Tensor outside = at::zeros({x.size(0)}, at::kBool);
  for (int64_t axis = 0; axis < nodes.dimension(); ++axis) {
    const double side = nodes.spacing(axis) * static_cast<double>(nodes.per_axis() - 1);
    const at::Tensor share = (x.select(1, axis).to(at::kDouble) - nodes.lower(axis)) / side;
    outside = outside.logical_or(share < -kRoundingShare).logical_or(share > 1 + kRoundingShare);
  }
  return outside;
}

}  // namespace

GridDensity::GridDensity(const GridModel& spec, std::shared_ptr<const InitialDistribution> initial)
    : nodes_(spec), initial_(std::move(initial)) {}

at::Tensor GridDensity::Values(const at::Tensor& parameters) const {
  const at::Tensor values = nodes_.Normalise(parameters).exp();
  return nodes_.dimension() == 1 ? values : values.view({nodes_.per_axis(), nodes_.per_axis()});
}

at::Tensor GridDensity::InitialParameters(at::Generator& /*random*/) const {
  const at::Tensor log_density = initial_->LogDensity(nodes_.points().to(at::kFloat));
  TORCH_CHECK(at::isfinite(log_density).any().item<bool>(), "the initial distribution has no mass at any node of the grid");
  return nodes_.ToParameters(log_density);
}

Noise GridDensity::Draw(int64_t count, bool paired, at::Generator& random) const {
  const bool mirrored = paired && count % 2 == 0;
  at::Tensor z = at::rand({mirrored ? count / 2 : count, nodes_.dimension()}, random, at::TensorOptions(at::kFloat));
  z.clamp_(kLeastNoise, kMostNoise);
  if (mirrored) z = at::cat({z, 1 - z});
  return {.z = z, .log_density = at::zeros({count})};
}

Batch GridDensity::Transport(const at::Tensor& parameters, const Noise& noise) const {
  const at::Tensor values = Values(parameters);
  const at::Tensor z = noise.z.to(at::kDouble);
  const Profiles first = First(nodes_, values);
  const Place along = first.Quantile(z.select(1, 0));
  std::vector<at::Tensor> coordinates = {Coordinate(nodes_, 0, along)};
  at::Tensor density;
  if (nodes_.dimension() == 1) {
    density = first.At(along);
  } else {
    const Profiles second = Second(nodes_, values, along);
    const Place across = second.Quantile(z.select(1, 1));
    coordinates.push_back(Coordinate(nodes_, 1, across));
    density = second.At(across);
  }
  return {.x = at::stack(coordinates, 1).to(at::kFloat), .log_density = density.log().to(at::kFloat)};
}

at::Tensor GridDensity::LogDensity(const at::Tensor& parameters, const at::Tensor& x) const {
  const at::Tensor values = Values(parameters);
  const Place along = PlaceOf(nodes_, 0, x);
  const at::Tensor density =
      nodes_.dimension() == 1 ? First(nodes_, values).At(along) : Second(nodes_, values, along).At(PlaceOf(nodes_, 1, x));
  return density.log().masked_fill(Outside(nodes_, x), -kInfinity).to(at::kFloat);
}

at::Tensor GridDensity::Inverse(const at::Tensor& parameters, const at::Tensor& x) const {
  const at::Tensor values = Values(parameters);
  const Place along = PlaceOf(nodes_, 0, x);
  std::vector<at::Tensor> shares = {First(nodes_, values).Share(along)};
  if (nodes_.dimension() == 2) shares.push_back(Second(nodes_, values, along).Share(PlaceOf(nodes_, 1, x)));
  return at::stack(shares, 1).to(at::kFloat);
}

int64_t GridDensity::max_samples() const { return std::numeric_limits<int64_t>::max(); }

ScriptPart GridDensity::Script(const at::Tensor& parameters) const {
  const bool plane = nodes_.dimension() == 2;
  std::vector<double> lower;
  std::vector<double> spacing;
  for (int64_t axis = 0; axis < nodes_.dimension(); ++axis) {
    lower.push_back(nodes_.lower(axis));
    spacing.push_back(nodes_.spacing(axis));
  }
  const std::vector<int64_t> shape(static_cast<size_t>(nodes_.dimension()), nodes_.per_axis());
  ScriptPart part{.kind = "Grid"};
  part.tensors = {{"log_values", parameters.view(shape), /*trained=*/true},
                  {"weights", nodes_.weights().view(shape)},
                  {"axis_weights", nodes_.axis_weights(nodes_.dimension() - 1)},
                  {"lower", at::tensor(lower, at::kDouble)},
                  {"spacing", at::tensor(spacing, at::kDouble)}};
  part.source = absl::Substitute(kGridScript, ScriptNumber(kRoundingShare), nodes_.dimension(), kScriptFloat, ScriptNumber(kLeastNoise),
                                 ScriptNumber(kMostNoise));
  part.source += plane ? kGridPlaneScript : kGridLineScript;
  return part;
}

}  // namespace sliceflow::engine
