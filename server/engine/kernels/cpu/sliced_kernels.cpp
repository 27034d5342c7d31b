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

// A product keeps a tile in registers, kTileRows factors by kTileVectors vectors of points: 24 of 32 registers, or 12 of 16, beside what is
// loaded. Each load then serves several multiplications, which would else wait for it.
#if (HWY_ARCH_X86 && HWY_TARGET <= HWY_AVX3) || HWY_ARCH_ARM_A64
constexpr int kTileRows = 8;
#else
constexpr int kTileRows = 4;
#endif
constexpr int kTileVectors = 3;

// Where coordinate 0 of point `i`, the first of a vector, lies in panels.
HWY_INLINE int64_t PlaceOf(int64_t i, int64_t dimension) { return (i / kPanel) * dimension * kPanel + i % kPanel; }

// `kVectors` vectors of points, from point `i` on, projected on `kRows` directions; `row` keys a direction.
template <class KeyStore, int kRows, int kVectors>
HWY_INLINE void ProjectTile(const Panels& panels, int64_t i, const float* HWY_RESTRICT directions,
                            typename KeyStore::Key* HWY_RESTRICT keys) {
  const Floats floats;
  const int64_t lanes = hn::Lanes(floats);
  const int64_t dimension = panels.dimension, row = panels.count * kPanel;
  const float* HWY_RESTRICT from[kVectors];
  for (int v = 0; v < kVectors; ++v) from[v] = panels.data + PlaceOf(i + v * lanes, dimension);
  FloatVec sums[kRows][kVectors];
  for (int r = 0; r < kRows; ++r) {
    for (int v = 0; v < kVectors; ++v) sums[r][v] = hn::Zero(floats);
  }
  for (int64_t k = 0; k < dimension; ++k) {
    FloatVec coordinate[kVectors];
    for (int v = 0; v < kVectors; ++v) coordinate[v] = hn::Load(floats, from[v] + k * kPanel);
    for (int r = 0; r < kRows; ++r) {
      const FloatVec factor = hn::Set(floats, directions[r * dimension + k]);
      for (int v = 0; v < kVectors; ++v) sums[r][v] = hn::MulAdd(coordinate[v], factor, sums[r][v]);
    }
  }
  for (int r = 0; r < kRows; ++r) {
    for (int v = 0; v < kVectors; ++v) KeyStore::Store(ToKey(sums[r][v]), i + v * lanes, keys + r * row);
  }
}

// Vectors of points on all directions, so that points that many dimensions keep out of the nearest cache come from it but once.
template <class KeyStore, int kVectors>
HWY_INLINE void ProjectVectors(const Panels& panels, int64_t i, const float* directions, int64_t count, typename KeyStore::Key* keys) {
  const int64_t row = panels.count * kPanel;
  int64_t r = 0;
  for (; r + kTileRows <= count; r += kTileRows) {
    ProjectTile<KeyStore, kTileRows, kVectors>(panels, i, directions + r * panels.dimension, keys + r * row);
  }
  for (; r < count; ++r) ProjectTile<KeyStore, 1, kVectors>(panels, i, directions + r * panels.dimension, keys + r * row);
}

