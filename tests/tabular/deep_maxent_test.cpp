// Deep maximum-entropy rewards: the whole chain's gradient, the linear case, goals, convolutions,
// and resuming.

#include "algorithms/tabular/deep_maxent.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdio>

#include "algorithms/tabular/worlds.h"
#include "autograd/files/checkpoint.h"
#include "tests/tabular/tabular_cases.h"

namespace understudy {
namespace {

using tabular_cases::processor;
using tabular_cases::random_problem;
using Vector = std::vector<double>;

class DeepMaxEntTest : public ::testing::Test {
 protected:
  Device& device_ = processor();

  std::vector<Trajectory> demonstrations(const Problem& p, std::int64_t count, std::int64_t steps) {
    Vector policy(p.n_pairs());
    for (std::int64_t k = 0; k < p.n_pairs(); ++k) {
      const std::int64_t s = p.pair_state[k];
      policy[k] = 1.0 / static_cast<double>(p.pair_begin[s + 1] - p.pair_begin[s]);
    }
    return sample_trajectories(p, policy, count, steps, 3);
  }

  // The gradient by parameters against central differences of the log-likelihood. Steps of 1e-5
  // leave 1e-10 of truncation and 1e-10 of rounding; smooth activations, so no kink is crossed.
  void expect_gradient(DeepMaxEnt& learner) {
    Vector gradient;
    learner.gradient(&gradient);
    Array& flat = learner.parameters().flat();
    const Vector start = flat.read();
    ASSERT_EQ(gradient.size(), start.size());
    double largest = 0.0;
    const std::size_t stride = std::max<std::size_t>(1, start.size() / 40);
    for (std::size_t i = 0; i < start.size(); i += stride) {
      double sides[2];
      for (int side = 0; side < 2; ++side) {
        Vector moved = start;
        moved[i] += side == 0 ? -1e-5 : 1e-5;
        flat.write(moved);
        sides[side] = learner.gradient(nullptr);
      }
      flat.write(start);
      EXPECT_NEAR(gradient[i], (sides[1] - sides[0]) / 2e-5, 2e-7) << "parameter " << i;
      largest = std::max(largest, std::abs(gradient[i]));
    }
    EXPECT_GT(largest, 1e-3);
  }

