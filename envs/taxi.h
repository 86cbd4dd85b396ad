// Taxi: fetch a passenger and bring him to where he wants to go (Dietterich 2000).
//
// Walls, numbering and rewards are those of Gymnasium's `toy_text/taxi.py` on a dry day:
//
//   state = ((row 5 + column) 5 + passenger) 4 + destination
//
// passenger 0 to 3 waits at R (0,0), G (0,4), Y (4,0), B (4,3); 4 is in the taxi. Actions 0 south,
// 1 north, 2 east, 3 west, 4 pick up, 5 drop off. The observation has indicators of the row, the
// column, the passenger and the destination.

#pragma once

#include "envs/grid.h"

namespace understudy {

template <class Number>
struct Taxi {
  using Real = Number;
  using Scalar = ScalarOf<Real>;
  static constexpr const char* summary = "fetch a passenger by taxi and drop him where he wants";
  static constexpr const char* source = "Gymnasium, toy_text/taxi.py";
  static constexpr int state_size = 1, observation_size = 5 + 5 + 5 + 4;
  static constexpr int action_size = 1, action_count = 6;
  static constexpr const char* state_names[] = {"index"};
  static constexpr double action_low = 0, action_high = 5;
  static constexpr int reset_draws = 4;
  static constexpr auto& observation_names = IndicatorFacts<observation_size>::names;
  static constexpr auto& observation_low = IndicatorFacts<observation_size>::low;
  static constexpr auto& observation_high = IndicatorFacts<observation_size>::high;
  // Random: measured with Gymnasium's rules. Reference: the best policy's, from the tables.
  static constexpr Version versions[] = {{"taxi", "Taxi-v4", 200, 8, -771, 7.93}};
  using State = Variables<Real, state_size>;
  using Action = Variables<Real, action_size>;
  using Observation = Variables<Real, observation_size>;

  // (Functions rather than tables: code for CUDA may not index a table of the host's.)
  static constexpr int stand_row(int k) { return k < 2 ? 0 : 4; }
  static constexpr int stand_column(int k) { return k == 1 ? 4 : k == 3 ? 3 : 0; }

  struct Parts {
    Real row, column, passenger, destination;
  };
  static UNDERSTUDY_HOST_DEVICE Parts parts(const State& state) {
    Parts p;
    Real place, cell;
    grid::split_index<Real>(state[0], 4, place, p.destination);
    grid::split_index<Real>(place, 5, cell, p.passenger);
    grid::split_index<Real>(cell, 5, p.row, p.column);
    return p;
  }
  static UNDERSTUDY_HOST_DEVICE Real index(const Parts& p) {
    return ((p.row * Scalar(5) + p.column) * Scalar(5) + p.passenger) * Scalar(4) + p.destination;
  }

  // Uniform over the 300 states in which the passenger waits elsewhere than where he wants to go.
  template <class Random>
  static UNDERSTUDY_HOST_DEVICE State reset(Random& random) {
    Parts p;
    p.row = grid::whole_part<Real>(random.uniform(0.001, 4.999));
    p.column = grid::whole_part<Real>(random.uniform(0.001, 4.999));
    p.passenger = grid::whole_part<Real>(random.uniform(0.001, 3.999));
    p.destination = p.passenger + Scalar(1) + grid::whole_part<Real>(random.uniform(0.001, 2.999));
    p.destination =
        select<Real>(p.destination > Scalar(3), p.destination - Scalar(4), p.destination);
    return {{index(p)}};
  }

  // Whether a wall stands east of the cell: the map's bars.
  static UNDERSTUDY_HOST_DEVICE MaskOf<Real> wall_east(Real row, Real column) {
    const MaskOf<Real> upper = (row < Scalar(2)) & (column == Scalar(1));
    const MaskOf<Real> lower = (row > Scalar(2)) & ((column == Scalar(0)) | (column == Scalar(2)));
    return upper | lower;
  }

  // Which stand the taxi is at, or -1.
  static UNDERSTUDY_HOST_DEVICE Real stand(Real row, Real column) {
    Real at = constant<Real>(-1);
    for (int k = 0; k < 4; ++k)
      at = select<Real>((row == Scalar(stand_row(k))) & (column == Scalar(stand_column(k))),
                        constant<Real>(Scalar(k)), at);
    return at;
  }

