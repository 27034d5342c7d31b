// How kernels are put into a stream. Tests that run the kernels on the processor bring a Launch of their own (tests/support/emulated_gpu).
#pragma once

#include <cuda_runtime_api.h>

#ifdef __CUDACC__

namespace sliceflow::kernels::gpu {

// The error of the launch.
template <class... Parameters, class... Arguments>
cudaError_t Launch(void (*kernel)(Parameters...), dim3 grid, dim3 block, cudaStream_t stream, const Arguments&... arguments) {
  kernel<<<grid, block, 0, stream>>>(arguments...);
  return cudaGetLastError();
}

}  // namespace sliceflow::kernels::gpu

#endif
