// Policies at work: draws from an autoregressive head of 6 dimensions in 64 bins.

#include <map>
#include <memory>

#include "algorithms/policies/actor.h"
#include "bench/bench.h"

namespace understudy::bench {
namespace {

Device& device(int threads) {
  static std::map<int, std::unique_ptr<Device>> devices;
  std::unique_ptr<Device>& found = devices[threads];
  if (found == nullptr)
    found = cpu_device(threads > 1 ? stream(threads).threads : nullptr, instruction_set());
  return *found;
}

// 17 numbers observed, no layers before the head's own two: 64 units, masked.
struct Drawing {
  Drawing(std::int64_t batch, int threads)
      : policy(device(threads),
               {.observation = {.shape = {17}},
                .action = {ActionKind::real, 6, Numbers(6, -1.0), Numbers(6, 1.0)},
                .trunk = {.hidden = {}},
                .head = {.kind = HeadKind::autoregressive, .bins = 64, .hidden = {64, 64}}}),
        store(device(threads)),
        observation(static_cast<std::size_t>(batch * 17)),
        actor(policy, store, {.rows = batch}) {
    actor.observe(observation.data());
  }
  using Numbers = std::vector<double>;
  Policy policy;
  Store store;
  Array<float> observation;
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
         for (auto _ : state) (*drawing)->actor.act();
       }});
}

const bool added = [] {
  add_draw(1, 1);
  for (int threads : {1, 2}) add_draw(1024, threads);
  return true;
}();

}  // namespace
}  // namespace understudy::bench
