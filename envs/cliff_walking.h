// CliffWalking: along the edge of a cliff to the goal (Sutton & Barto, example 6.6).
//
// Numbering and rewards are those of Gymnasium's `toy_text/cliffwalking.py`, without slipping. It
// has no time limit there; here an episode is cut off after 200 steps.
// Actions 0 up, 1 right, 2 down, 3 left.

#pragma once

#include "envs/grid.h"

namespace understudy {

template <class Number>
struct CliffWalking : WalkFacts<4 * 12> {
  using Real = Number;
  using Scalar = ScalarOf<Real>;
  static constexpr const char* summary = "walk along a cliff to the other end";
  static constexpr const char* source = "Gymnasium, toy_text/cliffwalking.py";
  static constexpr int rows = 4, columns = 12;
  static constexpr int start = 36, goal = 47;
  static constexpr int reset_draws = 0;
  // Random: measured over 100,000 episodes. Reference: the shortest safe way.
  static constexpr Version versions[] = {
      {"cliff_walking", "CliffWalking-v1", 200, no_mark, -2077.5, -13}};
  using State = Variables<Real, state_size>;
  using Action = Variables<Real, action_size>;
  using Observation = Variables<Real, observation_size>;

  template <class Random>
  static UNDERSTUDY_HOST_DEVICE State reset(Random&) {
    return {{constant<Real>(Scalar(start))}};
  }

  // -1 a step; the cliff costs 100 and leads back to the start. The goal ends the episode.
  static UNDERSTUDY_HOST_DEVICE Transition<Real, state_size> step(const State& state,
                                                                  const Action& action) {
    const Real way = action[0];
    const Real cell =
        grid::moved<Real>(state[0], grid::is<Real>(way, 2) - grid::is<Real>(way, 0),
                          grid::is<Real>(way, 1) - grid::is<Real>(way, 3), rows, columns);
    const MaskOf<Real> fell = (cell > Scalar(start)) & (cell < Scalar(goal));
    Transition<Real, state_size> next;
    next.state[0] = select<Real>(fell, constant<Real>(Scalar(start)), cell);
    next.reward = select<Real>(fell, constant<Real>(-100), constant<Real>(-1));
    next.terminated = next.state[0] == Scalar(goal);
    return next;
  }

  static UNDERSTUDY_HOST_DEVICE Observation observe(const State& state) {
    Observation seen;
    grid::indicate<cell_count>(state[0], seen);
    return seen;
  }

  // Up to the row above the cliff, along it, down.
  static void expert(const double* state, double* action) {
    const int cell = int(state[0]), row = cell / columns, column = cell % columns;
    action[0] = column == columns - 1 ? 2 : row == rows - 1 ? 0 : 1;
  }
  static void draw(const double* state, Frame& frame) {
    grid::draw_cells(frame, rows, columns);
    for (int k = start + 1; k < goal; ++k)
      grid::draw_cell(frame, rows, rows - 1, k % columns, Ink::danger);
    grid::draw_cell(frame, rows, rows - 1, columns - 1, Ink::goal);
    grid::draw_agent(frame, rows, int(state[0]) / columns, int(state[0]) % columns);
  }
};

}  // namespace understudy
