// Problems from maps: road networks whose states are links, and floors that people walk on. Plain
// columns in, problem tables out; the reader of the files owns their format.

#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "algorithms/tabular/problem.h"

namespace understudy {

// Links of a road network: from link `from` one may turn into link `to`, earning the features of
// that turn [rows, n_features]. `action` names the turn (a direction); empty: turns are numbered
// per link, in the order given. Undiscounted, to the goals: each goal's links (goal_id, goal_link).
struct LinkNetwork {
  std::int64_t links = 0;
  std::vector<std::int64_t> from, to, action;
  std::vector<double> features;
  std::int64_t n_features = 0;
  std::vector<std::int64_t> goal_id, goal_link;
  bool goals_absorb = false;
};
ProblemTable link_network(const LinkNetwork& network);

// Walking on a grid of cells (cell = y * width + x): moves to the eight neighbors among walkable
// cells, in the order east, north-east, ... counted counter-clockwise with y upwards. Features of a
// move: its length (1 or sqrt 2), 1, and 1 where a cell next to the one entered is an obstacle.
// Goals are single cells and absorb.
struct WalkingGrid {
  std::int64_t width = 0, height = 0;
  std::vector<std::int64_t> state;  // of each cell: 0 walkable, 1 obstacle, anything else outside
  std::vector<std::int64_t> goals;  // cells
};
ProblemTable walking_grid(const WalkingGrid& grid);

// "3 17 4" as numbers. An `Error` where something else stands between the blanks.
std::vector<std::int32_t> parse_path(std::string_view text);

}  // namespace understudy
