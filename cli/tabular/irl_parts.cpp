#include "cli/tabular/irl_parts.h"

#include <algorithm>
#include <cmath>
#include <filesystem>

#include "algorithms/data/demonstration_files.h"
#include "algorithms/tabular/messages.h"
#include "algorithms/tabular/problem_file.h"
#include "algorithms/tabular/solver.h"
#include "autograd/files/npz.h"
#include "kernels/device/error.h"

namespace understudy::cli {

IrlInputs inputs_of(const ProblemSource& source, const std::vector<std::string>& demonstrations,
                    const TabularAlgorithm& algorithm) {
  IrlInputs in;
  in.loaded = load_problem(source);
  ProblemTable& table = in.loaded.table;
  make_problem(table);
  in.indicators = table.n_features == 0 && std::string(algorithm.name) != "ng_russell";
  if (in.indicators) add_state_indicators(table);
  in.given = make_problem(table);
  in.remarks = table.remarks;
  for (std::string& remark : without_effect(table, in.given))
    // That a terminal state's own indicator is never seen goes without saying.
    if (!in.indicators || !remark.starts_with("features")) in.remarks.push_back(std::move(remark));
  const DemonstrationSpaces spaces{.observation_count = in.given.n_states,
                                   .action_count = in.given.n_actions};
  const Demonstrations read = load_demonstrations(demonstrations, &spaces);
  in.demonstrations = trajectories_of(read);
  for (const std::string& remark : read.remarks)
    if (remark.starts_with("not read")) in.remarks.push_back("--demos: " + remark);
  pairs_of(in.given, in.demonstrations);
  std::int64_t longest = 1;
  for (const Trajectory& one : in.demonstrations)
    longest = std::max(longest, static_cast<std::int64_t>(one.actions.size()));
  if (!read.goals.empty() && in.given.n_goals() == 0)
    in.remarks.push_back("--demos: goal: the problem has no goals");
  in.problem = in.given;
  std::int64_t cut = 0, elsewhere = 0;
  for (std::size_t e = 0; e < in.demonstrations.size(); ++e) {
    const bool ends =
        in.given.terminal[static_cast<std::size_t>(in.demonstrations[e].states.back())] != 0;
    cut += ends ? 0 : 1;
    elsewhere += !ends && read.last_observation && read.terminal[e] != 0 ? 1 : 0;
  }
  if (elsewhere > 0 && in.given.n_goals() == 0)
    in.remarks.push_back(
        formatted("--demos: terminal: %lld of %zu episodes end, as their file says, in "
                  "states that are no ends of the problem, which decides",
                  static_cast<long long>(elsewhere), in.demonstrations.size()));
  if (cut > 0 && in.given.horizon == 0 && in.given.discount == 1.0 && in.given.n_goals() == 0)
    in.remarks.push_back(
        formatted("--demos: %lld of %zu episodes stop before an end; undiscounted, "
                  "they are the beginnings of longer ones",
                  static_cast<long long>(cut), in.demonstrations.size()));
  if (algorithm.discounts || in.given.n_goals() > 0 || in.given.discount == 1.0) return in;
  // Trajectories are told apart by their whole reward: all that is left of a discount is a horizon.
  in.problem.discount = 1.0;
  std::string over = formatted("%lld steps", static_cast<long long>(in.given.horizon));
  if (in.given.horizon == 0) {
    in.problem.horizon = longest;
    over = formatted("%lld steps, the longest demonstration's (--horizon gives another)",
                     static_cast<long long>(longest));
  }
  in.remarks.push_back(
      formatted("%s has no discount: trajectories are taken over %s, instead of the "
                "discount %g",
                algorithm.name, over.c_str(), in.given.discount));
  return in;
}

double Judge::of(const Recovered& found) const {
  const Problem& p = in_.given;
  try {
    std::vector<double> policy = found.policy;
    if (in_.over_longest())
      policy = solve(device_, p, found.reward, {.method = default_method(p, Expectation::causal)})
                   .policy;
    return expected_value_difference(device_, p, p.reward, policy);
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::not_finite) throw;
    return std::nan("");  // episodes of the policy do not end
  }
}

Tracer::Tracer(RunFolder& run, Device& device, const IrlInputs& in, Expectation expectation)
    : run_(run),
      device_(device),
      in_(in),
      expectation_(expectation),
      demonstrated_(in.problem.n_features > 0
                        ? mean_features(in.problem, in.demonstrations, in.problem.discount)
                        : std::vector<double>{}) {
  std::filesystem::create_directories(run.file("trace"));
}

Metrics Tracer::of(std::int64_t iteration, TabularLearner& learner) const {
  const Problem& p = in_.problem;
  const Recovered now = learner.snapshot();
  files::NamedArrays arrays;
  const auto vector = [](const std::vector<double>& x) { return files::Array::from(x); };
  arrays["weights"] = vector(now.weights);
  if (!now.reward.empty()) arrays["reward"] = reward_array(p, now.reward);
  if (!now.values.empty()) {
    const std::int64_t rows = static_cast<std::int64_t>(now.values.size()) / p.n_states;
    if (p.n_goals() > 0)
      arrays["values"] = array_of({p.n_states, rows}, now.values);
    else
      arrays["values"] =
          p.horizon > 0 ? array_of({rows, p.n_states}, now.values) : vector(now.values);
  }
  arrays["policy"] = pair_array(p, now.policy, 0.0, p.horizon);
  arrays["occupancy"] = vector(now.occupancy);
  if (p.horizon > 0 && !now.reward.empty()) add_messages(now.reward, arrays);
  std::vector<double> gaps = learner.feature_gaps();
  if (gaps.empty() && !demonstrated_.empty() && p.horizon == 0 && p.n_goals() == 0)
    gaps = gaps_of(now.policy);
  Metrics rows;
  if (!gaps.empty()) {
    std::vector<double> expected = demonstrated_;
    for (std::size_t i = 0; i < gaps.size(); ++i) {
      expected[i] += gaps[i];
      rows.emplace_back(formatted("feature_gap/%zu", i), gaps[i]);
    }
    arrays["demonstrated_features"] = vector(demonstrated_);
    arrays["expected_features"] = vector(expected);
    arrays["feature_gap"] = vector(gaps);
  }
  files::write_npz(run_.file(formatted("trace/%06lld.npz", static_cast<long long>(iteration))),
                   arrays);
  return rows;
}

void Tracer::add_messages(const std::vector<double>& reward, files::NamedArrays& arrays) const {
  const Problem& p = in_.problem;
  const Messages m = messages(device_, p, reward, expectation_);
  arrays["alpha"] = array_of({p.horizon, p.n_states}, m.alpha);
  arrays["beta_state"] = array_of({p.horizon + 1, p.n_states}, m.beta_state);
  arrays["beta_state_action"] = pair_array(p, m.beta_state_action, -INFINITY, p.horizon);
  arrays["state_marginal"] = array_of({p.horizon, p.n_states}, m.state_marginal);
  arrays["pair_marginal"] = pair_array(p, m.pair_marginal, 0.0, p.horizon);
  arrays["log_partition"] = files::Array::scalar<double>(m.log_partition);
}
// Of algorithms that have a policy and no model.
std::vector<double> Tracer::gaps_of(const std::vector<double>& policy) const {
  const Problem& p = in_.problem;
  std::vector<double> gaps =
      feature_expectations(p, occupancy_of(device_, p, policy, p.initial).pairs);
  for (std::size_t i = 0; i < gaps.size(); ++i) gaps[i] -= demonstrated_[i];
  return gaps;
}

}  // namespace understudy::cli
