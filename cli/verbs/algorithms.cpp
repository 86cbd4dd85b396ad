// understudy algorithms, understudy policies: what learns, and what is learned, one line each.

#include <cstdio>
#include <iterator>
#include <span>
#include <vector>

#include "cli/session/command.h"
#include "algorithms/tabular/learner.h"

namespace understudy::cli {

namespace {

struct Entry {
  const char* name;
  const char* summary;
  const char* observations;  // what it takes
  const char* actions;
  const char* source;
  const char* header;  // where the library has it
};

constexpr Entry algorithms[] = {
    {"bc", "behavioral cloning: the likelihood of the demonstrated actions", "numbers or an index",
     "any", "Pomerleau 1989", "algorithms/cloning/behavior_cloning.h"},
    {"dagger", "dataset aggregation: cloning where the learner goes itself", "numbers", "any",
     "Ross, Gordon & Bagnell 2011", "algorithms/cloning/dagger.h"},
    {"distill", "policy distillation: a teacher's distribution where it or the learner goes",
     "numbers", "any", "Rusu et al. 2016", "algorithms/cloning/distillation.h"},
    {"gail", "generative adversarial imitation, by a trust region", "numbers", "any",
     "Ho & Ermon 2016", "algorithms/adversarial/adversarial_imitation.h"},
    {"fem", "feature expectation matching, by a trust region", "numbers", "any",
     "Ho, Gupta & Ermon 2016", "algorithms/adversarial/linear_reward.h"},
    {"gtal", "game-theoretic apprenticeship learning, by a trust region", "numbers", "any",
     "Ho, Gupta & Ermon 2016; Syed & Schapire 2007", "algorithms/adversarial/linear_reward.h"},
    {"trpo", "trust-region policy optimization on the true reward", "numbers", "any",
     "Schulman et al. 2015", "algorithms/reinforcement/trpo.h"},
    {"ppo", "proximal policy optimization on the true reward", "numbers", "any",
     "Schulman et al. 2017", "algorithms/reinforcement/policy_gradient.h"},
    {"a2c", "advantage actor-critic on the true reward", "numbers", "any", "Mnih et al. 2016",
     "algorithms/reinforcement/policy_gradient.h"},
    {"reinforce", "the likelihood-ratio gradient on the true reward", "numbers", "any",
     "Williams 1992", "algorithms/reinforcement/policy_gradient.h"},
    {"linear-gaussian", "cloning in closed form: ridge regression with a Gaussian about it",
     "numbers", "numbers", "Hastie, Tibshirani & Friedman 2009, section 3.4",
     "algorithms/cloning/linear_gaussian.h"},
};

constexpr Entry policies[] = {
    {"categorical", "one of several choices", "numbers or an index", "an index",
     "Bridle 1990 (softmax)", "algorithms/policies/categorical.h"},
    {"bernoulli", "several switches at once", "numbers or an index", "bits", "Harmer et al. 2018",
     "algorithms/policies/bernoulli.h"},
    {"gaussian", "one Gaussian with independent dimensions", "numbers or an index", "numbers",
     "Williams 1992", "algorithms/policies/gaussian.h"},
    {"regression", "a Gaussian of deviation 1: least squares", "numbers or an index", "numbers",
     "Pomerleau 1989", "algorithms/policies/gaussian.h"},
    {"full_gaussian", "one Gaussian with correlations", "numbers or an index", "numbers",
     "Williams 1996", "algorithms/policies/full_covariance.h"},
    {"mixture", "a mixture of Gaussians", "numbers or an index", "numbers", "Bishop 1994",
     "algorithms/policies/mixture.h"},
    {"full_mixture", "a mixture of Gaussians with correlations", "numbers or an index", "numbers",
     "Bishop 1994", "algorithms/policies/full_covariance.h"},
    {"independent_bins", "bins of each dimension alone", "numbers or an index", "numbers",
     "Metz et al. 2017", "algorithms/policies/bins.h"},
    {"joint_bins", "bins of all dimensions together", "numbers or an index", "numbers",
     "Metz et al. 2017", "algorithms/policies/bins.h"},
    {"autoregressive", "bins, a dimension after another, by masks", "numbers or an index",
     "numbers", "Germain et al. 2015", "algorithms/policies/autoregressive.h"},
    {"recurrent_bins", "bins, a dimension after another, by a recurrent network",
     "numbers or an index", "numbers", "van den Oord et al. 2016",
     "algorithms/policies/autoregressive.h"},
    {"best_of", "a generator trained by the best of its draws", "numbers or an index", "numbers",
     "Gupta et al. 2018", "algorithms/policies/latent.h"},
    {"variational", "a conditional variational autoencoder", "numbers or an index", "numbers",
     "Kingma & Welling 2014; Sohn et al. 2015", "algorithms/policies/latent.h"},
    {"adversarial", "a conditional generator against a critic", "numbers or an index", "numbers",
     "Goodfellow et al. 2014", "algorithms/policies/latent.h"},
};

int list(std::span<const Entry> entries, const Common& common) {
  if (common.json) {
    Json all = Json::array();
    for (const Entry& one : entries)
      all.push_back({{"name", one.name},
                     {"summary", one.summary},
                     {"spaces", {{"observation", one.observations}, {"action", one.actions}}},
                     {"source", one.source},
                     {"header", one.header}});
    print(all);
    return 0;
  }
  for (const Entry& one : entries)
    std::printf("%-18s %s (%s)\n", one.name, one.summary, one.source);
  return 0;
}

}  // namespace

void add_algorithms(Verb& root, Command& command) {
  Verb verb = root.verb("algorithms", "The algorithms that learn");
  verb.when_chosen([&command] {
    command.run = [&command] {
      std::vector<Entry> all(std::begin(algorithms), std::end(algorithms));
      for (const TabularAlgorithm& one : tabular_algorithms())
        all.push_back({one.name, one.summary, "states of a tabular problem", "its actions",
                       one.source, one.header});
      return list(all, command.common);
    };
  });
}

void add_policies(Verb& root, Command& command) {
  Verb verb = root.verb("policies", "The policies that are learned");
  verb.when_chosen(
      [&command] { command.run = [&command] { return list(policies, command.common); }; });
}

}  // namespace understudy::cli
