// An algorithm of one's own, beside the library's: one class that steps, one that has its settings,
// one row. It is then trained by name, as those of the library are.
//
//   g++ -std=c++20 algorithm.cpp $(pkg-config --cflags --libs understudy) -o algorithm
//
// What it does is the simplest search there is: every so often a policy with other parameters,
// drawn about the best so far, is tried for some episodes and kept if it did better.

#include <cstdio>

#include "algorithms/data/draws.h"
#include "algorithms/policies/evaluation.h"
#include "algorithms/training/policy_setup.h"
#include "algorithms/training/registry.h"

namespace {

using namespace understudy;

struct SearchOptions {
  double reach = 0.3;         // of a trial's parameters from the best ones
  std::int64_t episodes = 4;  // a trial
  std::uint64_t seed = 0;
};
void list_options(OptionList& list, SearchOptions& o) {
  list.fields(o,
              option("reach", o.reach, "most that a trial's parameters differ from the best ones",
                     {.above = 0}),
              option("episodes", o.episodes, "of a trial", {.least = 1, .unit = "episodes"}),
              seed(o.seed));
}

class SearchTrainer final : public Trainer {
 public:
  SearchTrainer(const TrainingInputs& inputs, const PolicyDescription& description,
                const SearchOptions& options)
      : environment_(*inputs.environment),
        options_(options),
        policy_(*inputs.device, description, inputs.seed),
        best_(policy_.parameters().flat().read()) {}
  Policy& policy() override { return policy_; }
  Metrics step() override {
    // Each iteration has draws of its own: a run that is resumed goes on with the next.
    Draws draws(options_.seed, static_cast<std::uint64_t>(++iteration_));
    std::vector<double> tried = best_;
    if (iteration_ > 1)
      for (double& one : tried)
        one += options_.reach * (static_cast<double>(draws.below(2001)) / 1000 - 1);
    policy_.parameters().flat().write(tried);
    const double mean =
        evaluate_policy(policy_, environment_, {.episodes = options_.episodes}).mean;
    if (iteration_ == 1 || mean > return_) {
      return_ = mean;
      best_ = tried;
    }
    policy_.parameters().flat().write(best_);
    return {{"best_return", return_}, {"tried_return", mean}};
  }
  void save(const std::string& folder, std::int64_t iteration) override {
    write(folder, iteration, {&policy_.store()}, {{"return", std::to_string(return_)}});
  }
  void resume(const std::string& folder, std::int64_t iteration) override {
    return_ = std::stod(read(folder, {&policy_.store()})["return"]);
    best_ = policy_.parameters().flat().read();
    iteration_ = iteration;
  }

 private:
  const EnvironmentDescription& environment_;
  SearchOptions options_;
  Policy policy_;
  std::vector<double> best_;
  double return_ = 0;
  std::int64_t iteration_ = 0;
};

class SearchSetup final : public TrainingSetup {
 public:
  explicit SearchSetup(const TrainingInputs& inputs) : inputs_(inputs), policy_(inputs_) {
    OptionList(options_).seed(inputs.seed);
  }
  void list(OptionList& list) override {
    policy_.list(list);
    list_options(list, options_);
  }
  std::unique_ptr<Trainer> make() override {
    return std::make_unique<SearchTrainer>(inputs_, policy_.description(), options_);
  }

 private:
  const TrainingInputs inputs_;
  PolicySetup policy_;
  SearchOptions options_;
};

const AlgorithmRow random_search = {
    .name = "random_search",
    .summary = "keeps what did better, of policies drawn about the best",
    .observations = "numbers",
    .actions = "any",
    .source = "Rastrigin 1963",
    .header = "algorithm.cpp",
    .needs = {.environment = true, .reward = true},
    .iterations = 50,
    .metric = "best_return",
    .setup = [](const TrainingInputs& inputs) -> std::unique_ptr<TrainingSetup> {
      return std::make_unique<SearchSetup>(inputs);
    }};

}  // namespace

int main() {
  register_algorithm(random_search);
  const auto device = cpu_device();
  const TrainingInputs inputs{
      .device = device.get(), .environment = &environment_named("cartpole"), .seed = 1};
  const AlgorithmRow& row = algorithm_named("random_search");
  const auto setup = row.setup(inputs);
  setup->assign({{"hidden", "", "here"}, {"reach", "0.5", "here"}});
  const auto trainer = setup->make();
  double first = 0, last = 0;
  for (std::int64_t i = 1; i <= row.iterations; ++i) {
    last = trainer->step()[0].second;
    if (i == 1) first = last;
  }
  std::printf("%zu settings, return %.1f, after %lld iterations %.1f\n",
              setup->options().texts().size(), first, static_cast<long long>(row.iterations), last);
}
