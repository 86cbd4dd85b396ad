// Pen strokes of many people (Omniglot: Lake, Salakhutdinov & Tenenbaum 2015): given the last
// offsets of the pen, where does it go next?
//
// Preparation, as in the data's own description: each stroke is resampled at an arc length of 3
// canvas units, strokes shorter than 6 are left out, and offsets are those between consecutive
// points of one stroke. A pair is an offset that has one before it, and the three before it (zeros
// where there are fewer), all divided by 3. Drawers 1-13 train, 14-16 are held out.

#include <algorithm>
#include <cmath>

#include "autograd/files/csv.h"
#include "autograd/files/npy.h"
#include "cli/demo/demo_task.h"
#include "cli/demo/strokes.h"
#include "cli/session/command.h"
#include "kernels/device/error.h"

namespace understudy::cli {

namespace {

constexpr std::int64_t last_training_drawer = 13;
constexpr std::size_t history = 3;  // offsets that a policy sees
// For sampling: offsets given, offsets predicted, samples a stroke.
constexpr std::size_t given = 4, asked = 8, draws = 8;
constexpr std::size_t strokes_asked = 500, strokes_shown = 10;

// The state before offset i of a stroke: offsets i - 1, i - 2, ..., the newest first.
std::vector<float> state_before(const Path& points, std::size_t i) {
  std::vector<float> state;
  for (std::size_t back = 1; back <= history; ++back) {
    const bool there = i >= back;
    const Point a = there ? points[i - back] : Point{}, b = there ? points[i - back + 1] : Point{};
    state.push_back(static_cast<float>((b.x - a.x) / arc_length));
    state.push_back(static_cast<float>((b.y - a.y) / arc_length));
  }
  return state;
}

class StrokeTask final : public DemoTask {
 public:
  explicit StrokeTask(const std::string& data) {
    const std::string folder = data + "/omniglot_strokes";
    read(folder);
    name = "strokes";
    title = "Where does the pen go next?";
    about =
        "Pen strokes of Omniglot characters drawn by many people (Lake, Salakhutdinov &amp; "
        "Tenenbaum, <i>Science</i> 350, 2015; MIT license), resampled every 3 canvas units. A "
        "policy observes the last three offsets of the pen and predicts a distribution of the "
        "next. People turn corners one way or the other; their average is a line that nobody "
        "drew. In the pictures the black line is given, the gray one is the person's continuation, "
        "and the colored ones are " +
        std::to_string(draws) + " continuations by the policy.";
    caveats =
        "Many strokes go exactly straight along an axis, so a density could become arbitrarily "
        "high there: learned deviations are kept above 0.1 canvas units, and the nats of the two "
        "models that learn deviations depend on that floor.";
    score_name = formatted("best of %zu: distance after %zu offsets", draws, asked);
    unit = arc_length;
    regression_std = 1 / unit;  // one canvas unit
    min_std = 0.1 / unit;
    iterations = 4000;
    closed_forms = {{"iid Gaussian", 0}, {"AR(1), linear Gaussian", 2}};
  }

