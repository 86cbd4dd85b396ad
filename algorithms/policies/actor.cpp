#include "algorithms/policies/actor.h"

#include "kernels/device/error.h"

namespace understudy {

namespace {

// Beyond the streams that parameters draw from, which are numbered from 0.
constexpr std::uint64_t action_stream = (std::uint64_t{1} << 32) + 16;

}  // namespace

Actor::Actor(const Policy& policy, Store& store, const Options& options)
    : options_(options),
      program_(policy.device(), store.real()),
      reset_(policy.device(), store.real()) {
  if (options.rows < 1)
    fail(ErrorKind::bad_input, "actor: expected at least one row, found %lld",
         static_cast<long long>(options.rows));
  counter_ = &store.create(options.name + "/counter", {1}, Element::counter);
  const ObservationSpace& space = policy.description().observation;
  const Tensor observation =
      space.discrete ? program_.input("observation", {rows(options.rows)}, Element::index)
                     : program_.input("observation", {rows(options.rows), space.width()});
  std::unique_ptr<ActionDistribution> distribution;
  if (policy.has_memory()) {
    // The array's memory seen with rows, so that a step goes over tiles of them; it is written when
    // all rows have been read.
    const Shape shape = {rows(options.rows), policy.memory_width()};
    memory_ = &store.create(options.name + "/memory", {options.rows, policy.memory_width()});
    Tensor next;
    distribution = policy.step(observation, program_.input("memory", shape), next);
    program_.assign(*memory_, next);
    program_.bind("memory", memory_->data());
    const Tensor kept = 1.0 - reset_.input("ended", {rows(options.rows), 1});
    reset_.assign(*memory_, reset_.input("memory", shape) * kept);
    reset_.bind("memory", memory_->data());
    reset_.plan();
  } else {
    distribution = policy.distribution(observation);
  }
  const Tensor action = options.deterministic
                            ? distribution->mode()
                            : distribution->sample({counter_, options.seed, action_stream});
  program_.output("action", action);
  if (options.log_probability)
    program_.output("log_probability", distribution->log_probability(action));
  program_.plan();
}

void Actor::observe(const void* observation) {
  if (observation == bound_) return;
  program_.bind("observation", observation);
  bound_ = observation;
}

void Actor::act() { program_.run(); }

std::vector<double> Actor::act(const std::vector<double>& observation) {
  if (bound_ != nullptr)
    fail(ErrorKind::bad_input, "actor: it reads device memory, found observations of the host");
  program_.write("observation", observation);
  program_.run();
  return program_.read("action");
}

void Actor::reset_hidden_state() {
  if (memory_ != nullptr) memory_->fill(0);
}

void Actor::reset_hidden_state(const void* ended) {
  if (memory_ == nullptr) return;
  reset_.bind("ended", ended);
  reset_.run();
}

}  // namespace understudy
