// Lines to a descriptor that may not take them, such as a pipe whose reader stalls.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "common/steady_wait.h"

namespace sliceflow {

// Until StartThread whoever writes a line waits until it is written. From then on a thread of its own writes, in order and at once, and
// nobody waits: a bounded number of bytes does, and lines that come while there is no room, or that the descriptor refuses, are dropped.
// Once there is room again a line tells how many were. Thread-safe.
class LineWriter {
 public:
  static constexpr size_t kMostWaitingBytes = size_t{4} << 20;

  // The descriptor is the caller's, and outlives this. `describe` makes the line, without its end, that tells of dropped ones.
  LineWriter(int descriptor, std::function<std::string(int64_t dropped)> describe);
  // What waits is written, however long the descriptor takes.
  ~LineWriter();
  LineWriter(const LineWriter&) = delete;
  LineWriter& operator=(const LineWriter&) = delete;

  // A line without its end.
  void Write(std::string line);

  // To be called at most once.
  void StartThread();

  // Waits until what was given so far is written; false where that takes longer.
  bool Flush(absl::Duration most);

 private:
  void Run();
  // False where the descriptor refuses it.
  bool WriteNow(std::string line) const;

  const int descriptor_;
  const std::function<std::string(int64_t)> describe_;
  absl::Mutex mutex_;
  SteadyCondVar written_;                                     // what waited, all of it
  std::vector<std::string> waiting_ ABSL_GUARDED_BY(mutex_);  // without their ends
  size_t waiting_bytes_ ABSL_GUARDED_BY(mutex_) = 0;
  int64_t dropped_ ABSL_GUARDED_BY(mutex_) = 0;  // behind those that wait
  bool writing_ ABSL_GUARDED_BY(mutex_) = false;
  bool has_thread_ ABSL_GUARDED_BY(mutex_) = false;
  bool ending_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

}  // namespace sliceflow
