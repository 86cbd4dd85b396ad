#include "cli/reproduce/thrifty_driver.h"

#include <algorithm>
#include <cmath>

#include "algorithms/tabular/solver.h"
#include "envs/mountain_car.h"

namespace understudy::cli {

namespace {

using Car = MountainCar<double>;

constexpr std::int64_t positions = 601, velocities = 281;
constexpr std::int64_t hill = positions * velocities;  // the state where episodes end

// The four points around a state, and its weights.
struct Corners {
  std::int64_t state[4];
  double weight[4];
};
Corners corners_of(double position, double velocity) {
  const auto cell = [](double x, double low, double high, std::int64_t points, double& part) {
    const double at = (x - low) / (high - low) * static_cast<double>(points - 1);
    const std::int64_t i =
        std::clamp<std::int64_t>(static_cast<std::int64_t>(std::floor(at)), 0, points - 2);
    part = std::clamp(at - static_cast<double>(i), 0.0, 1.0);
    return i;
  };
  double x, v;
  const std::int64_t i = cell(position, Car::lowest, Car::highest, positions, x);
  const std::int64_t j = cell(velocity, -Car::fastest, Car::fastest, velocities, v);
  const std::int64_t first = i * velocities + j;
  return {{first, first + 1, first + velocities, first + velocities + 1},
          {(1 - x) * (1 - v), (1 - x) * v, x * (1 - v), x * v}};
}

// What a step costs and where it leads.
struct Step {
  double cost;
  bool ended;
  Corners corners;
};
Step step_from(double position, double velocity, int action, double fuel) {
  const auto next = Car::step({{position, velocity}}, {{static_cast<double>(action)}});
  const double x = next.state[Car::position], v = next.state[Car::velocity];
  Step step{action == 1 ? 1 : 1 + fuel, next.terminated, {}};
  if (step.ended)
    step.cost *= v > 0 ? std::clamp((Car::goal - position) / v, 0.0, 1.0) : 0;
  else
    step.corners = corners_of(x, v);
  return step;
}

std::vector<double> cost_to_go(Threads* threads, double fuel) {
  ProblemTable table;
  table.n_states = hill + 1;
  table.n_actions = Car::action_count;
  table.terminal.assign(static_cast<std::size_t>(hill + 1), 0);
  table.terminal.back() = 1;
  table.reward.assign(static_cast<std::size_t>((hill + 1) * Car::action_count), 0);
  const auto lead = [&table](std::int64_t state, int action, std::int64_t next, double chance) {
    if (chance == 0) return;
    table.state.push_back(state);
    table.action.push_back(action);
    table.next_state.push_back(next);
    table.probability.push_back(chance);
  };
  for (std::int64_t s = 0; s < hill; ++s) {
    const double x = Car::lowest + (Car::highest - Car::lowest) *
                                       static_cast<double>(s / velocities) / (positions - 1);
    const double v =
        -Car::fastest + 2 * Car::fastest * static_cast<double>(s % velocities) / (velocities - 1);
    for (int a = 0; a < Car::action_count; ++a) {
      const Step step = step_from(x, v, a, fuel);
      table.reward[static_cast<std::size_t>(s * Car::action_count + a)] = -step.cost;
      if (step.ended) lead(s, a, hill, 1);
      for (int k = 0; k < 4 && !step.ended; ++k)
        lead(s, a, step.corners.state[k], step.corners.weight[k]);
    }
  }
  const Problem problem = make_problem(table);
  const std::unique_ptr<Device> owner = cpu_device(threads);
  Device& device = *owner;
  SolveOptions options;
  options.backup = Backup::max;
  options.method = SolveMethod::modified_policy_iteration;
  options.tolerance = 1e-4;
  options.evaluation_sweeps = 50;
  options.values_only = true;
  return solve(device, problem, problem.reward, options).values;
}

}  // namespace

std::unique_ptr<Expert> thrifty_driver(Threads* threads, double fuel) {
  const auto values = std::make_shared<const std::vector<double>>(cost_to_go(threads, fuel));
  return std::make_unique<FunctionExpert>([values, fuel](std::span<const float>,
                                                         std::span<const float> state,
                                                         std::span<float> action) {
    double least = 0;
    for (int a = 0; a < Car::action_count; ++a) {
      const Step step = step_from(static_cast<double>(state[Car::position]),
                                  static_cast<double>(state[Car::velocity]), a, fuel);
      double cost = step.cost;
      for (int k = 0; k < 4 && !step.ended; ++k)
        cost -= step.corners.weight[k] * (*values)[static_cast<std::size_t>(step.corners.state[k])];
      if (a > 0 && cost >= least) continue;
      least = cost;
      action[0] = static_cast<float>(a);
    }
  });
}

}  // namespace understudy::cli
