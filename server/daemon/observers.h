// What becomes of finished calls and of changes of jobs: figures and lines of the log.
#pragma once

#include <deque>
#include <string>
#include <unordered_map>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "common/metrics.h"
#include "server/api/call_info.h"
#include "server/daemon/held_up_steps.h"
#include "server/events/event_log.h"
#include "sliceflow/v1/job.pb.h"

namespace sliceflow::daemon {

// The trace of the call that made a job, so that what happens to the job later is found by it. Of the newest ten thousand jobs; not kept
// across a restart. Thread-safe.
class JobTraces {
 public:
  void Remember(const std::string& job, const std::string& trace_id);
  // Empty where it is not known.
  std::string Of(const std::string& job) const;

 private:
  mutable absl::Mutex mutex_;
  std::unordered_map<std::string, std::string> traces_ ABSL_GUARDED_BY(mutex_);
  std::deque<std::string> order_ ABSL_GUARDED_BY(mutex_);
};

// Counts the call and logs it: at info where it changed something and succeeded or was refused, at debug otherwise, at error where the
// server failed.
void ObserveCall(const api::FinishedCall& call, Metrics& metrics, JobTraces& traces);

// Counts completed steps and logs changes of state.
void ObserveJob(const v1::Job& job, const std::vector<events::EventPtr>& events, Metrics& metrics, const JobTraces& traces);

// Logs that a step waits to be stored, or (OK) no more does, and keeps why where that is more than a full disk, which is told apart.
void ObserveHeldUp(const std::string& job, const absl::Status& why, HeldUpSteps& held_up, const JobTraces& traces);

}  // namespace sliceflow::daemon
