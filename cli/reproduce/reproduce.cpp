// understudy reproduce NAME: the list of experiments, their common options, and how tables leave.

#include "cli/reproduce/reproduce.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <map>

#include "autograd/files/atomic_file.h"
#include "cli/session/run_folder.h"
#include "cli/session/settings.h"
#include "kernels/device/error.h"

namespace understudy::cli {

namespace {

std::vector<Experiment> experiments() {
  // One a line: lines that are added side by side merge.
  // clang-format off
  return {
      borlange_experiment(),
      shanghai_experiment(),
      shanghai_deep_experiment(),
      pedestrians_experiment(),
      objectworld_experiment(),
      binaryworld_experiment(),
      abbeel_ng_experiment(),
      trpo_classic_experiment(),
      omniglot_experiment(),
      multimodal_experiment(),
      letters_experiment(),
      mocap_experiment(),
      routes_experiment(),
      gail_classic_experiment(),
      gail_cartpole_experiment(),
      gail_state_only_experiment(),
      imitation_defaults_experiment(),
      dagger_horizon_experiment(),
      distillation_experiment(),
      duality_experiment(),
      infogail_circles_experiment(),
      gcl_navigation_experiment(),
      rust_experiment(),
      softness_experiment(),
      off_policy_experiment(),
      airl_transfer_experiment(),
      partial_demonstrations_experiment(),
      observation_cloning_experiment(),
      divergences_experiment(),
  };
  // clang-format on
}

// What was given to an experiment: --config and --set, and options of their own names, which win.
struct GivenToExperiment {
  GivenSettings settings;
  std::map<std::string, std::vector<std::string>> values;  // by setting
  std::map<std::string, bool> flags;
};

// training_steps is --training-steps.
std::string option_of(const std::string& setting) {
  std::string name = "--" + setting;
  std::replace(name.begin(), name.end(), '_', '-');
  return name;
}

void add_settings_of(const Experiment& experiment, Verb& verb, GivenToExperiment& given) {
  add_settings(verb, given.settings);
  const OptionList list = experiment.settings();
  for (const understudy::Option& one : list.options()) {
    const std::string value = one.text();
    const std::string help = one.summary + (value.empty() ? "" : " (" + value + ")");
    if (one.kind == OptionKind::boolean)
      verb.flag(option_of(one.name), given.flags[one.name], help);
    else
      verb.option(option_of(one.name), given.values[one.name], help);
  }
}

void assign(const Experiment& experiment, const GivenToExperiment& given) {
  std::vector<OptionAssignment> all = assignments_of(given.settings);
  for (const auto& [name, values] : given.values) {
    if (values.empty()) continue;
    std::string text;
    for (const std::string& one : values) text += (text.empty() ? "" : ",") + one;
    all.push_back({name, text, option_of(name)});
  }
  for (const auto& [name, value] : given.flags)
    if (value) all.push_back({name, "true", option_of(name)});
  assign_options(experiment.settings, all);
  experiment.settings().check();
}

int run(const Experiment& experiment, Reproduction& reproduction) {
  using Clock = std::chrono::steady_clock;
  if (reproduction.common.resume)
    fail(ErrorKind::bad_input, "reproduce: --resume: an experiment runs in one go");
  if (!reproduction.out.empty()) {
    std::error_code error;
    std::filesystem::create_directories(reproduction.out, error);
    if (error)
      fail(ErrorKind::bad_input, "--out %s: %s", reproduction.out.c_str(), error.message().c_str());
  }
  const Clock::time_point start = Clock::now();
  experiment.run(reproduction);
  const double seconds = seconds_since(start);
  Json object = {{"kind", "reproduce"},
                 {"name", experiment.name},
                 {"summary", experiment.summary},
                 {"source", experiment.source},
                 {"seed", reproduction.common.seed},
                 {"seconds", seconds}};
  if (experiment.settings) object["settings"] = settings_json(experiment.settings());
  object["tables"] = Json::array();
  for (const Table& table : reproduction.tables) object["tables"].push_back(table_json(table));
  if (!reproduction.out.empty()) write_json(reproduction.out + "/result.json", object);
  if (!reproduction.out.empty())
    for (const auto& [name, svg] : reproduction.pictures)
      files::write_file_atomically(reproduction.out + "/" + name, files::bytes_of(svg));
  if (reproduction.common.json) {
    print(object);
    return 0;
  }
  std::printf("%s\n%s\n\n", experiment.summary.c_str(), experiment.source.c_str());
  for (const Table& table : reproduction.tables) print_table(table);
  std::printf("%.1f s\n", seconds);
  return 0;
}

int list(const Common& common) {
  if (common.json) {
    Json array = Json::array();
    for (const Experiment& experiment : experiments())
      array.push_back({{"name", experiment.name},
                       {"summary", experiment.summary},
                       {"source", experiment.source}});
    print(array);
    return 0;
  }
  for (const Experiment& experiment : experiments())
    std::printf("%-16s %s\n%-16s %s\n", experiment.name.c_str(), experiment.summary.c_str(), "",
                experiment.source.c_str());
  return 0;
}

}  // namespace

CpuSession::CpuSession(const Common& common)
    : threads_(common.threads == 0 ? available_cores() : common.threads),
      device_(cpu_device(&threads_)) {}

double seconds_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

double nats_of(const std::vector<double>& log_probability) {
  double total = 0;
  for (double value : log_probability) total -= value;
  return total / static_cast<double>(log_probability.size());
}

std::vector<std::string> words(const std::string& text) {
  std::vector<std::string> all;
  for (std::size_t at = 0; !text.empty() && at <= text.size();) {
    const std::size_t comma = std::min(text.find(',', at), text.size());
    all.push_back(text.substr(at, comma - at));
    at = comma + 1;
  }
  return all;
}

std::string shown(const Spread& spread) {
  if (spread.count < 2) return formatted("%.4g", spread.mean);
  return formatted("%.4g ± %.2g", spread.mean, (spread.high - spread.low) / 2);
}

void add_reproduce(Verb& root, Command& command) {
  Verb verb =
      root.verb("reproduce", "Reruns a paper's table and prints it beside the paper's figures");
  auto options = std::make_shared<Reproduction>(Reproduction{command.common, 0, "", "", {}, {}});
  auto listed = std::make_shared<bool>(false);
  verb.may_stand_alone();
  verb.flag("--list", *listed, "the experiments there are");
  verb.option("--seeds", options->seeds, "how many seeds (default: the experiment's own)")
      .between(1, 100000);
  verb.option("--data", options->data, "folder of the data sets (default: UNDERSTUDY_DATA)");
  verb.option("--out", options->out, "folder for result.json and pictures");
  for (const Experiment& experiment : experiments()) {
    Verb one = verb.verb(experiment.name, experiment.summary);
    auto given = std::make_shared<GivenToExperiment>();
    if (experiment.settings) add_settings_of(experiment, one, *given);
    one.when_chosen([&command, options, experiment, given] {
      command.run = [options, experiment, given] {
        if (experiment.settings) assign(experiment, *given);
        return run(experiment, *options);
      };
    });
  }
  verb.when_chosen([&command, verb, listed] {
    if (*listed) {
      command.run = [&command] { return list(command.common); };
    } else if (verb.stands_alone()) {
      fail(ErrorKind::bad_input, "reproduce: the name of an experiment is needed (--list)");
    }
  });
}

}  // namespace understudy::cli
