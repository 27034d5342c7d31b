// What a test and the library in the daemon under test share: a file mapped into both.
#pragma once

#include <atomic>
#include <cstdint>

namespace sliceflow::testing {

// Operations that can be made to fail.
enum DiskOperation : uint32_t {
  kWriteOperation = 1,   // bytes of a file
  kSyncOperation = 2,    // fsync, fdatasync
  kChangeOperation = 4,  // making, renaming, removing and cutting files and folders
};

// Lies at the beginning of the file that $FAULTY_DISK names. Written by the test, read by the library; zero means no faults.
struct DiskControl {
  char folder[512] = {};                 // absolute; what lies elsewhere never fails
  std::atomic<uint32_t> operations = 0;  // that fail, a sum of DiskOperation
  std::atomic<int32_t> error = 0;        // errno that they fail with
  std::atomic<int64_t> skip = 0;         // so many are let through first
  std::atomic<int64_t> times = 0;        // so many fail, then it heals by itself; negative: for good
  std::atomic<int64_t> failed = 0;       // that failed so far
  std::atomic<int64_t> room = -1;        // bytes that may still be written; what is removed or cut gives its own back; negative: no bound
  std::atomic<bool> journal = false;     // whether what is not synced is noted, so that it can be dropped
};

inline constexpr char kDiskControlVariable[] = "FAULTY_DISK";
// Notes about what is not synced are files in the folder FAULTY_DISK + ".unsynced".
inline constexpr char kUnsyncedSuffix[] = ".unsynced";

// How a note about a file's bytes begins; what was there follows. The newest is undone first.
struct BytesNote {
  int64_t offset = 0;
  int64_t size = 0;       // bytes that follow
  int64_t file_size = 0;  // before the write
};

}  // namespace sliceflow::testing
