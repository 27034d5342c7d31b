#include "server/engine/kernels/cpu/sliced_kernels.h"

#include <algorithm>
#include <cstdint>

// Targets without a fixed vector size cannot hold the register tiles below.
#define HWY_DISABLED_TARGETS (HWY_SVE | HWY_SVE2 | HWY_SVE_256 | HWY_SVE2_128 | HWY_RVV)
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "server/engine/kernels/cpu/sliced_kernels.cpp"
#include "hwy/foreach_target.h"
#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace sliceflow::kernels::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using Floats = hn::CappedTag<float, kPanel>;
using Words = hn::RebindToUnsigned<Floats>;
using Signed = hn::RebindToSigned<Floats>;
#if HWY_TARGET == HWY_SCALAR
using Doubles = hn::Rebind<double, Floats>;
#else
using Longs = hn::Repartition<uint64_t, Floats>;
using HalfWords = hn::Half<Words>;
using HalfFloats = hn::Half<Floats>;
using Doubles = hn::Repartition<double, Floats>;
#endif
using FloatVec = hn::Vec<Floats>;
using WordVec = hn::Vec<Words>;

constexpr int kTile = 8;

HWY_INLINE WordVec ToKey(FloatVec value) {
  const Words words;
  const Signed ints;
  // Adding +0 turns -0 into +0, so that equal numbers have equal keys.
  const auto bits = hn::BitCast(ints, hn::Add(value, hn::Zero(Floats())));
  const auto flip = hn::Or(hn::ShiftRight<31>(bits), hn::Set(ints, static_cast<int32_t>(0x80000000u)));
  return hn::BitCast(words, hn::Xor(bits, flip));
}

HWY_INLINE FloatVec FromKey(WordVec key) {
  const Words words;
  const Signed ints;
  const auto negative = hn::BitCast(words, hn::ShiftRight<31>(hn::BitCast(ints, hn::Not(key))));
  return hn::BitCast(Floats(), hn::Xor(key, hn::Or(negative, hn::Set(words, 0x80000000u))));
}

struct PackedStore {
  using Key = uint64_t;
  static HWY_INLINE void Store(WordVec key, int64_t index, uint64_t* to) {
#if HWY_TARGET == HWY_SCALAR
    to[index] = static_cast<uint64_t>(hn::GetLane(key)) << 32 | static_cast<uint64_t>(index);
#else
    const Longs longs;
    const HalfWords half;
    const int64_t lanes = hn::Lanes(longs);
    const auto lower = hn::ShiftLeft<32>(hn::PromoteTo(longs, hn::LowerHalf(half, key)));
    const auto upper = hn::ShiftLeft<32>(hn::PromoteTo(longs, hn::UpperHalf(half, key)));
    // Iota from a constant is loaded once; from a variable it is written out lane by lane each time.
    const auto indices = hn::Add(hn::Iota(longs, 0), hn::Set(longs, static_cast<uint64_t>(index)));
    hn::Store(hn::Or(lower, indices), longs, to + index);
    hn::Store(hn::Or(upper, hn::Add(indices, hn::Set(longs, static_cast<uint64_t>(lanes)))), longs, to + index + lanes);
#endif
  }
};

struct BareStore {
  using Key = uint32_t;
  static HWY_INLINE void Store(WordVec key, int64_t index, uint32_t* to) { hn::Store(key, Words(), to + index); }
};

