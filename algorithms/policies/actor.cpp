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
      space.discrete
          ? program_.input("observation", {rows(options.rows)}, Element::index)
          : program_.input("observation", {rows(options.rows), policy.description().input_width()});
  std::unique_ptr<ActionDistribution> distribution;
  if (policy.has_memory()) {
    // As rows, so that a step goes over tiles of them; it is written when all have been read.
    memory_ = &store.create(options.name + "/memory", {options.rows, policy.memory_width()});
    Tensor next;
    distribution = policy.step(observation, program_.use(rows_of(*memory_)), next);
    program_.assign(*memory_, next);
    const Tensor ended = reset_.input("ended", {rows(options.rows)});
    reset_.assign(*memory_, reset_.use(rows_of(*memory_)) *
                                (1.0 - reshape(ended, behind(ended.shape(), {1}))));
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

void Actor::observe(const DataView& observation) {
  program_.bind("observation", observation);
  bound_ = true;
}

void Actor::act() { program_.run(); }

std::vector<double> Actor::act(const std::vector<double>& observation) {
  if (bound_)
    fail(ErrorKind::bad_input, "actor: it reads device memory, found observations of the host");
  require_finite(observation, static_cast<std::int64_t>(observation.size()) / options_.rows,
                 "actor: observations");
  program_.write("observation", observation);
  program_.run();
  return program_.read("action");
}

void Actor::reset_hidden_state() {
  if (memory_ != nullptr) memory_->fill(0);
}

void Actor::reset_hidden_state(const DataView& ended) {
  if (memory_ == nullptr) return;
  reset_.bind("ended", ended);
  reset_.run();
}

}  // namespace understudy
