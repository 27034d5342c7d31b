#include "tests/integration/client.h"

#include <google/protobuf/util/json_util.h>
#include <gtest/gtest.h>
#include <openssl/sha.h>

#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "tests/integration/processes.h"

namespace sliceflow::testing {
namespace {

v1::Job FromJson(const std::string& json) {
  v1::Job job;
  const auto status = google::protobuf::util::JsonStringToMessage(json, &job);
  EXPECT_TRUE(status.ok()) << status.ToString();
  return job;
}

void SetDeadline(grpc::ClientContext& context) { context.set_deadline(absl::ToChronoTime(absl::Now() + kPatience)); }

// The tensor that a stream carries; untouched where it ends with an error.
grpc::Status ReadTensor(grpc::ClientReader<v1::TensorChunk>& stream, Tensor& tensor) {
  TensorAssembler assembler(1 << 24);
  v1::TensorChunk chunk;
  while (stream.Read(&chunk)) EXPECT_TRUE(assembler.Add(chunk).ok());
  grpc::Status status = stream.Finish();
  if (status.ok()) tensor = assembler.Take();
  return status;
}

}  // namespace

v1::Job RealNvpJob() {
  return FromJson(R"json({"displayName": "a normalising flow", "spec": {
    "dimension": 2,
    "initial": {"gaussian": {"mean": [1, -1]}},
    "functional": {"terms": [{"potential": {"quadratic": {"precision": {"values": [2, 0, 0, 1]}}}}, {"entropy": {}}]},
    "solver": {"swJko": {"innerIterations": 120, "numProjections": 50, "batchSize": 256}},
    "model": {"realNvp": {"couplings": 3, "hiddenWidth": 24}},
    "schedule": {"stepSize": 0.1, "numSteps": 10},
    "output": {"samplesPerStep": 100}, "seed": 3}})json");
}

v1::Job ParticlesJob() {
  return FromJson(R"json({"displayName": "particles", "spec": {
    "dimension": 2,
    "functional": {"terms": [{"interaction": {"powerLaw": {"attraction": 4, "repulsion": 2}}}]},
    "solver": {"swJko": {"innerIterations": 60, "numProjections": 50, "optimizer": {"adam": {"learningRate": 0.01}}}},
    "model": {"particles": {"count": 300}},
    "schedule": {"stepSize": 0.1, "numSteps": 10},
    "output": {"samplesPerStep": 300, "metrics": [{"radius": {}}]}, "seed": 3}})json");
}

Client::Client(const std::string& address) : Client(grpc::CreateChannel(address, grpc::InsecureChannelCredentials())) {}

Client::Client(std::shared_ptr<grpc::Channel> channel)
    : channel_(std::move(channel)),
      jobs_(v1::JobService::NewStub(channel_)),
      datasets_(v1::DatasetService::NewStub(channel_)),
      server_(v1::ServerService::NewStub(channel_)) {}

grpc::Status Client::TryCreate(const v1::CreateJobRequest& request, v1::Job& job) {
  grpc::ClientContext context;
  SetDeadline(context);
  return jobs_->CreateJob(&context, request, &job);
}

v1::Job Client::Create(const v1::Job& job) {
  v1::CreateJobRequest request;
  *request.mutable_job() = job;
  v1::Job created;
  const grpc::Status status = TryCreate(request, created);
  EXPECT_TRUE(status.ok()) << status.error_message();
  return created;
}

v1::Job Client::Get(const std::string& name) {
  grpc::ClientContext context;
  SetDeadline(context);
  v1::GetJobRequest request;
  request.set_name(name);
  v1::Job job;
  const grpc::Status status = jobs_->GetJob(&context, request, &job);
  EXPECT_TRUE(status.ok()) << status.error_message();
  return job;
}

std::vector<std::string> Client::ListNames(bool show_deleted) {
  std::vector<std::string> names;
  v1::ListJobsRequest request;
  request.set_show_deleted(show_deleted);
  v1::ListJobsResponse response;
  do {
    grpc::ClientContext context;
    SetDeadline(context);
    request.set_page_token(response.next_page_token());
    response.Clear();
    const grpc::Status status = jobs_->ListJobs(&context, request, &response);
    EXPECT_TRUE(status.ok()) << status.error_message();
    for (const v1::Job& job : response.jobs()) names.push_back(job.name());
  } while (!response.next_page_token().empty());
  return names;
}

