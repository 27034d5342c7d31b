// A disk that fails under a real daemon: its files, its database and its system calls are real, only their outcome is bent by a library
// that is preloaded into it.
#pragma once

#include <string>
#include <vector>

#include "tests/support/faulty_disk/control.h"

namespace sliceflow::testing {

// Faults in one folder. Not thread-safe, but the daemon may run.
class FaultyDisk {
 public:
  // `folder` exists.
  explicit FaultyDisk(const std::string& folder);
  ~FaultyDisk();
  FaultyDisk(const FaultyDisk&) = delete;
  FaultyDisk& operator=(const FaultyDisk&) = delete;

  // What a daemon is started under, as words before its command: `env LD_PRELOAD=… FAULTY_DISK=…`.
  const std::vector<std::string>& prefix() const { return prefix_; }

  // After `skip` more operations of these kinds `times` of them fail (negative: all) with an errno.
  void Fail(uint32_t operations, int error, int64_t times = -1, int64_t skip = 0);
  void Heal();
  // The disk has so many bytes left, which each write takes from (also one that writes over others) and each removal adds to; negative: as
  // many as the real one.
  void LeaveRoom(int64_t bytes);
  int64_t failed() const { return control_->failed; }

  // From now on the disk remembers what was not synced; to be called while no daemon runs.
  void RememberUnsynced();
  // The power goes: what was not synced is as it was before. To be called after the daemon was killed. How many notes were undone.
  int DropUnsynced();

 private:
  std::string notes() const { return path_ + kUnsyncedSuffix; }

  const std::string folder_;
  std::string path_;
  DiskControl* control_ = nullptr;
  std::vector<std::string> prefix_;
};

}  // namespace sliceflow::testing
