#include "server/worker/model_description.h"

#include <google/protobuf/util/json_util.h>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "common/json.h"
#include "common/version.h"

namespace sliceflow::worker {
namespace {

std::string AsJson(const google::protobuf::Message& message) {
  std::string json;
  // A message that was parsed has a JSON form.
  (void)google::protobuf::util::MessageToJsonString(message, &json);
  return json;
}

}  // namespace

std::string DescribeModel(const v1::Query& query, const engine::StepReport& report) {
  return absl::StrCat("{\"version\":", JsonString(Version()), ",\"job\":", JsonString(query.job()), ",\"step\":", report.step,
                      ",\"slicedTime\":", absl::StrFormat("%.17g", report.sliced_time),
                      ",\"wassersteinTime\":", absl::StrFormat("%.17g", report.wasserstein_time),
                      ",\"dimension\":", query.spec().dimension(), ",\"seed\":\"", query.spec().seed(),
                      "\",\"initial\":", AsJson(query.spec().initial()), ",\"model\":", AsJson(query.spec().model()), "}");
}

}  // namespace sliceflow::worker
