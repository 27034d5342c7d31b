#include "tests/conformance/device.h"

#include <gtest/gtest.h>

#include <cstdlib>

#include "absl/status/status.h"
#include "server/engine/flow.h"

namespace sliceflow::engine {

void SkipWithoutDevice() {
  const char* const device = std::getenv("SLICEFLOW_TEST_DEVICE");
  static const absl::Status& status =
      *new absl::Status(device == nullptr ? absl::OkStatus() : UseCuda(std::getenv("SLICEFLOW_CUDA_PLUGIN"), 0, "fp32"));
  if (!status.ok()) GTEST_SKIP() << device << ": " << status.message();
}

}  // namespace sliceflow::engine
