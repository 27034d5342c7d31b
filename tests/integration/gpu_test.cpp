// GPUs as a server shows and uses them, without one: NVIDIA's management library is a stand-in (tests/support/fake_nvml), and where something is
// computed the device is emulated on the processor (tests/support/emulated_gpu).
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/clock.h"
#include "google/rpc/error_details.pb.h"
#include "tests/integration/client.h"
#include "tests/integration/health.h"
#include "tests/integration/processes.h"
#include "tests/support/patience.h"
#include "tests/support/temp_folder.h"

namespace sliceflow::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr char kPlugin[] = SLICEFLOW_CUDA_LIBRARY;
constexpr char kEmulated[] = SLICEFLOW_EMULATED_CUDA;
constexpr char kDriver[] = "/usr/lib/x86_64-linux-gnu/libcuda.so.1";

class GpuTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (*kPlugin == '\0') GTEST_SKIP() << "this build has no GPU plugin: there was no CUDA compiler";
  }

  // The words before a command that give it so many GPUs, and a plugin.
  static std::vector<std::string> With(int gpus, const std::string& plugin, const std::vector<std::string>& more = {}) {
    std::vector<std::string> words{"env", absl::StrCat("LD_LIBRARY_PATH=", SLICEFLOW_FAKE_NVML), absl::StrCat("SLICEFLOW_FAKE_GPUS=", gpus),
                                   absl::StrCat("SLICEFLOW_CUDA_PLUGIN=", plugin)};
    words.insert(words.end(), more.begin(), more.end());
    return words;
  }

  static std::vector<std::string> Names(const v1::ServerInfo& info) {
    std::vector<std::string> names;
    for (const v1::Device& device : info.devices()) names.push_back(device.name());
    return names;
  }

  static v1::Device Find(const v1::ServerInfo& info, const std::string& name) {
    for (const v1::Device& device : info.devices()) {
      if (device.name() == name) return device;
    }
    ADD_FAILURE() << "no device " << name;
    return {};
  }

  // A job whose every step goes through sliced transport.
  static v1::Job JobOn(const std::string& device) {
    v1::Job job = ParticlesJob();
    job.mutable_spec()->mutable_schedule()->set_num_steps(3);
    job.set_device(device);
    return job;
  }

  // Polls until what the server says of a device fulfils `until`.
  template <class Until>
  static v1::Device WaitForDevice(Client& client, const std::string& name, const Until& until) {
    const absl::Duration deadline = Uptime() + kPatience;
    v1::Device device = Find(client.Info(), name);
    while (!until(device) && Uptime() < deadline) device = Find(client.Info(), name);
    EXPECT_TRUE(until(device)) << device.DebugString();
    return device;
  }

  TempFolder folder_;
};

// The worker of this build, which has no driver to find.
TEST_F(GpuTest, AreListedWithTheirMemoryAndWhyTheyDoNotCompute) {
  if (std::filesystem::exists(kDriver)) GTEST_SKIP() << "there is a driver here";
  DaemonProcess daemon(folder_.path(), {"--gpus", "auto"}, true, With(2, kPlugin));
  ASSERT_TRUE(daemon.ok()) << daemon.Log();
  Client client(daemon.address());
  const v1::ServerInfo info = client.Info();
  EXPECT_THAT(Names(info), ElementsAre("cpu", "cuda:0", "cuda:1"));
  EXPECT_EQ(info.devices(1).model(), "Fake GPU");
  EXPECT_EQ(info.devices(1).gpu_memory_bytes(), int64_t{16} << 30);
  EXPECT_EQ(info.devices(2).gpu_memory_bytes(), int64_t{32} << 30);
  EXPECT_EQ(info.devices(0).model(), "");
  EXPECT_EQ(info.devices(0).gpu_memory_bytes(), 0);
  const v1::Device broken = WaitForDevice(client, "cuda:1", [](const v1::Device& device) { return !device.healthy(); });
  EXPECT_THAT(broken.problem(), HasSubstr("cuda:1: NVIDIA's driver is not there"));
  EXPECT_TRUE(WaitForServing(daemon.address(), "sliceflow.v1.Device/cuda:1", false));
  EXPECT_TRUE(WaitForServing(daemon.address(), "sliceflow.v1.Device/cpu", true));
  // What asks for no device is computed on another.
  EXPECT_EQ(client.WaitForEnd(client.Create(JobOn("any")).name()).state(), v1::Job::SUCCEEDED);
}

