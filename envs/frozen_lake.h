// FrozenLake: across slippery ice to the goal, past holes.
//
// Maps, numbering and probabilities are those of Gymnasium's `toy_text/frozen_lake.py`: on the
// slippery lake the move is the one chosen or one of the two at right angles to it, a third each.
// Actions 0 left, 1 down, 2 right, 3 up.

#pragma once

#include "envs/grid.h"

namespace understudy {

// S start, F frozen, H hole, G goal, row by row; and the best action of each cell without a time
// limit (value iteration, discount 0.9999), which the built-in expert takes.
struct FrozenLake4Map {
  static constexpr int side = 4;
  static constexpr const char* summary = "cross slippery ice past four holes";
  static constexpr const char* cells = "SFFFFHFHFFFHHFFG";
  static constexpr const char* best = "0333000031000210";
  // Random and reference: probabilities of success within the horizon, from the tables.
  static constexpr Version versions[] = {{"frozen_lake", "FrozenLake-v1", 100, 0.7, 0.0139, 0.740}};
};
struct FrozenLake8Map {
  static constexpr int side = 8;
  static constexpr const char* summary = "cross slippery ice past ten holes";
  static constexpr const char* cells =
      "SFFFFFFFFFFFFFFFFFFHFFFFFFFFFHFFFFFHFFFFFHHFFFHFFHFFHFHFFFFHFFFG";
  static constexpr const char* best =
      "3222222233333332000023220001002203002132000130020020000201001210";
  static constexpr Version versions[] = {
      {"frozen_lake_8x8", "FrozenLake8x8-v1", 200, 0.85, 0.0019, 0.886}};
};

template <class Map, class Number>
struct FrozenLakeOn : WalkFacts<Map::side * Map::side> {
  using Real = Number;
  using Scalar = ScalarOf<Real>;
  static constexpr const char* summary = Map::summary;
  static constexpr const char* source = "Gymnasium, toy_text/frozen_lake.py";
  static constexpr int side = Map::side;
  using Facts = WalkFacts<side * side>;
  using Facts::action_size, Facts::cell_count, Facts::observation_size, Facts::state_size;
  static constexpr int reset_draws = 0, step_draws = 1;
  static constexpr auto& versions = Map::versions;
  using State = Variables<Real, state_size>;
  using Action = Variables<Real, action_size>;
  using Observation = Variables<Real, observation_size>;

  // A bit for each hole: code for CUDA may not read the host's strings.
  static constexpr std::uint64_t holes = [] {
    std::uint64_t bits = 0;
    for (int k = 0; k < cell_count; ++k) bits |= std::uint64_t(Map::cells[k] == 'H') << k;
    return bits;
  }();

  template <class Random>
  static UNDERSTUDY_HOST_DEVICE State reset(Random&) {
    return {{constant<Real>(0)}};
  }

  // Reward 1 for reaching the goal. Holes and the goal end the episode.
  template <class Random>
  static UNDERSTUDY_HOST_DEVICE Transition<Real, state_size> step(const State& state,
                                                                  const Action& action,
                                                                  Random& random) {
    const Real way = grid::slipped<Real>(action[0], random);
    Transition<Real, state_size> next;
    next.state[0] = grid::moved<Real>(state[0], grid::is<Real>(way, 1) - grid::is<Real>(way, 3),
                                      grid::is<Real>(way, 2) - grid::is<Real>(way, 0), side, side);
    const MaskOf<Real> goal = next.state[0] == Scalar(cell_count - 1);
    next.terminated = goal;
    for (int k = 0; k < cell_count; ++k)
      if ((holes >> k & 1) != 0) next.terminated = next.terminated | (next.state[0] == Scalar(k));
    next.reward = select<Real>(goal, constant<Real>(1), constant<Real>(0));
    return next;
  }

  static UNDERSTUDY_HOST_DEVICE Observation observe(const State& state) {
    Observation seen;
    grid::indicate<cell_count>(state[0], seen);
    return seen;
  }

  static void expert(const double* state, double* action) {
    action[0] = Map::best[int(state[0])] - '0';
  }
  static void draw(const double* state, Frame& frame) {
    grid::draw_cells(frame, side, side);
    for (int k = 0; k < cell_count; ++k) {
      if (Map::cells[k] == 'H') grid::draw_cell(frame, side, k / side, k % side, Ink::danger);
      if (Map::cells[k] == 'G') grid::draw_cell(frame, side, k / side, k % side, Ink::goal);
    }
    grid::draw_agent(frame, side, int(state[0]) / side, int(state[0]) % side);
  }
};

template <class Number>
struct FrozenLake : FrozenLakeOn<FrozenLake4Map, Number> {};
template <class Number>
struct FrozenLake8 : FrozenLakeOn<FrozenLake8Map, Number> {};

}  // namespace understudy
