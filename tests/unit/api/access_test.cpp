// Who is let in, to what, how often, and what is written down of it. Every method is asked for what is another's.
#include "server/api/access.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <map>

#include "absl/strings/str_split.h"
#include "absl/time/clock.h"
#include "google/rpc/error_details.pb.h"
#include "tests/support/patience.h"
#include "tests/unit/api/services_fixture.h"
#include "tests/unit/api/sha256.h"

namespace sliceflow::api {
namespace {

using sliceflow::testing::kPatience;
using ::testing::AllOf;
using ::testing::Contains;
using ::testing::Each;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

constexpr char kTable[] = "1,2\n3,4\n";

class AccessTest : public ServicesFixture {
 protected:
  void SetUp() override {
    ServicesFixture::SetUp();
    token_store_ = *store::OpenTokenStore(folder_.path());
    tokens_ = std::make_unique<jobs::Tokens>(*token_store_, clock_);
    ada_ = *tokens_->Create("ada", v1::USER, std::nullopt, "");
    bob_ = *tokens_->Create("bob", v1::USER, std::nullopt, "");
    viewer_ = *tokens_->Create("ada", v1::VIEWER, std::nullopt, "");
    admin_ = *tokens_->Create("root", v1::ADMIN, std::nullopt, "");
  }
  void ServeWithTokens(const v1::Quota& quota = {}) {
    audit_ = std::make_unique<AuditLog>(files_, "folder/audit.jsonl", AuditOptions(), nullptr);
    Serve(tokens_.get(), quota, audit_.get());
  }

  static std::string IdOfToken(const std::string& token) { return std::vector<std::string>(absl::StrSplit(token, '_'))[1]; }

  absl::Status Info(const std::string& token, v1::ServerInfo* info = nullptr) {
    v1::ServerInfo ignored;
    return FromGrpcStatus(server_stub_->GetServerInfo(As(token).get(), {}, info == nullptr ? &ignored : info));
  }

  // A job whose potential names a data set, where one is given.
  absl::StatusOr<v1::Job> CreateAs(const std::string& token, const std::string& dataset = "", int priority = 0,
                                   const std::string& request_id = "") {
    v1::CreateJobRequest request;
    v1::FlowSpec& spec = *request.mutable_job()->mutable_spec();
    spec.set_dimension(2);
    spec.mutable_functional()->add_terms()->mutable_potential()->mutable_quadratic();
    if (!dataset.empty()) spec.mutable_initial()->mutable_dataset()->set_dataset(dataset);
    spec.mutable_schedule()->set_step_size(0.1);
    spec.mutable_schedule()->set_num_steps(3);
    request.mutable_job()->set_priority(priority);
    request.set_request_id(request_id);
    v1::Job job;
    absl::Status status = FromGrpcStatus(job_stub_->CreateJob(As(token).get(), request, &job));
    if (!status.ok()) return status;
    return job;
  }

  absl::Status Distance(const std::string& token, const std::function<void(v1::DistanceOperand&)>& name) {
    v1::ComputeDistanceRequest request;
    name(*request.mutable_first());
    request.mutable_second()->mutable_gaussian()->mutable_mean()->Resize(2, 0);
    request.mutable_distance()->mutable_energy();
    request.set_samples(2);
    v1::ComputeDistanceResponse response;
    return FromGrpcStatus(job_stub_->ComputeDistance(As(token).get(), request, &response));
  }

  // What `call(stub, context, request, response)` of a method that names a job answers.
  template <typename Request, typename Method>
  absl::Status OfJob(const std::string& token, const std::string& job, Method method) {
    Request request;
    request.set_name(job);
    v1::Job response;
    return FromGrpcStatus(((*job_stub_).*method)(As(token).get(), request, &response));
  }

