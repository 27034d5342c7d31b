// The samples of the steps that were completed or looked at last, so that a thousand watchers read a file once.
#pragma once

#include <cstdint>
#include <list>
#include <memory>
#include <string>
#include <unordered_map>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "common/tensor.h"

namespace sliceflow::jobs {

// Bounded in bytes; the least recently used goes first. Thread-safe.
class SampleCache {
 public:
  using TensorPtr = std::shared_ptr<const Tensor>;

  static constexpr int64_t kDefaultBytes = 64 << 20;
  explicit SampleCache(int64_t max_bytes = kDefaultBytes) : max_bytes_(max_bytes) {}

  // Null when it is not there.
  TensorPtr Get(const std::string& key);
  // A tensor larger than the whole cache is not kept.
  void Put(const std::string& key, TensorPtr tensor);
  void Drop(const std::string& prefix);

 private:
  struct Entry {
    std::string key;
    TensorPtr tensor;
  };
  using Entries = std::list<Entry>;  // the most recently used first

  void Remove(Entries::iterator entry) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const int64_t max_bytes_;
  absl::Mutex mutex_;
  int64_t bytes_ ABSL_GUARDED_BY(mutex_) = 0;
  Entries entries_ ABSL_GUARDED_BY(mutex_);
  std::unordered_map<std::string, Entries::iterator> by_key_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace sliceflow::jobs
