// Cloning from observation on a ring whose steps are known: what the inverse model says can be
// checked action by action.

#include "algorithms/cloning/observation_cloning.h"

#include <gtest/gtest.h>

#include <cmath>

#include "algorithms/data/demonstration_files.h"
#include "algorithms/data/draws.h"
#include "kernels/device/error.h"
#include "tests/kernels/kernel_test.h"

namespace understudy {
namespace {

constexpr int places = 12;
constexpr int moves[] = {-1, 2, 0};  // of the actions

// Observed as a point on the circle. An episode lasts 30 steps.
class Ring final : public DaggerWorld {
 public:
  explicit Ring(std::int64_t num_envs) : at_(static_cast<std::size_t>(num_envs), 0) { begin(0); }
  std::int64_t num_envs() const override { return static_cast<std::int64_t>(at_.size()); }
  std::int64_t state_width() const override { return 1; }
  void begin(std::uint64_t round) override {
    Draws draws(7, round);
    for (int& at : at_) at = static_cast<int>(draws.below(places));
    elapsed_ = 0;
  }
  static void observe(int at, std::vector<float>& to) {
    const double angle = 2 * 3.141592653589793 * at / places;
    to.push_back(static_cast<float>(std::cos(angle)));
    to.push_back(static_cast<float>(std::sin(angle)));
  }
  std::vector<float> observations() override {
    std::vector<float> all;
    for (int at : at_) observe(at, all);
    return all;
  }
  std::vector<float> states() override { return {at_.begin(), at_.end()}; }
  Outcome step(const std::vector<float>& actions) override {
    Outcome outcome;
    const bool ended = ++elapsed_ % 30 == 0;
    for (std::size_t i = 0; i < at_.size(); ++i) {
      // Episodes begin anew at 0, which no action explains.
      at_[i] = ended ? 0 : (at_[i] + moves[static_cast<int>(actions[i])] + places) % places;
      outcome.reward.push_back(1);
      outcome.ended.push_back(ended ? 1 : 0);
      outcome.terminated.push_back(0);
    }
    return outcome;
  }

