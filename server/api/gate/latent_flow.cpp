#include <set>

#include "server/api/gate/checks.h"

namespace sliceflow::api {
namespace {

// Codes have what is of their rows or of their density; the rest is of points in the space of the data.
bool HoldsBetweenCodes(const v1::FunctionalTerm& term) {
  return term.has_sliced_wasserstein() || term.has_mmd() || term.has_entropy() || term.kind_case() == v1::FunctionalTerm::KIND_NOT_SET;
}

}  // namespace

void FillLatentDataset(v1::FlowSpec& spec) {
  if (!spec.model().has_latent_flow() || !spec.model().latent_flow().dataset().empty()) return;
  std::set<std::string> names;
  for (const v1::FunctionalTerm& term : spec.functional().terms()) {
    if (term.has_sliced_wasserstein()) names.insert(term.sliced_wasserstein().dataset());
    if (term.has_mmd()) names.insert(term.mmd().dataset());
  }
  if (names.size() == 1) spec.mutable_model()->mutable_latent_flow()->set_dataset(*names.begin());
}

void CheckBesideLatentFlow(Context& context, const std::string& path, const v1::FlowSpec& spec) {
  if (!spec.model().has_latent_flow()) return;
  for (int i = 0; i < spec.functional().terms_size(); ++i) {
    if (HoldsBetweenCodes(spec.functional().terms(i))) continue;
    context.findings.Invalid(
        absl::StrCat(path, ".functional.terms[", i, "]"),
        "is of points in the space of the data and spec.model latentFlow flows between codes; use slicedWasserstein, mmd "
        "or entropy, or the model realNvp");
  }
  for (int i = 0; i < spec.output().metrics_size(); ++i) {
    if (!spec.output().metrics(i).has_relative_entropy_to_target()) continue;
    context.findings.Invalid(absl::StrCat(path, ".output.metrics[", i, "].relative_entropy_to_target"),
                             "needs a density, which what spec.model latentFlow decodes has not; use targetDistance, or the model realNvp");
  }
}

}  // namespace sliceflow::api
