// Walkers before a hotel, in a shopping street and at a building's entrance (ETH and UCY): rewards
// of moves on a grid, to the digits of the data's README, and goals predicted from paths that have
// only begun; and where they go next (pedestrians_forecast.cpp).

#include <algorithm>
#include <cmath>
#include <memory>
#include <numeric>

#include "algorithms/tabular/goal_family.h"
#include "cli/reproduce.h"
#include "cli/reproduce/pedestrians_forecast.h"
#include "cli/tabular/route_data.h"

namespace understudy::cli {

namespace {

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
// is seen; a guess is right within a metre and a half (three cells) of the goal.
struct Guess {
  double right = 0, metres = 0, probability = 0;
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
    const double metres = 0.5 * std::hypot(static_cast<double>(guess % width - walk.goal % width),
                                           static_cast<double>(guess / width - walk.goal / width));
    all.metres += metres;
    all.right += metres <= 1.5 ? 1 : 0;
  }
  const double n = static_cast<double>(walks.size());
  return {all.right / n, all.metres / n, all.probability / n};
}

void run(Reproduction& reproduction) {
  const std::string folder = data_folder(reproduction.data, "eth_ucy");
  Threads team(reproduction.common.threads == 0 ? processor_count() : reproduction.common.threads);
  Engine engine(&team);
  Table goals{"Goals predicted from the part of a path that was seen (test walks)",
              {"scene", "share seen", "within 1.5 m", "mean error (m)", "P(true goal)"},
              {},
              ""};
  for (const Scene& scene : scenes) {
    Table losses{std::string(scene.name) + ": negative log-likelihood a move (nats)",
                 {"features", "train", "reference", "test", "reference"},
                 {},
                 ""};
    const bool has_other = scene.other[0] != '\0';
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
        GoalFamily family(problem, engine);
        std::vector<double> from = {-8, -1, 0};
        from.resize(static_cast<std::size_t>(features));
        GoalFitOptions options;
        options.standard_errors = false;
        const LinearFit fit =
            fit_goals(family, problem, goal_demonstrations(problem, train), from, options);
        const std::vector<double> reward = family.transition_reward(fit.weights);
        const auto loss = [&](const std::vector<Trajectory>& walks) {
          return -family.log_likelihood(goal_demonstrations(problem, walks), reward, nullptr) /
                 moves(walks);
        };
        found = {loss(train), loss(test), has_other ? loss(other) : none};
        if (features == 3) {
          losses.note =
              formatted("weights %.2f, %.2f, %.2f", fit.weights[0], fit.weights[1], fit.weights[2]);
          std::vector<std::int32_t> every(static_cast<std::size_t>(problem.n_goals()));
          std::iota(every.begin(), every.end(), 0);
          const std::vector<double> values = family.values(reward, every);
          std::vector<double> prior(every.size(), 0.1);
          for (const Trajectory& walk : train) prior[static_cast<std::size_t>(walk.goal)] += 1;
          for (double share : {0.0, 0.25, 0.5, 0.75, 0.9}) {
            const Guess guess = predict_goals(problem, values, prior, test, share);
            goals.rows.push_back({scene.name, formatted("%.0f %%", 100 * share),
                                  formatted("%.0f %%", 100 * guess.right),
                                  formatted("%.2f", guess.metres),
                                  formatted("%.3f", guess.probability)});
          }
        }
      }
      std::vector<Json> row = {models[features], cell(found[0]), cell(reference[0]), cell(found[1]),
                               cell(reference[1])};
      if (has_other)
        for (double value : {found[2], reference[2]}) row.push_back(cell(value));
      losses.rows.push_back(row);
    }
    reproduction.tables.push_back(losses);
  }
  reproduction.tables.push_back(goals);
}

}  // namespace

Experiment pedestrians_experiment() {
  struct Settings {
    ForecastSettings forecast;
    std::string part = "all";
  };
  auto settings = std::make_shared<Settings>();
  return {"pedestrians", "Where walkers go: rewards, goals, and the next five seconds",
          "Pellegrini et al. 2009; Lerner et al. 2007; Gupta et al. 2018; the data's README",
          [settings](Verb& verb) {
            verb.option("--part", settings->part, "rewards, forecasts or all (default)")
                .one_of({"rewards", "forecasts", "all"});
            add_forecast_options(verb, settings->forecast);
          },
          [settings](Reproduction& reproduction) {
            if (settings->part != "forecasts") run(reproduction);
            if (settings->part != "rewards") forecast_pedestrians(reproduction, settings->forecast);
          }};
}

}  // namespace understudy::cli
