// understudy solve: values, policy, messages and occupancy of a tabular problem.

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "algorithms/tabular/messages.h"
#include "algorithms/tabular/problem_file.h"
#include "algorithms/tabular/solver.h"
#include "autograd/files/npz.h"
#include "cli/tabular/problem_source.h"
#include "kernels/device/error.h"

namespace understudy::cli {

namespace {

struct SolveArguments {
  ProblemSource source;
  std::string out, reward, method = "auto", expectation = "causal", precision = "f64";
  bool soft = false;
  std::int64_t goal = -1;
  double tolerance = 1e-10;
};

// A reward that --reward names: the array `reward` of an .npz, by state or by (state, action).
std::vector<double> read_reward(const std::string& path, const ProblemTable& table) {
  return reward_from(files::Npz::open(path).read("reward"), files::shown_path(path) + ": reward",
                     table.n_states, table.n_actions);
}

// What an array is by step, summed over the steps.
std::vector<double> over_steps(const std::vector<double>& rows, std::int64_t width) {
  std::vector<double> total(static_cast<std::size_t>(width), 0.0);
  for (std::size_t i = 0; i < rows.size(); ++i) total[i % total.size()] += rows[i];
  return total;
}

// The marginals are those of the expectation; `occupancy` is always that of running the policy.
files::NamedArrays solve_over_horizon(Device& device, const Problem& problem, bool soft,
                                      Expectation expectation) {
  const std::int64_t steps = problem.horizon, states = problem.n_states;
  files::NamedArrays arrays;
  const auto finish = [&](const std::vector<double>& values, const std::vector<double>& q,
                          const std::vector<double>& policy) {
    arrays["values"] = array_of({steps + 1, states}, values);
    arrays["q_values"] = pair_array(problem, q, -INFINITY, steps);
    arrays["policy"] = pair_array(problem, policy, 0.0, steps);
    const HorizonOccupancy visits =
        occupancy_over_horizon(device, problem, policy, problem.initial);
    arrays["occupancy"] = array_of({states}, over_steps(visits.states, states));
  };
  if (!soft) {
    const HorizonSolution s =
        solve_horizon(device, problem, problem.reward, Backup::max, expectation);
    finish(s.values, s.q_values, s.policy);
    return arrays;
  }
  const Messages m = messages(device, problem, problem.reward, expectation);
  finish(m.beta_state, m.beta_state_action, m.policy);
  arrays["alpha"] = array_of({steps, states}, m.alpha);
  arrays["beta_state"] = arrays["values"];
  arrays["beta_state_action"] = arrays["q_values"];
  arrays["state_marginal"] = array_of({steps, states}, m.state_marginal);
  arrays["pair_marginal"] = pair_array(problem, m.pair_marginal, 0.0, steps);
  arrays["marginal_occupancy"] = array_of({states}, over_steps(m.state_marginal, states));
  arrays["log_partition"] = files::Array::scalar<double>(m.log_partition);
  return arrays;
}

SolveMethod method_of(const std::string& name, Expectation expectation, const Problem& problem) {
  if (name == "value") return SolveMethod::value_iteration;
  if (name == "policy") return SolveMethod::policy_iteration;
  if (name == "modified") return SolveMethod::modified_policy_iteration;
  if (name == "extrapolated") return SolveMethod::extrapolated;
  if (name == "momentum") return SolveMethod::momentum;
  if (name == "anderson") return SolveMethod::anderson;
  if (name == "multigrid") return SolveMethod::multigrid;
  return default_method(problem, expectation);
}

// Expected visits of running a policy, or nan where its episodes do not end: the best way may be to
// walk in circles for ever.
std::vector<double> visits_of(Device& device, const Problem& problem,
                              const std::vector<double>& policy,
                              std::vector<std::string>& remarks) {
  try {
    return occupancy_of(device, problem, policy, problem.initial).states;
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::not_finite) throw;
    remarks.push_back(
        "occupancy: nan, for episodes of this policy never end (a cost of each step, a discount or "
        "a "
        "horizon makes them)");
    return std::vector<double>(static_cast<std::size_t>(problem.n_states), std::nan(""));
  }
}

// A reward under which values do not exist is bad input; the work itself did not fail. Policy
// iteration finds a singular system where sweeps see how fast values grow, which says more.
std::string why_divergent(Device& device, const Problem& problem, Backup backup,
                          Expectation expectation, const Error& error) {
  if (problem.horizon > 0) return error.what();
  try {
    solve(device, problem, problem.reward,
          {.backup = backup, .expectation = expectation, .iterations = 20000});
  } catch (const Error& by_sweeps) {
    std::string seen = by_sweeps.what();
    if (seen.find("diverge") != seen.npos) return seen;
  }
  return error.what();
}

int run_solve(const SolveArguments& arguments, const Common& common) {
  LoadedProblem loaded = load_problem(arguments.source);
  if (!arguments.reward.empty()) loaded.table.reward = read_reward(arguments.reward, loaded.table);
  const std::int64_t drawn = loaded.table.n_states;  // a goal may add a state
  if (!loaded.table.goal_id.empty()) {
    make_problem(loaded.table);  // what is wrong with the file is said of the file
    if (arguments.goal < 0)
      fail(ErrorKind::bad_input,
           "--goal G: the problem is a family of goals, of which one is "
           "solved at a time");
    loaded.table = with_goal(loaded.table, arguments.goal);
  } else if (arguments.goal >= 0) {
    fail(ErrorKind::bad_input, "--goal: the problem has no goals");
  }
  const Problem problem = make_problem(loaded.table);
  if (problem.reward.empty())
    fail(ErrorKind::bad_input, "%s has no reward (--reward FILE.npz gives one)",
         arguments.source.mdp.c_str());

  std::vector<std::string> remarks = loaded.table.remarks;
  for (std::string& remark : without_effect(loaded.table, problem))
    // Features are for rewards that are learned.
    if (!remark.starts_with("features")) remarks.push_back(std::move(remark));
  if (problem.horizon > 0 && (arguments.method != "auto" || arguments.precision != "f64" ||
                              arguments.tolerance != SolveArguments().tolerance))
    remarks.push_back("--method, --precision and --tolerance: a horizon is solved backward, once");

  Session session(common);
  Device& device = session.device();
  const Expectation expectation =
      arguments.expectation == "log_mean_exp" ? Expectation::log_mean_exp : Expectation::causal;
  const Backup backup = arguments.soft ? Backup::log_sum_exp : Backup::max;
  Json result = {{"states", problem.n_states}, {"pairs", problem.n_pairs()}};
  files::NamedArrays arrays;
  double value = 0;
  try {
    if (problem.horizon > 0) {
      arrays = solve_over_horizon(device, problem, arguments.soft, expectation);
      result["horizon"] = problem.horizon;
    } else {
      SolveOptions options{.backup = backup, .expectation = expectation};
      options.method = method_of(arguments.method, expectation, problem);
      options.tolerance = arguments.tolerance;
      if (arguments.precision == "f32") {
        // Sweeps alone have single precision.
        if (arguments.method == "policy" || arguments.method == "modified")
          fail(ErrorKind::bad_input, "--precision f32 goes with methods of sweeps, found %s",
               arguments.method.c_str());
        if (arguments.method == "auto") options.method = SolveMethod::value_iteration;
        options.precision = SolvePrecision::f32;
      }
      const Solution s = solve(device, problem, problem.reward, options);
      arrays["values"] = array_of({problem.n_states}, s.values);
      arrays["q_values"] = pair_array(problem, s.q_values, -INFINITY);
      arrays["policy"] = pair_array(problem, s.policy, 0.0);
      arrays["occupancy"] =
          array_of({problem.n_states}, visits_of(device, problem, s.policy, remarks));
      if (arguments.soft && expectation == Expectation::log_mean_exp)
        arrays["marginal_occupancy"] = array_of(
            {problem.n_states}, occupancy_given_optimality(device, problem, problem.reward).states);
      result["iterations"] = s.iterations;
      result["change"] = s.change;
    }
  } catch (const Error& error) {
    if (error.kind() == ErrorKind::not_finite)
      fail(ErrorKind::bad_input, "%s",
           why_divergent(device, problem, backup, expectation, error).c_str());
    throw;
  }
  const auto values = arrays.at("values").as<double>();
  for (std::int64_t s = 0; s < problem.n_states; ++s)
    if (problem.initial[s] > 0) value += problem.initial[s] * values[s];
  result["initial_value"] = value;
  if (arrays.contains("log_partition"))
    result["log_partition"] = arrays.at("log_partition").as<double>()[0];
  if (!remarks.empty()) result["remarks"] = remarks;
  result["out"] = arguments.out;
  // What a report draws them on.
  if (!problem.shape.empty()) arrays["shape"] = files::Array::from(problem.shape);
  if (!loaded.coordinates.empty() && drawn == problem.n_states)
    arrays["coordinates"] = coordinates_array(loaded);
  print_remarks(common, remarks);
  files::write_npz(arguments.out, arrays);
  if (common.json) {
    print(result);
  } else if (!common.quiet) {
    std::printf("%lld states, %lld pairs; value at the start %.6g",
                static_cast<long long>(problem.n_states), static_cast<long long>(problem.n_pairs()),
                value);
    if (result.contains("iterations"))
      std::printf("; %d iterations, last change %.2g", result["iterations"].get<int>(),
                  result["change"].get<double>());
    std::printf("; %s\n", arguments.out.c_str());
  }
  return 0;
}

}  // namespace