// `kRows` directions at a time over all panels: each coordinate loaded serves all of them from registers.
template <class KeyStore, int kRows>
HWY_INLINE void ProjectRows(const Panels& panels, const float* HWY_RESTRICT directions, typename KeyStore::Key* HWY_RESTRICT keys) {
  const Floats floats;
  const int64_t lanes = hn::Lanes(floats);
  const int64_t row = panels.count * kPanel;
  const int64_t dimension = panels.dimension;
  for (int64_t i = 0; i < row; i += lanes) {
    const float* HWY_RESTRICT from = panels.data + (i / kPanel) * dimension * kPanel + i % kPanel;
    FloatVec sums[kRows];
    for (int r = 0; r < kRows; ++r) sums[r] = hn::Zero(floats);
    for (int64_t k = 0; k < dimension; ++k) {
      const FloatVec coordinate = hn::Load(floats, from + k * kPanel);
      for (int r = 0; r < kRows; ++r) sums[r] = hn::MulAdd(coordinate, hn::Set(floats, directions[r * dimension + k]), sums[r]);
    }
    for (int r = 0; r < kRows; ++r) KeyStore::Store(ToKey(sums[r]), i, keys + r * row);
  }
}

template <class KeyStore>
HWY_INLINE void ProjectAll(const Panels& panels, const float* directions, int64_t count, typename KeyStore::Key* keys) {
  const int64_t row = panels.count * kPanel;
  int64_t r = 0;
  for (; r + kTile <= count; r += kTile) ProjectRows<KeyStore, kTile>(panels, directions + r * panels.dimension, keys + r * row);
  for (; r < count; ++r) ProjectRows<KeyStore, 1>(panels, directions + r * panels.dimension, keys + r * row);
}

void ProjectPackedKeys(const Panels& panels, const float* directions, int64_t count, uint64_t* keys) {
  ProjectAll<PackedStore>(panels, directions, count, keys);
}

void ProjectKeys(const Panels& panels, const float* directions, int64_t count, uint32_t* keys) {
  ProjectAll<BareStore>(panels, directions, count, keys);
}

// Adds the squares of `difference` in double.
HWY_INLINE hn::Vec<Doubles> AddSquares(FloatVec difference, hn::Vec<Doubles> sum) {
#if HWY_TARGET == HWY_SCALAR
  const auto wide = hn::PromoteTo(Doubles(), difference);
  return hn::MulAdd(wide, wide, sum);
#else
  const auto lower = hn::PromoteTo(Doubles(), hn::LowerHalf(HalfFloats(), difference));
  const auto upper = hn::PromoteTo(Doubles(), hn::UpperHalf(HalfFloats(), difference));
  return hn::MulAdd(upper, upper, hn::MulAdd(lower, lower, sum));
#endif
}

// The ranks from `i` on, one vector of them: projections and indices.
struct Unpacked {
  FloatVec projection;
  hn::Vec<Signed> index;
};

HWY_INLINE Unpacked Unpack(const uint64_t* HWY_RESTRICT keys, int64_t i) {
#if HWY_TARGET == HWY_SCALAR
  return {FromKey(hn::Set(Words(), static_cast<uint32_t>(keys[i] >> 32))), hn::Set(Signed(), static_cast<int32_t>(keys[i]))};
#else
  const Words words;
  const Longs longs;
  const auto lower = hn::BitCast(words, hn::Load(longs, keys + i));
  const auto upper = hn::BitCast(words, hn::Load(longs, keys + i + hn::Lanes(longs)));
  return {FromKey(hn::ConcatOdd(words, upper, lower)), hn::BitCast(Signed(), hn::ConcatEven(words, upper, lower))};
#endif
}

double MatchPacked(const uint64_t* HWY_RESTRICT x_keys, const uint32_t* HWY_RESTRICT y_keys, int64_t padded,
                   float* HWY_RESTRICT differences) {
  const Floats floats;
  const Words words;
  const int64_t lanes = hn::Lanes(floats);
  auto sum = hn::Zero(Doubles());
  for (int64_t i = 0; i < padded; i += lanes) {
    const Unpacked x = Unpack(x_keys, i);
    const FloatVec difference = hn::Sub(x.projection, FromKey(hn::Load(words, y_keys + i)));
    hn::ScatterIndex(difference, floats, differences, x.index);
    sum = AddSquares(difference, sum);
  }
  return hn::GetLane(hn::SumOfLanes(Doubles(), sum));
}

