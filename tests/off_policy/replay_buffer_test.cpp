// What is in the buffer is what happened: rows follow one another, an episode that was cut keeps
// the observation it was cut at, and demonstrations lie in it as they were recorded.

#include "algorithms/off_policy/replay_buffer.h"

#include <gtest/gtest.h>

#include <cmath>
#include <string>

#include "algorithms/off_policy/q_learning.h"
#include "algorithms/off_policy/soft_actor_critic.h"
#include "kernels/device/error.h"
#include "kernels/device/threads.h"
#include "tests/off_policy/shown.h"

namespace understudy {
namespace {

using Vector = std::vector<double>;

PolicyDescription small(const EnvironmentDescription& environment) {
  PolicyDescription description = describe_policy(environment);
  description.trunk.hidden = {8};
  if (environment.action_count == 0) description.head = SquashedGaussianOptions{};
  return description;
}

std::string error_of(const std::function<void()>& call) {
  try {
    call();
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

TEST(ReplayBuffer, keeps_what_the_environments_did_and_bootstraps_through_time_limits) {
  // Pendulums are cut after 200 steps; the ring of 3 x 300 rows has seen that twice.
  const std::unique_ptr<Device> device = cpu_device();
  const EnvironmentDescription& pendulum = environment_named("pendulum");
  Policy policy(*device, small(pendulum), 1);
  SoftActorCriticOptions options;
  options.learner = {.num_envs = 3,
                     .steps_per_iteration = 900,
                     .updates = 0,
                     .batch_size = 4,
                     .capacity = 900,
                     .learning_starts = 10000};
  options.critic_hidden = {4};
  SoftActorCritic learner(policy, pendulum, options);
  for (int i = 0; i < 2; ++i) learner.step();
  EXPECT_EQ(learner.replay().filled(), 900);
  const Store& store = learner.store();
  const Vector o = store.at("replay/observation").read(),
               next = store.at("replay/next_observation").read(),
               ended = store.at("replay/ended").read(),
               terminated = store.at("replay/terminated").read(),
               action = store.at("replay/action").read();
  int cut = 0;
  for (std::size_t row = 0; row + 3 < 900; ++row) {
    EXPECT_EQ(terminated[row], 0);
    EXPECT_LE(std::abs(action[row]), 2);
    if (ended[row] == 0) {
      for (std::size_t k = 0; k < 3; ++k) EXPECT_EQ(next[3 * row + k], o[3 * (row + 3) + k]);
      continue;
    }
    // Where it was cut, and not where the next one begins: a step turns it by 0.4 at most.
    ++cut;
    EXPECT_LT(std::hypot(next[3 * row] - o[3 * row], next[3 * row + 1] - o[3 * row + 1]), 0.41);
    EXPECT_NE(next[3 * row + 2], o[3 * (row + 3) + 2]);
  }
  EXPECT_GE(cut, 3);
}

TEST(ReplayBuffer, says_what_lies_beyond_terminations) {
  const std::unique_ptr<Device> device = cpu_device();
  const EnvironmentDescription& cartpole = environment_named("cartpole");
  Policy policy(*device, small(cartpole), 1);
  QLearningOptions options;
  options.learner = {.num_envs = 2,
                     .steps_per_iteration = 400,
                     .batch_size = 4,
                     .capacity = 400,
                     .learning_starts = 10000};
  QLearning learner(policy, cartpole, options);
  learner.step();
  const Store& store = learner.store();
  const Vector beyond = store.at("replay/beyond").read(),
               terminated = store.at("replay/terminated").read();
  std::vector<int> steps(2, 0);
  double total = 0;
  for (std::size_t row = 0; row < 400; ++row) {
    const std::size_t env = row % 2;
    ++steps[env];
    EXPECT_EQ(beyond[row], terminated[row] != 0 ? 500 - steps[env] : 0);
    total += beyond[row];
    if (terminated[row] != 0) steps[env] = 0;
  }
  EXPECT_GT(total, 0);
  EXPECT_NEAR(learner.replay().mean_beyond(), total / 400, 1e-4);
}

TEST(ReplayBuffer, loads_demonstrations_as_they_were_recorded) {
  const std::unique_ptr<Device> device = cpu_device();
  const Demonstrations car = shown("mountain_car", 2);
  Store store(*device);
  const ReplayBuffer replay(store, spaces_of(environment_named("mountain_car")),
                            {.capacity = 10, .horizon = 200}, &car);
  EXPECT_EQ(replay.demonstrated(), car.steps());
  const Vector o = store.at("replay/observation").read(),
               next = store.at("replay/next_observation").read(),
               action = store.at("replay/action").read(), reward = store.at("replay/reward").read(),
               terminated = store.at("replay/terminated").read(),
               beyond = store.at("replay/beyond").read();
  for (std::int64_t e = 0; e < 2; ++e)
    for (std::int64_t t = 0; t < car.length(e); ++t) {
      const auto row = static_cast<std::size_t>(car.first_action(e) + t);
      const auto at = static_cast<std::size_t>(2 * (car.first_observation(e) + t));
      for (std::size_t k = 0; k < 2; ++k) {
        EXPECT_EQ(o[2 * row + k], static_cast<double>(car.observations.numbers[at + k]));
        EXPECT_EQ(next[2 * row + k], static_cast<double>(car.observations.numbers[at + 2 + k]));
      }
      const bool last = t + 1 == car.length(e);
      EXPECT_EQ(action[row], static_cast<double>(car.actions.indices[row]));
      EXPECT_EQ(reward[row], -1);
      EXPECT_EQ(terminated[row], last);
      EXPECT_EQ(beyond[row], last ? 200 - car.length(e) : 0);
    }
}

TEST(ReplayBuffer, leaves_out_steps_after_which_nothing_is_known) {
  const std::unique_ptr<Device> device = cpu_device();
  Demonstrations pole = shown("cartpole", 2, 30), blind = pole;
  blind.observations.numbers.clear();
  for (std::int64_t e = 0; e < 2; ++e)
    blind.observations.append(pole.observations, pole.first_observation(e), pole.length(e));
  blind.last_observation = false;
  const Spaces spaces = spaces_of(environment_named("cartpole"));
  Store a(*device), b(*device), c(*device);
  EXPECT_EQ(ReplayBuffer(a, spaces, {.capacity = 10, .expert_ends = EndsEvidence::flags}, &pole)
                .demonstrated(),
            60);
  EXPECT_EQ(ReplayBuffer(b, spaces, {.capacity = 10, .expert_ends = EndsEvidence::flags}, &blind)
                .demonstrated(),
            58);
  // Of steps that were left out it is not known what followed any.
  pole.durations = {60, 60};
  EXPECT_EQ(error_of([&] {
              const ReplayBuffer refused(c, spaces, {.capacity = 10}, &pole, "a.npz");
            }).substr(0, 31),
            "a.npz: expected whole episodes,");
}

TEST(ReplayBuffer, draws_the_share_of_demonstrations_that_is_asked_for) {
  const std::unique_ptr<Device> device = cpu_device();
  const Demonstrations pole = shown("cartpole", 1, 50);
  Store store(*device);
  ReplayBuffer replay(store, spaces_of(environment_named("cartpole")), {.capacity = 8}, &pole);
  Program program(*device);
  const auto batch =
      replay.gather(program, replay.draw(program, {.rows = 20, .from_demonstrations = 5}), 1, 0.5);
  program.output("demonstrated", sum(batch.demonstrated));
  program.output("going_on", batch.going_on);
  program.run();
  EXPECT_EQ(program.value("demonstrated"), 20);  // nothing else is there
  const std::vector<float> row = {1, 2, 3, 4}, one = {0}, ended = {1};
  replay.write(
      {row.data(), one.data(), one.data(), row.data(), ended.data(), ended.data(), one.data()});
  program.run();
  EXPECT_EQ(program.value("demonstrated"), 5);
  const Vector going_on = program.read("going_on");
  for (std::size_t i = 0; i < 20; ++i) EXPECT_EQ(going_on[i], i < 5 ? 0.5 : 0.0) << i;
}

// Programs of a team of three threads, and of one.
TEST(ReplayBuffer, learners_do_not_depend_on_the_number_of_threads) {
  const Demonstrations pole = shown("cartpole", 2, 100);
  const EnvironmentDescription& cartpole = environment_named("cartpole");
  std::vector<Vector> found;
  Threads team(3);
  for (Threads* threads : {static_cast<Threads*>(nullptr), &team}) {
    const std::unique_ptr<Device> device = cpu_device(threads);
    Policy policy(*device, small(cartpole), 1);
    QLearningOptions options = QLearningOptions::imitating(OffPolicyAlgorithm::sqil);
    options.learner.steps_per_iteration = 400;
    options.learner.learning_starts = 80;
    options.learner.batch_size = 256;
    QLearning learner(policy, cartpole, options, {&pole});
    learner.step();
    found.push_back(policy.parameters().flat().read());
  }
  EXPECT_EQ(found[0], found[1]);
}

}  // namespace
}  // namespace understudy
