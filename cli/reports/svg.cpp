#include "cli/reports/svg.h"

#include <algorithm>
#include <cmath>

#include "cli/session/command.h"

namespace understudy::cli {

std::string escaped(const std::string& text) {
  std::string safe;
  for (char c : text) {
    if (c == '&')
      safe += "&amp;";
    else if (c == '<')
      safe += "&lt;";
    else if (c == '>')
      safe += "&gt;";
    else if (c == '"')
      safe += "&quot;";
    else
      safe += c;
  }
  return safe;
}

Svg::Svg(double width, double height, double x0, double x1, double y0, double y1)
    : width_(width), height_(height), x0_(x0), x1_(x1), y0_(y0), y1_(y1) {}

void Svg::path(const Path& points, const std::string& css_class) {
  body_ += "<polyline class=\"" + css_class + "\" points=\"";
  for (const Point& point : points) body_ += formatted("%.1f,%.1f ", x(point.x), y(point.y));
  body_ += "\"/>\n";
}

void Svg::disc(Point center, double radius, const std::string& css_class) {
  // one scale for x and y is not assumed: an ellipse
  body_ += formatted("<ellipse class=\"%s\" cx=\"%.1f\" cy=\"%.1f\" rx=\"%.1f\" ry=\"%.1f\"/>\n",
                     css_class.c_str(), x(center.x), y(center.y), radius / (x1_ - x0_) * width_,
                     radius / (y1_ - y0_) * height_);
}

void Svg::dot(Point center, double pixels, const std::string& css_class) {
  body_ += formatted("<circle class=\"%s\" cx=\"%.1f\" cy=\"%.1f\" r=\"%.1f\"/>\n",
                     css_class.c_str(), x(center.x), y(center.y), pixels);
}

void Svg::text(Point at, const std::string& words, const std::string& anchor, double pixels_right,
               double pixels_down) {
  body_ += formatted("<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"%s\">", x(at.x) + pixels_right,
                     y(at.y) + pixels_down, anchor.c_str());
  body_ += escaped(words) + "</text>\n";
}

std::string Svg::finish() const {
  return formatted("<svg viewBox=\"0 0 %.0f %.0f\" width=\"%.0f\" height=\"%.0f\">\n", width_,
                   height_, width_, height_) +
         body_ + "</svg>\n";
}

namespace {

// 1, 2 or 5 times a power of ten, so that about five of them fill the span.
double round_step(double span) {
  const double power = std::pow(10.0, std::floor(std::log10(span / 5)));
  for (double factor : {1.0, 2.0, 5.0})
    if (span / (factor * power) <= 6) return factor * power;
  return 10 * power;
}

}  // namespace

std::string chart(const std::vector<Curve>& curves, const std::vector<Curve>& levels,
                  const std::string& x_label, const std::string& y_label, const ChartSize& size) {
  double most_x = 1, low = INFINITY, high = -INFINITY;
  for (const Curve& curve : curves)
    // What a curve begins with, before its first steps, would hide the rest.
    for (std::size_t i = curve.points.size() > 2 ? 1 : 0; i < curve.points.size(); ++i) {
      most_x = std::max(most_x, curve.points[i].x);
      low = std::min(low, curve.points[i].y);
      high = std::max(high, curve.points[i].y);
    }
  for (const Curve& level : levels) {
    low = std::min(low, level.points[0].y);
    high = std::max(high, level.points[0].y);
  }
  if (!(low < high)) high = low + 1;
  const double margin = 0.06 * (high - low);
  low -= margin;
  high += margin;
  // Room on the left for the marks, on the right for the names, below for the axis.
  const double left = size.small ? 56 : 64, right = size.small ? 12 : 172;
  const double below = size.small ? 22 : 44;
  const double x_a_pixel = most_x / (size.width - left - right);
  const double y_a_pixel = (high - low) / (size.height - below);
  Svg svg(size.width, size.height, -left * x_a_pixel, most_x + right * x_a_pixel,
          low - below * y_a_pixel, high);
  const double share = size.small ? 2 : 1;  // of marks, one in so many
  const double step_y = round_step(share * (high - low)), step_x = round_step(share * most_x);
  for (double y = std::ceil(low / step_y) * step_y; y <= high; y += step_y) {
    svg.path({{0, y}, {most_x, y}}, "grid");
    svg.text({0, y}, formatted("%.4g", std::abs(y) < step_y / 2 ? 0.0 : y), "end", -6, 4);
  }
  for (double x = 0; x <= most_x * 1.0001; x += step_x)
    svg.text({x, low}, formatted("%.6g", x), "middle", 0, 16);
  svg.path({{0, high}, {0, low}, {most_x, low}}, "axis");
  if (!size.small) {
    svg.text({most_x / 2, low}, x_label, "middle", 0, 34);
    svg.text({0, high}, y_label, "start", 6, 10);
  }

  // Names at the ends of their lines, moved apart where they would overlap.
  std::vector<const Curve*> named;
  for (const Curve& level : levels) {
    svg.path({{0, level.points[0].y}, {most_x, level.points[0].y}}, level.css_class);
    named.push_back(&level);
  }
  for (const Curve& curve : curves) {
    Path shown;
    for (const Point& point : curve.points)
      if (point.y >= low && point.y <= high) shown.push_back(point);
    svg.path(shown, curve.css_class);
    named.push_back(&curve);
  }
  if (size.small) return svg.finish();
  std::stable_sort(named.begin(), named.end(), [](const Curve* a, const Curve* b) {
    return a->points.back().y > b->points.back().y;
  });
  double free_below = high;
  for (const Curve* curve : named) {
    const double y = curve->points.back().y;
    const double at = std::min(y, free_below);
    svg.text({most_x, at}, curve->name + formatted(" %.5g", y), "start", 8, 4);
    free_below = at - 17 * y_a_pixel;
  }
  return svg.finish();
}

}  // namespace understudy::cli
