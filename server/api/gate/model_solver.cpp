#include <algorithm>

#include "server/api/gate/checks.h"

namespace sliceflow::api {
namespace {

void CheckValues(Context& context, const std::string& field, int64_t rows) {
  if (context.dimension == 0 || rows <= context.limits.max_sample_values / context.dimension) return;
  context.findings.BeyondLimit(field, static_cast<double>(rows), context.limits.max_sample_values / context.dimension);
}

void CheckRealNvp(Context& context, const std::string& path, v1::RealNvp& model) {
  if (!model.has_couplings()) model.set_couplings(5);
  if (!model.has_hidden_width()) model.set_hidden_width(100);
  if (!model.has_learned_linear()) model.set_learned_linear(true);
  CheckCount(context, absl::StrCat(path, ".couplings"), model.couplings(), 1, 64);
  CheckCount(context, absl::StrCat(path, ".hidden_width"), model.hidden_width(), 1, 4096);
}

void CheckParticles(Context& context, const std::string& path, v1::Particles& model) {
  if (!model.has_count()) model.set_count(1000);
  CheckCount(context, absl::StrCat(path, ".count"), model.count(), 1, context.limits.max_particles);
  CheckValues(context, absl::StrCat(path, ".count"), model.count());
}

void CheckAdam(Context& context, const std::string& path, v1::Adam& adam) {
  if (!adam.has_learning_rate()) adam.set_learning_rate(0.005);
  if (!adam.has_beta1()) adam.set_beta1(0.9);
  if (!adam.has_beta2()) adam.set_beta2(0.999);
  CheckNumber(context, absl::StrCat(path, ".learning_rate"), adam.learning_rate(), {.low = 0, .low_open = true, .high = 10});
  const Range decay{.low = 0, .high = 1, .high_open = true};
  CheckNumber(context, absl::StrCat(path, ".beta1"), adam.beta1(), decay);
  CheckNumber(context, absl::StrCat(path, ".beta2"), adam.beta2(), decay);
}

}  // namespace

bool HasDensity(const v1::Model& model) { return model.kind_case() != v1::Model::kParticles; }

void CheckModel(Context& context, const std::string& path, v1::Model& model) {
  switch (model.kind_case()) {
    case v1::Model::KIND_NOT_SET:
    case v1::Model::kRealNvp:
      return CheckRealNvp(context, absl::StrCat(path, ".real_nvp"), *model.mutable_real_nvp());
    case v1::Model::kParticles:
      return CheckParticles(context, absl::StrCat(path, ".particles"), *model.mutable_particles());
  }
}

// The only kind of solver there is, so left out is that kind too: kSwJko.
void CheckSolver(Context& context, const std::string& path, v1::Solver& solver) {
  v1::SwJko& scheme = *solver.mutable_sw_jko();
  const std::string at = absl::StrCat(path, ".sw_jko");
  if (!scheme.has_inner_iterations()) scheme.set_inner_iterations(200);
  if (!scheme.has_num_projections()) scheme.set_num_projections(1000);
  if (!scheme.has_batch_size()) scheme.set_batch_size(1024);
  if (!scheme.has_max_attempts()) scheme.set_max_attempts(3);
  CheckCount(context, absl::StrCat(at, ".inner_iterations"), scheme.inner_iterations(), 1, context.limits.max_inner_iterations);
  CheckCount(context, absl::StrCat(at, ".num_projections"), scheme.num_projections(), 1, context.limits.max_projections);
  CheckCount(context, absl::StrCat(at, ".batch_size"), scheme.batch_size(), 2, context.limits.max_batch_size);
  CheckValues(context, absl::StrCat(at, ".batch_size"), scheme.batch_size());
  CheckCount(context, absl::StrCat(at, ".max_attempts"), scheme.max_attempts(), 1, 10);
  CheckAdam(context, absl::StrCat(at, ".optimizer.adam"), *scheme.mutable_optimizer()->mutable_adam());
}

}  // namespace sliceflow::api
