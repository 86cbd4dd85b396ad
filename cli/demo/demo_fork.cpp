// The tree in the road: an expert passes a tree on the left or on the right, never through it.
//
// A state is where the traveler starts, where the tree stands and how thick it is; an action is
// the whole path, as its lateral positions at eight stations along the road. The expert takes the
// side that is nearer only a little more often, so from most starts both sides are right and their
// average is the tree. Lengths are in road lengths.

#include <algorithm>
#include <cmath>

#include "algorithms/data/draws.h"
#include "cli/demo/demo_task.h"
#include "cli/session/command.h"

namespace understudy::cli {

namespace {

constexpr std::size_t stations = 8;
constexpr std::int64_t training_paths = 8000, held_out_paths = 2000;
constexpr std::size_t roads_shown = 4, paths_shown = 40;
constexpr double tree_at = 0.5;  // along the road
constexpr double unit_of_action = 0.15;

struct Road {
  double start = 0, tree = 0, radius = 0;
};

// Numbers of one stream of the seed.
class Generator {
 public:
  Generator(std::uint64_t seed, std::uint64_t stream) : draws_(seed, stream) {}
  double uniform(double low, double high) {
    constexpr std::int64_t steps = std::int64_t{1} << 52;
    return low + (high - low) * (static_cast<double>(draws_.below(steps)) + 0.5) / steps;
  }
  double normal() {
    return std::sqrt(-2 * std::log(uniform(0, 1))) * std::cos(uniform(0, 2 * M_PI));
  }

 private:
  Draws draws_;
};

double smooth_step(double x) {
  x = std::clamp(x, 0.0, 1.0);
  return x * x * (3 - 2 * x);
}

Road random_road(Generator& random) {
  return {random.uniform(-0.2, 0.2), random.uniform(-0.15, 0.15), random.uniform(0.08, 0.15)};
}

std::vector<float> state_of(const Road& road) {
  return {static_cast<float>(road.start / unit_of_action),
          static_cast<float>(road.tree / unit_of_action),
          static_cast<float>(road.radius / unit_of_action)};
}

// Lateral positions: from the start over to the side of the tree, past it, and back to the middle.
std::vector<float> expert_path(const Road& road, Generator& random) {
  const double nearer_left = 1 / (1 + std::exp(-(road.start - road.tree) / 0.3));
  const double side = random.uniform(0, 1) < nearer_left ? 1 : -1;
  const double passing = road.tree + side * (road.radius + random.uniform(0.06, 0.1));
  std::vector<float> path;
  for (std::size_t i = 1; i <= stations; ++i) {
    const double x = static_cast<double>(i) / stations;
    const double aside = smooth_step((x - 0.05) / 0.3) * (1 - smooth_step((x - 0.65) / 0.3));
    const double y = (1 - aside) * (1 - x) * road.start + aside * passing + 0.015 * random.normal();
    path.push_back(static_cast<float>(y / unit_of_action));
  }
  return path;
}

Path points_of(const Road& road, const float* action) {
  Path points = {{0, road.start}};
  for (std::size_t i = 0; i < stations; ++i)
    points.push_back({static_cast<double>(i + 1) / stations, unit_of_action * action[i]});
  return points;
}

// Whether the path comes nearer to the tree than its radius.
bool hits(const Road& road, const Path& points) {
  for (std::size_t i = 1; i < points.size(); ++i) {
    const Point a = points[i - 1], b = points[i];
    const double dx = b.x - a.x, dy = b.y - a.y;
    const double along = ((tree_at - a.x) * dx + (road.tree - a.y) * dy) / (dx * dx + dy * dy);
    const double nearest = std::clamp(along, 0.0, 1.0);
    if (std::hypot(a.x + nearest * dx - tree_at, a.y + nearest * dy - road.tree) < road.radius)
      return true;
  }
  return false;
}

class ForkTask final : public DemoTask {
 public:
  explicit ForkTask(std::uint64_t seed) {
    name = "fork";
    title = "The tree in the road";
    about =
        "A generated road with a tree in it. The expert passes it on the left or on the right, "
        "whichever is nearer a little more often, and never through it. A policy sees its start, "
        "the tree and its thickness, and answers with a whole path of " +
        std::to_string(stations) +
        " stations. Least squares averages left and right, and the average is the tree. In the "
        "pictures the gray paths are the expert's, the colored ones the policy's.";
    caveats =
        "Nats are per path, of eight lateral positions in road lengths: densities of small numbers "
        "are high, so they are below zero.";
    score_name = "paths that hit the tree";
    score_unit = " %";
    score_decimals = 1;
    unit = unit_of_action;
    iterations = 3000;
    closed_forms = {{"iid Gaussian", 0}, {"linear Gaussian", 3}};
    train = held_out = Transitions::of_numbers(3, stations);
    Generator training(seed, 1), testing(seed, 2);
    for (std::int64_t i = 0; i < training_paths; ++i) {
      const Road road = random_road(training);
      train.append(state_of(road), expert_path(road, training));
    }
    std::int64_t hit = 0;
    for (std::int64_t i = 0; i < held_out_paths; ++i) {
      const Road road = random_road(testing);
      held_out.append(state_of(road), expert_path(road, testing));
      roads_.push_back(road);
      hit += hits(road, points_of(road, held_out.action(held_out.rows() - 1)));
    }
    expert_score = 100 * static_cast<double>(hit) / held_out_paths;
    // Roads to look at, with some of the expert's paths on each.
    for (std::size_t i = 0; i < roads_shown; ++i) {
      const Road road = {-0.12 + 0.08 * static_cast<double>(i),
                         -0.05 + 0.03 * static_cast<double>(i),
                         0.08 + 0.02 * static_cast<double>(i)};
      shown_.push_back({road, {}});
      for (std::size_t k = 0; k < paths_shown; ++k)
        shown_.back().expert.push_back(points_of(road, expert_path(road, testing).data()));
    }
  }

  Acted act(const Actor& actor, const std::string& css_class) const override {
    Acted acted;
    const std::vector<float> paths = actor(held_out.observations.numbers);
    std::size_t hit = 0;
    for (std::size_t i = 0; i < roads_.size(); ++i)
      hit += hits(roads_[i], points_of(roads_[i], &paths[i * stations]));
    acted.score = 100 * static_cast<double>(hit) / static_cast<double>(roads_.size());

    std::vector<float> states;
    for (const Shown& shown : shown_)
      for (std::size_t k = 0; k < paths_shown; ++k) {
        const std::vector<float> state = state_of(shown.road);
        states.insert(states.end(), state.begin(), state.end());
      }
    const std::vector<float> answers = actor(states);
    for (std::size_t i = 0; i < shown_.size(); ++i) {
      const Road& road = shown_[i].road;
      Svg svg(340, 210, -0.04, 1.04, -0.34, 0.34);
      svg.disc({tree_at, road.tree}, road.radius, "tree");
      for (const Path& path : shown_[i].expert) svg.path(path, "expert");
      for (std::size_t k = 0; k < paths_shown; ++k)
        svg.path(points_of(road, &answers[(i * paths_shown + k) * stations]),
                 "sample " + css_class);
      svg.dot({0, road.start}, 4, "point");
      acted.picture += svg.finish();
    }
    return acted;
  }

 private:
  struct Shown {
    Road road;
    std::vector<Path> expert;
  };
  std::vector<Road> roads_;  // of the held-out pairs
  std::vector<Shown> shown_;
};

}  // namespace

std::unique_ptr<DemoTask> fork_task(std::uint64_t seed) { return std::make_unique<ForkTask>(seed); }

}  // namespace understudy::cli
