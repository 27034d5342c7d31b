// The plugin as a program sees it, over an emulated GPU (tests/support/emulated_gpu): what it does when memory is short or the device is lost.
#include "server/engine/kernels/cuda_plugin.h"

#include <dlfcn.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/unit/kernels/clouds.h"
#include "tests/unit/kernels/devices.h"
#include "tests/unit/kernels/evaluations.h"

namespace sliceflow::kernels {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

constexpr int kErrorIllegalAddress = 700;
constexpr int64_t kMebi = int64_t{1} << 20;

// Of the emulated GPU, as tests/support/emulated_gpu/emulation.h declares them.
template <class Function>
Function Emulated(const char* name) {
  void* const library = dlopen(SLICEFLOW_EMULATED_CUDA, RTLD_NOW);
  return reinterpret_cast<Function>(dlsym(library, name));
}
void SetMemory(int64_t bytes) { Emulated<void (*)(int64_t)>("sliceflow_emulated_memory")(bytes); }
void Break(int32_t error) { Emulated<void (*)(int32_t)>("sliceflow_emulated_break")(error); }

void RefuseGraphs(int32_t count) { Emulated<void (*)(int32_t)>("sliceflow_emulated_refuse_graphs")(count); }

struct Calls {
  int64_t instantiated = 0;
  int64_t launched = 0;
  int64_t refused = 0;
};
Calls CallsUpToNow() {
  Calls calls;
  Emulated<void (*)(int64_t*, int64_t*, int64_t*)>("sliceflow_emulated_calls")(&calls.instantiated, &calls.launched, &calls.refused);
  return calls;
}

class CudaPluginTest : public ::testing::Test {
 protected:
  void SetUp() override {
    const auto plugin = PluginOf("emulated");
    if (!plugin.ok()) GTEST_SKIP() << plugin.status().message();
    plugin_ = *plugin;
    SetMemory(4096 * kMebi);
  }
  void TearDown() override {
    if (plugin_ == nullptr) return;
    Break(0);
    SetMemory(4096 * kMebi);
  }

  std::unique_ptr<SlicedTransport> Make(const SlicedTransportShape& shape, gpu::Precision precision = gpu::Precision::kFp32) {
    auto transport = plugin_->MakeTransport(shape, precision);
    EXPECT_TRUE(transport.ok()) << transport.status();
    return *std::move(transport);
  }

