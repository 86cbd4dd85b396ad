// Rollouts, advantages, baselines and the algorithms made of them: each against what it says it is,
// the same for any number of threads and after an interruption, and learning CartPole.

#include <gtest/gtest.h>
#include <unistd.h>

#include <cmath>
#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include "algorithms/reinforcement/policy_gradient.h"
#include "algorithms/reinforcement/trpo.h"
#include "kernels/device/threads.h"

namespace understudy {
namespace {

using Vector = std::vector<double>;

const EnvironmentDescription& cartpole() { return environment_named("cartpole"); }
const EnvironmentDescription& pendulum() { return environment_named("pendulum"); }

// Small enough for a test.
TrpoOptions small_trpo(std::int64_t pairs = 400, std::int64_t num_envs = 8) {
  TrpoOptions options;
  options.learner.rollouts = {.num_envs = num_envs, .steps_per_iteration = pairs, .seed = 4};
  options.learner.baseline.hidden = {16};
  return options;
}
PolicyDescription small_policy(const EnvironmentDescription& environment) {
  PolicyDescription description = describe_policy(environment);
  description.trunk.hidden = {16};
  return description;
}

TEST(Rollouts, rows_follow_one_another) {
  // An episode of the pendulum is cut after 200 steps; 3 collections of 120 steps see that twice.
  const std::unique_ptr<Device> device = cpu_device();
  Policy policy(*device, small_policy(pendulum()), 1);
  Store store(*device);
  const std::int64_t num_envs = 3, steps = 120, width = 3;
  Rollouts rollouts(policy, pendulum(), store,
                    {.num_envs = num_envs, .steps_per_iteration = num_envs * steps});
  Vector last, totals(static_cast<std::size_t>(num_envs), 0);
  std::int64_t step = 0, ended = 0;
  EXPECT_EQ(rollouts.statistics().episodes, 0);
  EXPECT_FALSE(rollouts.any_truncated());
  for (int collection = 0; collection < 4; ++collection) {
    rollouts.collect();
    const Vector observation = rollouts.observation().read(), time = rollouts.time().read();
    const Vector truncated = rollouts.truncated().read(), reward = rollouts.reward().read();
    const Vector final_observation = rollouts.final_observation().read();
    if (!last.empty()) {
      EXPECT_EQ(last, Vector(observation.begin(), observation.begin() + num_envs * width));
    }
    last.assign(observation.end() - num_envs * width, observation.end());
    std::size_t found = 0;
    for (std::int64_t t = 0; t < steps; ++t, ++step)
      for (std::int64_t b = 0; b < num_envs; ++b) {
        const std::size_t row = static_cast<std::size_t>(t * num_envs + b);
        EXPECT_EQ(time[row], static_cast<double>(step % 200));
        EXPECT_EQ(truncated[row], step % 200 == 199 ? 1 : 0);
        totals[static_cast<std::size_t>(b)] += reward[row];
        if (truncated[row] == 0) continue;
        // On from where it was, and not where the next one begins: one step turns the pendulum by
        // at most 8 / 20 radians.
        const double* o = &observation[row * width];
        const double* end = &final_observation[row * width];
        EXPECT_LT(std::hypot(end[0] - o[0], end[1] - o[1]), 0.4 + 1e-5);
        EXPECT_NE(end[2], observation[(row + num_envs) * width + 2]);
        ASSERT_LT(found, rollouts.returns().size());
        const double total = totals[static_cast<std::size_t>(b)];
        // 200 roundings to 2^-24, some up and some down.
        EXPECT_NEAR(rollouts.returns()[found], total, 2e-6 * std::abs(total));
        EXPECT_EQ(rollouts.lengths()[found++], 200);
        totals[static_cast<std::size_t>(b)] = 0;
        ++ended;
      }
    const EpisodeStatistics statistics = rollouts.statistics();
    EXPECT_EQ(statistics.episodes, static_cast<std::int64_t>(found));
    if (found > 0) {
      const Vector returns = rollouts.returns();
      double mean = 0, squares = 0, least = returns[0], most = returns[0];
      for (double r : returns) {
        mean += r / static_cast<double>(found);
        least = std::min(least, r), most = std::max(most, r);
      }
      for (double r : returns) squares += (r - mean) * (r - mean) / static_cast<double>(found);
      EXPECT_NEAR(statistics.return_mean, mean, 1e-6 * std::abs(mean));
      EXPECT_NEAR(statistics.return_std, std::sqrt(squares), 1e-5 * std::sqrt(squares));
      EXPECT_EQ(statistics.return_min, least);
      EXPECT_EQ(statistics.return_max, most);
      EXPECT_EQ(statistics.length_mean, 200);
    } else {
      EXPECT_TRUE(std::isnan(statistics.return_mean));
    }
    EXPECT_EQ(rollouts.any_truncated(), found > 0);
  }
  EXPECT_EQ(ended, 2 * num_envs);
  EXPECT_EQ(rollouts.interactions(), 4 * num_envs * steps);
}

TEST(Rollouts, say_the_log_probability_of_what_was_done) {
  const std::unique_ptr<Device> device = cpu_device();
  Policy policy(*device, small_policy(cartpole()), 1);
  Store store(*device);
  Rollouts rollouts(policy, cartpole(), store, {.num_envs = 4, .steps_per_iteration = 40});
  rollouts.collect();
  Program program(*device);
  const Tensor o = program.use(rollouts.batch().observation);
  const Tensor a = program.use(rollouts.batch().action);
  program.output("log_probability", policy.distribution(o)->log_probability(a));
  program.run();
  const Vector expected = program.read("log_probability");
  const Vector found = rollouts.log_probability().read();
  for (std::size_t i = 0; i < found.size(); ++i) EXPECT_NEAR(found[i], expected[i], 1e-6);
}

TEST(Rollouts, refuse_what_does_not_fit) {
  const std::unique_ptr<Device> device = cpu_device();
  Policy policy(*device, small_policy(cartpole()), 1);
  Store store(*device);
  EXPECT_THROW(Rollouts(policy, pendulum(), store, {}), Error);
  EXPECT_THROW(Rollouts(policy, cartpole(), store, {.num_envs = 7, .steps_per_iteration = 50}),
               Error);
}

TEST(Advantages, are_those_of_a_plain_loop_with_truncation) {
  const std::unique_ptr<Device> device = cpu_device();
  for (const BaselineKind kind :
       {BaselineKind::linear, BaselineKind::regression, BaselineKind::trust_region}) {
    TrpoOptions options = small_trpo(4 * 250, 4);
    options.learner.standardize_advantages = false;
    options.learner.baseline.kind = kind;
    Policy policy(*device, small_policy(pendulum()), 1);
    Trpo trpo(policy, pendulum(), options);
    trpo.step();
    // Of the second collection, as the first fit left the baseline.
    trpo.step();
    const std::size_t n = 1000, b = 4;
    const Rollouts& rollouts = trpo.rollouts();
    ASSERT_TRUE(rollouts.any_truncated());
    const Vector reward = rollouts.reward().read(), value = trpo.value().read();
    const Vector final_value = trpo.final_value().read(), truncated = rollouts.truncated().read();
    const Vector terminated = rollouts.terminated().read();
    Vector expected(n, 0);
    double largest = 0;
    for (std::size_t row = n; row-- > 0;) {
      const double next = truncated[row] != 0 ? final_value[row] : value[row + b];
      expected[row] = reward[row] + 0.995 * (1 - terminated[row]) * next - value[row];
      const bool ended = truncated[row] != 0 || terminated[row] != 0;
      if (!ended && row + b < n) expected[row] += 0.995 * 0.97 * expected[row + b];
      largest = std::max(largest, std::abs(expected[row]));
    }
    EXPECT_GT(largest, 1);
    const Vector found = trpo.advantage().read(), target = trpo.target().read();
    for (std::size_t row = 0; row < n; ++row) {
      // Some 30 steps reach into a sum, each rounded to 2^-24 of the largest.
      EXPECT_NEAR(found[row], expected[row], 1e-5 * largest) << name_of(kind) << " row " << row;
      EXPECT_NEAR(target[row], expected[row] + value[row], 1e-5 * (largest + 300));
    }
  }
}

TEST(Advantages, are_standardized_over_the_pairs) {
  const std::unique_ptr<Device> device = cpu_device();
  Policy policy(*device, small_policy(cartpole()), 1);
  Trpo trpo(policy, cartpole(), small_trpo());
  trpo.step();
  const Vector advantage = trpo.advantage().read();
  double sum = 0, squares = 0;
  for (double a : advantage) sum += a, squares += a * a;
  const double n = static_cast<double>(advantage.size());
  EXPECT_NEAR(sum / n, 0, 1e-5);
  EXPECT_NEAR(squares / n, 1, 1e-4);
}

TEST(Baselines, explain_what_can_be_explained) {
  // The target is a function of the observation that each kind can represent.
  const std::unique_ptr<Device> device = cpu_device();
  for (const BaselineKind kind :
       {BaselineKind::linear, BaselineKind::regression, BaselineKind::trust_region}) {
    Policy policy(*device, small_policy(pendulum()), 1);
    Store store(*device);
    const std::int64_t n = 1000;
    Rollouts rollouts(policy, pendulum(), store, {.num_envs = 10, .steps_per_iteration = n});
    BaselineOptions options{.kind = kind, .hidden = {16}, .learning_rate = 1e-2, .batch_size = 100};
    options.time_feature = true;
    options.trust_region.max_kl = 0.1;
    const std::unique_ptr<Baseline> baseline = make_baseline(rollouts, store, options);
    rollouts.collect();
    const Vector o = rollouts.observation().read(), t = rollouts.time().read();
    Vector target(static_cast<std::size_t>(n));
    for (std::size_t i = 0; i < target.size(); ++i)
      target[i] = 500 + 40 * o[3 * i] - 10 * o[3 * i + 2] + 20 * t[i] / 100;
    Array& array = store.create("target", {n});
    array.write(target);
    for (int fit = 0; fit < (kind == BaselineKind::linear ? 1 : 40); ++fit) baseline->fit(array);
    const BaselineMetrics metrics = baseline->fit(array);
    // The linear one is exact but for rounding; networks are on their way.
    EXPECT_LT(metrics.loss, kind == BaselineKind::linear ? 1e-5 : 0.05) << name_of(kind);
    Vector value(static_cast<std::size_t>(n + 10));
    Array& values = store.create("values", {n + 10});
    baseline->evaluate(static_cast<float*>(values.data()), nullptr);
    value = values.read();
    double squares = 0;
    for (std::size_t i = 0; i < target.size(); ++i)
      squares += (value[i] - target[i]) * (value[i] - target[i]);
    EXPECT_LT(std::sqrt(squares / static_cast<double>(n)), kind == BaselineKind::linear ? 0.2 : 10)
        << name_of(kind);
  }
}

// ---- Bits ----

using Make = std::unique_ptr<Learner> (*)(Policy&);

std::unique_ptr<Learner> trpo_on_cartpole(Policy& policy) {
  return std::make_unique<Trpo>(policy, cartpole(), small_trpo());
}
std::unique_ptr<Learner> ppo_on_cartpole(Policy& policy) {
  PolicyGradientOptions options = PolicyGradientOptions::ppo();
  options.learner.rollouts = {.num_envs = 8, .steps_per_iteration = 400, .seed = 4};
  options.learner.baseline.hidden = {16};
  options.batch_size = options.learner.baseline.batch_size = 80;
  options.epochs = 2;
  return std::make_unique<PolicyGradient>(policy, cartpole(), options);
}
std::unique_ptr<Learner> a2c_on_cartpole(Policy& policy) {
  return std::make_unique<PolicyGradient>(policy, cartpole(), PolicyGradientOptions::a2c());
}
std::unique_ptr<Learner> reinforce_on_cartpole(Policy& policy) {
  PolicyGradientOptions options = PolicyGradientOptions::reinforce();
  options.learner.rollouts = {.num_envs = 8, .steps_per_iteration = 400, .seed = 4};
  return std::make_unique<PolicyGradient>(policy, cartpole(), options);
}

class Bits : public testing::TestWithParam<Make> {};

PolicyDescription normalizing_policy() {
  PolicyDescription description = small_policy(cartpole());
  description.normalize_observations = true;
  return description;
}

TEST_P(Bits, do_not_depend_on_the_threads) {
  std::vector<Vector> found;
  for (int threads = 1; threads <= 3; ++threads) {
    Threads team(threads);
    const std::unique_ptr<Device> device = cpu_device(&team);
    Policy policy(*device, normalizing_policy(), 2);
    const std::unique_ptr<Learner> learner = GetParam()(policy);
    for (int i = 0; i < 3; ++i) learner->step();
    found.push_back(policy.parameters().flat().read());
  }
  EXPECT_EQ(found[0], found[1]);
  EXPECT_EQ(found[0], found[2]);
}

TEST_P(Bits, are_those_of_an_unbroken_run_after_an_interruption) {
  const std::string path = testing::TempDir() + "learner_" + std::to_string(::getpid());
  const std::unique_ptr<Device> device = cpu_device();
  Policy whole_policy(*device, normalizing_policy(), 2);
  const std::unique_ptr<Learner> whole = GetParam()(whole_policy);
  for (int i = 0; i < 4; ++i) whole->step();

  {
    Policy policy(*device, normalizing_policy(), 2);
    const std::unique_ptr<Learner> first = GetParam()(policy);
    for (int i = 0; i < 2; ++i) first->step();
    first->save(path);
  }
  Policy policy(*device, normalizing_policy(), 99);
  const std::unique_ptr<Learner> second = GetParam()(policy);
  second->load(path);
  EXPECT_EQ(second->iteration(), 2);
  LearningMetrics metrics;
  for (int i = 0; i < 2; ++i) metrics = second->step();
  EXPECT_EQ(metrics.iteration, 4);
  EXPECT_EQ(policy.parameters().flat().read(), whole_policy.parameters().flat().read());
  EXPECT_EQ(second->rollouts().returns(), whole->rollouts().returns());
  EXPECT_EQ(second->rollouts().interactions(), whole->rollouts().interactions());
  std::remove(path.c_str());
}
INSTANTIATE_TEST_SUITE_P(All, Bits,
                         testing::Values(trpo_on_cartpole, ppo_on_cartpole, a2c_on_cartpole,
                                         reinforce_on_cartpole));

// ---- Learning ----

TEST(Learner, learns_from_the_reward_that_it_is_given) {
  // A learned reward in the environment's place: the first action is good, the second is not.
  const std::unique_ptr<Device> device = cpu_device();
  // Looked at step by step, since who always takes the first lets the pole fall.
  Policy policy(*device, small_policy(cartpole()), 1);
  TrpoOptions options = small_trpo();
  options.learner.discount = 0;
  Trpo trpo(policy, cartpole(), options);
  double first = 0, reward = 0;
  for (int i = 0; i < 30; ++i) {
    trpo.collect();
    Vector preference = trpo.rollouts().action().read();
    for (double& a : preference) a = 1 - a;
    trpo.rollouts().reward().write(preference);
    reward = trpo.update().reward;
    if (i == 0) first = reward;
  }
  EXPECT_LT(first, 0.65);
  EXPECT_GT(reward, 0.8);
}

TEST(Trpo, learns_cartpole_within_its_bound) {
  const std::unique_ptr<Device> device = cpu_device();
  PolicyDescription description = describe_policy(cartpole());
  description.trunk.hidden = {32};
  Policy policy(*device, description, 1);
  TrpoOptions options;
  options.learner.rollouts = {.num_envs = 16, .steps_per_iteration = 2000, .seed = 1};
  options.learner.discount = 0.99;
  options.learner.baseline.hidden = {32};
  Trpo trpo(policy, cartpole(), options);
  LearningMetrics metrics;
  for (int i = 0; i < 40 && !(metrics.episodes.return_mean > 450); ++i) {
    metrics = trpo.step();
    EXPECT_LE(metrics.divergence, options.trust_region.max_kl);
    EXPECT_LE(metrics.baseline.trust_region.divergence, 0.01);
    EXPECT_GE(metrics.trust_region.improvement, 0);
  }
  EXPECT_GT(metrics.episodes.return_mean, 450) << "after " << metrics.interactions << " pairs";
  for (const auto& [name, value] : metrics.named()) EXPECT_TRUE(std::isfinite(value)) << name;
}

TEST(PolicyGradient, every_method_learns_cartpole) {
  struct Case {
    const char* name;
    PolicyGradientOptions options;
    int iterations;
  };
  Case cases[] = {{"ppo", PolicyGradientOptions::ppo(), 25},
                  {"reinforce", PolicyGradientOptions::reinforce(), 40},
                  {"a2c", PolicyGradientOptions::a2c(), 1500}};
  cases[0].options.learner.rollouts = {.num_envs = 16, .steps_per_iteration = 2000, .seed = 1};
  cases[0].options.batch_size = cases[0].options.learner.baseline.batch_size = 200;
  cases[0].options.learning_rate = 1e-3;
  cases[1].options.learner.rollouts = {.num_envs = 16, .steps_per_iteration = 2000, .seed = 1};
  for (Case& c : cases) {
    const std::unique_ptr<Device> device = cpu_device();
    PolicyDescription description = describe_policy(cartpole());
    description.trunk.hidden = {32};
    Policy policy(*device, description, 1);
    c.options.learner.baseline.hidden = {32};
    PolicyGradient learner(policy, cartpole(), c.options);
    double best = 0;
    for (int i = 0; i < c.iterations && best < 150; ++i) {
      const LearningMetrics metrics = learner.step();
      // A mean over a few episodes says little.
      if (metrics.episodes.episodes > 2) best = std::max(best, metrics.episodes.return_mean);
    }
    // Random actions last some 22 steps.
    EXPECT_GE(best, 150) << c.name;
  }
}

}  // namespace
}  // namespace understudy
