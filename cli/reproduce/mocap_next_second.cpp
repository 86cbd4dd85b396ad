// The next second of 59 angles, free-running: a recurrent policy by teacher forcing or scheduled
// sampling, beside zero and constant velocity.

#include <cmath>

#include "algorithms/policies/actor.h"
#include "cli/reproduce/mocap.h"
#include "cli/reproduce/mocap_data.h"
#include "cli/reproduce/train_cloning.h"

namespace understudy::cli {

namespace {

constexpr double angle_unit = 20, step_unit = 2;  // degrees
constexpr std::int64_t horizons[] = {1, 3, 6, 12, 30};

Transitions windows_of(const Angles& angles) {
  const std::int64_t width = angles.held_out.width;
  Transitions sequences = Transitions::of_numbers(width, width);
  for (const Poses& poses : angles.train)
    for (std::int64_t first = 0; first + pose_window < poses.rows(); first += 3) {
      for (std::int64_t t = first; t < first + pose_window; ++t) {
        std::vector<float> seen, action;
        for (std::int64_t c = 0; c < width; ++c) {
          const float now = poses.row(t)[c];
          seen.push_back((now - angles.middle[static_cast<std::size_t>(c)]) / float(angle_unit));
          action.push_back((poses.row(t + 1)[c] - now) / float(step_unit));
        }
        sequences.append(seen, action);
      }
      sequences.end_sequence();
    }
  return sequences;
}

// The difference of two angles, the short way round.
double angle_between(double a, double b) { return std::abs(std::remainder(a - b, 360.0)); }

// Mean absolute error in degrees, 1, 2, ... poses on, from every frame that has twenty before it
// and a second behind. `start` feeds a recorded pose, `next` predicts the pose after the previous
// prediction; rows of all starts side by side.
struct Curve1s {
  std::vector<double> error = std::vector<double>(static_cast<std::size_t>(predicted_poses), 0.0);
};
Curve1s free_running(Policy& policy, const Angles& angles) {
  const Poses& poses = angles.held_out;
  const std::int64_t width = poses.width, starts = poses.rows() - pose_window;
  Store store(policy.device());
  Actor actor(policy, store, {.rows = starts, .deterministic = true});
  std::vector<double> at(static_cast<std::size_t>(starts * width)), seen(at.size());
  Curve1s curve;
  for (std::int64_t t = 0; t + 1 < pose_window; ++t) {
    for (std::int64_t i = 0; i < starts; ++i)
      for (std::int64_t c = 0; c < width; ++c) {
        const std::size_t j = static_cast<std::size_t>(i * width + c);
        if (t < shown_poses) at[j] = static_cast<double>(poses.row(i + t)[c]);
        seen[j] =
            (at[j] - static_cast<double>(angles.middle[static_cast<std::size_t>(c)])) / angle_unit;
      }
    const std::vector<double> action = actor.act(seen);
    if (t + 1 < shown_poses) continue;
    double total = 0;
    for (std::int64_t i = 0; i < starts; ++i)
      for (std::int64_t c = 0; c < width; ++c) {
        const std::size_t j = static_cast<std::size_t>(i * width + c);
        at[j] += step_unit * action[j];
        total += angle_between(at[j], static_cast<double>(poses.row(i + t + 1)[c]));
      }
    curve.error[static_cast<std::size_t>(t + 1 - shown_poses)] =
        total / static_cast<double>(starts * width);
  }
  return curve;
}

// Zero velocity (speed 0) or constant velocity (1).
Curve1s straight_on(const Angles& angles, double speed) {
  const Poses& poses = angles.held_out;
  const std::int64_t starts = poses.rows() - pose_window;
  Curve1s curve;
  for (std::int64_t h = 1; h <= predicted_poses; ++h) {
    double total = 0;
    for (std::int64_t i = 0; i < starts; ++i)
      for (std::int64_t c = 0; c < poses.width; ++c) {
        const std::int64_t last = i + shown_poses - 1;
        const double now = static_cast<double>(poses.row(last)[c]);
        const double before = static_cast<double>(poses.row(last - 1)[c]);
        total += angle_between(now + speed * static_cast<double>(h) * (now - before),
                               static_cast<double>(poses.row(last + h)[c]));
      }
    curve.error[static_cast<std::size_t>(h - 1)] =
        total / static_cast<double>(starts * poses.width);
  }
  return curve;
}

struct Method {
  const char* name;
  TeacherSchedule::Kind kind;
  bool relabel;
};
const Method methods[] = {{"teacher forcing", TeacherSchedule::Kind::always, false},
                          {"scheduled sampling", TeacherSchedule::Kind::linear, false},
                          {"scheduled sampling, corrected", TeacherSchedule::Kind::linear, true}};

}  // namespace

void next_second(Reproduction& reproduction, Device& device, const MocapSettings& settings,
                 std::int64_t seeds, Progress& progress) {
  const Angles angles = read_angles(reproduction.data_folder("mocap6"));
  const Transitions train = windows_of(angles);
  const std::size_t width = static_cast<std::size_t>(angles.held_out.width);
  Table table{"59 angles at 30 poses a second, free-running: mean error in degrees, 13_31 held out",
              {"model"},
              {},
              ""};
  for (std::int64_t h : horizons)
    table.columns.push_back(formatted("%.2f s", static_cast<double>(h) / 30));
  const auto line = [&](const std::string& name, const std::vector<Curve1s>& curves) {
    std::vector<Json> cells = {name};
    for (std::int64_t h : horizons) {
      std::vector<double> values;
      for (const Curve1s& curve : curves)
        values.push_back(curve.error[static_cast<std::size_t>(h - 1)]);
      cells.push_back(shown(spread_of(values)));
    }
    table.rows.push_back(cells);
  };
  line("zero velocity (README, elsewhere: 8.95 at 1 s)", {straight_on(angles, 0)});
  line("constant velocity (24.94)", {straight_on(angles, 1)});
  for (const Method& method : methods) {
    std::vector<Curve1s> curves;
    for (std::int64_t seed = 0; seed < seeds; ++seed) {
      SequenceCloning::Options options;
      options.policy.trunk = {.name = "gru", .hidden = {settings.hidden}};
      options.policy.head = {"regression"};
      options.batch_size = settings.batch;
      options.steps = pose_window;
      options.given = shown_poses;
      options.learning_rate = settings.rate;
      options.schedule = {.steps = settings.iterations, .last = 0.02};
      options.seed = reproduction.seed(seed);
      options.decay.assign(width, 1.0);
      options.gain.assign(width, step_unit / angle_unit);
      options.relabel = method.relabel;
      options.draw = false;
      options.teacher = {.kind = method.kind,
                         .scale = 0.5 * static_cast<double>(settings.iterations)};
      SequenceCloning cloning(device, train, options);
      train_cloning(cloning, settings.iterations,
                    loss_on(progress, method.name, settings.iterations));
      curves.push_back(free_running(cloning.policy(), angles));
    }
    line(method.name, curves);
  }
  table.note =
      formatted("a GRU of %lld units observes %lld poses first; %lld training steps, %lld seeds",
                static_cast<long long>(settings.hidden), static_cast<long long>(shown_poses),
                static_cast<long long>(settings.iterations), static_cast<long long>(seeds));
  reproduction.tables.push_back(table);
}

}  // namespace understudy::cli
