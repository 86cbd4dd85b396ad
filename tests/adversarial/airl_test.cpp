// AIRL and GAN-GCL: their losses beside plain loops, what is at their optimum, and what goes wrong
// in other implementations.

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "algorithms/adversarial/discriminator.h"
#include "algorithms/adversarial/frozen_reward.h"
#include "algorithms/adversarial/linear_reward.h"
#include "algorithms/adversarial/trajectory_reward.h"
#include "autograd/files/checkpoint.h"
#include "tests/kernels/kernel_test.h"

namespace understudy {
namespace {

using Vector = std::vector<double>;
constexpr std::int64_t length = 5;
constexpr double discount = 0.9;

PolicyDescription small(bool discrete) {
  PolicyDescription description;
  description.observation.shape = {2};
  description.action =
      discrete ? ActionSpace{ActionKind::discrete, 3} : ActionSpace{ActionKind::continuous, 1};
  description.trunk.hidden = {4};
  description.last_scale = 1;
  description.normalize_observations = true;
  return description;
}

// Episodes of five steps in the plane.
Demonstrations walk(std::int64_t episodes, bool discrete, std::uint64_t seed, double shift) {
  kernel_test::Random random(seed);
  Demonstrations result;
  result.observations.shape = {2};
  result.actions.discrete = discrete;
  if (!discrete) result.actions.shape = {1};
  for (std::int64_t e = 0; e < episodes; ++e) {
    for (std::int64_t t = 0; t <= length; ++t) {
      result.observations.numbers.push_back(static_cast<float>(random.normal() + shift));
      result.observations.numbers.push_back(static_cast<float>(3 + 2 * random.normal()));
      if (t == length) break;
      if (discrete)
        result.actions.indices.push_back(static_cast<std::int64_t>(std::abs(random.normal())) % 3);
      else
        result.actions.numbers.push_back(static_cast<float>(random.normal()));
    }
    result.starts.push_back(result.starts.back() + length);
    result.terminal.push_back(e % 2 == 0);
  }
  return result;
}

EpisodeEnds ends_of(const Demonstrations& shown) {
  return episode_ends(shown, 20, EndsEvidence::flags);
}

// A learner's rows in arrays of a store, as rollouts have them: here episodes after one another.
struct Rows {
  Store store;
  Array *observation, *action, *next, *terminated, *time, *log_probability;
  Rows(const Policy& policy, const Demonstrations& from, const Vector& likelihood)
      : store(policy.device(), policy.store().real()) {
    const Transitions steps = transitions(from);
    const std::int64_t rows = steps.rows();
    const auto column = [&](const char* name, const auto& values) {
      const std::int64_t width = static_cast<std::int64_t>(values.size()) / rows;
      Array& made = width == 1 ? store.create(name, {rows}) : store.create(name, {rows, width});
      made.write(Vector(values.begin(), values.end()));
      return &made;
    };
    observation = column("observation", steps.observations.numbers);
    next = column("next", steps.next_observations.numbers);
    if (steps.actions.discrete) {
      action = &store.create("action", {rows}, Element::index);
      action->write(Vector(steps.actions.indices.begin(), steps.actions.indices.end()));
    } else {
      action = &store.create("action", {rows, 1});
      action->write(Vector(steps.actions.numbers.begin(), steps.actions.numbers.end()));
    }
    terminated = column("terminated", steps.terminated);
    Vector since;
    for (std::int64_t i = 0; i < rows; ++i) since.push_back(static_cast<double>(i % length));
    time = column("time", since);
    log_probability = column("log_probability", likelihood);
  }
  TransitionBatch view() const {
    TransitionBatch batch = {rows_of(*observation), rows_of(*action), rows_of(*next)};
    batch.log_probability = rows_of(*log_probability);
    batch.terminated = rows_of(*terminated);
    batch.time = rows_of(*time);
    return batch;
  }
};

Vector likelihoods(const Policy& policy, const Demonstrations& shown) {
  const PolicyDescription& d = policy.description();
  const Transitions steps = transitions(shown);
  Store store(policy.device());
  TransitionFeatures features(store, {{d.observation, d.action}, RewardInput::state, true}, shown,
                              "shown");
  Program program(policy.device(), policy.store().real());
  const TransitionFeatures::Inputs inputs = features.inputs(program, steps.rows());
  program.output("log", policy.distribution(inputs.observation)->log_probability(inputs.action));
  features.write_expert(program);
  program.run();
  return program.read("log");
}

Vector values_of(const LearnedReward& reward, Device& device, Real real) {
  Program copy(device, real);
  copy.output("reward", identity(copy.use(reward.values())));
  copy.run();
  return copy.read("reward");
}

void shake(const Parameters& parameters, std::uint64_t seed) {
  kernel_test::Random random(seed);
  Vector at = parameters.flat().read();
  for (double& x : at) x += 0.3 * random.normal();
  parameters.flat().write(at);
}

// A network of one hidden layer, as parameters lie: weights [inputs, units], biases, weights, bias.
struct PlainNetwork {
  std::size_t inputs, units;
  std::size_t size() const { return inputs * units + units + units + 1; }
  double operator()(const double* p, const double* x) const {
    const double *bias = p + inputs * units, *out = bias + units;
    double y = out[units];
    for (std::size_t u = 0; u < units; ++u) {
      double z = bias[u];
      for (std::size_t k = 0; k < inputs; ++k) z += x[k] * p[k * units + u];
      y += out[u] * std::tanh(z);
    }
    return y;
  }
};
double softplus_of(double x) { return std::max(x, 0.0) + std::log1p(std::exp(-std::abs(x))); }

// Standardized by the expert's numbers.
struct Standard {
  double mean[2] = {}, deviation[2] = {};
  explicit Standard(const Demonstrations& expert) {
    const std::vector<float> seen = transitions(expert).observations.numbers;
    const double n = static_cast<double>(seen.size()) / 2;
    for (std::size_t i = 0; i < seen.size(); ++i) mean[i % 2] += seen[i] / n;
    for (std::size_t i = 0; i < seen.size(); ++i)
      deviation[i % 2] += (seen[i] - mean[i % 2]) * (seen[i] - mean[i % 2]) / n;
    for (double& d : deviation) d = std::sqrt(d);
  }
  double operator()(float x, std::size_t k) const { return (x - mean[k]) / deviation[k]; }
};

// f of each step by plain loops: g(s) or g(s, a), and h of both ends but beyond a termination.
Vector plain_f(const Demonstrations& shown, const Standard& z, const Vector& p, bool actions) {
  const Transitions steps = transitions(shown);
  const PlainNetwork g{actions ? 5u : 2u, 4}, h{2, 3};
  Vector result;
  for (std::size_t i = 0; i < static_cast<std::size_t>(steps.rows()); ++i) {
    Vector seen, next;
    for (std::size_t k = 0; k < 2; ++k) {
      seen.push_back(z(steps.observations.numbers[2 * i + k], k));
      next.push_back(z(steps.next_observations.numbers[2 * i + k], k));
    }
    double f = -h(p.data() + g.size(), seen.data());
    if (steps.terminated[i] == 0) f += discount * h(p.data() + g.size(), next.data());
    if (actions)
      for (int a = 0; a < 3; ++a) seen.push_back(steps.actions.indices[i] == a ? 1 : 0);
    result.push_back(f + g(p.data(), seen.data()));
  }
  return result;
}

const AirlOptions small_networks = {.hidden = {4}, .shaping_hidden = {3}, .seed = 3};

// The loss, the policy's reward, and the loss's gradient: in double, beside loops and central
// differences, whose error with h = 1e-5 is of h^2 and 1e-16 / h.
TEST(Airl, loss_and_reward_are_those_of_plain_loops) {
  auto device = cpu_device();
  const Policy policy(*device, small(true), 5, Real::f64);
  const Demonstrations expert = walk(3, true, 1, 0.5), acted = walk(4, true, 2, -0.5);
  const Rows learner(policy, acted, likelihoods(policy, acted));
  const Vector expert_log = likelihoods(policy, expert), learner_log = likelihoods(policy, acted);
  const Standard z(expert);
  const double count = 20;
  for (const bool beyond : {false, true})
    for (const RewardInput input : {RewardInput::state, RewardInput::state_action}) {
      SCOPED_TRACE(std::string(name_of(input)) + (beyond ? ", absorbing" : ""));
      const EpisodeEnds ends = ends_of(expert);
      std::optional<AbsorbingStates> absorbing;
      if (beyond) absorbing = {ends, discount};
      AirlOptions options = small_networks;
      options.entropy_weight = 0.7;
      AirlReward reward(policy, input, expert, ends, 20, discount, options, "expert", absorbing);
      shake(reward.parameters(), 2);
      reward.observe(learner.view());
      // Two of three experts' episodes end after 5 of 20 steps, two of the learner's four.
      const double c1 = beyond ? std::log(15.0 / (15 + 30)) - std::log(20.0 / (20 + 30)) : 0;
      const double c2 = std::log(30.5 / 46) - std::log(30.5 / 51);
      const bool actions = input == RewardInput::state_action;
      const auto loss_at = [&](const Vector& p) {
        double loss = 0;
        const Vector f = plain_f(expert, z, p, actions), of_learner = plain_f(acted, z, p, actions);
        for (std::size_t i = 0; i < f.size(); ++i)
          loss += softplus_of(-(f[i] - expert_log[i] - c1)) / 15;
        for (std::size_t i = 0; i < of_learner.size(); ++i)
          loss += softplus_of(of_learner[i] - learner_log[i] - c1) / count;
        return loss;
      };
      Program program(*device, Real::f64);
      const Tensor loss =
          classification_loss(reward.logit(program.use(rows_of(reward.expert_rows()))),
                              reward.logit(program.use(rows_of(reward.learner_rows()))), 0);
      program.output("loss", loss);
      program.output("gradient",
                     program.pack(program.gradients(loss, reward.parameters().use(program))));
      program.run();
      const Vector at = reward.parameters().flat().read();
      // Normalizers are in the precision of their statistics' floats.
      EXPECT_NEAR(program.value("loss"), loss_at(at), 1e-6);
      const Vector gradient = program.read("gradient");
      double largest = 0;
      for (std::size_t i = 0; i < at.size(); ++i) {
        Vector up = at, down = at;
        up[i] += 1e-5;
        down[i] -= 1e-5;
        EXPECT_NEAR(gradient[i], (loss_at(up) - loss_at(down)) / 2e-5, 1e-6) << i;
        largest = std::max(largest, std::abs(gradient[i]));
      }
      EXPECT_GT(largest, 1e-2);

      reward.evaluate();
      const Vector f = plain_f(acted, z, at, actions),
                   found = values_of(reward, *device, Real::f64);
      const Vector ended = learner.terminated->read();
      for (std::size_t i = 0; i < f.size(); ++i) {
        // What comes beyond an end is earned once: log of the shares, and h(s') nowhere.
        const double more = beyond && ended[i] != 0 ? discount / (1 - discount) * c2 : 0;
        EXPECT_NEAR(found[i], f[i] - 0.7 * learner_log[i] + more, 1e-6) << i;
      }
    }
}

// h of what a terminated episode ended with is nobody's business.
TEST(Airl, what_was_seen_beyond_an_end_changes_nothing) {
  auto device = cpu_device();
  const Policy policy(*device, small(true), 5);
  const Demonstrations expert = walk(4, true, 1, 0.5);
  Demonstrations other = expert;
  for (std::int64_t e = 0; e < 4; e += 2)
    other.observations
        .numbers[static_cast<std::size_t>(2 * (expert.first_observation(e) + length))] = 77;
  std::vector<Vector> found;
  for (const Demonstrations& shown : {expert, other}) {
    const Rows learner(policy, shown, likelihoods(policy, shown));
    AirlReward reward(policy, RewardInput::state, shown, ends_of(shown), 20, discount,
                      small_networks);
    reward.observe(learner.view());
    for (int i = 0; i < 5; ++i) reward.fit();
    reward.evaluate();
    found.push_back(values_of(reward, *device, Real::f32));
  }
  EXPECT_EQ(found[0], found[1]);
}

// An expert who acts as the learner does: f = log pi makes D = 1/2 everywhere, the loss 2 log 2.
TEST(Airl, where_both_are_equal_the_classifier_is_at_one_half) {
  auto device = cpu_device();
  const Policy policy(*device, small(true), 5);
  const Demonstrations shown = walk(6, true, 1, 0);
  const Vector own = likelihoods(policy, shown);
  const Rows learner(policy, shown, own);
  AirlOptions options = small_networks;
  options.hidden = options.shaping_hidden = {32};
  options.learning_rate = 0.02;
  options.steps = 400;
  const EpisodeEnds ends = ends_of(shown);
  AirlReward reward(policy, RewardInput::state_action, shown, ends, 30, discount, options, "shown",
                    AbsorbingStates{ends, discount});
  reward.observe(learner.view());
  reward.fit();
  reward.fit();  // looks at what the first one led to
  reward.evaluate();
  const AdversaryMetrics metrics = reward.metrics();
  EXPECT_NEAR(metrics.entropy, std::log(2), 1e-2);
  EXPECT_NEAR(metrics.loss, 2 * std::log(2), 1e-2);
  EXPECT_NEAR(metrics.calibration_error, 0, 1e-2);
  // The shares beyond ends are equal: nothing is earned there. f - log pi is 0 but for the fit.
  EXPECT_NEAR(metrics.absorbing_reward, 0, 1e-6);
  for (double one : values_of(reward, *device, Real::f32)) EXPECT_NEAR(one, 0, 0.5);
}

// A policy that moves after it acted, and an observation normalizer that does, change neither what
// the learner's actions were drawn with nor what the expert's are held to.
TEST(Airl, likelihoods_are_those_of_the_policy_that_acted) {
  auto device = cpu_device();
  const Demonstrations expert = walk(4, true, 1, 0.5), acted = walk(4, true, 2, -0.5);
  const auto fitted = [&](bool moved) {
    Policy policy(*device, small(true), 5);
    const Rows learner(policy, acted, likelihoods(policy, acted));
    AirlReward reward(policy, RewardInput::state, expert, ends_of(expert), 20, discount,
                      small_networks);
    reward.observe(learner.view());
    if (moved) {
      shake(policy.parameters(), 9);
      policy.normalizer()->set({5, 5}, {3, 3}, 10);
    }
    reward.fit();
    reward.evaluate();
    return values_of(reward, *device, Real::f32);
  };
  const Vector still = fitted(false);
  EXPECT_EQ(still, fitted(true));
  // The reward's own normalizers are the expert's, whatever the policy's are.
  Policy policy(*device, small(true), 5);
  AirlReward reward(policy, RewardInput::state, expert, ends_of(expert), 20, discount,
                    small_networks);
  const Rows learner(policy, acted, likelihoods(policy, acted));
  reward.observe(learner.view());
  const auto frozen = reward.frozen();
  policy.normalizer()->set({5, 5}, {3, 3}, 10);
  Program program(*device);
  program.output("state", frozen->features().state(program.constant({rows(1), 2}, {1, 2})));
  program.run();
  const Standard z(expert);
  EXPECT_NEAR(program.read("state")[0], z(1, 0), 1e-5);
  EXPECT_NEAR(program.read("state")[1], z(2, 1), 1e-5);
}

// Fu et al. 2018, theorem 5.1, on a random deterministic graph of 16 states and 4 actions, where 1
// is earned in state 0. The expert is soft-optimal, and so is the learner: rows of either side are
// all that may happen. A reward of the state alone, apart from its shaping, is the true one up to a
// constant; one of state and action is not, though it tells as little apart.
TEST(Airl, a_reward_of_the_state_is_recovered_up_to_a_constant) {
  constexpr std::size_t states = 16, actions = 4;
  kernel_test::Random random(7);
  std::size_t next[states][actions];
  for (std::size_t s = 0; s < states; ++s)
    for (std::size_t a = 0; a < actions;
         ++a)  // by one of them to each state, from which it is seen
      next[s][a] =
          a == 0 ? (s + 1) % states : static_cast<std::size_t>(random.integer(0, states - 1));
  double value[states] = {}, log_pi[states][actions];
  for (int sweep = 0; sweep < 1000; ++sweep) {
    double improved[states];
    for (std::size_t s = 0; s < states; ++s) {
      double total = 0;
      for (std::size_t a = 0; a < actions; ++a) {
        log_pi[s][a] = (s == 0 ? 1 : 0) + discount * value[next[s][a]];
        total += std::exp(log_pi[s][a]);
      }
      improved[s] = std::log(total);
      for (double& one : log_pi[s]) one -= improved[s];
    }
    std::copy_n(improved, states, value);
  }
  auto device = cpu_device();
  PolicyDescription description;
  description.observation.shape = {states};
  description.action = {ActionKind::discrete, actions};
  description.trunk.hidden = {};
  const Policy policy(*device, description, 1, Real::f64);
  Vector weights;
  for (const auto& row : log_pi) weights.insert(weights.end(), row, row + actions);
  weights.resize(weights.size() + actions, 0);
  policy.parameters().flat().write(weights);

  Demonstrations all;  // episodes of one step
  all.observations.shape = {states};
  all.actions.discrete = true;
  for (std::size_t s = 0; s < states; ++s)
    for (std::size_t a = 0; a < actions; ++a) {
      for (const std::size_t at : {s, next[s][a]})
        for (std::size_t k = 0; k < states; ++k)
          all.observations.numbers.push_back(k == at ? 1 : 0);
      all.actions.indices.push_back(static_cast<std::int64_t>(a));
      all.starts.push_back(all.starts.back() + 1);
      all.terminal.push_back(0);
    }
  const Rows learner(policy, all, likelihoods(policy, all));
  const auto apart = [&](RewardInput input) {
    AirlOptions tabular;  // linear in indicators; of both, enough units for each pair of them
    if (input == RewardInput::state) tabular.hidden = {};
    tabular.shaping_hidden = {};
    std::unique_ptr<AirlReward> reward;
    for (const double rate : {0.01, 0.001, 0.0001}) {  // ever smaller steps from where it was
      tabular.learning_rate = rate;
      tabular.steps = rate == 0.01 ? 3000 : 1000;
      auto finer =
          std::make_unique<AirlReward>(policy, input, all, ends_of(all), 64, discount, tabular);
      if (reward) finer->parameters().flat().write(reward->parameters().flat().read());
      reward = std::move(finer);
      reward->observe(learner.view());
      reward->fit();
    }
    reward->fit();  // looks, too
    EXPECT_NEAR(reward->metrics().loss, 2 * std::log(2), 1e-5);
    const Vector g = reward->frozen()->rewards(transitions(all));
    double least = g[0] - 1, most = least;
    for (std::size_t row = 0; row < g.size(); ++row) {
      const double error = g[row] - (row < actions ? 1 : 0);
      least = std::min(least, error);
      most = std::max(most, error);
    }
    return most - least;
  };
  EXPECT_LT(apart(RewardInput::state), 1e-3);
  EXPECT_GT(apart(RewardInput::state_action), 0.1);
}

TEST(Airl, a_file_without_last_observations_serves) {
  const Demonstrations whole = walk(4, true, 1, 0);
  Demonstrations shorter = whole;
  shorter.observations = transitions(whole).observations;
  shorter.last_observation = false;
  const Demonstrations made = with_next_observations(shorter, ends_of(shorter));
  ASSERT_EQ(made.episodes(), 4);
  for (std::int64_t e = 0; e < 4; ++e) {
    EXPECT_EQ(made.length(e), e % 2 == 0 ? length : length - 1);
    EXPECT_EQ(made.duration(e), length);
    for (std::int64_t t = 0; t < length; ++t)
      EXPECT_EQ(
          made.observations.numbers[static_cast<std::size_t>(2 * (made.first_observation(e) + t))],
          whole.observations
              .numbers[static_cast<std::size_t>(2 * (whole.first_observation(e) + t))]);
  }
  EXPECT_EQ(transitions(made).next_observations.rows(), made.steps());
  EXPECT_TRUE(same_data(with_next_observations(whole, ends_of(whole)), whole));
}

// Half of what the classifier sees of learners is a uniform sample of all iterations, each row with
// the likelihood it was drawn with; a resumed run's is the same.
TEST(Airl, past_learners_stay_in_sight) {
  auto device = cpu_device();
  const Policy policy(*device, small(true), 5);
  const Demonstrations expert = walk(4, true, 1, 0.5), acted = walk(200, true, 2, -0.5);
  const std::string file = testing::TempDir() + "/past.safetensors";
  constexpr int iterations = 4;
  AirlReward whole(policy, RewardInput::state, expert, ends_of(expert), 1000, discount,
                   small_networks);
  AirlReward resumed(policy, RewardInput::state, expert, ends_of(expert), 1000, discount,
                     small_networks);
  for (int k = 0; k < iterations; ++k) {
    const Rows learner(policy, acted, Vector(1000, -1 - k));
    if (k == 2) {
      write_checkpoint(file, {&whole.store()}, {});
      read_checkpoint(file, {&resumed.store()});
    }
    whole.observe(learner.view());
    if (k >= 2) resumed.observe(learner.view());
  }
  const Vector past = whole.store().at("airl/past").read();
  EXPECT_EQ(past, resumed.store().at("airl/past").read());
  int seen[iterations] = {};
  const std::size_t width = past.size() / 1000;
  for (std::size_t row = 0; row < 1000; ++row)
    ++seen[static_cast<int>(-past[row * width + width - 1]) - 1];
  // 250 each, with a deviation of 14.
  for (int one : seen) EXPECT_NEAR(one, 250, 60);
}

// What is drawn beyond the bounds counts as uniform within them, at least.
TEST(Airl, spreading_beyond_the_bounds_of_actions_pays_nothing) {
  auto device = cpu_device();
  Program program(*device);
  const Tensor log = program.constant({rows(3)}, {-9, -std::log(4) - 0.1, 0.5});
  const ActionSpace bounded = {ActionKind::continuous, 2, {-1, -1}, {1, 1}};
  const ActionSpace half = {ActionKind::continuous, 2, {-1, -1}, {1, INFINITY}};
  program.output("bounded", bounded_likelihood(bounded, log));
  program.output("half", identity(bounded_likelihood(half, log)));
  program.run();
  const Vector floor = {-std::log(4), -std::log(4), 0.5}, as_it_is = {-9, -std::log(4) - 0.1, 0.5};
  for (std::size_t i = 0; i < 3; ++i) {
    EXPECT_NEAR(program.read("bounded")[i], floor[i], 1e-6);
    EXPECT_NEAR(program.read("half")[i], as_it_is[i], 1e-6);
  }
}

TEST(Airl, heads_without_a_likelihood_are_refused) {
  auto device = cpu_device();
  PolicyDescription description = small(false);
  description.head = "adversarial";
  const Policy policy(*device, description, 1);
  const Demonstrations expert = walk(2, false, 1, 0);
  try {
    const AirlReward reward(policy, RewardInput::state, expert, ends_of(expert), 10, discount, {});
    FAIL();
  } catch (const Error& refused) {
    EXPECT_STREQ(refused.what(),
                 "airl: expected a head that knows its likelihood, found 'adversarial'");
  }
}

// Two environments whose episodes of 5 steps begin at different times, three steps a collection.
// After four collections what counts is what began and ended, and whose end fell among the latest
// collection's steps (one late).
TEST(GanGcl, trajectories_are_whole_episodes_across_collections) {
  auto device = cpu_device();
  const Policy policy(*device, small(true), 5, Real::f64);
  const Demonstrations expert = walk(3, true, 1, 0.5);
  const RolloutOptions rollouts = {.num_envs = 2, .steps_per_iteration = 6};
  TrajectoryReward reward(policy, RewardInput::state, expert, rollouts, 5, {.hidden = {4}});
  shake(reward.parameters(), 2);
  const Vector p = reward.parameters().flat().read();
  const PlainNetwork g{2, 4};
  const Standard z(expert);
  kernel_test::Random random(8);
  struct Step {
    double gain;
    std::int64_t time;
  };
  std::vector<Step> all[2];  // by environment
  for (int collection = 0; collection < 4; ++collection) {
    Store store(*device, Real::f64);
    Vector seen, log, time, zero(6, 0);
    for (std::int64_t t = 3 * collection; t < 3 * collection + 3; ++t)
      for (int e : {0, 1}) {
        const float x[2] = {static_cast<float>(random.normal()),
                            static_cast<float>(random.normal())};
        const double standard[2] = {z(x[0], 0), z(x[1], 1)};
        seen.insert(seen.end(), {x[0], x[1]});
        log.push_back(-0.5 + 0.1 * random.normal());
        time.push_back(static_cast<double>((t + 2 * e) % 5));
        all[e].push_back({g(p.data(), standard) - log.back(), (t + 2 * e) % 5});
      }
    const auto put = [&](const char* name, const Shape& shape, const Vector& values) {
      Array& made = store.create(name, shape);
      made.write(values);
      return rows_of(made);
    };
    TransitionBatch batch;
    batch.observation = put("observation", {6, 2}, seen);
    batch.log_probability = put("log", {6}, log);
    batch.time = put("time", {6}, time);
    Array& action = store.create("action", {6}, Element::index);
    batch.action = rows_of(action);
    reward.observe(batch);
  }
  Program program(*device, Real::f64);
  const TrajectoryReward::Trajectories found = reward.of_learner(program);
  program.output("logit", found.logit);
  program.output("begins", found.begins);
  program.run();
  const Vector logit = program.read("logit"), begins = program.read("begins");
  const std::size_t kept = begins.size() / 2;
  ASSERT_EQ(kept, 9u);  // two collections before, of three steps, for five
  int counted = 0;
  for (std::size_t e : {0u, 1u})
    for (std::size_t t = 0; t < kept; ++t) {
      const std::size_t first = t + 12 - kept;  // in `all`
      double sum = p.back();                    // log 1 / Z
      std::size_t last = first;
      bool ended = false;
      for (std::size_t i = first; i < 12 && !ended; ++i) {
        sum += all[e][i].gain;
        last = i;
        ended = i + 1 < 12 && all[e][i + 1].time == 0;
      }
      const bool counts = all[e][first].time == 0 && ended && last >= 8 && last < 11;
      EXPECT_EQ(begins[e * kept + t], counts ? 1 : 0) << e << " " << t;
      if (counts) {
        ++counted;
        EXPECT_NEAR(logit[e * kept + t], sum, 1e-6);
      }
    }
  EXPECT_EQ(counted, 1);
  // The expert's three.
  Program other(*device, Real::f64);
  other.output("begins", reward.of_expert(other).begins);
  other.run();
  const Vector theirs = other.read("begins");
  for (std::size_t i = 0; i < theirs.size(); ++i) EXPECT_EQ(theirs[i], i % 5 == 0 ? 1 : 0);
}

TEST(GanGcl, an_episode_with_steps_left_out_is_refused) {
  auto device = cpu_device();
  const Policy policy(*device, small(true), 5);
  Demonstrations thin = walk(3, true, 1, 0.5);
  thin.durations = {5, 9, 5};
  const RolloutOptions rollouts = {.num_envs = 2, .steps_per_iteration = 6};
  try {
    const TrajectoryReward reward(policy, RewardInput::state, thin, rollouts, 5, {}, "thin.npz");
    FAIL();
  } catch (const Error& refused) {
    EXPECT_STREQ(refused.what(), "thin.npz, episode 1: expected all its 9 steps, found 5");
  }
}

// What was learned, alone: the same rewards after a file, of each kind of function.
TEST(FrozenReward, a_file_has_the_rewards_that_were_learned) {
  auto device = cpu_device();
  const Policy policy(*device, small(true), 5);
  const Demonstrations expert = walk(4, true, 1, 0.5), acted = walk(4, true, 2, -0.5);
  const Rows learner(policy, acted, likelihoods(policy, acted));
  const Transitions steps = transitions(acted);
  const std::string file = testing::TempDir() + "/reward.safetensors";
  const auto check = [&](LearnedReward& reward, const Vector& expected) {
    const auto frozen = reward.frozen();
    frozen->save(file);
    const auto loaded = FrozenReward::load(*device, file);
    const Vector found = loaded->rewards(steps);
    EXPECT_EQ(found, frozen->rewards(steps));
    EXPECT_EQ(found.size(), expected.size());
    for (std::size_t i = 0; i < found.size(); ++i)
      EXPECT_NEAR(found[i], expected[i], 1e-5 * (1 + std::abs(expected[i]))) << i;
    return loaded->description();
  };
  const auto train = [&](LearnedReward& reward) {
    reward.observe(learner.view());
    for (int i = 0; i < 10; ++i) reward.fit();
    reward.evaluate();
    return values_of(reward, *device, Real::f32);
  };
  const TransitionSpaces spaces = {{policy.description().observation, policy.description().action},
                                   RewardInput::state_action};
  const EpisodeEnds ends = ends_of(expert);
  const std::optional<AbsorbingStates> absorbing = AbsorbingStates{ends, discount};
  const Vector ended = learner.terminated->read();
  for (const RewardForm form :
       {RewardForm::negative_log_one_minus, RewardForm::logarithm, RewardForm::difference}) {
    Discriminator gail(*device, spaces, expert, 20, {.hidden = {6}, .form = form}, "expert",
                       Real::f32, absorbing);
    Vector expected = train(gail);
    const double beyond = gail.metrics().absorbing_reward;
    for (std::size_t i = 0; i < expected.size(); ++i)
      if (ended[i] != 0) expected[i] -= discount / (1 - discount) * beyond;
    // One learner alone was seen.
    EXPECT_NEAR(check(gail, expected).absorbing, beyond, 1e-5);
  }
  for (const LinearCosts costs : {LinearCosts::ball, LinearCosts::simplex})
    for (const RewardSign sign : {RewardSign::either, RewardSign::never_negative}) {
      LinearReward linear(*device, spaces, expert, 20, {.costs = costs, .sign = sign}, "expert",
                          Real::f32, absorbing);
      Vector expected = train(linear);
      const double beyond = linear.metrics().absorbing_reward;
      for (std::size_t i = 0; i < expected.size(); ++i)
        if (ended[i] != 0) expected[i] -= discount / (1 - discount) * beyond;
      EXPECT_NEAR(check(linear, expected).absorbing, beyond, 1e-5);
    }
  AirlReward airl(policy, RewardInput::state_action, expert, ends, 20, discount, small_networks,
                  "expert", absorbing);
  train(airl);
  Program program(*device);
  program.output("g", airl.g(program.use(rows_of(airl.learner_rows()))));
  program.run();
  EXPECT_NEAR(check(airl, program.read("g")).absorbing, airl.metrics().absorbing_reward, 1e-5);
}

}  // namespace
}  // namespace understudy