  Acted act(const Actor& actor, const std::string& css_class) const override {
    // All strokes and draws at once, one offset at a time.
    const std::size_t count = asked_.size();
    std::vector<Path> paths;
    for (std::size_t k = 0; k < draws; ++k)
      for (const Path* stroke : asked_)
        paths.emplace_back(stroke->begin(), stroke->begin() + given + 1);
    for (std::size_t t = 0; t < asked; ++t) {
      std::vector<float> states;
      for (const Path& path : paths) {
        const std::vector<float> state = state_before(path, path.size() - 1);
        states.insert(states.end(), state.begin(), state.end());
      }
      const std::vector<float> offsets = actor(states);
      for (std::size_t i = 0; i < paths.size(); ++i) {
        const Point last = paths[i].back();
        paths[i].push_back({last.x + unit * offsets[2 * i], last.y + unit * offsets[2 * i + 1]});
      }
    }
    Acted acted;
    for (std::size_t i = 0; i < count; ++i) {
      const Point end = (*asked_[i])[given + asked];
      double nearest = INFINITY;
      for (std::size_t k = 0; k < draws; ++k) {
        const Point reached = paths[k * count + i].back();
        nearest = std::min(nearest, std::hypot(reached.x - end.x, reached.y - end.y));
      }
      acted.score += nearest / static_cast<double>(count);
    }
    for (std::size_t shown = 0; shown < strokes_shown; ++shown) {
      const std::size_t i = shown * count / strokes_shown;
      const Path& stroke = *asked_[i];
      const Point center = stroke[given];
      const double reach = 1.1 * arc_length * static_cast<double>(asked);
      Svg svg(150, 150, center.x - reach, center.x + reach, center.y - reach, center.y + reach);
      for (std::size_t k = 0; k < draws; ++k) {
        const Path& path = paths[k * count + i];
        svg.path(Path(path.begin() + given, path.end()), "sample " + css_class);
      }
      svg.path(Path(stroke.begin() + given, stroke.begin() + given + asked + 1), "truth");
      svg.path(Path(stroke.begin(), stroke.begin() + given + 1), "given");
      svg.dot(center, 3, "point");
      acted.picture += svg.finish();
    }
    return acted;
  }

 private:
  void read(const std::string& folder) {
    const files::Array points = files::read_npy(folder + "/points.npy");
    if (points.rank() != 2 || points.shape()[1] != 4)
      fail(ErrorKind::bad_file, "%s/points.npy: expected [n, 4], found %s", folder.c_str(),
           files::to_string(points.shape()).c_str());
    const std::vector<float> numbers = points.converted<float>(folder + "/points.npy");
    const files::Csv index = files::Csv::open(folder + "/index.csv");
    const std::vector<std::int64_t> drawer = index.integers("drawer");
    const std::vector<std::int64_t> start = index.integers("start");
    const std::vector<std::int64_t> count = index.integers("count");
    train = held_out = Transitions::of_numbers(2 * history, 2);
    for (std::size_t row = 0; row < drawer.size(); ++row) {
      if (start[row] < 0 || count[row] < 0 || count[row] > points.shape()[0] - start[row])
        index.refuse(row, index.column("start"), "a drawing within points.npy");
      const bool training = drawer[row] <= last_training_drawer;
      Path stroke;
      for (std::int64_t i = start[row]; i < start[row] + count[row]; ++i) {
        const float* point = &numbers[static_cast<std::size_t>(4 * i)];
        if (i > start[row] && point[3] != point[-1]) add(stroke, training);
        stroke.push_back({point[0], point[1]});
      }
      add(stroke, training);
    }
    const std::size_t step = std::max<std::size_t>(1, long_.size() / strokes_asked);
    for (std::size_t i = 0; i < long_.size() && asked_.size() < strokes_asked; i += step)
      asked_.push_back(&long_[i]);
    if (train.rows() == 0 || asked_.empty())
      fail(ErrorKind::bad_file, "%s: no strokes to train on, or none held out", folder.c_str());
  }

  // A finished stroke becomes pairs.
  void add(Path& stroke, bool training) {
    const Path points = resampled(stroke);
    stroke.clear();
    for (std::size_t i = 1; i + 1 < points.size(); ++i)
      (training ? train : held_out)
          .append(state_before(points, i),
                  {static_cast<float>((points[i + 1].x - points[i].x) / arc_length),
                   static_cast<float>((points[i + 1].y - points[i].y) / arc_length)});
    if (!training && points.size() > given + asked) long_.push_back(points);
  }

  std::vector<Path> long_;          // held-out strokes that are long enough to ask about
  std::vector<const Path*> asked_;  // of those, some
};

}  // namespace

std::unique_ptr<DemoTask> stroke_task(const std::string& data) {
  return std::make_unique<StrokeTask>(data);
}

}  // namespace understudy::cli
