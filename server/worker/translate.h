// The contract's specification of a flow as the engine's.
#pragma once

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "server/engine/flow.h"
#include "server/engine/flow_spec.h"
#include "sliceflow/v1/flow.pb.h"
#include "sliceflow/v1/job.pb.h"

namespace sliceflow::worker {

// The public contract; v1 is that of workers here.
namespace contract = ::sliceflow::v1;

// The data sets a worker holds, by name (datasets/…).
using Tables = absl::flat_hash_map<std::string, engine::TablePtr>;

// `spec` is complete, its length told as a number of steps: the daemon has seen to that. `origin`: where its job was forked from, without a
// job's name where it was not. InvalidArgument for a kind that this build does not know or another length; NotFound for a data set that was
// not sent.
absl::StatusOr<engine::FlowSpec> TranslateSpec(const contract::FlowSpec& spec, const Tables& tables,
                                               const contract::ForkOrigin& origin = contract::ForkOrigin::default_instance());

engine::Gaussian TranslateGaussian(const contract::GaussianDistribution& gaussian);
engine::GaussianMixture TranslateMixture(const contract::GaussianMixture& mixture);

using GeneratorParameters = google::protobuf::RepeatedPtrField<contract::GeneratorParameter>;
engine::GeneratorModel TranslateGenerator(const std::string& source, int noise_dimension, const GeneratorParameters& parameters);

// `seconds`: wall time of the step.
contract::StepReport TranslateReport(const engine::StepReport& report, double seconds);

contract::InnerProgress TranslateProgress(const engine::InnerProgress& progress);

}  // namespace sliceflow::worker
