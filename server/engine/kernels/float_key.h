// Floats as unsigned integers of the same order, by which every sliced transport sorts.
#pragma once

#include <cstdint>
#include <cstring>

#include "server/engine/kernels/host_device.h"

namespace sliceflow::kernels {

// The bits of a float, reordered so that unsigned comparison is numerical comparison. −0 comes before +0.
SLICEFLOW_HOST_DEVICE inline uint32_t KeyOfFloat(float value) {
  uint32_t bits;
  std::memcpy(&bits, &value, sizeof bits);
  return bits ^ ((bits >> 31) ? 0xFFFFFFFFu : 0x80000000u);
}

SLICEFLOW_HOST_DEVICE inline float FloatOfKey(uint32_t key) {
  const uint32_t bits = key ^ ((key >> 31) ? 0x80000000u : 0xFFFFFFFFu);
  float value;
  std::memcpy(&value, &bits, sizeof value);
  return value;
}

}  // namespace sliceflow::kernels
