#include "server/engine/kernels/cpu/coupling_flow.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <utility>

// Targets without a fixed vector size cannot hold the register tiles below.
#define HWY_DISABLED_TARGETS (HWY_SVE | HWY_SVE2 | HWY_SVE_256 | HWY_SVE2_128 | HWY_RVV)
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "server/engine/kernels/cpu/coupling_flow.cpp"
#include "hwy/foreach_target.h"
#include "hwy/highway.h"

// After the two above, which it is compiled by for each target.
#include "hwy/contrib/math/math-inl.h"
#include "server/engine/kernels/cpu/panel_products-inl.h"

HWY_BEFORE_NAMESPACE();
namespace sliceflow::kernels::HWY_NAMESPACE {

// Where the values of one coupling and its linear layer lie in a panel's record: what came in, the hidden layers, s; then what came to the
// linear layer, and U times that. Without a record each coupling writes over the one before.
template <class Float>
struct Slot {
  Slot(const CouplingFlowShape& shape, Float* data, int64_t stride)
      : points{data, stride},
        first(points.Below(shape.dimension)),
        second(first.Below(shape.hidden)),
        s(second.Below(shape.hidden)),
        mixed(s.Below(shape.dimension - shape.dimension / 2)),
        half(mixed.Below(shape.dimension)) {}
  Rows<Float> points, first, second, s, mixed, half;
};

// The coordinates that stay and those that move lie one behind the other.
struct Halves {
  Halves(const CouplingFlowShape& shape, int64_t coupling)
      : kept(shape.Kept(coupling)),
        moved(shape.Moved(coupling)),
        kept_at(CouplingFlowShape::KeepsFirstHalf(coupling) ? 0 : moved),
        moved_at(CouplingFlowShape::KeepsFirstHalf(coupling) ? kept : 0) {}
  int64_t kept, moved, kept_at, moved_at;
};

template <class Float>
struct LayerParameters {
  LayerParameters(const CouplingFlowShape& shape, int64_t coupling, Float* at) {
    const Halves halves(shape, coupling);
    const auto take = [&at](int64_t size) { return std::exchange(at, at + size); };
    w1 = take(shape.hidden * halves.kept);
    b1 = take(shape.hidden);
    w2 = take(shape.hidden * shape.hidden);
    b2 = take(shape.hidden);
    w3 = take(2 * halves.moved * shape.hidden);
    b3 = take(2 * halves.moved);
    packed = at;
    shift = at + shape.dimension * shape.dimension;
  }
  Float *w1, *b1, *w2, *b2, *w3, *b3, *packed, *shift;
};

// L and U of one linear layer.
struct Factors {
  Factors(const CouplingFlowShape& shape, const CouplingFlowWeights& weights, int64_t coupling)
      : lower(weights.matrices + 2 * coupling * shape.dimension * shape.dimension), upper(lower + shape.dimension * shape.dimension) {}
  const float *lower, *upper;
};

// Points to panels in the base's units, missing ones as zeros.
void ToPanels(const CouplingFlowShape& shape, const CouplingFlowWeights& weights, const float* z, int64_t count,
              const Rows<float>& panels) {
  const int64_t dimension = shape.dimension;
  for (int64_t first = 0; first < count; first += kPanel) {
    const int64_t points = std::min(kPanel, count - first);
    for (int64_t k = 0; k < dimension; ++k) {
      const float* HWY_RESTRICT from = z + first * dimension + k;
      float* HWY_RESTRICT to = panels.At(first / kPanel) + k * kPanel;
      const float mean = weights.mean[k], scale = 1 / weights.deviation[k];
      for (int64_t i = 0; i < points; ++i) to[i] = (from[i * dimension] - mean) * scale;
      for (int64_t i = points; i < kPanel; ++i) to[i] = 0;
    }
  }
}

// Coordinates are rolled back by `roll`.
void FromPanels(const CouplingFlowShape& shape, const CouplingFlowWeights& weights, const Values& panels, int64_t count, float* x) {
  const int64_t dimension = shape.dimension, roll = shape.total_roll() % dimension;
  for (int64_t first = 0; first < count; first += kPanel) {
    const int64_t points = std::min(kPanel, count - first);
    for (int64_t k = 0; k < dimension; ++k) {
      const float* HWY_RESTRICT from = panels.At(first / kPanel) + (k + roll) % dimension * kPanel;
      float* HWY_RESTRICT to = x + first * dimension + k;
      const float mean = weights.mean[k], scale = weights.deviation[k];
      for (int64_t i = 0; i < points; ++i) to[i * dimension] = from[i] * scale + mean;
    }
  }
}

// FromPanels's derivative: by_x to by the last layer's values.
void DerivativeToPanels(const CouplingFlowShape& shape, const CouplingFlowWeights& weights, const float* by_x, int64_t count,
                        const Rows<float>& panels) {
  const int64_t dimension = shape.dimension, roll = shape.total_roll() % dimension;
  for (int64_t first = 0; first < count; first += kPanel) {
    const int64_t points = std::min(kPanel, count - first);
    for (int64_t k = 0; k < dimension; ++k) {
      const float* HWY_RESTRICT from = by_x + first * dimension + k;
      float* HWY_RESTRICT to = panels.At(first / kPanel) + (k + roll) % dimension * kPanel;
      for (int64_t i = 0; i < points; ++i) to[i] = from[i * dimension] * weights.deviation[k];
      for (int64_t i = points; i < kPanel; ++i) to[i] = 0;
    }
  }
}

void Roll(const Rows<float>& points, int64_t panels, int64_t dimension, bool back) {
  for (int64_t panel = 0; panel < panels; ++panel) {
    float* begin = points.At(panel);
    std::rotate(begin, begin + (back ? 1 : dimension - 1) * kPanel, begin + dimension * kPanel);
  }
}

// Highway's Exp makes 0 of what is not a number; here it stays one.
HWY_INLINE Vec Exp(Vec x) { return hn::Add(hn::Exp(Floats(), x), hn::Sub(x, x)); }

// v of a coupling into `next`, its log-determinants added to `logs`.
void AffineMap(const CouplingFlowShape& shape, const Halves& halves, const Slot<float>& slot, const Values& out, int64_t panels,
               const Rows<float>& next, float* HWY_RESTRICT logs) {
  const Floats floats;
  const Vec bound = hn::Set(floats, shape.scale_bound), inverse = hn::Set(floats, 1 / shape.scale_bound);
  for (int64_t panel = 0; panel < panels; ++panel) {
    const float* points = slot.points.At(panel);
    const float* raw = out.At(panel);
    float* s_to = slot.s.At(panel);
    float* to = next.At(panel);
    if (to != points) std::copy_n(points + halves.kept_at * kPanel, halves.kept * kPanel, to + halves.kept_at * kPanel);
    for (int64_t i = 0; i < kPanel; i += kLanes) {
      Vec sum = hn::Load(floats, logs + panel * kPanel + i);
      for (int64_t k = 0; k < halves.moved; ++k) {
        const int64_t at = k * kPanel + i, moved = (halves.moved_at + k) * kPanel + i;
        const Vec s = hn::Mul(bound, FastTanh(hn::Mul(hn::Load(floats, raw + at), inverse)));
        const Vec t = hn::Load(floats, raw + halves.moved * kPanel + at);
        hn::Store(s, floats, s_to + at);
        hn::Store(hn::MulAdd(hn::Load(floats, points + moved), Exp(s), t), floats, to + moved);
        sum = hn::Add(sum, s);
      }
      hn::Store(sum, floats, logs + panel * kPanel + i);
    }
  }
}

// Through the affine map: what is left in `by` is the derivative by u, but for the network's part; by_out takes that by its output.
void BackThroughMap(const CouplingFlowShape& shape, const Halves& halves, const Slot<const float>& slot, const float* HWY_RESTRICT by_logs,
                    int64_t panels, const Rows<float>& by, const Rows<float>& by_out) {
  const Floats floats;
  const Vec inverse = hn::Set(floats, 1 / shape.scale_bound);
  for (int64_t panel = 0; panel < panels; ++panel) {
    const float* moved = slot.points.At(panel) + halves.moved_at * kPanel;
    const float* s_from = slot.s.At(panel);
    float* by_moved = by.At(panel) + halves.moved_at * kPanel;
    float* by_raw = by_out.At(panel);
    for (int64_t k = 0; k < halves.moved; ++k) {
      for (int64_t i = 0; i < kPanel; i += kLanes) {
        const int64_t at = k * kPanel + i;
        const Vec s = hn::Load(floats, s_from + at);
        const Vec given = hn::Load(floats, by_moved + at);
        const Vec scaled = hn::Mul(given, Exp(s));
        const Vec by_s = hn::MulAdd(scaled, hn::Load(floats, moved + at), hn::Load(floats, by_logs + panel * kPanel + i));
        const Vec tanh = hn::Mul(s, inverse);
        hn::Store(hn::NegMulAdd(hn::Mul(by_s, tanh), tanh, by_s), floats, by_raw + at);
        hn::Store(given, floats, by_raw + halves.moved * kPanel + at);
        hn::Store(scaled, floats, by_moved + at);
      }
    }
  }
}

void Forward(const CouplingFlowShape& shape, const CouplingFlowWeights& weights, const float* z, const float* base, int64_t count, float* x,
             float* log_density, float* record, float* scratch) {
  const int64_t panels = (count + kPanel - 1) / kPanel, dimension = shape.dimension, hidden = shape.hidden;
  const auto take = [&scratch](int64_t size) { return std::exchange(scratch, scratch + size); };
  float* logs = take(kFlowPoints);
  const Rows<float> end{take(dimension * kFlowPoints), dimension * kPanel};
  const int64_t most = 2 * (dimension - dimension / 2);
  const Rows<float> out{take(most * kFlowPoints), most * kPanel};
  const int64_t stride = record == nullptr ? shape.coupling_record_size() : shape.record_size();
  const auto slot_of = [&](int64_t i) {
    return record == nullptr ? Slot(shape, scratch, stride) : Slot(shape, record + i * shape.coupling_record_size(), stride);
  };
  std::fill_n(logs, panels * kPanel, 0.0f);
  float constant = 0;
  ToPanels(shape, weights, z, count, slot_of(0).points);
  const float* parameters = weights.parameters;
  for (int64_t i = 0; i < shape.couplings; ++i) {
    const Slot slot = slot_of(i);
    const Halves halves(shape, i);
    const LayerParameters p(shape, i, parameters);
    const Rows<float> next = i + 1 < shape.couplings ? slot_of(i + 1).points : end;
    if (shape.Rolls(i)) Roll(slot.points, panels, dimension, /*back=*/false);
    Product<Tanh>(Plain(p.w1, hidden, halves.kept), p.b1, slot.points.Below(halves.kept_at), slot.first, slot.first, panels);
    Product<Tanh>(Plain(p.w2, hidden, hidden), p.b2, slot.first, slot.second, slot.second, panels);
    Product<Identity>(Plain(p.w3, 2 * halves.moved, hidden), p.b3, slot.second, out, out, panels);
    AffineMap(shape, halves, slot, out, panels, shape.linear ? slot.mixed : next, logs);
    parameters += shape.NumParameters(i);
    if (!shape.linear) continue;
    const Factors factors(shape, weights, i);
    Product<Identity>(Plain(factors.upper, dimension, dimension, Part::kUpper), nullptr, slot.mixed, slot.half, slot.half, panels);
    Product<Identity>(Plain(factors.lower, dimension, dimension, Part::kLower), p.shift, slot.half, next, next, panels);
    for (int64_t k = 0; k < dimension; ++k) constant += p.packed[k * (dimension + 1)];
  }
  FromPanels(shape, weights, end, count, x);
  for (int64_t i = 0; i < count; ++i) log_density[i] = base[i] - logs[i] - constant;
}

void Backward(const CouplingFlowShape& shape, const CouplingFlowWeights& weights, const float* record, const float* by_x,
              const float* by_log_density, int64_t count, float* by_parameters, float* scratch) {
  const int64_t panels = (count + kPanel - 1) / kPanel, dimension = shape.dimension, hidden = shape.hidden;
  const auto take = [&scratch](int64_t rows) { return Rows<float>{std::exchange(scratch, scratch + rows * kFlowPoints), rows * kPanel}; };
  float* by_logs = take(1).data;
  const Rows<float> by = take(dimension), by_half = take(dimension);
  const Rows<float> by_out = take(2 * (dimension - dimension / 2)), by_second = take(hidden), by_first = take(hidden);
  // Log-determinants are subtracted.
  std::fill_n(by_logs, panels * kPanel, 0.0f);
  float by_constant = 0;
  for (int64_t i = 0; by_log_density != nullptr && i < count; ++i) by_constant += by_logs[i] = -by_log_density[i];
  DerivativeToPanels(shape, weights, by_x, count, by);
  int64_t offset = shape.num_parameters();
  for (int64_t i = shape.couplings - 1; i >= 0; --i) {
    offset -= shape.NumParameters(i);
    const Slot slot(shape, record + i * shape.coupling_record_size(), shape.record_size());
    const Halves halves(shape, i);
    const LayerParameters p(shape, i, weights.parameters + offset);
    const LayerParameters to(shape, i, by_parameters + offset);
    if (shape.linear) {
      const Factors factors(shape, weights, i);
      Product<Identity>(Transposed(factors.lower, dimension, Part::kUpper), nullptr, by, by_half, by_half, panels);
      AddOuter(by, dimension, slot.half, dimension, panels, {to.packed, Part::kLower});
      AddSums(by, dimension, panels, to.shift);
      AddOuter(by_half, dimension, slot.mixed, dimension, panels, {to.packed, Part::kUpper, factors.upper});
      Product<Identity>(Transposed(factors.upper, dimension, Part::kLower), nullptr, by_half, by, by, panels);
      for (int64_t k = 0; k < dimension; ++k) to.packed[k * (dimension + 1)] += by_constant;
    }
    BackThroughMap(shape, halves, slot, by_logs, panels, by, by_out);
    Product<TimesTanhSlope>(Transposed(p.w3, 2 * halves.moved, hidden), nullptr, by_out, slot.second, by_second, panels);
    Product<TimesTanhSlope>(Transposed(p.w2, hidden, hidden), nullptr, by_second, slot.first, by_first, panels);
    AddOuter(by_out, 2 * halves.moved, slot.second, hidden, panels, {to.w3});
    AddOuter(by_second, hidden, slot.first, hidden, panels, {to.w2});
    AddOuter(by_first, hidden, slot.points.Below(halves.kept_at), halves.kept, panels, {to.w1});
    AddSums(by_out, 2 * halves.moved, panels, to.b3);
    AddSums(by_second, hidden, panels, to.b2);
    AddSums(by_first, hidden, panels, to.b1);
    if (i == 0) break;  // nobody asks for the derivative by z
    const Rows<float> by_kept = by.Below(halves.kept_at);
    Product<Added>(Transposed(p.w1, hidden, halves.kept), nullptr, by_first, by_kept, by_kept, panels);
    if (shape.Rolls(i)) Roll(by, panels, dimension, /*back=*/true);
  }
}

}  // namespace sliceflow::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace sliceflow::kernels {

