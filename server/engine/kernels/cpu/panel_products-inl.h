// Products of small matrices with panels of points, and their derivatives, for whatever target the including file is compiled. Included by
// sources that Highway compiles once for each target; never by headers.

#if defined(SLICEFLOW_PANEL_PRODUCTS_INL) == defined(HWY_TARGET_TOGGLE)
#ifdef SLICEFLOW_PANEL_PRODUCTS_INL
#undef SLICEFLOW_PANEL_PRODUCTS_INL
#else
#define SLICEFLOW_PANEL_PRODUCTS_INL
#endif

#include <cstdint>

#include "hwy/highway.h"
#include "server/engine/kernels/cpu/sliced_kernels.h"

HWY_BEFORE_NAMESPACE();
namespace sliceflow::kernels::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using Floats = hn::CappedTag<float, kPanel>;
using Vec = hn::Vec<Floats>;

constexpr int kLanes = hn::MaxLanes(Floats());
constexpr int kVectors = kPanel / kLanes;  // of a panel

// A product keeps a tile in registers, kTileRows rows of the matrix by kAcross vectors of points: 24 of 32 registers, or 12 of 16.
#if (HWY_ARCH_X86 && HWY_TARGET <= HWY_AVX3) || HWY_ARCH_ARM_A64
constexpr int kAcross = 4;
#else
constexpr int kAcross = 2;
#endif
constexpr int kTileRows = 6;

// Rows of values of points: row r of panel p begins at data + p * stride + r * kPanel.
template <class Float>
struct Rows {
  Float* data;
  int64_t stride;

  Float* At(int64_t panel) const { return data + panel * stride; }
  // Those from `row` on.
  Rows Below(int64_t row) const { return {data + row * kPanel, stride}; }
  operator Rows<const Float>() const { return {data, stride}; }  // NOLINT(google-explicit-constructor): as a pointer converts
};
using Values = Rows<const float>;

// Which entries of a square matrix are not zero, diagonal included.
enum class Part { kAll, kUpper, kLower };

// A matrix by its strides, so that one loop serves it and its transpose.
struct Matrix {
  const float* data;
  int64_t rows, columns;
  int64_t row_stride, column_stride;
  Part part;

  // Columns that `count` rows from `row` on have anything in.
  int64_t FirstColumn(int64_t row) const { return part == Part::kUpper ? row : 0; }
  int64_t LastColumn(int64_t row, int64_t count) const { return part == Part::kLower ? row + count : columns; }
};

inline Matrix Plain(const float* data, int64_t rows, int64_t columns, Part part = Part::kAll) {
  return {data, rows, columns, columns, 1, part};
}
inline Matrix Transposed(const float* data, int64_t rows, int64_t columns) { return {data, columns, rows, 1, columns, Part::kAll}; }
// `part`: of the transpose.
inline Matrix Transposed(const float* data, int64_t size, Part part) { return {data, size, size, 1, size, part}; }

// a/b for finite b, to 2e-7 of itself.
HWY_INLINE Vec Quotient(Vec a, Vec b) {
#if HWY_ARCH_X86 && HWY_TARGET <= HWY_AVX3
  // A division takes the place of eight other instructions. The approximation has 14 bits, the same on every processor that has it, which
  // is not so without AVX-512; one step of Newton's doubles them.
  const Vec near = hn::ApproximateReciprocal(b);
  return hn::Mul(a, hn::MulAdd(near, hn::NegMulAdd(b, near, hn::Set(Floats(), 1.0f)), near));
#else
  return hn::Div(a, b);
#endif
}

// tanh to 5e-7 of itself, which may be beyond 1: x P(x²)/Q(x²), fitted to the least largest relative error, 2.1e-8, on [-9.02, 9.02], where
// it has come to 1. Bounds come first in Min and Max so that what is not a number stays one in vectors of several lanes.
HWY_INLINE Vec FastTanh(Vec value) {
  const Floats floats;
  const Vec one = hn::Set(floats, 1.0f), edge = hn::Set(floats, 9.02f);
  const Vec x = hn::Min(edge, hn::Max(hn::Neg(edge), value));
  const Vec t = hn::Mul(x, x);
  Vec p = hn::MulAdd(hn::Set(floats, 1.3319021441304812e-08f), t, hn::Set(floats, 2.058344216493424e-05f));
  p = hn::MulAdd(p, t, hn::Set(floats, 0.0034940321929752827f));
  p = hn::MulAdd(p, t, hn::Set(floats, 0.13379715383052826f));
  p = hn::MulAdd(p, t, one);
  Vec q = hn::MulAdd(hn::Set(floats, 7.761997835586953e-07f), t, hn::Set(floats, 0.0003283088735770434f));
  q = hn::MulAdd(q, t, hn::Set(floats, 0.025871064513921738f));
  q = hn::MulAdd(q, t, hn::Set(floats, 0.46713030338287354f));
  q = hn::MulAdd(q, t, one);
  return Quotient(hn::Mul(x, p), q);
}

