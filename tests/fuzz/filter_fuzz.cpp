// What clients write in words: filters, orders, page tokens and names.
#include <cstddef>
#include <cstdint>
#include <string>

#include "common/errors.h"
#include "common/ids.h"
#include "server/api/list_jobs.h"
#include "tests/fuzz/require.h"

namespace sliceflow::fuzz {
namespace {

void CheckQuery(const v1::ListJobsRequest& request) {
  const absl::StatusOr<store::JobQuery> query = api::ToQuery(request);
  if (!query.ok()) {
    return Require(absl::IsInvalidArgument(query.status()) && !ViolationsOf(query.status()).empty(), "a refusal names its field");
  }
  Require(query->limit >= 1 && query->limit <= 1000, "a page is bounded");
  v1::ListJobsRequest next = request;
  next.set_page_token(api::PageToken(request, 42));
  const absl::StatusOr<store::JobQuery> following = api::ToQuery(next);
  Require(following.ok() && following->after_number == 42, "a token made for a request is one that it takes");
}

void CheckName(const std::string& name) {
  const absl::StatusOr<std::string> id = ParseResourceName("jobs", name, "name");
  if (id.ok()) Require(JobName(*id) == name, "a name that is taken is that of its id");
}

}  // namespace
}  // namespace sliceflow::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  sliceflow::v1::ListJobsRequest request;
  if (!request.ParseFromString(text)) {
    // As on the wire, where text that is no UTF-8 does not come through.
    sliceflow::v1::ListJobsRequest sent;
    sent.set_filter(text);
    if (!request.ParseFromString(sent.SerializeAsString())) return 0;
    sliceflow::fuzz::CheckName(text);
  }
  sliceflow::fuzz::CheckQuery(request);
  return 0;
}
