#include "algorithms/adversarial/linear_reward.h"

#include <limits>

#include "kernels/device/error.h"

namespace understudy {

LinearReward::LinearReward(Device& device, const TransitionSpaces& spaces,
                           const Demonstrations& expert, std::int64_t count, const Options& options,
                           std::string_view name, Real real)
    : LearnedReward(device, spaces, expert, name, real), options_(options), fitting_(device, real) {
  if (count < 1)
    fail(ErrorKind::bad_input, "linear reward: expected at least one row, found %lld",
         static_cast<long long>(count));
  if (options_.sign == RewardSign::either) options_.sign = sign_for(expert);
  const bool simplex = options_.costs == LinearCosts::simplex;
  const std::int64_t width = features_.linear_width();
  weights_ = &store_.create("linear/weights", {simplex ? 2 * width : width});
  bound_ = &store_.create("linear/bound", {1});
  learner_ = &data_.create("features/learner", {count, width});
  expert_ = &data_.create("features/expert", {width});

  observing_.assign(*learner_, features_.linear_input(features_.inputs(observing_, count)));
  {
    Program once(device, real);
    once.assign(*expert_,
                mean(features_.linear_input(features_.inputs(once, features_.expert_rows())), 0));
    features_.write_expert(once);
    once.run();
  }

  const Tensor seen = fitting_.use(rows_of(*learner_));
  const Tensor here = mean(seen, 0);
  const Tensor gap = here - fitting_.use(*expert_);  // [width]
  Tensor w, value;
  if (simplex) {
    const Tensor both = concatenate({gap, -gap}, 0);  // (3)
    w = reshape(one_hot(argmax(reshape(both, {1, 2 * width}), -1), 2 * width), {2 * width});
    value = sum(w * both);
  } else {
    // (2), with the authors' guard for a learner that matches the expert exactly.
    value = norm(gap);
    w = gap / (value + 1e-8);
  }
  fitting_.output("mean", here);
  fitting_.output("value", value);
  fitting_.assign(*weights_, w);
  fitting_.plan();

  const Tensor weights = rewarding_.use(*weights_), bound = rewarding_.use(*bound_);
  const Tensor along =
      simplex ? slice(weights, 0, 0, width) - slice(weights, 0, width, width) : weights;
  const Tensor features = rewarding_.use(*learner_);
  const double scale = 1.0 / static_cast<double>(simplex ? 2 * width : width);
  const Tensor raw = reshape(matmul(features, reshape(along, {width, 1})), {1, count}) * -scale;
  const Tensor reached = options_.sign == RewardSign::never_positive
                             ? maximum(bound, max(raw, -1))
                             : minimum(bound, -max(-raw, -1));
  const Tensor reward = raw - reached;  // (4)
  rewarding_.output("reward", reshape(reward, {count}));
  rewarding_.output("mean", mean(reward));
  rewarding_.assign(*bound_, reached);
  rewarding_.plan();
}

void LinearReward::fit() { fitting_.run(); }

AdversaryMetrics LinearReward::metrics() {
  constexpr double none = std::numeric_limits<double>::quiet_NaN();
  AdversaryMetrics result;
  result.sign = options_.sign;
  result.loss = -fitting_.value("value");
  result.mean_reward = rewarding_.value("mean");
  result.expert_accuracy = result.learner_accuracy = none;
  result.calibration_error = result.entropy = none;
  return result;
}

}  // namespace understudy
