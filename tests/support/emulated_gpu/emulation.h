// A GPU that is none: the plugin's own code on the processor, over a stand-in for CUDA's runtime (cuda_runtime.cpp) and with every thread of
// a kernel in turn: part by part (kernels.cpp, quick enough for whole flows), or by the kernels' own sources (device/). It shows that the
// host's part and the algorithms are right; of a real GPU it shows nothing.
//
// A process that loads it where `break_after` lies beside it, a file with a number, loses its device after so many launches. It removes the file,
// so that the next one does not. A number in a file `memory` there is the bytes of the device's memory.
//
// What is below is exported by libsliceflow_cuda_emulated.so, for tests to make things go wrong.
#pragma once

#include <cstdint>
#include <functional>

namespace sliceflow::emulated {

// What a stream is given to do: at once, or when what is recorded is launched.
void Do(void* stream, std::function<void()> work);

}  // namespace sliceflow::emulated

extern "C" {
// Memory of the device from now on, what is taken counted in. Default: 4 GiB. Unit: bytes.
void sliceflow_emulated_memory(int64_t bytes);
// The next wait for a stream ends with this cudaError_t, as all calls after it do; 0: sound again.
void sliceflow_emulated_break(int32_t error);
// So many graphs from now on are not made, for want of memory.
void sliceflow_emulated_refuse_graphs(int32_t count);
// Since the library was loaded: graphs that were made, graphs that were launched, and requests for memory that were refused.
void sliceflow_emulated_calls(int64_t* instantiated, int64_t* launched, int64_t* refused);
}
