// Forest: fly between trees on what a row of range readings shows.
//
// After the flights of Ross et al., "Learning monocular reactive UAV control in cluttered natural
// environments" (2013): constant forward speed, the learner commands the sideways one. The forest
// is of our own making, and has no end: the plane is cut into cells of 3 m, most of which hold one
// tree, whose place and radius come from the cell's and the map's numbers by a hash in small whole
// numbers, exact in f32. So a map is two numbers of the state, and nothing is stored.
//
// A tree stays 0.6 m off its cell's border, which is the largest radius and the craft's own: only
// the tree of one's own cell can be hit, and no two trees overlap.
//
// The built-in expert sees the map: it flies every path of three commands over the next 5.4 m and
// takes the first of the best. A learner sees 24 ranges over 120 degrees, up to 8 m, and its own
// sideways speed.

#pragma once

#include "envs/environment.h"
#include "envs/frame.h"

namespace understudy {

struct ForestFacts {
  static constexpr const char* summary = "fly between trees on 24 range readings";
  static constexpr const char* source = "after Ross et al. 2013; constants our own";

  static constexpr int state_size = 5, action_size = 1, action_count = 0;
  enum { x, y, velocity_y, map_a, map_b };
  static constexpr const char* state_names[] = {"x", "y", "velocity_y", "map_a", "map_b"};
  static constexpr int rays = 24, observation_size = rays + 1;
  static constexpr const char* observation_names[] = {
      "range_0",  "range_1",  "range_2",  "range_3",   "range_4",  "range_5",  "range_6",
      "range_7",  "range_8",  "range_9",  "range_10",  "range_11", "range_12", "range_13",
      "range_14", "range_15", "range_16", "range_17",  "range_18", "range_19", "range_20",
      "range_21", "range_22", "range_23", "velocity_y"};
  // Ranges are in units of the longest; a reading of 1 saw nothing.
  static constexpr double observation_low[] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
                                               0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, -1};
  static constexpr double observation_high[] = {1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,
                                                1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1};
  static constexpr double action_low = -1, action_high = 1;  // m/s sideways
  static constexpr int reset_draws = 3;

  static constexpr double cell = 3, body = 0.2, longest = 8;           // m
  static constexpr double speed = 1.5, seconds = 0.1, response = 0.3;  // m/s, s, s
  static constexpr int prime = 3001;  // products of what is below stay below 2^24

  // Returns are meters flown, 90 at most. Both measured; the reference is the
  // built-in expert.
  static constexpr Version versions[] = {
      {"forest", "", 600, no_mark, 19.6, 90},
  };
};

template <class Number>
struct Forest : ForestFacts {
  using Real = Number;
  using Scalar = ScalarOf<Real>;
  using State = Variables<Real, state_size>;
  using Action = Variables<Real, action_size>;
  using Observation = Variables<Real, observation_size>;

  struct Tree {
    Real x, y, radius;  // a radius of 0: there is none
  };

  static UNDERSTUDY_HOST_DEVICE Real floor_of(Real a) {
    Real unused;
    const Real near = round_to_integer<Real>(a, unused);
    return select<Real>(near > a, near - Scalar(1), near);
  }
  // a modulo the prime, for whole 0 <= a < 2^24.
  static UNDERSTUDY_HOST_DEVICE Real modulo(Real a) {
    Real r = a - floor_of(a * Scalar(1.0 / prime)) * Scalar(prime);
    r = select<Real>(r < Scalar(0), r + Scalar(prime), r);
    return select<Real>(r >= Scalar(prime), r - Scalar(prime), r);
  }
  // Scrambles 0 .. prime - 1: quadratic steps, which no line of cells survives.
  static UNDERSTUDY_HOST_DEVICE Real scramble(Real a) {
    const Real b = modulo(a * (a + Scalar(577)) + Scalar(1231));
    return modulo(b * (b + Scalar(131)) + Scalar(379));
  }

  // The tree of cell (column, row); row may be negative.
  static UNDERSTUDY_HOST_DEVICE Tree tree(const State& state, Real column, Real row) {
    const Real first = scramble(modulo(state[map_a] + Scalar(977) * (column + Scalar(8))));
    Real h = scramble(modulo(first + state[map_b] + Scalar(613) * (row + Scalar(512))));
    const MaskOf<Real> there = (h < Scalar(0.85 * prime)) & (column > Scalar(1.5));
    Tree one;
    h = scramble(h);
    one.x = Scalar(cell) * column + Scalar(0.6) + h * Scalar((cell - 1.2) / prime);
    h = scramble(h);
    one.y = Scalar(cell) * row + Scalar(0.6) + h * Scalar((cell - 1.2) / prime);
    h = scramble(h);
    one.radius = select<Real>(there, Scalar(0.1) + h * Scalar(0.3 / prime), constant<Real>(0));
    return one;
  }

  // In the clear strip before the trees, at rest sideways, on one of nine million maps.
  template <class Random>
  static UNDERSTUDY_HOST_DEVICE State reset(Random& random) {
    State state;
    state[x] = constant<Real>(0);
    state[y] = random.uniform(0, cell);
    state[velocity_y] = constant<Real>(0);
    state[map_a] = floor_of(random.uniform(0, prime - 0.01));
    state[map_b] = floor_of(random.uniform(0, prime - 0.01));
    return state;
  }

