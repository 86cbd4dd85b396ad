// InfoGAIL's parts and their loop: codes, the posterior and its bound, critics, replay.

#include "algorithms/adversarial/infogail.h"

#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>

#include "algorithms/policies/evaluation.h"
#include "autograd/files/checkpoint.h"
#include "tests/kernels/kernel_test.h"

namespace understudy {
namespace {

// Points in the plane; the action is 1 or -1 by what `side` says of the point.
template <class Side>
Demonstrations shown(std::int64_t episodes, std::int64_t length, std::uint64_t seed, Side side) {
  kernel_test::Random random(seed);
  Demonstrations result;
  result.observations.shape = {2};
  result.actions.shape = {1};
  for (std::int64_t e = 0; e < episodes; ++e) {
    for (std::int64_t t = 0; t <= length; ++t) {
      const double x = random.normal(), y = 2 + random.normal();
      result.observations.numbers.push_back(static_cast<float>(x));
      result.observations.numbers.push_back(static_cast<float>(y));
      if (t < length) result.actions.numbers.push_back(static_cast<float>(side(e, x, y)));
    }
    result.terminal.push_back(0);
    result.starts.push_back(result.starts.back() + length);
  }
  return result;
}

TransitionSpaces plane() {
  TransitionSpaces result;
  result.observation.shape = {2};
  result.action = ActionSpace{ActionKind::continuous, 1};
  return result;
}

// Rows of demonstrations as a device has them, each with the code of its episode.
struct Columns {
  Store store;
  Array *observation, *action, *code;
  Columns(Device& device, const Demonstrations& from, const std::vector<double>& code_of_episode,
          std::int64_t width)
      : store(device) {
    const Transitions steps = transitions(from);
    observation = &store.create("observation", {from.steps(), 2});
    observation->write({steps.observations.numbers.begin(), steps.observations.numbers.end()});
    action = &store.create("action", {from.steps(), 1});
    action->write({steps.actions.numbers.begin(), steps.actions.numbers.end()});
    code = &store.create("code", {from.steps(), width});
    std::vector<double> all;
    for (std::int64_t e = 0; e < from.episodes(); ++e)
      for (std::int64_t t = 0; t < from.length(e); ++t)
        all.insert(all.end(), &code_of_episode[static_cast<std::size_t>(e * width)],
                   &code_of_episode[static_cast<std::size_t>(e * width)] + width);
    code->write(all);
  }
  TransitionBatch batch() const { return {rows_of(*observation), rows_of(*action)}; }
};

TEST(Codes, are_drawn_uniformly_and_read_as_they_are_written) {
  const CodeSpace codes{.categories = 3, .continuous = 2};
  EXPECT_NEAR(codes.entropy(), std::log(3) + 2 * std::log(2), 1e-12);
  constexpr std::int64_t count = 30000;
  const std::vector<double> drawn = draw_codes(codes, count, 5);
  double of[3] = {}, sum = 0, squares = 0;
  for (std::int64_t i = 0; i < count; ++i) {
    const double* code = &drawn[static_cast<std::size_t>(5 * i)];
    EXPECT_EQ(code[0] + code[1] + code[2], 1);
    for (int k = 0; k < 3; ++k) of[k] += code[k] / count;
    sum += code[3] / count;
    squares += code[4] * code[4] / count;
  }
  // Four standard errors: sqrt(2 / 9 / n), sqrt(1 / 3 / n), sqrt(4 / 45 / n).
  for (double share : of) EXPECT_NEAR(share, 1.0 / 3, 0.011);
  EXPECT_NEAR(sum, 0, 0.0134);
  EXPECT_NEAR(squares, 1.0 / 3, 0.007);
  const std::vector<double> one = code_named(codes, "2,0.5,-1", "--code");
  EXPECT_EQ(one, (std::vector<double>{0, 0, 1, 0.5, -1}));
  EXPECT_EQ(code_text(codes, one.data()), "2,0.5,-1");
  for (const char* bad : {"3,0,0", "1", "1,0,2", "0.5,0,0", "x", "1,0,0,", "1,0,0,0", ""})
    EXPECT_THROW(code_named(codes, bad, "--code"), Error) << bad;
}

TEST(Codes, of_an_episode_stay_and_others_are_drawn_at_the_next) {
  auto device = cpu_device();
  PolicyDescription description = describe_policy(environment_named("cartpole"));
  description.codes = {.categories = 2, .continuous = 1};
  description.normalize_observations = true;
  Policy policy(*device, description, 1);
  Store store(*device);
  Rollouts rollouts(policy, environment_named("cartpole"), store,
                    {.num_envs = 6, .steps_per_iteration = 600, .seed = 3});
  std::vector<double> last;
  std::int64_t changed = 0, ended_in_all = 0;
  for (int round = 0; round < 2; ++round) {
    rollouts.collect();
    const std::vector<double> seen = rollouts.observation().read(), ended = rollouts.ended().read(),
                              final = rollouts.final_observation().read();
    for (std::size_t i = 0; i < 600; ++i) {
      const auto code = [&](std::size_t row) { return &seen[row * 7 + 4]; };
      const bool same = std::equal(code(i), code(i) + 3, code(i + 6));
      if (ended[i] == 0) {
        EXPECT_TRUE(same) << i;
        continue;
      }
      ++ended_in_all;
      changed += !same;
      // The observation that the episode ended with has the episode's code.
      EXPECT_TRUE(std::equal(code(i), code(i) + 3, &final[i * 7 + 4])) << i;
    }
    EXPECT_TRUE(std::equal(last.begin(), last.end(), seen.begin()));
    last.assign(seen.begin() + 600 * 7, seen.end());
  }
  EXPECT_GT(ended_in_all, 20);
  EXPECT_EQ(changed, ended_in_all);  // two numbers drawn from [-1, 1] are not equal
}

// log Q of one row against plain arithmetic, and the bound where codes are all that actions show.
TEST(Posterior, tells_codes_that_show_and_bounds_their_information) {
  auto device = cpu_device();
  const std::int64_t episodes = 60;
  const CodeSpace codes{.categories = 2, .continuous = 1};
  const std::vector<double> drawn = draw_codes(codes, episodes, 4);
  // The action is by the category the sign, by the number the size.
  const Demonstrations played = shown(episodes, 10, 7, [&](std::int64_t e, double, double) {
    const double* code = &drawn[static_cast<std::size_t>(3 * e)];
    return (code[0] == 1 ? 1 : -1) * (2 + code[2]);
  });
  Columns rows(*device, played, drawn, 3);
  Posterior posterior(*device, plane(), codes, played, played.steps(),
                      {.hidden = {24}, .learning_rate = 0.02, .steps = 100, .batch_size = 0});
  posterior.observe(rows.batch(), rows_of(*rows.code));
  posterior.evaluate();
  // Before the first step: 1/2, and N(c; 0, 1) with the mean square 1/3 of the drawn.
  double squares = 0;
  for (std::int64_t e = 0; e < episodes; ++e) {
    const double c = drawn[static_cast<std::size_t>(3 * e + 2)];
    squares += c * c / static_cast<double>(episodes);
  }
  const double gaussian = -0.5 * squares - 0.5 * std::log(2 * M_PI);
  EXPECT_NEAR(posterior.mean(), -std::log(2) + gaussian, 1e-5);
  EXPECT_NEAR(posterior.bound(), posterior.mean() + std::log(2) + std::log(2), 1e-12);
  for (int i = 0; i < 4; ++i) posterior.fit();
  posterior.evaluate();
  // All of log 2, and of the number what a deviation of 0.2 leaves: log 2 - log(0.2 sqrt(2 pi e)).
  EXPECT_GT(posterior.bound(), std::log(2) + 0.85);
  const std::vector<double> told = codes_of_episodes(posterior, played);
  for (std::int64_t e = 0; e < episodes; ++e) {
    const std::size_t at = static_cast<std::size_t>(3 * e);
    EXPECT_GT(told[at + (drawn[at] == 1 ? 0 : 1)], 0.9);
    EXPECT_NEAR(told[at + 2], drawn[at + 2], 0.35);
  }
  // A file of it says the same.
  const std::string path = testing::TempDir() + "/posterior.safetensors";
  posterior.save(path);
  const auto again = Posterior::load(*device, path, plane());
  EXPECT_EQ(codes_of_episodes(*again, played), told);
  std::filesystem::remove(path);
}

TEST(Posterior, of_codes_that_nothing_shows_bounds_nothing) {
  auto device = cpu_device();
  const CodeSpace codes{.categories = 3};
  const std::vector<double> drawn = draw_codes(codes, 200, 4);
  const Demonstrations played =
      shown(200, 10, 7, [](std::int64_t, double x, double) { return x > 0 ? 1 : -1; });
  Columns rows(*device, played, drawn, 3);
  Posterior posterior(*device, plane(), codes, played, played.steps(),
                      {.hidden = {8}, .steps = 30, .batch_size = 500});
  posterior.observe(rows.batch(), rows_of(*rows.code));
  posterior.fit();
  posterior.evaluate();
  // Overfitting 2000 rows of 200 codes by thirty steps is worth less than a tenth of a nat.
  EXPECT_LT(std::abs(posterior.bound()), 0.1);
}

// What is minimized, its gradient through the penalty's own gradient included, against
// differences in double: h = 1e-5 errs by h^2 and 1e-16 / h.
TEST(Critic, gradients_are_those_of_its_loss) {
  auto device = cpu_device();
  const Demonstrations expert =
      shown(3, 5, 1, [](std::int64_t, double x, double) { return x > 0 ? 1 : -1; });
  for (const Lipschitz constraint : {Lipschitz::weight_clipping, Lipschitz::gradient_penalty}) {
    Critic critic(*device, plane(), expert, 20, {.hidden = {5, 4}, .constraint = constraint},
                  "expert", Real::f64);
    kernel_test::Random random(2);
    Array& flat = critic.parameters().flat();
    std::vector<double> at = flat.read();
    for (double& x : at) x += 0.3 * random.normal();
    flat.write(at);
    Program program(*device, Real::f64);
    const auto filled = [&](std::int64_t width, bool share) {
      std::vector<double> values;
      for (std::int64_t i = 0; i < 7 * width; ++i)
        values.push_back(share ? static_cast<double>(i + 1) / 9 : random.normal());
      return program.constant({7, width}, values);
    };
    const Tensor loss = critic.loss(filled(3, false), filled(3, false), filled(1, true));
    program.output("loss", loss);
    program.output("gradient",
                   program.pack(program.gradients(loss, critic.parameters().use(program))));
    program.run();
    const std::vector<double> gradient = program.read("gradient");
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
      EXPECT_NEAR(gradient[i], (sides[0] - sides[1]) / 2e-5, 1e-8) << i;
      largest = std::max(largest, std::abs(gradient[i]));
    }
    EXPECT_GT(largest, 1e-3);
  }
}

TEST(Critic, keeps_its_constraint_and_measures_a_shift) {
  auto device = cpu_device();
  const auto side = [](double by) {
    return [by](std::int64_t, double x, double) { return 0.1 * x + by; };
  };
  const Demonstrations expert = shown(10, 20, 1, side(1));
  Columns learner(*device, shown(10, 20, 2, side(-1)), std::vector<double>(10, 0.0), 1);
  Critic clipped(*device, plane(), expert, 200,
                 {.hidden = {16},
                  .constraint = Lipschitz::weight_clipping,
                  .clip = 0.05,
                  .steps = 60,
                  .batch_size = 50});
  clipped.observe(learner.batch());
  clipped.fit();
  for (double weight : clipped.parameters().flat().read()) EXPECT_LE(std::abs(weight), 0.0500001);
  Critic penalized(*device, plane(), expert, 200,
                   {.hidden = {32},
                    .penalty_weight = 100,
                    .learning_rate = 0.01,
                    .steps = 300,
                    .batch_size = 64});
  penalized.observe(learner.batch());
  penalized.fit();
  penalized.fit();
  // The actions are 2 apart; they are seen in units of the expert's, whose deviation is 0.1, so
  // that the distance d of the two clouds is near 20. A slope g along it minimizes
  // -d g + weight (g - 1)^2 at 1 + d / (2 weight) = 1.1, and d g is 22.
  EXPECT_GT(penalized.distance(), 19);
  EXPECT_LT(penalized.distance(), 25);
}

InfoGailOptions small(AdversaryKind kind) {
  InfoGailOptions options;
  options.codes = {.categories = 2, .continuous = 1};
  options.adversary = kind;
  options.discriminator.hidden = options.critic.hidden = options.posterior.hidden = {8};
  options.critic.batch_size = options.posterior.batch_size = 64;
  options.replay = 3;
  options.trpo.learner.rollouts = {.num_envs = 10, .steps_per_iteration = 200, .seed = 3};
  return options;
}

struct Learning {
  std::unique_ptr<Policy> policy;
  std::unique_ptr<InfoGail> imitation;
  Learning(Device& device, const Demonstrations& expert, const InfoGailOptions& options) {
    PolicyDescription description = describe_policy(environment_named("point_mass"));
    description.codes = options.codes;
    description.trunk.hidden = {8};
    description.normalize_observations = true;
    policy = std::make_unique<Policy>(device, description, 1);
    freeze_normalizer(*policy, transitions(expert));
    imitation =
        std::make_unique<InfoGail>(*policy, environment_named("point_mass"), expert, options);
  }
};

Demonstrations of_point_mass() {
  const EnvironmentDescription& environment = environment_named("point_mass");
  kernel_test::Random random(5);
  Demonstrations result;
  result.observations.shape = {environment.observation_size};
  result.actions.shape = {environment.action_size};
  result.last_observation = false;
  for (int i = 0; i < 40; ++i) {
    for (int k = 0; k < environment.observation_size; ++k)
      result.observations.numbers.push_back(static_cast<float>(random.normal()));
    for (int k = 0; k < environment.action_size; ++k)
      result.actions.numbers.push_back(static_cast<float>(0.5 * random.normal()));
  }
  result.starts = {0, 20, 40};
  result.terminal = {0, 0};
  return result;
}

// With either adversary, a replay of three collections, and codes of both kinds.
TEST(InfoGail, a_resumed_run_has_the_bits_of_an_unbroken_one) {
  const Demonstrations expert = of_point_mass();
  for (const AdversaryKind kind : {AdversaryKind::classifier, AdversaryKind::wasserstein}) {
    Threads four(4);
    auto device = cpu_device(), other = cpu_device(&four);
    const std::string path = testing::TempDir() + "/infogail.safetensors";
    Learning whole(*device, expert, small(kind)), broken(*device, expert, small(kind)),
        resumed(*other, expert, small(kind));
    for (int i = 0; i < 5; ++i) whole.imitation->step();
    for (int i = 0; i < 3; ++i) broken.imitation->step();
    broken.imitation->learner().save_state();
    const std::vector<Store*> stores = broken.imitation->stores();
    write_checkpoint(path, {stores.begin(), stores.end()});
    read_checkpoint(path, resumed.imitation->stores());
    resumed.imitation->learner().load_state();
    InfoGailMetrics last;
    for (int i = 0; i < 2; ++i) last = resumed.imitation->step();
    whole.imitation->learner().save_state();
    resumed.imitation->learner().save_state();
    for (std::size_t s = 0; s < stores.size(); ++s)
      for (const auto& array : whole.imitation->stores()[s]->arrays())
        EXPECT_EQ(array->read(), resumed.imitation->stores()[s]->at(array->name()).read())
            << array->name();
    EXPECT_TRUE(std::isfinite(last.bound));
    EXPECT_LE(last.bound, last.entropy + 2);
    std::filesystem::remove(path);
  }
}

// CUDA's kernels, by the emulator where there is no GPU: sums are in another order.
TEST(InfoGail, is_the_same_on_cuda) {
  const Demonstrations expert = of_point_mass();
  for (const AdversaryKind kind : {AdversaryKind::classifier, AdversaryKind::wasserstein}) {
    InfoGailOptions options = small(kind);
    options.trpo.learner.rollouts = {.num_envs = 5, .steps_per_iteration = 30, .seed = 3};
    options.trpo.trust_region.cg_iterations = 2;
    options.critic.steps = options.posterior.steps = 2;
    options.critic.batch_size = options.posterior.batch_size = 16;
    std::vector<double> found[2];
    for (int on_cuda : {0, 1}) {
      auto device = on_cuda != 0 ? cuda_device() : cpu_device();
      Learning run(*device, expert, options);
      const InfoGailMetrics first = run.imitation->step();
      found[on_cuda] = run.imitation->learner().rollouts().reward().read();
      found[on_cuda].push_back(first.bound);
      found[on_cuda].push_back(first.imitation.adversary.loss);
    }
    ASSERT_EQ(found[0].size(), found[1].size());
    for (std::size_t i = 0; i < found[0].size(); ++i)
      EXPECT_NEAR(found[0][i], found[1][i], 1e-4 * (1 + std::abs(found[0][i]))) << i;
  }
}

// The reward is the sum that infogail.h says, row by row.
TEST(InfoGail, rewards_are_the_weighted_sum) {
  auto device = cpu_device();
  const Demonstrations expert = of_point_mass();
  InfoGailOptions options = small(AdversaryKind::classifier);
  options.replay = 1;
  options.information_weight = 0.7;
  options.environment_weight = -0.3;
  Learning run(*device, expert, options);
  // A second run of the same seed, whose environment has rewards that nobody replaced.
  options.trpo.learner.rollouts.seed = 3;
  PolicyDescription description = run.policy->description();
  Policy twin(*device, description, 1);
  freeze_normalizer(twin, transitions(expert));
  Trpo alone(twin, environment_named("point_mass"), options.trpo);
  alone.collect();
  run.imitation->step();
  const std::vector<double> found = run.imitation->learner().rollouts().reward().read(),
                            own = alone.rollouts().reward().read();
  Program copy(*device);
  copy.output("adversary", identity(copy.use(run.imitation->reward().values())));
  copy.output("posterior", identity(copy.use(run.imitation->posterior().values())));
  copy.run();
  const std::vector<double> f = copy.read("adversary"), q = copy.read("posterior");
  for (std::size_t i = 0; i < found.size(); ++i)
    EXPECT_NEAR(found[i], f[i] + 0.7 * q[i] - 0.3 * own[i], 1e-4) << i;
}

}  // namespace
}  // namespace understudy
