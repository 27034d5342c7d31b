// What an operator sees: the HTTP port, health, logs, request ids, backups.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <google/protobuf/struct.pb.h>
#include <google/protobuf/util/json_util.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>
#include <httplib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <memory>
#include <sstream>
#include <string>
#include <system_error>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/time/clock.h"
#include "tests/integration/client.h"
#include "tests/integration/health.h"
#include "tests/integration/processes.h"
#include "tests/support/temp_folder.h"

namespace sliceflow::testing {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr char kDaemon[] = SLICEFLOW_BIN_DIR "/sliceflowd";
constexpr char kJobService[] = "sliceflow.v1.JobService";
constexpr char kServerService[] = "sliceflow.v1.ServerService";

class OperationsTest : public ::testing::Test {
 protected:
  void Start(const std::vector<std::string>& more_flags = {}) {
    std::vector<std::string> flags{"--http", "127.0.0.1:0"};
    flags.insert(flags.end(), more_flags.begin(), more_flags.end());
    daemon_ = std::make_unique<DaemonProcess>(data(), flags);
    ASSERT_TRUE(daemon_->ok()) << daemon_->Log();
    http_ = std::make_unique<httplib::Client>("http://" + daemon_->http_address());
  }

  std::string data() const { return folder_.path() + "/data"; }

  std::string Metrics() { return http_->Get("/metrics")->body; }
  // Until the metrics hold a line.
  void WaitForMetric(const std::string& line) {
    const absl::Time deadline = absl::Now() + kPatience;
    while (Metrics().find(line) == std::string::npos) {
      ASSERT_LT(absl::Now(), deadline) << "no " << line << " in\n" << Metrics();
      absl::SleepFor(absl::Milliseconds(50));
    }
  }
  void WaitForReadiness(int status) {
    const absl::Time deadline = absl::Now() + kPatience;
    while (http_->Get("/readyz")->status != status) {
      ASSERT_LT(absl::Now(), deadline) << http_->Get("/readyz")->body;
      absl::SleepFor(absl::Milliseconds(50));
    }
  }

