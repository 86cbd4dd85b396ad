// PlanarArm against complex numbers, whose products are rotations.

#include "envs/planar_arm.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <complex>

#include "tests/kernels/kernel_test.h"

namespace understudy {
namespace {

using Arm = PlanarArm<double>;

TEST(PlanarArm, steps_are_those_of_rotating_links) {
  kernel_test::Random random(4);
  for (int i = 0; i < 500; ++i) {
    const Arm::State state = {{random.uniform(-7, 7), random.uniform(-7, 7), random.uniform(-3, 3),
                               random.uniform(-3, 3), random.uniform(-1, 1),
                               random.uniform(-1, 1)}};
    const Arm::Action action = {{random.uniform(-2, 2), random.uniform(-2, 2)}};
    const auto next = Arm::step(state, action);
    double effort = 0, angle[2];
    for (int k : {0, 1}) {
      const double u = std::clamp(action[k], -1.0, 1.0), before = state[2 + k];
      const double rate = before + (8 * u - 2 * before) / 10;
      angle[k] = state[k] + rate / 10;
      effort += u * u;
      EXPECT_NEAR(next.state[2 + k], rate, 1e-13);
      EXPECT_NEAR(next.state[k], angle[k], 1e-13);
      EXPECT_EQ(next.state[4 + k], state[4 + k]);
    }
    const std::complex<double> first = std::polar(1.0, angle[0]),
                               second = std::polar(1.0, angle[1]),
                               tip = 0.5 * first + 0.5 * first * second, target(state[4], state[5]);
    EXPECT_NEAR(next.reward, -std::norm(tip - target) - effort / 100, 1e-12);
    EXPECT_FALSE(next.terminated);
    const Arm::Observation seen = Arm::observe(next.state);
    const double expected[] = {first.real(),
                               first.imag(),
                               second.real(),
                               second.imag(),
                               next.state[2],
                               next.state[3],
                               state[4],
                               state[5],
                               target.real() - tip.real(),
                               target.imag() - tip.imag()};
    for (int k = 0; k < 10; ++k) EXPECT_NEAR(seen[k], expected[k], 1e-12) << k;
  }
}

// From anywhere, once it has settled.
TEST(PlanarArm, the_expert_reaches_its_target) {
  kernel_test::Random random(8);
  for (int i = 0; i < 100; ++i) {
    Arm::State state = {{random.uniform(-3.1, 3.1), random.uniform(0.3, 2.6), 0, 0,
                         random.uniform(-0.6, 0.6), random.uniform(-0.6, 0.6)}};
    double last = -1;
    for (int t = 0; t < 50; ++t) {
      Arm::Action action;
      Arm::expert(state.value, action.value);
      const auto next = Arm::step(state, action);
      state = next.state;
      last = next.reward;
    }
    EXPECT_GT(last, -1e-3) << i;
  }
}

}  // namespace
}  // namespace understudy
