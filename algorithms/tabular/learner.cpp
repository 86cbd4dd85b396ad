#include "algorithms/tabular/learner.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "algorithms/tabular/feature_units.h"
#include "algorithms/tabular/messages.h"
#include "algorithms/tabular/solver.h"
#include "autograd/files/bytes.h"
#include "kernels/device/error.h"

namespace understudy {

namespace {

// The weights to begin from, of options that have them.
template <class Options>
concept HasStart = requires(Options options) {
  options.start;
};
template <class Options>
concept HasLinearStart = requires(Options options) {
  options.linear.start;
};
template <class Options>
std::vector<double>* start_of(Options& options) {
  if constexpr (HasStart<Options>)
    return &options.start;
  else if constexpr (HasLinearStart<Options>)
    return &options.linear.start;
  else
    return nullptr;
}

// A plan of one struct of options and the function that makes its learner.
template <class Options>
class PlanOf final : public TabularPlan {
 public:
  using Make = MadeLearner (*)(const TabularTask&, const Options&);
  PlanOf(Options options, Make make) : options_(std::move(options)), make_(make) {}
  OptionList options() override { return OptionList(options_); }
  MadeLearner make(const TabularTask& task) const override {
    check_options(options_);
    const std::vector<double> units = feature_units(task.problem);
    if (std::all_of(units.begin(), units.end(), [](double unit) { return unit == 1; }))
      return make_(task, options_);
    Options options = options_;
    if (std::vector<double>* start = start_of(options);
        start != nullptr && start->size() == units.size())
      for (std::size_t i = 0; i < units.size(); ++i) (*start)[i] *= units[i];
    return learner_in_units(task, units,
                            [&](const TabularTask& its) { return make_(its, options); });
  }

