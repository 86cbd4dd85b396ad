#include "algorithms/policies/evaluation.h"

#include <cmath>

#include "algorithms/policies/actor.h"
#include "kernels/device/error.h"

namespace understudy {

Evaluation evaluate_policy(const Policy& policy, const EnvironmentDescription& environment,
                           const EvaluationOptions& options) {
  const std::int64_t n = options.episodes;
  if (n < 1)
    fail(ErrorKind::bad_input, "evaluation: expected at least one episode, found %lld",
         static_cast<long long>(n));
  Store store(policy.device());
  Array& observation = store.create("observation", {n, environment.observation_size});
  Array& reward = store.create("reward", {n});
  Array& terminated = store.create("terminated", {n});
  Array& truncated = store.create("truncated", {n});
  const auto numbers = [](Array& array) { return static_cast<float*>(array.data()); };
  Actor actor(policy, store,
              {.rows = n, .deterministic = options.deterministic, .seed = options.seed});
  Batch<float> batch(policy.device(), environment, n, options.seed, options.first_env);
  batch.reset(numbers(observation));
  Program coding(policy.device());
  const CodeSpace& codes = policy.description().codes;
  if (codes.any()) {
    const std::vector<double> drawn =
        options.code.empty() ? draw_codes(codes, n, options.seed) : options.code;
    std::vector<double> all;
    for (std::int64_t i = 0; i < n; ++i) {
      const double* code =
          &drawn[options.code.empty() ? static_cast<std::size_t>(i * codes.width()) : 0];
      all.insert(all.end(), code, code + codes.width());
    }
    Array& code = store.create("code", {n, codes.width()});
    code.write(all);
    Array& both = store.create("observation_and_code", {n, policy.description().input_width()});
    coding.assign(both,
                  concatenate({coding.use(rows_of(observation)), coding.use(rows_of(code))}, -1));
    coding.plan();
    actor.observe(rows_of(both));
  } else {
    actor.observe(rows_of(observation));
  }

  Evaluation result;
  result.returns.assign(static_cast<std::size_t>(n), 0);
  result.lengths.assign(static_cast<std::size_t>(n), 0);
  std::vector<bool> done(static_cast<std::size_t>(n), false);
  std::int64_t left = n;
  while (left > 0) {
    if (codes.any()) coding.run();
    actor.act();
    StepArrays<float> step;
    if (environment.action_count > 0)
      step.discrete = actor.indices();
    else
      step.continuous = actor.numbers();
    step.observation = numbers(observation);
    step.reward = numbers(reward);
    step.terminated = numbers(terminated);
    step.truncated = numbers(truncated);
    batch.step(step);
    const std::vector<double> rewards = reward.read(), ends = terminated.read(),
                              cuts = truncated.read();
    for (std::size_t i = 0; i < done.size(); ++i) {
      if (done[i]) continue;
      result.returns[i] += rewards[i];
      ++result.lengths[i];
      done[i] = ends[i] != 0 || cuts[i] != 0;
      left -= done[i];
    }
  }
  for (double value : result.returns) result.mean += value / static_cast<double>(n);
  for (double value : result.returns)
    result.deviation += (value - result.mean) * (value - result.mean) / static_cast<double>(n);
  result.deviation = std::sqrt(result.deviation);
  return result;
}

}  // namespace understudy
