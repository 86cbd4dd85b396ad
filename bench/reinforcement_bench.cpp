// A trust-region step of a policy, and the whole loop of rollouts and update on CartPole.
//
// Operations of a step are those of its products: a forward pass, a gradient, what products with
// the Fisher information share, those products (GaussNewton), and one try of the line search. The
// loop has two such steps, of the policy and of the value function, and a forward pass of each.

#include <map>
#include <memory>
#include <string>

#include "algorithms/reinforcement/trpo.h"
#include "bench/bench.h"

namespace understudy::bench {
namespace {

constexpr std::int64_t states = 17, actions = 6, width = 100;
constexpr int iterations = 11;

// Of a step of a network of two layers, a row; `sampled`: the share of rows in Fisher products,
// `freedoms`: how many numbers they have a row, one of a choice of two.
double operations_of_step(double inputs, double outputs, double freedoms, int fisher_products,
                          double sampled) {
  const double products = inputs * width + width * width + width * outputs;
  const double pass = 2 * products, gradient = 2 * (2 * products - inputs * width);
  double kept = 0, fisher = 2 * gradient;
  if (freedoms <= 4) {
    // A derivative of each in the first layer is made by the layers behind it, once; then a
    // tangent and a gradient are of each layer by what it is fed, the last one both ways, and a
    // multiply-add each a derivative.
    kept = 2 * freedoms * (products - inputs * width);
    fisher = 2 * 2 * (products + width * outputs + freedoms * width);
  }
  return 2 * pass + gradient + sampled * (kept + fisher_products * fisher);
}

// Pairs of a Gaussian policy of 17 - 100 - 100 - 6, drawn from it, with advantages at random.
struct Update {
  Update(std::int64_t batch, int threads) : store(device(threads)) {
    PolicyDescription description;
    description.observation.shape = {states};
    description.action = {ActionKind::continuous, actions};
    policy = std::make_unique<Policy>(device(threads), description);
    Array<float> numbers(static_cast<std::size_t>(batch * states));
    Program sample(device(threads));
    const Tensor observation = sample.input("o", {rows(batch), states});
    const auto now = policy->distribution(observation);
    understudy::Array& counter = store.create("counter", {1}, Element::counter);
    const Tensor action = now->sample({&counter, 0, 1});
    const Tensor advantage = random_normal(sample, {&counter, 0, 2}, {rows(batch)});
    understudy::Array& observations = store.create("observation", {batch, states});
    understudy::Array& taken = store.create("action", {batch, actions});
    understudy::Array& advantages = store.create("advantage", {batch});
    understudy::Array& log_probabilities = store.create("log_probability", {batch});
    sample.assign(observations, observation);
    sample.assign(taken, action);
    sample.assign(advantages, advantage);
    sample.assign(log_probabilities, now->log_probability(action));
    sample.write("o", numbers.data(), batch * states);
    sample.run();
    start = policy->parameters().flat().read();
    region = policy_trust_region(*policy,
                                 {.observation = rows_of(observations),
                                  .action = rows_of(taken),
                                  .log_probability = rows_of(log_probabilities),
                                  .advantage = rows_of(advantages)},
                                 0, {.cg_iterations = iterations});
  }
  // Every repetition is the same step.
  void run() {
    policy->parameters().flat().write(start);
    benchmark::DoNotOptimize(region->step().divergence);
  }
  Store store;
  std::unique_ptr<Policy> policy;
  std::vector<double> start;
  std::unique_ptr<TrustRegion> region;
};

void add_update(std::int64_t batch, int threads) {
  const auto kept = std::make_shared<std::unique_ptr<Update>>();
  add({.work = "TRPO update, batch " + std::to_string(batch),
       .threads = threads,
       .operations =
           static_cast<double>(batch) * operations_of_step(states, actions, actions, iterations, 1),
       .ours = [=](benchmark::State& state) {
         if (*kept == nullptr) *kept = std::make_unique<Update>(batch, threads);
         for (auto _ : state) {
           (*kept)->run();
           device(threads).synchronize();
         }
       }});
}

// TRPO as the papers run it: networks of two layers of 100, 5000 pairs an iteration, a value
// function by trust region. `stride`: of the rows that products are taken over. How many tries the
// line searches take depends on how far learning is (a value function that fits ends with all of
// them in vain), so the same iterations are measured over and over: the 100,000 interactions in
// which it learns.
struct Loop {
  static constexpr int iterations = 20;
  Loop(int threads, std::int64_t stride)
      : policy(device(threads), describe_policy(environment_named("cartpole"))) {
    TrpoOptions options;
    options.trust_region.fisher_stride = stride;
    options.learner.baseline.trust_region.fisher_stride = stride;
    trpo = std::make_unique<Trpo>(policy, environment_named("cartpole"), options);
    trpo->step();
  }
  Policy policy;
  std::unique_ptr<Trpo> trpo;
  int done = 0;
};

void add_loop(int threads, std::int64_t stride, bool only_rollouts) {
  const std::string name =
      only_rollouts ? "rollouts of a policy on CartPole, 50 environments"
      : stride > 1  ? "TRPO on CartPole, products over every " + std::to_string(stride) + "th pair"
                    : "TRPO on CartPole";
  constexpr double pairs = 5000, inputs = 4, choices = 2;
  const double sampled = 1.0 / static_cast<double>(stride);
  const double forward = 2 * 2 * (inputs * width + width * width) + 2 * width * (choices + 1);
  const double steps = operations_of_step(inputs, choices, 1, 10, sampled) +
                       operations_of_step(inputs, 1, 1, 10, sampled);
  const auto kept = std::make_shared<std::unique_ptr<Loop>>();
  add({.work = name,
       .unit = Unit::steps_per_second,
       .threads = threads,
       .operations = only_rollouts ? 0 : pairs * (forward + steps),
       .count = pairs,
       .ours = [=](benchmark::State& state) {
         if (*kept == nullptr) *kept = std::make_unique<Loop>(threads, stride);
         for (auto _ : state) {
           if (!only_rollouts && (*kept)->done == Loop::iterations) {
             state.PauseTiming();
             *kept = std::make_unique<Loop>(threads, stride);
             state.ResumeTiming();
           }
           ++(*kept)->done;
           (*kept)->trpo->collect();
           if (!only_rollouts) (*kept)->trpo->update();
           device(threads).synchronize();
         }
       }});
}

const bool added = [] {
  for (int threads : places()) {
    for (std::int64_t batch : {5000, 50000}) add_update(batch, threads);
    add_loop(threads, 1, true);
    add_loop(threads, 1, false);
    add_loop(threads, 10, false);
  }
  return true;
}();

}  // namespace
}  // namespace understudy::bench
