// Files of jobs that nothing refers to: what a crash left between a file and the row that names it, or the other way when deleting.
#pragma once

#include "absl/status/status.h"
#include "common/stop_latch.h"
#include "server/store/blob_store.h"
#include "server/store/store.h"

namespace sliceflow::jobs {

// Removes them while jobs are served: the files of a job that has not ended are left alone, because one may have been written a moment
// before its row; whatever is wrong there is swept once the job has ended. Returns early, with Cancelled, when `stop` is triggered.
absl::Status SweepJobFiles(store::Store& store, store::BlobStore& blobs, const StopLatch& stop);

}  // namespace sliceflow::jobs
