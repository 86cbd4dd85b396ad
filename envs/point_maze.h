// PointMaze: a particle in a square room, pushed around a barrier to a goal behind it. What is
// learned with the gap on one side is tried with it on the other (Fu et al. 2018, section 7.2).
//
// Lengths, masses, damping, times, reward and start are those of AIRL's code (justinjfu/inverse_rl,
// a MuJoCo model): L = 0.6, a sphere of radius 0.03 and density 1000, damping 1 along both axes,
// forces within [-1, 1], five steps of 0.01 s each with the damping implicit:
//
//   (m + h d) dv = h (u - d v),   x <- x + h v
//
// Walls are capsules of radius 0.02 along x = -0.1, x = L, y = -0.1 and y = L, and the barrier one
// along y = L / 2, from L / 3 to L (`right`, the gap is on the left) or from -0.1 to 2 L / 3
// (`left`). Two things are not MuJoCo's: contacts here are rigid, without friction and without
// bounce (a particle that would overlap is put beside the capsule, and loses its speed towards it),
// and the observation leaves out the third coordinate, which is always the same. Velocities are not
// observed, as in theirs; they decay within 0.1 s.

#pragma once

#include "envs/environment.h"
#include "envs/frame.h"

namespace understudy {

struct PointMazeFacts {
  static constexpr const char* source =
      "Fu et al. 2018 (justinjfu/inverse_rl), with rigid contacts; constants in envs/point_maze.h";

  static constexpr int state_size = 4, observation_size = 2, action_size = 2, action_count = 0;
  enum { x, y, velocity_x, velocity_y };
  static constexpr const char* state_names[] = {"x", "y", "velocity_x", "velocity_y"};
  static constexpr const char* observation_names[] = {"x", "y"};
  static constexpr double observation_low[] = {-unbounded, -unbounded};
  static constexpr double observation_high[] = {unbounded, unbounded};
  static constexpr double action_low = -1, action_high = 1;
  static constexpr int reset_draws = 2;

  static constexpr double side = 0.6;  // L
  static constexpr double particle = 0.03, wall = 0.02;
  static constexpr double reach = particle + wall;  // of a wall's axis
  static constexpr double near_wall = -0.1, far_wall = side, middle = side / 2;
  static constexpr double goal_x = side / 2, goal_y = side - 0.1;
};

struct PointMazeRightSide {
  static constexpr const char* summary = "push a particle around a barrier on the right to a goal";
  static constexpr double from = PointMazeFacts::side / 3, to = PointMazeFacts::side;
  static constexpr double gap = 0.08;  // through which the built-in expert goes
  // Both measured; the reference is the built-in expert.
  static constexpr Version versions[] = {{"point_maze-right", "", 100, no_mark, -45.5, -5.48}};
};

struct PointMazeLeftSide {
  static constexpr const char* summary = "push a particle around a barrier on the left to a goal";
  static constexpr double from = -0.1, to = 2 * PointMazeFacts::side / 3;
  static constexpr double gap = 0.52;
  static constexpr Version versions[] = {{"point_maze-left", "", 100, no_mark, -45.5, -5.48}};
};

template <class Barrier, class Number>
struct PointMazeWith : PointMazeFacts {
  using Real = Number;
  using Scalar = ScalarOf<Real>;
  using State = Variables<Real, state_size>;
  using Action = Variables<Real, action_size>;
  using Observation = Variables<Real, observation_size>;
  static constexpr const char* summary = Barrier::summary;
  static constexpr Version versions[] = {Barrier::versions[0]};

  static constexpr int parts = 5;  // of a step
  static constexpr double seconds = 0.01, damping = 1;
  static constexpr double mass =
      1000 * 4.0 / 3 * 3.14159265358979323846 * particle * particle * particle;
  static constexpr Scalar response = Scalar(seconds / (mass + seconds * damping));

  template <class Random>
  static UNDERSTUDY_HOST_DEVICE State reset(Random& random) {
    State state;
    state[x] = constant<Real>(Scalar(side / 2));
    state[y] = constant<Real>(0);
    state[velocity_x] = random.uniform(-0.01, 0.01);
    state[velocity_y] = random.uniform(-0.01, 0.01);
    return state;
  }

