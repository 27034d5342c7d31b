#include "server/engine/functionals/nodal.h"

#include <cmath>

#include <ATen/ATen.h>

#include "absl/strings/str_cat.h"
#include "server/engine/functionals/radial_kernel.h"
#include "server/engine/functionals/relative_entropy.h"
#include "server/engine/random.h"

namespace sliceflow::engine {
namespace {

constexpr double kLeastSquare = 1e-12;  // of a distance, as radial kernels ask for
constexpr int64_t kCellPoints = 16;     // along each axis, for the mean of W over a cell: even, so that none lies at 0

// |z|² over a mesh whose axes are given.
at::Tensor Squares(const std::vector<at::Tensor>& axes) {
  const at::Tensor first = axes[0].square();
  return axes.size() == 1 ? first : first.unsqueeze(1) + axes[1].square();
}

// The transform of W over all differences of two nodes, laid out in a circle of twice the nodes along each axis.
at::Tensor Spectrum(const RadialKernel& kernel, const GridNodes& nodes) {
  const int64_t n = nodes.per_axis();
  std::vector<at::Tensor> differences;
  std::vector<at::Tensor> within;
  for (int64_t axis = 0; axis < nodes.dimension(); ++axis) {
    const at::Tensor steps = at::arange(2 * n, at::TensorOptions(at::kDouble));
    differences.push_back(at::where(steps < static_cast<double>(n), steps, steps - static_cast<double>(2 * n)) * nodes.spacing(axis));
    const at::Tensor middles = (at::arange(kCellPoints, at::TensorOptions(at::kDouble)) + 0.5) / static_cast<double>(kCellPoints) - 0.5;
    within.push_back(middles * nodes.spacing(axis));
  }
  const at::Tensor values = kernel.Evaluate(Squares(differences).clamp_min(kLeastSquare), /*with_force=*/false).value;
  values.view({-1})[0] = kernel.Evaluate(Squares(within).clamp_min(kLeastSquare), /*with_force=*/false).value.mean();
  return at::fft_rfftn(values);
}

}  // namespace

// One line for each kind that a grid takes.
struct NodalFunctional::FormOf {
  const GridNodes& nodes;
  const TermContext& context;

  template <typename Potential>
  requires std::is_constructible_v<PotentialSpec, Potential> Form operator()(const Potential& spec) const {
    const std::unique_ptr<Functional> functional = MakeFunctional(spec, context);
    const TermDraw draw{.random = MakeGenerator(context.seed, Purpose::kEvaluationTerms), .thorough = true};
    return {.potential = functional->Evaluate({.x = nodes.points().to(at::kFloat)}, draw).per_sample.to(at::kDouble)};
  }
  Form operator()(const EntropyTerm& /*spec*/) const { return {.entropy = 1}; }
  Form operator()(const PorousMediumTerm& spec) const { return {.exponent = spec.exponent}; }
  Form operator()(const RelativeEntropyTerm& spec) const {
    Form form = std::visit(*this, spec.potential);
    form.entropy = 1;
    form.constant = KnownLogNormalizer(spec.potential);
    return form;
  }
  Form operator()(const PowerLawInteraction& spec) const {
    return {.spectrum = Spectrum(PowerLawKernel(spec.attraction, spec.repulsion), nodes)};
  }
  Form operator()(const GaussianInteraction& spec) const { return {.spectrum = Spectrum(GaussianKernel(spec.bandwidth), nodes)}; }
  Form operator()(const MorseInteraction& spec) const { return {.spectrum = Spectrum(MorseKernel(spec), nodes)}; }
  Form operator()(const KellerSegelInteraction& spec) const {
    return {.spectrum = Spectrum(KellerSegelKernel(spec.chi, spec.softening), nodes)};
  }
  // The rest, which validation refuses beside a solver that asks for this.
  template <typename Other>
  requires(!std::is_constructible_v<PotentialSpec, Other>) Form operator()(const Other& /*spec*/) const {
    TORCH_CHECK(false, "a term is not known at nodes");
  }
};

NodalFunctional::NodalFunctional(const std::vector<WeightedTerm>& specs, const std::vector<Term>& terms, const TermContext& context,
                                 const GridNodes& nodes)
    : nodes_(nodes), terms_(terms) {
  for (const WeightedTerm& spec : specs) {
    forms_.push_back(std::visit(FormOf{nodes, context}, spec.term));
    entropy_ += spec.weight * forms_.back().entropy;
    if (forms_.back().exponent == 0) continue;
    porous_weight_ = spec.weight;
    porous_exponent_ = forms_.back().exponent;
  }
}

at::Tensor NodalFunctional::Convolve(const at::Tensor& spectrum, const at::Tensor& masses) const {
  const int64_t n = nodes_.per_axis();
  const std::vector<int64_t> shape(static_cast<size_t>(nodes_.dimension()), n);
  const std::vector<int64_t> circle(static_cast<size_t>(nodes_.dimension()), 2 * n);
  at::Tensor sums = at::fft_irfftn(at::fft_rfftn(masses.view(shape), circle) * spectrum, circle);
  for (int64_t axis = 0; axis < nodes_.dimension(); ++axis) sums = sums.narrow(axis, 0, n);
  return sums.reshape({-1});
}

double NodalFunctional::Value(const Form& form, const at::Tensor& log_density) const {
  const at::Tensor masses = nodes_.weights() * log_density.exp();
  at::Tensor value = at::full({}, form.constant, at::kDouble);
  if (form.potential.defined()) value = value + (masses * form.potential).sum();
  if (form.spectrum.defined()) value = value + 0.5 * (masses * Convolve(form.spectrum, masses)).sum();
  if (form.entropy != 0) value = value + form.entropy * (masses * log_density).sum();
  if (form.exponent != 0) value = value + (masses * (log_density * (form.exponent - 1)).exp()).sum() / (form.exponent - 1);
  return value.item<double>();
}

Energy NodalFunctional::Evaluate(const at::Tensor& log_density) const {
  Energy energy;
  for (size_t i = 0; i < forms_.size(); ++i) {
    const double value = Value(forms_[i], log_density);
    if (!std::isfinite(value)) {
      energy.divergence = Divergence{terms_[i].name, absl::StrCat("its value is ", value)};
      return energy;
    }
    energy.terms.push_back(terms_[i].weight * value);
    energy.total += energy.terms.back();
  }
  return energy;
}

at::Tensor NodalFunctional::FirstVariation(const at::Tensor& log_density) const {
  const at::Tensor masses = nodes_.weights() * log_density.exp();
  at::Tensor variation = at::zeros_like(masses);
  for (size_t i = 0; i < forms_.size(); ++i) {
    const Form& form = forms_[i];
    if (form.potential.defined()) variation = variation + terms_[i].weight * form.potential;
    if (form.spectrum.defined()) variation = variation + terms_[i].weight * Convolve(form.spectrum, masses);
  }
  return variation;
}

}  // namespace sliceflow::engine
