// The dynamics against Gymnasium's own classes, and what they are made of against known answers.

#include <cstdio>
#include <filesystem>
#include <fstream>

#include "envs/batch.h"
#include "envs/list.h"
#include "envs/random.h"
#include "tests/kernels/kernel_test.h"

namespace understudy {
namespace {

using kernel_test::Array;
using kernel_test::Random;
using Index = std::int64_t;

constexpr double pi = 3.14159265358979323846;

// ---- the oracle: 10,000 single steps of each environment by Gymnasium, asked for once ----

struct Case {
  const char* gymnasium_class;
  const char* name;
  std::vector<double> state_scale;  // states are uniform within plus and minus this, about `center`
  std::vector<double> state_center;
  double action_scale;  // continuous actions: beyond their bounds too
};

const std::vector<Case>& cases() {
  static const std::vector<Case> list = {
      {"CartPoleEnv", "cartpole", {3, 4, 0.4, 4}, {0, 0, 0, 0}, 0},
      {"MountainCarEnv", "mountain_car", {0.9, 0.07}, {-0.3, 0}, 0},
      {"Continuous_MountainCarEnv", "mountain_car_continuous", {0.9, 0.07}, {-0.3, 0}, 1.5},
      // Half the speed limits. Near the limits the step of 0.2 s is so long that rounding is
      // magnified 10^5 times: Gymnasium's own result in f64 is then off by 1e-11 (against long
      // double).
      {"AcrobotEnv", "acrobot", {pi, pi, 2 * pi, 4.5 * pi}, {0, 0, 0, 0}, 0},
      {"PendulumEnv", "pendulum", {20, 8}, {0, 0}, 3},
  };
  return list;
}

constexpr Index steps_each = 10000;

struct Steps {
  std::vector<double> state, action, next_state, observation, reward, terminated;
};

struct Oracle {
  std::string missing;  // why there is none
  std::vector<Steps> steps;
};

// Inputs are rounded to f32, so that f32 and f64 start from the same numbers.
Steps draw_inputs(const Case& one, Random& random) {
  const EnvironmentDescription& environment = environment_named(one.name);
  Steps steps;
  for (Index i = 0; i < steps_each; ++i) {
    for (int k = 0; k < environment.state_size; ++k)
      steps.state.push_back(
          float(one.state_center[k] + random.uniform(-one.state_scale[k], one.state_scale[k])));
    steps.action.push_back(
        environment.action_count > 0
            ? double(random.integer(0, environment.action_count - 1))
            : double(float(random.uniform(-one.action_scale, one.action_scale))));
  }
  return steps;
}

Oracle ask_gymnasium() {
  namespace fs = std::filesystem;
  Oracle oracle;
  const fs::path folder = fs::path(testing::TempDir()) / "understudy_gymnasium_steps";
  fs::remove_all(folder);
  fs::create_directories(folder);
  Random random(1);
  for (const Case& one : cases()) {
    Steps steps = draw_inputs(one, random);
    const std::size_t size = steps.state.size() / steps_each;
    std::ofstream file(folder / (std::string(one.gymnasium_class) + ".in"), std::ios::binary);
    for (Index i = 0; i < steps_each; ++i) {
      file.write(reinterpret_cast<const char*>(&steps.state[i * size]), size * sizeof(double));
      file.write(reinterpret_cast<const char*>(&steps.action[i]), sizeof(double));
    }
    oracle.steps.push_back(std::move(steps));
  }

  const char* python = std::getenv("UNDERSTUDY_PYTHON");
  const std::string command = std::string(python != nullptr ? python : "python3") +
                              " tests/oracles/gymnasium_steps.py " + folder.string() + " > " +
                              (folder / "log").string() + " 2>&1";
  const int status = std::system(command.c_str());
  if (status != 0) {
    std::ifstream log(folder / "log");
    std::string line, last;
    while (std::getline(log, line)) last = line;
    oracle.missing = last.empty() ? "no python3" : last;
    // 77: not installed. Anything else is the script's failure, and the tests say so.
    if (WEXITSTATUS(status) != 77 && WEXITSTATUS(status) != 127) oracle.missing += " (failed)";
    return oracle;
  }
  for (std::size_t c = 0; c < cases().size(); ++c) {
    Steps& steps = oracle.steps[c];
    const EnvironmentDescription& environment = environment_named(cases()[c].name);
    std::ifstream file(folder / (std::string(cases()[c].gymnasium_class) + ".out"),
                       std::ios::binary);
    const auto read = [&](std::vector<double>& to, int count) {
      for (int k = 0; k < count; ++k) {
        double value = std::nan("");
        file.read(reinterpret_cast<char*>(&value), sizeof value);
        to.push_back(value);
      }
    };
    for (Index i = 0; i < steps_each; ++i) {
      read(steps.next_state, environment.state_size);
      read(steps.observation, environment.observation_size);
      read(steps.reward, 1);
      read(steps.terminated, 1);
    }
  }
  fs::remove_all(folder);
  return oracle;
}

const Oracle& oracle() {
  static const Oracle one = ask_gymnasium();
  return one;
}

// The largest difference, and how many numbers are further apart than `tolerance`. Angles that a
// wrap put on different sides of the cut are the same angle.
struct Difference {
  double largest = 0;
  Index beyond = 0;
};
template <class T>
Difference difference(const std::vector<T>& found, const std::vector<double>& expected,
                      double tolerance, bool angles) {
  Difference d;
  EXPECT_EQ(found.size(), expected.size());
  for (std::size_t i = 0; i < found.size(); ++i) {
    double apart = std::abs(double(found[i]) - expected[i]);
    if (angles && apart > pi) apart = std::abs(apart - 2 * pi);
    d.largest = std::max(d.largest, apart);
    d.beyond += !(apart <= tolerance);
  }
  return d;
}

KERNEL_TEST(BatchTable, single_steps_agree_with_gymnasium) {
  if (!oracle().missing.empty()) {
    EXPECT_EQ(oracle().missing.find("(failed)"), std::string::npos) << oracle().missing;
    GTEST_SKIP() << oracle().missing;
  }
  for (std::size_t c = 0; c < cases().size(); ++c) {
    const Steps& steps = oracle().steps[c];
    const EnvironmentDescription& environment = environment_named(cases()[c].name);
    const BatchKernels<T>& kernel = kernels.dynamics[environment.dynamics];
    const bool acrobot = environment.state_size == 4 && environment.action_count == 3;

    InstanceArrays<T> arrays;
    arrays.num_envs = steps_each;
    arrays.stride = (steps_each + env_multiple - 1) / env_multiple * env_multiple;
    arrays.horizon = T(1000);
    std::vector<double> columns(environment.state_size * arrays.stride, 0.0);
    for (Index i = 0; i < steps_each; ++i)
      for (int k = 0; k < environment.state_size; ++k)
        columns[k * arrays.stride + i] = steps.state[i * environment.state_size + k];
    Array<T> state = on.array(columns), elapsed = on.array(std::vector<double>(arrays.stride, 0.0));
    Array<std::uint32_t> episode = on.of(std::vector<std::uint32_t>(arrays.stride, 0));
    arrays.state = state, arrays.elapsed = elapsed, arrays.episode = episode;

    Array<std::int32_t> discrete =
        on.of(std::vector<std::int32_t>(steps.action.begin(), steps.action.end()));
    Array<T> continuous = on.array(steps.action);
    Array<T> observation = on.poisoned(steps_each * environment.observation_size);
    Array<T> reward = on.poisoned(steps_each), terminated = on.poisoned(steps_each);
    Array<T> truncated = on.poisoned(steps_each);
    kernel.step(on.stream(), arrays,
                {.discrete = discrete,
                 .continuous = continuous,
                 .observation = observation,
                 .reward = reward,
                 .terminated = terminated,
                 .truncated = truncated,
                 .final_observation = nullptr,
                 .automatic_reset = false});

    std::vector<T> rows;
    const std::vector<T> found = state.host();
    for (Index i = 0; i < steps_each; ++i)
      for (int k = 0; k < environment.state_size; ++k) rows.push_back(found[k * arrays.stride + i]);

    // f64: the same formula but for the order of a few operations. f32: a few roundings of numbers
    // of about 30, magnified by Acrobot's four evaluations of accelerations of some hundreds.
    const double tolerance = sizeof(T) == 8 ? 1e-12 : acrobot ? 1e-3 : 2e-5;
    EXPECT_EQ(difference(rows, steps.next_state, tolerance, acrobot).beyond, 0)
        << environment.name << ": state off by "
        << difference(rows, steps.next_state, tolerance, acrobot).largest;
    EXPECT_EQ(difference(observation.host(), steps.observation, tolerance, false).beyond, 0)
        << environment.name << ": observation off by "
        << difference(observation.host(), steps.observation, tolerance, false).largest;
    // Where f32 falls on the other side of a goal, the reward and the end differ: a few in 10,000.
    const Index allowed = sizeof(T) == 8 ? 0 : 5;
    EXPECT_LE(difference(reward.host(), steps.reward, sizeof(T) == 8 ? 1e-12 : 1e-4, false).beyond,
              allowed)
        << environment.name;
    EXPECT_LE(difference(terminated.host(), steps.terminated, 0, false).beyond, allowed)
        << environment.name;
    EXPECT_EQ(difference(truncated.host(), std::vector<double>(steps_each, 0.0), 0, false).beyond,
              0);
  }
}

// ---- what the dynamics are made of ----

template <class T>
void sine_and_cosine_are_accurate() {
  Random random(2);
  for (int i = 0; i < 200000; ++i) {
    const double scale = i % 4 == 0   ? (sizeof(T) == 4 ? 8e3 : 1e5)
                         : i % 4 == 1 ? 100
                         : i % 4 == 2 ? 4
                                      : 1e-3;
    const T x = T(random.uniform(-scale, scale));
    T sine, cosine;
    sine_cosine<T>(x, sine, cosine);
    const double ulp = std::numeric_limits<T>::epsilon();
    ASSERT_NEAR(double(sine), double(std::sin((long double)x)), 2 * ulp) << x;
    ASSERT_NEAR(double(cosine), double(std::cos((long double)x)), 2 * ulp) << x;
  }
  T sine, cosine;
  sine_cosine<T>(T(0), sine, cosine);
  EXPECT_EQ(sine, 0);
  EXPECT_EQ(cosine, 1);
  sine_cosine<T>(std::numeric_limits<T>::infinity(), sine, cosine);
  EXPECT_TRUE(std::isnan(sine) && std::isnan(cosine));
}
TEST(Arithmetic, sine_and_cosine_are_accurate_in_f32) { sine_and_cosine_are_accurate<float>(); }
TEST(Arithmetic, sine_and_cosine_are_accurate_in_f64) { sine_and_cosine_are_accurate<double>(); }

TEST(Arithmetic, a_wrapped_angle_is_the_same_angle_within_a_half_turn) {
  Random random(3);
  for (int i = 0; i < 100000; ++i) {
    const double x = random.uniform(-100, 100), y = wrap_angle<double>(x);
    ASSERT_LE(std::abs(y), pi);
    ASSERT_NEAR(std::remainder(x - y, 2 * pi), 0, 1e-13);
  }
  EXPECT_EQ(wrap_angle<double>(1.5), 1.5);
}

// Against the equations in plain double: a step is CartPole's, at any angle, but falling ends
// nothing and pays nothing.
TEST(FixedCartPole, swings_on_below_the_cart) {
  using E = FixedCartPole<double>;
  Random random(5);
  for (int i = 0; i < 10000; ++i) {
    const E::State s = {{random.uniform(-3, 3), random.uniform(-4, 4), random.uniform(-pi, pi),
                         random.uniform(-8, 8)}};
    const double action = double(random.integer(0, 1)), push = action == 1 ? 10 : -10;
    const double sine = std::sin(s[2]), cosine = std::cos(s[2]);
    const double drive = (push + 0.05 * s[3] * s[3] * sine) / 1.1;
    const double inertia = 0.5 * (4.0 / 3 - 0.1 * cosine * cosine / 1.1);
    const double turn = (9.8 * sine - cosine * drive) / inertia;
    const auto next = E::step(s, {{action}});
    const double x = s[0] + 0.02 * s[1], angle = std::remainder(s[2] + 0.02 * s[3], 2 * pi);
    ASSERT_NEAR(next.state[0], x, 1e-12);
    ASSERT_NEAR(next.state[1], s[1] + 0.02 * (drive - 0.05 * turn * cosine / 1.1), 1e-12);
    ASSERT_NEAR(next.state[2], angle, 1e-12);
    ASSERT_NEAR(next.state[3], s[3] + 0.02 * turn, 1e-12);
    const bool within = std::abs(x) < 2.4 && std::abs(angle) < 12 * pi / 180;
    ASSERT_EQ(next.reward, within ? 1 : 0);
    ASSERT_FALSE(next.terminated);
  }
}

// The known answers that come with Random123, the generator's own library (kat_vectors).
TEST(Philox, gives_the_known_answers) {
  std::uint32_t words[4];
  Philox::block(0, 0, 0, words);
  EXPECT_EQ(words[0], 0x6627e8d5u);
  EXPECT_EQ(words[1], 0xe169c58du);
  EXPECT_EQ(words[2], 0xbc57ac4cu);
  EXPECT_EQ(words[3], 0x9b00dbd8u);
  Philox::block(0x299f31d0a4093822u, 0x0370734413198a2eu, 0x85a308d3243f6a88u, words);
  EXPECT_EQ(words[0], 0xd16cfe09u);
  EXPECT_EQ(words[1], 0x94fdccebu);
  EXPECT_EQ(words[2], 0x5001e420u);
  EXPECT_EQ(words[3], 0x24126ea1u);
}

TEST(Registry, knows_our_names_and_gymnasiums) {
  EXPECT_EQ(environment_named("cartpole").horizon, 500);
  EXPECT_EQ(environment_named("cartpole-v0").horizon, 200);
  EXPECT_EQ(&environment_named("Acrobot-v1"), &environment_named("acrobot"));
  EXPECT_EQ(environment_named("acrobot-v0").observation_size, 4);
  EXPECT_STREQ(environment_named("pendulum").observation_names[2], "rate");
  try {
    environment_named("cart");
    FAIL() << "expected an error";
  } catch (const Error& error) {
    EXPECT_STREQ(error.what(),
                 "no environment 'cart'; there are: cartpole cartpole-v0 mountain_car "
                 "mountain_car_continuous acrobot acrobot-v0 pendulum point_mass circles forest "
                 "gridworld frozen_lake frozen_lake_8x8 cliff_walking taxi cartpole-fixed "
                 "point_maze-right point_maze-left planar_arm");
  }
}

}  // namespace
}  // namespace understudy
