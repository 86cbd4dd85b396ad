#include "cli/reports/chart.h"

#include <algorithm>
#include <cmath>
#include <set>

#include "cli/session/command.h"

namespace understudy::cli {

namespace {

constexpr double letter = 9;  // pixels, of digits at the size that narrow pages have

// 1, 2 or 5 times a power of ten, so that about so many of them fill the span.
double round_step(double span, int ticks) {
  const double power = std::pow(10.0, std::floor(std::log10(span / ticks)));
  for (double factor : {1.0, 2.0, 5.0})
    if (span / (factor * power) <= ticks + 1) return factor * power;
  return 10 * power;
}

// With as many digits as tell one tick from the next.
std::string tick_text(double value, double step) {
  if (std::abs(value) < step / 2) return "0";
  const double size = std::max(std::abs(value), step);
  if (size >= 1e7 || size < 1e-4) return formatted("%.3g", value);
  const int decimals = std::max(0, static_cast<int>(-std::floor(std::log10(step) + 1e-9)));
  return formatted("%.*f", decimals, value);
}

std::vector<double> ticks_of(const Axis& axis) {
  std::vector<double> ticks;
  if (!axis.named.empty()) {
    for (std::size_t i = 0; i < axis.named.size(); ++i) ticks.push_back(static_cast<double>(i));
    return ticks;
  }
  const double step = round_step(axis.high - axis.low, axis.ticks);
  for (double at = std::ceil(axis.low / step - 1e-9) * step; at <= axis.high + 1e-9 * step;
       at += step)
    ticks.push_back(at);
  return ticks;
}

std::string text_of(const Axis& axis, double tick) {
  if (!axis.named.empty()) return axis.named[static_cast<std::size_t>(tick)];
  return tick_text(tick, round_step(axis.high - axis.low, axis.ticks));
}

double widest(const Axis& axis) {
  std::size_t letters = 1;
  for (double tick : ticks_of(axis)) letters = std::max(letters, text_of(axis, tick).size());
  return letter * static_cast<double>(letters);
}

std::string svg_line(double x0, double y0, double x1, double y1, const std::string& css_class) {
  return formatted("<path class=\"%s\" d=\"M%.1f %.1fL%.1f %.1f\"/>\n", css_class.c_str(), x0, y0,
                   x1, y1);
}

std::string svg_text(double x, double y, const char* anchor, const std::string& words) {
  return formatted("<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"%s\">", x, y, anchor) +
         escaped(words) + "</text>\n";
}

}  // namespace

std::string series_class(std::size_t i) {
  constexpr std::size_t colors = 8, dashes = 4;
  std::string name = formatted("s%zu", i % colors);
  if (i >= colors) name += formatted(" d%zu", std::min(i / colors, dashes - 1));
  return name;
}

Axis axis_of(const std::vector<double>& values, const std::string& label, double margin) {
  Axis axis = {INFINITY, -INFINITY, label};
  for (double value : values)
    if (std::isfinite(value)) {
      axis.low = std::min(axis.low, value);
      axis.high = std::max(axis.high, value);
    }
  if (!(axis.low <= axis.high)) axis.low = axis.high = 0;
  const double span = axis.high - axis.low;
  // One value, or rounding's worth of several, is shown in the middle.
  const double room = span > 1e-12 * std::max(std::abs(axis.low), std::abs(axis.high))
                          ? margin * span
                          : (axis.low == 0 ? 1 : 0.1 * std::abs(axis.low));
  axis.low -= room;
  axis.high += room;
  return axis;
}

Plot::Plot(double width, double height, Axis x, Axis y)
    : width_(width), height_(height), x_(std::move(x)), y_(std::move(y)) {
  left_ = widest(y_) + 12;
  // Half of the last tick's text stands beyond its tick.
  right_ = width - std::max(10.0, widest(x_) / 2 + 4);
  top_ = y_.label.empty() ? 10 : 26;
  bottom_ = height - (x_.label.empty() ? 24 : 42);
  for (double tick : ticks_of(y_)) {
    body_ += svg_line(left_, py(tick), right_, py(tick), "grid");
    body_ += svg_text(left_ - 6, py(tick) + 4.5, "end", text_of(y_, tick));
  }
  // As many as have room.
  const std::vector<double> ticks = ticks_of(x_);
  const double room = (right_ - left_) / std::max<double>(1, static_cast<double>(ticks.size()));
  const auto every =
      static_cast<std::size_t>(std::max(1.0, std::ceil((widest(x_) + 10) / std::max(1.0, room))));
  for (std::size_t i = 0; i < ticks.size(); i += every) {
    body_ += svg_line(px(ticks[i]), bottom_, px(ticks[i]), bottom_ + 4, "axis");
    body_ += svg_text(px(ticks[i]), bottom_ + 18, "middle", text_of(x_, ticks[i]));
  }
  body_ += formatted("<path class=\"axis\" fill=\"none\" d=\"M%.1f %.1fV%.1fH%.1f\"/>\n", left_,
                     top_, bottom_, right_);
  if (!x_.label.empty()) body_ += svg_text((left_ + right_) / 2, height - 6, "middle", x_.label);
  if (!y_.label.empty()) body_ += svg_text(2, 14, "start", y_.label);
}

double Plot::px(double x) const {
  return left_ + (x - x_.low) / (x_.high - x_.low) * (right_ - left_);
}
double Plot::py(double y) const {
  return bottom_ - (y - y_.low) / (y_.high - y_.low) * (bottom_ - top_);
}

void Plot::line(const Path& points, const std::string& css_class) {
  std::string text;
  for (const Point& point : points) {
    if (!std::isfinite(point.x) || !std::isfinite(point.y)) continue;
    // Where the line leaves the picture it runs along its edge.
    text += formatted("%.1f,%.1f ", std::clamp(px(point.x), left_, right_),
                      std::clamp(py(point.y), top_, bottom_));
  }
  if (!text.empty()) text.pop_back();
  body_ += "<polyline class=\"" + css_class + "\" points=\"" + text + "\"/>\n";
}

void Plot::band(const std::vector<double>& x, const std::vector<std::pair<double, double>>& y,
                const std::string& css_class) {
  std::string there, back;
  for (std::size_t i = 0; i < x.size() && i < y.size(); ++i) {
    if (!std::isfinite(y[i].first) || !std::isfinite(y[i].second)) continue;
    there += formatted("%.1f,%.1f ", px(x[i]), std::clamp(py(y[i].first), top_, bottom_));
    back = formatted("%.1f,%.1f ", px(x[i]), std::clamp(py(y[i].second), top_, bottom_)) + back;
  }
  if (!there.empty())
    body_ += "<polygon class=\"band " + css_class + "\" points=\"" + there + back + "\"/>\n";
}

void Plot::dots(const Path& points, const std::string& css_class) {
  std::string text;
  for (const Point& point : points) {
    if (!(point.x >= x_.low && point.x <= x_.high && point.y >= y_.low && point.y <= y_.high))
      continue;
    text += formatted("M%.0f %.0fh0", px(point.x), py(point.y));
  }
  if (!text.empty()) body_ += "<path class=\"dots " + css_class + "\" d=\"" + text + "\"/>\n";
}

void Plot::mark(Point at, double pixels, const std::string& css_class) {
  if (!std::isfinite(at.x) || !std::isfinite(at.y)) return;
  body_ += formatted("<circle class=\"mark %s\" cx=\"%.1f\" cy=\"%.1f\" r=\"%.1f\"/>\n",
                     css_class.c_str(), px(at.x), py(at.y), pixels);
}

void Plot::segment(Point from, Point to, const std::string& css_class) {
  if (!std::isfinite(from.x) || !std::isfinite(from.y) || !std::isfinite(to.x) ||
      !std::isfinite(to.y))
    return;
  body_ += svg_line(px(from.x), py(from.y), px(to.x), py(to.y), css_class);
}

void Plot::name(Point at, const std::string& words, const std::string& css_class, double right,
                double up) {
  body_ += formatted("<text class=\"named %s\" x=\"%.1f\" y=\"%.1f\">", css_class.c_str(),
                     px(at.x) + right, py(at.y) - up) +
           escaped(words) + "</text>\n";
}

std::string Plot::finish() const {
  return formatted("<svg%s viewBox=\"0 0 %.0f %.0f\" width=\"%.0f\" height=\"%.0f\">\n",
                   width_ >= 400 ? " class=\"chart\"" : "", width_, height_, width_, height_) +
         body_ + "</svg>\n";
}

std::string legend_of(const std::vector<std::pair<std::string, std::string>>& names_and_classes) {
  std::string html = "<ul class=\"legend\">";
  for (const auto& [name, css_class] : names_and_classes)
    html += "<li class=\"" + css_class + "\"><svg width=\"26\" height=\"8\"><polyline class=\"" +
            css_class + "\" points=\"2,4 24,4\"/></svg>" + escaped(name) + "</li>";
  return html + "</ul>\n";
}

std::string chart(const std::vector<Curve>& curves, const std::vector<Curve>& levels,
                  const std::string& x_label, const std::string& y_label, const ChartSize& size) {
  std::vector<double> xs = {0}, ys;
  for (const Curve& curve : curves)
    // What a curve begins with, before its first steps, would hide the rest.
    for (std::size_t i = curve.points.size() > 2 ? 1 : 0; i < curve.points.size(); ++i) {
      xs.push_back(curve.points[i].x);
      ys.push_back(curve.points[i].y);
      if (i < curve.band.size()) {
        ys.push_back(curve.band[i].first);
        ys.push_back(curve.band[i].second);
      }
    }
  for (const Curve& level : levels) ys.push_back(level.points[0].y);
  Axis x = axis_of(xs, size.small ? "" : x_label, 0), y = axis_of(ys, size.small ? "" : y_label);
  if (size.small) x.ticks = y.ticks = 3;
  Plot plot(size.width, size.height, x, y);
  for (const Curve& level : levels)
    plot.line({{x.low, level.points[0].y}, {x.high, level.points[0].y}}, level.css_class);
  for (const Curve& curve : curves) {
    if (curve.band.empty()) continue;
    std::vector<double> at;
    for (const Point& point : curve.points) at.push_back(point.x);
    plot.band(at, curve.band, curve.css_class);
  }
  for (const Curve& curve : curves) plot.line(curve.points, curve.css_class);
  if (size.small) return plot.finish();

  std::vector<const Curve*> named;
  for (const Curve& level : levels) named.push_back(&level);
  for (const Curve& curve : curves)
    if (!curve.points.empty()) named.push_back(&curve);
  std::vector<std::pair<std::string, std::string>> names;
  std::set<std::string> seen;
  for (const Curve* one : named) {
    std::size_t alike = 0;
    for (const Curve* other : named) alike += other->name == one->name ? 1 : 0;
    if (!seen.insert(one->name).second) continue;
    names.emplace_back(alike > 1 ? one->name : one->name + formatted(" %.5g", one->points.back().y),
                       one->css_class);
  }
  return "<figure>" + plot.finish() + legend_of(names) + "</figure>\n";
}

}  // namespace understudy::cli
