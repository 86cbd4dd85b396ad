// Gridworld: five by five cells, to the far corner, against a wind.
//
// The grid that Ng & Russell (2000) and many after them used: the chosen move happens with
// probability 0.7, otherwise one of the four at random; moves off the grid stay. Reward 1 for
// reaching the corner, which ends the episode. Actions 0 up, 1 down, 2 left, 3 right, as in the
// tabular worlds.

#pragma once

#include "envs/grid.h"

namespace understudy {

template <class Number>
struct Gridworld : WalkFacts<5 * 5> {
  using Real = Number;
  using Scalar = ScalarOf<Real>;
  static constexpr const char* summary = "walk to the far corner against a wind";
  static constexpr const char* source = "Ng & Russell 2000, section 6";
  static constexpr int side = 5;
  static constexpr double wind = 0.3;
  static constexpr int reset_draws = 0, step_draws = 2;
  // Both measured; the reference is the built-in expert.
  static constexpr Version versions[] = {{"gridworld", "", 30, no_mark, 0.153, 0.9997}};
  using State = Variables<Real, state_size>;
  using Action = Variables<Real, action_size>;
  using Observation = Variables<Real, observation_size>;

  template <class Random>
  static UNDERSTUDY_HOST_DEVICE State reset(Random&) {
    return {{constant<Real>(0)}};
  }

  template <class Random>
  static UNDERSTUDY_HOST_DEVICE Transition<Real, state_size> step(const State& state,
                                                                  const Action& action,
                                                                  Random& random) {
    const Real blows = random.uniform(0, 1);
    const Real gust = grid::whole_part<Real>(random.uniform(0.001, 3.999));
    const Real way = select<Real>(blows < Scalar(wind), gust, action[0]);
    Transition<Real, state_size> next;
    next.state[0] = grid::moved<Real>(state[0], grid::is<Real>(way, 1) - grid::is<Real>(way, 0),
                                      grid::is<Real>(way, 3) - grid::is<Real>(way, 2), side, side);
    next.terminated = next.state[0] == Scalar(cell_count - 1);
    next.reward = select<Real>(next.terminated, constant<Real>(1), constant<Real>(0));
    return next;
  }

  static UNDERSTUDY_HOST_DEVICE Observation observe(const State& state) {
    Observation seen;
    grid::indicate<cell_count>(state[0], seen);
    return seen;
  }

  // The way with more cells left.
  static void expert(const double* state, double* action) {
    const int row = int(state[0]) / side, column = int(state[0]) % side;
    action[0] = row < column ? 1 : 3;
  }
  static void draw(const double* state, Frame& frame) {
    grid::draw_cells(frame, side, side);
    grid::draw_cell(frame, side, side - 1, side - 1, Ink::goal);
    grid::draw_agent(frame, side, int(state[0]) / side, int(state[0]) % side);
  }
};

}  // namespace understudy