  // The sideways speed follows the command (clipped to [-1, 1]) with the craft's response. Reward:
  // meters forward. Touching a tree ends the episode.
  static UNDERSTUDY_HOST_DEVICE Transition<Real, state_size> step(const State& state,
                                                                  const Action& action) {
    const Real command = clip<Real>(action[0], Scalar(action_low), Scalar(action_high));
    Transition<Real, state_size> next;
    next.state = state;
    next.state[velocity_y] =
        state[velocity_y] + Scalar(seconds / response) * (command - state[velocity_y]);
    next.state[x] = state[x] + Scalar(speed * seconds);
    next.state[y] = state[y] + Scalar(seconds) * next.state[velocity_y];
    next.terminated = gap_squared(next.state) < Scalar(0);
    next.reward = constant<Real>(Scalar(speed * seconds));
    return next;
  }

  // Squared distance to the own cell's tree less the squared distance at which it is touched.
  static UNDERSTUDY_HOST_DEVICE Real gap_squared(const State& state) {
    const Tree one =
        tree(state, floor_of(state[x] * Scalar(1 / cell)), floor_of(state[y] * Scalar(1 / cell)));
    const Real dx = state[x] - one.x, dy = state[y] - one.y, touch = one.radius + Scalar(body);
    return select<Real>(one.radius > Scalar(0), dx * dx + dy * dy - touch * touch,
                        constant<Real>(1));
  }

  // A ray meets a disc where t - sqrt(r^2 - m^2): t how far along the center is, m how far beside.
  // Discs are disjoint, so that the first in t is the first met, and one root a ray is enough.
  static UNDERSTUDY_HOST_DEVICE Observation observe(const State& state) {
    // Directions from -60 to 60 degrees, by turns of 120 / 23 degrees.
    Scalar ray_x[rays], ray_y[rays];
    ray_x[0] = Scalar(0.5), ray_y[0] = Scalar(-0.86602540378443864676);
    for (int k = 1; k < rays; ++k) {
      const Scalar cosine = Scalar(0.9958568425315313), sine = Scalar(0.09093486230884694);
      ray_x[k] = cosine * ray_x[k - 1] - sine * ray_y[k - 1];
      ray_y[k] = sine * ray_x[k - 1] + cosine * ray_y[k - 1];
    }
    Real along[rays], inside[rays];
    for (int k = 0; k < rays; ++k) {
      along[k] = constant<Real>(Scalar(2 * longest));
      inside[k] = constant<Real>(0);
    }
    const Real column = floor_of(state[x] * Scalar(1 / cell));
    const Real row = floor_of(state[y] * Scalar(1 / cell));
    for (int i = 0; i <= 3; ++i)
      for (int j = -3; j <= 3; ++j) {
        const Tree one = tree(state, column + Scalar(i), row + Scalar(j));
        const Real dx = one.x - state[x], dy = one.y - state[y];
        const Real behind = dx * dx + dy * dy - one.radius * one.radius;
        for (int k = 0; k < rays; ++k) {
          const Real t = dx * ray_x[k] + dy * ray_y[k];
          const Real q = t * t - behind;  // r^2 - m^2
          const MaskOf<Real> nearer =
              (q > Scalar(0)) & (t > Scalar(0)) & (t < along[k]) & (one.radius > Scalar(0));
          along[k] = select<Real>(nearer, t, along[k]);
          inside[k] = select<Real>(nearer, q, inside[k]);
        }
      }
    Observation seen;
    for (int k = 0; k < rays; ++k) {
      const Real range = along[k] - square_root<Real>(inside[k]);
      seen[k] = clip<Real>(range * Scalar(1 / longest), Scalar(0), Scalar(1));
    }
    seen[rays] = state[velocity_y];
    return seen;
  }

  // What a path costs: a crash by how soon it comes, closeness, and turning.
  static double price(State state, const double* commands) {
    constexpr int held = 12, steps = 3 * held;
    double sum = 0;
    for (int t = 0; t < steps; ++t) {
      const double command = commands[t / held];
      state = step(state, {{Real(command)}}).state;
      const double gap = gap_squared(state);
      if (gap < 0) return sum + 1000 * (steps - t);
      if (gap < 0.3) sum += 10 * (0.3 - gap);
      sum += 0.01 * command * command;
    }
    return sum;
  }
  static void expert(const double* state, double* action) {
    constexpr double choices[] = {0, -0.5, 0.5, -1, 1};
    Forest<double>::State now;
    for (int k = 0; k < state_size; ++k) now[k] = state[k];
    double best = unbounded;
    action[0] = 0;
    for (double a : choices)
      for (double b : choices)
        for (double c : choices) {
          const double commands[] = {a, b, c}, found = Forest<double>::price(now, commands);
          if (found < best) best = found, action[0] = a;
        }
  }
  static void draw(const double* state, Frame& frame) {
    using One = Forest<double>;
    One::State now;
    for (int k = 0; k < state_size; ++k) now[k] = state[k];
    begin_frame(frame, now[x] - 2, now[x] + 10, now[y] - 5, now[y] + 5);
    const One::Observation seen = One::observe(now);
    for (int k = 0; k < rays; ++k) {
      const double angle = -1.0471975511965976 + k * 2.0943951023931953 / (rays - 1);
      draw_line(frame, now[x], now[y], now[x] + longest * seen[k] * __builtin_cos(angle),
                now[y] + longest * seen[k] * __builtin_sin(angle), 0.02, Ink::faint);
    }
    const double column = One::floor_of(now[x] / cell), row = One::floor_of(now[y] / cell);
    for (int i = -1; i <= 4; ++i)
      for (int j = -3; j <= 3; ++j) {
        if (column + i < 0) continue;
        const One::Tree one = One::tree(now, column + i, row + j);
        if (one.radius > 0) draw_circle(frame, one.x, one.y, one.radius, Ink::danger);
      }
    draw_circle(frame, now[x], now[y], body, Ink::agent);
  }
};

}  // namespace understudy
