// The face that learning algorithms share: iterations that can be broken off and taken up again.
// The command, and whoever else runs algorithms by name, sees this alone.
//
//   TrainingInputs inputs{.device = &device, .environment = &environment, .seed = 1};
//   auto setup = algorithm_named("trpo").setup(inputs);                     // registry.h
//   setup->assign({{"max_kl", "0.02", "--set"}});
//   std::unique_ptr<Trainer> trainer = setup->make();
//   for (std::int64_t i = 1; i <= 100 && !trainer->finished(); ++i) {
//     Metrics metrics = trainer->step();
//     trainer->save("run", i);
//   }
//
// A run that was saved and resumed has the bits of one that was not broken off.
//
// Thread safety: as the device it trains on, one thread at a time.

#pragma once

#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "algorithms/cloning/expert.h"
#include "algorithms/data/demonstrations.h"
#include "algorithms/policies/policy.h"
#include "autograd/options/options.h"
#include "envs/registry.h"

namespace understudy {

class FrozenReward;

// Numbers with their names, in order.
using Metrics = std::vector<std::pair<std::string, double>>;

// What an algorithm learns from. What is pointed to must outlive the trainer.
struct TrainingInputs {
  Device* device = nullptr;                             // null: only to list settings
  const EnvironmentDescription* environment = nullptr;  // null: none
  const Demonstrations* demonstrations = nullptr;       // null: none
  std::string demonstrations_name = "demonstrations";   // for messages
  // Who is asked what to do: a policy, or anything else that answers.
  const Policy* teacher = nullptr;
  Expert* expert = nullptr;
  std::string expert_name = "the expert";
  // Learned from in place of the environment's own, by who says that it `takes_reward`; null: that.
  const FrozenReward* reward = nullptr;
  std::uint64_t seed = 0;
};

class Trainer {
 public:
  virtual ~Trainer() = default;
  virtual Policy& policy() = 0;

  virtual Metrics step() = 0;
  // The metric to watch, where settings have it be another than the row's; else null.
  virtual const char* metric() const { return nullptr; }
  // Nothing more is to be learned; asked after each step and after resuming.
  virtual bool finished() { return false; }
  // After the last step, before the policy is used.
  virtual void conclude() {}
  // Every inner quantity of the latest step; empty: what `step` returned is all.
  virtual Metrics trace() const { return {}; }
  // A sentence on what is wrong with the latest step; null: nothing.
  virtual const char* warning() const { return nullptr; }
  // What the algorithm settled by itself, by name.
  virtual std::vector<std::pair<std::string, std::string>> decisions() const { return {}; }
  // What was learned beside the policy, after the last step; null: no reward was.
  virtual std::unique_ptr<FrozenReward> learned_reward() const;
  // Steps in the environment so far, not counting an expert's.
  virtual std::int64_t interactions() const { return 0; }

  // Writes `folder`/checkpoint.safetensors, whole or not at all, and what else a resumed run must
  // have; takes the run up there.
  virtual void save(const std::string& folder, std::int64_t iteration) = 0;
  virtual void resume(const std::string& folder, std::int64_t iteration) = 0;

 protected:
  // Of these stores, with the iteration and `metadata`.
  static void write(const std::string& folder, std::int64_t iteration,
                    const std::vector<const Store*>& stores,
                    std::map<std::string, std::string> metadata = {});
  // The same back; returns the metadata.
  static std::map<std::string, std::string> read(const std::string& folder,
                                                 const std::vector<Store*>& stores);
  static std::string checkpoint_in(const std::string& folder);
};

// An algorithm's settings before it begins.
class TrainingSetup {
 public:
  virtual ~TrainingSetup() = default;

  // Every setting, bound to this. Which there are may depend on values of others and on the inputs.
  virtual void list(OptionList& list) = 0;
  OptionList options() {
    OptionList all;
    list(all);
    return all;
  }
  // Sets and checks them; see assign_options.
  void assign(const std::vector<OptionAssignment>& assignments);
  // REQUIRES: inputs with a device and what the algorithm needs.
  virtual std::unique_ptr<Trainer> make() = 0;
};

}  // namespace understudy
