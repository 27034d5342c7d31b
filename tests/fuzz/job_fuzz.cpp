// Jobs as clients send them, as JSON where the input begins with a brace, else as they are on the wire: through the gate, and what passes
// through the worker's translation.
#include <google/protobuf/util/json_util.h>
#include <google/protobuf/util/message_differencer.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "common/errors.h"
#include "common/ids.h"
#include "server/api/gate/gate.h"
#include "server/events/event_log.h"
#include "server/worker/translate.h"
#include "tests/fuzz/require.h"
#include "tests/unit/api/described_datasets.h"

namespace sliceflow::fuzz {
namespace {

// Small, so that what passes is small: the rules do not depend on how large the limits are.
constexpr api::Limits kLimits{
    .max_dimension = 16, .max_sample_values = 1 << 16, .max_model_parameters = 1 << 16, .max_hidden_values = 1 << 20};

v1::CreateJobRequest Read(const std::string& bytes) {
  v1::CreateJobRequest request;
  if (bytes.empty() || bytes[0] != '{') {
    (void)request.ParseFromString(bytes);
    return request;
  }
  google::protobuf::util::JsonParseOptions options;
  options.ignore_unknown_fields = true;
  (void)google::protobuf::util::JsonStringToMessage(bytes, &request, options);
  return request;
}

api::DescribedDatasets& Datasets() {
  static api::DescribedDatasets& datasets = *[] {
    auto* made = new api::DescribedDatasets;
    made->Add("points", 500, 2);
    made->Add("table", 768, 9, {-1, 1});
    made->Add("images", 2000, 16);
    return made;
  }();
  return datasets;
}

// Tables for whatever a specification refers to, of the size that it was described with.
worker::Tables TablesOf(const v1::FlowSpec& spec) {
  worker::Tables tables;
  for (const std::string& id : events::DatasetsOf(spec)) {
    auto table = std::make_shared<engine::Table>();
    table->rows = 2;
    table->columns = id == "points" ? 2 : id == "table" ? 9 : 16;
    table->values.assign(static_cast<size_t>(table->rows * table->columns), 1.0F);
    tables[DatasetName(id)] = std::move(table);
  }
  return tables;
}

void CheckRefusal(const absl::Status& status) {
  Require(!Reason(status).empty(), "a refusal has a reason");
  Require(!absl::IsInternal(status) && !absl::IsUnknown(status), "a refusal is the request's, not ours");
  for (const FieldViolation& violation : ViolationsOf(status)) {
    Require(!violation.description.empty(), "a violation says what would be right");
  }
}

void Submit(const std::string& bytes) {
  const absl::StatusOr<v1::Job> job = api::CheckCreateJob(Read(bytes), "", Datasets(), kLimits, {});
  if (!job.ok()) return CheckRefusal(job.status());
  v1::CreateJobRequest again;
  *again.mutable_job() = *job;
  const absl::StatusOr<v1::Job> repeated = api::CheckCreateJob(again, "", Datasets(), kLimits, {});
  Require(repeated.ok(), "what the gate completed passes it again");
  Require(google::protobuf::util::MessageDifferencer::Equals(*job, *repeated), "and has nothing left to be completed");
  v1::FlowSpec spec = job->spec();
  spec.mutable_schedule()->set_num_steps(job->progress().total_steps());
  const absl::StatusOr<engine::FlowSpec> translated = worker::TranslateSpec(spec, TablesOf(spec));
  Require(translated.ok(), "what passes the gate can be translated");
}

}  // namespace
}  // namespace sliceflow::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  sliceflow::fuzz::Submit(std::string(reinterpret_cast<const char*>(data), size));
  return 0;
}
