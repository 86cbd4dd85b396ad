// The adversaries: their gradients, their costs in closed form, their rewards' signs.

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "algorithms/adversarial/discriminator.h"
#include "algorithms/adversarial/linear_reward.h"
#include "autograd/files/checkpoint.h"
#include "tests/kernels/kernel_test.h"

namespace understudy {
namespace {

// Episodes of five steps in the plane; the expert's action goes with the sign of its first number.
Demonstrations example(std::int64_t episodes, bool discrete, bool terminal, std::uint64_t seed,
                       double shift) {
  kernel_test::Random random(seed);
  Demonstrations result;
  result.observations.shape = {2};
  result.actions.discrete = discrete;
  if (!discrete) result.actions.shape = {1};
  for (std::int64_t e = 0; e < episodes; ++e) {
    for (int t = 0; t <= 5; ++t) {
      const double x = random.normal() + shift, y = 3 + 2 * random.normal();
      result.observations.numbers.push_back(static_cast<float>(x));
      result.observations.numbers.push_back(static_cast<float>(y));
      if (t == 5) break;
      if (discrete)
        result.actions.indices.push_back(x > 0 ? 1 : 0);
      else
        result.actions.numbers.push_back(static_cast<float>(x + 0.1 * y));
    }
    result.terminal.push_back(terminal);
    result.starts.push_back(result.starts.back() + 5);
  }
  return result;
}

TransitionSpaces spaces(bool discrete, RewardInput input = RewardInput::state_action) {
  TransitionSpaces result;
  result.observation.shape = {2};
  result.action =
      discrete ? ActionSpace{ActionKind::discrete, 2} : ActionSpace{ActionKind::continuous, 1};
  result.input = input;
  return result;
}

// A learner's rows in arrays of a store, as rollouts have them.
struct Learner {
  Store store;
  Array *observation, *action, *next, *terminated = nullptr, *time = nullptr;
  std::int64_t rows;
  Learner(Device& device, const Demonstrations& from, Real real = Real::f32)
      : store(device, real), rows(from.steps()) {
    const Transitions steps = transitions(from);
    const auto doubles = [](const auto& x) { return std::vector<double>(x.begin(), x.end()); };
    observation = &store.create("observation", {rows, 2});
    observation->write(doubles(steps.observations.numbers));
    next = &store.create("next", {rows, 2});
    next->write(doubles(steps.next_observations.numbers));
    action = steps.actions.discrete ? &store.create("action", {rows}, Element::index)
                                    : &store.create("action", {rows, 1});
    action->write(steps.actions.discrete ? doubles(steps.actions.indices)
                                         : doubles(steps.actions.numbers));
  }
  // Which rows terminate, and the steps of their episodes before them.
  void set_ends(const std::vector<double>& terminates, const std::vector<double>& steps_before) {
    terminated = &store.create("terminated", {rows});
    terminated->write(terminates);
    time = &store.create("time", {rows});
    time->write(steps_before);
  }
  TransitionBatch view() const {
    TransitionBatch batch = {rows_of(*observation), rows_of(*action), rows_of(*next)};
    if (time == nullptr) return batch;
    batch.terminated = rows_of(*terminated);
    batch.time = rows_of(*time);
    return batch;
  }
};

std::vector<double> rewards_of(Device& device, const LearnedReward& reward) {
  Program copy(device);
  copy.output("reward", identity(copy.use(reward.values())));
  copy.run();
  return copy.read("reward");
}

// The loss's gradient in every parameter against differences, in double. Central differences with
// h = 1e-5 err by h^2 and by 1e-16 / h: 1e-9 is a hundred times that.
TEST(Discriminator, gradients_are_those_of_its_loss) {
  auto device = cpu_device();
  const Demonstrations expert = example(3, true, false, 1, 0.5);
  Discriminator adversary(*device, spaces(true), expert, 20,
                          {.hidden = {5, 4}, .entropy_weight = 0.05, .seed = 3}, "expert",
                          Real::f64);
  kernel_test::Random random(2);
  Array& flat = adversary.parameters().flat();
  std::vector<double> at = flat.read();
  for (double& x : at) x += 0.3 * random.normal();
  flat.write(at);
  Program program(*device, Real::f64);
  const auto filled = [&](std::int64_t n) {
    std::vector<double> values;
    for (std::int64_t i = 0; i < 4 * n; ++i) values.push_back(random.normal());
    return program.constant({n, 4}, values);
  };
  const Tensor loss = adversary.loss(adversary.score(filled(7)), adversary.score(filled(11)));
  program.output("loss", loss);
  program.output("gradient",
                 program.pack(program.gradients(loss, adversary.parameters().use(program))));
  program.run();
  const std::vector<double> gradient = program.read("gradient");
  ASSERT_EQ(gradient.size(), at.size());
  double largest = 0;
  for (std::size_t i = 0; i < at.size(); ++i) {
    double sides[2];
    for (int side : {0, 1}) {
      std::vector<double> moved = at;
      moved[i] += side == 0 ? 1e-5 : -1e-5;
      flat.write(moved);
      program.run();
      sides[side] = program.value("loss");
    }
    EXPECT_NEAR(gradient[i], (sides[0] - sides[1]) / 2e-5, 1e-9) << i;
    largest = std::max(largest, std::abs(gradient[i]));
  }
  EXPECT_GT(largest, 1e-3);
}

TEST(Discriminator, loss_is_the_cross_entropy_and_rewards_are_its_forms) {
  auto device = cpu_device();
  const Demonstrations expert = example(8, true, false, 1, 1.0);
  Learner learner(*device, example(8, true, false, 2, -1.0));
  std::vector<double> by_form[3];
  const RewardForm forms[] = {RewardForm::negative_log_one_minus, RewardForm::logarithm,
                              RewardForm::difference};
  for (int i = 0; i < 3; ++i) {
    Discriminator adversary(*device, spaces(true), expert, learner.rows,
                            {.entropy_weight = 0, .form = forms[i]});
    adversary.observe(learner.view());
    adversary.fit();
    adversary.evaluate();
    // Before the first step D is 1/2 everywhere: 2 log 2 for both sides, and nothing is known.
    const AdversaryMetrics before = adversary.metrics();
    EXPECT_NEAR(before.loss, 2 * std::log(2), 1e-6);
    EXPECT_NEAR(before.entropy, std::log(2), 1e-6);
    EXPECT_NEAR(before.calibration_error, 0, 1e-6);
    for (int step = 0; step < 100; ++step) adversary.fit();
    adversary.evaluate();
    const AdversaryMetrics after = adversary.metrics();
    EXPECT_LT(after.loss, 1.0);
    EXPECT_GT(after.expert_accuracy, 0.8);
    EXPECT_GT(after.learner_accuracy, 0.8);
    EXPECT_LT(after.entropy, 0.6);
    EXPECT_LT(after.calibration_error, 0.3);
    by_form[i] = rewards_of(*device, adversary);
  }
  for (std::size_t row = 0; row < by_form[0].size(); ++row) {
    EXPECT_GE(by_form[0][row], 0);
    EXPECT_LE(by_form[1][row], 0);
    // -log(1 - D) + log D = f; single precision's rounding of numbers of size 10.
    EXPECT_NEAR(by_form[0][row] + by_form[1][row], by_form[2][row], 1e-5);
  }
}

TEST(Discriminator, sign_follows_how_the_experts_episodes_end) {
  auto device = cpu_device();
  const auto form_for = [&](const Demonstrations& expert) {
    Discriminator adversary(*device, spaces(true), expert, 10, {.hidden = {4}});
    return adversary.form();
  };
  EXPECT_EQ(form_for(example(3, true, false, 1, 0)), RewardForm::negative_log_one_minus);
  EXPECT_EQ(form_for(example(3, true, true, 1, 0)), RewardForm::logarithm);
}

// Rows of a learner, some of which terminate, beside what equations (1) to (3) of reward.h say.
TEST(AbsorbingStates, rewards_continue_beyond_the_end) {
  auto device = cpu_device();
  const Demonstrations expert = example(8, true, true, 1, 0.5);
  constexpr std::int64_t horizon = 20;
  const EpisodeEnds ends = episode_ends(expert, horizon, EndsEvidence::flags);
  EXPECT_EQ(ends.steps, 40);
  EXPECT_EQ(ends.beyond, 8 * 15);
  Learner learner(*device, example(6, true, true, 2, -0.5));
  std::vector<double> terminated(30, 0), time(30);
  for (std::size_t i = 0; i < 30; ++i) {
    time[i] = static_cast<double>(i % 10);
    terminated[i] = i % 10 == 9 ? 1 : 0;
  }
  learner.set_ends(terminated, time);
  const double beyond = 3 * (horizon - 10), steps = 30;
  const double before = std::log(40.0 / 160) - std::log(steps / (steps + beyond));
  const double after = std::log(120.5 / 161) - std::log((beyond + 0.5) / (steps + beyond + 1));
  for (const double discount : {0.9, 1.0}) {
    const AbsorbingStates absorbing{ends, discount};
    std::vector<double> f;
    for (const RewardForm form : {RewardForm::difference, RewardForm::negative_log_one_minus,
                                  RewardForm::logarithm, RewardForm::automatic}) {
      Discriminator adversary(*device, spaces(true), expert, 30,
                              {.hidden = {6}, .form = form, .seed = 4}, "expert", Real::f32,
                              absorbing);
      adversary.observe(learner.view());
      for (int step = 0; step < 30; ++step) adversary.fit();
      adversary.evaluate();
      const std::vector<double> found = rewards_of(*device, adversary);
      if (f.empty())  // of the first form: f itself, where nothing terminates
        for (std::size_t i = 0; i < found.size(); ++i) f.push_back(found[i] - before);
      const auto reward = [&](double score) {
        return form == RewardForm::negative_log_one_minus ? std::log1p(std::exp(score))
               : form == RewardForm::logarithm            ? -std::log1p(std::exp(-score))
                                                          : score;
      };
      const double continuation = discount < 1 ? discount / (1 - discount) : horizon - 10;
      for (std::size_t i = 0; i < found.size(); ++i) {
        if (terminated[i] != 0 && form == RewardForm::difference) f[i] -= continuation * after;
        const double expected =
            reward(f[i] + before) + (terminated[i] != 0 ? continuation * reward(after) : 0);
        EXPECT_NEAR(found[i], expected, 1e-5 * (1 + std::abs(expected))) << i;
      }
      const AdversaryMetrics metrics = adversary.metrics();
      EXPECT_NEAR(metrics.absorbing_reward, reward(after), 1e-5);
      EXPECT_NEAR(metrics.expert_absorbing_share, 0.75, 1e-6);
      EXPECT_NEAR(metrics.learner_absorbing_share, beyond / (steps + beyond), 1e-6);
    }
  }
}

// (3) is the discounted sum of the absorbing state's rewards, step by step.
TEST(AbsorbingStates, the_continuation_is_the_sum_of_what_comes) {
  for (const double discount : {0.5, 0.9, 0.99}) {
    double sum = 0, factor = discount;
    for (int step = 0; step < 5000; ++step, factor *= discount) sum += factor;
    EXPECT_NEAR(sum, discount / (1 - discount), 1e-9 * sum);
  }
}

TEST(AbsorbingStates, linear_costs_have_a_feature_beyond_the_end) {
  auto device = cpu_device();
  const Demonstrations expert = example(8, true, true, 1, 0.5);
  const EpisodeEnds ends = episode_ends(expert, 20, EndsEvidence::flags);
  Learner learner(*device, example(6, true, true, 2, -0.5));
  std::vector<double> terminated(30, 0), time(30, 9);
  terminated[7] = 1;
  learner.set_ends(terminated, time);
  const double learner_share = 10.0 / 40;
  for (const LinearCosts costs : {LinearCosts::ball, LinearCosts::simplex}) {
    LinearReward plain(*device, spaces(true), expert, 30,
                       {.costs = costs, .sign = RewardSign::either});
    LinearReward reward(*device, spaces(true), expert, 30, {.costs = costs}, "expert", Real::f32,
                        AbsorbingStates{ends, 0.9});
    for (LinearReward* one : {&plain, &reward}) {
      one->observe(learner.view());
      one->fit();
      one->evaluate();
    }
    EXPECT_EQ(reward.sign(), RewardSign::either);
    const auto check = [](const std::vector<double>& before, const std::vector<double>& with,
                          double share) {
      ASSERT_EQ(with.size(), before.size() + 1);
      for (std::size_t k = 0; k < before.size(); ++k)
        EXPECT_NEAR(with[k], (1 - share) * before[k], 1e-5);
      EXPECT_NEAR(with.back(), share, 1e-6);
    };
    check(plain.expert_features(), reward.expert_features(), 0.75);
    check(plain.learner_features(), reward.learner_features(), learner_share);
    // A learner that is beyond the end less than the expert is paid for ending.
    const AdversaryMetrics metrics = reward.metrics();
    if (costs == LinearCosts::ball) {
      EXPECT_GT(metrics.absorbing_reward, 0);
    }
    const std::vector<double> w = reward.weights();
    const std::size_t width = costs == LinearCosts::ball ? w.size() : w.size() / 2;
    const double weight = costs == LinearCosts::ball ? w.back() : w[width - 1] - w[2 * width - 1];
    EXPECT_NEAR(metrics.absorbing_reward, -weight / static_cast<double>(w.size()), 1e-6);
    // Row 7 alone is continued, by 0.9 / (1 - 0.9) of it.
    const std::vector<double> found = rewards_of(*device, reward);
    double mean = 0;
    for (double r : found) mean += r / 30;
    EXPECT_NEAR(mean, metrics.mean_reward + 9 * metrics.absorbing_reward / 30, 1e-6);
  }
}

// A learner whose actions mean something else, and who does exactly what the expert does.
TEST(Discriminator, pairs_of_states_do_not_see_actions) {
  auto device = cpu_device();
  const Demonstrations expert = example(8, true, false, 1, 0.5);
  Demonstrations permuted = expert;
  for (std::int64_t& action : permuted.actions.indices) action = 1 - action;
  Learner learner(*device, permuted);
  for (const RewardInput input : {RewardInput::state_action, RewardInput::state_pair}) {
    Discriminator adversary(*device, spaces(true, input), expert, learner.rows, {});
    adversary.observe(learner.view());
    for (int step = 0; step < 60; ++step) adversary.fit();
    adversary.evaluate();
    const AdversaryMetrics diagnostics = adversary.metrics();
    if (input == RewardInput::state_action)
      EXPECT_GT(diagnostics.learner_accuracy + diagnostics.expert_accuracy, 1.9);
    else
      EXPECT_NEAR(diagnostics.learner_accuracy + diagnostics.expert_accuracy, 1.0, 1e-6);
  }
}

TEST(Discriminator, minibatches_resume_bit_for_bit_and_any_team_has_the_same_bits) {
  const Demonstrations expert = example(20, false, false, 1, 0.5);
  const Discriminator::Options options = {
      .hidden = {8, 8}, .steps = 3, .batch_size = 32, .seed = 7};
  const std::string file = testing::TempDir() + "/discriminator.safetensors";
  std::vector<double> first;
  for (int threads : {1, 2, 3}) {
    Threads team(threads);
    auto device = cpu_device(&team);
    Learner learner(*device, example(40, false, false, 2, -0.5));
    Discriminator whole(*device, spaces(false), expert, learner.rows, options);
    whole.observe(learner.view());
    for (int i = 0; i < 4; ++i) {
      if (i == 2) write_checkpoint(file, {&whole.store()}, {});
      whole.fit();
    }
    Discriminator resumed(*device, spaces(false), expert, learner.rows, options);
    read_checkpoint(file, {&resumed.store()});
    resumed.observe(learner.view());
    for (int i = 0; i < 2; ++i) resumed.fit();
    const std::vector<double> found = whole.parameters().flat().read();
    EXPECT_EQ(found, resumed.parameters().flat().read());
    if (first.empty()) first = found;
    EXPECT_EQ(found, first) << threads;
  }
}

// phi by hand: standardize with the expert's statistics, numbers and small squares, in a block an
// action, and 1.
std::vector<std::vector<double>> features_by_hand(const Demonstrations& of,
                                                  const Demonstrations& expert) {
  const Transitions mine = transitions(of), theirs = transitions(expert);
  const bool discrete = mine.actions.discrete;
  const auto columns = [&](const Transitions& steps) {
    std::vector<std::vector<double>> result;
    for (std::int64_t row = 0; row < steps.actions.rows(); ++row) {
      const std::size_t i = static_cast<std::size_t>(row);
      result.push_back({steps.observations.numbers[2 * i], steps.observations.numbers[2 * i + 1]});
      if (!discrete) result.back().push_back(steps.actions.numbers[i]);
    }
    return result;
  };
  std::vector<std::vector<double>> z = columns(mine);
  const std::vector<std::vector<double>> reference = columns(theirs);
  const double n = static_cast<double>(reference.size());
  for (std::size_t c = 0; c < z[0].size(); ++c) {
    double mean = 0, square = 0;
    for (const auto& row : reference) mean += row[c] / n;
    for (const auto& row : reference) square += (row[c] - mean) * (row[c] - mean) / n;
    for (auto& row : z) row[c] = (row[c] - mean) / std::sqrt(square);
  }
  std::vector<std::vector<double>> phi;
  for (std::size_t i = 0; i < z.size(); ++i) {
    std::vector<double> block = z[i];
    for (double x : z[i]) block.push_back(1e-4 * x * x);
    std::vector<double> row;
    for (int action = 0; action < (discrete ? 2 : 1); ++action)
      for (double x : block)
        row.push_back(!discrete || mine.actions.indices[i] == action ? x : 0.0);
    row.push_back(1);
    phi.push_back(row);
  }
  return phi;
}

TEST(LinearReward, costs_are_the_worst_of_their_sets) {
  auto device = cpu_device();
  for (const bool discrete : {true, false}) {
    const Demonstrations expert = example(6, discrete, false, 1, 0.5);
    const Demonstrations acted = example(10, discrete, false, 2, -0.5);
    Learner learner(*device, acted);
    const auto ours = features_by_hand(acted, expert), theirs = features_by_hand(expert, expert);
    const std::size_t width = ours[0].size();
    std::vector<double> gap(width, 0);
    for (std::size_t k = 0; k < width; ++k) {
      for (const auto& row : ours) gap[k] += row[k] / static_cast<double>(ours.size());
      for (const auto& row : theirs) gap[k] -= row[k] / static_cast<double>(theirs.size());
    }
    const auto value = [&](const std::vector<double>& w) {
      double total = 0;
      for (std::size_t k = 0; k < width; ++k)
        total += gap[k] * (w.size() == width ? w[k] : w[k] - w[width + k]);
      return total;
    };
    for (const LinearCosts costs : {LinearCosts::ball, LinearCosts::simplex}) {
      LinearReward reward(*device, spaces(discrete), expert, learner.rows, {.costs = costs});
      reward.observe(learner.view());
      reward.fit();
      reward.evaluate();
      const std::vector<double> w = reward.weights();
      const bool ball = costs == LinearCosts::ball;
      ASSERT_EQ(w.size(), ball ? width : 2 * width);
      double size = 0;
      for (double x : w) size += ball ? x * x : x;
      EXPECT_NEAR(size, 1, 1e-5);
      // Sums of 50 rows in single precision are good to 1e-5.
      EXPECT_NEAR(-reward.metrics().loss, value(w), 1e-5);
      // No other cost of the set is worse: every corner of the simplex, many points of the ball.
      kernel_test::Random random(5);
      for (std::size_t trial = 0; trial < (ball ? 2000 : 2 * width); ++trial) {
        std::vector<double> other(w.size(), 0);
        if (ball) {
          double square = 0;
          for (double& x : other) x = random.normal();
          for (double x : other) square += x * x;
          for (double& x : other) x /= std::sqrt(square);
        } else {
          other[trial] = 1;
        }
        EXPECT_LE(value(other), value(w) + 1e-5);
      }
      // The reward of a row is -w . phi / features, above the least of all of them.
      std::vector<double> expected;
      for (const auto& row : ours) {
        double cost = 0;
        for (std::size_t k = 0; k < width; ++k)
          cost += row[k] * (ball ? w[k] : w[k] - w[width + k]);
        expected.push_back(-cost / static_cast<double>(w.size()));
      }
      const double least = std::min(0.0, *std::min_element(expected.begin(), expected.end()));
      const std::vector<double> found = rewards_of(*device, reward);
      for (std::size_t i = 0; i < found.size(); ++i) {
        EXPECT_NEAR(found[i], expected[i] - least, 1e-5);
        EXPECT_GE(found[i], 0);
      }
    }
  }
}

TEST(LinearReward, bound_holds_for_all_that_was_seen) {
  auto device = cpu_device();
  const Demonstrations expert = example(6, true, true, 1, 0.5);
  LinearReward reward(*device, spaces(true), expert, 50, {});
  EXPECT_EQ(sign_for(episode_ends(expert, 0)), RewardSign::never_positive);
  double before = 0;
  for (double shift : {-3.0, 0.2}) {
    Learner learner(*device, example(10, true, true, 2, shift));
    reward.observe(learner.view());
    reward.fit();
    reward.evaluate();
    const std::vector<double> found = rewards_of(*device, reward);
    for (double r : found) EXPECT_LE(r, 0);
    const double bound = reward.store().at("linear/bound").read()[0];
    EXPECT_GE(bound, before);
    before = bound;
  }
  EXPECT_EQ(reward.metrics().sign, RewardSign::never_positive);
}

TEST(LearnedReward, refuses_demonstrations_that_do_not_fit) {
  auto device = cpu_device();
  const Demonstrations expert = example(3, true, false, 1, 0);
  EXPECT_THROW(Discriminator(*device, spaces(false), expert, 10, {}), Error);
  TransitionSpaces wider = spaces(true);
  wider.observation.shape = {3};
  EXPECT_THROW(Discriminator(*device, wider, expert, 10, {}), Error);
  Demonstrations three = expert;
  three.actions.indices[4] = 2;
  EXPECT_THROW(LinearReward(*device, spaces(true), three, 10, {}), Error);
  Demonstrations no_next = expert;
  no_next.observations = transitions(expert).observations;
  no_next.last_observation = false;
  EXPECT_THROW(Discriminator(*device, spaces(true, RewardInput::state_pair), no_next, 10, {}),
               Error);
}

}  // namespace
}  // namespace understudy
