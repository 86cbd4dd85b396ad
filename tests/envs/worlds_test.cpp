// The environments that are no classics: tabular ones against their tables, built-in experts by
// what they earn, a user's own through the C interface.

#include <map>

#include "algorithms/tabular/worlds.h"
#include "envs/batch_one.h"
#include "envs/list.h"
#include "envs/user_environment.h"
#include "tests/kernels/kernel_test.h"

namespace understudy {
namespace {

using kernel_test::same_bits;

// ---- tables ----

// Draws that the test decides: each is the given share of its range.
struct Scripted {
  const double* share;
  double uniform(double low, double high) { return low + (high - low) * *share++; }
};

using Row = std::map<std::int64_t, double>;  // next state -> probability

// All transitions of `E`, by its draws: each of `scripts` with its probability.
template <class E>
Row row_of(std::int64_t state, std::int64_t action,
           const std::vector<std::pair<std::vector<double>, double>>& scripts, double& reward,
           bool& absorbed) {
  Row row;
  reward = 0;
  for (const auto& [shares, probability] : scripts) {
    Scripted draws{shares.data()};
    const auto next = step_with<E>({{double(state)}}, {{double(action)}}, draws);
    row[std::int64_t(next.state[0])] += probability;
    reward += probability * next.reward;
    absorbed = next.terminated;
  }
  return row;
}

template <class E>
void agrees_with(const ProblemTable& table,
                 const std::vector<std::pair<std::vector<double>, double>>& scripts, bool rewards) {
  ASSERT_EQ(table.n_actions, E::action_count);
  std::map<std::pair<std::int64_t, std::int64_t>, Row> expected;
  for (std::size_t i = 0; i < table.state.size(); ++i)
    expected[{table.state[i], table.action[i]}][table.next_state[i]] +=
        table.probability.empty() ? 1 : table.probability[i];
  ASSERT_GE(expected.size(), 44u);  // of FrozenLake: eleven cells that are no ends, four ways
  for (const auto& [pair, row] : expected) {
    double reward;
    bool absorbed = false;
    const Row found = row_of<E>(pair.first, pair.second, scripts, reward, absorbed);
    // A table may write an absorbing state differently: what leads into one is compared by reward.
    for (const auto& [next, probability] : row) {
      if (next >= std::int64_t(table.n_states)) continue;
      const auto at = found.find(next);
      ASSERT_TRUE(at != found.end()) << pair.first << " " << pair.second << " to " << next;
      EXPECT_NEAR(at->second, probability, 1e-12) << pair.first << " " << pair.second;
    }
    if (rewards) {
      const std::size_t at = std::size_t(pair.first * table.n_actions + pair.second);
      ASSERT_LT(at, table.reward.size());
      EXPECT_NEAR(table.reward[at], reward, 1e-12) << pair.first << " " << pair.second;
    }
  }
}

const std::vector<std::pair<std::vector<double>, double>> certain = {{{}, 1}};
const std::vector<std::pair<std::vector<double>, double>> thirds = {
    {{0.1}, 1.0 / 3}, {{0.5}, 1.0 / 3}, {{0.9}, 1.0 / 3}};

TEST(TabularWorlds, frozen_lakes_are_gymnasiums_tables) {
  agrees_with<FrozenLake<double>>(frozen_lake(4), thirds, true);
  agrees_with<FrozenLake8<double>>(frozen_lake(8), thirds, true);
}
TEST(TabularWorlds, cliff_walking_is_gymnasiums_table) {
  agrees_with<CliffWalking<double>>(cliff_walking(), certain, true);
}
TEST(TabularWorlds, taxi_is_gymnasiums_table) { agrees_with<Taxi<double>>(taxi(), certain, true); }
TEST(TabularWorlds, the_grid_is_the_tabular_worlds_grid) {
  GridworldOptions options;
  options.height = options.width = 5;
  options.stay = false;
  options.chosen = 0.7;
  options.stay_slip = 0;
  options.move_slip = 0.075;
  std::vector<std::pair<std::vector<double>, double>> scripts = {{{0.6, 0.5}, 0.7}};
  for (double gust : {0.1, 0.4, 0.6, 0.9}) scripts.push_back({{0.2, gust}, 0.075});
  agrees_with<Gridworld<double>>(gridworld(options), scripts, false);
}
TEST(TabularWorlds, a_taxi_starts_where_there_is_something_to_do) {
  std::map<int, int> seen;
  for (std::uint64_t i = 0; i < 30000; ++i) {
    ResetRandom<double> random(1, i, 0, Taxi<double>::reset_draws);
    const int state = int(Taxi<double>::reset(random)[0]), passenger = state / 4 % 5;
    ASSERT_LT(passenger, 4);
    ASSERT_NE(passenger, state % 4);
    ++seen[state];
  }
  EXPECT_EQ(seen.size(), 300u);  // 100 expected each, deviation 10
  for (const auto& [state, count] : seen) EXPECT_NEAR(count, 100, 60) << state;
}

TEST(Arithmetic, square_roots_are_accurate) {
  kernel_test::Random random(5);
  for (int i = 0; i < 100000; ++i) {
    const double a = std::exp(random.uniform(-60, 60));
    ASSERT_NEAR(square_root<double>(a) / std::sqrt(a), 1, 5e-16);
    ASSERT_NEAR(double(square_root<float>(float(a))) / std::sqrt(double(float(a))), 1, 2.5e-7);
  }
}

// ---- the forest ----

TEST(Forest, rays_see_the_trees_that_can_be_hit) {
  using E = Forest<double>;
  int seen_any = 0;
  for (std::uint64_t i = 0; i < 200; ++i) {
    ResetRandom<double> random(3, i, 0, E::reset_draws);
    E::State state = E::reset(random);
    // Straight ahead until something is touched: the middle rays have said so a step before.
    for (int t = 0; t < 600; ++t) {
      const E::Observation before = E::observe(state);
      const auto next = E::step(state, {{0}});
      if (next.terminated) {
        double nearest = 1;
        for (int k = 0; k < E::rays; ++k) nearest = std::min(nearest, before[k]);
        EXPECT_LT(nearest * E::longest, E::speed * E::seconds + 0.45);
        ++seen_any;
        break;
      }
      state = next.state;
    }
  }
  EXPECT_GT(seen_any, 150);
}

// ---- experts ----

double mean_of_expert(const EnvironmentDescription& environment, int episodes) {
  const BatchTable<double> table = reference_kernels<BatchTable>();
  const BatchKernels<double>& kernel = table.dynamics[environment.dynamics];
  const std::size_t n = std::size_t(episodes), size = std::size_t(environment.state_size);
  const std::size_t stride = (n + 15) / 16 * 16, width = std::size_t(environment.action_size);
  std::vector<double> state(size * stride), elapsed(stride), row(size), action(n * width),
      observation(n * std::size_t(environment.observation_size)), reward(n), terminated(n),
      truncated(n), total(n);
  std::vector<std::uint32_t> episode(stride);
  std::vector<std::int32_t> choice(n);
  std::vector<bool> over(n);
  InstanceArrays<double> arrays;
  arrays.num_envs = episodes;
  arrays.stride = std::int64_t(stride);
  arrays.seed = 11;
  arrays.horizon = environment.horizon;
  arrays.state = state.data(), arrays.elapsed = elapsed.data(), arrays.episode = episode.data();
  Stream stream;
  kernel.reset(stream, arrays, observation.data());
  for (int t = 0; t < environment.horizon; ++t) {
    for (std::size_t i = 0; i < n; ++i) {
      for (std::size_t k = 0; k < size; ++k) row[k] = state[k * stride + i];
      environment.expert(row.data(), &action[i * width]);
      choice[i] = std::int32_t(action[i * width]);
    }
    kernel.step(stream, arrays,
                {.discrete = choice.data(),
                 .continuous = action.data(),
                 .observation = observation.data(),
                 .reward = reward.data(),
                 .terminated = terminated.data(),
                 .truncated = truncated.data(),
                 .final_observation = nullptr});
    for (std::size_t i = 0; i < n; ++i) {
      if (!over[i]) total[i] += reward[i];
      over[i] = over[i] || terminated[i] == 1 || truncated[i] == 1;
    }
  }
  double sum = 0;
  for (double one : total) sum += one;
  return sum / double(n);
}

// Marks a few standard errors below what was measured over 1000 episodes and more.
TEST(Experts, earn_what_they_should) {
  const std::pair<const char*, std::pair<int, double>> marks[] = {
      {"cartpole", {20, 500}},
      {"mountain_car", {50, -115}},
      {"acrobot", {50, -95}},
      {"mountain_car_continuous", {20, 91}},
      {"pendulum", {100, -195}},
      {"point_mass", {50, -30}},
      {"circles", {20, 255}},
      {"forest", {4, 89.9}},
      {"gridworld", {200, 0.99}},
      {"frozen_lake", {400, 0.63}},
      {"cliff_walking", {1, -13}},
      {"frozen_lake_8x8", {300, 0.8}},
      {"taxi", {300, 7.3}},
      {"point_maze-right", {20, -5.5}},
      {"point_maze-left", {20, -5.5}},
      {"planar_arm", {200, -3.5}}};
  for (const auto& [name, mark] : marks) {
    const EnvironmentDescription& environment = environment_named(name);
    ASSERT_NE(environment.expert, nullptr) << name;
    EXPECT_GE(mean_of_expert(environment, mark.first), mark.second - 1e-9) << name;
  }
}

TEST(Pictures, every_environment_draws_within_its_frame) {
  for (int e = 0; e < environment_count(); ++e) {
    const EnvironmentDescription& environment = understudy::environment(e);
    ASSERT_NE(environment.draw, nullptr) << environment.name;
    const auto device = cpu_device();
    Batch<double> batch(*device, environment, 1, 1);
    std::vector<double> state(std::size_t(environment.state_size));
    batch.reset(nullptr);
    batch.get_state(state.data());
    const auto frame = std::make_unique<Frame>();
    environment.draw(state.data(), frame.get());
    EXPECT_LT(frame->x0, frame->x1) << environment.name;
    EXPECT_LT(frame->y0, frame->y1) << environment.name;
    EXPECT_GT(frame->count, 1) << environment.name;
    EXPECT_LT(frame->count, UNDERSTUDY_FRAME_CAPACITY) << environment.name;
    bool agent = false;
    for (int i = 0; i < frame->count; ++i) {
      const FrameShape& shape = frame->shapes[i];
      agent = agent || shape.ink == UNDERSTUDY_AGENT;
      for (int k = 0; k < shape.points; ++k)
        EXPECT_TRUE(std::isfinite(shape.x[k]) && std::isfinite(shape.y[k])) << environment.name;
    }
    EXPECT_TRUE(agent) << environment.name;
  }
}

// ---- the C interface ----

using Car = MountainCar<double>;

// MountainCar, as a user would write it down.
understudy_environment car_table() {
  understudy_environment table{};
  table.version = UNDERSTUDY_ENVIRONMENT_VERSION;
  table.name = "my_car";
  table.state_size = table.observation_size = 2;
  table.state_names = table.observation_names = Car::state_names;
  table.observation_low = Car::observation_low;
  table.observation_high = Car::observation_high;
  table.action_count = 3, table.action_size = 1;
  table.horizon = 9;
  table.reset_draws = 1;
  table.reset = [](const double* uniform, double* state) {
    state[0] = -0.6 + 0.2 * uniform[0];
    state[1] = 0;
  };
  table.step = [](double* state, const double* action, const double*, double* reward,
                  int* terminated) {
    const auto next = Car::step({{state[0], state[1]}}, {{action[0]}});
    state[0] = next.state[0], state[1] = next.state[1];
    *reward = next.reward;
    *terminated = next.terminated;
  };
  table.observe = [](const double* state, double* observation) {
    observation[0] = state[0], observation[1] = state[1];
  };
  return table;
}

TEST(UserEnvironment, runs_as_a_built_in_one_does) {
  const understudy_environment table = car_table();
  const UserEnvironment user(table, "my_car");
  EnvironmentDescription built_in = environment_named("mountain_car");
  built_in.horizon = table.horizon;
  Threads team(3);
  const auto device = cpu_device(&team);
  const std::int64_t n = 200;
  Batch<double> mine(*device, user.description(), n, 4), theirs(*device, built_in, n, 4);
  struct Out {
    std::vector<double> observation = std::vector<double>(2 * n), reward = std::vector<double>(n),
                        terminated = reward, truncated = reward, last = observation;
  } a, b;
  mine.reset(a.observation.data());
  theirs.reset(b.observation.data());
  kernel_test::Random random(1);
  std::vector<std::int32_t> action(n);
  const auto step = [&](Batch<double>& batch, Out& out) {
    batch.step({.discrete = action.data(),
                .observation = out.observation.data(),
                .reward = out.reward.data(),
                .terminated = out.terminated.data(),
                .truncated = out.truncated.data(),
                .final_observation = out.last.data()});
  };
  for (int t = 0; t < 25; ++t) {
    for (std::int32_t& one : action) one = std::int32_t(random.integer(0, 2));
    step(mine, a);
    step(theirs, b);
    for (std::size_t i = 0; i < a.observation.size(); ++i) {
      ASSERT_NEAR(a.observation[i], b.observation[i], 1e-12);
      ASSERT_NEAR(a.last[i], b.last[i], 1e-12);
    }
    ASSERT_TRUE(same_bits(a.truncated, b.truncated));
    ASSERT_TRUE(same_bits(a.reward, b.reward));
  }
}

// A counter that ends at 3 or at its horizon, and must not be stepped then.
int steps_beyond_the_end = 0;
understudy_environment counter_table(int horizon) {
  static const char* const names[] = {"count"};
  static const double low[] = {0}, high[] = {100};
  understudy_environment table{};
  table.version = UNDERSTUDY_ENVIRONMENT_VERSION;
  table.name = "counter";
  table.state_size = table.observation_size = 1;
  table.state_names = table.observation_names = names;
  table.observation_low = low, table.observation_high = high;
  table.action_count = 2, table.action_size = 1;
  table.horizon = horizon;
  table.reset = [](const double*, double* state) { state[0] = 0; };
  table.step = [](double* state, const double*, const double*, double* reward, int* terminated) {
    if (state[0] >= 3) ++steps_beyond_the_end;
    state[0] += 1;
    *reward = state[0];
    *terminated = state[0] >= 3;
  };
  table.observe = [](const double* state, double* observation) { observation[0] = state[0]; };
  return table;
}

TEST(UserEnvironment, is_never_stepped_after_its_end) {
  const auto device = cpu_device();
  for (int horizon : {2, 3, 50}) {
    const understudy_environment table = counter_table(horizon);
    const UserEnvironment user(table, "counter");
    Batch<float> batch(*device, user.description(), 5, 1);
    std::vector<float> observation(5), reward(5), terminated(5), truncated(5);
    const std::vector<std::int32_t> action(5, 0);
    const auto step = [&](bool automatic_reset) {
      batch.step({.discrete = action.data(),
                  .observation = observation.data(),
                  .reward = reward.data(),
                  .terminated = terminated.data(),
                  .truncated = truncated.data(),
                  .automatic_reset = automatic_reset});
    };
    const float last = float(std::min(horizon, 3));
    steps_beyond_the_end = 0;
    batch.reset(observation.data());
    for (int t = 0; t < 9; ++t) {
      step(false);
      const bool over = t + 1 >= int(last), beyond = t + 1 > int(last);
      for (std::size_t i = 0; i < 5; ++i) {
        EXPECT_EQ(observation[i], over ? last : float(t + 1));
        EXPECT_EQ(reward[i], beyond ? 0 : float(t + 1));
        EXPECT_EQ(terminated[i], over && last == 3);
        EXPECT_EQ(truncated[i], over && horizon <= 3);
      }
    }
    // what is saved knows that it is over, and a new state that it is not
    std::vector<std::byte> saved(batch.saved_bytes());
    batch.save(saved.data());
    const std::vector<float> one(5, 1.0f);
    batch.set_state(one.data());
    step(false);
    EXPECT_EQ(observation[0], 2);
    batch.load(saved.data());
    step(false);
    EXPECT_EQ(observation[0], last);
    step(true);
    EXPECT_EQ(observation[0], 0) << "begins anew";
    for (int t = 0; t < 20; ++t) step(true);
    EXPECT_EQ(steps_beyond_the_end, 0);
  }
}

TEST(UserEnvironment, refuses_a_table_that_is_not_whole) {
  const auto refused = [](auto change, const char* word) {
    understudy_environment table = car_table();
    change(table);
    try {
      UserEnvironment user(table, "mine.so");
      ADD_FAILURE() << "expected an error about " << word;
    } catch (const Error& error) {
      EXPECT_NE(std::string(error.what()).find(word), std::string::npos) << error.what();
      EXPECT_EQ(std::string(error.what()).find("mine.so: "), 0u) << error.what();
    }
  };
  refused([](auto& t) { t.version = 7; }, "version 1, found 7");
  refused([](auto& t) { t.state_size = 0; }, "state_size");
  refused([](auto& t) { t.horizon = 0; }, "horizon");
  refused([](auto& t) { t.step = nullptr; }, "null");
  refused([](auto& t) { t.action_size = 2; }, "action_size");
  refused([](auto& t) { t.reset_draws = 65; }, "reset_draws");
  refused([](auto& t) { t.action_count = 0; }, "action_low");
}

}  // namespace
}  // namespace understudy
