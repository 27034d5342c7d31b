// Jobs through real processes: computed, watched, drawn from, cancelled, deleted, and ended where they cannot go on.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <signal.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"
#include "absl/time/clock.h"
#include "google/rpc/error_details.pb.h"
#include "tests/integration/client.h"
#include "tests/integration/processes.h"
#include "tests/support/temp_folder.h"

namespace sliceflow::testing {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::SizeIs;

const char kClient[] = SLICEFLOW_BIN_DIR "/sliceflow";

class JobTest : public ::testing::Test {
 protected:
  // One daemon for all: jobs are apart from each other.
  static void SetUpTestSuite() {
    folder_ = new TempFolder;
    daemon_ = new DaemonProcess(folder_->path());
  }
  static void TearDownTestSuite() {
    delete daemon_;
    delete folder_;
  }
  void SetUp() override { ASSERT_TRUE(daemon_->ok()) << daemon_->Log(); }

  static CommandResult Cli(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), kClient);
    arguments.insert(arguments.end(), {"--server", daemon_->address()});
    return RunCommand(arguments);
  }

  static v1::Job Quick(v1::Job job, int steps) {
    job.mutable_spec()->mutable_schedule()->set_num_steps(steps);
    job.mutable_spec()->mutable_solver()->mutable_sw_jko()->set_inner_iterations(20);
    return job;
  }

  static std::vector<std::string> StoryOf(int steps) {
    std::vector<std::string> story{"QUEUED", "RUNNING"};
    for (int step = 0; step <= steps; ++step) story.push_back("step " + std::to_string(step));
    story.emplace_back("SUCCEEDED");
    return story;
  }

  static std::vector<std::string> Describe(const std::vector<v1::JobEvent>& events) {
    std::vector<std::string> story;
    for (const v1::JobEvent& event : events) story.push_back(testing::Describe(event));
    return story;
  }

  static TempFolder* folder_;
  static DaemonProcess* daemon_;
  Client client_{daemon_->address()};
};
TempFolder* JobTest::folder_ = nullptr;
DaemonProcess* JobTest::daemon_ = nullptr;

TEST_F(JobTest, FlowOfADensityIsComputedStepByStep) {
  constexpr int kSteps = 4;
  const v1::Job created = client_.Create(Quick(RealNvpJob(), kSteps));
  EXPECT_EQ(created.state(), v1::Job::QUEUED);
  const std::vector<v1::JobEvent> events = client_.Watch(created.name());
  EXPECT_EQ(Describe(events), StoryOf(kSteps));
  for (const v1::JobEvent& event : events) {
    if (!event.has_step_completed()) continue;
    const v1::StepReport& report = event.step_completed().report();
    // τ = 0.1 on the Wasserstein clock, half of it on that of SW-JKO in the plane.
    EXPECT_NEAR(report.wasserstein_time(), 0.1 * report.step(), 1e-9);
    EXPECT_NEAR(report.sliced_time(), 0.05 * report.step(), 1e-9);
    EXPECT_TRUE(std::isfinite(report.energy()));
    EXPECT_EQ(report.term_energies_size(), 2);
    EXPECT_EQ(event.step_completed().sample_count(), 100);
    EXPECT_TRUE(event.step_completed().checkpoint_kept());
    EXPECT_GT(report.seconds(), 0);
  }
  const v1::Job job = client_.Get(created.name());
  EXPECT_EQ(job.state(), v1::Job::SUCCEEDED);
  EXPECT_EQ(job.progress().completed_steps(), kSteps);
  const std::vector<Tensor> samples = client_.StoredSamples(created.name());
  EXPECT_THAT(samples, SizeIs(kSteps + 1));
  for (const Tensor& step : samples) EXPECT_EQ(step.shape, (std::vector<int64_t>{100, 2}));
}

TEST_F(JobTest, WatchFromEverySequenceGivesEachEventOnceInOrder) {
  const std::string name = client_.Create(Quick(ParticlesJob(), 4)).name();
  const std::vector<v1::JobEvent> all = client_.Watch(name);
  ASSERT_EQ(Describe(all), StoryOf(4));
  for (size_t after = 0; after < all.size(); ++after) {
    const std::vector<v1::JobEvent> rest = client_.Watch(name, static_cast<int64_t>(after));
    ASSERT_EQ(rest.size(), all.size() - after);
    for (size_t i = 0; i < rest.size(); ++i) EXPECT_EQ(rest[i].SerializeAsString(), all[after + i].SerializeAsString());
  }
}

