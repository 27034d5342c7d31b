// The server seen by a client that knows nothing: grpcurl, with reflection alone.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <unistd.h>

#include <cstdlib>
#include <string>
#include <vector>

#include "tests/integration/client.h"
#include "tests/integration/processes.h"
#include "tests/support/temp_folder.h"

namespace sliceflow::testing {
namespace {

using ::testing::HasSubstr;

class Grpcurl : public ::testing::Test {
 protected:
  void SetUp() override {
    const char* venv = std::getenv("SLICEFLOW_VENV");
    program_ = (venv != nullptr ? std::string(venv) : std::string(SLICEFLOW_SOURCE_DIR "/.venv")) + "/bin/grpcurl";
    ASSERT_EQ(access(program_.c_str(), X_OK), 0) << program_ << " is missing: run deploy/install-deps";
    ASSERT_TRUE(daemon_.ok()) << daemon_.Log();
  }

  CommandResult Run(const std::vector<std::string>& flags, const std::vector<std::string>& what) {
    std::vector<std::string> command{program_, "-plaintext", "-max-time", "50"};
    command.insert(command.end(), flags.begin(), flags.end());
    command.push_back(daemon_.address());
    command.insert(command.end(), what.begin(), what.end());
    return RunCommand(command);
  }

  TempFolder folder_;
  DaemonProcess daemon_{folder_.path()};
  std::string program_;
};

TEST_F(Grpcurl, ListsDescribesSubmitsAndWatches) {
  const CommandResult list = Run({}, {"list"});
  ASSERT_EQ(list.exit_code, 0) << list.output;
  for (const char* service :
       {"sliceflow.v1.JobService", "sliceflow.v1.DatasetService", "sliceflow.v1.ServerService", "grpc.health.v1.Health"}) {
    EXPECT_THAT(list.output, HasSubstr(service));
  }
  const CommandResult health = Run({}, {"grpc.health.v1.Health/Check"});
  EXPECT_EQ(health.exit_code, 0) << health.output;
  EXPECT_THAT(health.output, HasSubstr("SERVING"));
  const CommandResult describe = Run({}, {"describe", "sliceflow.v1.FlowSpec"});
  ASSERT_EQ(describe.exit_code, 0) << describe.output;
  EXPECT_THAT(describe.output, HasSubstr("functional"));

  const std::string job = R"json({"job": {"displayName": "by hand", "spec": {"dimension": 2,
    "functional": {"terms": [{"potential": {"quadratic": {}}}]},
    "solver": {"swJko": {"innerIterations": 20, "numProjections": 10}},
    "model": {"particles": {"count": 50}}, "schedule": {"stepSize": 0.1, "numSteps": 2}, "output": {"samplesPerStep": 10}}}})json";
  const CommandResult created = Run({"-d", job}, {"sliceflow.v1.JobService/CreateJob"});
  ASSERT_EQ(created.exit_code, 0) << created.output;
  const size_t start = created.output.find("jobs/");
  ASSERT_NE(start, std::string::npos) << created.output;
  const std::string name = created.output.substr(start, created.output.find('"', start) - start);

  const CommandResult watched = Run({"-d", R"({"name": ")" + name + R"("})"}, {"sliceflow.v1.JobService/WatchJob"});
  EXPECT_EQ(watched.exit_code, 0) << watched.output;
  EXPECT_THAT(watched.output, ::testing::ContainsRegex("step_?[cC]ompleted"));
  EXPECT_THAT(watched.output, HasSubstr("SUCCEEDED"));
}

TEST_F(Grpcurl, ReadsTheDetailsOfAnError) {
  const CommandResult refused = Run({"-d", R"({"job": {"spec": {"dimension": -1}}})"}, {"sliceflow.v1.JobService/CreateJob"});
  EXPECT_NE(refused.exit_code, 0);
  EXPECT_THAT(refused.output, HasSubstr("InvalidArgument"));
  EXPECT_THAT(refused.output, HasSubstr("dimension"));
}

}  // namespace
}  // namespace sliceflow::testing
