// What latent codes cost: iterations of InfoGAIL on circles beside GAIL's with as many pairs, steps
// of the discriminator and rows in each.

#include "bench/bench.h"

#include "algorithms/adversarial/infogail.h"
#include "algorithms/cloning/dagger_world.h"

namespace understudy::bench {
namespace {

constexpr RolloutOptions pairs = {.num_envs = 50, .steps_per_iteration = 5000};
constexpr std::int64_t fisher_stride = 5, discriminator_steps = 3, discriminator_rows = 1000;

const EnvironmentDescription& circles() { return environment_named("circles"); }

// The built-in expert's, whole episodes but for what is observed last.
const Demonstrations& walks() {
  static const Demonstrations found = [] {
    constexpr std::int64_t episodes = 30;
    BatchWorld world(device(1), circles(), episodes, 5);
    const std::size_t seen = static_cast<std::size_t>(circles().observation_size),
                      inner = static_cast<std::size_t>(circles().state_size);
    std::vector<Demonstrations> parts(episodes);
    for (int t = 0; t + 1 < circles().horizon; ++t) {
      const std::vector<float> now = world.observations(), states = world.states();
      std::vector<float> actions;
      for (std::size_t e = 0; e < parts.size(); ++e) {
        const std::vector<double> state(&states[e * inner], &states[e * inner] + inner);
        double action[2];
        circles().expert(state.data(), action);
        parts[e].observations.numbers.insert(parts[e].observations.numbers.end(), &now[e * seen],
                                             &now[e * seen] + seen);
        for (double a : action) {
          actions.push_back(static_cast<float>(a));
          parts[e].actions.numbers.push_back(static_cast<float>(a));
        }
      }
      world.step(actions);
    }
    Demonstrations all;
    for (std::size_t e = 0; e < parts.size(); ++e) {
      parts[e].observations.shape = {circles().observation_size};
      parts[e].actions.shape = {2};
      parts[e].last_observation = false;
      parts[e].terminal = {0};
      parts[e].starts = {0, circles().horizon - 1};
      if (e == 0)
        all = parts[e];
      else
        append(all, parts[e], "circles");
    }
    return all;
  }();
  return found;
}

PolicyDescription walker(std::int64_t categories) {
  PolicyDescription description = imitation_policy(circles());
  description.normalize_actions = true;
  description.codes.categories = categories;
  return description;
}

void gail(benchmark::State& state, int threads) {
  Policy policy(device(threads), walker(0), 1);
  freeze_normalizer(policy, transitions(walks()));
  AdversarialOptions options =
      imitation_options(AdversarialAlgorithm::gail, pairs, fisher_stride, 1);
  options.absorbing_states = true;
  options.discriminator.steps = discriminator_steps;
  options.discriminator.batch_size = discriminator_rows;
  const auto imitation = make_imitation(policy, circles(), walks(), options);
  imitation->step();
  for (auto _ : state) {
    imitation->step();
    device(threads).synchronize();
  }
}

void infogail(benchmark::State& state, int threads) {
  Policy policy(device(threads), walker(3), 1);
  freeze_normalizer(policy, transitions(walks()));
  InfoGailOptions options;
  options.codes.categories = 3;
  options.discriminator.steps = discriminator_steps;
  options.discriminator.batch_size = discriminator_rows;
  options.trpo.learner.rollouts = pairs;
  options.trpo.trust_region.fisher_stride = fisher_stride;
  options.trpo.learner.baseline.trust_region.fisher_stride = fisher_stride;
  InfoGail imitation(policy, circles(), walks(), options);
  imitation.step();
  for (auto _ : state) {
    imitation.step();
    device(threads).synchronize();
  }
}

const bool added = [] {
  for (int threads : places()) {
    Row row;
    row.unit = Unit::microseconds;
    row.threads = threads;
    row.work = "GAIL on circles, an iteration of 5000 pairs";
    row.ours = [threads](benchmark::State& state) { gail(state, threads); };
    add(row);
    row.work = "InfoGAIL on circles, an iteration of 5000 pairs";
    row.ours = [threads](benchmark::State& state) { infogail(state, threads); };
    add(row);
  }
  return true;
}();

}  // namespace
}  // namespace understudy::bench
