// Places where a process can be made to die, for tests that ask what survives.
#pragma once

#include <atomic>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace sliceflow {

// Named in SLICEFLOW_FAILPOINTS as the comments say. Those of a worker are passed each time a worker starts anew.
enum class Failpoint {
  kBeforeBlobWrite,         // blob.before_write
  kAfterBlobWrite,          // blob.after_write: durable, and no row refers to it
  kBeforeCommit,            // commit.before: of any transaction of the store
  kAfterCommit,             // commit.after: durable, and nobody was told
  kBeforeAnswer,            // answer.before: of a call of one answer, whatever it did is durable
  kBeforeAcknowledgement,   // step.before_acknowledgement: a step is stored, and its worker was not told
  kBeforeWorkerCheckpoint,  // worker.before_checkpoint: a step is computed, its checkpoint was not sent
  kAfterWorkerCheckpoint,   // worker.after_checkpoint
  kBeforeWorkerStepDone,    // worker.before_step_done
  kAfterWorkerStepDone,     // worker.after_step_done
};

// The environment variable that a daemon and its workers read at their start.
inline constexpr char kFailpointsVariable[] = "SLICEFLOW_FAILPOINTS";

// Arms points for the life of the process, by text such as `commit.after=3,blob.before_write=1`: the process kills itself (SIGKILL) when it
// passes a point for that time. InvalidArgument, arming nothing, for what is no point or no number from 1. Empty text arms nothing.
// To be called before there are other threads.
absl::Status ArmFailpoints(absl::string_view text);

namespace failpoint_internal {
extern std::atomic<bool> armed;
void Pass(Failpoint point);
}  // namespace failpoint_internal

// Thread-safe. One relaxed load where nothing is armed.
inline void PassFailpoint(Failpoint point) {
  if (failpoint_internal::armed.load(std::memory_order_relaxed)) failpoint_internal::Pass(point);
}

}  // namespace sliceflow