  TempFolder folder_;
  std::unique_ptr<DaemonProcess> daemon_;
  std::unique_ptr<httplib::Client> http_;
};

TEST_F(OperationsTest, MetricsTellWhatWasDone) {
  Start();
  EXPECT_EQ(http_->Get("/healthz")->status, 200);
  EXPECT_EQ(http_->Get("/readyz")->status, 200);
  Client client(daemon_->address());
  v1::Job job = ParticlesJob();
  job.mutable_spec()->mutable_schedule()->set_num_steps(2);
  const std::string name = client.Create(job).name();
  ASSERT_EQ(client.WaitForEnd(name).state(), v1::Job::SUCCEEDED) << daemon_->Log();
  client.Get(name);
  WaitForMetric("sliceflow_jobs{state=\"succeeded\"} 1\n");
  WaitForMetric("sliceflow_watchers 0\n");
  const std::string metrics = Metrics();
  EXPECT_THAT(metrics, HasSubstr("sliceflow_steps_total{solver=\"sw_jko\"} 3\n")) << "step 0 and two more";
  EXPECT_THAT(metrics, HasSubstr("sliceflow_step_seconds_count{solver=\"sw_jko\"} 3\n"));
  EXPECT_THAT(metrics, HasSubstr(R"(sliceflow_grpc_requests_total{code="OK",method="/sliceflow.v1.JobService/CreateJob"} 1)"));
  EXPECT_THAT(metrics, HasSubstr(R"(sliceflow_grpc_request_seconds_count{method="/sliceflow.v1.JobService/WatchJob"} 1)"));
  EXPECT_THAT(metrics, HasSubstr("sliceflow_ready 1\n"));
  EXPECT_THAT(metrics, HasSubstr("sliceflow_queue_oldest_age_seconds 0\n"));
  EXPECT_THAT(metrics, HasSubstr("sliceflow_device_ready{device=\"cpu\"} 1\n"));
  EXPECT_THAT(metrics, HasSubstr("sliceflow_store_commit_seconds_count "));
  EXPECT_THAT(metrics, HasSubstr("sliceflow_disk_free_bytes "));
  EXPECT_THAT(metrics, ::testing::Not(HasSubstr(name.substr(5)))) << "a job's id in a label";
}

// Strangers make up names; neither the metrics nor the log keep them.
TEST_F(OperationsTest, MethodsThatThereAreNotAreCountedAsOne) {
  Start({"--log-level", "debug"});
  const auto channel = grpc::CreateChannel(daemon_->address(), grpc::InsecureChannelCredentials());
  grpc::GenericStub stub(channel);
  for (int i = 0; i < 50; ++i) {
    grpc::ClientContext context;
    context.set_deadline(absl::ToChronoTime(absl::Now() + kPatience));
    grpc::CompletionQueue queue;
    const auto call = stub.PrepareUnaryCall(&context, absl::StrCat("/made.up.Service/Method", i), grpc::ByteBuffer(), &queue);
    grpc::ByteBuffer answer;
    grpc::Status status;
    call->StartCall();
    call->Finish(&answer, &status, nullptr);
    void* tag = nullptr;
    bool ok = false;
    ASSERT_TRUE(queue.Next(&tag, &ok));
    EXPECT_EQ(status.error_code(), grpc::StatusCode::UNIMPLEMENTED);
  }
  WaitForMetric(R"(sliceflow_grpc_requests_total{code="UNIMPLEMENTED",method="other"} 50)");
  EXPECT_THAT(Metrics(), ::testing::Not(HasSubstr("made.up")));
  EXPECT_THAT(daemon_->Log(), ::testing::Not(HasSubstr("made.up")));
}

TEST_F(OperationsTest, MemoryThatADeviceUsesIsToldWhileAJobNeedsIt) {
  Start();
  Client client(daemon_->address());
  v1::Job job = ParticlesJob();
  job.mutable_spec()->set_dimension(20);
  job.mutable_spec()->mutable_functional()->mutable_terms(0)->mutable_potential()->mutable_quadratic();
  job.mutable_spec()->mutable_model()->mutable_particles()->set_count(500'000);  // 40 MB for their coordinates alone
  job.mutable_spec()->mutable_output()->set_samples_per_step(1);
  job.mutable_spec()->mutable_output()->clear_metrics();
  const std::string name = client.Create(job).name();
  const auto used = [&] {
    const std::string metrics = Metrics(), label = "\nsliceflow_device_memory_used_bytes{device=\"cpu\"} ";
    const size_t line = metrics.find(label);
    return line == std::string::npos ? -1 : std::stod(metrics.substr(line + label.size()));
  };
  const absl::Time deadline = absl::Now() + kPatience;
  while (used() < 40e6 && absl::Now() < deadline) absl::SleepFor(absl::Milliseconds(50));
  EXPECT_GE(used(), 40e6) << Metrics();
  EXPECT_LT(used(), 16e9);
  EXPECT_TRUE(client.Cancel(name).ok());
}

TEST_F(OperationsTest, AStoreThatCannotBeWrittenIsToldAndComesBackByItself) {
  Start();
  EXPECT_TRUE(IsServing(daemon_->address(), kJobService));
  // A file where the blobs' probe has its folder: what a full or a read-only disk does, for a user who may do anything.
  const std::string probe = data() + "/blobs/health";
  const absl::Time deadline = absl::Now() + kPatience;
  while (!std::filesystem::is_regular_file(probe) && absl::Now() < deadline) {
    // The daemon may be at its probe, and make the folder anew in between.
    std::error_code busy;
    std::filesystem::remove_all(probe, busy);
    std::ofstream(probe) << "in the way";
  }
  WaitForReadiness(503);
  EXPECT_THAT(http_->Get("/readyz")->body, HasSubstr("health"));
  EXPECT_FALSE(IsServing(daemon_->address(), kJobService));
  EXPECT_TRUE(IsServing(daemon_->address(), kServerService));
  WaitForMetric("sliceflow_ready 0\n");
  EXPECT_EQ(http_->Get("/healthz")->status, 200);
  std::filesystem::remove(probe);
  WaitForReadiness(200);
  EXPECT_TRUE(IsServing(daemon_->address(), kJobService));
}

TEST_F(OperationsTest, AStepThatCannotBeWrittenIsToldAndGoesOnByItself) {
  Start();
  // A file where jobs have their folder, as above.
  const std::string jobs = data() + "/blobs/jobs";
  std::filesystem::remove_all(jobs);
  std::ofstream(jobs) << "in the way";
  Client client(daemon_->address());
  v1::Job job = ParticlesJob();
  job.mutable_spec()->mutable_schedule()->set_num_steps(2);
  const std::string name = client.Create(job).name();
  WaitForReadiness(503);
  EXPECT_THAT(http_->Get("/readyz")->body, HasSubstr("steps of running jobs cannot be stored"));
  EXPECT_THAT(daemon_->Log(), HasSubstr("a step is computed, cannot be stored and waits"));
  std::filesystem::remove(jobs);
  WaitForReadiness(200);
  EXPECT_EQ(client.WaitForEnd(name).state(), v1::Job::SUCCEEDED);
}

TEST_F(OperationsTest, LogsAreJsonWithTheIdsOfRequestTraceAndJob) {
  // A worker that writes something all the time, in one program with another that does not know of jobs.
  const std::string worker = folder_.path() + "/humming-worker";
  std::ofstream(worker) << "#!/bin/sh\n(while sleep 0.05; do echo humming; done) &\nexec " SLICEFLOW_BIN_DIR "/sliceflow-worker \"$@\"\n";
  std::filesystem::permissions(worker, std::filesystem::perms::owner_all);
  Start({"--log-format", "json", "--worker", worker});
  const std::string trace = "4bf92f3577b34da6a3ce929d0e0e4736";
  const std::string parent = absl::StrCat("00-", trace, "-00f067aa0ba902b7-01");
  const auto stub = v1::JobService::NewStub(grpc::CreateChannel(daemon_->address(), grpc::InsecureChannelCredentials()));
  grpc::ClientContext context;
  context.AddMetadata("x-request-id", "my-request.7");
  context.AddMetadata("traceparent", parent);
  v1::CreateJobRequest request;
  *request.mutable_job() = ParticlesJob();
  v1::Job job;
  ASSERT_TRUE(stub->CreateJob(&context, request, &job).ok());
  EXPECT_EQ(context.GetServerTrailingMetadata().find("x-request-id")->second, "my-request.7");
  EXPECT_EQ(context.GetServerTrailingMetadata().find("traceparent")->second, parent);
  Client(daemon_->address()).WaitForEnd(job.name());
  EXPECT_EQ(daemon_->Terminate(), 0);

  bool call_found = false, end_found = false, worker_found = false;
  for (const std::string& line : std::vector<std::string>(absl::StrSplit(daemon_->Log(), '\n', absl::SkipEmpty()))) {
    google::protobuf::Struct fields;
    ASSERT_TRUE(google::protobuf::util::JsonStringToMessage(line, &fields).ok()) << line;
    for (const char* name : {"time", "level", "message"}) EXPECT_EQ(fields.fields().count(name), 1) << line;
    const auto value = [&](const char* name) {
      const auto found = fields.fields().find(name);
      return found == fields.fields().end() ? "" : found->second.string_value();
    };
    if (value("request_id") == "my-request.7") {
      call_found = true;
      EXPECT_EQ(value("level"), "info");
      EXPECT_EQ(value("job"), job.name());
      EXPECT_EQ(value("trace_id"), trace);
    }
    if (value("message") == "humming") {
      const bool has_job = value("job") == job.name();
      EXPECT_TRUE(has_job ? value("worker") == "cpu-flow" : value("job").empty() && value("trace_id").empty()) << line;
      worker_found |= has_job && value("trace_id") == trace;
    }
    end_found |= value("message") == "the job is SUCCEEDED" && value("job") == job.name() && value("trace_id") == trace;
  }
  EXPECT_TRUE(call_found) << daemon_->Log();
  EXPECT_TRUE(end_found) << daemon_->Log();
  EXPECT_TRUE(worker_found) << daemon_->Log();
}

// Standard error is a pipe that is full, and whose reader does not read.
TEST_F(OperationsTest, AReaderOfTheLogThatStallsHoldsNothingUp) {
  const std::string path = folder_.path() + "/log";
  ASSERT_EQ(mkfifo(path.c_str(), 0600), 0);
  const int pipe = open(path.c_str(), O_RDWR | O_NONBLOCK | O_CLOEXEC);
  ASSERT_GE(pipe, 0);
  const std::string noise(1 << 12, 'x');
  while (write(pipe, noise.data(), noise.size()) > 0) {
  }
  DaemonProcess daemon(data(), {"--log-level", "debug"}, true, {"/bin/sh", "-c", "exec \"$@\" 2> " + path, "sh"});
  ASSERT_TRUE(daemon.ok());
  Client client(daemon.address());
  v1::Job job = ParticlesJob();
  job.mutable_spec()->mutable_schedule()->set_num_steps(2);
  EXPECT_EQ(client.WaitForEnd(client.Create(job).name()).state(), v1::Job::SUCCEEDED);
  EXPECT_EQ(daemon.Terminate(), 0);
  close(pipe);
}

TEST_F(OperationsTest, ACallWithoutAGoodIdGetsOne) {
  Start();
  const auto stub = v1::JobService::NewStub(grpc::CreateChannel(daemon_->address(), grpc::InsecureChannelCredentials()));
  std::string ids[2];
  for (std::string& id : ids) {
    grpc::ClientContext context;
    context.AddMetadata("x-request-id", "not a good id");
    context.AddMetadata("traceparent", "00-0-0-00");
    v1::GetJobRequest request;
    request.set_name("jobs/nobody");
    v1::Job job;
    EXPECT_EQ(stub->GetJob(&context, request, &job).error_code(), grpc::StatusCode::NOT_FOUND);
    const auto& trailing = context.GetServerTrailingMetadata();
    ASSERT_EQ(trailing.count("x-request-id"), 1);
    EXPECT_EQ(trailing.count("traceparent"), 0);
    id = std::string(trailing.find("x-request-id")->second.data(), trailing.find("x-request-id")->second.size());
  }
  EXPECT_EQ(ids[0].size(), 26u);
  EXPECT_NE(ids[0], ids[1]);
}

TEST_F(OperationsTest, ABackupOfARunningJobGoesOnToTheSameBits) {
  Start();
  const std::string backup = folder_.path() + "/backup", restored = folder_.path() + "/restored";
  Client client(daemon_->address());
  const std::string name = client.Create(RealNvpJob()).name();
  client.WaitForStep(name, 2);
  const CommandResult made = RunCommand({kDaemon, "backup", "--data-dir", data(), "--to", backup});
  ASSERT_EQ(made.exit_code, 0) << made.output;
  const CommandResult back = RunCommand({kDaemon, "restore", "--from", backup, "--data-dir", restored});
  ASSERT_EQ(back.exit_code, 0) << back.output;
  const CommandResult check = RunCommand({kDaemon, "check", "--data-dir", restored});
  EXPECT_EQ(check.exit_code, 0) << check.output;

  DaemonProcess other(restored);
  ASSERT_TRUE(other.ok()) << other.Log();
  Client elsewhere(other.address());
  const v1::Job job = elsewhere.WaitForEnd(name);
  ASSERT_EQ(job.state(), v1::Job::SUCCEEDED) << job.ShortDebugString();
  EXPECT_EQ(job.progress().assignments(), 2) << "it had ended before the backup";
  ASSERT_EQ(client.WaitForEnd(name).progress().assignments(), 1);
  const std::vector<Tensor> ours = elsewhere.StoredSamples(name), theirs = client.StoredSamples(name);
  ASSERT_EQ(ours.size(), theirs.size());
  for (size_t step = 0; step < ours.size(); ++step) EXPECT_EQ(PackValues(ours[step].values), PackValues(theirs[step].values)) << step;
}

// The names and modes of what others may look into or change, below a folder and itself.
std::string OpenToOthers(const std::string& folder) {
  std::string found;
  const auto look = [&](const std::filesystem::path& path) {
    const auto mode = std::filesystem::status(path).permissions();
    const auto others = std::filesystem::perms::group_all | std::filesystem::perms::others_all;
    if ((mode & others) != std::filesystem::perms::none) absl::StrAppend(&found, path.string(), "\n");
  };
  look(folder);
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder)) look(entry.path());
  return found;
}