double Match(const uint32_t* HWY_RESTRICT x_keys, const uint32_t* HWY_RESTRICT y_keys, int64_t padded) {
  const Words words;
  const int64_t lanes = hn::Lanes(words);
  auto sum = hn::Zero(Doubles());
  for (int64_t i = 0; i < padded; i += lanes) {
    sum = AddSquares(hn::Sub(FromKey(hn::Load(words, x_keys + i)), FromKey(hn::Load(words, y_keys + i))), sum);
  }
  return hn::GetLane(hn::SumOfLanes(Doubles(), sum));
}

// `kColumns` coordinates of one vector of points, summed over all rows in registers.
template <int kColumns>
HWY_INLINE void AccumulateColumns(const float* HWY_RESTRICT differences, int64_t stride, const float* HWY_RESTRICT directions,
                                  int64_t count, int64_t dimension, float* HWY_RESTRICT gradient) {
  const Floats floats;
  FloatVec sums[kColumns];
  for (int c = 0; c < kColumns; ++c) sums[c] = hn::Load(floats, gradient + c * kPanel);
  for (int64_t r = 0; r < count; ++r) {
    const FloatVec difference = hn::Load(floats, differences + r * stride);
    for (int c = 0; c < kColumns; ++c) sums[c] = hn::MulAdd(difference, hn::Set(floats, directions[r * dimension + c]), sums[c]);
  }
  for (int c = 0; c < kColumns; ++c) hn::Store(sums[c], floats, gradient + c * kPanel);
}

void AccumulateGradient(const float* differences, int64_t stride, const float* directions, int64_t count, int dimension, int64_t first,
                        int64_t last, float* gradient) {
  const int64_t lanes = hn::Lanes(Floats());
  for (int64_t i = first * kPanel; i < last * kPanel; i += lanes) {
    float* to = gradient + (i / kPanel) * dimension * kPanel + i % kPanel;
    int k = 0;
    for (; k + 8 <= dimension; k += 8) {
      AccumulateColumns<8>(differences + i, stride, directions + k, count, dimension, to + k * kPanel);
    }
    for (; k + 2 <= dimension; k += 2) {
      AccumulateColumns<2>(differences + i, stride, directions + k, count, dimension, to + k * kPanel);
    }
    if (k < dimension) AccumulateColumns<1>(differences + i, stride, directions + k, count, dimension, to + k * kPanel);
  }
}

}  // namespace sliceflow::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace sliceflow::kernels {

HWY_EXPORT(ProjectPackedKeys);
HWY_EXPORT(ProjectKeys);
HWY_EXPORT(MatchPacked);
HWY_EXPORT(Match);
HWY_EXPORT(AccumulateGradient);

void ProjectPackedKeys(const Panels& panels, const float* directions, int64_t count, uint64_t* keys) {
  HWY_DYNAMIC_DISPATCH(ProjectPackedKeys)(panels, directions, count, keys);
}

void ProjectKeys(const Panels& panels, const float* directions, int64_t count, uint32_t* keys) {
  HWY_DYNAMIC_DISPATCH(ProjectKeys)(panels, directions, count, keys);
}

double MatchPacked(const uint64_t* x_keys, const uint32_t* y_keys, int64_t padded, float* differences) {
  return HWY_DYNAMIC_DISPATCH(MatchPacked)(x_keys, y_keys, padded, differences);
}

double Match(const uint32_t* x_keys, const uint32_t* y_keys, int64_t padded) { return HWY_DYNAMIC_DISPATCH(Match)(x_keys, y_keys, padded); }

void AccumulateGradient(const float* differences, int64_t stride, const float* directions, int64_t count, int dimension, int64_t first,
                        int64_t last, float* gradient) {
  HWY_DYNAMIC_DISPATCH(AccumulateGradient)(differences, stride, directions, count, dimension, first, last, gradient);
}

}  // namespace sliceflow::kernels
#endif  // HWY_ONCE
