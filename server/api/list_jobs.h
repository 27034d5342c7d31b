// From ListJobs' filter, order and page token to a query of the store.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "server/jobs/jobs.h"
#include "sliceflow/v1/job_service.pb.h"

namespace sliceflow::api {

// InvalidArgument naming `filter`, `order_by`, `page_size` or `page_token`.
absl::StatusOr<store::JobQuery> ToQuery(const v1::ListJobsRequest& request);

// The token that continues `request` after the job of that number. Bound to its filter and order.
std::string PageToken(const v1::ListJobsRequest& request, int64_t number);

// Rows of a page; 0 is the default, more than the most is the most.
absl::StatusOr<int> PageSize(int requested);

}  // namespace sliceflow::api
