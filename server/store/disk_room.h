// Room on the disk of the data folder: what is to stay free, and a reserve for what frees more.
#pragma once

#include <cstdint>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"

namespace sliceflow::store {

struct DiskRoomOptions {
  int64_t low_water_bytes = int64_t{64} << 20;  // that stay free: nothing is added beyond
  int64_t reserve_bytes = int64_t{8} << 20;     // of the reserve
};

// Whoever frees a disk through the database must first write to it. So jobs and uploads leave some bytes free, and for the time when other
// programs have taken those too, a file holds some that are given up when something that frees room finds none. Thread-safe.
class DiskRoom {
 public:
  // `folder` is the data folder; the reserve is the file `reserve` in it.
  explicit DiskRoom(const std::string& folder, const DiskRoomOptions& options = {});

  // Whether so many bytes more leave enough free: else ResourceExhausted with reason DISK_FULL. OK where the disk does not tell.
  absl::Status Check(int64_t bytes) const;

  // Runs what frees room, and where it fails for a full disk (ResourceExhausted) once more without the reserve.
  absl::Status Free(absl::FunctionRef<absl::Status()> change);

  // Makes the reserve where it is missing and there is room for it; to be called now and then.
  void KeepReserve();

 private:
  const std::string folder_;
  const std::string path_;
  const DiskRoomOptions options_;
  absl::Mutex mutex_;  // held while the reserve is made or given up
};

}  // namespace sliceflow::store
