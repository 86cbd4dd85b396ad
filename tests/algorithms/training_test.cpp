#include <gtest/gtest.h>
#include <unistd.h>

#include <cmath>
#include <filesystem>
#include <set>

#include "algorithms/adversarial/adversarial_imitation.h"
#include "algorithms/cloning/dagger.h"
#include "algorithms/cloning/sequence_cloning.h"
#include "algorithms/reinforcement/policy_gradient.h"
#include "algorithms/training/policy_setup.h"
#include "algorithms/training/registry.h"
#include "kernels/device/error.h"
#include "tests/off_policy/shown.h"

namespace understudy {
namespace {

std::string error_of(const std::function<void()>& act) {
  try {
    act();
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

// What `setup` has for a name; "" if it has none.
std::string value_of(TrainingSetup& setup, const std::string& name) {
  const OptionList list = setup.options();
  const Option* found = list.find(name);
  return found == nullptr ? "" : found->text();
}

TEST(RegistryTest, EveryRowSaysWhatItIsAndDescribesEverySetting) {
  std::set<std::string> names;
  for (const AlgorithmRow* row : algorithms()) {
    EXPECT_TRUE(names.insert(row->name).second) << row->name;
    EXPECT_EQ(find_algorithm(row->name), row);
    for (const char* text : {row->summary, row->observations, row->actions, row->source})
      EXPECT_GT(std::string(text).size(), 2u) << row->name;
    EXPECT_TRUE(std::filesystem::exists(row->header)) << row->header;
    if (row->setup == nullptr) continue;
    EXPECT_GT(row->iterations, 0) << row->name;
    const auto setup = row->setup({});
    const OptionList list = setup->options();
    EXPECT_GT(list.options().size(), 20u) << row->name;
    list.check();
    for (const Option& one : list.options())
      EXPECT_GT(std::string(one.summary).size(), 3u) << row->name << " " << one.name;
  }
}

TEST(RegistryTest, AnUnknownNameGetsTheNearestOne) {
  EXPECT_EQ(error_of([] { algorithm_named("gial", "train"); }).substr(0, 48),
            "train: no algorithm 'gial'; the nearest is 'gail");
  EXPECT_EQ(error_of([] {
              algorithm_named("gail", "expert",
                              [](const AlgorithmRow& row) { return row.needs.reward; });
            }).substr(0, 34),
            "expert: no algorithm 'gail'; the n");
}

// Settings that could not be set before they were listed.
TEST(TrainingTest, EveryFieldOfTheTrustRegionIsASetting) {
  const auto setup = algorithm_named("gail").setup({});
  setup->assign({{"backtrack_ratio", "0.5", "--set"},
                 {"max_backtracks", "4", "--set"},
                 {"cg_tolerance", "1e-8", "--set"},
                 {"baseline.max_kl", "0.02", "--set"},
                 {"baseline.backtrack_ratio", "0.7", "--set"},
                 {"discriminator.steps", "3", "--set"},
                 {"reward", "log(D)", "--set"}});
  EXPECT_EQ(value_of(*setup, "backtrack_ratio"), "0.5");
  EXPECT_EQ(value_of(*setup, "baseline.backtrack_ratio"), "0.7");
  EXPECT_EQ(value_of(*setup, "baseline.max_backtracks"), "15");
  EXPECT_EQ(value_of(*setup, "reward"), "log(D)");
  const auto linear = algorithm_named("fem").setup({});
  EXPECT_EQ(value_of(*linear, "discriminator.steps"), "");
  EXPECT_EQ(value_of(*linear, "reward_sign"), "automatic");
}

TEST(TrainingTest, TheValueFunctionFollowsTheStrideUnlessItHasItsOwn) {
  const auto setup = algorithm_named("trpo").setup({});
  EXPECT_EQ(value_of(*setup, "fisher_stride"), "5");
  EXPECT_EQ(value_of(*setup, "baseline.fisher_stride"), "5");
  setup->assign({{"fisher_stride", "10", "--set"}});
  EXPECT_EQ(value_of(*setup, "baseline.fisher_stride"), "10");
  setup->assign({{"baseline.fisher_stride", "2", "--set"}, {"fisher_stride", "1", "--set"}});
  EXPECT_EQ(value_of(*setup, "fisher_stride"), "1");
  EXPECT_EQ(value_of(*setup, "baseline.fisher_stride"), "2");
}

TEST(TrainingTest, WhatHoldsBetweenSettingsIsChecked) {
  const auto error_with = [](const char* algorithm, std::vector<OptionAssignment> given) {
    return error_of([&] { algorithm_named(algorithm).setup({})->assign(given); });
  };
  EXPECT_EQ(error_with("trpo", {{"steps_per_iteration", "5001", "--set"}}),
            "steps_per_iteration: expected a multiple of num_envs, 50, found 5001");
  EXPECT_EQ(error_with("gail", {{"fisher_stride", "3", "--set"}}).substr(0, 52),
            "baseline.fisher_stride: expected a divisor of steps_");
  EXPECT_EQ(error_with("ppo", {{"batch_size", "300", "--set"}}).substr(0, 31),
            "batch_size: expected a divisor ");
  EXPECT_EQ(error_with("bc", {{"perturbation", "0.1", "--set"}}),
            "perturbation: expected how observations follow from actions, decay and gain, found "
            "none");
}

TEST(TrainingTest, TheHeadThatIsChosenHasItsSettingsAndDefaults) {
  const auto setup = algorithm_named("bc").setup({});
  EXPECT_EQ(value_of(*setup, "head"), "gaussian");
  EXPECT_EQ(value_of(*setup, "components"), "");
  setup->assign({{"components", "7", "--set"}, {"head", "gmm", "--set"}});
  EXPECT_EQ(value_of(*setup, "head"), "mixture");
  EXPECT_EQ(value_of(*setup, "components"), "7");
  EXPECT_EQ(value_of(*setup, "state_dependent_std"), "");
  setup->assign({{"head", "joint_bins", "--set"}});
  EXPECT_EQ(value_of(*setup, "bins"), "8");
  EXPECT_EQ(value_of(*setup, "bin_placement"), "automatic");
}

TEST(TrainingTest, ATrunkWithMemoryIsTrainedBySequencesWithTheirDefaults) {
  const auto setup = algorithm_named("bc").setup({});
  EXPECT_EQ(value_of(*setup, "batch_size"), "128");
  EXPECT_EQ(value_of(*setup, "window"), "");
  setup->assign({{"trunk", "lstm", "--set"}});
  EXPECT_EQ(value_of(*setup, "hidden"), "64");
  EXPECT_EQ(value_of(*setup, "batch_size"), "32");
  EXPECT_EQ(value_of(*setup, "window"), "64");
  const auto remedied = algorithm_named("bc").setup({});
  remedied->assign({{"sampling", "linear", "--set"}, {"decay", "1,1", "--set"}});
  EXPECT_EQ(value_of(*remedied, "gain"), "1,1");
  EXPECT_EQ(value_of(*remedied, "window"), "64");
}

TEST(TrainingTest, ConstructorsCheckWhatTheListsSay) {
  EXPECT_EQ(error_of([] { check_options(TrustRegionOptions{.backtrack_ratio = 1}); }),
            "backtrack_ratio: expected a number above 0 and below 1, found 1");
  EXPECT_EQ(error_of([] { check_options(PolicyGradientOptions{.epochs = 0}); }),
            "epochs: expected a whole number of 1 or more, found 0");
  EXPECT_EQ(error_of([] { check_options(Discriminator::Options{.entropy_weight = -1}); }),
            "entropy_weight: expected a number of 0 or more, found -1");
  EXPECT_EQ(error_of([] { check_options(Dagger::Options{.share = 2}); }),
            "share: expected a number from 0 to 1, found 2");
  EXPECT_EQ(error_of([] {
              check_options(SequenceCloning::Options{.decay = {1, 1}});
            }),
            "gain: expected as many numbers as decay has, 2, none of them 0");
}

// A run by the face alone: two halves have the bits of a whole, for every algorithm on a reward and
// for those off the policy on demonstrations, with actions of either kind.
TEST(TrainingTest, ARunThatWasBrokenOffGoesOnBitForBit) {
  const auto device = cpu_device();
  const Demonstrations pole = shown("cartpole", 2, 60), pendulum = shown("pendulum", 2, 60);
  const std::filesystem::path folder = std::filesystem::temp_directory_path() /
                                       ("understudy_training_test." + std::to_string(::getpid()));
  std::filesystem::create_directories(folder);
  const auto check = [&](const AlgorithmRow* row, const char* name, const Demonstrations* from) {
    SCOPED_TRACE(std::string(row->name) + " " + name);
    const TrainingInputs inputs{.device = device.get(),
                                .environment = &environment_named(name),
                                .demonstrations = from,
                                .seed = 3};
    const auto begun = [&]() -> std::unique_ptr<Trainer> {
      const auto setup = row->setup(inputs);
      std::vector<OptionAssignment> small = {
          {"hidden", "8", "t"}, {"num_envs", "10", "t"}, {"steps_per_iteration", "500", "t"}};
      for (const auto& [option, value] : {std::pair{"batch_size", "100"},
                                          {"learning_starts", "700"},
                                          {"critic_hidden", "8"},
                                          {"discriminator.hidden", "8"},
                                          {"pretraining", "20"},
                                          {"capacity", "900"}})
        if (setup->options().find(option) != nullptr) small.push_back({option, value, "t"});
      setup->assign(small);
      return setup->make();
    };
    const auto whole = begun();
    for (int i = 0; i < 3; ++i) whole->step();
    {
      const auto first = begun();
      first->step();
      first->save(folder, 1);
    }
    const auto second = begun();
    second->resume(folder, 1);
    for (int i = 0; i < 2; ++i) second->step();
    EXPECT_EQ(second->policy().parameters().flat().read(),
              whole->policy().parameters().flat().read())
        << row->name;
    EXPECT_EQ(second->interactions(), 1500) << row->name;
  };
  for (const AlgorithmRow* row : algorithms()) {
    if (row->setup != nullptr && row->needs.reward)
      check(row, std::string(row->name) == "sac" ? "pendulum" : "cartpole", nullptr);
    const bool off_policy = std::string(row->header).starts_with("algorithms/off_policy/");
    if (!off_policy || !row->needs.demonstrations) continue;
    check(row, "cartpole", &pole);
    if (std::string(row->actions) != "discrete") check(row, "pendulum", &pendulum);
  }
  std::filesystem::remove_all(folder);
}

// A row from outside the library's table: its only setting says where it will be.
class Still final : public Trainer {
 public:
  explicit Still(const TrainingInputs& inputs, double level)
      : policy_(*inputs.device, describe_policy(*inputs.environment), inputs.seed), level_(level) {}
  Policy& policy() override { return policy_; }
  Metrics step() override { return {{"level", level_}}; }
  void save(const std::string& folder, std::int64_t iteration) override {
    write(folder, iteration, {&policy_.store()});
  }
  void resume(const std::string& folder, std::int64_t) override {
    read(folder, {&policy_.store()});
  }

 private:
  Policy policy_;
  double level_;
};
class StillSetup final : public TrainingSetup {
 public:
  explicit StillSetup(const TrainingInputs& inputs) : inputs_(inputs) {}
  void list(OptionList& list) override { list.add(option("level", level_, "of the metric")); }
  std::unique_ptr<Trainer> make() override { return std::make_unique<Still>(inputs_, level_); }

 private:
  const TrainingInputs inputs_;
  double level_ = 1;
};
const AlgorithmRow still_row = {
    .name = "still",
    .summary = "does nothing",
    .observations = "numbers",
    .actions = "any",
    .source = "none",
    .header = "tests/algorithms/training_test.cpp",
    .needs = {.environment = true},
    .iterations = 1,
    .metric = "level",
    .setup = [](const TrainingInputs& inputs) -> std::unique_ptr<TrainingSetup> {
      return std::make_unique<StillSetup>(inputs);
    }};

// Last: the table keeps it.
TEST(ZRegistryTest, ARowCanBeAddedFromOutside) {
  EXPECT_EQ(find_algorithm("still"), nullptr);
  register_algorithm(still_row);
  EXPECT_EQ(error_of([] { register_algorithm(still_row); }),
            "an algorithm 'still' is there already");
  const auto device = cpu_device();
  const auto setup = algorithm_named("still").setup(
      {.device = device.get(), .environment = &environment_named("cartpole")});
  setup->assign({{"level", "4", "here"}});
  EXPECT_EQ(setup->make()->step()[0].second, 4);
}

}  // namespace
}  // namespace understudy
