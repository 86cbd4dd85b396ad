// understudy algorithms, understudy policies: what learns, and what is learned, one line each.

#include <cstdio>

#include "algorithms/tabular/learner.h"
#include "algorithms/training/policy_setup.h"
#include "algorithms/training/registry.h"
#include "cli/session/command.h"
#include "cli/session/settings.h"

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

// The settings of an algorithm, with the defaults that it has where nothing else is known. What the
// list is bound to is `setup`.
OptionList settings_of(const AlgorithmRow& row, std::unique_ptr<TrainingSetup>& setup) {
  if (row.setup == nullptr) return {};
  setup = row.setup({});
  return setup->options();
}

// A head's own: it is chosen, and has its defaults.
OptionList settings_of_head(const char* name, HeadOptions& head) {
  OptionList(head).find("head")->set(name, "head");
  OptionList list(head);
  list.leave_out("head");
  return list;
}

Json row_json(const char* name, const char* summary, const char* observations, const char* actions,
              const char* source, const char* header, const OptionList& settings) {
  return {{"name", name},
          {"summary", summary},
          {"spaces", {{"observation", observations}, {"action", actions}}},
          {"source", source},
          {"header", header},
          {"settings", describe_settings(settings)}};
}

int list_algorithms(const Common& common) {
  Json all = Json::array();
  for (const AlgorithmRow* row : algorithms()) {
    std::unique_ptr<TrainingSetup> setup;
    if (common.json)
      all.push_back(row_json(row->name, row->summary, row->observations, row->actions, row->source,
                             row->header, settings_of(*row, setup)));
    else
      std::printf("%-18s %s (%s)\n", row->name, row->summary, row->source);
  }
  for (const TabularAlgorithm& one : tabular_algorithms()) {
    const std::unique_ptr<TabularPlan> plan = one.plan();
    if (common.json)
      all.push_back(row_json(one.name, one.summary, "states of a tabular problem", "its actions",
                             one.source, one.header, plan->options()));
    else
      std::printf("%-18s %s (%s)\n", one.name, one.summary, one.source);
  }
  if (common.json) print(all);
  return 0;
}

int list_policies(const Common& common) {
  Json all = Json::array();
  for (const Entry& one : policies) {
    HeadOptions head;
    if (common.json)
      all.push_back(row_json(one.name, one.summary, one.observations, one.actions, one.source,
                             one.header, settings_of_head(one.name, head)));
    else
      std::printf("%-18s %s (%s)\n", one.name, one.summary, one.source);
  }
  if (common.json) print(all);
  return 0;
}

// docs/settings.md.
int print_markdown() {
  std::printf(
      "# Settings\n\n"
      "    understudy train gail --env cartpole --demos D.npz --out RUN --set max_kl=0.02\n"
      "    understudy train gail --help\n\n"
      "Every algorithm's settings, as `--set name=value` and `--config FILE` (a JSON object) take "
      "them. Lists are\nwritten `100,100`. `understudy algorithms --json` has the same for "
      "programs.\n\n"
      "This page is written by `understudy algorithms --markdown`; a test compares them.\n\n"
      "## The policy\n\n"
      "Of every algorithm that trains one.\n\n");
  const TrainingInputs nothing;
  PolicySetup policy(nothing);
  OptionList of_policy;
  policy.list(of_policy);
  std::printf("%s\n", settings_markdown(of_policy).c_str());
  for (const Entry& one : policies) {
    HeadOptions head;
    const std::string table = settings_markdown(settings_of_head(one.name, head), &of_policy);
    if (table.empty()) continue;
    std::printf("### %s\n\nThe head `%s`, %s, has besides:\n\n%s\n", one.name, one.name,
                one.summary, table.c_str());
  }
  for (const AlgorithmRow* row : algorithms()) {
    std::unique_ptr<TrainingSetup> setup;
    const std::string table = settings_markdown(settings_of(*row, setup), &of_policy);
    if (table.empty()) continue;
    std::printf("## %s\n\n%s (%s), [%s](../%s).%s\n\n%s\n", row->name, row->summary, row->source,
                row->header, row->header, row->setup != nullptr ? " Beside the policy's:" : "",
                table.c_str());
  }
  for (const TabularAlgorithm& one : tabular_algorithms()) {
    const std::unique_ptr<TabularPlan> plan = one.plan();
    const std::string table = settings_markdown(plan->options());
    if (table.empty()) continue;
    std::printf("## %s\n\n%s (%s), [%s](../%s), by `understudy irl`.\n\n%s\n", one.name,
                one.summary, one.source, one.header, one.header, table.c_str());
  }
  return 0;
}

}  // namespace

void add_algorithms(Verb& root, Command& command) {
  Verb verb = root.verb("algorithms", "The algorithms that learn");
  auto markdown = std::make_shared<bool>(false);
  verb.flag("--markdown", *markdown, "print every setting, as docs/settings.md has them");
  verb.when_chosen([&command, markdown] {
    command.run = [&command, markdown] {
      return *markdown ? print_markdown() : list_algorithms(command.common);
    };
  });
}

void add_policies(Verb& root, Command& command) {
  Verb verb = root.verb("policies", "The policies that are learned");
  verb.when_chosen(
      [&command] { command.run = [&command] { return list_policies(command.common); }; });
}

}  // namespace understudy::cli
