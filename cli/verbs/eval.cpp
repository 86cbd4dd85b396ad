// understudy eval RUN...: returns of policies, and their scores on held-out demonstrations.

#include <cmath>
#include <cstdio>
#include <filesystem>
#include <utility>

#include "algorithms/data/demonstration_files.h"
#include "autograd/files/atomic_file.h"
#include "cli/session/run_records.h"
#include "cli/training/learned_reward.h"
#include "cli/training/player.h"
#include "cli/training/policy_answers.h"
#include "kernels/device/error.h"

namespace understudy::cli {

namespace {

struct EvalOptions {
  std::vector<std::string> runs;
  std::string environment, csv, reward, code;
  std::int64_t episodes = 50;
  bool stochastic = false;
  std::vector<std::string> demonstrations;
};

// The demonstrations as the policy's own spaces have them; `environment`, where it is there, may
// number its states.
Demonstrations held_out(const EvalOptions& options, const Policy& policy,
                        const EnvironmentDescription* environment) {
  const PolicyDescription& d = policy.description();
  DemonstrationSpaces spaces = demonstration_spaces({d.observation, d.action});
  if (environment != nullptr)
    spaces.observation_indicator = demonstration_spaces(*environment).observation_indicator;
  spaces.action_low = spaces.action_high = {};  // how likely actions beyond bounds are can be asked
  return load_demonstrations(options.demonstrations, &spaces);
}

// Mean log-likelihood of a step in nats, and the mode's error: the share of other choices, or the
// root of the mean squared difference.
void add_fit(Json& object, const Policy& policy, const Demonstrations& demonstrations,
             const std::string& code) {
  const Transitions steps = transitions(demonstrations);
  std::vector<float> observations = steps.observations.as_numbers();
  const PolicyDescription& d = policy.description();
  if (d.codes.any() && code.empty())
    fail(ErrorKind::bad_input,
         "--demos: the policy has latent codes; expected --code beside it (predict --codes infers "
         "those of demonstrations)");
  if (d.codes.any())
    observations = with_codes(observations, d.observation.width(),
                              code_named(d.codes, code, "--code"), d.codes.width());
  const std::vector<float> actions = steps.actions.as_numbers();
  PolicyAnswers answers(policy);
  answers.as_episodes(demonstrations.starts);
  double total = 0, error = 0;
  try {
    for (double one : answers.log_probabilities(observations, actions)) total += one;
  } catch (const Error& unknown) {
    // A head that draws and does not know its likelihood has errors all the same.
    if (unknown.kind() != ErrorKind::not_available) throw;
    total = NAN;
  }
  const std::vector<double> modes = answers.modes(observations);
  for (std::size_t i = 0; i < modes.size(); ++i)
    error += steps.actions.discrete ? (modes[i] != actions[i] ? 1.0 : 0.0)
                                    : (modes[i] - actions[i]) * (modes[i] - actions[i]);
  const double count = static_cast<double>(demonstrations.steps());
  object["log_likelihood"] = std::isnan(total) ? Json() : Json(total / count);
  object["held_out_steps"] = demonstrations.steps();
  if (steps.actions.discrete)
    object["error_rate"] = error / count;
  else
    object["root_mean_squared_error"] = std::sqrt(error / static_cast<double>(modes.size()));
}

bool stands_alone(const std::string& who) { return who == "random" || who == "builtin"; }

// What a run was left with, where its environment is gone; null where it was left with nothing.
Json kept_score(const std::string& run) {
  Json kept;
  if (!std::filesystem::is_regular_file(run + "/result.json")) return kept;
  const Json result = read_json(run + "/result.json");
  if (!result.contains("return_mean")) return kept;
  for (const char* key :
       {"episodes", "return_mean", "return_std", "return_ci95", "normalised", "length_mean"})
    if (result.contains(key)) kept[key] = result[key];
  return kept;
}

// Plays whole episodes. A run's own environment may be gone, such as the library of a user's: then
// what it was left with stands, and is remarked.
Json played_score(Session& session, const EvalOptions& options, const std::string& who,
                  const Common& common) {
  const EnvironmentDescription* environment = nullptr;
  try {
    environment = &environment_of(who, options.environment);
  } catch (const Error& gone) {
    if (!options.reward.empty()) throw;
    const bool demonstrated = !options.demonstrations.empty();
    Json kept = options.environment.empty() && !stands_alone(who) ? kept_score(who) : Json();
    if (kept.is_null() && !demonstrated) throw;
    if (kept.is_null()) kept = Json::object();
    kept["remark"] =
        formatted("%s: %s", gone.what(),
                  kept.empty() ? "nothing was played"
                               : "the return is that of result.json, not played again");
    return kept;
  }
  const PlayOptions how = {.episodes = options.episodes,
                           .deterministic = !options.stochastic,
                           .seed = common.seed,
                           .code = options.code};
  const auto player = make_player(session.device(), who, *environment, how);
  std::unique_ptr<FrozenReward> reward;
  if (!options.reward.empty()) reward = load_reward(session.device(), options.reward, *environment);
  const Demonstrations played = play(session.device(), *environment, *player, how);
  Json object = score_json(score_of(played, *environment));
  object["environment"] = environment->name;
  if (reward) object.update(reward_json(*reward, played));
  return object;
}

bool has_environment(const std::string& who) {
  if (!is_run(who)) return false;
  const Json config = read_json(who + "/config.json");
  return config.contains("environment") && config["environment"].is_string();
}

Json evaluate(Session& session, const EvalOptions& options, const std::string& who,
              const Common& common) {
  Json object = Json::object();
  if (!options.environment.empty() || stands_alone(who) || has_environment(who) ||
      options.demonstrations.empty() || !options.reward.empty())
    object = played_score(session, options, who, common);
  object["seed"] = common.seed;
  if (!options.demonstrations.empty()) {
    if (stands_alone(who))
      fail(ErrorKind::bad_input, "--demos: expected a run, found %s, which has no likelihood",
           who.c_str());
    const auto policy = load_policy(session.device(), who);
    const EnvironmentDescription* environment =
        object.contains("environment") ? &environment_of(who, options.environment) : nullptr;
    const Demonstrations demonstrations = held_out(options, *policy, environment);
    add_fit(object, *policy, demonstrations, options.code);
    // the same of every run
    static bool remarked = false;
    if (!std::exchange(remarked, true)) print_remarks(common, remarks_on(demonstrations));
  }
  if (object.contains("remark")) print_remarks(common, {object["remark"].get<std::string>()});
  return object;
}

double number_of(const Json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_number() ? found->get<double>() : std::nan("");
}

void print_one(const std::string& who, const Json& object) {
  if (object.contains("return_mean")) {
    std::printf("%s: return %.4g +- %.3g over %lld episodes", who.c_str(),
                object["return_mean"].get<double>(), object["return_std"].get<double>(),
                object["episodes"].get<long long>());
    if (object["return_ci95"][0].is_number())
      std::printf(" (95 %% of the mean: %.4g to %.4g)", object["return_ci95"][0].get<double>(),
                  object["return_ci95"][1].get<double>());
    if (const double share = number_of(object, "normalised"); !std::isnan(share))
      std::printf(", normalized %.3f", share);
    std::printf("\n");
  }
  if (object.contains("learned_reward_mean")) {
    std::printf("learned reward %.6g a step beside %.6g, return %.6g",
                number_of(object, "learned_reward_mean"), number_of(object, "true_reward_mean"),
                number_of(object, "learned_return_mean"));
    for (const auto& [key, of] :
         {std::pair("reward_correlation", "steps"), std::pair("return_correlation", "returns")})
      if (const double value = number_of(object, key); !std::isnan(value))
        std::printf(", correlation of %s %.3f", of, value);
    std::printf("\n");
  }
  for (const char* key : {"log_likelihood", "error_rate", "root_mean_squared_error"})
    if (const double value = number_of(object, key); !std::isnan(value))
      std::printf("%s %.6g\n", key, value);
}

// What is a run as runs are compared, judged by what was found now.
RunRecord record_of(const std::string& who, const Json& found) {
  RunRecord run;
  if (is_run(who)) {
    run = read_record(who);
  } else {
    run.path = run.name = run.algorithm = who;
    run.config = Json::object();
  }
  if (run.task.empty() && found.contains("environment"))
    run.task = found["environment"].get<std::string>();
  run.status = RunStatus::done;
  run.normalized = number_of(found, "normalised");
  struct Measure {
    const char *key, *name;
    bool higher;
  };
  run.measure.clear();
  for (const Measure& one : {Measure{"return_mean", "mean return", true},
                             Measure{"log_likelihood", "log-likelihood", true},
                             Measure{"error_rate", "error rate", false},
                             Measure{"root_mean_squared_error", "RMSE", false}}) {
    run.score = number_of(found, one.key);
    run.measure = one.name;
    run.higher_is_better = one.higher;
    if (!std::isnan(run.score)) break;
  }
  return run;
}

// A row a run.
Table table_of(const std::vector<RunRecord>& runs, const std::vector<Json>& found) {
  Table table;
  table.columns = {"run",
                   "seed",
                   "return",
                   "std",
                   "95 % of the mean",
                   "normalized",
                   "log-likelihood",
                   "error rate",
                   "RMSE",
                   "learned return",
                   "correlation of steps",
                   "of returns"};
  const auto shown = [](double value) {
    return std::isfinite(value) ? Json(formatted("%.5g", value)) : Json();
  };
  for (std::size_t i = 0; i < runs.size(); ++i) {
    const Json interval = found[i].value("return_ci95", Json());
    const bool bounded = interval.is_array() && interval[0].is_number();
    table.rows.push_back(
        {runs[i].name, runs[i].kind.empty() ? Json() : Json(runs[i].seed),
         shown(number_of(found[i], "return_mean")), shown(number_of(found[i], "return_std")),
         bounded
             ? Json(formatted("%.5g to %.5g", interval[0].get<double>(), interval[1].get<double>()))
             : Json(),
         shown(number_of(found[i], "normalised")), shown(number_of(found[i], "log_likelihood")),
         shown(number_of(found[i], "error_rate")),
         shown(number_of(found[i], "root_mean_squared_error")),
         shown(number_of(found[i], "learned_return_mean")),
         shown(number_of(found[i], "reward_correlation")),
         shown(number_of(found[i], "return_correlation"))});
  }
  return without_empty_columns(table);
}

int run_many(const EvalOptions& options, const std::vector<std::string>& all,
             const Common& common) {
  Session session(common);
  std::vector<RunRecord> runs;
  std::vector<Json> found;
  for (const std::string& who : all) {
    throw_if_interrupted();
    found.push_back(evaluate(session, options, who, common));
    runs.push_back(record_of(who, found.back()));
  }
  name_runs(runs);
  const std::vector<RunGroup> groups = groups_of(runs);
  if (!options.csv.empty())
    files::write_file_atomically(options.csv, files::bytes_of(scores_csv(runs, groups)));
  if (common.json) {
    Json object = {{"runs", Json::array()}};
    for (std::size_t i = 0; i < runs.size(); ++i) {
      Json one = {{"run", runs[i].name}, {"path", runs[i].path}, {"training_seed", runs[i].seed}};
      one.update(found[i]);
      object["runs"].push_back(one);
    }
    object.update(summary_json(runs, groups));
    print(object);
    return 0;
  }
  print_table(table_of(runs, found));
  print_table(summary_table(runs, groups));
  if (const Table joined = across_tasks(runs, groups); !joined.rows.empty()) print_table(joined);
  return 0;
}

int run(const EvalOptions& options, const Common& common) {
  // Folders of runs are all that is in them; a policy's file, and who needs none, stand for
  // themselves.
  std::vector<std::string> all;
  for (const std::string& who : options.runs) {
    if (stands_alone(who) || !std::filesystem::is_directory(who) ||
        std::filesystem::exists(who + "/policy.safetensors")) {
      all.push_back(who);
      continue;
    }
    if (options.runs.size() == 1 && is_run(who)) {  // one that has no policy says so
      all.push_back(who);
      continue;
    }
    for (const std::string& one : runs_below({who}))
      if (std::filesystem::exists(one + "/policy.safetensors"))
        all.push_back(one);
      else
        print_remarks(common, {one + ": left out, it has no policy.safetensors"});
  }
  if (all.empty())
    fail(ErrorKind::bad_input, "%s: expected runs with policy.safetensors, found none",
         options.runs[0].c_str());
  if (all.size() > 1 || !options.csv.empty()) return run_many(options, all, common);
  Session session(common);
  const Json object = evaluate(session, options, all[0], common);
  if (common.json)
    print(object);
  else
    print_one(all[0], object);
  return 0;
}

}  // namespace

void add_eval(Verb& root, Command& command) {
  Verb verb = root.verb("eval", "Measures a policy");
  auto options = std::make_shared<EvalOptions>();
  verb.option("RUN", options->runs,
              "runs, folders of runs, policies' .safetensors, builtin or random; of several one "
              "table")
      .required();
  verb.option("--env", options->environment, "another environment than the run's");
  verb.option("--episodes", options->episodes, "how many (default 50)").between(1, 1000000);
  verb.flag("--stochastic", options->stochastic, "samples from the policy, not its mode");
  verb.option(
      "--code", options->code,
      "of a policy with latent codes, \"2\" or \"0,0.5\"; by default drawn for each episode");
  verb.option("--demos", options->demonstrations, "held-out demonstrations to score");
  verb.option("--reward", options->reward,
              "a run that learned a reward, to be looked at beside the true one");
  verb.option("--csv", options->csv, "writes a row a run: algorithm, task, seed, score, ...");
  verb.when_chosen([&command, options] {
    command.run = [&command, options] { return run(*options, command.common); };
  });
}

}  // namespace understudy::cli
