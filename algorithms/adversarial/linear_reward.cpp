#include "algorithms/adversarial/linear_reward.h"

#include <limits>

#include "algorithms/adversarial/frozen_reward.h"
#include "kernels/device/error.h"

namespace understudy {

LinearReward::LinearReward(Device& device, const TransitionSpaces& spaces,
                           const Demonstrations& expert, std::int64_t count, const Options& options,
                           std::string_view name, Real real,
                           const std::optional<AbsorbingStates>& absorbing)
    : LearnedReward(device, spaces, expert, count, name, real, absorbing),
      options_(options),
      fitting_(device, real) {
  if (options_.sign == RewardSign::automatic)
    options_.sign = absorbing ? RewardSign::either : sign_for(episode_ends(expert, 0));
  const bool simplex = options_.costs == LinearCosts::simplex;
  const std::int64_t seen = features_.linear_width(), width = seen + (has_absorbing() ? 1 : 0);
  weights_ = &store_.create("linear/weights", {simplex ? 2 * width : width});
  bound_ = &store_.create("linear/bound", {1});
  learner_ = &data_.create("features/learner", {count, seen});
  expert_ = &data_.create("features/expert", {width});

  observing_.assign(*learner_, features_.linear_input(features_.inputs(observing_, count)));
  // mu of both sides of an end: [width].
  const auto with_absorbing = [&](Tensor before, Tensor share) {
    return concatenate({before * (1.0 - share), share}, 0);
  };
  {
    Program once(device, real);
    const Tensor before =
        mean(features_.linear_input(features_.inputs(once, features_.expert_rows())), 0);
    once.assign(*expert_,
                has_absorbing() ? with_absorbing(before, once.full({1}, expert_share_)) : before);
    features_.write_expert(once);
    once.run();
  }

  const Tensor before = mean(fitting_.use(rows_of(*learner_)), 0);
  const Tensor here = has_absorbing() ? with_absorbing(before, learner_share(fitting_)) : before;
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
  record_reward(count, seen, width);
}

void LinearReward::record_reward(std::int64_t count, std::int64_t seen, std::int64_t width) {
  const bool simplex = options_.costs == LinearCosts::simplex;
  const Tensor weights = rewarding_.use(*weights_), bound = rewarding_.use(*bound_);
  const Tensor along =
      simplex ? slice(weights, 0, 0, width) - slice(weights, 0, width, width) : weights;
  const Tensor features = rewarding_.use(*learner_);
  const double scale = -1.0 / static_cast<double>(simplex ? 2 * width : width);
  const Tensor before = seen == width ? along : slice(along, 0, 0, seen);
  const Tensor raw = reshape(matmul(features, reshape(before, {seen, 1})), {1, count}) * scale;
  Tensor absorbing = has_absorbing() ? slice(along, 0, seen, 1) * scale : Tensor();
  Tensor reward = raw;
  if (options_.sign != RewardSign::either) {
    const bool most = options_.sign == RewardSign::never_positive;
    Tensor reached = most ? maximum(bound, max(raw, -1)) : minimum(bound, -max(-raw, -1));
    if (has_absorbing()) reached = most ? maximum(reached, absorbing) : minimum(reached, absorbing);
    reward = raw - reached;  // (4)
    if (has_absorbing()) absorbing = absorbing - reached;
    rewarding_.assign(*bound_, reached);
  }
  reward = reshape(reward, {count});
  rewarding_.output("mean", mean(reward));
  if (has_absorbing()) reward = continued(reward, absorbing);
  rewarding_.output("reward", reward);
  rewarding_.plan();
}

void LinearReward::fit() { fitting_.run(); }

std::unique_ptr<FrozenReward> LinearReward::frozen() const {
  const bool simplex = options_.costs == LinearCosts::simplex;
  std::vector<double> along = weights_->read();
  const double scale = -1.0 / static_cast<double>(along.size());  // (4)
  const std::size_t width = along.size() / (simplex ? 2 : 1);
  for (std::size_t k = 0; k < width; ++k)
    along[k] = scale * (simplex ? along[k] - along[width + k] : along[k]);
  along.resize(width);
  RewardDescription description = described();
  description.function = RewardFunction::linear;
  description.before = -bound_->read()[0];
  if (has_absorbing()) {
    description.absorbing = along.back() + description.before;
    along.pop_back();
  }
  along.push_back(0);  // the layer's bias
  return frozen_as(description, along);
}

AdversaryMetrics LinearReward::metrics() {
  constexpr double none = std::numeric_limits<double>::quiet_NaN();
  AdversaryMetrics result;
  result.sign = options_.sign;
  result.loss = -fitting_.value("value");
  result.mean_reward = rewarding_.value("mean");
  add_absorbing(result);
  result.expert_accuracy = result.learner_accuracy = none;
  result.calibration_error = result.entropy = none;
  return result;
}

}  // namespace understudy