 private:
  Options options_;
  Make make_;
};

template <auto make, class Options>
std::unique_ptr<TabularPlan> plan_of(Options options) {
  return std::make_unique<PlanOf<Options>>(std::move(options), make);
}

template <RewardNetworkOptions::Kind kind>
std::unique_ptr<TabularPlan> plan_deep() {
  DeepLearnerOptions options;
  options.deep.network.kind = kind;
  return plan_of<make_deep>(std::move(options));
}

template <ApprenticeOptions::Method method>
std::unique_ptr<TabularPlan> plan_apprentice() {
  ApprenticeLearnerOptions options;
  options.apprentice.method = method;
  return plan_of<make_apprentice>(options);
}

template <auto make, class Options>
std::unique_ptr<TabularPlan> plan() {
  return plan_of<make>(Options());
}

using Network = RewardNetworkOptions::Kind;
using Method = ApprenticeOptions::Method;

}  // namespace

const std::vector<TabularAlgorithm>& tabular_algorithms() {
  static const std::vector<TabularAlgorithm> all = {
      {"maxent", "maximum-entropy trajectories; families of goals by one linear system",
       "Ziebart et al. 2008; Fosgerau et al. 2013", "log_likelihood",
       "algorithms/tabular/goal_family.h", false, plan<make_maxent, LinearMaxEntOptions>},
      {"max_causal_entropy", "soft-optimal behavior in uncertain dynamics", "Ziebart 2010",
       "log_likelihood", "algorithms/tabular/maxent.h", true,
       plan<make_causal, CausalMaxEntOptions>},
      {"sampled_maxent", "maximum entropy from samples with importance weights",
       "Finn et al. 2016, equation 2", "objective", "algorithms/tabular/maxent.h", true,
       plan<make_sampled_maxent, SampledMaxEntOptions>},
      {"deep_maxent", "maximum entropy with a network of features for the reward",
       "Wulfmeier, Ondrúška & Posner 2015", "log_likelihood", "algorithms/tabular/deep_maxent.h",
       true, plan_deep<Network::mlp>},
      {"deep_maxent_conv", "the same with a convolutional network on the problem's grid",
       "Wulfmeier, Ondrúška & Posner 2015", "log_likelihood", "algorithms/tabular/deep_maxent.h",
       true, plan_deep<Network::convolutional>},
      {"projection", "apprenticeship by projecting feature expectations",
       "Abbeel & Ng 2004, section 3.1", "distance", "algorithms/tabular/apprenticeship.h", true,
       plan_apprentice<Method::projection>},
      {"max_margin", "apprenticeship by a quadratic programme", "Abbeel & Ng 2004, equations 10-12",
       "distance", "algorithms/tabular/apprenticeship.h", true,
       plan_apprentice<Method::max_margin>},
      {"mwal", "apprenticeship as a game, by multiplicative weights", "Syed & Schapire 2008",
       "distance", "algorithms/tabular/apprenticeship.h", true, plan_apprentice<Method::mwal>},
      {"lpal", "apprenticeship by one linear programme; finds a policy and no reward",
       "Syed, Bowling & Schapire 2008", "margin", "algorithms/tabular/apprenticeship.h", true,
       plan<make_lpal, LpalOptions>},
      {"occupancy_matching",
       "visits matched under a convex penalty on costs, and the dual's reward",
       "Ho & Ermon 2016, propositions 3.1 and 3.2", "duality_gap",
       "algorithms/tabular/occupancy_matching.h", true,
       plan<make_occupancy_matching, OccupancyMatchingOptions>},
      {"max_margin_planning", "a structured margin, by subgradients",
       "Ratliff, Bagnell & Zinkevich 2006", "objective", "algorithms/tabular/apprenticeship.h",
       true, plan<make_max_margin_planning, MaxMarginOptions>},
      {"ng_russell", "a reward for a known policy, by a linear programme",
       "Ng & Russell 2000, section 3", "margin", "algorithms/tabular/apprenticeship.h", true,
       plan<make_ng_russell, NgRussellOptions>},
      {"ng_russell_sampled", "linear rewards from sampled trajectories, by linear programmes",
       "Ng & Russell 2000, section 5", "margin", "algorithms/tabular/apprenticeship.h", true,
       plan<make_ng_russell_sampled, NgRussellSampledOptions>},
  };
  return all;
}

const TabularAlgorithm& tabular_algorithm(const std::string& name) {
  static constexpr const char* others[][2] = {
      {"mce", "max_causal_entropy"},           {"causal", "max_causal_entropy"},
      {"mce_irl", "max_causal_entropy"},       {"maxent_2008", "maxent"},
      {"maxent_causal", "max_causal_entropy"}, {"mmp", "max_margin_planning"}};
  std::string wanted = name, names;
  std::replace(wanted.begin(), wanted.end(), '-', '_');
  for (const auto& [other, its] : others)
    if (wanted == other) wanted = its;
  for (const TabularAlgorithm& algorithm : tabular_algorithms()) {
    if (wanted == algorithm.name) return algorithm;
    names += (names.empty() ? "" : ", ") + std::string(algorithm.name);
  }
  fail(ErrorKind::bad_input, "irl: expected one of %s, found %s", names.c_str(),
       files::shown(name).c_str());
}

void behave_by(const TabularTask& task, const std::vector<double>& policy, Recovered& found) {
  found.policy = policy;
  try {
    found.occupancy = occupancy_of(task.device, task.problem, policy, task.problem.initial).states;
  } catch (const Error& error) {
    // A policy may be found whose episodes do not end; all else is there.
    if (error.kind() != ErrorKind::not_finite) throw;
    found.occupancy.assign(static_cast<std::size_t>(task.problem.n_states), std::nan(""));
    found.remark = "no occupancy: episodes of the policy do not end";
  }
  const std::vector<double> each = log_probabilities(task.problem, policy, task.demonstrations);
  found.log_likelihood = std::accumulate(each.begin(), each.end(), 0.0);
}

namespace {

// log p of the demonstrations under a policy by step, [T, pairs].
double log_likelihood_over_horizon(const TabularTask& task, const std::vector<double>& policy) {
  double total = 0;
  for (const auto& pairs : pairs_of(task.problem, task.demonstrations))
    for (std::size_t t = 0; t < pairs.size(); ++t)
      total += std::log(policy[t * static_cast<std::size_t>(task.problem.n_pairs()) +
                               static_cast<std::size_t>(pairs[t])]);
  return total;
}

}  // namespace

void behave(const TabularTask& task, Backup backup, Expectation expectation, Recovered& found) {
  const Problem& problem = task.problem;
  if (problem.horizon > 0) {
    const HorizonSolution s =
        solve_horizon(task.device, problem, found.reward, backup, expectation);
    found.values = s.values;
    found.policy = s.policy;
    const HorizonOccupancy visits =
        occupancy_over_horizon(task.device, problem, s.policy, problem.initial);
    found.occupancy.assign(static_cast<std::size_t>(problem.n_states), 0.0);
    for (std::size_t i = 0; i < visits.states.size(); ++i)
      found.occupancy[i % found.occupancy.size()] += visits.states[i];
    found.log_likelihood = log_likelihood_over_horizon(task, s.policy);
    return;
  }
  if (expectation == Expectation::log_mean_exp && backup == Backup::log_sum_exp) {
    // Exact where sweeps are long: the causal problem of whom luck obeys.
    const Problem lucky = with_luck_chosen(problem);
    const Solution s = solve(task.device, lucky, reward_with_luck(problem, found.reward),
                             {.method = default_method(lucky, Expectation::causal)});
    std::vector<double> policy(static_cast<std::size_t>(problem.n_pairs()), 0.0);
    for (std::int64_t j = 0; j < problem.n_transitions(); ++j)
      policy[static_cast<std::size_t>(problem.transition_pair[j])] += s.policy[j];
    found.values = s.values;
    return behave_by(task, policy, found);
  }
  const Solution s = solve(task.device, problem, found.reward,
                           {.backup = backup,
                            .expectation = expectation,
                            .method = default_method(problem, expectation)});
  found.values = s.values;
  behave_by(task, s.policy, found);
}

}  // namespace understudy
