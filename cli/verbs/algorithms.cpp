// understudy algorithms, understudy policies: what learns, and what is learned, one line each.

#include <cstdio>

#include "algorithms/policies/heads.h"
#include "algorithms/tabular/learner.h"
#include "algorithms/training/policy_setup.h"
#include "algorithms/training/registry.h"
#include "cli/session/command.h"
#include "cli/session/settings.h"

namespace understudy::cli {

namespace {

// The settings of an algorithm, with the defaults that it has where nothing else is known. What the
// list is bound to is `setup`.
OptionList settings_of(const AlgorithmRow& row, std::unique_ptr<TrainingSetup>& setup) {
  if (row.setup == nullptr) return {};
  setup = row.setup({});
  return setup->options();
}

// A head's own, as the settings of a policy name them; bound to `policy`.
OptionList settings_of(const HeadRow& row, PolicyDescription& policy) {
  PolicyDescription plain;
  plain.head = default_head(ActionKind::discrete).name;  // which has none
  const OptionList others(plain);
  policy.head = row.name;
  const OptionList all(policy);
  OptionList list;
  for (const understudy::Option& one : all.options())
    if (others.find(one.name) == nullptr) list.add(one);
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

Json json_of(const HeadRow& row) {
  PolicyDescription policy;
  std::string spaces;
  for (ActionKind kind : row.spaces)
    spaces += (spaces.empty() ? "" : ", ") + std::string(name_of(kind));
  Json json = row_json(row.name, row.summary, "continuous or discrete", spaces.c_str(), row.source,
                       row.header, settings_of(row, policy));
  json["aliases"] = row.aliases;
  json["log_probability"] = row.traits.likelihood ? "exact"
                            : row.traits.bound    ? "lower bound"
                                                  : "none";
  json["trust_region"] = row.traits.metric;
  json["exact_mode"] = row.traits.mode;
  json["export_c"] = row.write_c != nullptr;
  return json;
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
  for (const HeadRow* row : head_rows()) {
    if (common.json)
      all.push_back(json_of(*row));
    else
      std::printf("%-18s %s (%s)\n", row->name, row->summary, row->source);
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
  for (const HeadRow* row : head_rows()) {
    PolicyDescription policy;
    const std::string table = settings_markdown(settings_of(*row, policy), &of_policy);
    if (table.empty()) continue;
    std::printf("### %s\n\nThe head `%s`, %s, has besides:\n\n%s\n", row->name, row->name,
                row->summary, table.c_str());
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
