// Charts: axes with ticks, curves with bands, dots, and names in the curves' colors.

#pragma once

#include <string>
#include <utility>
#include <vector>

#include "cli/reports/svg.h"

namespace understudy::cli {

// The classes of series i: one of eight colors, and from the ninth on dashes.
std::string series_class(std::size_t i);

// What an axis shows. `named` stand in place of numbers: at 0, 1, 2, ...
struct Axis {
  double low = 0, high = 1;
  std::string label;
  int ticks = 5;  // about so many
  std::vector<std::string> named = {};
};
// From the least to the greatest of the finite values, and a margin of a part of that on either
// side; where all are one value, around that.
Axis axis_of(const std::vector<double>& values, const std::string& label, double margin = 0.05);

// A picture with axes, into which lines, bands and dots are drawn in their order, in the
// coordinates of the data. What is not finite is left out; what is beyond the axes is cut off.
class Plot {
 public:
  Plot(double width, double height, Axis x, Axis y);

  void line(const Path& points, const std::string& css_class);
  void band(const std::vector<double>& x, const std::vector<std::pair<double, double>>& y,
            const std::string& css_class);
  void dots(const Path& points, const std::string& css_class);
  void mark(Point at, double pixels, const std::string& css_class);
  void segment(Point from, Point to, const std::string& css_class);
  // In the series' color; begins so many pixels right of and above the point.
  void name(Point at, const std::string& words, const std::string& css_class, double right,
            double up);
  std::string finish() const;

 private:
  double px(double x) const;
  double py(double y) const;

  double width_, height_, left_, right_, top_, bottom_;
  Axis x_, y_;
  std::string body_;
};

struct Curve {
  std::string name, css_class;
  Path points;
  std::vector<std::pair<double, double>> band = {};  // low and high of each point, or nothing
};

// A line of names, each with its line's color and dashes.
std::string legend_of(const std::vector<std::pair<std::string, std::string>>& names_and_classes);

// In pixels. Small ones have neither names nor labels.
struct ChartSize {
  double width = 640, height = 300;
  bool small = false;
  bool values = true;  // the last one of each curve stands behind its name
};
constexpr ChartSize small_chart = {260, 150, true};

// Curves, with horizontal lines for `levels`, and below them the names. Curves of one name are
// named once.
std::string chart(const std::vector<Curve>& curves, const std::vector<Curve>& levels,
                  const std::string& x_label, const std::string& y_label,
                  const ChartSize& size = {});

}  // namespace understudy::cli
