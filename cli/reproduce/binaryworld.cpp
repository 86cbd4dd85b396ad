// Wulfmeier, Ondrúška & Posner 2015's Binaryworld at 32 x 32: a reward that counts colors in a
// window, which no linear reward of them has.

#include "algorithms/tabular/worlds.h"
#include "cli/reproduce/reward_worlds.h"

namespace understudy::cli {

namespace binaryworld {

// A plane of blue cells and one of red ones: outside the map is neither.
RewardFeatures colors(const Problem& p) {
  RewardFeatures f{FeatureOwner::state, 2, {}};
  for (std::int64_t s = 0; s < p.n_states; ++s) {
    const double blue = p.features[s * p.n_features + 4];  // the window's middle
    f.values.push_back(blue);
    f.values.push_back(1.0 - blue);
  }
  return f;
}

RewardWorld world() {
  RewardWorld w;
  w.map = [](std::uint64_t seed) { return understudy::binaryworld({.seed = seed}); };
  w.image = colors;
  w.mlp.network.hidden = {32, 32};
  w.mlp.learning_rate = 1e-2;
  w.mlp_prior = 6.0;
  w.convolutional.network = {
      .kind = RewardNetworkOptions::Kind::convolutional, .hidden = {32, 32}, .windows = {3, 1, 1}};
  w.convolutional.learning_rate = 1e-2;
  return w;
}

}  // namespace binaryworld

Experiment binaryworld_experiment() {
  return with_settings<RewardWorldOptions>(
      "binaryworld", "Rewards learned on Binaryworld 32 x 32 by six algorithms, and transferred",
      "Wulfmeier, Ondrúška & Posner 2015, figure 5",
      [](Reproduction& reproduction, const RewardWorldOptions& options) {
        compare_rewards(reproduction, binaryworld::world(), options);
      });
}

}  // namespace understudy::cli