  static DeepMaxEntOptions smooth(std::vector<std::int64_t> hidden = {5, 4}) {
    DeepMaxEntOptions o;
    o.network.hidden = std::move(hidden);
    o.network.activation = Activation::tanh;
    o.network.last_scale = 1.0;
    return o;
  }
};

TEST_F(DeepMaxEntTest, TheGradientIsThatOfTheLikelihoodForEverySettingAndOwner) {
  for (const std::int64_t horizon : {0, 4}) {
    const Problem p = random_problem(7, 9, 3, false, false, 0.9, horizon, 3);
    MaxEntModel model(device_, p, demonstrations(p, 6, 4));
    Store store(device_, Real::f64);
    DeepMaxEnt learner(store, p, model, reward_features(p), smooth());
    expect_gradient(learner);
  }
  // Features of states and of transitions, which a causal model knows as their mean.
  const Problem p = random_problem(8, 9, 3, false, false, 0.9, 0, 3);
  MaxEntModel model(device_, p, demonstrations(p, 6, 4));
  for (FeatureOwner owner : {FeatureOwner::state, FeatureOwner::transition}) {
    const std::int64_t rows = owner == FeatureOwner::state ? p.n_states : p.n_transitions();
    RewardFeatures f{owner, 2, {}};
    for (std::int64_t i = 0; i < 2 * rows; ++i) f.values.push_back(std::sin(1.7 * i));
    Store store(device_, Real::f64);
    DeepMaxEnt learner(store, p, model, f, smooth());
    expect_gradient(learner);
  }
}

TEST_F(DeepMaxEntTest, TheGradientGoesThroughConvolutions) {
  const Problem p = make_problem(binaryworld({.size = 6, .seed = 2}));
  MaxEntModel model(device_, p, demonstrations(p, 5, 6));
  DeepMaxEntOptions o = smooth({4, 3});
  o.network.kind = RewardNetworkOptions::Kind::convolutional;
  Store store(device_, Real::f64);
  DeepMaxEnt learner(store, p, model, reward_features(p), o);
  expect_gradient(learner);
}

// Cells in a row with steps to either side; goals are the ends.
Problem corridor() {
  ProblemTable t;
  t.n_states = 6;
  t.n_actions = 2;
  for (int s = 0; s < 6; ++s)
    for (int a = 0; a < 2; ++a) {
      if (s + 2 * a - 1 < 0 || s + 2 * a - 1 > 5) continue;
      t.state.push_back(s);
      t.action.push_back(a);
      t.next_state.push_back(s + 2 * a - 1);
      for (double f : {1.0, s == 2 ? 1.0 : 0.0, a == 0 ? 0.5 : -0.2})
        t.transition_features.push_back(f);
    }
  t.n_features = 3;
  t.goal_id = {0, 1};
  t.goal_state = {0, 5};
  return make_problem(t);
}

TEST_F(DeepMaxEntTest, GoalFamiliesLearnFromAKnownPartAndNeverLeaveTheDomain) {
  const Problem p = corridor();
  const std::vector<Trajectory> trips = {
      {{2, 3, 4, 5}, {1, 1, 1}, 1}, {{3, 2, 1, 0}, {0, 0, 0}, 0}, {{1, 2, 1, 0}, {1, 0, 0}, 0}};
  GoalFamily family(device_, p);
  const GoalDemonstrations demonstrations = goal_demonstrations(p, trips);
  RewardFeatures f = reward_features(p);
  f.offset.assign(p.n_transitions(), -2.0);
  DeepMaxEntOptions o = smooth();
  {
    Store store(device_, Real::f64);
    DeepMaxEnt learner(store, p, family, demonstrations, f, o);
    expect_gradient(learner);
    const double before = learner.gradient(nullptr);
    for (int i = 0; i < 200; ++i) learner.step();
    EXPECT_GT(learner.gradient(nullptr), before + 0.5);
  }
  // A rate so large that steps leave the domain, from the edge of it (two steps of weight exp(-0.8)
  // to either side have a spectral radius of 2 cos(pi / 7) exp(-0.8) = 0.81).
  f.offset.assign(p.n_transitions(), -0.8);
  o.learning_rate = 3.0;
  Store store(device_, Real::f64);
  DeepMaxEnt learner(store, p, family, demonstrations, f, o);
  int shortened = 0;
  for (int i = 0; i < 30; ++i) {
    const DeepMaxEntMetrics m = learner.step();
    EXPECT_TRUE(std::isfinite(m.log_likelihood));
    shortened += m.shortened;
  }
  EXPECT_GT(shortened, 0);
}

TEST_F(DeepMaxEntTest, OneLinearLayerIsLinearMaximumEntropy) {
  const Problem p = random_problem(11, 10, 3, false, false, 0.9, 0, 3);
  MaxEntModel model(device_, p, demonstrations(p, 20, 6));
  const LinearFit fit = fit_maxent(model, p, Vector(3, 0.0), {.l2 = 0.01});
  DeepMaxEntOptions o = smooth({});
  o.learning_rate = 0.05;
  o.l2 = 0.01;
  Store store(device_, Real::f64);
  DeepMaxEnt learner(store, p, model, reward_features(p), o);
  DeepMaxEntMetrics m;
  for (int i = 0; i < 1500; ++i) m = learner.step();
  const Vector weights = store.at("reward/network/0/weight").read();
  // Adam at a fixed rate settles to about its rounding. The bias, a constant reward, moves nothing.
  for (int c = 0; c < 3; ++c) EXPECT_NEAR(weights[c], fit.weights[c], 1e-5);
  EXPECT_NEAR(m.log_likelihood, fit.log_likelihood / model.episodes(), 1e-6);
}

TEST_F(DeepMaxEntTest, StepsReportWhatTheyBeganWith) {
  const Problem p = random_problem(12, 8, 3, false, false, 0.9, 0, 3);
  const auto demos = demonstrations(p, 9, 5);
  MaxEntModel model(device_, p, demos);
  Store store(device_, Real::f64);
  DeepMaxEnt learner(store, p, model, reward_features(p), smooth());
  Vector gradient, by_pair;
  const double before = learner.gradient(&gradient);
  model.value(learner.reward(), &by_pair);
  const Vector gap = feature_expectations(p, by_pair);
  double norm = 0.0, length = 0.0;
  for (double g : gradient) norm += g * g;
  for (double g : gap) length += g * g / 81.0;
  const DeepMaxEntMetrics m = learner.step();
  EXPECT_EQ(m.iteration, 1);
  EXPECT_NEAR(m.log_likelihood, before, 1e-10);
  EXPECT_NEAR(m.gradient_norm, std::sqrt(norm), 1e-10);
  EXPECT_NEAR(m.feature_gap, std::sqrt(length), 1e-10);
  EXPECT_EQ(learner.step().iteration, 2);
}

TEST_F(DeepMaxEntTest, AResumedRunEqualsAnUnbrokenOne) {
  const Problem p = make_problem(binaryworld({.size = 6, .seed = 2}));
  const auto demos = demonstrations(p, 8, 6);
  const std::string path = ::testing::TempDir() + "deep_maxent.safetensors";
  for (const DeepMaxEntOptions::Method method :
       {DeepMaxEntOptions::Method::adam, DeepMaxEntOptions::Method::adagrad}) {
    DeepMaxEntOptions o;
    o.method = method;
    MaxEntModel model(device_, p, demos), resumed_model(device_, p, demos);
    Store store(device_, Real::f32), other(device_, Real::f32);
    DeepMaxEnt unbroken(store, p, model, reward_features(p), o);
    for (int i = 0; i < 5; ++i) unbroken.step();
    write_checkpoint(path, {&store});
    o.seed = 99;  // whose start the checkpoint replaces
    DeepMaxEnt resumed(other, p, resumed_model, reward_features(p), o);
    read_checkpoint(path, {&other});
    for (int i = 0; i < 5; ++i) {
      const DeepMaxEntMetrics a = unbroken.step(), b = resumed.step();
      EXPECT_EQ(a.iteration, b.iteration);
      EXPECT_EQ(a.log_likelihood, b.log_likelihood);
      EXPECT_EQ(a.gradient_norm, b.gradient_norm);
    }
    EXPECT_EQ(unbroken.parameters().flat().read(), resumed.parameters().flat().read());
    std::remove(path.c_str());
  }
}

TEST_F(DeepMaxEntTest, ARewardGoesWhereItsFeaturesDo) {
  const Problem p = make_problem(binaryworld({.size = 6, .seed = 2}));
  const Problem q = make_problem(binaryworld({.size = 9, .seed = 3}));
  MaxEntModel model(device_, p, demonstrations(p, 8, 6));
  for (const auto kind :
       {RewardNetworkOptions::Kind::mlp, RewardNetworkOptions::Kind::convolutional}) {
    DeepMaxEntOptions o = smooth();
    o.network.kind = kind;
    Store store(device_, Real::f64);
    DeepMaxEnt learner(store, p, model, reward_features(p), o);
    const Vector here = learner.reward();
    EXPECT_EQ(learner.reward_on(p, reward_features(p)), here);
    EXPECT_EQ(static_cast<std::int64_t>(learner.reward_on(q, reward_features(q)).size()),
              q.n_pairs());
  }
}

TEST_F(DeepMaxEntTest, BadInputIsNamed) {
  const Problem p = random_problem(12, 8, 3, false, false, 0.9, 0, 3);
  MaxEntModel model(device_, p, demonstrations(p, 9, 5));
  auto message = [&](const RewardFeatures& f, const DeepMaxEntOptions& o) {
    Store store(device_, Real::f64);
    try {
      DeepMaxEnt learner(store, p, model, f, o);
    } catch (const Error& error) {
      return std::string(error.what());
    }
    return std::string();
  };
  RewardFeatures f = reward_features(p);
  DeepMaxEntOptions o = smooth();
  o.network.kind = RewardNetworkOptions::Kind::convolutional;
  EXPECT_NE(message(f, o).find("features of states and a problem with a shape"), std::string::npos);
  o.network.windows = {2};
  EXPECT_NE(message(f, o).find("odd width, found 2"), std::string::npos);
  f.values.pop_back();
  EXPECT_NE(message(f, smooth()).find("features, found"), std::string::npos);
}

}  // namespace
}  // namespace understudy
