#include "algorithms/adversarial/guided_cost_learning.h"

#include <algorithm>

#include "autograd/options/options.h"
#include "kernels/device/error.h"

namespace understudy {

namespace {

// A collection is an episode of each environment.
TrpoOptions of_whole_episodes(TrpoOptions options, const EnvironmentDescription& environment) {
  if (environment.horizon < 1)
    fail(ErrorKind::not_available, "gcl: %s: expected an environment with a horizon, found none",
         environment.name);
  RolloutOptions& rollouts = options.learner.rollouts;
  rollouts.steps_per_iteration = rollouts.num_envs * environment.horizon;
  return options;
}

}  // namespace

void list_options(OptionList& list, GuidedCostLearningOptions& o) {
  list.fields(o, group("cost", o.cost),
              option("input", o.input, reward_inputs(), "what the cost is a function of",
                     {.source = "Finn et al. 2016"}),
              option("entropy_weight", o.entropy_weight,
                     "of -log pi(a|s) in the reward; 1: the policy is guided to exp(-C) / Z",
                     {.least = 0, .source = "Finn et al. 2016, section 4.2"}),
              group("", o.trpo));
  // It follows from the horizon; what must divide it is looked at when that is known.
  list.leave_out("steps_per_iteration");
  list.when_set("num_envs", [&o] {
    RolloutOptions& rollouts = o.trpo.learner.rollouts;
    rollouts.steps_per_iteration = 100 * rollouts.num_envs;
  });
}

std::vector<std::pair<std::string, double>> GuidedCostLearningMetrics::named() const {
  auto result = learning.named();
  result.insert(result.end(), {{"cost/loss", cost.loss},
                               {"cost/demonstrations", cost.demonstrated},
                               {"cost/samples", cost.sampled},
                               {"cost/effective_samples", cost.effective_samples},
                               {"cost/background", cost.samples}});
  return result;
}

std::vector<std::pair<std::string, double>> GuidedCostLearningMetrics::traced() const {
  auto result = named();
  for (const auto& one : learning.traced())
    if (std::find_if(result.begin(), result.end(),
                     [&](const auto& there) { return there.first == one.first; }) == result.end())
      result.push_back(one);
  return result;
}

GuidedCostLearning::GuidedCostLearning(Policy& policy, const EnvironmentDescription& environment,
                                       const Demonstrations& demonstrations,
                                       const GuidedCostLearningOptions& options,
                                       std::string_view name)
    : options_(options),
      learner_(policy, environment, of_whole_episodes(options.trpo, environment)),
      cost_(policy, options.input, demonstrations, environment.horizon,
            options.trpo.learner.rollouts.num_envs, options.cost, name),
      replacing_(policy.device()) {
  Rollouts& rollouts = learner_.rollouts();
  Tensor reward = -replacing_.use(cost_.values());
  if (options_.entropy_weight > 0)
    reward = reward - options_.entropy_weight * replacing_.use(rollouts.batch().log_probability);
  replacing_.assign(rollouts.reward(), reward);
  replacing_.plan();
}

GuidedCostLearningMetrics GuidedCostLearning::step() {
  GuidedCostLearningMetrics metrics;
  learner_.collect();
  const Rollouts& rollouts = learner_.rollouts();
  const EpisodeStatistics episodes = rollouts.statistics();
  if (episodes.episodes != rollouts.num_envs() ||
      episodes.length_mean != static_cast<double>(rollouts.steps()))
    fail(ErrorKind::not_available,
         "gcl: %s: expected episodes that last %lld steps, found some that end earlier",
         rollouts.environment().name, static_cast<long long>(rollouts.steps()));
  cost_.push(rollouts.batch());
  cost_.fit();
  cost_.evaluate();
  replacing_.run();
  metrics.learning = learner_.update();
  metrics.cost = cost_.metrics();
  return metrics;
}

}  // namespace understudy