TEST_F(OperationsTest, DataAndBackupsAreTheirOwnersAlone) {
  const mode_t before = umask(022);
  Start({"--authentication", "tokens"});
  const std::string backup = folder_.path() + "/backup", tokens = folder_.path() + "/new/tokens";
  EXPECT_EQ(RunCommand({kDaemon, "backup", "--data-dir", data(), "--to", backup}).exit_code, 0);
  EXPECT_EQ(RunCommand({kDaemon, "token", "create", "--data-dir", tokens, "--owner", "ada", "--expires", "1d"}).exit_code, 0);
  umask(before);
  EXPECT_EQ(OpenToOthers(data()), "");
  EXPECT_EQ(OpenToOthers(backup), "");
  EXPECT_EQ(OpenToOthers(tokens), "");
  EXPECT_THAT(daemon_->Log(), ::testing::Not(HasSubstr("chmod 700")));
  ASSERT_EQ(daemon_->Terminate(), 0);
  std::filesystem::permissions(data(), std::filesystem::perms::others_read, std::filesystem::perm_options::add);
  Start();
  EXPECT_THAT(daemon_->Log(), HasSubstr("chmod 700"));
}

TEST_F(OperationsTest, OnlyCreatingATokenMakesAFolder) {
  const std::string mistyped = folder_.path() + "/mistyped";
  for (const std::vector<std::string>& words : {std::vector<std::string>{"list"}, std::vector<std::string>{"revoke", "x"}}) {
    std::vector<std::string> command{kDaemon, "token"};
    command.insert(command.end(), words.begin(), words.end());
    command.insert(command.end(), {"--data-dir", mistyped});
    const CommandResult result = RunCommand(command);
    EXPECT_EQ(result.exit_code, 1);
    EXPECT_THAT(result.output, HasSubstr("is no data folder"));
    EXPECT_FALSE(std::filesystem::exists(mistyped));
  }
  const CommandResult made =
      RunCommand({kDaemon, "token", "create", "--data-dir", mistyped, "--owner", "ada", "--expires", "1d", "--description", "ada's"});
  EXPECT_THAT(made.output, HasSubstr("made the data folder " + mistyped));
  EXPECT_THAT(RunCommand({kDaemon, "token", "list", "--data-dir", mistyped}).output, HasSubstr("ada's"));
}

