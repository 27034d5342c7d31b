#include "common/device_name.h"

#include <string>

#include "gtest/gtest.h"

namespace sliceflow {
namespace {

TEST(DeviceNames, AreOfThisMachineOrOfAnother) {
  for (const char* name : {"cpu", "cuda:0", "cuda:12"}) EXPECT_TRUE(IsDeviceOfThisMachine(name)) << name;
  for (const char* name : {"", "any", "cuda:", "cuda:01", "cuda:1234", "a/cpu"}) EXPECT_FALSE(IsDeviceOfThisMachine(name)) << name;
  for (const char* name : {"a/cpu", "gpu-1.example.org/cuda:3", "0/cpu"}) EXPECT_TRUE(IsDeviceOfAnotherMachine(name)) << name;
  EXPECT_TRUE(IsDeviceOfAnotherMachine(std::string(63, 'a') + "/cpu"));
  for (const char* name : {"cpu", "/cpu", "a/", "a/any", "A/cpu", "a_b/cpu", "a-/cpu", ".a/cpu", "a/b/cpu", "a,b/cpu", "a/cpu/"}) {
    EXPECT_FALSE(IsDeviceOfAnotherMachine(name)) << name;
  }
  EXPECT_FALSE(IsDeviceOfAnotherMachine(std::string(64, 'a') + "/cpu"));
}

}  // namespace
}  // namespace sliceflow
