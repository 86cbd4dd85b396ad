#include "algorithms/reinforcement/next_observations.h"

namespace understudy {

NextObservations::NextObservations(const Rollouts& rollouts)
    : store_(rollouts.device()), program_(rollouts.device()) {
  const std::int64_t count = rollouts.steps_per_iteration();
  const std::int64_t width = rollouts.observation().shape()[1];
  next_ = &store_.create("next_observation", {count, width});
  const Tensor following =
      program_.use(rows_of(rollouts.observation(), {.offset = rollouts.num_envs()}));
  const Tensor last = program_.use(rows_of(rollouts.final_observation()));
  const Tensor ended = column(program_.use(rows_of(rollouts.ended())));
  program_.assign(*next_, select(expand(ended, {rows(count), width}), last, following));
  program_.plan();
}

}  // namespace understudy
