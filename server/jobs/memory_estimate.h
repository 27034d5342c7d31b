// What a job is thought to take of its worker's memory, from what was asked for alone.
#pragma once

#include <cstdint>
#include <string>

#include "absl/functional/function_ref.h"
#include "sliceflow/v1/flow.pb.h"

namespace sliceflow::jobs {

struct TableSize {
  int64_t rows = 0;
  int64_t columns = 0;
};

// Beside what a worker takes without a job, in bytes, for a complete specification. Meant to be above what is used, and at most four times
// that beside the allowance: tests/e2e/memory_test.py measures every example. `size_of` answers for a data set, given its name.
//
//   allowance   32 MiB: threads, caches of the allocator, messages on their way
//   model       4 B · 14 P          P parameters, of all maps where a chain grows with the steps: values, gradient, Adam's two moments, the
//                                   best and the start of a step, the model of the step before, and three copies of a checkpoint
//   sums        4 B · min(8 P, 2²⁷) of couplings: gradients by the parameters of eight parts of a batch
//   activations 4 B · H · max(2 B, N / 2)
//                                   H values that a sample leaves in the layers, and their gradients; of the 4096 samples of a report,
//                                   which nothing is differentiated by, a layer or two at a time
//   transport   4 B · 6 L · B       L directions, batch B: projections of both clouds, their 64-bit keys, differences
//   points      4 B · 12 d · (N + S) of dimension d, N = max(B, 4096) samples of a report, S samples a step
//   data        4 B · 2 D           D numbers of data sets: held, and on their way or picked from
//   regression  4 B · 4 R · N       R rows of the table of a logistic regression
//   neighbours  16 MiB              of particles with an entropy: tiles of distances
//   grid        8 B · 24 N          N nodes, of a density on a grid
//
// Of a flow in a latent space the auto-encoder counts as a model of its own. step_halving holds three flows. Pair sums go in tiles of a
// megabyte and are in the allowance.
int64_t EstimateMemoryBytes(const v1::FlowSpec& spec, absl::FunctionRef<TableSize(const std::string& dataset)> size_of);

}  // namespace sliceflow::jobs