template <class KeyStore>
HWY_INLINE void ProjectAll(const Panels& panels, const float* directions, int64_t count, typename KeyStore::Key* keys) {
  const int64_t lanes = hn::Lanes(Floats());
  const int64_t points = panels.count * kPanel;
  int64_t i = 0;
  for (; i + kTileVectors * lanes <= points; i += kTileVectors * lanes) {
    ProjectVectors<KeyStore, kTileVectors>(panels, i, directions, count, keys);
  }
  for (; i < points; i += lanes) ProjectVectors<KeyStore, 1>(panels, i, directions, count, keys);
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

template <int kTargets>
HWY_INLINE void MatchTargets(const uint64_t* HWY_RESTRICT x_keys, const SortedTargets& targets, int64_t padded,
                             float* HWY_RESTRICT differences, double* HWY_RESTRICT sums) {
  const Floats floats;
  const Words words;
  const int64_t lanes = hn::Lanes(floats);
  const uint32_t* y_keys[kTargets];
  FloatVec weights[kTargets];
  hn::Vec<Doubles> squares[kTargets];
  for (int t = 0; t < kTargets; ++t) {
    y_keys[t] = targets.keys[t];
    weights[t] = hn::Set(floats, targets.weights[t]);
    squares[t] = hn::Zero(Doubles());
  }
  for (int64_t i = 0; i < padded; i += lanes) {
    const Unpacked x = Unpack(x_keys, i);
    FloatVec weighted = hn::Zero(floats);
    for (int t = 0; t < kTargets; ++t) {
      const FloatVec difference = hn::Sub(x.projection, FromKey(hn::Load(words, y_keys[t] + i)));
      weighted = t == 0 ? hn::Mul(weights[t], difference) : hn::MulAdd(weights[t], difference, weighted);
      squares[t] = AddSquares(difference, squares[t]);
    }
    hn::ScatterIndex(weighted, floats, differences, x.index);
  }
  for (int t = 0; t < kTargets; ++t) sums[t] = hn::GetLane(hn::SumOfLanes(Doubles(), squares[t]));
}

void MatchPacked(const uint64_t* x_keys, const SortedTargets& targets, int64_t padded, float* differences, double* sums) {
  static_assert(kMostTargets == 2);
  if (targets.count == 1) return MatchTargets<1>(x_keys, targets, padded, differences, sums);
  MatchTargets<2>(x_keys, targets, padded, differences, sums);
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

// `kColumns` coordinates, from `k` on, of `kVectors` vectors of points, from point `i` on, summed over all rows in registers.
template <int kColumns, int kVectors>
HWY_INLINE void AccumulateTile(const GradientTerms& terms, int64_t i, int64_t k, bool fresh, float* HWY_RESTRICT gradient) {
  const Floats floats;
  const int64_t lanes = hn::Lanes(floats);
  float* to[kVectors];
  FloatVec sums[kColumns][kVectors];
  for (int v = 0; v < kVectors; ++v) to[v] = gradient + PlaceOf(i + v * lanes, terms.dimension) + k * kPanel;
  for (int c = 0; c < kColumns; ++c) {
    for (int v = 0; v < kVectors; ++v) sums[c][v] = fresh ? hn::Zero(floats) : hn::Load(floats, to[v] + c * kPanel);
  }
  const float* HWY_RESTRICT row = terms.differences + i;
  const float* HWY_RESTRICT direction = terms.directions + k;
  for (int64_t r = 0; r < terms.count; ++r, row += terms.stride, direction += terms.dimension) {
    FloatVec difference[kVectors];
    for (int v = 0; v < kVectors; ++v) difference[v] = hn::Load(floats, row + v * lanes);
    for (int c = 0; c < kColumns; ++c) {
      const FloatVec factor = hn::Set(floats, direction[c]);
      for (int v = 0; v < kVectors; ++v) sums[c][v] = hn::MulAdd(difference[v], factor, sums[c][v]);
    }
  }
  for (int c = 0; c < kColumns; ++c) {
    for (int v = 0; v < kVectors; ++v) hn::Store(sums[c][v], floats, to[v] + c * kPanel);
  }
}

template <int kVectors>
HWY_INLINE void AccumulateVectors(const GradientTerms& terms, int64_t i, bool fresh, float* gradient) {
  int64_t k = 0;
  for (; k + kTileRows <= terms.dimension; k += kTileRows) AccumulateTile<kTileRows, kVectors>(terms, i, k, fresh, gradient);
  for (; k + 2 <= terms.dimension; k += 2) AccumulateTile<2, kVectors>(terms, i, k, fresh, gradient);
  if (k < terms.dimension) AccumulateTile<1, kVectors>(terms, i, k, fresh, gradient);
}

void AccumulateGradient(const GradientTerms& terms, int64_t first, int64_t last, bool fresh, float* gradient) {
  const int64_t lanes = hn::Lanes(Floats());
  int64_t i = first * kPanel;
  for (; i + kTileVectors * lanes <= last * kPanel; i += kTileVectors * lanes) AccumulateVectors<kTileVectors>(terms, i, fresh, gradient);
  for (; i < last * kPanel; i += lanes) AccumulateVectors<1>(terms, i, fresh, gradient);
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

void MatchPacked(const uint64_t* x_keys, const SortedTargets& targets, int64_t padded, float* differences, double* sums) {
  HWY_DYNAMIC_DISPATCH(MatchPacked)(x_keys, targets, padded, differences, sums);
}

double Match(const uint32_t* x_keys, const uint32_t* y_keys, int64_t padded) { return HWY_DYNAMIC_DISPATCH(Match)(x_keys, y_keys, padded); }

void AccumulateGradient(const GradientTerms& terms, int64_t first, int64_t last, bool fresh, float* gradient) {
  HWY_DYNAMIC_DISPATCH(AccumulateGradient)(terms, first, last, fresh, gradient);
}

}  // namespace sliceflow::kernels
#endif  // HWY_ONCE
