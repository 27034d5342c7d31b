#include "tests/benchmarks/jobs.h"

#include "tests/integration/client.h"

namespace sliceflow::benchmarks {

v1::Job LongJob() {
  v1::Job job = testing::RealNvpJob();
  v1::FlowSpec& spec = *job.mutable_spec();
  spec.mutable_solver()->mutable_sw_jko()->set_inner_iterations(200);
  spec.mutable_solver()->mutable_sw_jko()->set_batch_size(512);
  spec.mutable_schedule()->set_num_steps(15);
  return job;
}

v1::Job ShortJob() {
  v1::Job job = testing::ParticlesJob();
  v1::FlowSpec& spec = *job.mutable_spec();
  spec.mutable_model()->mutable_particles()->set_count(32);
  spec.mutable_output()->set_samples_per_step(32);
  spec.mutable_solver()->mutable_sw_jko()->set_inner_iterations(2);
  spec.mutable_solver()->mutable_sw_jko()->set_num_projections(8);
  spec.mutable_schedule()->set_num_steps(1);
  return job;
}

}  // namespace sliceflow::benchmarks
