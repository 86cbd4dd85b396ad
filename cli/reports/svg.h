// Pictures as inline SVG, drawn in the coordinates of the data. Colors are classes of the page's
// style sheet, so that one picture serves light and dark.

#pragma once

#include <string>
#include <vector>

namespace understudy::cli {

struct Point {
  double x = 0, y = 0;
};
using Path = std::vector<Point>;

// Text made safe to stand in HTML.
std::string escaped(const std::string& text);

// A frame of width x height pixels that shows [x0, x1] x [y0, y1], y upwards.
class Svg {
 public:
  Svg(double width, double height, double x0, double x1, double y0, double y1);

  void path(const Path& points, const std::string& css_class);
  // Radius in units of x.
  void disc(Point center, double radius, const std::string& css_class);
  void dot(Point center, double pixels, const std::string& css_class);
  // anchor: start, middle or end.
  void text(Point at, const std::string& words, const std::string& anchor = "start",
            double pixels_right = 0, double pixels_down = 0);
  std::string finish() const;

 private:
  double x(double value) const { return (value - x0_) / (x1_ - x0_) * width_; }
  double y(double value) const { return (y1_ - value) / (y1_ - y0_) * height_; }
  double width_, height_, x0_, x1_, y0_, y1_;
  std::string body_;
};

}  // namespace understudy::cli