  // Every method that names a job, and what it answers, by its name; those that change it last.
  std::map<std::string, absl::Status> CallsOfJob(const std::string& token, const std::string& job) {
    std::map<std::string, absl::Status> answers;
    answers["GetJob"] = OfJob<v1::GetJobRequest>(token, job, &v1::JobService::Stub::GetJob);
    {
      v1::WatchJobRequest request;
      request.set_name(job);
      const auto context = As(token);
      const auto watch = job_stub_->WatchJob(context.get(), request);
      v1::WatchJobResponse first;
      const bool lets_in = watch->Read(&first);
      if (lets_in) context->TryCancel();
      const absl::Status end = FromGrpcStatus(watch->Finish());
      answers["WatchJob"] = lets_in ? absl::OkStatus() : end;
    }
    {
      v1::SampleJobRequest sample;
      sample.set_name(job);
      sample.set_count(2);
      answers["SampleJob"] = Drain(*job_stub_->SampleJob(As(token).get(), sample), v1::TensorChunk());
      v1::ExportModelRequest model;
      model.set_name(job);
      answers["ExportModel"] = Drain(*job_stub_->ExportModel(As(token).get(), model), v1::ExportModelResponse());
    }
    {
      const auto context = As(token);
      const auto stream = job_stub_->EvaluateDensity(context.get());
      v1::EvaluateDensityRequest request;
      request.set_name(job);
      request.mutable_points()->add_shape(1);
      request.mutable_points()->add_shape(2);
      request.mutable_points()->set_data(std::string(2 * sizeof(float), '\0'));
      request.mutable_points()->set_last(true);
      stream->Write(request);
      answers["EvaluateDensity"] = Drain(*stream, v1::TensorChunk());
    }
    answers["ComputeDistance"] = Distance(token, [&](v1::DistanceOperand& side) { side.mutable_job_step()->set_job(job); });
    answers["PauseJob"] = OfJob<v1::PauseJobRequest>(token, job, &v1::JobService::Stub::PauseJob);
    answers["ResumeJob"] = OfJob<v1::ResumeJobRequest>(token, job, &v1::JobService::Stub::ResumeJob);
    answers["ForkJob"] = OfJob<v1::ForkJobRequest>(token, job, &v1::JobService::Stub::ForkJob);
    answers["CancelJob"] = OfJob<v1::CancelJobRequest>(token, job, &v1::JobService::Stub::CancelJob);
    answers["DeleteJob"] = OfJob<v1::DeleteJobRequest>(token, job, &v1::JobService::Stub::DeleteJob);
    answers["UndeleteJob"] = OfJob<v1::UndeleteJobRequest>(token, job, &v1::JobService::Stub::UndeleteJob);
    return answers;
  }

  std::map<std::string, absl::Status> CallsOfDataset(const std::string& token, const std::string& name, const std::string& owner) {
    std::map<std::string, absl::Status> answers;
    v1::GetDatasetRequest get;
    get.set_name(name);
    get.set_owner(owner);
    v1::Dataset dataset;
    answers["GetDataset"] = FromGrpcStatus(dataset_stub_->GetDataset(As(token).get(), get, &dataset));
    answers["CreateJob"] = CreateAs(token, name).status();
    answers["ComputeDistance"] = Distance(token, [&](v1::DistanceOperand& side) { side.set_dataset(name); });
    v1::SampleDatasetRequest sample;
    sample.set_name(name);
    sample.set_owner(owner);
    sample.set_count(1);
    answers["SampleDataset"] = Drain(*dataset_stub_->SampleDataset(As(token).get(), sample), v1::TensorChunk());
    v1::DeleteDatasetRequest remove;
    remove.set_name(name);
    remove.set_owner(owner);
    google::protobuf::Empty empty;
    answers["DeleteDataset"] = FromGrpcStatus(dataset_stub_->DeleteDataset(As(token).get(), remove, &empty));
    return answers;
  }

  // What the audit log holds once everything is written.
  std::vector<std::string> AuditLines() {
    audit_.reset();
    const absl::StatusOr<std::string> text = files_.ReadFile("folder/audit.jsonl");
    return text.ok() ? absl::StrSplit(*text, '\n', absl::SkipEmpty()) : std::vector<std::string>();
  }

