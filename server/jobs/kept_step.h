// Steps of a job that can be gone back to: drawn from, and forked at.
#pragma once

#include <string>

#include "sliceflow/v1/job.pb.h"

namespace sliceflow::jobs {

// A kept step's checkpoint with what it was made from, its length told as a number of steps. Of a step that a fork shares that is not the
// fork's own specification.
struct Checkpoint {
  std::string owner;  // of the job, whose data sets the specification names
  v1::FlowSpec spec;
  v1::ForkOrigin origin;  // without a job's name where there is none
  int step = 0;
  std::string bytes;
};

// Where a fork may begin: `origin` is a kept step of `parent`.
struct ForkPoint {
  v1::Job parent;
  v1::ForkOrigin origin;
};

// A kept step, and what it was computed from.
struct KeptStep {
  v1::FlowSpec spec;
  int step = 0;
};

}  // namespace sliceflow::jobs