// Whatever command would make a new one: its files are those of the one that is missing.
TEST_F(OperationsTest, ADatabaseThatIsMissingIsNotMadeAnew) {
  Start();
  const std::string name = Client(daemon_->address()).Create(ParticlesJob()).name();
  Client(daemon_->address()).WaitForEnd(name);
  ASSERT_EQ(daemon_->Terminate(), 0);
  const std::string database = data() + "/sliceflow.db", aside = folder_.path() + "/aside";
  std::filesystem::rename(database, aside);
  const CommandResult token = RunCommand({kDaemon, "token", "create", "--data-dir", data(), "--owner", "ada", "--expires", "1d"});
  EXPECT_EQ(token.exit_code, 1);
  EXPECT_THAT(token.output, HasSubstr("but no sliceflow.db"));
  EXPECT_THAT(token.output, Not(HasSubstr("made the data folder")));
  DaemonProcess refused(data(), {}, false);
  EXPECT_EQ(refused.Wait(), 1);
  EXPECT_THAT(refused.Log(), HasSubstr(data() + " has blobs/jobs but no sliceflow.db"));
  EXPECT_FALSE(std::filesystem::exists(database));
  std::filesystem::rename(aside, database);
  Start();
  EXPECT_FALSE(Client(daemon_->address()).StoredSamples(name).empty());
}