  std::unique_ptr<store::TokenStore> token_store_;
  std::unique_ptr<jobs::Tokens> tokens_;
  std::unique_ptr<AuditLog> audit_;
  std::string ada_, bob_, viewer_, admin_;
};

TEST_F(AccessTest, WithoutTokensEverybodyIsAnAdminWithoutAnOwner) {
  Serve();
  v1::ServerInfo info;
  ASSERT_TRUE(Info("", &info).ok());
  EXPECT_EQ(info.caller().owner(), "");
  EXPECT_EQ(info.caller().role(), v1::ADMIN);
  EXPECT_EQ(CreateAs("")->owner(), "");
}

TEST_F(AccessTest, NobodyIsLetInWithoutAValidToken) {
  ServeWithTokens();
  const auto reason = [&](const std::string& token) {
    const absl::Status status = Info(token);
    EXPECT_TRUE(absl::IsUnauthenticated(status)) << status;
    return Reason(status);
  };
  const std::string passing = *tokens_->Create("ada", v1::USER, clock_.Now() + absl::Hours(1), "");
  EXPECT_TRUE(Info(passing).ok());
  EXPECT_EQ(reason(""), "TOKEN_MISSING");
  EXPECT_EQ(reason("sft_wrong_00"), "TOKEN_INVALID");
  clock_.Advance(absl::Hours(1));
  EXPECT_EQ(reason(passing), "TOKEN_EXPIRED");
  ASSERT_TRUE(tokens_->Revoke(IdOfToken(bob_)).ok());
  clock_.Advance(jobs::Tokens::kRefresh);
  EXPECT_EQ(reason(bob_), "TOKEN_INVALID");
  EXPECT_TRUE(Info(ada_).ok());
  for (const auto& [method, status] : CallsOfJob("", "jobs/none")) EXPECT_EQ(Reason(status), "TOKEN_MISSING") << method;
  for (const auto& [method, status] : CallsOfDataset("", "datasets/none", "")) EXPECT_EQ(Reason(status), "TOKEN_MISSING") << method;
}

TEST_F(AccessTest, WhoOneIsIsToldWithQuotaAndUsage) {
  v1::Quota quota;
  quota.set_max_queued_jobs(7);
  ServeWithTokens(quota);
  ASSERT_TRUE(CreateAs(ada_).ok());
  v1::ServerInfo info;
  ASSERT_TRUE(Info(viewer_, &info).ok());
  EXPECT_EQ(info.caller().owner(), "ada");
  EXPECT_EQ(info.caller().role(), v1::VIEWER);
  EXPECT_EQ(info.caller().quota().max_queued_jobs(), 7);
  EXPECT_EQ(info.caller().usage().queued_jobs(), 1);
  EXPECT_EQ(info.caller().usage().pending_steps(), 3);
}

TEST_F(AccessTest, AnotherOwnersJobIsNotFoundByEveryMethod) {
  ServeWithTokens();
  const std::string job = CreateAs(ada_)->name();
  const std::string id = job.substr(5);
  const jobs::Assignment assignment = Start(id);
  RecordRange(id, assignment.number, 0, 1);
  const auto missing = CallsOfJob(bob_, "jobs/" + std::string(id.size(), '0'));
  for (const auto& [method, status] : CallsOfJob(bob_, job)) {
    if (absl::IsUnimplemented(status)) continue;  // tells nothing of any job
    EXPECT_TRUE(absl::IsNotFound(status)) << method << ": " << status;
    EXPECT_EQ(Reason(status), Reason(missing.at(method))) << method;
    EXPECT_EQ(status.message().size(), missing.at(method).message().size()) << method << ": " << status << missing.at(method);
  }
  v1::ListJobsResponse page;
  ASSERT_TRUE(job_stub_->ListJobs(As(bob_).get(), {}, &page).ok());
  EXPECT_THAT(page.jobs(), IsEmpty());
  EXPECT_EQ(Get(id).state(), v1::Job::RUNNING);

  for (const auto& [method, status] : CallsOfJob(admin_, job)) EXPECT_FALSE(absl::IsNotFound(status)) << method << ": " << status;
  ASSERT_TRUE(job_stub_->ListJobs(As(admin_).get(), {}, &page).ok());
}

TEST_F(AccessTest, ItsOwnerAndAdminsReachAJob) {
  ServeWithTokens();
  for (const std::string& token : {ada_, admin_}) {
    const std::string job = CreateAs(ada_)->name();
    const std::string id = job.substr(5);
    const jobs::Assignment assignment = Start(id);
    RecordRange(id, assignment.number, 0, 1);
    v1::ListJobsResponse page;
    ASSERT_TRUE(job_stub_->ListJobs(As(token).get(), {}, &page).ok());
    EXPECT_THAT(page.jobs(), Contains(::testing::Property(&v1::Job::name, job)));
    for (const auto& [method, status] : CallsOfJob(token, job)) {
      if (method == "GetJob" || method == "SampleJob" || method == "ExportModel" || method == "CancelJob" || method == "WatchJob" ||
          method == "EvaluateDensity" || method == "ComputeDistance") {
        EXPECT_TRUE(status.ok()) << method << ": " << status;
      }
    }
  }
}

TEST_F(AccessTest, AnotherOwnersDataSetIsNotFoundByEveryMethod) {
  ServeWithTokens();
  ASSERT_TRUE(Upload(ada_, "points", kTable).ok());
  for (const char* owner : {"", "ada"}) {
    for (const auto& [method, status] : CallsOfDataset(bob_, "datasets/points", owner)) {
      EXPECT_TRUE(absl::IsNotFound(status)) << method << ": " << status;
    }
  }
  v1::GetUploadRequest upload;
  upload.set_sha256(testing::Sha256("half"));
  {
    auto half = datasets_->StartUpload("ada", [&] {
      v1::UploadHeader header;
      header.mutable_format()->set_kind(v1::DatasetFormat::CSV);
      header.set_size_bytes(8);
      header.set_sha256(upload.sha256());
      return header;
    }());
    ASSERT_TRUE((*half)->Write("half").ok());
  }
  v1::Upload offset;
  EXPECT_EQ(dataset_stub_->GetUpload(As(bob_).get(), upload, &offset).error_code(), grpc::StatusCode::NOT_FOUND);
  EXPECT_TRUE(dataset_stub_->GetUpload(As(ada_).get(), upload, &offset).ok());
  v1::ListDatasetsResponse page;
  ASSERT_TRUE(dataset_stub_->ListDatasets(As(bob_).get(), {}, &page).ok());
  EXPECT_THAT(page.datasets(), IsEmpty());
  for (const auto& [method, status] : CallsOfDataset(ada_, "datasets/points", "")) {
    if (method != "DeleteDataset") {
      EXPECT_TRUE(status.ok()) << method << ": " << status;
    }
  }
}

TEST_F(AccessTest, TwoOwnersHaveDataSetsOfOneName) {
  ServeWithTokens();
  ASSERT_EQ(Upload(ada_, "points", kTable)->rows(), 2);
  ASSERT_EQ(Upload(bob_, "points", "5,6\n7,8\n9,1\n")->rows(), 3);
  v1::GetDatasetRequest get;
  get.set_name("datasets/points");
  v1::Dataset dataset;
  ASSERT_TRUE(dataset_stub_->GetDataset(As(bob_).get(), get, &dataset).ok());
  EXPECT_EQ(dataset.rows(), 3);
  get.set_owner("ada");
  ASSERT_TRUE(dataset_stub_->GetDataset(As(admin_).get(), get, &dataset).ok());
  EXPECT_EQ(dataset.rows(), 2);
  v1::ListDatasetsResponse page;
  ASSERT_TRUE(dataset_stub_->ListDatasets(As(admin_).get(), {}, &page).ok());
  EXPECT_THAT(page.datasets(), SizeIs(2));
}

TEST_F(AccessTest, AViewerLooksAndChangesNothing) {
  ServeWithTokens();
  const std::string job = CreateAs(ada_)->name();
  ASSERT_TRUE(Upload(ada_, "points", kTable).ok());
  std::map<std::string, absl::Status> refused = CallsOfJob(viewer_, job);
  EXPECT_TRUE(refused["GetJob"].ok());
  for (const char* reads : {"GetJob", "WatchJob", "SampleJob", "ExportModel", "EvaluateDensity", "ComputeDistance"}) refused.erase(reads);
  refused["CreateJob"] = CreateAs(viewer_).status();
  refused["UploadDataset"] = Upload(viewer_, "more", kTable).status();
  std::map<std::string, absl::Status> of_dataset = CallsOfDataset(viewer_, "datasets/points", "");
  refused["DeleteDataset"] = of_dataset["DeleteDataset"];
  EXPECT_TRUE(of_dataset["SampleDataset"].ok());
  for (const auto& [method, status] : refused) {
    EXPECT_TRUE(absl::IsPermissionDenied(status)) << method << ": " << status;
    EXPECT_EQ(Reason(status), "ROLE_TOO_LOW") << method;
  }
  EXPECT_EQ(Get(job.substr(5)).state(), v1::Job::QUEUED);
}

TEST_F(AccessTest, AQuietWatchEndsWithItsToken) {
  ServeWithTokens();
  v1::WatchJobRequest request;
  request.set_name(CreateAs(ada_)->name());
  const auto context = As(ada_);
  const auto watch = job_stub_->WatchJob(context.get(), request);
  v1::WatchJobResponse response;
  ASSERT_TRUE(watch->Read(&response));  // QUEUED, and nothing after it
  ASSERT_TRUE(tokens_->Revoke(IdOfToken(ada_)).ok());
  clock_.Advance(jobs::Tokens::kRefresh);
  EXPECT_FALSE(watch->Read(&response));
  EXPECT_EQ(Reason(FromGrpcStatus(watch->Finish())), "TOKEN_INVALID");
}

TEST_F(AccessTest, AnUploadEndsWithItsToken) {
  ServeWithTokens();
  const auto context = As(ada_);
  v1::Dataset dataset;
  const auto writer = dataset_stub_->UploadDataset(context.get(), &dataset);
  v1::UploadDatasetRequest request;
  request.mutable_header()->mutable_format()->set_kind(v1::DatasetFormat::CSV);
  request.mutable_header()->set_size_bytes(8);
  request.mutable_header()->set_sha256(testing::Sha256(kTable));
  ASSERT_TRUE(writer->Write(request));
  ASSERT_TRUE(tokens_->Revoke(IdOfToken(ada_)).ok());
  clock_.Advance(jobs::Tokens::kRefresh);
  request.set_data(kTable);
  writer->Write(request);
  writer->WritesDone();
  EXPECT_EQ(Reason(FromGrpcStatus(writer->Finish())), "TOKEN_INVALID");
  EXPECT_THAT(datasets_->List(jobs::Scope::Everyone(), std::nullopt, 10)->datasets, IsEmpty());
}

TEST_F(AccessTest, CallsOfAnOwnerAreCountedOverTenSeconds) {
  v1::Quota quota;
  quota.set_max_requests_per_second(0.5);
  ServeWithTokens(quota);
  for (int call = 0; call < 5; ++call) EXPECT_TRUE(Info(ada_).ok()) << call;
  const absl::Status status = Info(viewer_);  // the same owner
  EXPECT_TRUE(absl::IsResourceExhausted(status)) << status;
  EXPECT_EQ(ReasonDetail(status, "limit"), "max_requests_per_second");
  google::rpc::RetryInfo retry;
  const google::rpc::Status message = ToRpcStatus(status);
  for (const auto& detail : message.details()) detail.UnpackTo(&retry);
  EXPECT_EQ(retry.retry_delay().seconds(), 2);
  EXPECT_TRUE(Info(bob_).ok());
  clock_.Advance(absl::Seconds(2));
  EXPECT_TRUE(Info(ada_).ok());
  EXPECT_FALSE(Info(ada_).ok());
}

TEST_F(AccessTest, WatchesOfAnOwnerAreBounded) {
  v1::Quota quota;
  quota.set_max_watches(1);
  ServeWithTokens(quota);
  v1::WatchJobRequest request;
  request.set_name(CreateAs(ada_)->name());
  v1::WatchJobResponse response;
  const auto first_context = As(ada_);
  const auto first = job_stub_->WatchJob(first_context.get(), request);
  ASSERT_TRUE(first->Read(&response));
  const auto second_context = As(ada_);
  const absl::Status refused = Drain(*job_stub_->WatchJob(second_context.get(), request), response);
  EXPECT_EQ(ReasonDetail(refused, "limit"), "max_watches") << refused;
  v1::ServerInfo info;
  ASSERT_TRUE(Info(ada_, &info).ok());
  EXPECT_EQ(info.caller().usage().watches(), 1);
  first_context->TryCancel();
  first->Finish();
  const absl::Time deadline = absl::Now() + kPatience;
  do {
    ASSERT_TRUE(Info(ada_, &info).ok());
  } while (info.caller().usage().watches() > 0 && absl::Now() < deadline);
  const auto third_context = As(ada_);
  const auto third = job_stub_->WatchJob(third_context.get(), request);
  EXPECT_TRUE(third->Read(&response));
  third_context->TryCancel();
  third->Finish();
  EXPECT_THAT(AuditLines(), Contains(AllOf(HasSubstr("JobService.WatchJob"), HasSubstr("QUOTA_EXCEEDED"), HasSubstr(request.name()))));
}

TEST_F(AccessTest, TheSchemeOfATokenIsOfEitherCase) {
  ServeWithTokens();
  for (const char* scheme : {"Bearer ", "bearer ", "BEARER "}) {
    grpc::ClientContext context;
    context.AddMetadata("authorization", scheme + ada_);
    v1::ServerInfo info;
    EXPECT_TRUE(server_stub_->GetServerInfo(&context, {}, &info).ok()) << scheme;
  }
}

TEST_F(AccessTest, APriorityIsBoundedByTheQuotaExceptForAdmins) {
  v1::Quota quota;
  quota.set_max_priority(10);
  ServeWithTokens(quota);
  EXPECT_TRUE(access_->CheckPriority({.owner = "ada", .role = v1::USER}, 10).ok());
  EXPECT_EQ(ReasonDetail(access_->CheckPriority({.owner = "ada", .role = v1::USER}, 11), "limit"), "max_priority");
  EXPECT_TRUE(access_->CheckPriority({.owner = "root", .role = v1::ADMIN}, 11).ok());
}

// The first answer may have been lost on its way.
TEST_F(AccessTest, ARepeatedRequestIsAnsweredThoughANewOneWouldBeRefused) {
  v1::Quota quota;
  quota.set_max_priority(10);
  ServeWithTokens(quota);
  const auto made = CreateAs(ada_, "", 10, "r");
  ASSERT_TRUE(made.ok()) << made.status();
  TearDown();
  quota.set_max_priority(0);
  ServeWithTokens(quota);
  EXPECT_TRUE(absl::IsResourceExhausted(CreateAs(ada_, "", 10, "another").status()));
  const auto again = CreateAs(ada_, "", 10, "r");
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_EQ(again->name(), made->name());
  EXPECT_EQ(Reason(CreateAs(ada_, "", 9, "r").status()), "REQUEST_ID_REUSED");
}

TEST_F(AccessTest, WrongTokensOfOnePeerAreSoonAnsweredShort) {
  ServeWithTokens();
  for (int call = 0; call < Access::kMostFailures; ++call) EXPECT_EQ(Reason(Info("sft_wrong_00")), "TOKEN_INVALID");
  for (int call = 0; call < 100; ++call) EXPECT_EQ(Reason(Info("sft_wrong_00")), "TOO_MANY_FAILURES");
  EXPECT_TRUE(Info(ada_).ok());  // from the same address
  clock_.Advance(absl::Seconds(1 / Access::kFailuresPerSecond));
  EXPECT_EQ(Reason(Info("sft_wrong_00")), "TOKEN_INVALID");
  const std::vector<std::string> lines = AuditLines();
  EXPECT_THAT(lines, SizeIs(static_cast<size_t>(Access::kMostFailures) + 2)) << "of the hundred one, and one of the last";
  EXPECT_THAT(lines[static_cast<size_t>(Access::kMostFailures)], HasSubstr("TOO_MANY_FAILURES"));
}

TEST_F(AccessTest, ChangesAndRefusalsAreWrittenDownWithoutSecrets) {
  ServeWithTokens();
  const std::string job = CreateAs(ada_)->name();
  OfJob<v1::GetJobRequest>(ada_, job, &v1::JobService::Stub::GetJob).IgnoreError();
  OfJob<v1::CancelJobRequest>(bob_, job, &v1::JobService::Stub::CancelJob).IgnoreError();
  OfJob<v1::CancelJobRequest>(viewer_, job, &v1::JobService::Stub::CancelJob).IgnoreError();
  OfJob<v1::GetJobRequest>("sft_wrong_00", job, &v1::JobService::Stub::GetJob).IgnoreError();
  ASSERT_TRUE(Upload(ada_, "points", kTable).ok());
  const std::vector<std::string> lines = AuditLines();
  ASSERT_THAT(lines, SizeIs(5));
  EXPECT_THAT(lines[0], AllOf(HasSubstr(R"("owner":"ada","token":")" + IdOfToken(ada_) + R"(","role":"USER")"),
                              HasSubstr(R"("method":"JobService.CreateJob")"), HasSubstr(R"("code":"OK")"), HasSubstr(R"("peer":)")));
  EXPECT_THAT(lines[1], AllOf(HasSubstr(R"("owner":"bob")"), HasSubstr(R"("resource":")" + job), HasSubstr(R"("code":"NOT_FOUND")")));
  EXPECT_THAT(lines[2], AllOf(HasSubstr(R"("role":"VIEWER")"), HasSubstr(R"("reason":"ROLE_TOO_LOW")")));
  EXPECT_THAT(lines[3], AllOf(HasSubstr(R"("method":"JobService.GetJob")"), HasSubstr(R"("reason":"TOKEN_INVALID")")));
  EXPECT_THAT(lines[4], AllOf(HasSubstr(R"("method":"DatasetService.UploadDataset","resource":"datasets/points")")));
  for (const std::string& token : {ada_, bob_, viewer_}) EXPECT_THAT(lines, Each(Not(HasSubstr(token.substr(token.rfind('_') + 1)))));
}

}  // namespace
}  // namespace sliceflow::api
