// Behavioral cloning from observation: an iteration is a round of own play, an inverse model and a
// clone of what it says.

#include "algorithms/cloning/observation_cloning.h"
#include "algorithms/training/gathered_set.h"
#include "algorithms/training/policy_setup.h"
#include "algorithms/training/rows.h"

namespace understudy {

namespace {

using Index = std::int64_t;

class BcoTrainer final : public Trainer {
 public:
  BcoTrainer(const TrainingInputs& inputs, const PolicyDescription& description, Index num_envs,
             const ObservationCloning::Options& options)
      : policy_(*inputs.device, description, inputs.seed),
        world_(*inputs.device, *inputs.environment, num_envs, inputs.seed),
        cloning_(policy_, world_, *inputs.demonstrations, options) {}

  Policy& policy() override { return policy_; }
  Metrics step() override {
    const ObservationCloning::Metrics found = cloning_.step();
    return {{"inverse_loss", found.inverse_loss},
            {"loss", found.loss},
            {"episodes", static_cast<double>(found.episodes)},
            {"return_mean", found.mean_return}};
  }
  Index interactions() const override { return cloning_.interactions(); }
  void save(const std::string& folder, Index iteration) override {
    own_.write(folder, iteration, cloning_.own());
    cloning_.save_state();
    write(folder, iteration, {&policy_.store(), &cloning_.store()},
          {{"interactions", std::to_string(cloning_.interactions())}});
    own_.wrote(folder, iteration);
  }
  void resume(const std::string& folder, Index iteration) override {
    auto metadata = read(folder, {&policy_.store(), &cloning_.store()});
    cloning_.load_state();
    cloning_.resume(own_.read(folder, iteration), iteration, std::stoll(metadata["interactions"]));
  }

 private:
  Policy policy_;
  BatchWorld world_;
  ObservationCloning cloning_;
  GatheredSet own_{"own"};
};

class BcoSetup final : public TrainingSetup {
 public:
  explicit BcoSetup(const TrainingInputs& inputs)
      : inputs_(inputs),
        without_(without_demonstrations(inputs)),
        policy_(PolicySetup::without_demonstrations(without_)) {
    options_.seed = inputs.seed;
    options_.cloning.validation_share = 0.1;
    OptionList(options_.cloning).seed(inputs.seed);
  }
  void list(OptionList& list) override {
    policy_.list(list);
    list.add(option("num_envs", num_envs_, "environments that the learner acts in", {.least = 1}));
    list_options(list, options_);
  }
  std::unique_ptr<Trainer> make() override {
    return std::make_unique<BcoTrainer>(inputs_, policy_.description(), num_envs_, options_);
  }

 private:
  // What the demonstrations did says nothing of the policy.
  static TrainingInputs without_demonstrations(TrainingInputs inputs) {
    inputs.demonstrations = nullptr;
    return inputs;
  }

  const TrainingInputs inputs_, without_;
  PolicySetup policy_;
  ObservationCloning::Options options_;
  Index num_envs_ = 10;
};

}  // namespace

const AlgorithmRow bco_row = {
    .name = "bco",
    .summary = "cloning from observation: the expert's actions inferred from the learner's play",
    .observations = "numbers",
    .actions = "any",
    .source = "Torabi, Warnell & Stone 2018",
    .header = "algorithms/cloning/observation_cloning.h",
    .needs = {.environment = true, .demonstrations = true, .states_only = true},
    .iterations = 20,
    .metric = "inverse_loss",
    .setup = [](const TrainingInputs& inputs) -> std::unique_ptr<TrainingSetup> {
      return std::make_unique<BcoSetup>(inputs);
    }};

}  // namespace understudy
