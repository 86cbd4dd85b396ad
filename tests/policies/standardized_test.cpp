// Data in any units: what is learned from a * x + b is what is learned from x, whatever the head;
// and the distribution that brings actions to standard units is held to its equations.

#include "algorithms/policies/standardized.h"

#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <random>

#include "algorithms/cloning/behavior_cloning.h"
#include "algorithms/cloning/distillation.h"
#include "algorithms/policies/gaussian.h"
#include "algorithms/policies/squashed_gaussian.h"
#include "algorithms/training/registry.h"
#include "tests/files/files_test.h"

namespace understudy {
namespace {

using Vector = std::vector<double>;
using Settings = std::vector<OptionAssignment>;

constexpr std::int64_t episodes = 8, length = 40, count = episodes * length;

// Two observations, and so many actions tanh(linear(o)) with a little noise, times `scale` and with
// `shift` added.
Demonstrations demonstrated(double scale, double shift, std::int64_t width = 2) {
  std::mt19937 generator(1);
  std::normal_distribution<double> normal;
  Demonstrations made;
  made.observations.shape = {2};
  made.actions.shape = {width};
  made.last_observation = false;
  for (std::int64_t row = 0; row < count; ++row) {
    const double x = normal(generator), y = normal(generator);
    made.observations.numbers.insert(made.observations.numbers.end(),
                                     {static_cast<float>(x), static_cast<float>(y)});
    for (std::int64_t d = 0; d < width; ++d) {
      const double action = std::tanh(d == 0 ? x - y : 0.5 * x + y) + 0.05 * normal(generator);
      made.actions.numbers.push_back(static_cast<float>(shift + scale * action));
    }
    if ((row + 1) % length != 0) continue;
    made.starts.push_back(row + 1);
    made.terminal.push_back(0);
  }
  return made;
}

// By the algorithm's own settings: what `train ALGORITHM` does.
std::unique_ptr<Trainer> trained(const char* algorithm, Device& device, const Demonstrations& from,
                                 const Settings& settings, int iterations) {
  const TrainingInputs inputs{.device = &device, .demonstrations = &from, .seed = 2};
  const auto setup = algorithm_named(algorithm).setup(inputs);
  setup->assign(settings);
  auto trainer = setup->make();
  for (int i = 0; i < iterations; ++i) trainer->step();
  trainer->conclude();
  return trainer;
}

struct Answers {
  Vector modes, log_probabilities;  // the latter empty where they are not known
};
Answers ask(const Policy& policy, const Demonstrations& about) {
  Program program(policy.device());
  Store store(policy.device());
  Array& counter = store.create("counter", {1}, Element::counter);
  const std::int64_t width = about.actions.width();
  const bool memory = policy.has_memory();
  const Shape shape = memory ? Shape{rows(episodes), length} : Shape{rows(count)};
  const auto distribution = policy.distribution(program.input("o", behind(shape, {2})));
  program.output("mode", distribution->mode());
  const HeadTraits& traits = policy.description().head.row().traits;
  if (traits.likelihood || traits.bound) {
    const Tensor action = program.input("a", behind(shape, {width}));
    program.output("log", distribution->log_probability_bound(action, {&counter, 1, 1}, 16));
    program.write("a", about.actions.numbers.data(), count * width);
  }
  program.write("o", about.observations.numbers.data(), count * 2);
  program.run();
  Answers answers{program.read("mode"), {}};
  if (traits.likelihood || traits.bound) answers.log_probabilities = program.read("log");
  return answers;
}

double mean_of(const Vector& values) {
  double total = 0;
  for (double value : values) total += value / static_cast<double>(values.size());
  return total;
}

// How far the modes are from what was demonstrated, of the error of predicting the mean.
double error_share(const Vector& modes, const Demonstrations& from) {
  const std::size_t width = static_cast<std::size_t>(from.actions.width());
  double error = 0, spread = 0;
  for (std::size_t d = 0; d < width; ++d) {
    double mean = 0;
    for (std::size_t i = d; i < modes.size(); i += width)
      mean += static_cast<double>(from.actions.numbers[i]) / static_cast<double>(count);
    for (std::size_t i = d; i < modes.size(); i += width) {
      const double action = static_cast<double>(from.actions.numbers[i]);
      error += (modes[i] - action) * (modes[i] - action);
      spread += (action - mean) * (action - mean);
    }
  }
  return std::sqrt(error / spread);
}

struct Units {
  double scale, shift;
};
constexpr Units units[] = {{1e-5, 2e-5}, {1e-2, -1e-2}, {500, 1500}, {3e4, 0}, {1e-30, 0}};

// What was learned from the actions as they are, and from the same in other units.
void expect_the_same_in_any_units(const Settings& settings, double tolerance = 2e-3) {
  const auto device = cpu_device();
  const Demonstrations plain = demonstrated(1, 0);
  const Answers expected = ask(trained("bc", *device, plain, settings, 2)->policy(), plain);
  for (const Units& in : units) {
    SCOPED_TRACE(in.scale);
    const Demonstrations other = demonstrated(in.scale, in.shift);
    const Answers found = ask(trained("bc", *device, other, settings, 2)->policy(), other);
    ASSERT_EQ(found.modes.size(), expected.modes.size());
    double worst = 0;
    for (std::size_t i = 0; i < found.modes.size(); ++i)
      worst = std::max(worst, std::abs((found.modes[i] - in.shift) / in.scale - expected.modes[i]));
    // Roundings of the actions (2^-24 of the shift, some 1e-7 of them) grow in 40 steps of Adam.
    EXPECT_LT(worst, tolerance);
    ASSERT_EQ(found.log_probabilities.size(), expected.log_probabilities.size());
    if (expected.log_probabilities.empty()) continue;
    EXPECT_NEAR(mean_of(found.log_probabilities),
                mean_of(expected.log_probabilities) - 2 * std::log(in.scale), 2 * tolerance);
  }
}

TEST(ActionUnits, matter_to_no_head) {
  for (const HeadRow* row : head_rows()) {
    if (!row->acts_on(ActionKind::continuous)) continue;
    // Its units are the bounds of the actions, of which demonstrations have none.
    if (row->name == std::string(SquashedGaussianOptions::head)) continue;
    SCOPED_TRACE(row->name);
    expect_the_same_in_any_units(
        {{"head", row->name, "t"}, {"hidden", "8", "t"}, {"steps", "20", "t"}});
  }
}

TEST(ActionUnits, matter_to_no_trunk) {
  for (const TrunkRow* row : trunk_rows()) {
    SCOPED_TRACE(row->name);
    expect_the_same_in_any_units(
        {{"trunk", row->name, "t"}, {"hidden", "6", "t"}, {"steps", "10", "t"}});
  }
}

TEST(ActionUnits, matter_not_to_the_squared_error) {
  expect_the_same_in_any_units(
      {{"loss", "squared_error", "t"}, {"hidden", "8", "t"}, {"steps", "20", "t"}});
}

// With actions as they were given, these ended with 0.6 to 86 times the error of the mean action.
TEST(ActionUnits, far_from_one_are_learned) {
  const auto device = cpu_device();
  for (const Units& in : {Units{500, 1500}, Units{100, 400}, Units{3e4, 0}, Units{1e-5, 0}}) {
    SCOPED_TRACE(in.scale);
    const Demonstrations from = demonstrated(in.scale, in.shift, 1);
    for (const Settings& policy :
         {Settings{{"head", "gaussian", "t"}}, Settings{{"head", "mixture", "t"}},
          Settings{{"head", "full_gaussian", "t"}}, Settings{{"head", "variational", "t"}},
          Settings{{"trunk", "lstm", "t"}}}) {
      Settings settings = policy;
      settings.insert(
          settings.end(),
          {{"hidden", "16", "t"}, {"learning_rate", "0.01", "t"}, {"steps", "200", "t"}});
      const auto trainer = trained("bc", *device, from, settings, 2);
      EXPECT_LT(error_share(ask(trainer->policy(), from).modes, from), 0.25) << policy[0].text;
    }
  }
}

// What never varies is predicted as it was, and hinders nothing.
TEST(ActionUnits, a_constant_action_stays_what_it_was) {
  const auto device = cpu_device();
  for (const float constant : {0.0f, 3e4f, -1e-6f}) {
    Demonstrations from = demonstrated(1e-3, 0);
    for (std::size_t i = 1; i < from.actions.numbers.size(); i += 2)
      from.actions.numbers[i] = constant;
    const auto trainer =
        trained("bc", *device, from, {{"hidden", "8", "t"}, {"learning_rate", "0.01", "t"}}, 3);
    const Normalizer* by = trainer->policy().action_normalizer();
    ASSERT_NE(by, nullptr);
    EXPECT_EQ(by->scale()[1], 1);
    Vector modes = ask(trainer->policy(), from).modes;
    for (std::size_t i = 1; i < modes.size(); i += 2) {
      EXPECT_NEAR(modes[i], static_cast<double>(constant), 0.3) << "of a deviation of 1";
      modes[i] = static_cast<double>(constant);
    }
    EXPECT_LT(error_share(modes, from), 0.3);
  }
}

// ---- Observations ----

// What is observed, times `scale` and with `shift` added.
Demonstrations observed_in(const Units& in, Demonstrations from) {
  for (float& x : from.observations.numbers)
    x = static_cast<float>(in.shift + in.scale * static_cast<double>(x));
  return from;
}

// Features within 1e-6 used to pass for constants and were not learned from: half of the choices
// were wrong. Numbers of 1e6 +- 1 are floats with 4 digits behind the point's place: alike, not the
// same.
TEST(ObservationUnits, matter_to_no_one) {
  const auto device = cpu_device();
  const Demonstrations plain = demonstrated(1, 0);
  const Settings settings = {
      {"hidden", "16", "t"}, {"learning_rate", "0.01", "t"}, {"steps", "100", "t"}};
  const auto modes_in = [&](const Units& in) {
    const Demonstrations from = observed_in(in, plain);
    return ask(trained("bc", *device, from, settings, 2)->policy(), from).modes;
  };
  const Vector expected = modes_in({1, 0});
  EXPECT_LT(error_share(expected, plain), 0.25);
  for (const Units& in : {Units{1e-6, 0}, Units{1e-30, 0}, Units{1e30, 0}, Units{1e-6, 1e-5}}) {
    const Vector found = modes_in(in);
    double worst = 0;
    for (std::size_t i = 0; i < found.size(); ++i)
      worst = std::max(worst, std::abs(found[i] - expected[i]));
    EXPECT_LT(worst, 0.02) << in.scale;  // roundings, 200 steps of Adam later
  }
  EXPECT_LT(error_share(modes_in({1, 1e6}), plain), 0.25);
}

TEST(ObservationUnits, matter_to_no_choice) {
  const auto device = cpu_device();
  std::mt19937 generator(4);
  std::uniform_real_distribution<double> uniform(-1, 1);
  for (const Units& in : {Units{1, 0}, Units{1e-6, 0}, Units{1e-30, 0}, Units{1, 1e6}}) {
    Demonstrations from = demonstrated(1, 0, 1);
    from.actions = {.shape = {}, .discrete = true, .numbers = {}, .indices = {}};
    for (std::int64_t row = 0; row < count; ++row) {
      float* o = from.observations.numbers.data() + 2 * row;
      o[0] = static_cast<float>(uniform(generator)), o[1] = static_cast<float>(uniform(generator));
      from.actions.indices.push_back(o[0] > o[1] ? 1 : 0);
    }
    from = observed_in(in, from);
    const auto trainer =
        trained("bc", *device, from,
                {{"hidden", "16", "t"}, {"learning_rate", "0.01", "t"}, {"steps", "100", "t"}}, 3);
    Program program(*device);
    program.output("mode",
                   trainer->policy().distribution(program.input("o", {rows(count), 2}))->mode());
    program.write("o", from.observations.numbers.data(), count * 2);
    program.run();
    const Vector chosen = program.read("mode");
    int wrong = 0;
    for (std::size_t i = 0; i < chosen.size(); ++i)
      wrong += static_cast<std::int64_t>(chosen[i]) != from.actions.indices[i];
    EXPECT_LT(wrong, count / 20) << in.scale << " " << in.shift;
  }
}

// ---- The distribution itself ----

struct Pair {
  Device& device;
  Policy plain, scaled;
  static PolicyDescription description(bool normalize) {
    return {.observation = {.shape = {2}},
            .action = {ActionKind::continuous, 2},
            .trunk = {.hidden = {5}},
            .head = GaussianOptions{.state_dependent_std = true},
            .last_scale = 1,
            .normalize_actions = normalize};
  }
  explicit Pair(Device& on)
      : device(on), plain(on, description(false), 3), scaled(on, description(true), 3) {
    scaled.action_normalizer()->set({3, -40}, {0.5, 20}, 10);
  }
};

TEST(StandardizedDistribution, is_an_affine_change_of_the_one_it_is_made_of) {
  const auto device = cpu_device();
  const Pair pair(*device);
  Store store(*device);
  Array &one = store.create("one", {1}, Element::counter),
        &two = store.create("two", {1}, Element::counter);
  Program program(*device);
  const Tensor o = program.input("o", {rows(4), 2});
  const auto z = pair.plain.distribution(o), a = pair.scaled.distribution(o);
  program.output("z.sample", z->sample({&one, 1, 1}));
  program.output("a.sample", a->sample({&two, 1, 1}));
  program.output("z.mode", z->mode());
  program.output("a.mode", a->mode());
  program.output("a.mean", a->expectation());
  program.output("z.entropy", z->entropy());
  program.output("a.entropy", a->entropy());
  program.output("z.log", z->log_probability(z->mode() + 0.5));
  program.output("a.log", a->log_probability(a->mode() + program.constant({2}, Vector{0.25, 10})));
  program.output("a.loss", a->loss(a->mode() + program.constant({2}, Vector{0.25, 10}), {}));
  program.output("kl", sum(a->divergence_from(z->parameters())));
  program.write("o", Vector{0.1, 0.2, -1, 1, 2, 0, 0.3, -0.4});
  program.run();
  const Vector mean = {3, -40}, std = {0.5, 20};
  const double jacobian = std::log(0.5) + std::log(20);
  for (const char* of : {"sample", "mode"}) {
    const Vector from = program.read(std::string("z.") + of),
                 to = program.read(std::string("a.") + of);
    for (std::size_t i = 0; i < to.size(); ++i)
      EXPECT_NEAR(to[i], mean[i % 2] + std[i % 2] * from[i], 1e-5) << of;
  }
  EXPECT_EQ(program.read("a.mean"), program.read("a.mode"));
  for (std::size_t i = 0; i < 4; ++i) {
    EXPECT_NEAR(program.read("a.entropy")[i], program.read("z.entropy")[i] + jacobian, 1e-5);
    EXPECT_NEAR(program.read("a.log")[i], program.read("z.log")[i] - jacobian, 1e-4);
    EXPECT_NEAR(program.read("a.loss")[i], -program.read("a.log")[i], 1e-5);
  }
  EXPECT_EQ(program.value("kl"), 0);
}

// One density over [-10, 16] x [-400, 320], of which nearly all of it lies inside.
TEST(StandardizedDistribution, has_a_density_that_integrates_to_1) {
  const auto device = cpu_device();
  const Pair pair(*device);
  constexpr std::int64_t side = 200;
  Program program(*device);
  const auto distribution = pair.scaled.distribution(program.full({rows(side * side), 2}, 0.3));
  program.output("log", distribution->log_probability(program.input("a", {rows(side * side), 2})));
  Vector actions;
  const double across = 26.0 / side, along = 720.0 / side;
  for (int i = 0; i < side; ++i)
    for (int j = 0; j < side; ++j)
      actions.insert(actions.end(), {-10 + across * (i + 0.5), -400 + along * (j + 0.5)});
  program.write("a", actions);
  program.run();
  double total = 0;
  for (double log_p : program.read("log")) total += std::exp(log_p) * across * along;
  EXPECT_NEAR(total, 1, 2e-3);
}

TEST(StandardizedDistribution, refuses_actions_of_other_shapes_as_the_head_does) {
  const auto device = cpu_device();
  const Pair pair(*device);
  Program program(*device);
  const auto distribution = pair.scaled.distribution(program.input("o", {rows(4), 2}));
  EXPECT_ERROR(distribution->log_probability(program.input("a", {rows(4), 3})), "[rows 4, 2]");
  EXPECT_ERROR(distribution->log_probability(program.input("b", {rows(4), 1})), "[rows 4, 2]");
  EXPECT_ERROR(distribution->log_probability(program.input("c", {rows(4)}, Element::index)),
               "indices");
}

TEST(StandardizedDistribution, is_saved_with_its_statistics) {
  const auto device = cpu_device();
  const Pair pair(*device);
  const std::string path = testing::TempDir() + "standardized.safetensors";
  pair.scaled.save(path);
  const auto loaded = Policy::load(*device, path);
  EXPECT_TRUE(loaded->description().normalize_actions);
  EXPECT_EQ(loaded->action_normalizer()->mean().read(), (Vector{3, -40}));
  EXPECT_EQ(loaded->action_normalizer()->std().read(), (Vector{0.5, 20}));
  std::filesystem::remove(path);
}

// ---- Who has one ----

TEST(ActionNormalizer, is_of_actions_that_are_numbers_and_heads_that_use_it) {
  const auto device = cpu_device();
  PolicyDescription description = Pair::description(true);
  description.head = "independent_bins";  // its edges are among the actions as they are
  description.action.low = {-1, -1}, description.action.high = {1, 1};
  EXPECT_EQ(Policy(*device, description).action_normalizer(), nullptr);
  description.head = {};
  description.action = {ActionKind::discrete, 3};
  EXPECT_ERROR(Policy(*device, description), "normalize_actions");
  EXPECT_EQ(Policy(*device, Pair::description(false)).action_normalizer(), nullptr);
}

// Rows whose action is not learned are not what its scale is taken from.
TEST(ActionNormalizer, is_fitted_to_actions_that_count) {
  const auto device = cpu_device();
  Policy policy(*device, Pair::description(true));
  Transitions from = Transitions::of_numbers(2, 2);
  from.append({0, 0}, {1, 10});
  from.append({0, 0}, {1e9f, -1e9f}, false);
  from.append({0, 0}, {3, 14});
  fit_normalizer(policy, from);
  EXPECT_EQ(policy.action_normalizer()->mean().read(), (Vector{2, 12}));
  EXPECT_EQ(policy.action_normalizer()->std().read(), (Vector{1, 2}));
}

TEST(ActionNormalizer, of_reinforcement_is_by_bounds_and_only_when_told) {
  const auto device = cpu_device();
  const TrainingInputs inputs{.device = device.get(),
                              .environment = &environment_named("pendulum")};
  const auto policy_of = [&](const Settings& settings) {
    const auto setup = algorithm_named("ppo").setup(inputs);
    setup->assign(settings);
    return setup->make();
  };
  EXPECT_EQ(policy_of({})->policy().action_normalizer(), nullptr);
  const auto told = policy_of({{"normalize_actions", "true", "t"}});
  EXPECT_EQ(told->policy().action_normalizer()->mean().read(), Vector{0});
  EXPECT_EQ(told->policy().action_normalizer()->std().read(), Vector{2});
  Policy unbounded(*device, Pair::description(true));
  EXPECT_ERROR(fit_actions_to_bounds(unbounded), "finite bounds");
}

// GAIL and its like have demonstrations: their policies begin at those, too.
TEST(ActionNormalizer, of_adversarial_learners_is_the_demonstrations) {
  const auto device = cpu_device();
  Demonstrations from = demonstrated(0.1, 0.3, 1);
  from.observations.shape = {3};
  from.observations.numbers.resize(3 * count, 0.5f);
  const TrainingInputs inputs{.device = device.get(),
                              .environment = &environment_named("pendulum"),
                              .demonstrations = &from};
  for (const char* algorithm : {"gail", "fem", "gtal"}) {
    const auto trainer = algorithm_named(algorithm).setup(inputs)->make();
    const Normalizer* by = trainer->policy().action_normalizer();
    ASSERT_NE(by, nullptr) << algorithm;
    EXPECT_NEAR(by->mean().read()[0], 0.3, 0.05);
    EXPECT_TRUE(by->frozen());
  }
}

// Parameters must mean the same to both, so that a divergence between them means anything.
TEST(ActionNormalizer, of_a_student_is_its_teachers) {
  const auto device = cpu_device();
  const Pair pair(*device);
  Policy student(*device, Pair::description(true), 9), plain(*device, Pair::description(false), 9);
  student.action_normalizer()->set({7, 7}, {7, 7}, 1);
  const std::vector<float> observations = {0.1f, 0.2f, -1, 1, 2, 0, 0.3f, -0.4f};
  EXPECT_FALSE(Distillation::fits(plain.description(), pair.scaled.description()));
  EXPECT_ERROR(Distillation(plain, pair.scaled, observations, {}), "normalization");
  Distillation of_scaled(student, pair.scaled, observations, {.learning_rate = 0.02});
  EXPECT_EQ(student.action_normalizer()->mean().read(), (Vector{3, -40}));
  const double before = of_scaled.compare().divergence;
  for (int i = 0; i < 300; ++i) of_scaled.step();
  EXPECT_LT(of_scaled.compare().divergence, 0.05 * before);
  Distillation of_plain(student, pair.plain, observations, {});
  EXPECT_EQ(student.action_normalizer()->mean().read(), (Vector{0, 0}));
  EXPECT_EQ(student.action_normalizer()->std().read(), (Vector{1, 1}));
}

}  // namespace
}  // namespace understudy
