// The same suites with sliced transport on another device: SLICEFLOW_TEST_DEVICE says that the plugin of SLICEFLOW_CUDA_PLUGIN is to be used, and
// is the device's name for people. A process has one device, so each is a run of the program.
#pragma once

namespace sliceflow::engine {

// For SetUp of a fixture: where the device is not there its tests are skipped, each by its name.
void SkipWithoutDevice();

}  // namespace sliceflow::engine
