// What the kernels' own sources (`.cu`) need to be compiled for the processor: the words of CUDA's language, threads of a block as fibers, and
// stand-ins for CUB and the tensor cores. Included before everything else of such a source.
//
// Threads of a block run one after the other, each up to the next meeting, in one order for blocks of even number and in the other for odd
// ones: what is read before it was written, for want of a meeting, is what lay there before. Races that no order of whole threads shows are
// not found.
#pragma once

#include <cuda_runtime_api.h>

#include <functional>

#include "tests/support/emulated_gpu/device/mma.h"
#include "tests/support/emulated_gpu/emulation.h"

#undef __global__
#undef __device__
#undef __host__
#undef __shared__
#undef __launch_bounds__
#undef __align__
#define __global__
#define __device__
#define __host__
#define __shared__ static
#define __launch_bounds__(threads)
#define __align__(bytes) __attribute__((aligned(bytes)))

namespace sliceflow::emulated {

struct Place {
  unsigned x = 0, y = 0, z = 0;
};

// Runs `thread` as every thread of every block. On the processor's thread that calls.
void RunGrid(dim3 grid, dim3 block, const std::function<void()>& thread);
// All threads of the block, or of the warp, have come here before one goes on.
void MeetBlock();

}  // namespace sliceflow::emulated

extern sliceflow::emulated::Place threadIdx, blockIdx;
extern dim3 blockDim, gridDim;

inline void __syncthreads() { sliceflow::emulated::MeetBlock(); }
// Stronger than what a warp asks for. A block whose warps part does not call it.
void __syncwarp();

namespace sliceflow::kernels::gpu {

template <class... Parameters, class... Arguments>
cudaError_t Launch(void (*kernel)(Parameters...), dim3 grid, dim3 block, cudaStream_t stream, const Arguments&... arguments) {
  emulated::Do(stream, [=] { emulated::RunGrid(grid, block, [=] { kernel(arguments...); }); });
  return cudaSuccess;
}

}  // namespace sliceflow::kernels::gpu