grpc::Status Client::Cancel(const std::string& name) {
  grpc::ClientContext context;
  SetDeadline(context);
  v1::CancelJobRequest request;
  request.set_name(name);
  v1::Job job;
  return jobs_->CancelJob(&context, request, &job);
}

v1::Job Client::Pause(const std::string& name) {
  grpc::ClientContext context;
  SetDeadline(context);
  v1::PauseJobRequest request;
  request.set_name(name);
  v1::Job job;
  const grpc::Status status = jobs_->PauseJob(&context, request, &job);
  EXPECT_TRUE(status.ok()) << status.error_message();
  return job;
}

v1::Job Client::Resume(const std::string& name) {
  grpc::ClientContext context;
  SetDeadline(context);
  v1::ResumeJobRequest request;
  request.set_name(name);
  v1::Job job;
  const grpc::Status status = jobs_->ResumeJob(&context, request, &job);
  EXPECT_TRUE(status.ok()) << status.error_message();
  return job;
}

grpc::Status Client::Delete(const std::string& name) {
  grpc::ClientContext context;
  SetDeadline(context);
  v1::DeleteJobRequest request;
  request.set_name(name);
  v1::Job job;
  return jobs_->DeleteJob(&context, request, &job);
}

grpc::Status Client::Purge(const std::string& name) {
  grpc::ClientContext context;
  SetDeadline(context);
  v1::DeleteJobRequest request;
  request.set_name(name);
  request.set_purge(true);
  v1::Job job;
  return jobs_->DeleteJob(&context, request, &job);
}

grpc::Status Client::Undelete(const std::string& name, v1::Job& job) {
  grpc::ClientContext context;
  SetDeadline(context);
  v1::UndeleteJobRequest request;
  request.set_name(name);
  return jobs_->UndeleteJob(&context, request, &job);
}

grpc::Status Client::Fork(const v1::ForkJobRequest& request, v1::Job& job) {
  grpc::ClientContext context;
  SetDeadline(context);
  return jobs_->ForkJob(&context, request, &job);
}

std::vector<v1::JobEvent> Client::Watch(const std::string& name, int64_t after, std::function<bool(const v1::JobEvent&)> until,
                                        grpc::Status* status) {
  grpc::ClientContext context;
  SetDeadline(context);
  v1::WatchJobRequest request;
  request.set_name(name);
  request.set_after_sequence(after);
  const auto reader = jobs_->WatchJob(&context, request);
  std::vector<v1::JobEvent> events;
  v1::WatchJobResponse response;
  bool enough = false;
  while (!enough && reader->Read(&response)) {
    if (!response.has_event()) continue;
    events.push_back(response.event());
    enough = until && until(events.back());
  }
  if (enough) context.TryCancel();
  const grpc::Status ended = reader->Finish();
  if (status != nullptr) {
    *status = ended;
  } else if (!enough) {
    EXPECT_TRUE(ended.ok()) << ended.error_code() << ": " << ended.error_message();
  }
  return events;
}

void Client::WaitForStep(const std::string& name, int step) {
  Watch(name, 0,
        [step](const v1::JobEvent& event) { return event.has_step_completed() && event.step_completed().report().step() == step; });
}

v1::Job Client::WaitForEnd(const std::string& name) {
  Watch(name);
  return Get(name);
}

std::vector<Tensor> Client::StoredSamples(const std::string& name) {
  grpc::ClientContext context;
  SetDeadline(context);
  v1::WatchJobRequest request;
  request.set_name(name);
  request.set_sample_limit(-1);
  const auto reader = jobs_->WatchJob(&context, request);
  std::vector<Tensor> steps;
  TensorAssembler assembler(1 << 24);
  v1::WatchJobResponse response;
  while (reader->Read(&response)) {
    if (!response.has_samples()) continue;
    const absl::Status added = assembler.Add(response.samples());
    EXPECT_TRUE(added.ok()) << added;
    if (assembler.complete()) steps.push_back(assembler.Take());
  }
  const grpc::Status status = reader->Finish();
  EXPECT_TRUE(status.ok()) << status.error_message();
  return steps;
}

grpc::Status Client::Sample(const std::string& name, std::optional<int> step, int count, uint64_t seed, Tensor& samples) {
  grpc::ClientContext context;
  SetDeadline(context);
  v1::SampleJobRequest request;
  request.set_name(name);
  if (step.has_value()) request.set_step(*step);
  request.set_count(count);
  request.set_seed(seed);
  return ReadTensor(*jobs_->SampleJob(&context, request), samples);
}