// What becomes of a product's entry; `kept` is where another value of the same place lies.
struct Identity {
  static HWY_INLINE Vec Of(Vec x, const float* /*kept*/) { return x; }
};
struct Tanh {
  static HWY_INLINE Vec Of(Vec x, const float* /*kept*/) { return FastTanh(x); }
};
// Through tanh backwards, from its value.
struct TimesTanhSlope {
  static HWY_INLINE Vec Of(Vec x, const float* kept) {
    const Vec value = hn::Load(Floats(), kept);
    return hn::NegMulAdd(hn::Mul(x, value), value, x);
  }
};
struct Added {
  static HWY_INLINE Vec Of(Vec x, const float* kept) { return hn::Add(x, hn::Load(Floats(), kept)); }
};

// Where kCount vectors of points, from vector `first` of all panels on, have their row 0.
template <class Float, int kCount>
struct Places {
  Places(const Rows<Float>& rows, int64_t first) {
    for (int v = 0; v < kCount; ++v) at[v] = rows.At((first + v) / kVectors) + (first + v) % kVectors * kLanes;
  }
  Float* at[kCount];
};

template <class Unit, int kRows, int kCount>
HWY_INLINE void Tile(const Matrix& a, int64_t row, const float* bias, const Places<const float, kCount>& x,
                     const Places<const float, kCount>& kept, const Places<float, kCount>& y) {
  const Floats floats;
  Vec sums[kRows][kCount];
  for (int r = 0; r < kRows; ++r) {
    for (int c = 0; c < kCount; ++c) sums[r][c] = bias != nullptr ? hn::Set(floats, bias[row + r]) : hn::Zero(floats);
  }
  const int64_t first = a.FirstColumn(row), last = a.LastColumn(row, kRows);
  const float* HWY_RESTRICT entry = a.data + row * a.row_stride + first * a.column_stride;
  for (int64_t k = first; k < last; ++k, entry += a.column_stride) {
    Vec points[kCount];
    for (int c = 0; c < kCount; ++c) points[c] = hn::Load(floats, x.at[c] + k * kPanel);
    for (int r = 0; r < kRows; ++r) {
      const Vec factor = hn::Set(floats, entry[r * a.row_stride]);
      for (int c = 0; c < kCount; ++c) sums[r][c] = hn::MulAdd(factor, points[c], sums[r][c]);
    }
  }
  for (int r = 0; r < kRows; ++r) {
    const int64_t at = (row + r) * kPanel;
    for (int c = 0; c < kCount; ++c) hn::Store(Unit::Of(sums[r][c], kept.at[c] + at), floats, y.at[c] + at);
  }
}

template <class Unit, int kCount>
HWY_INLINE void ProductAcross(const Matrix& a, const float* bias, const Values& x, const Values& kept, const Rows<float>& y,
                              int64_t first) {
  const Places<const float, kCount> from(x, first), beside(kept, first);
  const Places<float, kCount> to(y, first);
  int64_t row = 0;
  for (; row + kTileRows <= a.rows; row += kTileRows) Tile<Unit, kTileRows, kCount>(a, row, bias, from, beside, to);
  for (; row + 2 <= a.rows; row += 2) Tile<Unit, 2, kCount>(a, row, bias, from, beside, to);
  if (row < a.rows) Tile<Unit, 1, kCount>(a, row, bias, from, beside, to);
}

// y = unit(a x + bias); `kept` is what the unit reads beside, of y's shape, and may be y. `bias` may be null.
template <class Unit>
HWY_NOINLINE void Product(const Matrix& a, const float* bias, const Values& x, const Values& kept, const Rows<float>& y, int64_t panels) {
  int64_t vector = 0;
  for (; vector + kAcross <= panels * kVectors; vector += kAcross) ProductAcross<Unit, kAcross>(a, bias, x, kept, y, vector);
  for (; vector < panels * kVectors; ++vector) ProductAcross<Unit, 1>(a, bias, x, kept, y, vector);
}

// Where a sum of outer products is added to.
struct Sink {
  float* sum;
  Part part = Part::kAll;         // what of it is taken: the lower part without the diagonal, the upper with
  const float* scales = nullptr;  // for the upper part: entries of the diagonal are multiplied by those of this matrix

  void Add(int64_t row, int64_t column, int64_t columns, float value) const {
    const int64_t at = row * columns + column;
    if (part == Part::kLower && column >= row) return;
    if (part == Part::kUpper && column < row) return;
    sum[at] += part == Part::kUpper && column == row ? value * scales[at] : value;
  }
};

#if HWY_TARGET != HWY_SCALAR
// In each block of four lanes: a₀ + a₂, b₀ + b₂, a₁ + a₃, b₁ + b₃.
HWY_INLINE Vec Fold(Vec a, Vec b) { return hn::Add(hn::InterleaveLower(Floats(), a, b), hn::InterleaveUpper(Floats(), a, b)); }

using Four = hn::CappedTag<float, 4>;

