#include "server/engine/kernels/cpu/coupling_kernels.h"

#include <algorithm>
#include <cstdint>

// Targets without a fixed vector size cannot hold the register tiles below.
#define HWY_DISABLED_TARGETS (HWY_SVE | HWY_SVE2 | HWY_SVE_256 | HWY_SVE2_128 | HWY_RVV)
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "server/engine/kernels/cpu/coupling_kernels.cpp"
#include "hwy/foreach_target.h"
#include "hwy/highway.h"

// After the two above, which it is compiled by for each target.
#include "hwy/contrib/math/math-inl.h"

HWY_BEFORE_NAMESPACE();
namespace sliceflow::kernels::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using Floats = hn::CappedTag<float, kPanel>;
using Vec = hn::Vec<Floats>;

constexpr int kLanes = hn::MaxLanes(Floats());
// Vectors of points that a tile of a product holds for each of its rows: two fill the registers of AVX2, a panel is one of AVX-512.
constexpr int kAcross = kPanel / kLanes < 2 ? 1 : 2;

// A matrix by its strides, so that one loop serves it and its transpose.
struct Matrix {
  const float* data;
  int64_t rows, columns;
  int64_t row_stride, column_stride;
};

Matrix Plain(const float* data, int64_t rows, int64_t columns) { return {data, rows, columns, columns, 1}; }
Matrix Transposed(const float* data, int64_t rows, int64_t columns) { return {data, columns, rows, 1, columns}; }

