// Pictures of points out of braille dots.
#pragma once

#include <string>
#include <vector>

#include "common/tensor.h"

namespace sliceflow::cli {

// The part of the plane that is drawn.
struct PlotBox {
  double left = -1, right = 1, bottom = -1, top = 1;
};

// Around the middle 98 % of the points in each of the first two coordinates, with a margin, widened so that both axes have the same scale on a
// canvas of `columns` by `rows` characters. In one dimension the second coordinate counts the points.
PlotBox FitBox(const Tensor& points, int columns, int rows);

// One string a row, each of `columns` characters of 2 by 4 dots; points outside the box are left out. With `color`, denser characters are
// brighter. Points of one dimension are drawn as a histogram.
std::vector<std::string> DrawPoints(const Tensor& points, const PlotBox& box, int columns, int rows, bool color);

}  // namespace sliceflow::cli
