// understudy envs: the environments there are, one line each.

#include "cli/verbs/envs.h"

#include <cmath>
#include <cstdio>

namespace understudy::cli {

namespace {

// JSON has neither infinity nor NaN.
Json finite_or_null(double value) { return std::isfinite(value) ? Json(value) : Json(); }

Json names_json(const char* const* names, int count) {
  Json list = Json::array();
  for (int i = 0; i < count; ++i) list.push_back(names[i]);
  return list;
}

Json observation_space(const EnvironmentDescription& e) {
  Json low = Json::array(), high = Json::array();
  for (int i = 0; i < e.observation_size; ++i) {
    low.push_back(finite_or_null(e.observation_low[i]));
    high.push_back(finite_or_null(e.observation_high[i]));
  }
  return {{"type", "box"},
          {"shape", Json::array({e.observation_size})},
          {"names", names_json(e.observation_names, e.observation_size)},
          {"low", low},
          {"high", high}};
}

Json action_space(const EnvironmentDescription& e) {
  if (e.action_count > 0) return {{"type", "discrete"}, {"count", e.action_count}};
  return {{"type", "box"},
          {"shape", Json::array({e.action_size})},
          {"low", finite_or_null(e.action_low)},
          {"high", finite_or_null(e.action_high)}};
}

int list_environments(const Common& common) {
  if (common.json) {
    Json list = Json::array();
    for (int i = 0; i < environment_count(); ++i) list.push_back(environment_json(environment(i)));
    print(list);
    return 0;
  }
  for (int i = 0; i < environment_count(); ++i) {
    const EnvironmentDescription& e = environment(i);
    std::printf("%-24s %s (%s, %s, %d steps)\n", e.name, e.summary,
                observation_space_text(e).c_str(), action_space_text(e).c_str(), e.horizon);
  }
  return 0;
}

}  // namespace

Json environment_json(const EnvironmentDescription& e) {
  return {{"name", e.name},
          {"gymnasium", e.gymnasium[0] == '\0' ? Json() : Json(e.gymnasium)},
          {"summary", e.summary},
          {"spaces", {{"observation", observation_space(e)}, {"action", action_space(e)}}},
          {"horizon", e.horizon},
          {"solved", finite_or_null(e.solved)},
          {"random_return", finite_or_null(e.random_return)},
          {"reference_return", finite_or_null(e.reference_return)},
          {"source", e.source}};
}

Json environment_details(const EnvironmentDescription& e) {
  Json object = environment_json(e);
  object["state"] = names_json(e.state_names, e.state_size);
  return object;
}

std::string observation_space_text(const EnvironmentDescription& e) {
  return formatted("observes %d number%s", e.observation_size, e.observation_size == 1 ? "" : "s");
}

std::string action_space_text(const EnvironmentDescription& e) {
  if (e.action_count > 0) return formatted("%d actions", e.action_count);
  return formatted("acts by %d number%s in [%g, %g]", e.action_size, e.action_size == 1 ? "" : "s",
                   e.action_low, e.action_high);
}

void add_envs(Verb& root, Command& command) {
  Verb verb = root.verb("envs", "The environments there are");
  verb.when_chosen(
      [&command] { command.run = [&command] { return list_environments(command.common); }; });
}

}  // namespace understudy::cli
