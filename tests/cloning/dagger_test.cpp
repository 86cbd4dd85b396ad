// DAgger: its errors grow with the horizon as theory says, beside cloning's; rounds resume; experts
// of every kind answer. And distillation, which learns from the same kind of teacher.

#include "algorithms/cloning/dagger.h"

#include <gtest/gtest.h>

#include <cmath>

#include "algorithms/cloning/distillation.h"
#include "algorithms/data/demonstration_files.h"
#include "algorithms/data/draws.h"
#include "tests/kernels/kernel_test.h"

namespace understudy {
namespace {

// A road with fog on it. On the road action 0 is right; in fog one of 0 and 1 is, and which cannot
// be seen. A wrong action leads into the ditch, which costs 1 a step, and out of which action 2
// leads. An expert is never in the ditch, so what to do there cannot be learned from its tracks.
class FoggyRoad final : public DaggerWorld {
 public:
  enum Place { road, fog, ditch, places };
  static constexpr double fog_probability = 0.01;

  FoggyRoad(std::int64_t num_envs, std::uint64_t seed, std::int64_t horizon = 1 << 30)
      : num_envs_(num_envs), seed_(seed), horizon_(horizon) {
    begin(0);
  }
  std::int64_t num_envs() const override { return num_envs_; }
  std::int64_t state_width() const override { return 2; }
  void begin(std::uint64_t round) override {
    draws_ = Draws(seed_, round);
    states_.assign(static_cast<std::size_t>(num_envs_), State{});
  }
  std::vector<float> observations() override {
    std::vector<float> result(static_cast<std::size_t>(num_envs_ * places), 0.0f);
    for (std::size_t i = 0; i < states_.size(); ++i) result[i * places + states_[i].place] = 1;
    return result;
  }
  std::vector<float> states() override {
    std::vector<float> result;
    for (const State& state : states_) {
      result.push_back(static_cast<float>(state.place));
      result.push_back(static_cast<float>(state.right));
    }
    return result;
  }
  Outcome step(const std::vector<float>& actions) override {
    Outcome outcome;
    for (std::size_t i = 0; i < states_.size(); ++i) {
      State& state = states_[i];
      outcome.reward.push_back(state.place == ditch ? -1.0f : 0.0f);
      const bool right = static_cast<int>(actions[i]) == state.right;
      const bool foggy = draws_.below(1000000) < static_cast<std::int64_t>(1e6 * fog_probability);
      const int coin = static_cast<int>(draws_.below(2));
      state.place = !right ? ditch : foggy ? fog : road;
      state.right = state.place == ditch ? 2 : state.place == fog ? coin : 0;
      const bool ended = ++state.elapsed == horizon_;
      if (ended) state = State{};
      outcome.ended.push_back(ended);
      outcome.terminated.push_back(0);
    }
    return outcome;
  }