HWY_EXPORT(Forward);
HWY_EXPORT(Backward);

int64_t CouplingFlowShape::num_parameters() const {
  int64_t sum = 0;
  for (int64_t i = 0; i < couplings; ++i) sum += NumParameters(i);
  return sum;
}

void PrepareCouplingFlow(const CouplingFlowShape& shape, const float* parameters, float* matrices) {
  if (!shape.linear) return;
  const int64_t dimension = shape.dimension;
  for (int64_t i = 0; i < shape.couplings; ++i) {
    parameters += shape.NumParameters(i);
    const float* packed = parameters - dimension * (dimension + 1);
    float* lower = matrices + 2 * i * dimension * dimension;
    float* upper = lower + dimension * dimension;
    for (int64_t row = 0; row < dimension; ++row) {
      for (int64_t column = 0; column < dimension; ++column) {
        const int64_t at = row * dimension + column;
        lower[at] = column < row ? packed[at] : column == row ? 1.0f : 0.0f;
        upper[at] = column > row ? packed[at] : column == row ? std::exp(packed[at]) : 0.0f;
      }
    }
  }
}

void CouplingFlowForward(const CouplingFlowShape& shape, const CouplingFlowWeights& weights, const float* z, const float* base,
                         int64_t count, float* x, float* log_density, float* record, float* scratch) {
  HWY_DYNAMIC_DISPATCH(Forward)(shape, weights, z, base, count, x, log_density, record, scratch);
}

void CouplingFlowBackward(const CouplingFlowShape& shape, const CouplingFlowWeights& weights, const float* record, const float* by_x,
                          const float* by_log_density, int64_t count, float* by_parameters, float* scratch) {
  HWY_DYNAMIC_DISPATCH(Backward)(shape, weights, record, by_x, by_log_density, count, by_parameters, scratch);
}

}  // namespace sliceflow::kernels
#endif  // HWY_ONCE
