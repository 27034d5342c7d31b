// The table of functionals, and the weighted sum that a flow descends.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "server/engine/flow_spec.h"
#include "server/engine/functionals/functional.h"

namespace sliceflow::engine {

// What terms need to know of the flow around them.
struct TermContext {
  int dimension = 0;
  int64_t batch_size = 0;  // the solver's
  uint64_t seed = 0;       // the flow's
};

// `spec` is valid. Never null.
std::unique_ptr<Functional> MakeFunctional(const TermSpec& spec, const TermContext& context);

// A term with its weight and the name that errors use, such as `terms[1].potential.quadratic`.
struct Term {
  double weight = 1;
  std::string name;
  std::unique_ptr<Functional> functional;
};

std::vector<Term> MakeTerms(const std::vector<WeightedTerm>& specs, const TermContext& context);

}  // namespace sliceflow::engine
