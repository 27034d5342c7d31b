#include "client/cli/braille.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

#include "absl/strings/str_cat.h"

namespace sliceflow::cli {
namespace {

constexpr int kDotsAcross = 2;
constexpr int kDotsDown = 4;
// Bits of U+2800 by row and column of its dots (Unicode, Braille Patterns).
constexpr uint8_t kBits[kDotsDown][kDotsAcross] = {{0x01, 0x08}, {0x02, 0x10}, {0x04, 0x20}, {0x40, 0x80}};
// Of the 256 colours of terminals, from few points to many.
constexpr std::array<int, 5> kColors = {24, 31, 38, 80, 229};

std::pair<double, double> Middle(const Tensor& points, int64_t axis) {
  std::vector<float> values;
  for (size_t i = axis; i < points.values.size(); i += points.shape[1]) {
    if (std::isfinite(points.values[i])) values.push_back(points.values[i]);
  }
  if (values.empty()) return {-1, 1};
  std::sort(values.begin(), values.end());
  const size_t cut = values.size() / 100;
  return {values[cut], values[values.size() - 1 - cut]};
}

std::string Character(uint8_t bits) {
  if (bits == 0) return " ";
  const int code = 0x2800 + bits;
  return {static_cast<char>(0xE0 | code >> 12), static_cast<char>(0x80 | (code >> 6 & 0x3F)), static_cast<char>(0x80 | (code & 0x3F))};
}

class Canvas {
 public:
  Canvas(int columns, int rows) : columns_(columns), rows_(rows), bits_(columns * rows), counts_(columns * rows) {}
  int dots_across() const { return columns_ * kDotsAcross; }
  int dots_down() const { return rows_ * kDotsDown; }

  // `x` from the left, `y` from the bottom.
  void Dot(int x, int y) {
    const int from_top = dots_down() - 1 - y;
    const int cell = from_top / kDotsDown * columns_ + x / kDotsAcross;
    bits_[cell] |= kBits[from_top % kDotsDown][x % kDotsAcross];
    ++counts_[cell];
  }

  std::vector<std::string> Rows(bool color) const {
    const int most = std::max(1, *std::max_element(counts_.begin(), counts_.end()));
    std::vector<std::string> rows;
    for (int row = 0; row < rows_; ++row) rows.push_back(Row(row, most, color));
    return rows;
  }

 private:
  std::string Row(int row, int most, bool color) const {
    std::string text;
    int shade = -1;
    for (int cell = row * columns_; cell < (row + 1) * columns_; ++cell) {
      const int wanted = counts_[cell] * static_cast<int>(kColors.size() - 1) / most;
      if (color && bits_[cell] != 0 && wanted != shade) {
        shade = wanted;
        absl::StrAppend(&text, "\x1b[38;5;", kColors[shade], "m");
      }
      text += Character(bits_[cell]);
    }
    return shade >= 0 ? text + "\x1b[0m" : text;
  }

  int columns_, rows_;
  std::vector<uint8_t> bits_;
  std::vector<int> counts_;
};

void DrawHistogram(const Tensor& points, const PlotBox& box, Canvas* canvas) {
  std::vector<int> counts(canvas->dots_across());
  for (float value : points.values) {
    const double at = (value - box.left) / (box.right - box.left) * canvas->dots_across();
    if (at >= 0 && at < canvas->dots_across()) ++counts[static_cast<int>(at)];
  }
  const int most = std::max(1, *std::max_element(counts.begin(), counts.end()));
  for (int x = 0; x < canvas->dots_across(); ++x) {
    const int height = (counts[x] * canvas->dots_down() + most - 1) / most;
    for (int y = 0; y < height; ++y) canvas->Dot(x, y);
  }
}

}  // namespace

PlotBox FitBox(const Tensor& points, int columns, int rows) {
  if (points.shape.size() != 2 || points.values.empty()) return {};
  auto [left, right] = Middle(points, 0);
  const double margin = std::max(0.08 * (right - left), 1e-6 * std::max(1.0, std::abs(left)));
  PlotBox box{left - margin, right + margin, -1, 1};
  if (points.shape[1] == 1) return box;
  auto [bottom, top] = Middle(points, 1);
  const double margin_y = std::max(0.08 * (top - bottom), 1e-6 * std::max(1.0, std::abs(bottom)));
  box.bottom = bottom - margin_y;
  box.top = top + margin_y;
  const double per_dot = std::max((box.right - box.left) / (columns * kDotsAcross), (box.top - box.bottom) / (rows * kDotsDown));
  const double half_width = per_dot * columns * kDotsAcross / 2, half_height = per_dot * rows * kDotsDown / 2;
  const double x = (box.left + box.right) / 2, y = (box.bottom + box.top) / 2;
  return {x - half_width, x + half_width, y - half_height, y + half_height};
}

std::vector<std::string> DrawPoints(const Tensor& points, const PlotBox& box, int columns, int rows, bool color) {
  Canvas canvas(columns, rows);
  if (points.shape.size() == 2 && points.shape[1] == 1) DrawHistogram(points, box, &canvas);
  if (points.shape.size() == 2 && points.shape[1] > 1) {
    for (size_t i = 0; i + 1 < points.values.size(); i += points.shape[1]) {
      const double x = (points.values[i] - box.left) / (box.right - box.left) * canvas.dots_across();
      const double y = (points.values[i + 1] - box.bottom) / (box.top - box.bottom) * canvas.dots_down();
      const bool inside = x >= 0 && x < canvas.dots_across() && y >= 0 && y < canvas.dots_down();
      if (inside) canvas.Dot(static_cast<int>(x), static_cast<int>(y));
    }
  }
  return canvas.Rows(color);
}

}  // namespace sliceflow::cli
