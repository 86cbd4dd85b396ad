// What a problem's table holds that no result can depend on.

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "algorithms/tabular/problem.h"

namespace understudy {

namespace {

std::string shown(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%g", value);
  return text;
}

// "state 3", or "states 3, 5, 9 and 4 more".
std::string states_named(const std::vector<std::int64_t>& states) {
  constexpr std::size_t most = 4;
  std::string text = states.size() == 1 ? "state " : "states ";
  for (std::size_t i = 0; i < states.size() && i < most; ++i)
    text += (i == 0 ? "" : ", ") + std::to_string(states[i]);
  if (states.size() > most) text += " and " + std::to_string(states.size() - most) + " more";
  return text;
}

// States that an episode may come to.
std::vector<std::uint8_t> reached_from_start(const Problem& p) {
  std::vector<std::uint8_t> reached(static_cast<std::size_t>(p.n_states), 0);
  std::vector<std::int32_t> open;
  for (std::int64_t s = 0; s < p.n_states; ++s)
    if (p.initial[s] > 0) reached[s] = 1, open.push_back(static_cast<std::int32_t>(s));
  while (!open.empty()) {
    const std::int32_t s = open.back();
    open.pop_back();
    for (std::int32_t j = p.transition_begin[p.pair_begin[s]];
         j < p.transition_begin[p.pair_begin[s + 1]]; ++j)
      if (!reached[p.next_state[j]]) reached[p.next_state[j]] = 1, open.push_back(p.next_state[j]);
  }
  return reached;
}

// Rewards that `terminal_reward` would have earned.
void look_at_rewards(const ProblemTable& t, const Problem& p, std::vector<std::string>& found) {
  if (t.terminal_reward || t.reward.empty()) return;
  const std::int64_t width = static_cast<std::int64_t>(t.reward.size()) / p.n_states;
  std::vector<std::int64_t> states;
  std::vector<std::string> amounts;
  for (std::int64_t s = 0; s < p.n_states; ++s) {
    if (!p.terminal[s]) continue;
    const auto first = t.reward.begin() + s * width;
    const auto largest = std::max_element(
        first, first + width, [](double a, double b) { return std::abs(a) < std::abs(b); });
    if (*largest == 0) continue;
    states.push_back(s);
    if (amounts.size() < 4) amounts.push_back(shown(*largest));
  }
  if (states.empty()) return;
  std::string text = "reward: that of terminal " + states_named(states) + " (";
  for (std::size_t i = 0; i < amounts.size(); ++i) text += (i == 0 ? "" : ", ") + amounts[i];
  found.push_back(text + (states.size() > amounts.size() ? ", ..." : "") +
                  ") is never earned: an episode ends on entering. `terminal_reward` true in the "
                  "file (--terminal-reward) has it earned then");
}

void look_at_states(const ProblemTable& t, const Problem& p, std::vector<std::string>& found) {
  std::vector<std::int64_t> ended, unreached, left;
  const std::vector<std::uint8_t> reached = reached_from_start(p);
  bool ends = false;
  for (std::int64_t s = 0; s < p.n_states; ++s) {
    if (p.terminal[s] && p.initial[s] > 0) ended.push_back(s);
    if (p.terminal[s] && !reached[s]) unreached.push_back(s);
    ends = ends || (p.terminal[s] && reached[s]);
  }
  if (!ended.empty())
    found.push_back("initial: terminal " + states_named(ended) +
                    " is a start: such an episode has no step");
  if (!unreached.empty() && !ends)
    found.push_back("terminal: no start leads to " + states_named(unreached) +
                    ": no episode ends there");
  for (std::size_t row = 0; row < t.state.size(); ++row) {
    const std::int64_t s = t.state[row];
    const bool leaves = p.terminal[s] && t.next_state[row] != s &&
                        (t.probability.empty() || t.probability[row] > 0);
    if (leaves && (left.empty() || left.back() != s)) left.push_back(s);
  }
  if (!left.empty())
    found.push_back("terminal " + states_named(left) +
                    ": the transitions that lead out of it are not taken");
  std::vector<std::int64_t> goals;
  for (std::int64_t g = 0; g < p.n_goals(); ++g) {
    bool any = false;
    for (std::int32_t i = p.goal_begin[g]; i < p.goal_begin[g + 1]; ++i)
      any = any || reached[p.goal_state[i]];
    if (!any) goals.push_back(g);
  }
  for (std::int64_t g : goals) {
    found.push_back(
        "goal_state: no start leads to goal " + std::to_string(g) +
        (goals.size() > 1 ? ", nor to " + std::to_string(goals.size() - 1) + " others" : ""));
    break;
  }
  if (p.n_goals() == 0 && t.goals_absorb) found.push_back("goals_absorb: there are no goals");
}

// A feature that is 0 at every step has no weight that matters. One that is the same at every step
// adds a constant to every episode where none can end early.
void look_at_features(const Problem& p, std::vector<std::string>& found) {
  const std::int64_t f = p.n_features;
  if (p.feature_owner == FeatureOwner::none || p.n_pairs() == 0) return;
  const bool endless = p.n_pairs() > 0 && p.n_goals() == 0 &&
                       std::none_of(p.terminal.begin(), p.terminal.end(),
                                    [](std::uint8_t terminal) { return terminal != 0; });
  std::vector<std::int64_t> zero, constant;
  for (std::int64_t c = 0; c < f; ++c) {
    const auto value = [&](std::int64_t k) {
      return p.features[(p.feature_owner == FeatureOwner::state ? p.pair_state[k] : k) * f + c];
    };
    const double first = value(0);
    bool same = true;
    for (std::int64_t k = 1; k < p.n_pairs() && same; ++k) same = value(k) == first;
    if (same && (first == 0 || endless)) (first == 0 ? zero : constant).push_back(c);
  }
  const auto name = [](const std::vector<std::int64_t>& columns) {
    return "features: column " + std::to_string(columns[0]) +
           (columns.size() > 1 ? " (and " + std::to_string(columns.size() - 1) + " more)" : "");
  };
  if (!zero.empty())
    found.push_back(name(zero) + " is 0 wherever an action is taken: its weight has no effect");
  if (!constant.empty())
    found.push_back(name(constant) +
                    " is the same at every step, and no episode ends early: its weight has no "
                    "effect on behavior");
}

}  // namespace

std::vector<std::string> without_effect(const ProblemTable& t, const Problem& p) {
  std::vector<std::string> found;
  look_at_rewards(t, p, found);
  look_at_states(t, p, found);
  look_at_features(p, found);
  return found;
}

}  // namespace understudy
