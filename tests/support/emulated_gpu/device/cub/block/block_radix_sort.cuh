// CUB's interface, sorted by the standard library. As there, the room is of use again only after a meeting.
#pragma once

#include <algorithm>
#include <cstdint>
#include <numeric>
#include <vector>

#include "tests/support/emulated_gpu/device/device.h"

namespace cub {

template <class Key, int kThreads, int kItems, class Value = uint8_t>
class BlockRadixSort {
 public:
  struct TempStorage {
    Key keys[kThreads * kItems];
    Value values[kThreads * kItems];
  };

  explicit BlockRadixSort(TempStorage& room) : room_(room) {}

  void Sort(Key (&keys)[kItems]) {
    Value none[kItems] = {};
    Sort(keys, none);
  }

  void Sort(Key (&keys)[kItems], Value (&values)[kItems]) {
    const unsigned first = threadIdx.x * kItems;
    std::copy_n(keys, kItems, room_.keys + first);
    std::copy_n(values, kItems, room_.values + first);
    __syncthreads();
    if (threadIdx.x == 0) SortAll();
    __syncthreads();
    std::copy_n(room_.keys + first, kItems, keys);
    std::copy_n(room_.values + first, kItems, values);
  }

 private:
  void SortAll() {
    std::vector<int> order(kThreads * kItems);
    std::iota(order.begin(), order.end(), 0);
    std::stable_sort(order.begin(), order.end(), [&](int a, int b) { return room_.keys[a] < room_.keys[b]; });
    const std::vector<Key> keys(room_.keys, room_.keys + order.size());
    const std::vector<Value> values(room_.values, room_.values + order.size());
    for (size_t i = 0; i < order.size(); ++i) {
      room_.keys[i] = keys[order[i]];
      room_.values[i] = values[order[i]];
    }
  }

  TempStorage& room_;
};

}  // namespace cub
