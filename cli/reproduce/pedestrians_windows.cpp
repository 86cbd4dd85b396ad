#include "cli/reproduce/pedestrians_windows.h"

#include <algorithm>
#include <cmath>
#include <map>

#include "autograd/files/csv.h"
#include "kernels/device/error.h"

namespace understudy::cli {

namespace {

constexpr double slowest = 0.1;  // meters a step: whoever stands has no speed to measure by

const char* const scene_files[] = {"eth",         "hotel",       "zara01",      "zara03",
                                   "students001", "students003", "uni_examples"};

WalkWindow framed(std::array<Point, window_length> at) {
  const Point origin = at[observed - 1], back = at[observed - 4];
  const double x = origin.x - back.x, y = origin.y - back.y, length = std::hypot(x, y);
  const double c = length > 1e-3 ? x / length : 1, s = length > 1e-3 ? y / length : 0;
  WalkWindow window;
  for (std::size_t i = 0; i < at.size(); ++i) {
    const Point p = {at[i].x - origin.x, at[i].y - origin.y};
    window.at[i] = {c * p.x + s * p.y, c * p.y - s * p.x};
  }
  for (std::int64_t t = 0; t + 1 < observed; ++t)
    window.speed += std::hypot(window.step(t).x, window.step(t).y) / (observed - 1);
  window.speed = std::hypot(window.speed, slowest);
  return window;
}

// Twenty annotated frames in a row, and in them whoever is there throughout; `least` of them at
// least.
void append_windows(std::vector<WalkWindow>& windows, const std::string& file, std::size_t least) {
  const files::Csv csv = files::Csv::open(file);
  const std::vector<std::int64_t> frame = csv.integers("frame"), walker = csv.integers("ped_id");
  const std::vector<double> x = csv.numbers("x_m"), y = csv.numbers("y_m");
  std::map<std::int64_t, std::map<std::int64_t, Point>> frames;
  for (std::size_t i = 0; i < frame.size(); ++i) frames[frame[i]][walker[i]] = {x[i], y[i]};
  std::vector<const std::map<std::int64_t, Point>*> in_order;
  for (const auto& [number, people] : frames) in_order.push_back(&people);
  for (std::size_t first = 0; first + window_length <= in_order.size(); ++first) {
    std::vector<WalkWindow> here;
    for (const auto& [id, start] : *in_order[first]) {
      std::array<Point, window_length> at;
      std::size_t t = 0;
      for (; t < at.size(); ++t) {
        const auto found = in_order[first + t]->find(id);
        if (found == in_order[first + t]->end()) break;
        at[t] = found->second;
      }
      if (t == at.size()) here.push_back(framed(at));
    }
    if (here.size() >= least) windows.insert(windows.end(), here.begin(), here.end());
  }
}

}  // namespace

WalkSplit split_of(const std::string& folder, const WalkScene& left_out,
                   const ForecastSettings& settings) {
  const auto is = [](const WalkScene& scene, const char* file) {
    return std::find_if(scene.files.begin(), scene.files.end(), [&](const char* one) {
             return std::string(one) == file;
           }) != scene.files.end();
  };
  // For choosing settings: the scene left out is not used, and the next one is predicted.
  const std::size_t next = static_cast<std::size_t>(&left_out - test_scenes + 1);
  const WalkScene& asked =
      settings.validate ? test_scenes[next % std::size(test_scenes)] : left_out;
  WalkSplit split;
  for (const char* file : scene_files) {
    const std::string path = folder + "/" + file + ".csv";
    if (is(asked, file)) append_windows(split.test, path, 2);
    if (is(asked, file) || is(left_out, file)) continue;
    // Scenes count alike: of one with many windows, which overlap, only some are taken.
    std::vector<WalkWindow> here;
    append_windows(here, path, 1);
    const std::size_t most = static_cast<std::size_t>(settings.most);
    const std::size_t taken = std::min(here.size(), most);
    for (std::size_t i = 0; i < taken; ++i) split.train.push_back(here[i * here.size() / taken]);
  }
  if (split.train.empty() || split.test.empty())
    fail(ErrorKind::bad_file,
         "%s: expected windows of 20 frames to train on and to test, found %zu and %zu",
         folder.c_str(), split.train.size(), split.test.size());
  return split;
}

}  // namespace understudy::cli
