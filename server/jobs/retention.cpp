#include "server/jobs/retention.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace sliceflow::jobs {
namespace {

// 0.9 / 0.1 is a little above 9 in floating point and still means 9 steps.
constexpr double kStepRounding = 1e-9;

}  // namespace

std::string BlobFolder(const std::string& job_id) { return absl::StrCat("jobs/", job_id); }

std::string JobOfKey(const std::string& key) {
  const size_t slash = key.find('/');
  return slash == std::string::npos ? "" : key.substr(slash + 1, key.find('/', slash + 1) - slash - 1);
}

std::string SamplesKey(const std::string& job_id, int step) { return absl::StrFormat("jobs/%s/samples-%06d", job_id, step); }

std::string CheckpointKey(const std::string& job_id, int step) { return absl::StrFormat("jobs/%s/checkpoint-%06d", job_id, step); }

bool IsShared(const v1::Job& job, int step) { return job.has_fork_origin() && step <= job.fork_origin().step(); }

bool IsKept(const v1::Job& job, int step) {
  if (IsShared(job, step)) return true;
  const int every = job.spec().output().has_checkpoint_every() ? std::max(1, job.spec().output().checkpoint_every()) : 1;
  return step % every == 0 || step == job.progress().total_steps();
}

int NextStep(const v1::JobProgress& progress) { return progress.has_last_step() ? progress.last_step().step() + 1 : 0; }

int StepsOf(const v1::Schedule& schedule) {
  if (schedule.has_num_steps()) return schedule.num_steps();
  return static_cast<int>(std::ceil(schedule.end_time() / schedule.step_size() * (1 - kStepRounding)));
}

}  // namespace sliceflow::jobs
