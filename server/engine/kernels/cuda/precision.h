// What the product that makes the gradient is computed in. Projections and distances are float and double whatever is chosen: an order that
// is not that of the projections would be another plan.
#pragma once

#include <cstdint>
#include <cstring>

#include "server/engine/kernels/host_device.h"

namespace sliceflow::kernels::gpu {

// Values cross the plugin's face as integers.
enum class Precision : int32_t {
  kFp32 = 0,  // single precision throughout; the default
  kTf32 = 1,  // factors rounded to 11 significant bits, sums in single precision
  kBf16 = 2,  // factors rounded to 8 significant bits, sums in single precision
};

// To the nearest of TF32's numbers, halves away from zero, as the instruction cvt.rna does. For finite values.
SLICEFLOW_HOST_DEVICE inline float RoundToTf32(float value) {
  uint32_t bits;
  std::memcpy(&bits, &value, sizeof bits);
  bits = (bits + 0x1000u) & ~0x1FFFu;
  std::memcpy(&value, &bits, sizeof value);
  return value;
}

// The upper half of a float: the nearest of bfloat16's numbers, halves to even. For finite values.
SLICEFLOW_HOST_DEVICE inline uint16_t Bf16Bits(float value) {
  uint32_t bits;
  std::memcpy(&bits, &value, sizeof bits);
  return static_cast<uint16_t>((bits + 0x7FFFu + ((bits >> 16) & 1u)) >> 16);
}

SLICEFLOW_HOST_DEVICE inline float RoundToBf16(float value) {
  const uint32_t bits = static_cast<uint32_t>(Bf16Bits(value)) << 16;
  std::memcpy(&value, &bits, sizeof value);
  return value;
}

}  // namespace sliceflow::kernels::gpu
