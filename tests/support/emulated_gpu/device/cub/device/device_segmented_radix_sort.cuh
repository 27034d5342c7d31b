// CUB's interface, as far as it is used. The sorted pairs come to lie in the other buffers.
#pragma once

#include <algorithm>
#include <cstdint>
#include <numeric>
#include <vector>

#include "tests/support/emulated_gpu/device/device.h"

namespace cub {

template <class T>
struct DoubleBuffer {
  DoubleBuffer() = default;
  DoubleBuffer(T* current, T* other) : buffers{current, other} {}
  T* Current() const { return buffers[selector]; }
  T* buffers[2] = {};
  int selector = 0;
};

struct DeviceSegmentedRadixSort {
  template <class Key, class Value>
  static cudaError_t SortPairs(void* room, size_t& bytes, DoubleBuffer<Key>& keys, DoubleBuffer<Value>& values, int64_t /*items*/,
                               int64_t segments, const int64_t* begins, const int64_t* ends, int /*first_bit*/, int /*last_bit*/,
                               cudaStream_t stream = nullptr) {
    bytes = 1;
    if (room == nullptr) return cudaSuccess;
    sliceflow::emulated::Do(stream, [=] {
      for (int64_t segment = 0; segment < segments; ++segment) {
        SortOne(keys.buffers, values.buffers, begins[segment], ends[segment]);
      }
    });
    keys.selector = values.selector = 1;
    return cudaSuccess;
  }

 private:
  template <class Key, class Value>
  static void SortOne(Key* const* keys, Value* const* values, int64_t begin, int64_t end) {
    std::vector<int64_t> order(end - begin);
    std::iota(order.begin(), order.end(), begin);
    std::stable_sort(order.begin(), order.end(), [&](int64_t a, int64_t b) { return keys[0][a] < keys[0][b]; });
    for (int64_t i = begin; i < end; ++i) {
      keys[1][i] = keys[0][order[i - begin]];
      values[1][i] = values[0][order[i - begin]];
    }
  }
};

}  // namespace cub
