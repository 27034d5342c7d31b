// Submits a small flow to a server, follows it to its end, and draws samples from what it became.
#include <cstdio>
#include <string>
#include <vector>

#include "client/cpp/client.h"

namespace {

namespace v1 = sliceflow::v1;

int Fail(const absl::Status& status) {
  std::fprintf(stderr, "%s\n", status.ToString().c_str());
  return 1;
}

// An Ornstein–Uhlenbeck process in the plane, towards a Gaussian around (1, -1).
v1::CreateJobRequest Request() {
  v1::CreateJobRequest request;
  v1::FlowSpec& spec = *request.mutable_job()->mutable_spec();
  spec.set_dimension(2);
  spec.mutable_initial()->mutable_gaussian();
  v1::QuadraticPotential& potential = *spec.mutable_functional()->add_terms()->mutable_potential()->mutable_quadratic();
  potential.add_center(1);
  potential.add_center(-1);
  spec.mutable_functional()->add_terms()->mutable_entropy();
  spec.mutable_solver()->mutable_euler_maruyama();
  spec.mutable_model()->mutable_particles()->set_count(2000);
  spec.mutable_schedule()->set_step_size(0.05);
  spec.mutable_schedule()->set_num_steps(60);
  spec.set_seed(7);
  return request;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: %s HOST:PORT\n", argv[0]);
    return 2;
  }
  sliceflow::client::Client client(argv[1]);
  const absl::StatusOr<v1::Job> job = client.CreateJob(Request());
  if (!job.ok()) return Fail(job.status());

  const auto end = client.Watch(job->name(), {}, [](const sliceflow::client::WatchUpdate& update) {
    const v1::JobEvent& event = update.response.event();
    if (event.has_step_completed()) std::printf("step %d\n", event.step_completed().report().step());
    return absl::OkStatus();
  });
  if (!end.ok()) return Fail(end.status());
  std::printf("%s %s\n", job->name().c_str(), v1::Job::State_Name(end->state).c_str());

  v1::SampleJobRequest draw;
  draw.set_name(job->name());
  draw.set_count(1000);
  const absl::StatusOr<sliceflow::Tensor> samples = client.Sample(draw);
  if (!samples.ok()) return Fail(samples.status());
  std::vector<double> mean(2);
  for (size_t i = 0; i < samples->values.size(); ++i) mean[i % 2] += samples->values[i] / 1000;
  std::printf("mean of 1000 samples: %.2f %.2f\n", mean[0], mean[1]);
  return end->state == v1::Job::SUCCEEDED ? 0 : 1;
}