  CudaPlugin* plugin_ = nullptr;
};

TEST_F(CudaPluginTest, TellsItsDevice) {
  EXPECT_EQ(*plugin_->DeviceCount(), 1);
  const auto device = plugin_->Describe(0);
  ASSERT_TRUE(device.ok()) << device.status();
  EXPECT_EQ(device->name, "Emulated on the processor");
  EXPECT_EQ(device->total_bytes, 4096 * kMebi);
  const absl::Status other = plugin_->Use(3);
  EXPECT_EQ(other.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(other.message()), HasSubstr("there is no CUDA device 3; the driver has 1"));
}

TEST_F(CudaPluginTest, ComputesWhatTheProcessorDoes) {
  for (const auto precision : {gpu::Precision::kFp32, gpu::Precision::kTf32, gpu::Precision::kBf16}) {
    const absl::Status status = CheckCudaTransport(*plugin_, precision);
    EXPECT_TRUE(status.ok()) << status;
  }
}

// The sources of the kernels themselves, those for tensor cores among them.
TEST_F(CudaPluginTest, ItsKernelsComputeWhatTheProcessorDoes) {
  const auto kernels = PluginOf("kernels");
  if (!kernels.ok()) GTEST_SKIP() << kernels.status().message();
  for (const auto precision : {gpu::Precision::kFp32, gpu::Precision::kTf32, gpu::Precision::kBf16}) {
    const absl::Status status = CheckCudaTransport(**kernels, precision);
    EXPECT_TRUE(status.ok()) << status;
  }
}

TEST_F(CudaPluginTest, OneSizeIsRecordedOnceAndPlayedAgain) {
  const Cloud x = Normal(100, 3, 1), y = Normal(100, 3, 2), fewer = Normal(60, 3, 3);
  const std::vector<float> directions = RandomDirections(40, 3, 4);
  const auto transport = Make({100, 100, 3, 40});
  const Calls before = CallsUpToNow();
  for (int repeat = 0; repeat < 5; ++repeat) {
    ExpectSame(Evaluate(*transport, x, y, directions), Reference(x, y, directions));
    ExpectSame(Evaluate(*transport, x, fewer, directions), Reference(x, fewer, directions));
    // Other points of the same size: what is played again reads them.
    ExpectSame(Evaluate(*transport, y, x, directions), Reference(y, x, directions));
  }
  const Calls after = CallsUpToNow();
  EXPECT_EQ(after.instantiated - before.instantiated, 2);
  EXPECT_EQ(after.launched - before.launched, 15);
}

TEST_F(CudaPluginTest, MoreSizesThanAreKeptAreRecordedAgain) {
  const std::vector<float> directions = RandomDirections(20, 2, 5);
  const auto transport = Make({64, 64, 2, 20});
  for (int repeat = 0; repeat < 2; ++repeat) {
    for (int64_t count = 1; count <= 64; count += 9) {
      const Cloud x = Normal(count, 2, 10 + count), y = Normal(count, 2, 20 + count);
      ExpectSame(Evaluate(*transport, x, y, directions), Reference(x, y, directions));
    }
  }
}

// Directions by batches, as where memory is short, give the same bits.
TEST_F(CudaPluginTest, MemoryDoesNotDecideTheResult) {
  const Cloud x = Normal(2000, 3, 6), y = Normal(2000, 3, 7), fewer = Normal(1500, 3, 8);
  const std::vector<float> directions = RandomDirections(200, 3, 9);
  const SlicedTransportShape shape{2000, 2000, 3, 200};
  const auto ample = Make(shape);
  SetMemory(64 * kMebi);
  const auto scarce = Make(shape);
  for (const Cloud& to : {y, fewer}) {
    const Result one = Evaluate(*ample, x, to, directions), other = Evaluate(*scarce, x, to, directions);
    EXPECT_EQ(one.value.value, other.value.value);
    EXPECT_EQ(one.gradient, other.gradient);
  }
}

TEST_F(CudaPluginTest, AHalvedBatchIsTriedOnceMore) {
  // 18.6 MB do not depend on the batch; the 48 directions planned for a quarter of the memory take 5 MB, 16 take 1.7.
  const Cloud x = Normal(2000, 256, 31), y = Normal(2000, 256, 32);
  const std::vector<float> directions = RandomDirections(60, 256, 33);
  const SlicedTransportShape shape{2000, 2000, 256, 60};
  const Result expected = Evaluate(*Make(shape), x, y, directions);
  SetMemory(23'000'000);
  const int64_t refused = CallsUpToNow().refused;
  const Result halved = Evaluate(*Make(shape), x, y, directions);
  EXPECT_EQ(CallsUpToNow().refused, refused + 1);
  EXPECT_EQ(halved.value.value, expected.value.value);
  EXPECT_EQ(halved.gradient, expected.gradient);
}

TEST_F(CudaPluginTest, MemoryThatEndsLaterIsTriedOnceMoreToo) {
  const Cloud x = Normal(200, 2, 34), y = Normal(200, 2, 35);
  const std::vector<float> directions = RandomDirections(100, 2, 36);
  const auto transport = Make({200, 200, 2, 100});
  const Result expected = Reference(x, y, directions);
  RefuseGraphs(1);
  ExpectSame(Evaluate(*transport, x, y, directions), expected);
  const auto value = transport->Evaluate(x.View(), y.View(), directions, {});
  ASSERT_TRUE(value.ok()) << value.status();
  RefuseGraphs(2);
  const Cloud fewer = Normal(100, 2, 37);
  const auto refused = transport->Evaluate(x.View(), fewer.View(), directions, {});
  EXPECT_EQ(refused.status().code(), absl::StatusCode::kResourceExhausted);
  EXPECT_THAT(std::string(refused.status().message()), HasSubstr("the device's memory does not suffice"));
  // It is of use again once there is memory.
  ExpectSame(Evaluate(*transport, x, y, directions), expected);
}

TEST_F(CudaPluginTest, MemoryThatDoesNotSufficeIsNamed) {
  SetMemory(2 * kMebi);
  const auto transport = plugin_->MakeTransport({20'000, 20'000, 2, 100}, gpu::Precision::kFp32);
  EXPECT_EQ(transport.status().code(), absl::StatusCode::kResourceExhausted);
  EXPECT_THAT(std::string(transport.status().message()),
              AllOf(HasSubstr("the device's memory does not suffice"), HasSubstr("20000 and 20000 points in 2 dimensions wants"),
                    HasSubstr("of 2097152 bytes are free")));
  // What was taken on the way is given back.
  SetMemory(64 * kMebi);
  EXPECT_TRUE(plugin_->MakeTransport({20'000, 20'000, 2, 100}, gpu::Precision::kFp32).ok());
}

TEST_F(CudaPluginTest, ALostDeviceIsTold) {
  const Cloud x = Normal(50, 2, 11), y = Normal(50, 2, 12);
  const std::vector<float> directions = RandomDirections(10, 2, 13);
  const auto transport = Make({50, 50, 2, 10});
  ExpectSame(Evaluate(*transport, x, y, directions), Reference(x, y, directions));
  Break(kErrorIllegalAddress);
  const auto result = transport->Evaluate(x.View(), y.View(), directions, {});
  EXPECT_EQ(result.status().code(), absl::StatusCode::kInternal);
  EXPECT_THAT(std::string(result.status().message()), HasSubstr("the device's context is lost"));
  EXPECT_EQ(plugin_->MakeTransport({50, 50, 2, 10}, gpu::Precision::kFp32).status().code(), absl::StatusCode::kInternal);
}

// What the options cost: the figures of docs/performance.md, measured with factors rounded as they are for the tensor cores.
TEST_F(CudaPluginTest, PrecisionsHaveTheErrorThatIsTold) {
  const Cloud x = Normal(1024, 16, 14), y = Normal(1024, 16, 15);
  const std::vector<float> directions = RandomDirections(500, 16, 16);
  const auto result = [&](gpu::Precision precision) { return Evaluate(*Make({1024, 1024, 16, 500}, precision), x, y, directions); };
  const Result fp32 = result(gpu::Precision::kFp32);
  // n²·L·4e-8 ≈ 20 neighbours lie closer than a float's rounding and change places, each by some 5/n · 2/(nL).
  ExpectSame(fp32, Reference(x, y, directions), 20 * 2.0 / (1024 * 500) * 5 / 1024);
  const auto error = [&](gpu::Precision precision) {
    const Result other = result(precision);
    // Distances do not go through the product.
    EXPECT_EQ(other.value.value, fp32.value.value);
    return Distance(other.gradient, fp32.gradient) / Norm(fp32.gradient);
  };
  const double tf32 = error(gpu::Precision::kTf32), bf16 = error(gpu::Precision::kBf16);
  std::printf("relative error of the gradient: tf32 %.1e, bf16 %.1e\n", tf32, bf16);
  // Two factors are each off by at most 2^-12 and 2^-9 of themselves, a third of that on the average, with signs of their own: sums over
  // directions have less.
  EXPECT_LT(tf32, 0x1p-12);
  EXPECT_LT(bf16, 0x1p-9);
  EXPECT_GT(bf16, 4 * tf32);
}

TEST(LoadCudaPlugin, RefusesWhatIsNone) {
  const auto missing = CudaPlugin::Load("/nowhere.so");
  EXPECT_EQ(missing.status().code(), absl::StatusCode::kFailedPrecondition);
  const auto other = CudaPlugin::Load("libm.so.6");
  EXPECT_THAT(std::string(other.status().message()), HasSubstr("libm.so.6 is not the plugin of this build"));
}

TEST(LoadCudaPlugin, WithoutADriverSaysSo) {
  if (std::string(SLICEFLOW_CUDA_LIBRARY).empty()) GTEST_SKIP() << "this build has no GPU plugin";
  if (dlopen("libcuda.so.1", RTLD_NOW) != nullptr) GTEST_SKIP() << "there is a driver here";
  const auto plugin = CudaPlugin::Load(SLICEFLOW_CUDA_LIBRARY);
  ASSERT_TRUE(plugin.ok()) << plugin.status();
  const absl::Status status = (*plugin)->Use(0);
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(status.message()), HasSubstr("NVIDIA's driver is not there: libcuda.so.1"));
}

}  // namespace
}  // namespace sliceflow::kernels