TEST_F(GpuTest, OneThatIsDividedIsItsParts) {
  DaemonProcess daemon(folder_.path(), {"--gpus", "auto"}, true, With(2, kPlugin, {"SLICEFLOW_FAKE_MIG=1"}));
  ASSERT_TRUE(daemon.ok()) << daemon.Log();
  const v1::ServerInfo info = Client(daemon.address()).Info();
  EXPECT_THAT(Names(info), ElementsAre("cpu", "cuda:0", "cuda:1", "cuda:2"));
  EXPECT_EQ(info.devices(2).model(), "Fake GPU MIG 1g.5gb");
  EXPECT_EQ(info.devices(3).gpu_memory_bytes(), int64_t{5} << 30);
}

TEST_F(GpuTest, AreTakenByTheirNumbers) {
  DaemonProcess daemon(folder_.path(), {"--gpus", "1"}, true, With(2, kPlugin));
  ASSERT_TRUE(daemon.ok()) << daemon.Log();
  EXPECT_THAT(Names(Client(daemon.address()).Info()), ElementsAre("cpu", "cuda:1"));
}

TEST_F(GpuTest, WhatIsNotThereIsNamed) {
  DaemonProcess beyond(folder_.path(), {"--gpus", "0,2"}, false, With(2, kPlugin));
  EXPECT_EQ(beyond.Wait(), 1);
  EXPECT_THAT(beyond.Log(), HasSubstr("gpus: 0,2: there is no GPU 2; this machine has 2; give none, or auto"));
  TempFolder other;
  DaemonProcess odd(other.path(), {"--gpus", "first"}, false, With(2, kPlugin));
  EXPECT_EQ(odd.Wait(), 2);
  EXPECT_THAT(odd.Log(), HasSubstr("must be auto, none, or numbers below 64 such as 0,2"));
}

TEST_F(GpuTest, AreLeftAloneWhereThePluginIsNot) {
  DaemonProcess daemon(folder_.path(), {"--gpus", "auto"}, true, With(2, "/nowhere/libsliceflow_cuda.so"));
  ASSERT_TRUE(daemon.ok()) << daemon.Log();
  EXPECT_THAT(Names(Client(daemon.address()).Info()), ElementsAre("cpu"));
  EXPECT_THAT(daemon.Log(), HasSubstr("2 GPUs are not used: there is no /nowhere/libsliceflow_cuda.so"));
}

double Mean(const Tensor& samples) {
  double sum = 0;
  for (const float value : samples.values) sum += value;
  return sum / static_cast<double>(samples.values.size());
}

TEST_F(GpuTest, AJobIsComputedOnTheDeviceItNames) {
  DaemonProcess daemon(folder_.path(), {"--gpus", "auto"}, true, With(1, kEmulated));
  ASSERT_TRUE(daemon.ok()) << daemon.Log();
  Client client(daemon.address());
  const v1::Device device = WaitForDevice(client, "cuda:0", [](const v1::Device& found) { return found.ready(); });
  EXPECT_TRUE(device.healthy()) << device.problem();
  const std::string on_gpu = client.Create(JobOn("cuda:0")).name(), again = client.Create(JobOn("cuda:0")).name();
  const std::string on_cpu = client.Create(JobOn("cpu")).name();
  for (const std::string& name : {on_gpu, again, on_cpu}) {
    const v1::Job job = client.WaitForEnd(name);
    EXPECT_EQ(job.state(), v1::Job::SUCCEEDED) << job.DebugString() << daemon.Log();
  }
  EXPECT_THAT(daemon.Log(), HasSubstr("system-call filter with a GPU's calls"));
  const std::vector<Tensor> gpu = client.StoredSamples(on_gpu), repeated = client.StoredSamples(again), cpu = client.StoredSamples(on_cpu);
  ASSERT_EQ(gpu.size(), 4);
  ASSERT_EQ(cpu.size(), 4);
  // The same bits each time; beside the processor's, other roundings of the same flow, which Adam makes larger.
  EXPECT_EQ(gpu.back().values, repeated.back().values);
  EXPECT_NE(gpu.back().values, cpu.back().values);
  EXPECT_NEAR(Mean(gpu.back()), Mean(cpu.back()), 1e-2);
}

