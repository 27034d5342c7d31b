// Marks functions that the processor's compiler and nvcc both compile: what runs on a GPU is run by tests on the processor.
#pragma once

#ifdef __CUDACC__
#define SLICEFLOW_HOST_DEVICE __host__ __device__
#else
#define SLICEFLOW_HOST_DEVICE
#endif
