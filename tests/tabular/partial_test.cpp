// Demonstrations with parts missing, against the enumeration of all that may have happened.

#include "algorithms/tabular/partial.h"

#include <gtest/gtest.h>

#include <cmath>
#include <functional>

#include "algorithms/tabular/worlds.h"
#include "kernels/device/error.h"
#include "tests/tabular/tabular_cases.h"

namespace understudy {
namespace {

using namespace tabular_cases;
using Vector = std::vector<double>;

// p of what was seen, and the sum over all completions of p times visits, by walking all of them.
double enumerate(const Problem& p, const Vector& policy, const PartialTrajectory& seen,
                 Vector& visits) {
  double total = 0;
  std::vector<std::int32_t> taken;
  const std::int64_t last = seen.times.back();
  const std::function<void(std::int64_t, std::int32_t, std::size_t, double)> walk =
      [&](std::int64_t t, std::int32_t s, std::size_t next, double probability) {
        if (t == last) {
          total += probability;
          for (std::int32_t k : taken) visits[k] += probability;
          return;
        }
        for (std::int32_t k = p.pair_begin[s]; k < p.pair_begin[s + 1]; ++k) {
          const std::int32_t action = seen.actions[next - 1];
          if (action >= 0 && p.pair_action[k] != action) continue;
          for (std::int32_t j = p.transition_begin[k]; j < p.transition_begin[k + 1]; ++j) {
            const bool known = seen.times[next] == t + 1;
            if (known && p.next_state[j] != seen.states[next]) continue;
            taken.push_back(k);
            walk(t + 1, p.next_state[j], next + (known ? 1 : 0),
                 probability * policy[k] * p.probability[j]);
            taken.pop_back();
          }
        }
      };
  walk(seen.times.front(), seen.states.front(), 1, 1);
  return total;
}

struct Case {
  Problem problem;
  std::vector<Trajectory> trajectories;
  std::vector<PartialTrajectory> seen;
};
// Whole, without actions, with gaps, and a mixture; no action of a gap is known.
Case case_of(unsigned seed) {
  Case c{random_problem(seed, 6, 3, false, false, 0.9, 0, 3), {}, {}};
  const Vector policy =
      solve(processor(), c.problem, random_vector(seed + 1, c.problem.n_pairs(), -1, 1)).policy;
  c.trajectories = sample_trajectories(c.problem, policy, 4, 6, seed);
  c.seen = {seen_part(c.trajectories[0], 6, true), seen_part(c.trajectories[1], 6, false),
            seen_part(c.trajectories[2], 6, true, 3), seen_part(c.trajectories[3], 5, true)};
  c.seen[3].actions[2] = -1;
  return c;
}

TEST(PartialDemonstrations, LikelihoodAndVisitsAreThoseOfAllCompletions) {
  for (unsigned seed : {1u, 4u}) {
    const Case c = case_of(seed);
    const Vector policy =
        solve(processor(), c.problem, random_vector(seed + 9, c.problem.n_pairs(), -1, 1)).policy;
    for (const PartialTrajectory& one : c.seen) {
      Vector expected(c.problem.n_pairs(), 0.0), found;
      const double probability = enumerate(c.problem, policy, one, expected);
      EXPECT_NEAR(partial_log_likelihood(c.problem, policy, {one}, &found), std::log(probability),
                  1e-10);
      for (std::size_t k = 0; k < found.size(); ++k)
        EXPECT_NEAR(found[k], expected[k] / probability, 1e-10);
    }
  }
}

TEST(PartialDemonstrations, GradientIsThatOfFiniteDifferences) {
  const Case c = case_of(2);
  PartialMaxEnt model(processor(), c.problem, c.seen);
  const Vector reward = random_vector(5, c.problem.n_pairs(), -1, 1);
  Vector gradient;
  model.value(reward, &gradient);
  for (std::size_t k = 0; k < reward.size(); ++k) {
    Vector up = reward, down = reward;
    up[k] += 1e-5;
    down[k] -= 1e-5;
    // Values are solved to 1e-12: differences to 1e-7.
    EXPECT_NEAR(gradient[k], (model.value(up, nullptr) - model.value(down, nullptr)) / 2e-5, 1e-6);
  }
}

TEST(PartialDemonstrations, WholeOnesAreTheCausalModel) {
  const Case c = case_of(3);
  std::vector<PartialTrajectory> whole;
  for (const Trajectory& t : c.trajectories) whole.push_back(seen_part(t, 6, true));
  PartialMaxEnt partial(processor(), c.problem, whole);
  MaxEntModel model(processor(), c.problem, c.trajectories);
  const Vector reward = random_vector(5, c.problem.n_pairs(), -1, 1);
  Vector a, b;
  // The dynamics' probabilities are a constant between them.
  const Vector other(c.problem.n_pairs(), 0.0);
  EXPECT_NEAR(partial.value(reward, &a) - partial.value(other, nullptr),
              model.value(reward, &b) - model.value(other, nullptr), 1e-9);
  for (std::size_t k = 0; k < a.size(); ++k) EXPECT_NEAR(a[k], b[k], 1e-9);
}

TEST(PartialDemonstrations, WhatIsImpossibleIsRefused) {
  ProblemTable t =
      gridworld({.height = 1, .width = 5, .chosen = 1, .move_slip = 0, .discount = 0.9});
  const Problem p = make_problem(t);
  const auto refused = [&](const PartialTrajectory& seen, const char* expected) {
    try {
      PartialMaxEnt(processor(), p, {seen}).value(Vector(p.n_pairs(), 0.0), nullptr);
      ADD_FAILURE() << expected;
    } catch (const Error& error) {
      EXPECT_NE(std::string(error.what()).find(expected), std::string::npos) << error.what();
    }
  };
  refused({{0, 2}, {0, 3}, {-1}}, "episode 0, time 0: state 0 cannot be followed by 3");
  refused({{0, 2}, {0, 2}, {1}}, "an action is known, but not the state after it");
  refused({{0, 0}, {0, 1}, {-1}}, "times: expected to increase");
  refused({{0, 1}, {0, 9}, {-1}}, "state: expected 0 to 4, found 9");
  refused({{0, 1}, {0, 1}, {}}, "as many times as states and an action less");
}

}  // namespace
}  // namespace understudy
