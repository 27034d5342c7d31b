// Products of tiles: every thread of a warp holds all of each. The sums run in order of the depth, in single precision.
#pragma once

#include <cstdint>
#include <cstring>

#include "tests/support/emulated_gpu/device/cuda_bf16.h"

namespace nvcuda::wmma {

namespace precision {
struct tf32;
}
struct matrix_a;
struct matrix_b;
struct accumulator;
struct row_major;
struct col_major;
enum layout_t { mem_row_major };

template <class Use, int kM, int kN, int kK, class T, class Layout = void>
struct fragment;

template <int kM, int kN, int kK, class T>
struct fragment<matrix_a, kM, kN, kK, T, col_major> {
  float entries[kM][kK];
};
template <int kM, int kN, int kK, class T>
struct fragment<matrix_b, kM, kN, kK, T, row_major> {
  float entries[kK][kN];
};
template <int kM, int kN, int kK>
struct fragment<accumulator, kM, kN, kK, float, void> {
  float entries[kM][kN];
};

inline float ToFloat(float value) { return value; }
inline float ToFloat(__nv_bfloat16 value) {
  const uint32_t bits = static_cast<uint32_t>(value.bits) << 16;
  float number;
  std::memcpy(&number, &bits, sizeof number);
  return number;
}

template <int kM, int kN, int kK, class T, class Stored>
void load_matrix_sync(fragment<matrix_a, kM, kN, kK, T, col_major>& a, const Stored* from, unsigned stride) {
  for (int k = 0; k < kK; ++k) {
    for (int m = 0; m < kM; ++m) a.entries[m][k] = ToFloat(from[k * stride + m]);
  }
}

template <int kM, int kN, int kK, class T, class Stored>
void load_matrix_sync(fragment<matrix_b, kM, kN, kK, T, row_major>& b, const Stored* from, unsigned stride) {
  for (int k = 0; k < kK; ++k) {
    for (int n = 0; n < kN; ++n) b.entries[k][n] = ToFloat(from[k * stride + n]);
  }
}

template <int kM, int kN, int kK>
void load_matrix_sync(fragment<accumulator, kM, kN, kK, float, void>& c, const float* from, unsigned stride, layout_t /*layout*/) {
  for (int m = 0; m < kM; ++m) {
    for (int n = 0; n < kN; ++n) c.entries[m][n] = from[m * stride + n];
  }
}

template <int kM, int kN, int kK>
void store_matrix_sync(float* to, const fragment<accumulator, kM, kN, kK, float, void>& c, unsigned stride, layout_t /*layout*/) {
  for (int m = 0; m < kM; ++m) {
    for (int n = 0; n < kN; ++n) to[m * stride + n] = c.entries[m][n];
  }
}

template <int kM, int kN, int kK, class T>
void mma_sync(fragment<accumulator, kM, kN, kK, float, void>& d, const fragment<matrix_a, kM, kN, kK, T, col_major>& a,
              const fragment<matrix_b, kM, kN, kK, T, row_major>& b, const fragment<accumulator, kM, kN, kK, float, void>& c) {
  for (int m = 0; m < kM; ++m) {
    for (int n = 0; n < kN; ++n) {
      float sum = c.entries[m][n];
      for (int k = 0; k < kK; ++k) sum += a.entries[m][k] * b.entries[k][n];
      d.entries[m][n] = sum;
    }
  }
}

}  // namespace nvcuda::wmma