struct Identity {
  static HWY_INLINE Vec Of(Vec x, const float* /*kept*/) { return x; }
};
struct Tanh {
  static HWY_INLINE Vec Of(Vec x, const float* /*kept*/) { return hn::Tanh(Floats(), x); }
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

// kRows rows of `a` times kAcross vectors of one panel.
template <class Unit, int kRows>
HWY_INLINE void Tile(const Matrix& a, int64_t row, const float* bias, const float* HWY_RESTRICT x, const float* kept, float* y) {
  const Floats floats;
  Vec sums[kRows][kAcross];
  for (int r = 0; r < kRows; ++r) {
    for (int c = 0; c < kAcross; ++c) sums[r][c] = bias != nullptr ? hn::Set(floats, bias[row + r]) : hn::Zero(floats);
  }
  const float* HWY_RESTRICT entry = a.data + row * a.row_stride;
  for (int64_t k = 0; k < a.columns; ++k, entry += a.column_stride, x += kPanel) {
    Vec points[kAcross];
    for (int c = 0; c < kAcross; ++c) points[c] = hn::Load(floats, x + c * kLanes);
    for (int r = 0; r < kRows; ++r) {
      const Vec factor = hn::Set(floats, entry[r * a.row_stride]);
      for (int c = 0; c < kAcross; ++c) sums[r][c] = hn::MulAdd(factor, points[c], sums[r][c]);
    }
  }
  for (int r = 0; r < kRows; ++r) {
    for (int c = 0; c < kAcross; ++c) {
      const int64_t at = (row + r) * kPanel + c * kLanes;
      hn::Store(Unit::Of(sums[r][c], kept + at), floats, y + at);
    }
  }
}

// y = unit(a x + bias) on one panel; `kept` is what the unit reads beside, of y's shape.
template <class Unit>
HWY_INLINE void Product(const Matrix& a, const float* bias, const float* x, const float* kept, float* y) {
  for (int64_t first = 0; first < kPanel; first += kAcross * kLanes) {
    int64_t row = 0;
    for (; row + 6 <= a.rows; row += 6) Tile<Unit, 6>(a, row, bias, x + first, kept + first, y + first);
    for (; row + 2 <= a.rows; row += 2) Tile<Unit, 2>(a, row, bias, x + first, kept + first, y + first);
    if (row < a.rows) Tile<Unit, 1>(a, row, bias, x + first, kept + first, y + first);
  }
}

// Panels of a record, or of scratch: coordinates `stride` floats apart from panel to panel.
struct Side {
  const float* data;
  int64_t stride;
};

template <int kRows, int kColumns>
HWY_INLINE void OuterTile(const Side& y, const Side& x, int64_t panels, int64_t row, int64_t column, int64_t columns,
                          float* HWY_RESTRICT sum) {
  const Floats floats;
  Vec sums[kRows][kColumns];
  for (int r = 0; r < kRows; ++r) {
    for (int c = 0; c < kColumns; ++c) sums[r][c] = hn::Zero(floats);
  }
  for (int64_t panel = 0; panel < panels; ++panel) {
    const float* HWY_RESTRICT y_panel = y.data + panel * y.stride + row * kPanel;
    const float* HWY_RESTRICT x_panel = x.data + panel * x.stride + column * kPanel;
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
    for (int c = 0; c < kColumns; ++c) {
      sum[(row + r) * columns + column + c] += hn::GetLane(hn::SumOfLanes(floats, sums[r][c]));
    }
  }
}

template <int kRows>
HWY_INLINE void OuterRows(const Side& y, const Side& x, int64_t panels, int64_t row, int64_t columns, float* sum) {
  int64_t column = 0;
  for (; column + 4 <= columns; column += 4) OuterTile<kRows, 4>(y, x, panels, row, column, columns, sum);
  for (; column < columns; ++column) OuterTile<kRows, 1>(y, x, panels, row, column, columns, sum);
}

// Adds Σ over points of y xᵀ to `sum`, rows × columns.
HWY_INLINE void AddOuter(const Side& y, int64_t rows, const Side& x, int64_t columns, int64_t panels, float* sum) {
  int64_t row = 0;
  for (; row + 3 <= rows; row += 3) OuterRows<3>(y, x, panels, row, columns, sum);
  for (; row < rows; ++row) OuterRows<1>(y, x, panels, row, columns, sum);
}

HWY_INLINE void AddSums(const Side& y, int64_t rows, int64_t panels, float* sum) {
  const Floats floats;
  for (int64_t row = 0; row < rows; ++row) {
    Vec total = hn::Zero(floats);
    for (int64_t panel = 0; panel < panels; ++panel) {
      for (int64_t i = 0; i < kPanel; i += kLanes) total = hn::Add(total, hn::Load(floats, y.data + panel * y.stride + row * kPanel + i));
    }
    sum[row] += hn::GetLane(hn::SumOfLanes(floats, total));
  }
}

// Rows of points to a panel, missing ones as zeros, and back. Coordinates that stay come first in panels, whichever half they are.
struct Places {
  explicit Places(const CouplingShape& shape)
      : dimension(shape.dimension()),
        kept(shape.kept),
        kept_at(shape.first_kept ? 0 : shape.moved),
        moved_at(shape.first_kept ? shape.kept : 0) {}
  int64_t Of(int64_t k) const { return k < kept ? kept_at + k : moved_at + k - kept; }
  int64_t dimension, kept, kept_at, moved_at;
};

HWY_INLINE void ToPanel(const Places& places, const float* rows, int64_t count, float* panel) {
  for (int64_t k = 0; k < places.dimension; ++k) {
    const float* HWY_RESTRICT from = rows + places.Of(k);
    float* HWY_RESTRICT to = panel + k * kPanel;
    for (int64_t i = 0; i < count; ++i) to[i] = from[i * places.dimension];
    for (int64_t i = count; i < kPanel; ++i) to[i] = 0;
  }
}

HWY_INLINE void FromPanel(const Places& places, const float* panel, int64_t count, int64_t first, int64_t last, float* rows) {
  for (int64_t k = first; k < last; ++k) {
    const float* HWY_RESTRICT from = panel + (k - first) * kPanel;
    float* HWY_RESTRICT to = rows + places.Of(k);
    for (int64_t i = 0; i < count; ++i) to[i * places.dimension] = from[i];
  }
}

// Where the parts of a panel's record lie.
template <class Float>
struct Record {
  Record(const CouplingShape& shape, Float* data)
      : points(data),
        moved(points + shape.kept * kPanel),
        first(points + shape.dimension() * kPanel),
        second(first + shape.hidden * kPanel),
        s(second + shape.hidden * kPanel) {}
  Float *points, *moved, *first, *second, *s;
};

void ForwardPanel(const CouplingShape& shape, const CouplingNetwork<const float>& network, const float* u, int64_t count, float* v,
                  float* log_determinant, float* record, float* out) {
  const Floats floats;
  const Places places(shape);
  const Record<float> kept(shape, record);
  ToPanel(places, u, count, kept.points);
  Product<Tanh>(Plain(network.w1, shape.hidden, shape.kept), network.b1, kept.points, kept.first, kept.first);
  Product<Tanh>(Plain(network.w2, shape.hidden, shape.hidden), network.b2, kept.first, kept.second, kept.second);
  Product<Identity>(Plain(network.w3, 2 * shape.moved, shape.hidden), network.b3, kept.second, out, out);
  const Vec bound = hn::Set(floats, shape.scale_bound);
  const Vec inverse = hn::Set(floats, 1 / shape.scale_bound);
  HWY_ALIGN float sums[kPanel];
  for (int64_t i = 0; i < kPanel; i += kLanes) {
    Vec sum = hn::Zero(floats);
    for (int64_t k = 0; k < shape.moved; ++k) {
      const int64_t at = k * kPanel + i;
      const Vec s = hn::Mul(bound, hn::Tanh(floats, hn::Mul(hn::Load(floats, out + at), inverse)));
      const Vec t = hn::Load(floats, out + shape.moved * kPanel + at);
      hn::Store(s, floats, kept.s + at);
      hn::Store(hn::MulAdd(hn::Load(floats, kept.moved + at), hn::Exp(floats, s), t), floats, out + at);
      sum = hn::Add(sum, s);
    }
    hn::Store(sum, floats, sums + i);
  }
  FromPanel(places, kept.points, count, 0, shape.kept, v);
  FromPanel(places, out, count, shape.kept, shape.dimension(), v);
  std::copy_n(sums, count, log_determinant);
}

// Through the affine map: what is left of the derivative by v is that by u, but for the network's part; by_out takes that by its output.
HWY_INLINE void BackThroughMap(const CouplingShape& shape, const Record<const float>& kept, const float* by_log_determinant, float* by_v,
                               float* by_out) {
  const Floats floats;
  const Vec inverse = hn::Set(floats, 1 / shape.scale_bound);
  float* HWY_RESTRICT by_moved = by_v + shape.kept * kPanel;
  for (int64_t k = 0; k < shape.moved; ++k) {
    for (int64_t i = 0; i < kPanel; i += kLanes) {
      const int64_t at = k * kPanel + i;
      const Vec s = hn::Load(floats, kept.s + at);
      const Vec given = hn::Load(floats, by_moved + at);
      const Vec scaled = hn::Mul(given, hn::Exp(floats, s));
      const Vec by_s = hn::MulAdd(scaled, hn::Load(floats, kept.moved + at), hn::Load(floats, by_log_determinant + i));
      const Vec tanh = hn::Mul(s, inverse);
      hn::Store(hn::NegMulAdd(hn::Mul(by_s, tanh), tanh, by_s), floats, by_out + at);
      hn::Store(given, floats, by_out + shape.moved * kPanel + at);
      hn::Store(scaled, floats, by_moved + at);
    }
  }
}

void Forward(const CouplingShape& shape, const CouplingNetwork<const float>& network, const float* u, int64_t count, float* v,
             float* log_determinant, float* record, float* out) {
  for (int64_t first = 0; first < count; first += kPanel) {
    ForwardPanel(shape, network, u + first * shape.dimension(), std::min(kPanel, count - first), v + first * shape.dimension(),
                 log_determinant + first, record + first / kPanel * shape.record_size(), out);
  }
}

void Backward(const CouplingShape& shape, const CouplingNetwork<const float>& network, const float* record, const float* by_v,
              const float* by_log_determinant, int64_t count, float* by_u, const CouplingNetwork<float>& by_network, float* scratch) {
  const Places places(shape);
  const int64_t panels = (count + kPanel - 1) / kPanel;
  // A panel's derivatives: by the points, by the network's output, by its second and first layer before tanh.
  const int64_t stride = shape.backward_scratch_size() / kCouplingPoints * kPanel;
  const int64_t out_at = shape.dimension() * kPanel, second_at = out_at + 2 * shape.moved * kPanel,
                first_at = second_at + shape.hidden * kPanel;
  for (int64_t panel = 0; panel < panels; ++panel) {
    const Record<const float> kept(shape, record + panel * shape.record_size());
    const int64_t first = panel * kPanel, points = std::min(kPanel, count - first);
    float* by = scratch + panel * stride;
    HWY_ALIGN float by_logs[kPanel] = {};
    std::copy_n(by_log_determinant + first, points, by_logs);
    ToPanel(places, by_v + first * shape.dimension(), points, by);
    BackThroughMap(shape, kept, by_logs, by, by + out_at);
    Product<TimesTanhSlope>(Transposed(network.w3, 2 * shape.moved, shape.hidden), nullptr, by + out_at, kept.second, by + second_at);
    Product<TimesTanhSlope>(Transposed(network.w2, shape.hidden, shape.hidden), nullptr, by + second_at, kept.first, by + first_at);
    Product<Added>(Transposed(network.w1, shape.hidden, shape.kept), nullptr, by + first_at, by, by);
    FromPanel(places, by, points, 0, shape.dimension(), by_u + first * shape.dimension());
  }
  const Side out{scratch + out_at, stride}, second{scratch + second_at, stride}, first{scratch + first_at, stride};
  const Record<const float> kept(shape, record);
  const int64_t size = shape.record_size();
  AddOuter(out, 2 * shape.moved, {kept.second, size}, shape.hidden, panels, by_network.w3);
  AddOuter(second, shape.hidden, {kept.first, size}, shape.hidden, panels, by_network.w2);
  AddOuter(first, shape.hidden, {kept.points, size}, shape.kept, panels, by_network.w1);
  AddSums(out, 2 * shape.moved, panels, by_network.b3);
  AddSums(second, shape.hidden, panels, by_network.b2);
  AddSums(first, shape.hidden, panels, by_network.b1);
}

}  // namespace sliceflow::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace sliceflow::kernels {

HWY_EXPORT(Forward);
HWY_EXPORT(Backward);

void CouplingForward(const CouplingShape& shape, const CouplingNetwork<const float>& network, const float* u, int64_t count, float* v,
                     float* log_determinant, float* record, float* scratch) {
  HWY_DYNAMIC_DISPATCH(Forward)(shape, network, u, count, v, log_determinant, record, scratch);
}

void CouplingBackward(const CouplingShape& shape, const CouplingNetwork<const float>& network, const float* record, const float* by_v,
                      const float* by_log_determinant, int64_t count, float* by_u, const CouplingNetwork<float>& by_network,
                      float* scratch) {
  HWY_DYNAMIC_DISPATCH(Backward)(shape, network, record, by_v, by_log_determinant, count, by_u, by_network, scratch);
}

}  // namespace sliceflow::kernels
#endif  // HWY_ONCE
