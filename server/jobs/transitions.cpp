#include "server/jobs/transitions.h"

#include <algorithm>
#include <iterator>

namespace sliceflow::jobs {
namespace {

struct Step {
  v1::Job::State from;
  v1::Job::State to;
};

constexpr Step kAllowed[] = {
    {v1::Job::STATE_UNSPECIFIED, v1::Job::QUEUED},  // created
    {v1::Job::QUEUED, v1::Job::RUNNING},            // given to a worker
    {v1::Job::QUEUED, v1::Job::CANCELLED},
    {v1::Job::RUNNING, v1::Job::QUEUED},  // its worker or the daemon went away
    {v1::Job::RUNNING, v1::Job::SUCCEEDED},
    {v1::Job::RUNNING, v1::Job::FAILED},
    {v1::Job::RUNNING, v1::Job::CANCELLED},
    {v1::Job::PAUSED, v1::Job::CANCELLED},
    {v1::Job::QUEUED, v1::Job::PAUSED},
    {v1::Job::RUNNING, v1::Job::PAUSED},
    {v1::Job::PAUSED, v1::Job::QUEUED},
};

}  // namespace

bool IsAllowed(v1::Job::State from, v1::Job::State to) {
  return std::any_of(std::begin(kAllowed), std::end(kAllowed), [&](const Step& step) { return step.from == from && step.to == to; });
}

}  // namespace sliceflow::jobs
