// What owners may use, and what they do.
#pragma once

#include <map>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/store/store.h"
#include "sliceflow/v1/server_service.pb.h"

namespace sliceflow::jobs {

// Thread-safe and immutable; the usage is the store's, where every commit keeps it. Bounds that are exceeded are RESOURCE_EXHAUSTED with
// reason QUOTA_EXCEEDED and QuotaFailure, whose subject is `owner:NAME`; RetryInfo where waiting helps.
class Quotas {
 public:
  // `all`: of every owner that has none of its own in `owners`. `store` must outlive this.
  Quotas(store::Store& store, v1::Quota all, std::map<std::string, v1::Quota> owners);

  // What an owner may use. The scheduler holds to max_running_jobs of it: what is beyond waits.
  const v1::Quota& Of(const std::string& owner) const;
  // Watches are not known here: they are 0.
  absl::StatusOr<v1::Usage> UsageOf(const std::string& owner) const;

  // Whether one more job with so many steps may wait.
  absl::Status CheckNewJob(const std::string& owner, int64_t steps) const;
  // Whether so many more bytes may be stored; 0: whether any may.
  absl::Status CheckBytes(const std::string& owner, int64_t bytes) const;

 private:
  store::Store& store_;
  const v1::Quota all_;
  const std::map<std::string, v1::Quota> owners_;
};

// `limit`: the field of v1.Quota that is exceeded.
absl::Status QuotaExceeded(const std::string& owner, const char* limit, const std::string& message);

}  // namespace sliceflow::jobs