  // The force is the action clipped to [-1, 1]; the price is on the action as given, and on the
  // distance before the step.
  static UNDERSTUDY_HOST_DEVICE Transition<Real, state_size> step(const State& state,
                                                                  const Action& action) {
    Transition<Real, state_size> next;
    const Real dx = state[x] - Scalar(goal_x), dy = state[y] - Scalar(goal_y);
    const Real price = square_root<Real>(dx * dx + dy * dy) +
                       Scalar(0.001) * (action[0] * action[0] + action[1] * action[1]);
    next.reward = -price;
    next.terminated = price < Scalar(-1);  // never
    next.state = state;
    for (int part = 0; part < parts; ++part) {
      for (int k = 0; k < 2; ++k) {
        const Real force = clip<Real>(action[k], Scalar(action_low), Scalar(action_high));
        Real& speed = next.state[2 + k];
        speed = speed + response * (force - Scalar(damping) * speed);
        next.state[k] = next.state[k] + Scalar(seconds) * speed;
      }
      stop_at_barrier(next.state);
      for (int k = 0; k < 2; ++k) stop_at_walls(next.state, k);
    }
    return next;
  }

  static UNDERSTUDY_HOST_DEVICE Observation observe(const State& state) {
    return {{state[x], state[y]}};
  }

  // To the gap, and from behind the barrier's middle to the goal; slower near it.
  static void expert(const double* state, double* action) {
    const bool behind = state[y] > middle;
    const double dx = (behind ? goal_x : Barrier::gap) - state[x];
    const double dy = (behind ? goal_y : middle + 0.05) - state[y];
    const double most =
        __builtin_fmax(__builtin_fmax(__builtin_fabs(dx), __builtin_fabs(dy)), 1e-9);
    const double push = __builtin_fmin(1, 4 * most) / most;
    action[0] = push * dx;
    action[1] = push * dy;
  }

  static void draw(const double* state, Frame& frame) {
    begin_frame(frame, near_wall - 0.1, far_wall + 0.1, near_wall - 0.1, far_wall + 0.1);
    const double a = near_wall, b = far_wall, width = 2 * wall;
    draw_line(frame, a, a, b, a, width, Ink::outline);
    draw_line(frame, b, a, b, b, width, Ink::outline);
    draw_line(frame, b, b, a, b, width, Ink::outline);
    draw_line(frame, a, b, a, a, width, Ink::outline);
    draw_line(frame, Barrier::from, middle, Barrier::to, middle, width, Ink::outline);
    draw_circle(frame, goal_x, goal_y, 0.03, Ink::goal);
    draw_circle(frame, state[x], state[y], particle, Ink::agent);
  }

 private:
  // Beside the capsule where it would overlap: out of it along the shortest way.
  static UNDERSTUDY_HOST_DEVICE void stop_at_barrier(State& state) {
    const Real nearest = clip<Real>(state[x], Scalar(Barrier::from), Scalar(Barrier::to));
    const Real dx = state[x] - nearest, dy = state[y] - Scalar(middle);
    const Real squared = dx * dx + dy * dy;
    const Real distance = square_root<Real>(squared);
    const MaskOf<Real> inside = squared < Scalar(reach * reach);
    const Real nx = dx / distance, ny = dy / distance;
    const Real along = state[velocity_x] * nx + state[velocity_y] * ny;
    const Real inward = select<Real>(along < Scalar(0), along, constant<Real>(0));
    state[x] = select<Real>(inside, nearest + Scalar(reach) * nx, state[x]);
    state[y] = select<Real>(inside, Scalar(middle) + Scalar(reach) * ny, state[y]);
    state[velocity_x] = state[velocity_x] - select<Real>(inside, inward * nx, constant<Real>(0));
    state[velocity_y] = state[velocity_y] - select<Real>(inside, inward * ny, constant<Real>(0));
  }

  static UNDERSTUDY_HOST_DEVICE void stop_at_walls(State& state, int k) {
    constexpr Scalar low = Scalar(near_wall + reach), high = Scalar(far_wall - reach);
    Real& speed = state[2 + k];
    speed = select<Real>((state[k] < low) & (speed < Scalar(0)), constant<Real>(0), speed);
    speed = select<Real>((state[k] > high) & (speed > Scalar(0)), constant<Real>(0), speed);
    state[k] = clip<Real>(state[k], low, high);
  }
};

template <class Number>
struct PointMazeRight : PointMazeWith<PointMazeRightSide, Number> {};
template <class Number>
struct PointMazeLeft : PointMazeWith<PointMazeLeftSide, Number> {};

}  // namespace understudy
