// Fosgerau, Frejinger & Karlström 2013 on the car trips of Borlänge: the recursive logit model,
// which is maximum-entropy inverse reinforcement learning with linear link costs, estimated to the
// published digits.

#include <chrono>
#include <cmath>

#include "algorithms/tabular/goal_family.h"
#include "cli/reproduce/reproduce.h"
#include "cli/tabular/route_data.h"
#include "kernels/device/error.h"

namespace understudy::cli {

namespace borlange {

using Clock = std::chrono::steady_clock;

// The data README's: the start, the estimates on these trips, and the published ones on all.
const std::vector<double> usual_start = {-2, -1, -1, -20};
const std::vector<double> reference = {-2.4589, -0.9267, -0.4095, -4.5413};
const std::vector<double> published = {-2.494, -0.933, -0.411, -4.459};

double log_likelihood(GoalFamily& family, const GoalDemonstrations& trips,
                      const std::vector<double>& weights) {
  return family.log_likelihood(trips, family.transition_reward(weights), nullptr);
}

// The scale s >= 1 by which a start outside the domain, where exp V does not exist, is moved into
// it: larger costs make longer walks less likely, so that doubling them ends.
std::vector<double> into_domain(GoalFamily& family, const GoalDemonstrations& trips,
                                std::vector<double> weights) {
  for (int doublings = 0; doublings < 20; ++doublings) {
    if (std::isfinite(log_likelihood(family, trips, weights))) return weights;
    for (double& weight : weights) weight *= 2;
  }
  fail(ErrorKind::bad_input, "borlange: no multiple of the start lies in the model's domain");
}

struct Options {
  std::vector<double> start = usual_start;
};
void list_options(OptionList& list, Options& o) {
  list.fields(o, option("start", o.start, "the four weights to begin from"));
  list.require([&o] {
    if (o.start.size() != 4)
      fail(ErrorKind::bad_input, "start: expected four numbers, found %zu", o.start.size());
  });
}

void run(Reproduction& reproduction, const Options& options) {
  std::vector<double> from = options.start;
  const std::string folder = reproduction.data_folder("borlange_routes");
  const RouteData data = read_borlange(folder);
  const Problem& problem = data.problem;
  std::vector<Trajectory> train_trips, validation_trips;
  for (std::size_t i = 0; i < data.trips.size(); ++i)
    (data.group[i] % 5 == 0 ? validation_trips : train_trips).push_back(data.trips[i]);
  CpuSession cpu(reproduction.common);
  Device& device = cpu.device();
  const GoalDemonstrations all = goal_demonstrations(problem, data.trips);

  const Clock::time_point begin = Clock::now();
  GoalFamily family(device, problem);
  const double ordered = seconds_since(begin);
  const bool outside = !std::isfinite(log_likelihood(family, all, from));
  const double radius = outside ? family.spectral_radius(family.transition_reward(from)) : 0;
  if (outside) from = into_domain(family, all, std::move(from));
  const Clock::time_point fitting = Clock::now();
  const LinearFit fit = fit_goals(family, problem, all, from);
  const double fitted = seconds_since(fitting);

  Table estimates{
      "Estimates on " + std::to_string(data.trips.size()) + " trips",
      {"attribute", "estimate", "standard error", "t", "reference", "paper, 1832 trips"},
      {},
      ""};
  for (std::size_t i = 0; i < data.feature_names.size(); ++i)
    estimates.rows.push_back({data.feature_names[i], formatted("%.4f", fit.weights[i]),
                              formatted("%.4f", fit.standard_errors[i]),
                              formatted("%.1f", fit.weights[i] / fit.standard_errors[i]),
                              formatted("%.4f", reference[i]), formatted("%.3f", published[i])});
  if (outside)
    estimates.note = formatted(
        "at the start the partition function diverges (spectral radius %.4f); begun from "
        "(%g, %g, %g, %g) instead",
        radius, from[0], from[1], from[2], from[3]);
  reproduction.tables.push_back(estimates);

  Table fits{"Log-likelihood", {"", "ours", "reference"}, {}, ""};
  fits.rows.push_back({"at the estimates", formatted("%.3f", fit.log_likelihood), "-5067.908"});
  fits.rows.push_back({"at the published estimates",
                       formatted("%.3f", log_likelihood(family, all, published)), "-5068.518"});
  fits.rows.push_back({"at (-2, -1, -1, -20)",
                       formatted("%.2f", log_likelihood(family, all, usual_start)), "-7123.03"});
  reproduction.tables.push_back(fits);

  const GoalDemonstrations train = goal_demonstrations(problem, train_trips);
  const GoalDemonstrations validation = goal_demonstrations(problem, validation_trips);
  const LinearFit split = fit_goals(family, problem, train, from);
  Table held{formatted("Fitted on %zu trips, validated on %zu (trip_id %% 5 == 0)",
                       train_trips.size(), validation_trips.size()),
             {"", "ours", "reference"},
             {},
             ""};
  const double split_reference[] = {-2.4106, -0.9277, -0.4101, -4.5984};
  for (std::size_t i = 0; i < data.feature_names.size(); ++i)
    held.rows.push_back({data.feature_names[i], formatted("%.4f", split.weights[i]),
                         formatted("%.4f", split_reference[i])});
  held.rows.push_back({"mean log-likelihood, train",
                       formatted("%.4f", split.log_likelihood / train.episodes), "-3.5326"});
  held.rows.push_back(
      {"mean log-likelihood, validation",
       formatted("%.4f", log_likelihood(family, validation, split.weights) / validation.episodes),
       "-3.1584"});
  reproduction.tables.push_back(held);

  Table time{"Time of the estimate", {"part", "seconds"}, {}, ""};
  time.rows.push_back({"ordering the network", formatted("%.3f", ordered)});
  time.rows.push_back(
      {formatted("%d evaluations, standard errors", fit.evaluations), formatted("%.3f", fitted)});
  time.note = formatted("%d threads; L-BFGS: %s after %d iterations", cpu.threads().count(),
                        name(fit.status), fit.iterations);
  reproduction.tables.push_back(time);
}

}  // namespace borlange

Experiment borlange_experiment() {
  return with_settings<borlange::Options>(
      "borlange", "Route choice of 1466 car trips by the recursive logit model",
      "Fosgerau, Frejinger & Karlström 2013, Transportation Research B 56", borlange::run);
}

}  // namespace understudy::cli
