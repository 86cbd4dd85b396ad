// The mazes beside an implementation of their rules of its own: any number of capsules, in doubles.

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "envs/list.h"
#include "tests/kernels/kernel_test.h"

namespace understudy {
namespace {

struct Capsule {
  double x0, y0, x1, y1;
};

std::vector<Capsule> room(bool right) {
  return {{-0.1, -1, -0.1, 2},
          {0.6, -1, 0.6, 2},
          {-1, -0.1, 2, -0.1},
          {-1, 0.6, 2, 0.6},
          right ? Capsule{0.2, 0.3, 0.6, 0.3} : Capsule{-0.1, 0.3, 0.4, 0.3}};
}

// How far the particle's center is from the capsule's axis, and the nearest point of it.
double distance(const Capsule& c, double x, double y, double* near_x, double* near_y) {
  const double ax = c.x1 - c.x0, ay = c.y1 - c.y0;
  const double t =
      std::fmin(1, std::fmax(0, ((x - c.x0) * ax + (y - c.y0) * ay) / (ax * ax + ay * ay)));
  *near_x = c.x0 + t * ax;
  *near_y = c.y0 + t * ay;
  return std::hypot(x - *near_x, y - *near_y);
}

struct Particle {
  double x, y, vx, vy;
};

// The barrier first, then the walls, in each of five parts.
void step_by_hand(const std::vector<Capsule>& capsules, Particle& p, const double* action) {
  const double mass = 4000.0 / 3 * 3.14159265358979323846 * std::pow(0.03, 3);
  for (int part = 0; part < 5; ++part) {
    double* speed[] = {&p.vx, &p.vy};
    for (int k = 0; k < 2; ++k)  // m dv / h = u - (v + dv)
      *speed[k] =
          (mass * *speed[k] + 0.01 * std::fmin(1, std::fmax(-1, action[k]))) / (mass + 0.01);
    p.x += 0.01 * p.vx;
    p.y += 0.01 * p.vy;
    for (std::size_t i : {4u, 0u, 1u, 2u, 3u}) {
      double at_x, at_y;
      const double d = distance(capsules[i], p.x, p.y, &at_x, &at_y);
      if (d >= 0.05) continue;
      const double nx = (p.x - at_x) / d, ny = (p.y - at_y) / d;
      const double towards = std::fmin(0, p.vx * nx + p.vy * ny);
      p = {at_x + 0.05 * nx, at_y + 0.05 * ny, p.vx - towards * nx, p.vy - towards * ny};
    }
  }
}

template <template <class> class Maze>
void check(bool right) {
  using Env = Maze<double>;
  const std::vector<Capsule> capsules = room(right);
  kernel_test::Random random(3);
  int touched = 0;
  for (int episode = 0; episode < 200; ++episode) {
    typename Env::State state = {
        {0.3, 0, random.uniform(-0.01, 0.01), random.uniform(-0.01, 0.01)}};
    double action[2] = {};
    for (int t = 0; t < 100; ++t) {
      if (t % 8 == 0)
        for (double& a : action) a = random.uniform(-1.5, 1.5);
      Particle p = {state[0], state[1], state[2], state[3]};
      const double expected = -std::hypot(p.x - 0.3, p.y - 0.5) -
                              0.001 * (action[0] * action[0] + action[1] * action[1]);
      step_by_hand(capsules, p, action);
      const auto next = Env::step(state, {{action[0], action[1]}});
      EXPECT_NEAR(next.reward, expected, 1e-12);
      const double found[] = {p.x, p.y, p.vx, p.vy};
      for (int k = 0; k < 4; ++k)
        ASSERT_NEAR(next.state[k], found[k], 1e-12) << episode << " " << t;
      state = next.state;
      for (const Capsule& c : capsules) {
        double at_x, at_y;
        const double d = distance(c, state[0], state[1], &at_x, &at_y);
        EXPECT_GE(d, 0.05 - 1e-9);
        touched += d < 0.05 + 1e-9;
      }
    }
  }
  EXPECT_GT(touched, 1000);
}

TEST(PointMaze, steps_are_those_of_capsules_and_a_damped_mass) {
  check<PointMazeRight>(true);
  check<PointMazeLeft>(false);
}

// Straight up is the shortest way, and the barrier is in it.
TEST(PointMaze, nobody_goes_through_the_barrier) {
  for (const double to : {0.0, 0.1}) {
    PointMazeRight<float>::State state = {{0.3f, 0, 0, 0}};
    for (int t = 0; t < 100; ++t)
      state = PointMazeRight<float>::step(state, {{static_cast<float>(to), 1.0f}}).state;
    EXPECT_LT(state[1], 0.26);
  }
}

}  // namespace
}  // namespace understudy
