// Losses and gradients of the off-policy learners against plain double loops, fixed points against
// the tabular solvers, and learning itself.

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>

#include "algorithms/off_policy/q_learning.h"
#include "algorithms/off_policy/soft_actor_critic.h"
#include "algorithms/policies/evaluation.h"
#include "algorithms/tabular/solver.h"
#include "kernels/device/error.h"
#include "tests/off_policy/shown.h"

namespace understudy {
namespace {

using Vector = std::vector<double>;

// ---- A gradient step by hand ----

// A Q function that is linear in two observed numbers and a constant, of three choices.
struct Linear2 {
  const EnvironmentDescription& environment = environment_named("mountain_car");
  PolicyDescription description() const {
    PolicyDescription made = describe_policy(environment);
    made.trunk.hidden = {};
    made.last_scale = 1;
    return made;
  }
  // weight [2, 3], bias [3], in the order of the parameters.
  static Vector q(const Vector& p, const double* o, double tau) {
    Vector result(3);
    for (std::size_t a = 0; a < 3; ++a)
      result[a] = tau * (o[0] * p[a] + o[1] * p[3 + a] + p[6 + a]);
    return result;
  }
};

struct Case {
  const char* name;
  QLearningOptions options;
};

double huber(double d) { return std::abs(d) <= 1 ? 0.5 * d * d : std::abs(d) - 0.5; }
double soft_max(const Vector& q, double tau) {
  double most = *std::max_element(q.begin(), q.end()), total = 0;
  for (double one : q) total += std::exp((one - most) / tau);
  return most + tau * std::log(total);
}

// The buffer holds one row, which is all that a minibatch can have: the loss is a function of the
// parameters that is written out here once more.
TEST(QLearning, loss_and_gradient_are_those_of_a_plain_loop) {
  std::vector<Case> cases;
  const auto add = [&](const char* name, OffPolicyAlgorithm algorithm, auto change) {
    QLearningOptions options = algorithm == OffPolicyAlgorithm::reinforcement
                                   ? QLearningOptions::dqn()
                                   : QLearningOptions::imitating(algorithm);
    change(options);
    cases.push_back({name, options});
  };
  using enum OffPolicyAlgorithm;
  add("dqn", reinforcement, [](auto&) {});
  add("hard", reinforcement, [](auto& o) { o.double_q = false, o.huber = false; });
  add("soft", reinforcement, [](auto& o) { o.soft = true, o.temperature = 0.7; });
  add("dqfd", dqfd, [](auto& o) { o.terms.l2 = 0.01; });
  add("sqil", sqil, [](auto&) {});
  add("iq_learn", iq_learn, [](auto& o) { o.terms.offline = true; });
  add("iq_learn, other alpha", iq_learn,
      [](auto& o) { o.terms.alpha = 3, o.terms.offline = true; });
  // The last step of a demonstration, which terminated; or one from its middle, which was cut.
  const Demonstrations car = shown("mountain_car", 1);
  for (const bool terminated : {true, false})
    for (Case c : cases) {
      SCOPED_TRACE(std::string(c.name) + (terminated ? ", terminated" : ", cut"));
      Demonstrations one = car;
      const std::int64_t at = terminated ? car.steps() - 1 : car.steps() / 2;
      one.observations.numbers.assign(car.observations.numbers.begin() + 2 * at,
                                      car.observations.numbers.begin() + 2 * at + 4);
      one.actions.indices = {car.actions.indices[static_cast<std::size_t>(at)]};
      one.rewards = {-0.25F};
      one.terminal = {terminated};
      one.starts = {0, 1};
      const std::unique_ptr<Device> device = cpu_device();
      const Linear2 linear;
      Policy policy(*device, linear.description(), 5);
      QLearningOptions& o = c.options;
      o.learner = {.num_envs = 1,
                   .steps_per_iteration = 1,
                   .batch_size = 3,
                   .capacity = 1,
                   .discount = 0.9,
                   .n_step = o.learner.n_step,
                   .gradient_norm = 0};
      o.terms.expert_ends = EndsEvidence::flags;
      o.terms.demonstration_share = 1;
      // Reinforcement has no demonstrations: that row is written into the ring.
      QLearning learner(policy, linear.environment, o, {&one});
      const float action = static_cast<float>(one.actions.indices[0]);
      const float flag = terminated, ended = 1, zero = 0;
      if (!o.terms.imitates())
        learner.replay().write({one.observations.numbers.data(), &action, one.rewards.data(),
                                one.observations.numbers.data() + 2, &flag, &ended, &zero});
      const Vector p = policy.parameters().flat().read();
      const Vector seen(one.observations.numbers.begin(), one.observations.numbers.end());
      // At the start the target is a copy, which the gradient holds still.
      const auto loss_at = [&](const Vector& x) {
        const double tau = o.temperature;
        const std::size_t a = static_cast<std::size_t>(one.actions.indices[0]);
        const Vector q = Linear2::q(x, seen.data(), tau);
        const Vector next = Linear2::q(p, seen.data() + 2, tau);
        const double v = o.soft ? soft_max(next, tau) : *std::max_element(next.begin(), next.end());
        const double goes_on = terminated ? 0 : 0.9 * v;
        const auto h = [&](double d) { return o.huber ? huber(d) : 0.5 * d * d; };
        switch (o.terms.algorithm) {
          case reinforcement: return h(q[a] - (-0.25 + goes_on));
          case sqil: return h(q[a] - (1 + goes_on));  // the ring is empty: nothing beyond yet
          case iq_learn: {
            const double reward = q[a] - goes_on;
            return -reward + (soft_max(q, tau) - goes_on) + reward * reward / (4 * o.terms.alpha);
          }
          case dqfd: {
            double most = -1e300;
            for (std::size_t b = 0; b < 3; ++b)
              most = std::max(most, q[b] + (b == a ? 0 : o.terms.margin));
            return 2 * h(q[a] - (-0.25 + goes_on)) + most - q[a];
          }
          default: return 0.0;
        }
      };
      learner.update();
      EXPECT_NEAR(learner.report_of_last("loss"), loss_at(p), 1e-5 * (1 + std::abs(loss_at(p))));
      // Adam's first moment is a tenth of the gradient.
      const Vector m = learner.store().at("policy/adam/m").read();
      Vector x = p;
      for (std::size_t i = 0; i < p.size(); ++i) {
        const double step = 1e-5;
        x[i] = p[i] + step;
        const double above = loss_at(x);
        x[i] = p[i] - step;
        const double below = loss_at(x);
        x[i] = p[i];
        const double l2 = o.terms.algorithm == dqfd ? o.terms.l2 * p[i] : 0;
        EXPECT_NEAR(10 * m[i], (above - below) / (2 * step) + l2, 1e-4) << "parameter " << i;
      }
    }
}

// Deviations so small, and a temperature so low, that draws are the mode: what is left is the two
// critics' squares.
TEST(SoftActorCritic, critics_aim_at_the_lesser_target_through_time_limits) {
  const std::unique_ptr<Device> device = cpu_device();
  const EnvironmentDescription& pendulum = environment_named("pendulum");
  PolicyDescription description = describe_policy(pendulum);
  description.trunk.hidden = {};
  description.last_scale = 1;
  description.head = SquashedGaussianOptions{.initial_std = 2e-4, .min_std = 1e-4, .max_std = 1e-3};
  for (const float flag : {0.0F, 1.0F}) {
    Policy policy(*device, description, 5);
    SoftActorCriticOptions options;
    options.learner = {.num_envs = 1,
                       .steps_per_iteration = 1,
                       .batch_size = 3,
                       .capacity = 1,
                       .discount = 0.9,
                       .gradient_norm = 0};
    options.critic_hidden = {4};
    options.temperature = 1e-9;
    options.temperature_rate = 0;
    SoftActorCritic learner(policy, pendulum, options);
    const Vector o = {0.6, 0.8, 0.3}, then = {0.8, 0.6, -0.2};
    const std::vector<float> row(o.begin(), o.end()), next(then.begin(), then.end());
    const float action = -1.5F, reward = -0.7F, ended = 1, zero = 0;
    learner.replay().write({row.data(), &action, &reward, next.data(), &flag, &ended, &zero});
    // first: weights [4, 4], bias [4], [4, 1], [1]; second the same.
    const Vector c = learner.store().at("critics").read();
    const Vector w = policy.parameters().flat().read();
    const auto critic = [&](const Vector& seen, double unit, std::size_t which) {
      const double* p = c.data() + which * c.size() / 2;
      double q = p[24];
      for (std::size_t h = 0; h < 4; ++h) {
        double sum = p[16 + h] + unit * p[12 + h];
        for (std::size_t k = 0; k < 3; ++k) sum += seen[k] * p[4 * k + h];
        q += std::max(0.0, sum) * p[20 + h];
      }
      return q;
    };
    const double mean = then[0] * w[0] + then[1] * w[1] + then[2] * w[2] + w[3];
    const double unit = std::tanh(mean);
    const double target =
        -0.7 + (flag != 0 ? 0 : 0.9 * std::min(critic(then, unit, 0), critic(then, unit, 1)));
    double expected = 0;
    for (std::size_t i = 0; i < 2; ++i) {
      const double d = critic(o, -0.75, i) - target;
      expected += 0.5 * d * d;
    }
    learner.update();
    EXPECT_NEAR(learner.report_of_last("loss"), expected, 2e-3 * (1 + expected));
  }
}

TEST(OffPolicy, unfit_policies_and_data_are_refused) {
  const std::unique_ptr<Device> device = cpu_device();
  const EnvironmentDescription& cartpole = environment_named("cartpole");
  Policy discrete(*device, describe_policy(cartpole)),
      numbers(*device, describe_policy(environment_named("pendulum")));
  EXPECT_THROW(QLearning(numbers, environment_named("pendulum"), {}), Error);
  EXPECT_THROW(QLearning(discrete, environment_named("acrobot"), {}), Error);
  EXPECT_THROW(SoftActorCritic(discrete, cartpole, {}), Error);
  EXPECT_THROW(SoftActorCritic(numbers, environment_named("pendulum"), {}), Error);  // its head
  Demonstrations pole = shown("cartpole", 1, 20);
  const auto options = QLearningOptions::imitating(OffPolicyAlgorithm::dqfd);
  EXPECT_THROW(QLearning(discrete, cartpole, options), Error);
  pole.rewards.clear();
  EXPECT_THROW(QLearning(discrete, cartpole, options, {&pole}), Error);
}

// ---- Tabular ----

// On a world whose every transition is certain, soft Q-learning ends where no error is left: at the
// soft values that the tabular solver finds. States are indicators, so that the network is a table
// (and a number that all entries share); each pair of state and action is in the buffer once.
TEST(QLearning, soft_fixed_point_is_the_tabular_solvers) {
  const std::unique_ptr<Device> device = cpu_device();
  const EnvironmentDescription& spaces = environment_named("cliff_walking");
  constexpr std::int64_t states = 48, actions = 4;
  constexpr double tau = 0.7, discount = 0.8;
  PolicyDescription description = describe_policy(spaces);
  description.trunk.hidden = {};
  Policy policy(*device, description, 1);
  QLearningOptions options;
  options.soft = true;
  options.huber = false;
  options.temperature = tau;
  options.learner = {.num_envs = 1,
                     .steps_per_iteration = 1,
                     .batch_size = 96,
                     .capacity = states * actions,
                     .discount = discount,
                     .learning_rate = 0.004,
                     .gradient_norm = 0,
                     .target_rate = 0.05};
  QLearning learner(policy, spaces, options);

  ProblemTable table;
  table.n_states = states + 1;  // beyond an end is a state without actions
  table.n_actions = actions;
  table.discount = discount;
  table.terminal.assign(states + 1, 0);
  table.terminal.back() = 1;
  Vector rewards;
  std::vector<float> here(states), there(states);
  for (std::int64_t s = 0; s < states; ++s)
    for (std::int64_t a = 0; a < actions; ++a) {
      const std::int64_t pair = s * actions + a, next = (7 * s + 11 * a + 3) % states;
      const float reward = 2 * std::sin(1.3F * static_cast<float>(pair)), zero = 0;
      const float ended = pair % 17 == 0, action = static_cast<float>(a);
      table.state.push_back(s);
      table.action.push_back(a);
      table.next_state.push_back(ended != 0 ? states : next);
      rewards.push_back(static_cast<double>(reward) / tau);
      here.assign(states, 0);
      there.assign(states, 0);
      here[static_cast<std::size_t>(s)] = there[static_cast<std::size_t>(next)] = 1;
      learner.replay().write({here.data(), &action, &reward, there.data(), &ended, &ended, &zero});
    }
  for (int i = 0; i < 20000; ++i) learner.update();
  const Solution solution =
      solve(*device, make_problem(table), rewards, {.backup = Backup::log_sum_exp});
  const Vector weight = policy.store().at("policy/head/logits/weight").read(),
               bias = policy.store().at("policy/head/logits/bias").read();
  for (std::size_t pair = 0; pair < states * actions; ++pair)
    // Values span some 10; Adam's steps do not go to nothing.
    EXPECT_NEAR(tau * (weight[pair] + bias[pair % actions]), tau * solution.q_values[pair], 0.03)
        << "pair " << pair;
}

// Of every distribution over actions the likelihood is greatest at the expert's own: with alpha
// large, IQ-Learn's objective of the expert's exact occupancy is just that (Garg et al. 2021,
// section 5.1), for the terms in V cancel along its flow.
TEST(IqLearn, tabular_optimum_is_the_experts_policy) {
  const std::unique_ptr<Device> device = cpu_device();
  constexpr std::int64_t states = 4, actions = 3;
  constexpr double discount = 0.8;
  // s' = (s + a) mod 4 with 0.7, else (s + 2 a + 1) mod 4.
  const Vector expert = {0.6, 0.3, 0.1, 0.2, 0.2, 0.6, 0.1, 0.8, 0.1, 0.5, 0.25, 0.25};
  Vector transition(static_cast<std::size_t>(states * actions * states));
  for (std::int64_t s = 0; s < states; ++s)
    for (std::int64_t a = 0; a < actions; ++a) {
      const std::int64_t pair = s * actions + a;
      transition[static_cast<std::size_t>(pair * states + (s + a) % states)] += 0.7;
      transition[static_cast<std::size_t>(pair * states + (s + 2 * a + 1) % states)] += 0.3;
    }
  // Discounted occupancy from state 0.
  Vector visits = {1, 0, 0, 0}, occupancy(states * actions);
  for (int t = 0; t < 400; ++t) {
    Vector next(states);
    for (std::size_t pair = 0; pair < states * actions; ++pair) {
      const double flow = visits[pair / actions] * expert[pair];
      occupancy[pair] += (1 - discount) * flow;
      for (std::size_t s = 0; s < states; ++s)
        next[s] += discount * flow * transition[pair * states + s];
    }
    visits = next;
  }
  Store store(*device, Real::f64);
  Parameters parameters("q");
  parameters.declare("table", {states, actions}, zeros());
  parameters.create(store, 0);
  Program program(*device, Real::f64);
  const Tensor table = parameters.use(program, 0);
  const Tensor value = log_sum_exp(table);
  const Tensor next = discount * matmul(program.constant({states * actions, states}, transition),
                                        reshape(value, {states, 1}));
  const Tensor weight = program.constant({states * actions}, occupancy);
  Vector where;
  for (std::int64_t pair = 0; pair < states * actions; ++pair)
    for (std::int64_t s = 0; s < states; ++s) where.push_back(pair / actions == s);
  const Tensor here = reshape(
      matmul(program.constant({states * actions, states}, where), reshape(value, {states, 1})),
      {states * actions});
  const Tensor loss = iq_loss(reshape(table, {states * actions}), reshape(next, {states * actions}),
                              here, weight, weight, 1e9);
  program.output("policy", softmax(table));
  Adam adam(parameters, store, {.learning_rate = 0.05});
  adam.record(program, loss);
  for (int i = 0; i < 4000; ++i) program.run();
  const Vector found = program.read("policy");
  for (std::size_t i = 0; i < found.size(); ++i) EXPECT_NEAR(found[i], expert[i], 1e-4) << i;
}

TEST(IqLearn, reward_beyond_the_end_is_the_losss_own_optimum) {
  // Of one state with the value q for ever, r = (1 - discount) q, visited with the shares e and l:
  // minimize (1 - discount) q ((e + l) / 2 - e) + (e + l) / 2 r^2 / (4 alpha) over q.
  ImitationTerms terms;
  terms.algorithm = OffPolicyAlgorithm::iq_learn;
  terms.alpha = 0.8;
  const double e = 0.3, l = 0.1, w = 0.5 * (e + l);
  double best = 0, least = 1e300;
  for (double r = -2; r < 2; r += 1e-4) {
    const double loss = -e * r + w * r + w * r * r / (4 * terms.alpha);
    if (loss < least) least = loss, best = r;
  }
  EXPECT_NEAR(absorbing_reward(terms, e, l), best, 1e-4);
  terms.algorithm = OffPolicyAlgorithm::sqil;
  EXPECT_DOUBLE_EQ(absorbing_reward(terms, e, l), 0.75);
  EXPECT_EQ(absorbing_reward(terms, 0, 0), 0);
  terms.absorbing_states = false;
  EXPECT_EQ(absorbing_reward(terms, e, l), 0);
}

// ---- The discriminator ----

TEST(Dac, loss_is_that_of_a_plain_loop_with_its_gradient_penalty) {
  const std::unique_ptr<Device> device = cpu_device();
  constexpr std::int64_t n = 4, width = 3;
  Store store(*device, Real::f64);
  const DacOptions options{.hidden = {5}, .gradient_penalty = 10};
  const DacDiscriminator d(store, width, options, 3);
  Vector p = store.at("discriminator").read();
  for (std::size_t i = 0; i < p.size(); ++i) p[i] += 0.3 * std::sin(1.7 * static_cast<double>(i));
  store.at("discriminator").write(p);
  Program program(*device, Real::f64);
  const Tensor expert = program.input("expert", {rows(n), width}),
               learner = program.input("learner", {rows(n), width}),
               between = program.input("between", {rows(n), 1});
  const Tensor loss = d.loss(expert, learner, program.constant({2}, {0.25, 0.1}), between);
  program.output("loss", loss);
  program.output("gradient", program.pack(program.gradients(loss, d.parameters().use(program))));
  Vector e, l, u;
  for (std::int64_t i = 0; i < n * width; ++i) {
    e.push_back(std::sin(0.9 * static_cast<double>(i)));
    l.push_back(std::cos(1.3 * static_cast<double>(i)));
  }
  for (std::int64_t i = 0; i < n; ++i) u.push_back(0.2 + 0.2 * static_cast<double>(i));
  program.write("expert", e);
  program.write("learner", l);
  program.write("between", u);
  program.run();
  // weight [4, 5], bias [5], weight [5, 1], bias [1]
  const auto f_at = [](const Vector& x, const Vector& q) {
    double f = q[30];
    for (std::size_t h = 0; h < 5; ++h) {
      double sum = q[20 + h];
      for (std::size_t k = 0; k < 4; ++k) sum += x[k] * q[5 * k + h];
      f += std::tanh(sum) * q[25 + h];
    }
    return f;
  };
  const auto loss_at = [&](const Vector& q) {
    const auto softplus_of = [](double x) { return std::log1p(std::exp(x)); };
    const double beyond = f_at({0, 0, 0, 1}, q);
    double total = 0.25 * softplus_of(-beyond) + 0.1 * softplus_of(beyond);
    for (std::size_t i = 0; i < n; ++i) {
      const Vector one(e.begin() + std::ptrdiff_t(3 * i), e.begin() + std::ptrdiff_t(3 * i + 3)),
          other(l.begin() + std::ptrdiff_t(3 * i), l.begin() + std::ptrdiff_t(3 * i + 3));
      total += 0.75 * softplus_of(-f_at({one[0], one[1], one[2], 0}, q)) / n;
      total += 0.9 * softplus_of(f_at({other[0], other[1], other[2], 0}, q)) / n;
      Vector x(4, 0.0);
      for (std::size_t k = 0; k < 3; ++k) x[k] = u[i] * one[k] + (1 - u[i]) * other[k];
      double squares = 0;
      for (std::size_t k = 0; k < 3; ++k) {  // of tanh: 1 - tanh^2
        double slope = 0;
        for (std::size_t h = 0; h < 5; ++h) {
          double sum = q[20 + h];
          for (std::size_t j = 0; j < 4; ++j) sum += x[j] * q[5 * j + h];
          slope += (1 - std::tanh(sum) * std::tanh(sum)) * q[5 * k + h] * q[25 + h];
        }
        squares += slope * slope;
      }
      total += 10 * (std::sqrt(squares) - 1) * (std::sqrt(squares) - 1) / n;
    }
    return total;
  };
  EXPECT_NEAR(program.value("loss"), loss_at(p), 1e-9);
  const Vector gradient = program.read("gradient");
  for (std::size_t i = 0; i < p.size(); ++i) {
    Vector q = p;
    const double h = 1e-6;
    q[i] = p[i] + h;
    const double above = loss_at(q);
    q[i] = p[i] - h;
    EXPECT_NEAR(gradient[i], (above - loss_at(q)) / (2 * h), 1e-6) << i;
  }
}

// ---- Learning ----

// From four demonstrations of some hundred steps each: whoever learns nothing holds it for 20.
TEST(OffPolicy, cartpole_is_imitated) {
  const EnvironmentDescription& cartpole = environment_named("cartpole");
  const Demonstrations pole = shown("cartpole", 4);
  for (const OffPolicyAlgorithm algorithm :
       {OffPolicyAlgorithm::sqil, OffPolicyAlgorithm::iq_learn}) {
    const std::unique_ptr<Device> device = cpu_device();
    PolicyDescription description = describe_policy(cartpole);
    description.trunk.hidden = {32, 32};
    description.trunk.activation = Activation::relu;
    description.normalize_observations = true;
    Policy policy(*device, description, 1);
    QLearning learner(policy, cartpole, QLearningOptions::imitating(algorithm), {&pole});
    for (int i = 0; i < 12; ++i) learner.step();
    EXPECT_GT(evaluate_policy(policy, cartpole, {.episodes = 10}).mean, 300)
        << static_cast<int>(algorithm);
  }
}

}  // namespace
}  // namespace understudy