 private:
  struct State {
    int place = road, right = 0;
    std::int64_t elapsed = 0;
  };
  std::int64_t num_envs_;
  std::uint64_t seed_;
  std::int64_t horizon_;
  Draws draws_{0, 0};
  std::vector<State> states_;
};

FunctionExpert guide() {
  return FunctionExpert([](std::span<const float>, std::span<const float> state,
                           std::span<float> action) { action[0] = state[1]; });
}

PolicyDescription three_choices() {
  PolicyDescription description;
  description.observation.shape = {FoggyRoad::places};
  description.action = {ActionKind::discrete, 3};
  description.trunk.hidden = {};
  description.head = "categorical";
  return description;
}

// Mean cost of an episode of so many steps.
double cost(const Policy& policy, std::int64_t horizon) {
  constexpr std::int64_t episodes = 4000;
  FoggyRoad world(episodes, 99);
  Store store(policy.device());
  Actor actor(policy, store, {.rows = episodes, .deterministic = true});
  double total = 0;
  for (std::int64_t t = 0; t < horizon; ++t) {
    const std::vector<float> seen = world.observations();
    const std::vector<double> actions = actor.act({seen.begin(), seen.end()});
    for (float reward : world.step({actions.begin(), actions.end()}).reward) total -= reward;
  }
  return total / episodes;
}

Dagger::Options small_rounds() {
  Dagger::Options options;
  options.steps = 1000;
  options.training_steps = 100;
  options.cloning = {.batch_size = 200, .learning_rate = 0.05};
  options.seed = 4;
  return options;
}

TEST(Dagger, errors_grow_with_the_horizon_where_clones_errors_grow_with_its_square) {
  auto device = cpu_device();
  FunctionExpert expert = guide();
  FoggyRoad world(50, 1);
  Policy learner(*device, three_choices(), 1), clone(*device, three_choices(), 1);
  Dagger dagger(learner, world, expert, small_rounds());
  for (int round = 0; round < 6; ++round) dagger.step();
  // As many of the expert's own steps for the clone: a round in which it alone acts.
  Dagger::Options alone = small_rounds();
  alone.steps *= 6;
  alone.training_steps *= 6;
  FoggyRoad same(50, 1);
  Dagger cloning(clone, same, expert, alone);
  EXPECT_EQ(cloning.step().beta, 1);
  ASSERT_EQ(cloning.aggregated().steps(), dagger.aggregated().steps());

  // Half of the fogs, 0.005 of the steps, lead into the ditch. The clone stays there: 0.005 T^2 / 2
  // (a little less as T grows, since one can fall in only once). DAgger's learner is out after a
  // step: 0.005 T.
  const double slope_of_clone = std::log2(cost(clone, 40) / cost(clone, 20));
  const double slope_of_learner = std::log2(cost(learner, 40) / cost(learner, 20));
  // 4000 episodes with 400 or 800 falls in all: 7 % of each, 0.1 in the slope.
  EXPECT_NEAR(slope_of_clone, 2, 0.3);
  EXPECT_NEAR(slope_of_learner, 1, 0.3);
  EXPECT_NEAR(cost(clone, 40), 0.005 * 40 * 40 / 2, 1);
  EXPECT_NEAR(cost(learner, 40), 0.005 * 40, 0.05);
}

TEST(Dagger, rounds_resume_from_a_file) {
  auto device = cpu_device();
  FunctionExpert expert = guide();
  Dagger::Options options = small_rounds();
  options.schedule = BetaSchedule::exponential;
  options.deterministic = false;
  const std::string set = testing::TempDir() + "/dagger_set.npz";
  const std::string numbers = testing::TempDir() + "/dagger_policy.safetensors";
  FoggyRoad world(50, 1, 15);
  Policy whole(*device, three_choices(), 1);
  Dagger unbroken(whole, world, expert, options);
  Dagger::Metrics last;
  for (int round = 0; round < 4; ++round) {
    if (round == 2) {
      save_demonstrations(set, unbroken.aggregated());
      whole.save(numbers);
    }
    last = unbroken.step();
  }
  EXPECT_EQ(last.round, 4);
  EXPECT_DOUBLE_EQ(last.beta, 0.125);
  // 20 steps of 50 environments each round: one end of an episode of 15 steps in each.
  EXPECT_EQ(last.episodes, 50);

  FoggyRoad other(50, 1, 15);
  const auto loaded = Policy::load(*device, numbers);
  Dagger resumed(*loaded, other, expert, options);
  resumed.resume(load_demonstrations(set), 2);
  for (int round = 2; round < 4; ++round) last = resumed.step();
  EXPECT_EQ(last.transitions, 4000);
  EXPECT_EQ(whole.parameters().flat().read(), loaded->parameters().flat().read());
  EXPECT_TRUE(same_data(unbroken.aggregated(), resumed.aggregated()));
}

TEST(Dagger, follows_its_schedules) {
  auto device = cpu_device();
  FunctionExpert expert = guide();
  FoggyRoad world(10, 1);
  Policy policy(*device, three_choices());
  Dagger::Options options;
  EXPECT_EQ(Dagger(policy, world, expert, options).beta(0), 1);
  EXPECT_EQ(Dagger(policy, world, expert, options).beta(1), 0);
  options.schedule = BetaSchedule::linear;
  options.rounds = 4;
  EXPECT_EQ(Dagger(policy, world, expert, options).beta(1), 0.75);
  EXPECT_EQ(Dagger(policy, world, expert, options).beta(9), 0);
  options.schedule = BetaSchedule::constant;
  options.share = 0.25;
  EXPECT_EQ(Dagger(policy, world, expert, options).beta(0), 0.25);
  EXPECT_EQ(Dagger(policy, world, expert, options).beta(9), 0.25);
  options.share = 1.5;
  EXPECT_THROW(Dagger(policy, world, expert, options), Error);
}

// Of two rows the second begins a new episode: there, and in all rows of a new round, an expert
// with memory answers as it did at first.
TEST(Dagger, experts_remember_no_more_than_an_episode) {
  auto device = cpu_device();
  PolicyDescription description = three_choices();
  description.action = {ActionKind::continuous, 1};
  description.head = "gaussian";
  description.trunk = {.name = "gru", .hidden = {8}};
  description.last_scale = 1;
  const Policy policy(*device, description, 1);
  for (const bool deterministic : {true, false}) {
    PolicyExpert expert(policy, deterministic, 5);
    const std::vector<float> seen = {1, -1, 2, 1, -1, 2}, states;
    const ExpertQuestion question = {2, 3, 0, 1, seen, states};
    expert.begin(3);
    const std::vector<float> first = expert.act(question);
    expert.ended({0, 1});
    const std::vector<float> second = expert.act(question);
    EXPECT_NE(second[0], first[0]);
    if (deterministic) {
      EXPECT_EQ(second[1], first[1]);
    }
    expert.begin(4);
    const std::vector<float> other = expert.act(question);
    EXPECT_EQ(other == first, deterministic);
    expert.begin(3);
    EXPECT_EQ(expert.act(question), first);
    expert.ended({0, 1});
    EXPECT_EQ(expert.act(question), second);
  }
}

// An expert that is a policy, on a real environment: the pole falls the way of the force.
TEST(Dagger, learns_cartpole_from_a_rule_and_a_policy_from_that) {
  auto device = cpu_device();
  const EnvironmentDescription& cartpole = environment_named("cartpole-v0");
  // Steers by the angle and its rate: enough for 200 steps.
  FunctionExpert rule(
      [](std::span<const float> o, std::span<const float>, std::span<float> action) {
        action[0] = o[2] + 0.5f * o[3] + 0.02f * o[0] + 0.05f * o[1] > 0 ? 1.0f : 0.0f;
      });
  BatchWorld world(*device, cartpole, 10, 1);
  PolicyDescription description;
  description.observation.shape = {4};
  description.action = {ActionKind::discrete, 2};
  description.trunk.hidden = {32};
  description.head = "categorical";
  description.normalize_observations = true;
  Policy learner(*device, description, 1);
  Dagger::Options options;
  options.steps = 2000;
  options.training_steps = 200;
  options.cloning = {.batch_size = 64, .learning_rate = 1e-2};
  Dagger dagger(learner, world, rule, options);
  Dagger::Metrics last;
  for (int round = 0; round < 4; ++round) last = dagger.step();
  EXPECT_GT(last.mean_return, 190);
  EXPECT_LT(last.disagreement, 0.1);

  PolicyExpert expert(learner);
  Policy second(*device, description, 2);
  Dagger again(second, world, expert, options);
  for (int round = 0; round < 4; ++round) last = again.step();
  EXPECT_GT(last.mean_return, 190);
}

TEST(Distillation, a_student_takes_on_its_teachers_distribution) {
  auto device = cpu_device();
  kernel_test::Random random(3);
  std::vector<float> observations;
  for (int i = 0; i < 3 * 500; ++i) observations.push_back(static_cast<float>(random.normal()));
  PolicyDescription large = three_choices();
  large.trunk.hidden = {32, 32};
  large.last_scale = 2;
  PolicyDescription small = large;
  small.trunk.hidden = {16};
  Policy teacher(*device, large, 1), student(*device, small, 2), sharp(*device, small, 2);
  Distillation distillation(student, teacher, observations,
                            {.batch_size = 64, .learning_rate = 1e-2});
  const Distillation::Comparison before = distillation.compare();
  Distillation::Metrics last;
  for (int i = 0; i < 600; ++i) last = distillation.step();
  const Distillation::Comparison after = distillation.compare();
  EXPECT_EQ(last.iteration, 600);
  EXPECT_LT(after.divergence, 0.1 * before.divergence);
  EXPECT_GT(after.agreement, 0.9);
  // A colder teacher is surer of itself, and so is its student: less of what it does not prefer.
  Distillation colder(sharp, teacher, observations,
                      {.batch_size = 64, .learning_rate = 1e-2, .temperature = 0.2});
  for (int i = 0; i < 600; ++i) colder.step();
  const auto mean_entropy = [&](const Policy& policy) {
    Program program(*device);
    const Tensor seen = program.constant({500, 3}, {observations.begin(), observations.end()});
    program.output("entropy", mean(policy.distribution(seen)->entropy()));
    program.run();
    return program.value("entropy");
  };
  EXPECT_LT(mean_entropy(sharp), mean_entropy(student) - 0.1);
  PolicyDescription other = small;
  other.action.size = 2;
  Policy unlike(*device, other);
  EXPECT_THROW(Distillation(unlike, teacher, observations, {}), Error);
}

TEST(Distillation, learns_where_the_teacher_or_the_student_goes) {
  auto device = cpu_device();
  PolicyDescription description = three_choices();
  description.last_scale = 2;
  const Policy teacher(*device, description, 7);
  for (const double share : {1.0, 0.0}) {
    Policy student(*device, description, 1);
    PolicyExpert expert(teacher, false, 2);
    FoggyRoad world(50, 1);
    Dagger::Options options = small_rounds();
    options.schedule = BetaSchedule::constant;
    options.share = share;
    options.deterministic = false;
    options.teacher = &teacher;
    options.distillation = {.learning_rate = 0.05};
    Dagger dagger(student, world, expert, options);
    const double first = dagger.step().loss;
    Dagger::Metrics last;
    for (int round = 0; round < 3; ++round) last = dagger.step();
    EXPECT_EQ(last.beta, share);
    EXPECT_EQ(last.transitions, 4000);
    EXPECT_LT(last.loss, first);
    EXPECT_LT(last.loss, 1e-3);
  }
}

TEST(Distillation, fits_heads_whose_divergence_is_known) {
  PolicyDescription numbers;
  numbers.observation.shape = {3};
  numbers.action = {ActionKind::continuous, 2, {-1, -1}, {1, 1}};
  PolicyDescription other = numbers;
  EXPECT_TRUE(Distillation::fits(numbers, other));
  other.trunk = {.name = "gru", .hidden = {8}};
  EXPECT_FALSE(Distillation::fits(numbers, other));
  other = numbers;
  numbers.head = other.head = "mixture";
  EXPECT_FALSE(Distillation::fits(numbers, other));
  numbers.head = other.head = "joint_bins";
  EXPECT_TRUE(Distillation::fits(numbers, other));
  EXPECT_TRUE(other.head.set("bins", "9"));
  EXPECT_FALSE(Distillation::fits(numbers, other));
}

}  // namespace
}  // namespace understudy
