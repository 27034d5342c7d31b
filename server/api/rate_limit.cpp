#include "server/api/rate_limit.h"

#include <algorithm>

namespace sliceflow::api {
namespace {

// Of what was used, when so much time has gone by.
double LeftOf(double used, absl::Duration passed, double per_second) {
  return std::max(0.0, used - absl::ToDoubleSeconds(passed) * per_second);
}

}  // namespace

RateLimit::Bucket& RateLimit::Find(const std::string& key, double per_second, absl::Duration now) {
  auto found = buckets_.find(key);
  if (found == buckets_.end() && buckets_.size() >= kMostKeys) {
    std::erase_if(buckets_, [&](const auto& entry) { return LeftOf(entry.second.used, now - entry.second.time, per_second) == 0; });
    if (buckets_.size() >= kMostKeys) found = buckets_.try_emplace("").first;
  }
  if (found == buckets_.end()) found = buckets_.try_emplace(key, Bucket{0, now}).first;
  Bucket& bucket = found->second;
  bucket.used = LeftOf(bucket.used, now - bucket.time, per_second);
  bucket.time = now;
  return bucket;
}

absl::Duration RateLimit::Take(const std::string& key, double capacity, double per_second) {
  const absl::Duration now = clock_.Uptime();
  const absl::MutexLock lock(&mutex_);
  Bucket& bucket = Find(key, per_second, now);
  const double missing = bucket.used + 1 - capacity;
  if (missing > 0) return absl::Seconds(missing / per_second);
  bucket.used += 1;
  return absl::ZeroDuration();
}

}  // namespace sliceflow::api
