// understudy solve: values, policy, messages and occupancy of a tabular problem.
// understudy world: a built-in world as a file, with demonstrations of its best behavior.

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "algorithms/data/demonstration_files.h"
#include "algorithms/tabular/messages.h"
#include "algorithms/tabular/problem_file.h"
#include "algorithms/tabular/solver.h"
#include "autograd/files/npz.h"
#include "cli/session/run_folder.h"
#include "cli/tabular/problem_source.h"
#include "cli/tabular/route_data.h"
#include "kernels/device/error.h"

namespace understudy::cli {

namespace {

struct SolveArguments {
  ProblemSource source;
  std::string out, reward, method = "auto", expectation = "causal", precision = "f64";
  bool soft = false;
  std::int64_t horizon = 0, goal = -1;
  double tolerance = 1e-10;
};

// A reward that --reward names: the array `reward` of an .npz, by state or by (state, action).
std::vector<double> read_reward(const std::string& path) {
  return files::Npz::open(path).read("reward").converted<double>(path + ": reward");
}

files::NamedArrays solve_over_horizon(Device& device, const Problem& problem,
                                      const std::vector<double>& reward,
                                      const SolveArguments& arguments, Expectation expectation) {
  const std::int64_t steps = problem.horizon, states = problem.n_states;
  files::NamedArrays arrays;
  const auto finish = [&](const std::vector<double>& values, const std::vector<double>& q,
                          const std::vector<double>& policy) {
    arrays["values"] = array_of({steps + 1, states}, values);
    arrays["q_values"] = pair_array(problem, q, -INFINITY, steps);
    arrays["policy"] = pair_array(problem, policy, 0.0, steps);
    const HorizonOccupancy visits =
        occupancy_over_horizon(device, problem, policy, problem.initial);
    std::vector<double> total(static_cast<std::size_t>(states), 0.0);
    for (std::size_t i = 0; i < visits.states.size(); ++i)
      total[i % total.size()] += visits.states[i];
    arrays["occupancy"] = array_of({states}, total);
  };
  if (!arguments.soft) {
    const HorizonSolution s = solve_horizon(device, problem, reward, Backup::max, expectation);
    finish(s.values, s.q_values, s.policy);
    return arrays;
  }
  const Messages m = messages(device, problem, reward, expectation);
  finish(m.beta_state, m.beta_state_action, m.policy);
  arrays["alpha"] = array_of({steps, states}, m.alpha);
  arrays["beta_state"] = arrays["values"];
  arrays["beta_state_action"] = arrays["q_values"];
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
  // Policy iteration's factors grow faster than the problem: measured on grids up to 10^5 states.
  return expectation == Expectation::causal && problem.n_states <= 20000
             ? SolveMethod::policy_iteration
             : SolveMethod::value_iteration;
}

// A reward under which values do not exist is bad input; the work itself did not fail. Policy
// iteration finds a singular system where sweeps see how fast values grow, which says more.
std::string why_divergent(Device& device, const Problem& problem, Backup backup,
                          Expectation expectation, const Error& error) {
  if (problem.horizon > 0) return error.what();
  try {
    solve(device, problem, problem.reward, {.backup = backup, .expectation = expectation});
  } catch (const Error& by_sweeps) {
    return by_sweeps.what();
  }
  return error.what();
}

int run_solve(const SolveArguments& arguments, const Common& common) {
  LoadedProblem loaded = load_problem(arguments.source);
  if (arguments.horizon > 0) loaded.table.horizon = arguments.horizon;
  if (!arguments.reward.empty()) loaded.table.reward = read_reward(arguments.reward);
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
      arrays = solve_over_horizon(device, problem, problem.reward, arguments, expectation);
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
      arrays["occupancy"] = array_of(
          {problem.n_states}, occupancy_of(device, problem, s.policy, problem.initial).states);
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
  result["out"] = arguments.out;
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

// ---- world --------------------------------------------------------------------------------------

struct WorldArguments {
  std::string name, out, demonstrations, data;
  WorldOptions world;
  bool list = false, soft = false;
  std::int64_t episodes = 16, steps = 40;
};

constexpr struct {
  const char *name, *summary, *folder;
} route_worlds[] = {
    {"borlange", "road network of Borlänge, with 1466 car trips", "borlange_routes"},
    {"shanghai", "road network in Shanghai, with 19575 taxi trips", "shanghai_taxi"},
    {"pedestrians_eth", "floor of the ETH building's entrance, with walks", "eth_ucy"},
    {"pedestrians_hotel", "pavement before a hotel, with walks", "eth_ucy"},
    {"pedestrians_zara", "a shopping street, with walks (zara01)", "eth_ucy"},
};

int list_worlds(const Common& common) {
  Json array = Json::array();
  for (const World& world : worlds())
    array.push_back({{"name", world.name}, {"summary", world.summary}, {"source", world.source}});
  for (const auto& route : route_worlds)
    array.push_back({{"name", route.name},
                     {"summary", route.summary},
                     {"source", std::string("data folder ") + route.folder}});
  if (common.json) {
    print(array);
    return 0;
  }
  for (const Json& world : array)
    std::printf("%-18s %s (%s)\n", world["name"].get<std::string>().c_str(),
                world["summary"].get<std::string>().c_str(),
                world["source"].get<std::string>().c_str());
  return 0;
}

Demonstrations demonstrations_of(const std::vector<Trajectory>& trajectories) {
  Demonstrations d;
  d.observations.discrete = d.actions.discrete = true;
  for (const Trajectory& trajectory : trajectories) {
    d.observations.indices.insert(d.observations.indices.end(), trajectory.states.begin(),
                                  trajectory.states.end());
    d.actions.indices.insert(d.actions.indices.end(), trajectory.actions.begin(),
                             trajectory.actions.end());
    d.starts.push_back(static_cast<std::int64_t>(d.actions.indices.size()));
    d.terminal.push_back(trajectory.goal >= 0 ? 1 : 0);
    if (trajectory.goal >= 0) d.goals.push_back(trajectory.goal);
  }
  return d;
}

// Episodes of the best policy for the world's reward (of the soft one with --soft).
std::vector<Trajectory> best_behavior(const ProblemTable& table, const WorldArguments& arguments,
                                      const Common& common) {
  const Problem problem = make_problem(table);
  if (problem.reward.empty())
    fail(ErrorKind::bad_input, "--demos: %s has no reward to be good at", arguments.name.c_str());
  if (problem.horizon > 0)
    fail(ErrorKind::bad_input,
         "--demos: the problem has a horizon, for which there is no "
         "stationary behavior to show");
  Session session(common);
  Device& device = session.device();
  SolveOptions options{.backup = arguments.soft ? Backup::log_sum_exp : Backup::max};
  options.method = method_of("auto", Expectation::causal, problem);
  const Solution s = solve(device, problem, problem.reward, options);
  return sample_trajectories(problem, s.policy, arguments.episodes, arguments.steps, common.seed);
}

int run_world(const WorldArguments& arguments, const Common& common) {
  if (arguments.list) return list_worlds(common);
  if (arguments.name.empty())
    fail(ErrorKind::bad_input, "world: the name of a world is needed (--list)");
  if (arguments.out.empty() && arguments.demonstrations.empty())
    fail(ErrorKind::bad_input, "world: --out M.npz or --demos D.npz is needed");
  ProblemTable table;
  std::vector<double> coordinates;
  std::vector<Trajectory> trajectories;
  const auto route = std::find_if(std::begin(route_worlds), std::end(route_worlds),
                                  [&](const auto& one) { return arguments.name == one.name; });
  if (route != std::end(route_worlds)) {
    const std::string folder = data_folder(arguments.data, route->folder);
    const std::string name = arguments.name;
    const std::string scene = name.substr(name.find('_') + 1);
    RouteData data = name == "borlange" ? read_borlange(folder)
                     : name == "shanghai"
                         ? read_shanghai(folder, true)
                         : read_pedestrians(folder, scene, scene == "zara" ? "zara01" : scene);
    table = std::move(data.table);
    coordinates = std::move(data.coordinates);
    trajectories = std::move(data.trips);
  } else {
    LoadedProblem loaded = load_problem({arguments.name, arguments.world});
    table = std::move(loaded.table);
    coordinates = std::move(loaded.coordinates);
    if (!arguments.demonstrations.empty()) trajectories = best_behavior(table, arguments, common);
  }
  if (!arguments.out.empty()) {
    write_problem_table(arguments.out, table);
    if (!coordinates.empty()) {
      // What only drawing needs goes beside the problem's own columns.
      files::NamedArrays arrays = files::Npz::open(arguments.out).read_all();
      const auto states = table.n_states;
      arrays["coordinates"] =
          array_of({states, static_cast<std::int64_t>(coordinates.size()) / states}, coordinates);
      files::write_npz(arguments.out, arrays);
    }
  }
  if (!arguments.demonstrations.empty())
    save_demonstrations(arguments.demonstrations, demonstrations_of(trajectories));
  if (common.json)
    print({{"world", arguments.name},
           {"states", table.n_states},
           {"actions", table.n_actions},
           {"features", table.n_features},
           {"episodes", trajectories.size()}});
  else if (!common.quiet)
    std::printf(
        "%s: %lld states, %lld actions, %lld features%s\n", arguments.name.c_str(),
        static_cast<long long>(table.n_states), static_cast<long long>(table.n_actions),
        static_cast<long long>(table.n_features),
        trajectories.empty() ? "" : formatted(", %zu episodes", trajectories.size()).c_str());
  return 0;
}

}  // namespace

void add_solve(Verb& root, Command& command) {
  Verb verb = root.verb("solve", "Values, policy, messages and occupancy of a tabular problem");
  auto arguments = std::make_shared<SolveArguments>();
  add_problem_options(verb, arguments->source).required();
  verb.option("--out", arguments->out, "the .npz to write").required();
  verb.flag("--soft", arguments->soft, "log-sum-exp backup instead of max");
  verb.option("--horizon", arguments->horizon, "steps; without: discounted, or to the end")
      .between(1, 100000000);
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

void add_world(Verb& root, Command& command) {
  Verb verb = root.verb("world", "Writes a built-in tabular world, and demonstrations in it");
  auto arguments = std::make_shared<WorldArguments>();
  verb.option("NAME", arguments->name, "the world, or a problem's .npz");
  verb.flag("--list", arguments->list, "the worlds there are");
  verb.option("--out", arguments->out, "the problem's .npz to write");
  verb.option("--demos", arguments->demonstrations, "demonstrations to write");
  verb.option("--episodes", arguments->episodes, "demonstrations drawn (16)").between(1, 100000000);
  verb.option("--steps", arguments->steps, "steps of each at most (40)").between(1, 100000000);
  verb.flag("--soft", arguments->soft, "the demonstrator is soft, not greedy");
  verb.option("--data", arguments->data, "folder of the data sets (default: UNDERSTUDY_DATA)");
  add_world_options(verb, arguments->world);
  verb.when_chosen([&command, arguments] {
    command.run = [&command, arguments] { return run_world(*arguments, command.common); };
  });
}

}  // namespace understudy::cli