TEST_F(JobTest, DrawsAndDensitiesAtEveryKeptStep) {
  constexpr int kSteps = 3;
  const std::string name = client_.Create(Quick(RealNvpJob(), kSteps)).name();
  ASSERT_EQ(client_.WaitForEnd(name).state(), v1::Job::SUCCEEDED);
  for (int step = 0; step <= kSteps; ++step) {
    Tensor first, again, other, densities;
    ASSERT_TRUE(client_.Sample(name, step, 50, 1, first).ok());
    ASSERT_TRUE(client_.Sample(name, step, 50, 1, again).ok());
    ASSERT_TRUE(client_.Sample(name, step, 50, 2, other).ok());
    EXPECT_EQ(first.values, again.values);
    EXPECT_NE(first.values, other.values);
    const grpc::Status status = client_.Density(name, step, first, densities);
    ASSERT_TRUE(status.ok()) << status.error_message();
    EXPECT_EQ(densities.shape, std::vector<int64_t>{50});
    if (step > 0) continue;
    // ρ₀ is N((1, −1), I) exactly: the density is known. Single precision through three couplings leaves some 1e-6 of it.
    for (int i = 0; i < 50; ++i) {
      const double x = first.values[2 * i] - 1, y = first.values[2 * i + 1] + 1;
      EXPECT_NEAR(densities.values[i], -std::log(2 * M_PI) - (x * x + y * y) / 2, 1e-4);
    }
  }
}