void add_solve(Verb& root, Command& command) {
  Verb verb = root.verb("solve", "Values, policy, messages and occupancy of a tabular problem");
  auto arguments = std::make_shared<SolveArguments>();
  add_problem_options(verb, arguments->source).required();
  verb.option("--out", arguments->out, "the .npz to write").required();
  verb.flag("--soft", arguments->soft, "log-sum-exp backup instead of max");
  verb.option("--reward", arguments->reward, "an .npz whose array `reward` is used instead");
  verb.option("--goal", arguments->goal, "which goal, of a problem that is a family of goals")
      .between(std::int64_t{0}, std::int64_t{1} << 31);
  verb.option("--method", arguments->method,
              "value, policy or modified policy iteration; extrapolated, momentum, anderson or "
              "multigrid sweeps; auto: policy up to 20000 states")
      .one_of({"auto", "value", "policy", "modified", "extrapolated", "momentum", "anderson",
               "multigrid"});
  verb.option("--expectation", arguments->expectation,
              "causal: r + discount E V; log_mean_exp: r + log E exp V")
      .one_of({"causal", "log_mean_exp"});
  verb.option("--precision", arguments->precision, "of sweeps: f64 (default) or f32")
      .one_of({"f64", "f32"});
  verb.option("--tolerance", arguments->tolerance, "largest change of a value at the end")
      .positive();
  verb.when_chosen([&command, arguments] {
    command.run = [&command, arguments] { return run_solve(*arguments, command.common); };
  });
}

}  // namespace understudy::cli