  // -1 a step, -10 for picking up or dropping off where one cannot, 20 for dropping the passenger
  // at the destination, which ends the episode. He may be dropped at any stand.
  static UNDERSTUDY_HOST_DEVICE Transition<Real, state_size> step(const State& state,
                                                                  const Action& action) {
    Parts p = parts(state);
    const Real way = action[0], minus_one = constant<Real>(-1);
    const Real at = stand(p.row, p.column);
    const MaskOf<Real> picks = way == Scalar(4), drops = way == Scalar(5);
    const MaskOf<Real> boards = picks & (at >= Scalar(0)) & (at == p.passenger);
    const MaskOf<Real> rides = p.passenger == Scalar(4);
    const MaskOf<Real> alights = drops & rides & (at >= Scalar(0));
    const MaskOf<Real> arrives = alights & (at == p.destination);

    const Real east =
        select<Real>(wall_east(p.row, p.column), constant<Real>(0), grid::is<Real>(way, 2));
    const Real west = select<Real>(wall_east(p.row, p.column - Scalar(1)), constant<Real>(0),
                                   grid::is<Real>(way, 3));
    Parts q = p;
    q.row =
        clip<Real>(p.row + grid::is<Real>(way, 0) - grid::is<Real>(way, 1), Scalar(0), Scalar(4));
    q.column = clip<Real>(p.column + east - west, Scalar(0), Scalar(4));
    q.passenger = select<Real>(boards, constant<Real>(4), p.passenger);
    q.passenger = select<Real>(alights, at, q.passenger);

    Transition<Real, state_size> next;
    next.state[0] = index(q);
    next.reward = select<Real>(picks | drops, constant<Real>(-10), minus_one);
    next.reward = select<Real>(boards | alights, minus_one, next.reward);
    next.reward = select<Real>(arrives, constant<Real>(20), next.reward);
    next.terminated = arrives;
    return next;
  }

  static UNDERSTUDY_HOST_DEVICE Observation observe(const State& state) {
    const Parts p = parts(state);
    Observation seen;
    grid::indicate<5>(p.row, seen);
    grid::indicate<5>(p.column, seen, 5);
    grid::indicate<5>(p.passenger, seen, 10);
    grid::indicate<4>(p.destination, seen, 15);
    return seen;
  }

  // The shortest way (breadth-first from the target) to the passenger, then to the destination.
  static void expert(const double* state, double* action) {
    const int s = int(state[0]), destination = s % 4, passenger = s / 4 % 5, cell = s / 20;
    const int target = passenger == 4 ? destination : passenger;
    const int goal = stand_row(target) * 5 + stand_column(target);
    if (cell == goal) {
      action[0] = passenger == 4 ? 5 : 4;
      return;
    }
    int queue[25] = {goal}, count = 1;
    bool seen[25] = {};
    seen[goal] = true;
    for (int i = 0; i < count; ++i) {
      const int row = queue[i] / 5, column = queue[i] % 5;
      // From each neighbor the way that leads here.
      const int row_of[] = {row - 1, row + 1, row, row},
                column_of[] = {column, column, column - 1, column + 1};
      for (int way = 0; way < 4; ++way) {
        const int r = row_of[way], c = column_of[way];
        if (r < 0 || r > 4 || c < 0 || c > 4 || seen[r * 5 + c]) continue;
        if (way == 2 && Taxi<double>::wall_east(r, c)) continue;
        if (way == 3 && Taxi<double>::wall_east(r, c - 1)) continue;
        if (r * 5 + c == cell) {
          action[0] = way;
          return;
        }
        seen[r * 5 + c] = true;
        queue[count++] = r * 5 + c;
      }
    }
  }
  static void draw(const double* state, Frame& frame) {
    const int s = int(state[0]), destination = s % 4, passenger = s / 4 % 5, cell = s / 20;
    grid::draw_cells(frame, 5, 5);
    for (int r = 0; r < 5; ++r)
      for (int c = 0; c < 4; ++c)
        if (Taxi<double>::wall_east(r, c))
          draw_line(frame, c + 1, 4 - r, c + 1, 5 - r, 0.1, Ink::outline);
    grid::draw_cell(frame, 5, stand_row(destination), stand_column(destination), Ink::goal);
    grid::draw_agent(frame, 5, cell / 5, cell % 5);
    const int row = passenger == 4 ? cell / 5 : stand_row(passenger);
    const int column = passenger == 4 ? cell % 5 : stand_column(passenger);
    draw_circle(frame, column + 0.5, 4.5 - row, 0.15, Ink::danger);
  }
};

}  // namespace understudy
