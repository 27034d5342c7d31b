// The density on a grid, and the solver that works on it.
#include <algorithm>
#include <utility>
#include <vector>

#include "server/api/gate/checks.h"

namespace sliceflow::api {
namespace {

constexpr double kMostOutside = 0.01;  // of ρ₀'s mass, by the marginals
constexpr int kLeastNodes = 8;
constexpr int kDefaultIterations = 1000;
constexpr double kDefaultTolerance = 1e-6;
constexpr double kDefaultRegularization = 2;  // squared spacings
constexpr double kRounding = 1e-9;            // of a bound that is computed

// Along one axis of the box.
struct Axis {
  double lower = 0;
  double upper = 0;
  double spacing = 0;
};

// What a part of ρ₀ is along one axis.
struct Part {
  double outside = 0;    // the share of its mass outside the box
  double deviation = 0;  // the smallest on a line parallel to the axis
};

bool IsSound(const v1::Grid& grid, int dimension) {
  if (grid.lower_size() != dimension || grid.upper_size() != dimension || grid.nodes() < kLeastNodes) return false;
  for (int i = 0; i < dimension; ++i) {
    if (!(grid.upper(i) > grid.lower(i))) return false;
  }
  return true;
}

Axis AxisOf(const v1::Grid& grid, int i) { return {grid.lower(i), grid.upper(i), (grid.upper(i) - grid.lower(i)) / (grid.nodes() - 1)}; }

double LargestSpacing(const v1::Grid& grid) {
  double largest = 0;
  for (int i = 0; i < grid.lower_size(); ++i) largest = std::max(largest, AxisOf(grid, i).spacing);
  return largest;
}

// A Gaussian or a component of a mixture: sizes are right. What is not a number stays so, and is reported by the checks of ρ₀.
template <typename Component>
Part PartOf(const Component& component, int i, const Axis& axis) {
  const int d = component.mean_size();
  const double variance = component.covariance().values(i * d + i);
  const double scale = std::sqrt(2 * variance);
  const double mean = component.mean(i);
  Part part{.outside = 0.5 * (std::erfc((axis.upper - mean) / scale) + std::erfc((mean - axis.lower) / scale)), .deviation = 0};
  double conditional = variance;
  if (d == 2) {
    const double covariance = component.covariance().values(1);
    conditional -= covariance * covariance / component.covariance().values(3 * (1 - i));
  }
  part.deviation = std::sqrt(conditional);
  return part;
}

Part PartOf(const v1::UniformBox& box, int i, const Axis& axis) {
  const double side = box.upper(i) - box.lower(i);
  const double inside = std::max(0.0, std::min(box.upper(i), axis.upper) - std::max(box.lower(i), axis.lower));
  return {.outside = 1 - inside / side, .deviation = side / std::sqrt(12.0)};
}

template <typename Component>
bool HasSize(const Component& component, int dimension) {
  return component.mean_size() == dimension && component.covariance().values_size() == dimension * dimension;
}

// The parts of ρ₀ along an axis, with their weights; empty where something else is wrong with it.
std::vector<std::pair<double, Part>> PartsOf(const v1::Distribution& initial, int dimension, int i, const Axis& axis) {
  std::vector<std::pair<double, Part>> parts;
  if (initial.has_gaussian() && HasSize(initial.gaussian(), dimension)) parts.emplace_back(1, PartOf(initial.gaussian(), i, axis));
  if (initial.has_uniform_box() && initial.uniform_box().lower_size() == dimension && initial.uniform_box().upper_size() == dimension) {
    parts.emplace_back(1, PartOf(initial.uniform_box(), i, axis));
  }
  for (const auto& component : initial.mixture().components()) {
    if (HasSize(component, dimension)) parts.emplace_back(component.weight(), PartOf(component, i, axis));
  }
  return parts;
}

// Potentials, entropies and so on are known where ρ is known by its values at nodes; records what is not.
void CheckNodalTerms(Context& context, const std::string& path, const v1::FlowSpec& spec) {
  const v1::Functional& functional = spec.functional();
  const char* other = spec.model().has_grid() ? "swJko, which takes the same grid" : "pairedJko";
  int porous = 0;
  for (int i = 0; i < functional.terms_size(); ++i) {
    const v1::FunctionalTerm& term = functional.terms(i);
    porous += term.has_porous_medium() ? 1 : 0;
    const char* kind = nullptr;
    if (term.has_sliced_wasserstein()) kind = "slicedWasserstein";
    if (term.has_mmd()) kind = "mmd";
    if (term.interaction().has_expression()) kind = "an interaction by an expression";
    if (kind == nullptr) continue;
    context.findings.Invalid(path, absl::StrCat("needs terms that are known at the nodes of a grid, and spec.functional.terms[", i, "] is ",
                                                kind, "; with such a term use ", other));
  }
  if (porous > 1) {
    context.findings.Invalid(path, absl::StrCat("takes one porousMedium, and spec.functional has ", porous, "; with more use ", other));
  }
}

// The smallest variance of ρ₀ on a line parallel to an axis; infinite where something else is wrong with it.
double SmallestVariance(const v1::FlowSpec& spec) {
  double narrowest = HUGE_VAL;
  for (int i = 0; i < spec.dimension(); ++i) {
    for (const auto& [weight, part] : PartsOf(spec.initial(), spec.dimension(), i, AxisOf(spec.model().grid(), i))) {
      narrowest = std::min(narrowest, part.deviation);
    }
  }
  return narrowest * narrowest;
}

// The blur that the scheme leaves is wrong by a share of about (γ/(4 variance))²: a sixteenth where γ is the variance, and past that its
// energies rise.
void CheckRegularization(Context& context, const std::string& field, v1::FlowSpec& spec) {
  v1::EntropicJko& solver = *spec.mutable_solver()->mutable_entropic_jko();
  const double square = std::pow(LargestSpacing(spec.model().grid()), 2);
  const double variance = SmallestVariance(spec);
  if (!solver.has_regularization()) solver.set_regularization(std::max(square, std::min(kDefaultRegularization * square, variance)));
  const double regularization = solver.regularization();
  if (!std::isfinite(regularization) || regularization < square * (1 - kRounding)) {
    context.findings.Invalid(field, absl::StrCat("must be a finite number, at least the square of the grid's largest spacing = ", square,
                                                 ", is ", regularization, "; for less, take more nodes"));
  } else if (regularization > variance * (1 + kRounding)) {
    context.findings.Invalid(field,
                             absl::StrCat("must be at most the smallest variance of spec.initial = ", variance, ", is ", regularization,
                                          variance < square ? "; the square of the grid's largest spacing is above that, so take more nodes"
                                                            : "; left out, it is the grid's own"));
  }
}

}  // namespace

void CheckGrid(Context& context, const std::string& path, v1::Grid& grid) {
  if (context.dimension > 2) {
    context.findings.Invalid(path, absl::StrCat("needs spec.dimension 1 or 2, and it is ", context.dimension,
                                                "; in higher dimensions use realNvp with pairedJko"));
    return;
  }
  const bool plane = context.dimension == 2;
  if (!grid.has_nodes()) grid.set_nodes(plane ? 64 : 200);
  CheckCount(context, absl::StrCat(path, ".nodes"), grid.nodes(), kLeastNodes, plane ? 256 : 1024);
  CheckVector(context, absl::StrCat(path, ".lower"), *grid.mutable_lower(), -5);
  CheckVector(context, absl::StrCat(path, ".upper"), *grid.mutable_upper(), 5);
  CheckInterval(context.findings, path, grid.lower(), grid.upper());
  // In the plane a sample's own profile along the second axis is kept for the gradient, in doubles and a few times.
  constexpr double kCopies = 16;
  if (plane) context.hidden_values = kCopies * grid.nodes();
}

void CheckStartOnGrid(Context& context, const std::string& path, const v1::FlowSpec& spec) {
  if (!spec.model().has_grid() || context.dimension == 0 || context.dimension > 2) return;
  const v1::Distribution& initial = spec.initial();
  if (initial.has_dirac() || initial.has_ring() || initial.has_dataset()) {
    context.findings.Invalid(path, absl::StrCat("needs an initial distribution with a density: gaussian, mixture or uniformBox; from ",
                                                initial.has_dirac()  ? "dirac"
                                                : initial.has_ring() ? "ring"
                                                                     : "dataset",
                                                " use realNvp, which is fitted to it, with pairedJko or swJko"));
    return;
  }
  const v1::Grid& grid = spec.model().grid();
  if (!IsSound(grid, context.dimension)) return;
  for (int i = 0; i < context.dimension; ++i) {
    const Axis axis = AxisOf(grid, i);
    double outside = 0;
    double weights = 0;
    double narrowest = HUGE_VAL;
    for (const auto& [weight, part] : PartsOf(initial, context.dimension, i, axis)) {
      outside += weight * part.outside;
      weights += weight;
      narrowest = std::min(narrowest, part.deviation);
    }
    if (outside > kMostOutside * weights) {
      context.findings.Invalid(absl::StrCat(path, ".lower"),
                               absl::StrCat("the box must hold spec.initial but for a hundredth of its mass; along coordinate ", i,
                                            " it goes from ", axis.lower, " to ", axis.upper, " and leaves out ", outside / weights));
    } else if (narrowest < axis.spacing) {
      context.findings.Invalid(
          absl::StrCat(path, ".nodes"),
          absl::StrCat("must be so many that their spacing is at most the deviation of spec.initial; along coordinate ", i,
                       " the spacing is ", axis.spacing, ", the smallest deviation ", narrowest));
    }
  }
}

void CheckEntropicJko(Context& context, const std::string& path, v1::FlowSpec& spec) {
  v1::EntropicJko& solver = *spec.mutable_solver()->mutable_entropic_jko();
  if (!solver.has_inner_iterations()) solver.set_inner_iterations(kDefaultIterations);
  if (!solver.has_tolerance()) solver.set_tolerance(kDefaultTolerance);
  CheckCount(context, absl::StrCat(path, ".inner_iterations"), solver.inner_iterations(), 1, context.limits.max_inner_iterations);
  CheckNumber(context.findings, absl::StrCat(path, ".tolerance"), solver.tolerance(), {.low = 1e-12, .high = 1, .high_open = true});
  CheckNodalTerms(context, path, spec);
  if (!spec.model().has_grid()) {
    context.findings.Invalid(path, "works on the nodes of a grid, so it needs spec.model grid; with another model use pairedJko");
    return;
  }
  if (IsSound(spec.model().grid(), context.dimension)) CheckRegularization(context, absl::StrCat(path, ".regularization"), spec);
}

}  // namespace sliceflow::api
