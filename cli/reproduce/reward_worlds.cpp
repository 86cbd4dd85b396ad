#include "cli/reproduce/reward_worlds.h"

#include <algorithm>
#include <cmath>
#include <mutex>
#include <optional>
#include <random>

#include "algorithms/tabular/apprenticeship.h"
#include "algorithms/tabular/maxent.h"
#include "kernels/device/error.h"

namespace understudy::cli {

namespace {

using Vector = std::vector<double>;

const std::vector<std::string> reward_methods = {
    "linear MaxEnt", "deep MaxEnt, MLP", "deep MaxEnt, convolutional", "max-margin",
    "MWAL",          "projection"};
constexpr std::int64_t seeds_by_default = 8;
constexpr std::uint64_t transfer_offset = 500;  // seed of the other map
constexpr int game_rounds = 60, separations = 30;

// What a method found: behavior that draws one of these rewards, by pair, at the start of an
// episode and acts best for it. Methods that find one reward have one.
struct Found {
  Vector probability;
  std::vector<Vector> here, there;
  void add(double p, Vector on_training, Vector on_transfer) {
    probability.push_back(p);
    here.push_back(std::move(on_training));
    there.push_back(std::move(on_transfer));
  }
};

// Features and their negatives, so that a game over the simplex may also dislike.
Problem both_signs(const Problem& p) {
  Problem q = p;
  q.n_features = 2 * p.n_features;
  q.features.clear();
  for (std::int64_t s = 0; s < p.n_states; ++s)
    for (double sign : {1.0, -1.0})
      for (std::int64_t c = 0; c < p.n_features; ++c)
        q.features.push_back(sign * p.features[s * p.n_features + c]);
  return q;
}

Found apprentice(Device& device, const Problem& p, const Problem& q, const Vector& occupancy,
                 ApprenticeOptions::Method method) {
  const bool game = method == ApprenticeOptions::Method::mwal;
  ApprenticeOptions options{.method = method, .rounds = game_rounds};
  Apprentice learner(device, p, feature_expectations(p, occupancy), options);
  std::vector<Vector> weights;
  if (!game) weights.push_back(learner.weights());
  for (int i = 0; i < (game ? game_rounds : separations); ++i) {
    const double distance = learner.step();
    weights.push_back(learner.weights());
    if (distance < 1e-6) break;
  }
  const Vector mixture = learner.mixture();
  Found found;
  for (std::size_t i = 0; i < weights.size(); ++i)
    if (mixture[i] > 1e-6)
      found.add(mixture[i], linear_reward(p, weights[i]), linear_reward(q, weights[i]));
  return found;
}

Found deep(const RewardWorld& world, const Problem& p, const Problem& q, MaxEntModel& model,
           bool convolutional, std::uint64_t seed) {
  const std::unique_ptr<Device> device = cpu_device();
  Store store(*device, Real::f32);
  DeepMaxEntOptions options = convolutional ? world.convolutional : world.mlp;
  options.seed = seed;
  options.l2 = (convolutional ? world.convolutional_prior : world.mlp_prior) / model.episodes();
  auto features = [&](const Problem& problem) {
    return convolutional ? world.image(problem) : reward_features(problem);
  };
  DeepMaxEnt learner(store, p, model, features(p), options);
  for (int i = 0; i < world.deep_steps; ++i) learner.step();
  Found found;
  found.add(1.0, learner.reward(), learner.reward_on(q, features(q)));
  return found;
}

// sum_s initial(s) V(s) of the best policies for some rewards, under the true one: one batch.
Vector values_of(Device& device, const Problem& p, const std::vector<const Vector*>& rewards) {
  const std::int64_t n = static_cast<std::int64_t>(rewards.size()), pairs = p.n_pairs();
  Vector lanes(pairs * n), truth(pairs * n), values(n, 0.0);
  for (std::int64_t k = 0; k < pairs; ++k)
    for (std::int64_t i = 0; i < n; ++i) {
      lanes[k * n + i] = (*rewards[i])[k];
      truth[k * n + i] = p.reward[k];
    }
  const Vector policy =
      solve(device, p, lanes, {.backup = Backup::max, .tolerance = 1e-7}, n).policy;
  const Vector v = evaluate_policy(device, p, truth, policy, 1e-8, n);
  for (std::int64_t s = 0; s < p.n_states; ++s)
    for (std::int64_t i = 0; i < n; ++i) values[i] += p.initial[s] * v[s * n + i];
  return values;
}

// The expected value difference of each method, [methods].
Vector differences(Device& device, const Problem& p, const std::vector<Found>& found, bool there) {
  std::vector<const Vector*> rewards{&p.reward};
  for (const Found& f : found)
    for (const Vector& r : there ? f.there : f.here) rewards.push_back(&r);
  const Vector values = values_of(device, p, rewards);
  Vector result;
  std::size_t at = 1;
  for (const Found& f : found) {
    double expected = 0.0;
    for (double probability : f.probability) expected += probability * values[at++];
    result.push_back(values[0] - expected);
  }
  return result;
}

struct Scores {
  Vector here, there;  // [methods]
};

Scores run_one(const RewardWorld& world, const RewardWorldOptions& options, std::uint64_t seed,
               std::int64_t count) {
  const std::unique_ptr<Device> owner = cpu_device();
  Device& device = *owner;
  const Problem p = make_problem(world.map(seed)),
                q = make_problem(world.map(seed + transfer_offset));
  // The demonstrator acts optimally, but for a share of uniform actions.
  Vector policy = solve(device, p, p.reward, {.backup = Backup::max}).policy;
  for (std::int64_t k = 0; k < p.n_pairs(); ++k) {
    const std::int64_t s = p.pair_state[k];
    policy[k] = (1.0 - options.random_actions) * policy[k] +
                options.random_actions / static_cast<double>(p.pair_begin[s + 1] - p.pair_begin[s]);
  }
  const auto demonstrations = sample_trajectories(p, policy, count, options.steps, seed);

  std::vector<Found> found(reward_methods.size());
  MaxEntModel model(device, p, demonstrations);
  MaxEntFitOptions fitting;
  fitting.l2 = world.linear_prior / model.episodes();
  fitting.optimizer.iterations = 200;
  fitting.optimizer.gradient_tolerance = 1e-4;
  const Vector weights = fit_maxent(model, p, Vector(p.n_features, 0.0), fitting).weights;
  found[0].add(1.0, linear_reward(p, weights), linear_reward(q, weights));
  for (int convolutional : {0, 1})
    found[1 + convolutional] = deep(world, p, q, model, convolutional != 0, seed);

  // Demonstrations end long before the discount does: their discounted visits are scaled to those
  // of episodes without end.
  Vector occupancy = demonstrated_occupancy(p, demonstrations);
  for (double& x : occupancy) x /= 1.0 - std::pow(p.discount, static_cast<double>(options.steps));
  found[3] = apprentice(device, p, q, occupancy, ApprenticeOptions::Method::max_margin);
  found[4] =
      apprentice(device, both_signs(p), both_signs(q), occupancy, ApprenticeOptions::Method::mwal);
  found[5] = apprentice(device, p, q, occupancy, ApprenticeOptions::Method::projection);
  return {differences(device, p, found, false), differences(device, q, found, true)};
}

}  // namespace

Spread bootstrap_spread(const Vector& values) {
  Spread spread = spread_of(values);
  if (values.size() < 2) return spread;
  std::mt19937_64 random(1);
  constexpr int resamples = 10000;
  Vector means(resamples, 0.0);
  for (double& mean : means) {
    for (std::size_t i = 0; i < values.size(); ++i) mean += values[random() % values.size()];
    mean /= static_cast<double>(values.size());
  }
  std::sort(means.begin(), means.end());
  spread.low = means[resamples / 40];
  spread.high = means[resamples - 1 - resamples / 40];
  return spread;
}

void in_parallel(int threads, std::int64_t n, const std::function<void(std::int64_t)>& part) {
  Threads team(threads == 0 ? available_cores() : threads);
  std::mutex mutex;
  std::optional<Error> first;
  team.run(static_cast<int>(n), [&](int i, int) {
    try {
      throw_if_interrupted();
      part(i);
    } catch (const Error& error) {
      const std::lock_guard<std::mutex> lock(mutex);
      if (!first) first = error;
    }
  });
  if (first) throw *first;
}

void list_options(OptionList& list, RewardWorldOptions& o) {
  list.fields(
      o,
      option("demonstrations", o.demonstrations, "how many demonstrations",
             {.least = 1, .most = 1000000}),
      option("steps", o.steps, "of a demonstration", {.least = 1, .most = 100000}),
      option("first_seed", o.first_seed, "seed of the first map", {.least = 0, .most = 1000000}),
      option("random_actions", o.random_actions,
             "share of the demonstrator's actions that are uniform", {.least = 0, .most = 1}));
}

void compare_rewards(Reproduction& reproduction, const RewardWorld& world,
                     const RewardWorldOptions& options) {
  const std::int64_t seeds = reproduction.seeds_or(seeds_by_default);
  const std::int64_t counts = static_cast<std::int64_t>(options.demonstrations.size());
  // The longest first, so that threads end together.
  std::vector<Scores> scores(seeds * counts);
  in_parallel(reproduction.common.threads, seeds * counts, [&](std::int64_t i) {
    const std::int64_t cell = seeds * counts - 1 - i;
    scores[cell] = run_one(world, options, options.first_seed + cell % seeds,
                           options.demonstrations[cell / seeds]);
  });

  Table each{"Each run", {"method", "demonstrations", "seed", "training", "transfer"}, {}, ""};
  for (const bool there : {false, true}) {
    Table table{there ? "Expected value difference on a map not seen (transfer)"
                      : "Expected value difference on the training map",
                {"method"},
                {},
                ""};
    for (std::int64_t count : options.demonstrations)
      table.columns.push_back("N = " + std::to_string(count));
    for (std::size_t m = 0; m < reward_methods.size(); ++m) {
      table.rows.push_back({reward_methods[m]});
      for (std::int64_t c = 0; c < counts; ++c) {
        Vector values;
        for (std::int64_t s = 0; s < seeds; ++s) {
          const Scores& score = scores[c * seeds + s];
          values.push_back((there ? score.there : score.here)[m]);
          if (!there)
            each.rows.push_back({reward_methods[m], options.demonstrations[c],
                                 options.first_seed + s, score.here[m], score.there[m]});
        }
        const Spread spread = bootstrap_spread(values);
        table.rows.back().push_back(
            formatted("%.2f [%.2f, %.2f]", spread.mean, spread.low, spread.high));
      }
    }
    table.note = formatted("mean of %lld maps and its 95 %% bootstrap interval; less is better",
                           static_cast<long long>(seeds));
    reproduction.tables.push_back(table);
  }
  // For programs, which may want intervals of their own.
  if (reproduction.common.json || !reproduction.out.empty()) reproduction.tables.push_back(each);
}

}  // namespace understudy::cli
