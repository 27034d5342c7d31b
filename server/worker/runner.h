// What a worker does with what the daemon sends: whole jobs, or queries.
#pragma once

#include <string>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "common/blob_inbox.h"
#include "server/worker/translate.h"
#include "sliceflow/worker/v1/worker.pb.h"

namespace sliceflow::worker {

// Called by the thread that reads the stream; computing happens on a thread of the runner's own.
class Runner {
 public:
  virtual ~Runner() = default;

  // A message that is neither a blob nor about data sets. `tables` are those the worker holds, `inbox` what else came before. An error
  // means that the daemon broke the protocol.
  virtual absl::Status Handle(const v1::AttachResponse& message, BlobInbox& inbox, const Tables& tables) = 0;

  // Gives up what is being computed and takes nothing more. False when it goes on after that time.
  virtual bool Stop(absl::Duration time) = 0;
};

}  // namespace sliceflow::worker
