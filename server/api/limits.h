// Bounds on what this server accepts: the gate holds to them and GetServerInfo tells them.
#pragma once

#include <cstdint>

namespace sliceflow::api {

// Meanings and units as in sliceflow.v1.Limits.
struct Limits {
  int64_t max_dimension = 4096;
  int64_t max_steps = 100'000;
  int64_t max_particles = 1'000'000;
  int64_t max_inner_iterations = 100'000;
  int64_t max_projections = 100'000;
  int64_t max_batch_size = 1'000'000;
  int64_t max_samples = 1'000'000;
  int64_t max_upload_bytes = int64_t{1} << 30;
  int64_t max_dataset_values = int64_t{1} << 27;
  int64_t max_active_jobs = 10'000;
  int64_t max_spec_bytes = int64_t{1} << 20;
  int64_t max_expression_bytes = int64_t{64} << 10;
  int64_t max_sample_values = int64_t{1} << 27;     // rows times columns of one tensor: samples, points, particles, a batch, directions
  int64_t max_model_parameters = int64_t{1} << 27;  // a checkpoint holds them three times, with the optimiser's moments
  int64_t max_hidden_values = int64_t{1} << 28;     // a batch's values in all hidden layers of a model, kept for the gradient
};

}  // namespace sliceflow::api
