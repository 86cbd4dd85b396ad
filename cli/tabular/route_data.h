// The data sets of people finding their way, as tabular problems with goals: streets of Borlänge
// and Shanghai, floors of ETH and UCY. Each column is described in the data set's own README.

#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "algorithms/tabular/problem.h"

namespace understudy::cli {

struct RouteData {
  ProblemTable table;
  Problem problem;                  // made of the table
  std::vector<Trajectory> trips;    // each with its goal
  std::vector<std::int64_t> group;  // one a trip: its number (Borlänge), its fold (Shanghai)
  std::vector<std::string> feature_names;
  // [S, 4]: where a link begins and ends (x, y: degrees of longitude and latitude); or nothing.
  std::vector<double> coordinates;
};

// Links, costs of turns and 1466 car trips. Features: travel time in minutes, left turn, link
// constant, U-turn. The traveler may pass through a goal's links.
RouteData read_borlange(const std::string& folder);

// 714 links, taxi trips; the goal's link absorbs. Features of the link turned into: length in km,
// left, right, U-turn, constant; with `classes` also length on primary, tertiary, secondary roads.
RouteData read_shanghai(const std::string& folder, bool classes);

// `scene` is eth, hotel or zara; `paths` the file irl_paths_NAME.csv of walks there. Every cell is
// a possible goal and absorbs. Features: length, constant, beside an obstacle; the first `features`
// of them.
RouteData read_pedestrians(const std::string& folder, const std::string& scene,
                           const std::string& paths, std::int64_t features = 3);

// The features of the first `count` columns alone.
ProblemTable first_features(ProblemTable table, std::int64_t count);

}  // namespace understudy::cli
