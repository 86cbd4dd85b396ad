#include "cli/reproduce/picture.h"

#include <algorithm>
#include <set>

#include "cli/reports/page.h"
#include "cli/session/command.h"

namespace understudy::cli {

namespace {

constexpr double panel_width = 396, panel_height = 290, gap = 14;

std::string drawn(const Panel& panel) {
  Plot plot(panel_width, panel_height, panel.x, panel.y);
  for (const Curve& curve : panel.curves) {
    if (curve.band.empty()) continue;
    std::vector<double> at;
    for (const Point& point : curve.points) at.push_back(point.x);
    plot.band(at, curve.band, curve.css_class);
  }
  for (const Curve& curve : panel.curves) plot.line(curve.points, curve.css_class);
  if (panel.marks)
    for (const Curve& curve : panel.curves)
      for (const Point& point : curve.points) plot.mark(point, 2.5, curve.css_class);
  return plot.finish();
}

}  // namespace

Panel panel_of(std::vector<Curve> curves, const std::string& x_label, const std::string& title) {
  std::vector<double> xs, ys;
  for (const Curve& curve : curves) {
    for (const Point& point : curve.points) {
      xs.push_back(point.x);
      ys.push_back(point.y);
    }
    for (const auto& [low, high] : curve.band) {
      ys.push_back(low);
      ys.push_back(high);
    }
  }
  return {axis_of(xs, x_label, 0.02), axis_of(ys, title), std::move(curves)};
}

std::string picture_of(const std::vector<Panel>& panels, int per_row) {
  const int columns = std::min(per_row, static_cast<int>(panels.size()));
  const int rows = (static_cast<int>(panels.size()) + columns - 1) / columns;
  const double width = columns * (panel_width + gap) + gap;
  std::string body;
  for (int i = 0; i < static_cast<int>(panels.size()); ++i) {
    std::string one = drawn(panels[static_cast<std::size_t>(i)]);
    one.insert(4, formatted(" x=\"%.0f\" y=\"%.0f\"", gap + (i % columns) * (panel_width + gap),
                            gap + static_cast<int>(i / columns) * (panel_height + gap)));
    body += one;
  }
  // Names, in lines as wide as the picture.
  double x = gap, y = gap + rows * (panel_height + gap) + 12;
  std::set<std::string> seen;
  for (const Panel& panel : panels)
    for (const Curve& curve : panel.curves) {
      if (curve.name.empty() || !seen.insert(curve.name).second) continue;
      const double wide = 50 + 7.2 * static_cast<double>(curve.name.size());
      if (x > gap && x + wide > width) x = gap, y += 20;
      body += formatted("<polyline class=\"%s\" points=\"%.0f,%.0f %.0f,%.0f\"/>\n",
                        curve.css_class.c_str(), x, y - 4, x + 24, y - 4);
      body +=
          formatted("<text x=\"%.0f\" y=\"%.0f\">", x + 30, y) + escaped(curve.name) + "</text>\n";
      x += wide;
    }
  return svg_file(width, y + 14, body);
}

}  // namespace understudy::cli