grpc::Status Client::Export(const std::string& name, v1::ExportModelRequest::Format format, std::string& file) {
  grpc::ClientContext context;
  SetDeadline(context);
  v1::ExportModelRequest request;
  request.set_name(name);
  request.set_format(format);
  const auto reader = jobs_->ExportModel(&context, request);
  v1::ExportModelResponse piece;
  while (reader->Read(&piece)) {
    EXPECT_LE(piece.data().size(), size_t{1} << 20);
    file += piece.data();
  }
  return reader->Finish();
}

grpc::Status Client::Density(const std::string& name, std::optional<int> step, const Tensor& points, Tensor& densities) {
  grpc::ClientContext context;
  SetDeadline(context);
  const auto stream = jobs_->EvaluateDensity(&context);
  bool first = true;
  const absl::Status sent = ForEachChunk(points, [&](v1::TensorChunk chunk) {
    v1::EvaluateDensityRequest request;
    if (std::exchange(first, false)) {
      request.set_name(name);
      if (step.has_value()) request.set_step(*step);
    }
    *request.mutable_points() = std::move(chunk);
    return stream->Write(request) ? absl::OkStatus() : absl::UnavailableError("the stream broke");
  });
  stream->WritesDone();
  TensorAssembler assembler(1 << 24);
  v1::TensorChunk chunk;
  while (stream->Read(&chunk)) EXPECT_TRUE(assembler.Add(chunk).ok());
  grpc::Status status = stream->Finish();
  if (!status.ok()) return status;
  EXPECT_TRUE(sent.ok()) << sent;
  densities = assembler.Take();
  return status;
}

grpc::Status Client::Distance(const v1::ComputeDistanceRequest& request, v1::ComputeDistanceResponse& response) {
  grpc::ClientContext context;
  SetDeadline(context);
  return jobs_->ComputeDistance(&context, request, &response);
}

grpc::Status Client::Upload(const std::string& id, const std::string& csv) {
  unsigned char digest[SHA256_DIGEST_LENGTH];
  SHA256(reinterpret_cast<const unsigned char*>(csv.data()), csv.size(), digest);
  grpc::ClientContext context;
  SetDeadline(context);
  v1::Dataset dataset;
  const auto writer = datasets_->UploadDataset(&context, &dataset);
  v1::UploadDatasetRequest request;
  v1::UploadHeader& header = *request.mutable_header();
  header.set_dataset_id(id);
  header.mutable_format()->set_kind(v1::DatasetFormat::CSV);
  header.set_size_bytes(static_cast<int64_t>(csv.size()));
  header.set_sha256(absl::BytesToHexString(absl::string_view(reinterpret_cast<const char*>(digest), sizeof digest)));
  writer->Write(request);
  request.set_data(csv);
  writer->Write(request);
  writer->WritesDone();
  return writer->Finish();
}

grpc::Status Client::Rows(const std::string& dataset, int count, Tensor& rows) {
  grpc::ClientContext context;
  SetDeadline(context);
  v1::SampleDatasetRequest request;
  request.set_name(dataset);
  request.set_count(count);
  return ReadTensor(*datasets_->SampleDataset(&context, request), rows);
}

grpc::Status Client::DeleteDataset(const std::string& name) {
  grpc::ClientContext context;
  SetDeadline(context);
  v1::DeleteDatasetRequest request;
  request.set_name(name);
  google::protobuf::Empty empty;
  return datasets_->DeleteDataset(&context, request, &empty);
}

v1::ServerInfo Client::Info() {
  grpc::ClientContext context;
  SetDeadline(context);
  v1::ServerInfo info;
  const grpc::Status status = server_->GetServerInfo(&context, {}, &info);
  EXPECT_TRUE(status.ok()) << status.error_message();
  return info;
}

grpc::Status Client::CheckExpression(const v1::CheckExpressionRequest& request, v1::CheckExpressionResponse& response) {
  grpc::ClientContext context;
  SetDeadline(context);
  return server_->CheckExpression(&context, request, &response);
}

std::string Describe(const v1::JobEvent& event) {
  if (event.has_state_changed()) return v1::Job::State_Name(event.state_changed().state());
  if (event.has_step_completed()) return absl::StrCat("step ", event.step_completed().report().step());
  return event.has_log() ? "log" : "progress";
}

}  // namespace sliceflow::testing
