// Walkers before a hotel, in a shopping street and at a building's entrance (ETH and UCY): rewards
// of moves on a grid, to the digits of the data's README, and goals predicted from paths that have
// only begun; and where they go next (pedestrians_forecast.cpp).

#include <algorithm>
#include <array>
#include <cmath>
#include <memory>
#include <numeric>

#include "algorithms/tabular/deep_maxent.h"
#include "algorithms/tabular/goal_family.h"
#include "autograd/files/csv.h"
#include "cli/reproduce/pedestrians_forecast.h"
#include "cli/reproduce/reproduce.h"
#include "cli/tabular/route_data.h"

namespace understudy::cli {

namespace pedestrians {

constexpr std::int64_t seeds_by_default = 8;

struct DeepOptions {
  int steps = 400;
  double learning_rate = 0.01;
};

struct Scene {
  const char *name, *paths, *other;  // `other`: walks of another hour on the same floor
  // The README's negative log-likelihood a move with 0 to 3 features: train, test, other.
  double reference[4][3];
};
const double none = std::nan("");
const Scene scenes[] = {
    {"eth",
     "eth",
     "",
     {{none, 2.079, none}, {0.449, 0.455, none}, {0.449, 0.455, none}, {0.446, 0.451, none}}},
    {"hotel",
     "hotel",
     "",
     {{none, 2.074, none}, {0.320, 0.296, none}, {0.320, 0.296, none}, {0.318, 0.295, none}}},
    {"zara",
     "zara01",
     "zara03",
     {{none, 2.079, 2.074}, {0.487, 0.462, 0.474}, {0.487, 0.457, 0.472}, {0.477, 0.436, 0.477}}}};
const char* const models[] = {"uniform over moves", "length", "+ constant", "+ beside an obstacle"};

double moves(const std::vector<Trajectory>& walks) {
  double count = 0;
  for (const Trajectory& walk : walks) count += static_cast<double>(walk.actions.size());
  return count;
}

// Mean -log p of a move when every move is as likely.
double uniform_loss(const Problem& problem, const std::vector<Trajectory>& walks) {
  double sum = 0;
  for (const Trajectory& walk : walks)
    for (std::size_t t = 0; t < walk.actions.size(); ++t)
      sum += std::log(problem.pair_begin[walk.states[t] + 1] - problem.pair_begin[walk.states[t]]);
  return sum / moves(walks);
}

Json cell(double value) { return std::isnan(value) ? Json() : Json(formatted("%.3f", value)); }

// Where a walker is going, from the first cells of his path:
//
//   P(goal | path so far) ~ prior(goal) exp(reward so far + V_goal(here) - V_goal(start))
//
// (Ziebart et al. 2008, section "inferring goals"). The prior is how often a cell was a goal in the
// training walks, a tenth of a walk added everywhere. Of each walk the first `share` of its moves
// is seen; a guess is right within a meter and a half (three cells) of the goal.
struct Guess {
  double right = 0, meters = 0, probability = 0;
};
Guess predict_goals(const Problem& problem, const std::vector<double>& values,
                    const std::vector<double>& prior, const std::vector<Trajectory>& walks,
                    double share) {
  const auto goals = static_cast<std::size_t>(problem.n_goals());
  const std::int64_t width = problem.shape[1];
  Guess all;
  for (const Trajectory& walk : walks) {
    const auto seen = static_cast<std::size_t>(share * static_cast<double>(walk.actions.size()));
    const auto start = static_cast<std::size_t>(walk.states[0]),
               here = static_cast<std::size_t>(walk.states[seen]);
    std::vector<double> score(goals, -INFINITY);
    for (std::size_t g = 0; g < goals; ++g) {
      const double from = values[start * goals + g];
      // The reward so far is the same for every goal.
      if (std::isfinite(from)) score[g] = std::log(prior[g]) + values[here * goals + g] - from;
    }
    const auto best = std::max_element(score.begin(), score.end());
    double total = 0;
    for (double s : score) total += std::exp(s - *best);
    all.probability += std::exp(score[static_cast<std::size_t>(walk.goal)] - *best) / total;
    const auto guess = static_cast<std::int64_t>(best - score.begin());
    const double meters = 0.5 * std::hypot(static_cast<double>(guess % width - walk.goal % width),
                                           static_cast<double>(guess / width - walk.goal / width));
    all.meters += meters;
    all.right += meters <= 1.5 ? 1 : 0;
  }
  const double n = static_cast<double>(walks.size());
  return {all.right / n, all.meters / n, all.probability / n};
}

// A convolutional reward of cells that corrects the linear one: what the network sees of the floor
// is where there are obstacles, where the picture ends, and where a cell lies.
RewardFeatures floor_image(const Problem& problem, const std::vector<double>& linear,
                           const std::vector<std::int64_t>& state) {
  RewardFeatures f{FeatureOwner::state, 5, {}};
  f.fixed = linear;
  const double height = static_cast<double>(problem.shape[0]),
               width = static_cast<double>(problem.shape[1]);
  for (std::int64_t s = 0; s < problem.n_states; ++s) {
    const std::int64_t kind = state[static_cast<std::size_t>(s)];
    for (double x : {kind == 0 ? 1.0 : 0.0, kind == 1 ? 1.0 : 0.0, kind > 1 ? 1.0 : 0.0})
      f.values.push_back(x);
    f.values.push_back(2.0 * static_cast<double>(s % problem.shape[1]) / width - 1.0);
    f.values.push_back(2.0 * static_cast<double>(s / problem.shape[1]) / height - 1.0);
  }
  return f;
}

DeepMaxEntOptions floor_network(const DeepOptions& options, std::uint64_t seed, double l2) {
  DeepMaxEntOptions deep;
  deep.network = {
      .kind = RewardNetworkOptions::Kind::convolutional, .hidden = {16, 16}, .windows = {5, 3}};
  deep.learning_rate = options.learning_rate;
  deep.l2 = l2;
  deep.seed = seed;
  return deep;
}

// How a deep reward is trained: chosen on a fifth of the training walks, which the network was not
// trained on then.
struct Training {
  int steps = 0;
  double prior = 0.0, value = -INFINITY;
};

// Trained on all the training walks with the settings so chosen; test walks are not used.
std::vector<double> deep_reward(GoalFamily& family, const Problem& problem,
                                const RewardFeatures& image, const std::vector<Trajectory>& train,
                                const DeepOptions& options, std::uint64_t seed, Training* chosen) {
  std::vector<Trajectory> shown_walks, held;
  for (std::size_t i = 0; i < train.size(); ++i)
    (i % 5 == 4 ? held : shown_walks).push_back(train[i]);
  const std::unique_ptr<Device> device = cpu_device();
  const GoalDemonstrations judged = goal_demonstrations(problem, held),
                           few = goal_demonstrations(problem, shown_walks),
                           all = goal_demonstrations(problem, train);
  for (double prior : {1.0, 10.0, 100.0}) {
    Store store(*device);
    DeepMaxEnt learner(store, problem, family, few, image,
                       floor_network(options, seed, prior / few.episodes));
    Training best;
    for (int step = 0; step <= options.steps && step <= best.steps + 100; ++step) {
      throw_if_interrupted();
      if (step % 10 == 0) {
        const double value = family.log_likelihood(judged, learner.reward(), nullptr);
        if (value > best.value) best = {step, prior, value};
      }
      learner.step();
    }
    if (best.value > chosen->value) *chosen = best;
  }
  Store store(*device);
  DeepMaxEnt learner(store, problem, family, all, image,
                     floor_network(options, seed, chosen->prior / all.episodes));
  for (int step = 0; step < chosen->steps; ++step) learner.step();
  // The last step may have left the domain of the partition function: the next one looks.
  learner.step();
  return learner.reward();
}

// [share][linear, the mean of the others] of rewards of which the first is linear.
std::vector<std::array<Guess, 2>> guess_with(GoalFamily& family, const Problem& problem,
                                             const std::vector<std::vector<double>>& rewards,
                                             const std::vector<Trajectory>& train,
                                             const std::vector<Trajectory>& test,
                                             const std::vector<double>& shares) {
  std::vector<std::int32_t> every(static_cast<std::size_t>(problem.n_goals()));
  std::iota(every.begin(), every.end(), 0);
  std::vector<double> prior(every.size(), 0.1);
  for (const Trajectory& walk : train) prior[static_cast<std::size_t>(walk.goal)] += 1;
  std::vector<std::array<Guess, 2>> result(shares.size());
  for (std::size_t r = 0; r < rewards.size(); ++r) {
    const std::vector<double> values = family.values(rewards[r], every);
    const double part = r == 0 ? 1.0 : 1.0 / static_cast<double>(rewards.size() - 1);
    for (std::size_t i = 0; i < shares.size(); ++i) {
      const Guess guess = predict_goals(problem, values, prior, test, shares[i]);
      Guess& sum = result[i][r == 0 ? 0 : 1];
      sum.right += part * guess.right;
      sum.meters += part * guess.meters;
      sum.probability += part * guess.probability;
    }
  }
  return result;
}

void run(Reproduction& reproduction, const DeepOptions& deep) {
  const std::string folder = reproduction.data_folder("eth_ucy");
  CpuSession cpu(reproduction.common);
  Device& device = cpu.device();
  Table goals{"Goals predicted from the part of a path that was seen (test walks)",
              {"scene", "share seen", "within 1.5 m", "mean error (m)", "P(true goal)",
               "deep: within 1.5 m", "error", "P(true goal)"},
              {},
              "the linear reward of three features, and the deep one (mean over seeds)"};
  const std::int64_t seeds = reproduction.seeds_or(seeds_by_default);
  for (const Scene& scene : scenes) {
    Table losses{std::string(scene.name) + ": negative log-likelihood a move (nats)",
                 {"features", "train", "reference", "test", "reference"},
                 {},
                 ""};
    const bool has_other = scene.other[0] != '\0';
    std::vector<Json> deep_row;
    if (has_other)
      for (const std::string& column : {std::string(scene.other), std::string("reference")})
        losses.columns.push_back(column);
    for (std::int64_t features = 0; features <= 3; ++features) {
      throw_if_interrupted();
      const std::int64_t used = std::max<std::int64_t>(1, features);
      const RouteData data = read_pedestrians(folder, scene.name, scene.paths, used);
      const Problem& problem = data.problem;
      std::vector<Trajectory> train, test, other;
      for (std::size_t i = 0; i < data.trips.size(); ++i)
        (i % 5 == 4 ? test : train).push_back(data.trips[i]);
      if (has_other) other = read_pedestrians(folder, scene.name, scene.other, used).trips;
      const double* reference = scene.reference[features];
      std::vector<double> found(3, none);
      if (features == 0) {
        found[1] = uniform_loss(problem, test);
        if (has_other) found[2] = uniform_loss(problem, other);
      } else {
        GoalFamily family(device, problem);
        std::vector<double> from = {-8, -1, 0};
        from.resize(static_cast<std::size_t>(features));
        GoalFitOptions options;
        options.standard_errors = false;
        const LinearFit fit =
            fit_goals(family, problem, goal_demonstrations(problem, train), from, options);
        const std::vector<double> reward = family.transition_reward(fit.weights);
        const auto loss = [&](const std::vector<Trajectory>& walks, const std::vector<double>& r) {
          return -family.log_likelihood(goal_demonstrations(problem, walks), r, nullptr) /
                 moves(walks);
        };
        found = {loss(train, reward), loss(test, reward), has_other ? loss(other, reward) : none};
        if (features == 3) {
          std::vector<std::vector<double>> rewards = {reward};
          std::vector<double> losses_of[3];
          const RewardFeatures image = floor_image(
              problem, reward,
              files::Csv::open(folder + "/irl_grid_" + scene.name + ".csv").integers("state"));
          std::int64_t steps[2] = {INT64_MAX, 0};
          double priors[2] = {INFINITY, 0.0};
          for (std::int64_t seed = 0; seed < seeds; ++seed) {
            Training chosen;
            rewards.push_back(
                deep_reward(family, problem, image, train, deep, reproduction.seed(seed), &chosen));
            steps[0] = std::min<std::int64_t>(steps[0], chosen.steps);
            steps[1] = std::max<std::int64_t>(steps[1], chosen.steps);
            priors[0] = std::min(priors[0], chosen.prior);
            priors[1] = std::max(priors[1], chosen.prior);
            losses_of[0].push_back(loss(train, rewards.back()));
            losses_of[1].push_back(loss(test, rewards.back()));
            if (has_other) losses_of[2].push_back(loss(other, rewards.back()));
          }
          deep_row = {"deep, convolutional", shown(spread_of(losses_of[0])), Json(),
                      shown(spread_of(losses_of[1])), Json()};
          if (has_other) deep_row.insert(deep_row.end(), {shown(spread_of(losses_of[2])), Json()});
          losses.note = formatted(
              "weights %.2f, %.2f, %.2f; deep: mean of %lld seeds and half its 95 %% interval, "
              "%lld "
              "to %lld steps and a prior of %.0f to %.0f, chosen on a fifth of the training walks",
              fit.weights[0], fit.weights[1], fit.weights[2], static_cast<long long>(seeds),
              static_cast<long long>(steps[0]), static_cast<long long>(steps[1]), priors[0],
              priors[1]);
          const std::vector<double> shares = {0.0, 0.25, 0.5, 0.75, 0.9};
          const auto guesses = guess_with(family, problem, rewards, train, test, shares);
          for (std::size_t i = 0; i < shares.size(); ++i) {
            goals.rows.push_back({scene.name, formatted("%.0f %%", 100 * shares[i])});
            for (const Guess& guess : guesses[i])
              for (const std::string& text :
                   {formatted("%.0f %%", 100 * guess.right), formatted("%.2f", guess.meters),
                    formatted("%.3f", guess.probability)})
                goals.rows.back().push_back(text);
          }
        }
      }
      std::vector<Json> row = {models[features], cell(found[0]), cell(reference[0]), cell(found[1]),
                               cell(reference[1])};
      if (has_other)
        for (double value : {found[2], reference[2]}) row.push_back(cell(value));
      losses.rows.push_back(row);
    }
    losses.rows.push_back(deep_row);
    reproduction.tables.push_back(losses);
  }
  reproduction.tables.push_back(goals);
}

constexpr OptionChoice parts[] = {{0, "rewards"}, {1, "forecasts"}, {2, "all"}};
struct Settings {
  ForecastSettings forecast;
  std::string part = "all";
};
void list_options(OptionList& list, Settings& o) {
  list.fields(o, option("part", o.part, parts, "what is run"), group("", o.forecast));
}

void run_parts(Reproduction& reproduction, const Settings& settings) {
  if (settings.part != "forecasts") run(reproduction, {});
  if (settings.part != "rewards") forecast_pedestrians(reproduction, settings.forecast);
}

}  // namespace pedestrians

Experiment pedestrians_experiment() {
  return with_settings<pedestrians::Settings>(
      "pedestrians", "Where walkers go: rewards, goals, and the next five seconds",
      "Pellegrini et al. 2009; Lerner et al. 2007; Gupta et al. 2018; the data's README",
      pedestrians::run_parts);
}

}  // namespace understudy::cli
