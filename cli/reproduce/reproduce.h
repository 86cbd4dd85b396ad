// understudy reproduce NAME: reruns a paper's table and prints it beside the paper's figures.
//
// An experiment is one function that returns an Experiment, in a file of cli/reproduce/ with its
// name; a long one has further files that begin with that name. It is declared below and listed in
// reproduce.cpp. It prints nothing: it returns tables.

#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "algorithms/evaluation/statistics.h"
#include "autograd/options/options.h"
#include "cli/session/command.h"
#include "cli/session/table.h"

namespace understudy::cli {

struct Reproduction {
  const Common& common;
  std::int64_t seeds = 0;  // of --seeds; 0: as many as the experiment's own
  std::string data;        // --data; see `data_folder` of command.h
  std::string out;         // --out: result.json and pictures go there; may be empty
  // What the run found.
  std::vector<Table> tables;
  std::vector<std::pair<std::string, std::string>> pictures;  // name.svg in --out, and its text

  std::string data_folder(const std::string& name) const { return cli::data_folder(data, name); }
  // --seeds, or the experiment's own number.
  std::int64_t seeds_or(std::int64_t own) const { return seeds > 0 ? seeds : own; }
  // Of run i: --seed, --seed + 1, ...
  std::uint64_t seed(std::int64_t i) const { return common.seed + static_cast<std::uint64_t>(i); }
};

struct Experiment {
  std::string name;
  std::string summary;  // one line
  std::string source;   // paper and table, or the data's reference
  // Settings beside --seeds, --data and --out, bound to what `run` looks at; may be empty. Each is
  // an option of the command too: training_steps is --training-steps.
  std::function<OptionList()> settings;
  std::function<void(Reproduction&)> run;
};

// One whose settings are a struct with a list.
template <class Settings>
Experiment with_settings(const char* name, const char* summary, const char* source,
                         void (*run)(Reproduction&, const Settings&)) {
  auto settings = std::make_shared<Settings>();
  return {name, summary, source, [settings] { return OptionList(*settings); },
          [settings, run](Reproduction& reproduction) { run(reproduction, *settings); }};
}

Experiment borlange_experiment();
Experiment trpo_classic_experiment();
Experiment omniglot_experiment();
Experiment multimodal_experiment();
Experiment letters_experiment();
Experiment objectworld_experiment();
Experiment binaryworld_experiment();
Experiment abbeel_ng_experiment();
Experiment shanghai_deep_experiment();
Experiment gail_classic_experiment();
Experiment mocap_experiment();
Experiment routes_experiment();
Experiment gail_cartpole_experiment();
Experiment gail_state_only_experiment();
Experiment imitation_defaults_experiment();
Experiment dagger_horizon_experiment();
Experiment distillation_experiment();
Experiment shanghai_experiment();
Experiment pedestrians_experiment();
Experiment duality_experiment();
Experiment infogail_circles_experiment();
Experiment gcl_navigation_experiment();
Experiment rust_experiment();
Experiment softness_experiment();
Experiment off_policy_experiment();
Experiment airl_transfer_experiment();
Experiment partial_demonstrations_experiment();
Experiment observation_cloning_experiment();
Experiment divergences_experiment();

// The CPU, whatever --device says, with as many threads as --threads asks for.
class CpuSession {
 public:
  explicit CpuSession(const Common& common);
  Device& device() { return *device_; }
  Threads& threads() { return threads_; }

 private:
  Threads threads_;
  std::unique_ptr<Device> device_;
};

double seconds_since(std::chrono::steady_clock::time_point start);

// What stands between commas.
std::vector<std::string> words(const std::string& text);

// The mean of -log p.
double nats_of(const std::vector<double>& log_probability);

// "12.3 ± 0.4": the mean and half the interval.
std::string shown(const Spread& spread);

}  // namespace understudy::cli
