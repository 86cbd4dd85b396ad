// Route choice of taxis in Shanghai (the benchmark of Zhao & Liang 2023): linear maximum-entropy
// rewards to the digits of the data's README, and the routes they generate.

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>

#include "algorithms/tabular/goal_family.h"
#include "cli/reproduce/reproduce.h"
#include "cli/reproduce/routes.h"
#include "cli/tabular/route_data.h"
#include "kernels/device/error.h"

namespace understudy::cli {

namespace shanghai {

constexpr std::int64_t longest_route = 50;  // links

struct Reference {
  std::vector<double> weights;
  double train, test;
};
// The data README's: 5 features, and with the length by road class.
const Reference references[] = {
    {{-3.068, -0.938, -1.020, -1.743, -0.306}, -4.862, -4.757},
    {{-3.135, -0.792, -0.823, -1.547, -0.451, 2.471, -0.186, 0.883}, -4.505, -4.401}};

// V_g of the shortest way by length, [S, goals]: Bellman and Ford's sweeps until nothing changes.
std::vector<double> shortest_values(const Problem& problem, const std::vector<double>& cost) {
  const auto goals = static_cast<std::size_t>(problem.n_goals());
  std::vector<double> values(static_cast<std::size_t>(problem.n_states) * goals, -INFINITY);
  for (std::size_t g = 0; g < goals; ++g) {
    values[static_cast<std::size_t>(problem.goal_state[problem.goal_begin[g]]) * goals + g] = 0;
    for (bool changed = true; changed;) {
      changed = false;
      for (std::int64_t j = 0; j < problem.n_transitions(); ++j) {
        const auto from = static_cast<std::size_t>(problem.pair_state[problem.transition_pair[j]]);
        const auto to = static_cast<std::size_t>(problem.next_state[j]);
        const double value = cost[j] + values[to * goals + g];
        if (value <= values[from * goals + g]) continue;
        values[from * goals + g] = value;
        changed = true;
      }
    }
  }
  return values;
}

// Greedy turns to the goal, or to the longest route.
Route greedy_route(const Problem& problem, const std::vector<double>& reward,
                   const std::vector<double>& values, std::int32_t from, std::int32_t goal) {
  const auto goals = static_cast<std::size_t>(problem.n_goals());
  const std::int32_t end = problem.goal_state[problem.goal_begin[goal]];
  Route route = {from};
  while (route.back() != end && static_cast<std::int64_t>(route.size()) < longest_route) {
    double best = -INFINITY;
    std::int32_t next = -1;
    const std::int32_t here = route.back();
    for (std::int32_t k = problem.pair_begin[here]; k < problem.pair_begin[here + 1]; ++k) {
      const std::int32_t j = problem.transition_begin[k], to = problem.next_state[j];
      const double value =
          reward[j] + values[static_cast<std::size_t>(to) * goals + static_cast<std::size_t>(goal)];
      if (next < 0 || value > best) {
        best = value;
        next = to;
      }
    }
    if (next < 0) break;
    route.push_back(next);
  }
  return route;
}

// A generated route for each trip, beside what was driven.
std::vector<Json> route_measures(const std::string& name, const Problem& problem,
                                 const std::vector<double>& reward,
                                 const std::vector<double>& values,
                                 const std::vector<Trajectory>& trips) {
  std::vector<Route> driven, generated;
  std::map<std::pair<std::int32_t, std::int32_t>, Route> known;
  for (const Trajectory& trip : trips) {
    driven.push_back(trip.states);
    Route& route = known[{trip.states.front(), trip.goal}];
    if (route.empty())
      route = greedy_route(problem, reward, values, trip.states.front(), trip.goal);
    generated.push_back(route);
  }
  const RouteMeasures m = measure_routes(driven, generated);
  return {name, formatted("%.4f", m.edit_distance), formatted("%.4f", m.bleu),
          formatted("%.4f", m.divergence), formatted("%.4f", std::sqrt(m.divergence))};
}

void run(Reproduction& reproduction) {
  const std::string folder = reproduction.data_folder("shanghai_taxi");
  CpuSession cpu(reproduction.common);
  Device& device = cpu.device();
  Table fits{"Mean log-probability of a route (trained on folds 1 to 3)",
             {"model", "train", "reference", "fold 4", "reference"},
             {},
             ""};
  Table routes{"Generated routes on fold 4: the best turn at each link, at most 50 links",
               {"model", "edit distance", "BLEU-4", "JSD (nats)", "its root"},
               {},
               "edit distance to the nearest driven route of the same origin and destination over "
               "its length, at most 1; BLEU-4 with smoothing method 1"};
  for (const bool classes : {false, true}) {
    throw_if_interrupted();
    const RouteData data = read_shanghai(folder, classes);
    const Problem& problem = data.problem;
    const Reference& reference = references[classes ? 1 : 0];
    std::vector<Trajectory> train, test;
    for (std::size_t i = 0; i < data.trips.size(); ++i)
      (data.group[i] == 4 ? test : train).push_back(data.trips[i]);
    const GoalDemonstrations trained = goal_demonstrations(problem, train),
                             tested = goal_demonstrations(problem, test);
    GoalFamily family(device, problem);
    std::vector<double> from(data.feature_names.size(), 0.0);
    from[0] = -5;
    for (std::size_t i = 1; i < 5; ++i) from[i] = -1;
    const LinearFit fit = fit_goals(family, problem, trained, from);
    const std::vector<double> reward = family.transition_reward(fit.weights);

    Table weights{classes ? "Weights, length by road class" : "Weights, five features",
                  {"feature", "estimate", "standard error", "t", "reference"},
                  {},
                  ""};
    for (std::size_t i = 0; i < fit.weights.size(); ++i)
      weights.rows.push_back({data.feature_names[i], formatted("%.3f", fit.weights[i]),
                              formatted("%.4f", fit.standard_errors[i]),
                              formatted("%.1f", fit.weights[i] / fit.standard_errors[i]),
                              formatted("%.3f", reference.weights[i])});
    reproduction.tables.push_back(weights);
    const std::string name = classes ? "linear, 8 features" : "linear, 5 features";
    fits.rows.push_back(
        {name, formatted("%.3f", fit.log_likelihood / trained.episodes),
         formatted("%.3f", reference.train),
         formatted("%.3f", family.log_likelihood(tested, reward, nullptr) / tested.episodes),
         formatted("%.3f", reference.test)});

    std::vector<std::int32_t> goals(static_cast<std::size_t>(problem.n_goals()));
    std::iota(goals.begin(), goals.end(), 0);
    if (!classes) {
      std::vector<double> cost(reward.size());
      for (std::size_t j = 0; j < cost.size(); ++j)
        cost[j] = -problem.transition_features[j * static_cast<std::size_t>(problem.n_features)];
      routes.rows.push_back(
          route_measures("shortest way", problem, cost, shortest_values(problem, cost), test));
    }
    routes.rows.push_back(
        route_measures(name, problem, reward, family.values(reward, goals), test));
  }
  reproduction.tables.push_back(fits);
  reproduction.tables.push_back(routes);
}

}  // namespace shanghai

Experiment shanghai_experiment() {
  return {"shanghai", "Route choice of taxis: weights, log-probability, generated routes",
          "Zhao & Liang 2023, Transportation Research C 149 (arXiv 2206.10598); the data's README",
          nullptr, shanghai::run};
}

}  // namespace understudy::cli
