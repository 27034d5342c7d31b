// Steps that are computed and cannot be stored for now, for another reason than a full disk.
#pragma once

#include <map>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"

namespace sliceflow::daemon {

// Thread-safe.
class HeldUpSteps {
 public:
  // Why a step of a job waits; OK once it does not.
  void Set(const std::string& job, const absl::Status& why) {
    const absl::MutexLock lock(&mutex_);
    if (why.ok()) {
      held_up_.erase(job);
    } else {
      held_up_[job] = why;
    }
  }

  // OK while none waits.
  absl::Status status() const {
    const absl::MutexLock lock(&mutex_);
    if (held_up_.empty()) return absl::OkStatus();
    const absl::Status& why = held_up_.begin()->second;
    return absl::Status(why.code(), absl::StrCat("steps of running jobs cannot be stored: ", why.message()));
  }

 private:
  mutable absl::Mutex mutex_;
  std::map<std::string, absl::Status> held_up_ ABSL_GUARDED_BY(mutex_);  // by the names of jobs
};

}  // namespace sliceflow::daemon
