// Pictures that experiments leave beside their tables: panels of curves side by side, and the names
// of all curves below.

#pragma once

#include <string>
#include <vector>

#include "cli/reports/chart.h"

namespace understudy::cli {

struct Panel {
  Axis x, y;  // the label of y is the panel's title
  std::vector<Curve> curves;
  bool marks = true;  // a disc at each point
};

// Axes that hold all of the panel's points and bands.
Panel panel_of(std::vector<Curve> curves, const std::string& x_label, const std::string& title);

// A file's text. Curves of one name share a class and are named once.
std::string picture_of(const std::vector<Panel>& panels, int per_row = 2);

}  // namespace understudy::cli
