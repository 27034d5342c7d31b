#include "common/cuda_plugin_path.h"

#include <cstdlib>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace sliceflow {
namespace {

using ::testing::HasSubstr;

std::string WhyNone() { return std::string(FindCudaPlugin("/nowhere/bin/sliceflow-worker").status().message()); }

TEST(FindCudaPluginTest, TakesWhatIsNamedAndTellsWhatIsMissing) {
  setenv("SLICEFLOW_CUDA_PLUGIN", "/nowhere/libsliceflow_cuda.so", 1);
  EXPECT_THAT(WhyNone(), HasSubstr("there is no /nowhere/libsliceflow_cuda.so"));
  setenv("SLICEFLOW_CUDA_PLUGIN", "here.so", 1);
  EXPECT_THAT(WhyNone(), HasSubstr("SLICEFLOW_CUDA_PLUGIN is here.so; want an absolute path"));
  setenv("SLICEFLOW_CUDA_PLUGIN", "/dev/null", 1);
  EXPECT_EQ(FindCudaPlugin("/nowhere/bin/sliceflow-worker").value(), "/dev/null");
  unsetenv("SLICEFLOW_CUDA_PLUGIN");
  EXPECT_THAT(WhyNone(), HasSubstr("there is no /nowhere/bin/libsliceflow_cuda.so"));
  EXPECT_THAT(WhyNone(), HasSubstr("/nowhere/bin/../lib/sliceflow/libsliceflow_cuda.so"));
}

}  // namespace
}  // namespace sliceflow