TEST_F(JobTest, ParticlesAreDrawnWithoutReplacementAndHaveNoDensity) {
  const std::string name = client_.Create(Quick(ParticlesJob(), 2)).name();
  ASSERT_EQ(client_.WaitForEnd(name).state(), v1::Job::SUCCEEDED);
  Tensor tensor;
  EXPECT_TRUE(client_.Sample(name, std::nullopt, 300, 1, tensor).ok());
  EXPECT_EQ(client_.Sample(name, std::nullopt, 301, 1, tensor).error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  const grpc::Status density = client_.Density(name, std::nullopt, Tensor{{1, 2}, {0, 0}}, tensor);
  EXPECT_EQ(density.error_code(), grpc::StatusCode::FAILED_PRECONDITION);
  EXPECT_EQ(client_.Sample(name, 3, 1, 1, tensor).error_code(), grpc::StatusCode::FAILED_PRECONDITION);
}

// What is in them tests/e2e/export_test.py tries.
TEST_F(JobTest, ModelsWithAndWithoutADensityLeaveAsFiles) {
  for (const v1::Job& job : {RealNvpJob(), ParticlesJob()}) {
    const std::string name = client_.Create(Quick(job, 1)).name();
    ASSERT_EQ(client_.WaitForEnd(name).state(), v1::Job::SUCCEEDED);
    std::string module, tensors;
    const grpc::Status status = client_.Export(name, v1::ExportModelRequest::FORMAT_UNSPECIFIED, module);
    ASSERT_TRUE(status.ok()) << status.error_message();
    EXPECT_EQ(module.substr(0, 2), "PK") << "no archive";
    ASSERT_TRUE(client_.Export(name, v1::ExportModelRequest::SAFETENSORS, tensors).ok());
    EXPECT_EQ(tensors.substr(8, 16), "{\"__metadata__\":");
    EXPECT_NE(tensors.find("\\\"job\\\":\\\"" + name), std::string::npos);
  }
  std::string file;
  EXPECT_EQ(client_.Export("jobs/nobody", v1::ExportModelRequest::SAFETENSORS, file).error_code(), grpc::StatusCode::NOT_FOUND);
  EXPECT_TRUE(file.empty());
}

TEST_F(JobTest, DrawsWhileAJobIsRunning) {
  const std::string name = client_.Create(RealNvpJob()).name();
  client_.WaitForStep(name, 1);
  Tensor samples;
  const grpc::Status status = client_.Sample(name, 1, 10, 1, samples);
  EXPECT_TRUE(status.ok()) << status.error_message();
  EXPECT_TRUE(client_.Cancel(name).ok());
}

TEST_F(JobTest, EndTimeTakesTheStepsThatReachIt) {
  v1::Job request = Quick(ParticlesJob(), 1);
  request.mutable_spec()->mutable_schedule()->set_end_time(0.25);
  const v1::Job job = client_.WaitForEnd(client_.Create(request).name());
  EXPECT_EQ(job.state(), v1::Job::SUCCEEDED);
  EXPECT_EQ(job.progress().completed_steps(), 3);
  Tensor samples;
  EXPECT_TRUE(client_.Sample(job.name(), 3, 10, 1, samples).ok());
}

TEST_F(JobTest, DataSetsReachBothWorkers) {
  std::string table;
  for (int i = 0; i < 50; ++i) table += std::to_string(i % 7) + "," + std::to_string(i % 5) + "\n";
  const grpc::Status uploaded = client_.Upload("grid", table);
  ASSERT_TRUE(uploaded.ok()) << uploaded.error_message();
  v1::Job request = Quick(ParticlesJob(), 2);
  request.mutable_spec()->clear_functional();
  request.mutable_spec()->mutable_functional()->add_terms()->mutable_sliced_wasserstein()->set_dataset("datasets/grid");
  for (int i = 0; i < 2; ++i) {
    const v1::Job job = client_.WaitForEnd(client_.Create(request).name());
    EXPECT_EQ(job.state(), v1::Job::SUCCEEDED) << job.ShortDebugString();
    Tensor samples;
    const grpc::Status status = client_.Sample(job.name(), std::nullopt, 10, 1, samples);
    EXPECT_TRUE(status.ok()) << status.error_message();
  }
}

TEST_F(JobTest, DrawSurvivesTheDeathOfItsWorker) {
  const std::string name = client_.Create(Quick(ParticlesJob(), 1)).name();
  ASSERT_EQ(client_.WaitForEnd(name).state(), v1::Job::SUCCEEDED);
  Tensor before, after;
  ASSERT_TRUE(client_.Sample(name, 1, 20, 5, before).ok());
  ASSERT_EQ(kill(daemon_->WorkerPid("query"), SIGKILL), 0);
  const grpc::Status status = client_.Sample(name, 1, 20, 5, after);
  EXPECT_TRUE(status.ok()) << status.error_message();
  EXPECT_EQ(before.values, after.values);
}

TEST_F(JobTest, CancelledMidRunKeepsItsStepsAndTheNextJobRuns) {
  v1::Job endless = RealNvpJob();
  endless.mutable_spec()->mutable_schedule()->set_num_steps(10000);
  const std::string name = client_.Create(endless).name();
  const std::string next = client_.Create(Quick(ParticlesJob(), 1)).name();
  client_.WaitForStep(name, 1);
  EXPECT_TRUE(client_.Cancel(name).ok());
  EXPECT_EQ(client_.WaitForEnd(name).state(), v1::Job::CANCELLED);
  Tensor samples;
  EXPECT_TRUE(client_.Sample(name, 1, 10, 1, samples).ok());
  EXPECT_EQ(client_.WaitForEnd(next).state(), v1::Job::SUCCEEDED);
}

TEST_F(JobTest, DeletedJobCanBeTakenBackUntilItIsPurged) {
  v1::Job endless = ParticlesJob();
  endless.mutable_spec()->mutable_schedule()->set_num_steps(10000);
  const std::string name = client_.Create(endless).name();
  client_.WaitForStep(name, 1);
  EXPECT_EQ(client_.Delete(name).error_code(), grpc::StatusCode::FAILED_PRECONDITION);
  EXPECT_TRUE(client_.Cancel(name).ok());
  EXPECT_TRUE(client_.Delete(name).ok());
  EXPECT_THAT(client_.ListNames(), Not(Contains(name)));
  EXPECT_THAT(client_.ListNames(/*show_deleted=*/true), Contains(name));
  EXPECT_TRUE(client_.Get(name).has_purge_time());
  Tensor samples;
  EXPECT_TRUE(client_.Sample(name, 1, 10, 1, samples).ok());
  v1::Job back;
  EXPECT_TRUE(client_.Undelete(name, back).ok());
  EXPECT_THAT(client_.ListNames(), Contains(name));
  EXPECT_EQ(client_.Undelete(name, back).error_code(), grpc::StatusCode::FAILED_PRECONDITION);
  EXPECT_TRUE(client_.Purge(name).ok());
  EXPECT_EQ(client_.Cancel(name).error_code(), grpc::StatusCode::NOT_FOUND);
}

TEST_F(JobTest, DivergingJobFailsNamingStepTermAndLastFiniteEnergy) {
  // −|x|²/2 without anything to hold it has no minimum, and a learning rate of 10 leaves for infinity at once.
  v1::Job request = Quick(ParticlesJob(), 50);
  v1::FlowSpec& spec = *request.mutable_spec();
  spec.clear_functional();
  v1::FunctionalTerm& term = *spec.mutable_functional()->add_terms();
  term.set_weight(-1e15);
  for (const double entry : {1e15, 0.0, 0.0, 1e15}) term.mutable_potential()->mutable_quadratic()->mutable_precision()->add_values(entry);
  spec.mutable_solver()->mutable_sw_jko()->mutable_optimizer()->mutable_adam()->set_learning_rate(10);
  spec.mutable_schedule()->set_step_size(1e6);
  const v1::Job job = client_.WaitForEnd(client_.Create(request).name());
  ASSERT_EQ(job.state(), v1::Job::FAILED) << job.ShortDebugString();
  EXPECT_THAT(job.error().message(), HasSubstr("diverged at step"));
  google::rpc::ErrorInfo info;
  ASSERT_GT(job.error().details_size(), 0);
  ASSERT_TRUE(job.error().details(0).UnpackTo(&info));
  EXPECT_EQ(info.reason(), "DIVERGED");
  EXPECT_EQ(info.metadata().at("step"), std::to_string(job.progress().completed_steps() + 1));
  EXPECT_FALSE(info.metadata().at("term").empty());
  double energy = 0;
  EXPECT_TRUE(absl::SimpleAtod(info.metadata().at("last_finite_energy"), &energy) && std::isfinite(energy));
  Tensor samples;
  const grpc::Status kept = client_.Sample(job.name(), job.progress().completed_steps(), 10, 1, samples);
  EXPECT_TRUE(kept.ok()) << kept.error_message();
}

// The first event is to reach a watcher within 100 ms of its append. `time` is the daemon's clock, which is this machine's. The median of
// ten jobs, so that a moment in which a shared machine does something else does not count.
TEST_F(JobTest, EventsReachAWatcherWithinATenthOfASecond) {
  std::vector<double> delays;
  for (int i = 0; i < 10; ++i) {
    const std::string name = client_.Create(Quick(ParticlesJob(), 1)).name();
    absl::Time arrival;
    const std::vector<v1::JobEvent> events = client_.Watch(name, 1, [&](const v1::JobEvent&) {
      arrival = absl::Now();
      return true;
    });
    ASSERT_THAT(events, SizeIs(1));
    const absl::Time append = absl::FromUnixSeconds(events[0].time().seconds()) + absl::Nanoseconds(events[0].time().nanos());
    delays.push_back(absl::ToDoubleMilliseconds(arrival - append));
    client_.WaitForEnd(name);
  }
  std::sort(delays.begin(), delays.end());
  RecordProperty("median_ms", std::to_string(delays[5]));
  EXPECT_LT(delays[5], 100) << "worst: " << delays.back();
}

// The command line: where a job ran.
TEST_F(JobTest, WhereItIsComputedIsTold) {
  const std::string name = Client(daemon_->address()).Create(Quick(ParticlesJob(), 2)).name();
  EXPECT_THAT(Cli({"watch", name}).output, HasSubstr("\nRUNNING on cpu\n"));
  EXPECT_THAT(Cli({"get", name}).output, HasSubstr("\nran on         cpu\n"));
  EXPECT_THAT(Cli({"get", name, "--json"}).output, HasSubstr(R"("runDevice": "cpu")"));
  EXPECT_THAT(daemon_->Log(), HasSubstr("the job is RUNNING on cpu"));
}

// What the file's reader finds, and what the server does, in the order of the file.
TEST_F(JobTest, EveryWrongValueOfAJobFileIsToldInOneGo) {
  const std::string file = folder_->path() + "/worse.yaml";
  std::ofstream(file) << "spec:\n"
                         "  dimension: 2\n"
                         "  functional: {terms: [{potential: {quadratic: {center: [.nan, 0]}}}]}\n"
                         "  schedule: {stepSize: 0, numSteps: 0}\n"
                         "  seed: -1\n";
  const CommandResult told = Cli({"submit", file});
  EXPECT_EQ(told.exit_code, 4);
  std::vector<std::string> fields;
  for (absl::string_view line : absl::StrSplit(told.output, '\n')) {
    const std::vector<std::string> parts = absl::StrSplit(line, ": ");
    if (absl::StartsWith(line, file)) fields.push_back(parts[1]);
  }
  EXPECT_THAT(fields, ElementsAre("spec.functional.terms[0].potential.quadratic.center[0]", "spec.schedule.stepSize",
                                  "spec.schedule.numSteps", "spec.seed"))
      << told.output;
  const CommandResult alone = RunCommand({kClient, "submit", file, "--server", "127.0.0.1:1", "--timeout", "1"});
  EXPECT_EQ(alone.exit_code, 4);
  EXPECT_THAT(alone.output, HasSubstr("it could not be asked"));
  EXPECT_THAT(alone.output, HasSubstr(":5:9: spec.seed: must be a whole number between 0 and"));
}

TEST_F(JobTest, ArgumentsThatCannotBeMeantAreRefusedWithWhatWouldBeRight) {
  const CommandResult shared = Cli({"share", "jobs/a", "--lasts", "1000000d"});
  EXPECT_EQ(shared.exit_code, 2);
  EXPECT_THAT(shared.output, HasSubstr("--lasts 1000000d: must be such as 7d, 12h or 30m, and at most 90d"));
  const CommandResult exported = Cli({"export", "jobs/a", "-o", "-"});
  EXPECT_EQ(exported.exit_code, 2);
  EXPECT_THAT(exported.output, HasSubstr("--output: must be the name of a file"));
}

}  // namespace
}  // namespace sliceflow::testing
