#include "server/api/gate/checks.h"

namespace sliceflow::api {
namespace {

void CheckBox(Context& context, const std::string& path, v1::UniformBox& box) {
  CheckVector(context, absl::StrCat(path, ".lower"), *box.mutable_lower(), -1);
  CheckVector(context, absl::StrCat(path, ".upper"), *box.mutable_upper(), 1);
  CheckInterval(context.findings, path, box.lower(), box.upper());
}

void CheckRing(Context& context, const std::string& path, v1::RingDistribution& ring) {
  CheckVector(context, absl::StrCat(path, ".center"), *ring.mutable_center(), 0);
  if (!ring.has_radius()) ring.set_radius(1);
  if (!ring.has_thickness()) ring.set_thickness(0.1);
  CheckNumber(context.findings, absl::StrCat(path, ".radius"), ring.radius(), Above(0));
  CheckNumber(context.findings, absl::StrCat(path, ".thickness"), ring.thickness(), AtLeast(0));
}

}  // namespace

void CheckInitial(Context& context, const std::string& path, v1::Distribution& initial) {
  switch (initial.kind_case()) {
    case v1::Distribution::KIND_NOT_SET:
      initial.mutable_gaussian();
      [[fallthrough]];
    case v1::Distribution::kGaussian:
      return CheckGaussian(context, absl::StrCat(path, ".gaussian"), *initial.mutable_gaussian());
    case v1::Distribution::kMixture:
      return CheckMixture(context, absl::StrCat(path, ".mixture"), *initial.mutable_mixture());
    case v1::Distribution::kUniformBox:
      return CheckBox(context, absl::StrCat(path, ".uniform_box"), *initial.mutable_uniform_box());
    case v1::Distribution::kDirac:
      return CheckVector(context, absl::StrCat(path, ".dirac.point"), *initial.mutable_dirac()->mutable_point(), 0);
    case v1::Distribution::kRing:
      return CheckRing(context, absl::StrCat(path, ".ring"), *initial.mutable_ring());
    case v1::Distribution::kDataset:
      CheckPointDataset(context, absl::StrCat(path, ".dataset.dataset"), initial.dataset().dataset());
      return;
  }
}

}  // namespace sliceflow::api
