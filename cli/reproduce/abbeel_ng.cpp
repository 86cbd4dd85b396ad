// Abbeel & Ng 2004, section 5.1: how fast apprenticeship learning matches the demonstrator's
// feature expectations on a grid of 128 x 128; and, after Syed & Schapire 2008, section 5, the
// value of apprentices of bad demonstrators.

#include <algorithm>
#include <cmath>
#include <memory>

#include "algorithms/tabular/apprenticeship.h"
#include "algorithms/tabular/worlds.h"
#include "cli/reproduce/reward_worlds.h"

namespace understudy::cli {

namespace abbeel_ng {

using Vector = std::vector<double>;
using Method = ApprenticeOptions::Method;

constexpr std::int64_t runs_by_default = 40;

struct Options {
  std::int64_t iterations = 20, size = 128, bad_runs = 4, rounds = 40;
};
void list_options(OptionList& list, Options& o) {
  list.fields(
      o, option("iterations", o.iterations, "of both algorithms", {.least = 1, .most = 10000}),
      option("size", o.size, "cells across, a multiple of 8", {.least = 8, .most = 4096}),
      option("bad_runs", o.bad_runs, "worlds of the comparison by demonstrator, at most --seeds",
             {.least = 1, .most = 10000}),
      option("rounds", o.rounds, "of MWAL", {.least = 1, .most = 100000}));
}

// Distances of the feature expectations after each iteration, [iterations]. Once they are 0 to
// rounding the rest is as the last.
Vector distances(const Problem& p, Device& device, const Vector& expert, Method method,
                 std::int64_t iterations) {
  Apprentice learner(device, p, expert, {.method = method});
  Vector result;
  for (std::int64_t i = 0; i < iterations; ++i) {
    if (i > 0 && result.back() < 1e-9)
      result.push_back(result.back());
    else
      result.push_back(learner.step());
  }
  return result;
}

double value_of(const Problem& p, const Vector& weights, const Vector& features) {
  double value = 0.0;
  for (std::int64_t c = 0; c < p.n_features; ++c) value += weights[c] * features[c];
  return value;
}

// The true weights: rewards of a macro cell's states are its weight.
Vector true_weights(const Problem& p) {
  Vector weights(p.n_features, 0.0);
  for (std::int64_t k = 0; k < p.n_pairs(); ++k)
    for (std::int64_t c = 0; c < p.n_features; ++c)
      if (p.features[p.pair_state[k] * p.n_features + c] == 1.0) weights[c] = p.reward[k];
  return weights;
}

const std::vector<std::string> demonstrators = {"best", "best, half its actions random", "random",
                                                "worst"};

// Values as shares of the best one: [demonstrator][its own, projection, mwal].
std::vector<Vector> imitate(const Problem& p, Device& device, const Options& options) {
  const Vector truth = true_weights(p);
  auto solved = [&](double sign) {
    Vector r = p.reward;
    for (double& x : r) x *= sign;
    return solve(device, p, r, {.backup = Backup::max, .tolerance = 1e-6}).policy;
  };
  const Vector best = solved(1.0);
  Vector random(p.n_pairs()), half(p.n_pairs());
  for (std::int64_t k = 0; k < p.n_pairs(); ++k) {
    const std::int64_t s = p.pair_state[k];
    random[k] = 1.0 / static_cast<double>(p.pair_begin[s + 1] - p.pair_begin[s]);
    half[k] = 0.5 * (best[k] + random[k]);
  }
  const std::vector<Vector> policies = {best, half, random, solved(-1.0)};
  const double most = value_of(p, truth, policy_features(device, p, best));
  std::vector<Vector> result;
  for (const Vector& policy : policies) {
    const Vector expert = policy_features(device, p, policy);
    result.push_back({value_of(p, truth, expert) / most});
    for (Method method : {Method::projection, Method::mwal}) {
      Apprentice learner(device, p, expert,
                         {.method = method, .rounds = static_cast<int>(options.rounds)});
      const std::int64_t steps = method == Method::mwal ? options.rounds : options.iterations;
      for (std::int64_t i = 0; i < steps; ++i)
        if (learner.step() < 1e-9) break;
      const Vector mixture = learner.mixture();
      double value = 0.0;
      for (std::size_t i = 0; i < mixture.size(); ++i)
        value += mixture[i] * value_of(p, truth, learner.expectations()[i]);
      result.back().push_back(value / most);
    }
  }
  return result;
}

std::string shown_interval(const Vector& values) {
  const Spread s = bootstrap_spread(values);
  return formatted("%.4g [%.4g, %.4g]", s.mean, s.low, s.high);
}

void run(Reproduction& reproduction, const Options& options) {
  const std::int64_t runs = reproduction.seeds_or(runs_by_default);
  const std::int64_t bad_runs = std::min(runs, options.bad_runs);
  auto world = [&](std::int64_t seed) {
    return make_problem(abbeel_ng_gridworld(
        {.size = options.size, .macro = options.size / 8, .seed = reproduction.seed(seed)}));
  };
  std::vector<Vector> found[2] = {std::vector<Vector>(runs), std::vector<Vector>(runs)};
  std::vector<std::vector<Vector>> shares(bad_runs);
  in_parallel(reproduction.common.threads, runs + bad_runs, [&](std::int64_t i) {
    const std::unique_ptr<Device> owner = cpu_device();
    Device& device = *owner;
    // The longer parts first.
    if (i < bad_runs) {
      shares[i] = imitate(world(i), device, options);
      return;
    }
    const Problem p = world(i - bad_runs);
    const Vector expert = policy_features(
        device, p, solve(device, p, p.reward, {.backup = Backup::max, .tolerance = 1e-6}).policy);
    found[0][i - bad_runs] = distances(p, device, expert, Method::max_margin, options.iterations);
    found[1][i - bad_runs] = distances(p, device, expert, Method::projection, options.iterations);
  });

  Table table{"Distance of the apprentice's feature expectations to the demonstrator's",
              {"iteration", "max-margin", "projection"},
              {},
              ""};
  for (std::int64_t i = 0; i < options.iterations; ++i) {
    const std::int64_t n = i + 1;
    if (n > 5 && n % 5 != 0 && n != options.iterations) continue;
    table.rows.push_back({n});
    for (const auto& runs_of : found) {
      Vector values;
      for (const Vector& one : runs_of) values.push_back(one[i]);
      table.rows.back().push_back(shown_interval(values));
    }
  }
  table.note = formatted(
      "mean of %lld worlds and its 95 %% bootstrap interval; expectations are discounted sums, of "
      "total 100",
      static_cast<long long>(runs));
  reproduction.tables.push_back(table);

  Table bad{"True value as a share of the best, by demonstrator",
            {"demonstrator", "its own", "projection", "MWAL"},
            {},
            ""};
  for (std::size_t d = 0; d < demonstrators.size(); ++d) {
    bad.rows.push_back({demonstrators[d]});
    for (int column = 0; column < 3; ++column) {
      Vector values;
      for (const auto& one : shares) values.push_back(one[d][column]);
      bad.rows.back().push_back(shown_interval(values));
    }
  }
  bad.note = formatted(
      "mean of %lld worlds and its 95 %% bootstrap interval; MWAL of %lld rounds knows that no "
      "feature is bad",
      static_cast<long long>(bad_runs), static_cast<long long>(options.rounds));
  reproduction.tables.push_back(bad);
}

}  // namespace abbeel_ng

Experiment abbeel_ng_experiment() {
  return with_settings<abbeel_ng::Options>(
      "abbeel-ng", "Apprenticeship on a grid of 128 x 128 with 64 macro cells",
      "Abbeel & Ng 2004, figures 1 and 2; Syed & Schapire 2008, section 5", abbeel_ng::run);
}

}  // namespace understudy::cli