TEST_F(GpuTest, MemoryThatDoesNotSufficeFailsTheJobByName) {
  const std::string plugin = absl::StrCat(folder_.path(), "/libsliceflow_cuda.so");
  std::filesystem::copy_file(kEmulated, plugin);
  // Enough for what a device is asked at the start; 16 directions of twice 40,000 points take 33 MB.
  std::ofstream(absl::StrCat(folder_.path(), "/memory")) << 16'000'000;
  TempFolder data;
  DaemonProcess daemon(data.path(), {"--gpus", "auto"}, true, With(1, plugin));
  ASSERT_TRUE(daemon.ok()) << daemon.Log();
  Client client(daemon.address());
  v1::Job large = JobOn("cuda:0");
  large.mutable_spec()->clear_functional();
  large.mutable_spec()->mutable_functional()->add_terms()->mutable_potential()->mutable_quadratic();
  large.mutable_spec()->mutable_model()->mutable_particles()->set_count(40'000);
  const v1::Job failed = client.WaitForEnd(client.Create(large).name());
  ASSERT_EQ(failed.state(), v1::Job::FAILED) << failed.DebugString() << daemon.Log();
  EXPECT_THAT(failed.error().message(), HasSubstr("of 40000 and 40000 points in 2 dimensions wants"));
  google::rpc::ErrorInfo info;
  ASSERT_GT(failed.error().details_size(), 0);
  ASSERT_TRUE(failed.error().details(0).UnpackTo(&info));
  EXPECT_EQ(info.reason(), "GPU_OUT_OF_MEMORY");
  // The device is sound.
  EXPECT_EQ(client.WaitForEnd(client.Create(JobOn("cuda:0")).name()).state(), v1::Job::SUCCEEDED);
}

TEST_F(GpuTest, ADeviceThatIsLostEndsTheWorkerAndTheJobGoesOn) {
  // A plugin of its own folder, which the note of when to break lies in.
  const std::string plugin = absl::StrCat(folder_.path(), "/libsliceflow_cuda.so");
  std::filesystem::copy_file(kEmulated, plugin);
  std::ofstream(absl::StrCat(folder_.path(), "/break_after")) << 60;
  TempFolder data;
  DaemonProcess daemon(data.path(), {"--gpus", "auto"}, true, With(1, plugin));
  ASSERT_TRUE(daemon.ok()) << daemon.Log();
  Client client(daemon.address());
  const v1::Job broken = client.WaitForEnd(client.Create(JobOn("cuda:0")).name());
  EXPECT_EQ(broken.state(), v1::Job::SUCCEEDED) << broken.DebugString() << daemon.Log();
  EXPECT_THAT(daemon.Log(), HasSubstr("the device's context is lost"));
  EXPECT_FALSE(std::filesystem::exists(absl::StrCat(folder_.path(), "/break_after")));
  const v1::Job whole = client.WaitForEnd(client.Create(JobOn("cuda:0")).name());
  EXPECT_EQ(client.StoredSamples(broken.name()).back().values, client.StoredSamples(whole.name()).back().values);
}

}  // namespace
}  // namespace sliceflow::testing
