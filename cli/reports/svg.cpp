#include "cli/reports/svg.h"

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

}  // namespace understudy::cli
