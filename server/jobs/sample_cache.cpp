#include "server/jobs/sample_cache.h"

#include <iterator>
#include <utility>

#include "absl/strings/match.h"

namespace sliceflow::jobs {
namespace {

int64_t SizeOf(const Tensor& tensor) { return static_cast<int64_t>(tensor.values.size() * sizeof(float)); }

}  // namespace

SampleCache::TensorPtr SampleCache::Get(const std::string& key) {
  absl::MutexLock lock(&mutex_);
  const auto found = by_key_.find(key);
  if (found == by_key_.end()) return nullptr;
  entries_.splice(entries_.begin(), entries_, found->second);
  return entries_.front().tensor;
}

void SampleCache::Put(const std::string& key, TensorPtr tensor) {
  const int64_t size = SizeOf(*tensor);
  absl::MutexLock lock(&mutex_);
  const auto found = by_key_.find(key);
  if (found != by_key_.end()) Remove(found->second);
  if (size > max_bytes_) return;
  while (bytes_ + size > max_bytes_) Remove(std::prev(entries_.end()));
  entries_.push_front(Entry{key, std::move(tensor)});
  by_key_[key] = entries_.begin();
  bytes_ += size;
}

void SampleCache::Drop(const std::string& prefix) {
  absl::MutexLock lock(&mutex_);
  for (auto entry = entries_.begin(); entry != entries_.end();) {
    const auto next = std::next(entry);
    if (absl::StartsWith(entry->key, prefix)) Remove(entry);
    entry = next;
  }
}

void SampleCache::Remove(Entries::iterator entry) {
  bytes_ -= SizeOf(*entry->tensor);
  by_key_.erase(entry->key);
  entries_.erase(entry);
}

}  // namespace sliceflow::jobs
