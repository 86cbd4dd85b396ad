// Policies at work: draws from an autoregressive head of 6 dimensions in 64 bins, and training a
// mixture LSTM on sequences like Omniglot's.

#include <map>
#include <memory>

#include "algorithms/cloning/sequence_cloning.h"
#include "algorithms/policies/actor.h"
#include "algorithms/policies/autoregressive.h"
#include "algorithms/policies/mixture.h"
#include "bench/bench.h"

namespace understudy::bench {
namespace {

// 17 numbers observed, no layers before the head's own two: 64 units, masked.
struct Drawing {
  Drawing(std::int64_t batch, int threads)
      : policy(device(threads),
               {.observation = {.shape = {17}},
                .action = {ActionKind::continuous, 6, Numbers(6, -1.0), Numbers(6, 1.0)},
                .trunk = {.hidden = {}},
                .head = AutoregressiveOptions{.binning = {.bins = 64}, .hidden = {64, 64}}}),
        store(device(threads)),
        observation(store.create("observation", {batch, 17})),
        actor(policy, store, {.rows = batch}) {
    Array<double> numbers(static_cast<std::size_t>(batch * 17));
    observation.write({numbers.data(), numbers.data() + batch * 17});
    actor.observe(rows_of(observation));
  }
  using Numbers = std::vector<double>;
  Policy policy;
  Store store;
  understudy::Array& observation;
  Actor actor;
};

void add_draw(std::int64_t batch, int threads) {
  // A network of 23-64-64-64 at each of six positions.
  const double operations = 2.0 * 6 * (23 * 64 + 64 * 64 + 64 * 64);
  const auto drawing = std::make_shared<std::unique_ptr<Drawing>>();
  add({.work = "draw of 6 x 64 bins, batch " + std::to_string(batch),
       .threads = threads,
       .operations = operations * static_cast<double>(batch),
       .ours = [=](benchmark::State& state) {
         if (*drawing == nullptr) {
           *drawing = std::make_unique<Drawing>(batch, threads);
           (*drawing)->actor.act();
         }
         for (auto _ : state) {
           (*drawing)->actor.act();
           device(threads).synchronize();
         }
       }});
}

// A step of training on 32 drawings: 64 units, 20 components, windows of 96 offsets of which two
// thirds are there, as of Omniglot's. 1768 drawings make an epoch of 55 such steps. Steps of
// padding are computed, and counted, on both sides.
constexpr std::int64_t windows = 32, offsets = 96, seen = 7, units = 64, components = 20;

Transitions drawings() {
  Transitions sequences = Transitions::of_numbers(seen, 2);
  Array<float> numbers(static_cast<std::size_t>(windows * offsets * (seen + 2)));
  const float* next = numbers.data();
  for (std::int64_t i = 0; i < windows; ++i) {
    for (std::int64_t t = 0; t < offsets / 3 + 2 * i; ++t, next += seen + 2)
      sequences.append({next, next + seen}, {next + seen, next + seen + 2});
    sequences.end_sequence();
  }
  return sequences;
}

void add_mixture_lstm(int threads) {
  const double forward =
      2.0 * static_cast<double>((seen + units) * 4 * units + units * 5 * components);
  const auto cloning = std::make_shared<std::unique_ptr<SequenceCloning>>();
  add({.work = "mixture LSTM, 32 drawings of 96 offsets",
       .threads = threads,
       .operations = 3 * forward * static_cast<double>(windows * offsets),
       .ours = [=](benchmark::State& state) {
         if (*cloning == nullptr) {
           SequenceCloning::Options options;
           options.policy.trunk = {.name = "lstm", .hidden = {units}};
           options.policy.head = MixtureOptions{.components = components};
           options.batch_size = windows;
           options.steps = offsets;
           *cloning = std::make_unique<SequenceCloning>(device(threads), drawings(), options);
           (*cloning)->step();
         }
         for (auto _ : state) {
           (*cloning)->step();
           device(threads).synchronize();
         }
       }});
}

const bool added = [] {
  for (int threads : places()) add_mixture_lstm(threads);
  add_draw(1, 1);
  for (int threads : places()) add_draw(1024, threads);
  return true;
}();

}  // namespace
}  // namespace understudy::bench
