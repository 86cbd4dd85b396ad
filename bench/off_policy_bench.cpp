// Learning off the policy: a gradient step of DQN and of SAC as one program, drawing and gathering
// included, and how long SQIL takes to a mean return of 475 on CartPole from ten demonstrations of
// the built-in expert.
//
// Operations of a step are those of its products: for a network of P weights, of which F are the
// first layer's, a row takes 2 P forward, and 2 (2 P - F) backward where its input needs no
// gradient.

#include "algorithms/off_policy/q_learning.h"
#include "algorithms/off_policy/soft_actor_critic.h"
#include "algorithms/policies/evaluation.h"
#include "bench/bench.h"
#include "tests/off_policy/shown.h"

namespace understudy::bench {
namespace {

double weights(double inputs, double width, double outputs) {
  return inputs * width + width * width + width * outputs;
}

// ---- DQN: 4 - 64 - 64 - 2, batches of 64, double, a target network that follows ----

constexpr std::int64_t q_width = 64, q_batch = 64;

QLearningOptions dqn_options() {
  QLearningOptions options = QLearningOptions::dqn();
  options.learner.batch_size = q_batch;
  options.learner.updates = 0;
  options.learner.capacity = 10000;
  options.learner.steps_per_iteration = 10000;
  return options;
}

PolicyDescription relu_policy(const EnvironmentDescription& environment, std::int64_t width) {
  PolicyDescription description = describe_policy(environment);
  description.trunk.hidden = {width, width};
  description.trunk.activation = Activation::relu;
  description.normalize_observations = true;
  if (environment.action_count == 0) description.head = SquashedGaussianOptions{};
  return description;
}

template <class Learner, class Options>
struct Kept {
  Kept(int threads, const char* name, std::int64_t width, const Options& options)
      : policy(device(threads), relu_policy(environment_named(name), width)),
        learner(policy, environment_named(name), options) {
    learner.step();  // fills the buffer
  }
  Policy policy;
  Learner learner;
};

void add_dqn(int threads) {
  using Kept = Kept<QLearning, QLearningOptions>;
  const auto kept = std::make_shared<std::unique_ptr<Kept>>();
  const double p = weights(4, q_width, 2), first = 4.0 * q_width;
  // Q, its gradient, the choice of the next action, and the target's value of it.
  const double row = 2 * p + 2 * (2 * p - first) + 2 * p + 2 * p;
  add({.work = "DQN update on CartPole, 2 x 64, batch 64",
       .threads = threads,
       .operations = static_cast<double>(q_batch) * row,
       .ours = [=](benchmark::State& state) {
         if (*kept == nullptr)
           *kept = std::make_unique<Kept>(threads, "cartpole", q_width, dqn_options());
         for (auto _ : state) {
           (*kept)->learner.update();
           device(threads).synchronize();
         }
       }});
}

// ---- SAC: 2 x 256, batches of 256, on Pendulum ----

constexpr std::int64_t sac_width = 256, sac_batch = 256;

SoftActorCriticOptions sac_options() {
  SoftActorCriticOptions options = SoftActorCriticOptions::sac();
  options.learner.batch_size = sac_batch;
  options.learner.updates = 0;
  options.learner.num_envs = 10;
  options.learner.capacity = 10000;
  options.learner.steps_per_iteration = 10000;
  options.critic_hidden = {sac_width, sac_width};
  return options;
}

void add_sac(int threads) {
  using Kept = Kept<SoftActorCritic, SoftActorCriticOptions>;
  const auto kept = std::make_shared<std::unique_ptr<Kept>>();
  const double pi = weights(3, sac_width, 2), pi_first = 3.0 * sac_width;
  const double q = weights(4, sac_width, 1), q_first = 4.0 * sac_width;
  // The policy here and at the next observation, and its gradient; of each critic its target, Q and
  // its gradient, and Q of the action drawn, with the gradient in that action.
  const double row = 2 * 2 * pi + 2 * (2 * pi - pi_first) +
                     2 * (2 * q + 2 * q + 2 * (2 * q - q_first) + 2 * q + 2 * q);
  add({.work = "SAC update, 2 x 256, batch 256",
       .threads = threads,
       .operations = static_cast<double>(sac_batch) * row,
       .ours = [=](benchmark::State& state) {
         if (*kept == nullptr)
           *kept = std::make_unique<Kept>(threads, "pendulum", sac_width, sac_options());
         for (auto _ : state) {
           (*kept)->learner.update();
           device(threads).synchronize();
         }
       }});
}

// ---- SQIL ----

constexpr double solved = 475;

// Steps and updates until fifty episodes have a mean of 475; the evaluations are not counted.
void sqil_to_solved(benchmark::State& state) {
  static const Demonstrations pole = shown("cartpole", 10);
  const EnvironmentDescription& cartpole = environment_named("cartpole");
  std::uint64_t seed = 0;
  for (auto _ : state) {
    state.PauseTiming();
    ++seed;
    Policy policy(device(1), relu_policy(cartpole, q_width), seed);
    QLearningOptions options = QLearningOptions::imitating(OffPolicyAlgorithm::sqil);
    options.learner.seed = seed;
    QLearning learner(policy, cartpole, options, {&pole});
    double mean = 0;
    for (int i = 0; i < 60 && mean < solved; ++i) {
      state.ResumeTiming();
      learner.step();
      state.PauseTiming();
      mean = evaluate_policy(policy, cartpole, {.seed = seed}).mean;
    }
    state.ResumeTiming();
    if (mean < solved) state.SkipWithError("SQIL did not reach 475");
  }
}

const bool added = [] {
  for (int threads : places()) {
    add_dqn(threads);
    add_sac(threads);
  }
  add({.work = "SQIL on CartPole to a mean of 475", .threads = 1, .ours = sqil_to_solved});
  return true;
}();

}  // namespace
}  // namespace understudy::bench
