// Levine, Popović & Koltun 2011's Objectworld at 32 x 32: a reward of two conditions at once, which
// no linear reward of the features has.

#include "algorithms/tabular/worlds.h"
#include "cli/reproduce/reward_worlds.h"

namespace understudy::cli {

namespace {

// The first thresholds' features, "distance below 1", are the objects themselves: a plane a colour.
RewardFeatures objects(const Problem& p) {
  constexpr std::int64_t colours = 4;
  RewardFeatures f{FeatureOwner::state, colours, {}};
  for (std::int64_t s = 0; s < p.n_states; ++s)
    for (std::int64_t c = 0; c < colours; ++c) f.values.push_back(p.features[s * p.n_features + c]);
  return f;
}

RewardWorld world() {
  RewardWorld w;
  w.map = [](std::uint64_t seed) { return objectworld({.seed = seed}); };
  w.image = objects;
  w.mlp.network.hidden = {32, 32};
  w.mlp.learning_rate = 5e-3;
  // A window of 5 x 5 sees all that lies within 3 of a cell; its layer is trained from the map's
  // objects alone, so there is little of it.
  w.convolutional.network = {
      .kind = RewardNetworkOptions::Kind::convolutional, .hidden = {8}, .windows = {5, 1}};
  w.convolutional.learning_rate = 1e-2;
  return w;
}

}  // namespace

Experiment objectworld_experiment() {
  auto options = std::make_shared<RewardWorldOptions>();
  return {
      "objectworld", "Rewards learned on Objectworld 32 x 32 by six algorithms, and carried over",
      "Levine, Popović & Koltun 2011, figure 3; Wulfmeier, Ondrúška & Posner 2015, figure 4",
      [options](Verb& verb) { add_reward_world_options(verb, *options); },
      [options](Reproduction& reproduction) { compare_rewards(reproduction, world(), *options); }};
}

}  // namespace understudy::cli
