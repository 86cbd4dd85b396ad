// Guided cost learning: its estimate against exact enumeration and the tabular solver, its parts
// against plain loops, its loop end to end.

#include "algorithms/adversarial/guided_cost_learning.h"

#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <filesystem>

#include "algorithms/tabular/maxent.h"
#include "autograd/files/checkpoint.h"
#include "tests/kernels/kernel_test.h"

namespace understudy {
namespace {

using kernel_test::Random;

// ---- A world of four states: every one of its trajectories is known ----

constexpr int states = 4, horizon = 5, all_paths = 32;
constexpr int following[states][2] = {{1, 2}, {3, 0}, {2, 1}, {0, 3}};

struct Path {
  std::array<int, horizon> action;
  std::array<double, states> visits = {};  // of the states acted in
  std::vector<std::int32_t> seen = {0};
};

Path path_of(int number) {
  Path path;
  int state = 0;
  for (int t = 0; t < horizon; ++t) {
    path.action[static_cast<std::size_t>(t)] = number >> t & 1;
    ++path.visits[static_cast<std::size_t>(state)];
    state = following[state][number >> t & 1];
    path.seen.push_back(state);
  }
  return path;
}

double cost_of(const Path& path, const std::vector<double>& theta) {
  double cost = 0;
  for (std::size_t s = 0; s < states; ++s) cost += theta[s] * path.visits[s];
  return cost;
}

// (1) of guided_cost.h over all 32.
std::vector<double> distribution(const std::vector<double>& theta) {
  std::vector<double> p;
  double total = 0;
  for (int i = 0; i < all_paths; ++i) {
    p.push_back(std::exp(-cost_of(path_of(i), theta)));
    total += p.back();
  }
  for (double& one : p) one /= total;
  return p;
}

// Policies that take action 1 with one probability everywhere.
double log_probability(const Path& path, double second) {
  double total = 0;
  for (int action : path.action) total += std::log(action == 1 ? second : 1 - second);
  return total;
}
int drawn(Random& random, double second) {
  int number = 0;
  for (int t = 0; t < horizon; ++t) number |= (random.uniform() < second ? 1 : 0) << t;
  return number;
}
int drawn(Random& random, const std::vector<double>& p) {
  double u = random.uniform();
  int i = 0;
  while (i + 1 < all_paths && (u -= p[static_cast<std::size_t>(i)]) > 0) ++i;
  return i;
}

// The loss of a linear cost as a program: visits of demonstrations and of a background of M, with
// log q of two policies.
struct Estimate {
  Store store;
  Array* theta;
  Program program;
  Estimate(Device& device, const std::vector<double>& shown, std::int64_t m, double step)
      : store(device, Real::f64), program(device, Real::f64) {
    Parameters parameters("cost");
    parameters.declare("theta", {states, 1}, zeros());
    parameters.create(store, 0);
    theta = &parameters.flat();
    const std::int64_t n = static_cast<std::int64_t>(shown.size()) / states;
    const Tensor weights = parameters.use(program, 0);
    const Tensor demonstrated = reshape(matmul(program.constant({n, states}, shown), weights), {n});
    const Tensor background = reshape(matmul(program.input("visits", {m, states}), weights), {m});
    const Tensor z = log_mixture(program.input("log_q", {m, 2}), program.input("log_share", {2}));
    const GuidedLoss guided = guided_loss(demonstrated, background, z);
    const Tensor gradient = program.gradients(guided.loss, {weights})[0];
    program.output("gradient", gradient);
    program.output("effective", reciprocal(sum(square(guided.weights))));
    if (step > 0) program.assign(parameters.array(0), weights - step * gradient);
    program.plan();
  }
  // Half of the background by each policy; the demonstrations' own density is not among them.
  void draw(Random& random, std::int64_t m, double first, double second) {
    std::vector<double> visits, log_q;
    for (std::int64_t i = 0; i < m; ++i) {
      const Path path = path_of(drawn(random, i < m / 2 ? first : second));
      visits.insert(visits.end(), path.visits.begin(), path.visits.end());
      log_q.push_back(log_probability(path, first));
      log_q.push_back(log_probability(path, second));
    }
    program.write("visits", visits);
    program.write("log_q", log_q);
    program.write("log_share", std::vector<double>{std::log(0.5), std::log(0.5)});
  }
};

const std::vector<double> truth = {0.5, -0.7, 0.9, -0.3};

TEST(GuidedCost, sampled_gradient_has_the_exact_ones_mean) {
  auto device = cpu_device();
  Random random(3);
  std::vector<double> shown;
  const std::vector<double> expert = distribution(truth);
  std::array<double, states> mean_shown = {};
  constexpr int demonstrations = 20;
  for (int i = 0; i < demonstrations; ++i) {
    const Path path = path_of(drawn(random, expert));
    shown.insert(shown.end(), path.visits.begin(), path.visits.end());
    for (std::size_t s = 0; s < states; ++s) mean_shown[s] += path.visits[s] / demonstrations;
  }
  const std::vector<double> at = {-0.2, 0.4, 0.1, 0.3};
  const std::vector<double> p = distribution(at);
  std::array<double, states> exact = mean_shown;
  for (int i = 0; i < all_paths; ++i)
    for (std::size_t s = 0; s < states; ++s)
      exact[s] -= p[static_cast<std::size_t>(i)] * path_of(i).visits[s];
  constexpr std::int64_t samples = 1000;
  constexpr int repetitions = 200;
  Estimate estimate(*device, shown, samples, 0);
  estimate.theta->write(at);
  std::array<double, states> mean = {}, square = {};
  for (int r = 0; r < repetitions; ++r) {
    estimate.draw(random, samples, 0.3, 0.8);
    estimate.program.run();
    const std::vector<double> gradient = estimate.program.read("gradient");
    for (std::size_t s = 0; s < states; ++s) {
      mean[s] += gradient[s] / repetitions;
      square[s] += gradient[s] * gradient[s] / repetitions;
    }
  }
  for (std::size_t s = 0; s < states; ++s) {
    const double error = std::sqrt((square[s] - mean[s] * mean[s]) / repetitions);
    EXPECT_GT(error, 1e-5);
    // Four standard errors, and the bias of a ratio, whose order is 1 / samples.
    EXPECT_NEAR(mean[s], exact[s], 4 * error + 1.0 / samples) << s;
  }
}

TEST(GuidedCost, optimum_is_that_of_tabular_maximum_entropy) {
  auto device = cpu_device();
  Random random(7);
  const std::vector<double> expert = distribution(truth);
  std::vector<double> shown;
  std::vector<Trajectory> trajectories;
  for (int i = 0; i < 40; ++i) {
    const Path path = path_of(drawn(random, expert));
    shown.insert(shown.end(), path.visits.begin(), path.visits.end());
    trajectories.push_back({path.seen, {path.action.begin(), path.action.end()}});
  }
  ProblemTable table;
  table.n_states = states;
  table.n_actions = 2;
  table.horizon = horizon;
  for (int s = 0; s < states; ++s)
    for (int a : {0, 1}) {
      table.state.push_back(s);
      table.action.push_back(a);
      table.next_state.push_back(following[s][a]);
      for (int f = 0; f < states && a == 0; ++f) table.features.push_back(f == s ? 1 : 0);
    }
  table.n_features = states;
  table.initial = {1, 0, 0, 0};
  const Problem problem = make_problem(table);
  MaxEntModel model(*device, problem, trajectories, Expectation::causal,
                    MaxEntObjective::feature_matching);
  const LinearFit fit = fit_maxent(model, problem, std::vector<double>(states, 0.0));
  std::vector<double> cost;
  for (double w : fit.weights) cost.push_back(-w);
  const std::vector<double> exact = distribution(cost);

  constexpr std::int64_t samples = 20000;
  Estimate estimate(*device, shown, samples, 0.4);
  estimate.draw(random, samples, 0.3, 0.8);
  for (int i = 0; i < 400; ++i) estimate.program.run();
  for (double slope : estimate.program.read("gradient")) EXPECT_NEAR(slope, 0, 1e-4);
  EXPECT_GT(estimate.program.value("effective"), 1000);
  const std::vector<double> found = distribution(estimate.theta->read());
  // Probabilities of single trajectories, estimated from 20000 samples at some thousand effective
  // ones: 1 / sqrt(3000) of a probability of 0.2 at most.
  for (std::size_t i = 0; i < exact.size(); ++i) EXPECT_NEAR(found[i], exact[i], 0.01) << i;
}

TEST(GuidedCost, weights_and_regularizers_are_those_of_plain_loops) {
  auto device = cpu_device();
  Program program(*device, Real::f64);
  const std::vector<double> costs = {0.5, 2.0, 1.0, 0.2, 3.5, 0.1, 2.5, 0.3};  // [4, 2]
  const Tensor c = program.constant({4, 2}, costs);
  program.output("rate", rate_changes(c));
  program.output("up", increases(c));
  const GuidedLoss guided =
      guided_loss(program.constant({1}, {1.5}), program.constant({3}, {1.0, 2.0, 0.5}),
                  program.constant({3}, {-0.3, 0.4, 1e30}));
  program.output("weights", guided.weights);
  program.output("loss", guided.loss);
  program.run();
  const auto at = [&](int t, int i) { return costs[static_cast<std::size_t>(2 * t + i)]; };
  for (int i : {0, 1}) {
    double rate = 0, up = 0;
    for (int t = 1; t + 1 < 4; ++t)
      rate += std::pow((at(t + 1, i) - at(t, i)) - (at(t, i) - at(t - 1, i)), 2);
    for (int t = 1; t < 4; ++t) up += std::pow(std::max(0.0, at(t, i) - at(t - 1, i) - 1), 2);
    EXPECT_NEAR(program.read("rate")[static_cast<std::size_t>(i)], rate, 1e-12);
    EXPECT_NEAR(program.read("up")[static_cast<std::size_t>(i)], up, 1e-12);
  }
  const double first = std::exp(-1.0 + 0.3), second = std::exp(-2.0 - 0.4);
  EXPECT_NEAR(program.read("weights")[0], first / (first + second), 1e-12);
  EXPECT_NEAR(program.read("weights")[2], 0, 1e-300);
  EXPECT_NEAR(program.value("loss"), 1.5 + std::log(first + second), 1e-12);
}

// ---- The loop ----

Demonstrations of_point_mass(std::int64_t episodes) {
  const EnvironmentDescription& environment = environment_named("point_mass");
  Demonstrations result;
  result.observations.shape = {environment.observation_size};
  result.actions.shape = {environment.action_size};
  result.last_observation = false;
  auto device = cpu_device();
  Batch<double> batch(*device, environment, episodes, 9);
  const std::size_t n = static_cast<std::size_t>(episodes);
  std::vector<double> state(4 * n), action(2 * n), reward(n), terminated(n), truncated(n),
      observation(4 * n);
  std::vector<std::vector<float>> seen(n), done(n);
  batch.reset(observation.data());
  for (int t = 0; t < environment.horizon; ++t) {
    batch.get_state(state.data());
    for (std::size_t e = 0; e < n; ++e) {
      environment.expert(&state[4 * e], &action[2 * e]);
      seen[e].insert(seen[e].end(), &state[4 * e], &state[4 * e] + 4);
      done[e].insert(done[e].end(), &action[2 * e], &action[2 * e] + 2);
    }
    batch.step({.continuous = action.data(),
                .observation = observation.data(),
                .reward = reward.data(),
                .terminated = terminated.data(),
                .truncated = truncated.data()});
  }
  for (std::size_t e = 0; e < n; ++e) {
    result.observations.numbers.insert(result.observations.numbers.end(), seen[e].begin(),
                                       seen[e].end());
    result.actions.numbers.insert(result.actions.numbers.end(), done[e].begin(), done[e].end());
    result.starts.push_back(result.starts.back() + environment.horizon);
    result.terminal.push_back(0);
  }
  return result;
}

struct Learning {
  std::unique_ptr<Policy> policy;
  std::unique_ptr<GuidedCostLearning> gcl;
  Learning(Device& device, const Demonstrations& expert, const GuidedCostLearningOptions& options) {
    PolicyDescription description = describe_policy(environment_named("point_mass"));
    description.trunk.hidden = {8};
    description.normalize_observations = description.normalize_actions = true;
    policy = std::make_unique<Policy>(device, description, 1);
    freeze_normalizer(*policy, transitions(expert));
    gcl = std::make_unique<GuidedCostLearning>(*policy, environment_named("point_mass"), expert,
                                               options);
  }
};

GuidedCostLearningOptions small() {
  GuidedCostLearningOptions options;
  options.cost.hidden = {8};
  options.cost.background = 2;
  options.cost.steps = 3;
  options.cost.monotonic_weight = 0.1;
  options.cost.cloning_steps = 20;
  options.trpo.learner.rollouts = {.num_envs = 4, .seed = 3};
  options.trpo.trust_region.cg_iterations = 4;
  return options;
}

TEST(GuidedCostLearning, a_resumed_run_has_the_bits_of_an_unbroken_one) {
  const Demonstrations expert = of_point_mass(2);
  Threads four(4);
  auto device = cpu_device(), other = cpu_device(&four);
  const std::string path = testing::TempDir() + "/gcl.safetensors";
  Learning whole(*device, expert, small()), broken(*device, expert, small()),
      resumed(*other, expert, small());
  GuidedCostLearningMetrics last;
  for (int i = 0; i < 4; ++i) last = whole.gcl->step();
  EXPECT_EQ(last.cost.samples, 2 * 4 + 2);
  EXPECT_GE(last.cost.effective_samples, 1);
  EXPECT_LE(last.cost.effective_samples, 10);
  for (int i = 0; i < 2; ++i) broken.gcl->step();
  broken.gcl->learner().save_state();
  const std::vector<Store*> stores = broken.gcl->stores();
  write_checkpoint(path, {stores.begin(), stores.end()});
  read_checkpoint(path, resumed.gcl->stores());
  resumed.gcl->learner().load_state();
  for (int i = 0; i < 2; ++i) resumed.gcl->step();
  whole.gcl->learner().save_state();
  resumed.gcl->learner().save_state();
  for (std::size_t s = 0; s < stores.size(); ++s)
    for (const auto& array : whole.gcl->stores()[s]->arrays())
      EXPECT_EQ(array->read(), resumed.gcl->stores()[s]->at(array->name()).read()) << array->name();
  std::filesystem::remove(path);
}

TEST(GuidedCostLearning, is_the_same_on_cuda) {
  const Demonstrations expert = of_point_mass(1);
  GuidedCostLearningOptions options = small();
  options.cost.background = 1;
  options.cost.steps = 1;
  options.trpo.learner.rollouts.num_envs = 2;
  options.trpo.trust_region.cg_iterations = 1;
  std::vector<double> found[2];
  for (int on_cuda : {0, 1}) {
    auto device = on_cuda != 0 ? cuda_device() : cpu_device();
    Learning run(*device, expert, options);
    const GuidedCostLearningMetrics first = run.gcl->step();
    found[on_cuda] = run.gcl->learner().rollouts().reward().read();
    found[on_cuda].push_back(first.cost.loss);
    found[on_cuda].push_back(first.cost.effective_samples);
  }
  for (std::size_t i = 0; i < found[0].size(); ++i)
    EXPECT_NEAR(found[0][i], found[1][i], 1e-3 * (1 + std::abs(found[0][i]))) << i;
}

TEST(GuidedCostLearning, refuses_episodes_of_other_lengths) {
  auto device = cpu_device();
  Demonstrations expert = of_point_mass(1);
  expert.starts.back() -= 1;
  expert.observations.numbers.resize(expert.observations.numbers.size() - 4);
  expert.actions.numbers.resize(expert.actions.numbers.size() - 2);
  try {
    Learning run(*device, expert, small());
    FAIL() << "expected an error";
  } catch (const Error& error) {
    EXPECT_STREQ(error.what(),
                 "demonstrations: episode 0: expected whole episodes of 60 steps, found one of 59");
  }
}

}  // namespace
}  // namespace understudy
