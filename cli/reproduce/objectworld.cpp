// Levine, Popović & Koltun 2011's Objectworld at 32 x 32: a reward of two conditions at once, which
// no linear reward of the features has.

#include <cstdlib>

#include "algorithms/tabular/worlds.h"
#include "cli/reproduce/reward_worlds.h"

namespace understudy::cli {

namespace objectworld {

// How many objects of a color lie at each distance below 3 of a cell: what a convolution of 5 x 5
// makes of the planes of objects where its weights depend on the distance alone, six in place of
// twenty-five a color. (Objectworld looks the same from every side, which the distances that the
// other methods are given know too.) The planes are the first thresholds' features, "distance
// below 1".
RewardFeatures rings(const Problem& p) {
  constexpr std::int64_t colors = 4, reach = 2;
  constexpr int ring_of[3][3] = {{0, 1, 3}, {1, 2, 4}, {3, 4, 5}};  // of |dy|, |dx|
  const std::int64_t height = p.shape[0], width = p.shape[1];
  RewardFeatures f{FeatureOwner::state, 6 * colors, {}};
  for (std::int64_t s = 0; s < p.n_states; ++s) {
    double count[6 * colors] = {};
    for (std::int64_t dy = -reach; dy <= reach; ++dy)
      for (std::int64_t dx = -reach; dx <= reach; ++dx) {
        const std::int64_t y = s / width + dy, x = s % width + dx;
        if (y < 0 || y >= height || x < 0 || x >= width) continue;
        for (std::int64_t c = 0; c < colors; ++c)
          count[6 * c + ring_of[std::abs(dy)][std::abs(dx)]] +=
              p.features[(y * width + x) * p.n_features + c];
      }
    f.values.insert(f.values.end(), count, count + 6 * colors);
  }
  return f;
}

RewardWorld world() {
  RewardWorld w;
  w.map = [](std::uint64_t seed) { return understudy::objectworld({.seed = seed}); };
  w.image = rings;
  w.mlp.network.hidden = {32, 32};
  w.mlp.learning_rate = 5e-3;
  // The first layer's window is in the rings.
  w.convolutional.network = {
      .kind = RewardNetworkOptions::Kind::convolutional, .hidden = {32, 32}, .windows = {1, 1, 1}};
  w.convolutional.learning_rate = 1e-2;
  return w;
}

}  // namespace objectworld

Experiment objectworld_experiment() {
  return with_settings<RewardWorldOptions>(
      "objectworld", "Rewards learned on Objectworld 32 x 32 by six algorithms, and transferred",
      "Levine, Popović & Koltun 2011, figure 3; Wulfmeier, Ondrúška & Posner 2015, figure 4",
      [](Reproduction& reproduction, const RewardWorldOptions& options) {
        compare_rewards(reproduction, objectworld::world(), options);
      });
}

}  // namespace understudy::cli