TEST_F(OperationsTest, TheHttpPortIsForThisMachineOnly) {
  const CommandResult open = RunCommand({kDaemon, "config", "check", "--data-dir", data(), "--http", "0.0.0.0:0"});
  EXPECT_EQ(open.exit_code, 2);
  EXPECT_THAT(open.output, HasSubstr("--http"));
  EXPECT_THAT(open.output, HasSubstr("--insecure"));
}

TEST_F(OperationsTest, SettingsComeFromAFileToo) {
  const std::string file = folder_.path() + "/sliceflowd.yaml";
  std::ofstream(file) << "data_dir: " << data() << "\nlog: {level: debug}\n";
  const CommandResult print = RunCommand({kDaemon, "--config", file, "config", "print", "--threads", "3"});
  EXPECT_EQ(print.exit_code, 0) << print.output;
  const std::vector<std::string> lines = absl::StrSplit(print.output, '\n');
  EXPECT_THAT(lines, Contains(absl::StrCat("data_dir: \"", data(), "\"  # ", file, ":1")));
  EXPECT_THAT(lines, Contains(absl::StrCat("log.level: \"debug\"  # ", file, ":2")));
  EXPECT_THAT(lines, Contains("threads: \"3\"  # --threads"));
  EXPECT_THAT(lines, Contains("shutdown_time: \"8s\"  # default"));
  std::ofstream(file, std::ios::app) << "quota: {max_watches: 2, owners: {anna: {max_watches: 7}, team.b: {max_priority: 5}}}\n";
  const CommandResult owners = RunCommand({kDaemon, "--config", file, "config", "print"});
  EXPECT_EQ(owners.exit_code, 0) << owners.output;
  EXPECT_THAT(owners.output, HasSubstr(absl::StrCat("quota.owners.anna.max_watches: \"7\"  # ", file, ":3\n")));
  EXPECT_THAT(owners.output, HasSubstr(absl::StrCat("quota.owners.team.b.max_priority: \"5\"  # ", file, ":3\n")));
  EXPECT_THAT(owners.output, Not(HasSubstr("quota.owners.anna.max_priority"))) << "it is that of all";
  std::ofstream(file) << "dta_dir: x\n";
  const CommandResult check = RunCommand({kDaemon, "--config", file, "config", "check"});
  EXPECT_EQ(check.exit_code, 2);
  EXPECT_THAT(check.output, HasSubstr(absl::StrCat(file, ":1: there is no setting dta_dir; did you mean data_dir?")));
}

}  // namespace
}  // namespace sliceflow::testing
