// CUB's interface, as far as it is used.
#pragma once

#include "tests/support/emulated_gpu/device/device.h"

namespace cub {

template <class T, int kThreads>
class BlockScan {
 public:
  struct TempStorage {
    T sums[kThreads];
  };

  explicit BlockScan(TempStorage& room) : room_(room) {}

  template <int kItems>
  void InclusiveSum(T (&in)[kItems], T (&out)[kItems], T& all) {
    T own = 0;
    for (const T item : in) own += item;
    room_.sums[threadIdx.x] = own;
    __syncthreads();
    T before = 0;
    all = 0;
    for (unsigned thread = 0; thread < kThreads; ++thread) {
      if (thread < threadIdx.x) before += room_.sums[thread];
      all += room_.sums[thread];
    }
    for (int item = 0; item < kItems; ++item) out[item] = before += in[item];
  }

 private:
  TempStorage& room_;
};

}  // namespace cub
