// Windows of walks, as Social-GAN's protocol cuts them out of the scenes of ETH and UCY: eight
// positions that are observed and twelve that are predicted, 0.4 s apart.

#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "cli/reports/svg.h"
#include "cli/reproduce/pedestrians_forecast.h"

namespace understudy::cli {

constexpr std::int64_t observed = 8, predicted = 12, window_length = observed + predicted;

// The published sets, and which files are one: `univ` is two hours.
struct WalkScene {
  const char* name;
  std::vector<const char*> files;
};
inline const WalkScene test_scenes[] = {{"eth", {"eth"}},
                                        {"hotel", {"hotel"}},
                                        {"univ", {"students001", "students003"}},
                                        {"zara1", {"zara01"}}};

// A walker's twenty positions in his own frame (meters; he stands at the origin after the eighth
// and heads along x), and his speed in meters a step.
struct WalkWindow {
  std::array<Point, window_length> at;
  double speed = 0;

  Point step(std::int64_t t) const {
    const auto i = static_cast<std::size_t>(t);
    return {at[i + 1].x - at[i].x, at[i + 1].y - at[i].y};
  }
  // Where he would be going straight on.
  Point straight(std::int64_t t) const {
    const Point v = step(observed - 2);
    return {v.x * static_cast<double>(t + 1), v.y * static_cast<double>(t + 1)};
  }
};

struct WalkSplit {
  std::vector<WalkWindow> train, test;
};
// Without windows to train on or to test it is an Error.
WalkSplit split_of(const std::string& folder, const WalkScene& left_out,
                   const ForecastSettings& settings);

}  // namespace understudy::cli