 private:
  std::vector<int> at_;
  int elapsed_ = 0;
};

// Two steps on in the first half and one back in the second; `said` is what is written down.
int right_action(int at) { return at < places / 2 ? 1 : 0; }
Demonstrations shown(std::int64_t said) {
  Demonstrations all;
  all.observations.shape = {2};
  all.actions.discrete = true;
  for (int start = 0; start < places; ++start) {
    int at = start;
    for (int t = 0; t < 5; ++t) {
      Ring::observe(at, all.observations.numbers);
      all.actions.indices.push_back(said);
      at = (at + moves[right_action(at)] + places) % places;
    }
    Ring::observe(at, all.observations.numbers);
    all.starts.push_back(all.actions.rows());
    all.terminal.push_back(0);
  }
  return all;
}

PolicyDescription description() {
  PolicyDescription policy;
  policy.observation.shape = {2};
  policy.action = {ActionKind::discrete, 3};
  policy.trunk.hidden = {32};
  return policy;
}

ObservationCloning::Options options() {
  ObservationCloning::Options options;
  options.steps = 400;
  options.alpha = 0.25;
  options.inverse = {.hidden = {32}, .learning_rate = 1e-2, .training_steps = 300};
  options.training_steps = 300;
  options.cloning.learning_rate = 1e-2;
  return options;
}

TEST(ObservationCloning, InfersWhatWasDoneAndClonesIt) {
  const auto device = cpu_device();
  Policy policy(*device, description(), 1);
  Ring world(4);
  const Demonstrations expert = shown(2);  // every action written down is wrong
  ObservationCloning bco(policy, world, expert, options());
  const ObservationCloning::Metrics first = bco.step();
  EXPECT_EQ(first.interactions, 400);
  EXPECT_EQ(first.episodes, 12);
  EXPECT_NEAR(first.mean_return, 30, 1e-9);
  // The steps that end episodes are left out.
  EXPECT_EQ(bco.own().steps(), 400 - 12);
  EXPECT_LT(first.inverse_loss, 0.1);
  const std::vector<float> inferred = bco.inferred();
  ASSERT_EQ(inferred.size(), 60u);
  for (int start = 0, row = 0; start < places; ++start) {
    int at = start;
    for (int t = 0; t < 5; ++t, ++row) {
      EXPECT_EQ(inferred[static_cast<std::size_t>(row)], static_cast<float>(right_action(at)));
      at = (at + moves[right_action(at)] + places) % places;
    }
  }
  EXPECT_EQ(bco.step().interactions, 500);
  Store store(*device);
  Actor actor(policy, store, {.rows = places, .deterministic = true});
  std::vector<float> seen;
  for (int at = 0; at < places; ++at) Ring::observe(at, seen);
  const std::vector<double> actions = actor.act({seen.begin(), seen.end()});
  for (int at = 0; at < places; ++at) EXPECT_EQ(actions[at], right_action(at)) << at;
}

// The same with a set that was read back, and whatever the demonstrations say was done.
TEST(ObservationCloning, GoesOnAsIfItHadNotStopped) {
  const auto device = cpu_device();
  const Demonstrations expert = shown(2), other = shown(0);
  std::vector<double> parameters[2];
  for (const bool resumed : {false, true}) {
    Policy policy(*device, description(), 1);
    Ring world(4);
    ObservationCloning bco(policy, world, resumed ? other : expert, options());
    bco.step();
    if (!resumed) {
      bco.step();
      parameters[0] = policy.parameters().flat().read();
      continue;
    }
    Policy again(*device, description(), 99);
    Ring anew(4);
    ObservationCloning late(again, anew, expert, options());
    bco.save_state();
    for (auto [to, from] :
         {std::pair{&again.store(), &policy.store()}, std::pair{&late.store(), &bco.store()}})
      for (const auto& array : from->arrays()) to->at(array->name()).write(array->read());
    late.load_state();
    late.resume(bco.own(), 1, bco.interactions());
    late.step();
    EXPECT_EQ(late.interactions(), 500);
    parameters[1] = again.parameters().flat().read();
  }
  EXPECT_EQ(parameters[0], parameters[1]);
}

TEST(ObservationCloning, ActionsMayBeMissingInFilesForThoseWhoDoNotLook) {
  const DemonstrationSpaces looks = {.observation_shape = {2}, .action_count = 3};
  DemonstrationSpaces does_not = looks;
  does_not.states_only = true;
  files::NamedArrays arrays;
  arrays["obs"] = files::Array::from<float>(files::Shape{5, 2}, std::vector<float>(10, 0.5f));
  arrays["episode_ends"] = files::Array::from(std::vector<std::int64_t>{2, 5});
  EXPECT_THROW(demonstrations_from(arrays, "a.npz", &looks), Error);
  const Demonstrations found = demonstrations_from(arrays, "a.npz", &does_not);
  EXPECT_EQ(found.episodes(), 2);
  EXPECT_EQ(found.observations_of(1), 3);
  const files::Csv csv = files::Csv::parse("episode,obs_0,obs_1\n0,1,2\n0,3,4\n1,5,6\n", "a.csv");
  EXPECT_THROW(demonstrations_from(csv, &looks), Error);
  const Demonstrations table = demonstrations_from(csv, &does_not);
  EXPECT_EQ(table.episodes(), 2);
  EXPECT_EQ(table.observations_of(0), 2);
  EXPECT_EQ(table.observations.numbers[2], 3);
  // Actions of another space are left alone.
  Demonstrations foreign = shown(9);
  EXPECT_NO_THROW(conform(foreign, does_not, "a.npz"));
  EXPECT_THROW(conform(foreign, looks, "a.npz"), Error);
}

TEST(ObservationCloning, WhatCannotBeLearnedFromIsRefused) {
  const auto device = cpu_device();
  Policy policy(*device, description(), 1);
  Ring world(4);
  Demonstrations single = shown(0);
  single.observations.numbers.resize(2);
  single.actions.indices.resize(1);
  single.starts = {0, 1};
  single.terminal = {0};
  single.last_observation = false;
  EXPECT_THROW(ObservationCloning(policy, world, single, options()), Error);
  Demonstrations thinned = shown(0);
  thinned.durations.assign(places, 50);
  EXPECT_THROW(ObservationCloning(policy, world, thinned, options()), Error);
  Demonstrations wide = shown(0);
  wide.observations.shape = {1};
  EXPECT_THROW(ObservationCloning(policy, world, wide, options()), Error);
}

}  // namespace
}  // namespace understudy