// The sum of a vector's blocks of four lanes.
template <class D>
HWY_INLINE hn::Vec<Four> SumOfBlocks(D floats, hn::Vec<D> blocks) {
  if constexpr (hn::MaxLanes(D()) > 4) {
    const hn::Half<D> half;
    return SumOfBlocks(half, hn::Add(hn::LowerHalf(half, blocks), hn::UpperHalf(half, blocks)));
  } else {
    (void)floats;
    return blocks;
  }
}
#endif

// Adds the sums over lanes of four vectors to four columns.
HWY_INLINE void AddFour(const Vec* sums, const Sink& sink, int64_t row, int64_t column, int64_t columns) {
#if HWY_TARGET == HWY_SCALAR
  for (int c = 0; c < 4; ++c) sink.Add(row, column + c, columns, hn::GetLane(sums[c]));
#else
  const Floats floats;
  const hn::Repartition<uint64_t, Floats> pairs;
  const auto ab = hn::BitCast(pairs, Fold(sums[0], sums[1])), cd = hn::BitCast(pairs, Fold(sums[2], sums[3]));
  const Vec blocks =
      hn::Add(hn::BitCast(floats, hn::InterleaveLower(pairs, ab, cd)), hn::BitCast(floats, hn::InterleaveUpper(pairs, ab, cd)));
  const Four four;
  const hn::Vec<Four> totals = SumOfBlocks(floats, blocks);
  if (sink.part == Part::kAll) {
    float* to = sink.sum + row * columns + column;
    return hn::StoreU(hn::Add(hn::LoadU(four, to), totals), four, to);
  }
  HWY_ALIGN float values[4];
  hn::Store(totals, four, values);
  for (int c = 0; c < 4; ++c) sink.Add(row, column + c, columns, values[c]);
#endif
}

template <int kRows, int kColumns>
HWY_INLINE void OuterTile(const Values& y, const Values& x, int64_t panels, int64_t row, int64_t column, int64_t columns,
                          const Sink& sink) {
  const Floats floats;
  Vec sums[kRows][kColumns];
  for (int r = 0; r < kRows; ++r) {
    for (int c = 0; c < kColumns; ++c) sums[r][c] = hn::Zero(floats);
  }
  for (int64_t panel = 0; panel < panels; ++panel) {
    const float* HWY_RESTRICT y_panel = y.At(panel) + row * kPanel;
    const float* HWY_RESTRICT x_panel = x.At(panel) + column * kPanel;
    for (int64_t i = 0; i < kPanel; i += kLanes) {
      Vec right[kColumns];
      for (int c = 0; c < kColumns; ++c) right[c] = hn::Load(floats, x_panel + c * kPanel + i);
      for (int r = 0; r < kRows; ++r) {
        const Vec left = hn::Load(floats, y_panel + r * kPanel + i);
        for (int c = 0; c < kColumns; ++c) sums[r][c] = hn::MulAdd(left, right[c], sums[r][c]);
      }
    }
  }
  for (int r = 0; r < kRows; ++r) {
    if constexpr (kColumns == 4) {
      AddFour(sums[r], sink, row + r, column, columns);
    } else {
      for (int c = 0; c < kColumns; ++c) sink.Add(row + r, column + c, columns, hn::GetLane(hn::SumOfLanes(floats, sums[r][c])));
    }
  }
}

template <int kRows>
HWY_INLINE void OuterRows(const Values& y, const Values& x, int64_t panels, int64_t row, int64_t columns, const Sink& sink) {
  int64_t column = sink.part == Part::kUpper ? row : 0;
  const int64_t last = sink.part == Part::kLower ? row + kRows - 1 : columns;
  for (; column + 4 <= last; column += 4) OuterTile<kRows, 4>(y, x, panels, row, column, columns, sink);
  for (; column < last; ++column) OuterTile<kRows, 1>(y, x, panels, row, column, columns, sink);
}

// Adds Σ over points of y xᵀ, rows × columns.
HWY_NOINLINE inline void AddOuter(const Values& y, int64_t rows, const Values& x, int64_t columns, int64_t panels, const Sink& sink) {
  int64_t row = 0;
  for (; row + 3 <= rows; row += 3) OuterRows<3>(y, x, panels, row, columns, sink);
  for (; row < rows; ++row) OuterRows<1>(y, x, panels, row, columns, sink);
}

// Adds Σ over points of y to `sum`.
HWY_NOINLINE inline void AddSums(const Values& y, int64_t rows, int64_t panels, float* sum) {
  const Floats floats;
  for (int64_t row = 0; row < rows; ++row) {
    Vec total = hn::Zero(floats);
    for (int64_t panel = 0; panel < panels; ++panel) {
      for (int64_t i = 0; i < kPanel; i += kLanes) total = hn::Add(total, hn::Load(floats, y.At(panel) + row * kPanel + i));
    }
    sum[row] += hn::GetLane(hn::SumOfLanes(floats, total));
  }
}

}  // namespace sliceflow::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // per-target include guard
