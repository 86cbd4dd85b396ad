#include "algorithms/adversarial/discriminator.h"

#include <string>

#include "algorithms/adversarial/frozen_reward.h"
#include "autograd/options/options.h"
#include "kernels/device/error.h"

namespace understudy {

void list_options(OptionList& list, Discriminator::Options& o) {
  list.fields(
      o,
      option("hidden", o.hidden, "units of the layers, tanh",
             {.least = 1, .source = "Ho & Ermon 2016, section 6"}),
      option("learning_rate", o.learning_rate, "Adam's",
             {.above = 0, .source = "the code of Ho & Ermon 2016"}),
      option("entropy_weight", o.entropy_weight, "of the mean entropy of D in the loss",
             {.least = 0, .source = "the code of Ho & Ermon 2016"}),
      option("steps", o.steps, "of Adam an iteration", {.least = 0}),
      option("batch_size", o.batch_size, "rows of either side a step; 0: all", {.least = 0}),
      option("/reward", o.form, reward_forms(),
             "how D becomes a reward; automatic: with absorbing states log(D)-log(1-D), without "
             "log(D) where most of the expert's episodes terminate, else -log(1-D)",
             {.source = "Ho & Ermon 2016; Fu et al. 2018, equation 4"}),
      seed(o.seed));
}

Discriminator::Discriminator(Device& device, const TransitionSpaces& spaces,
                             const Demonstrations& expert, std::int64_t rows_of_learner,
                             const Options& options, std::string_view name, Real real,
                             const std::optional<AbsorbingStates>& absorbing)
    : LearnedReward(device, spaces, expert, rows_of_learner, name, real, absorbing),
      options_(options),
      rows_(rows_of_learner) {
  check_options(options);
  if (options_.form == RewardForm::automatic)
    options_.form =
        absorbing ? RewardForm::difference : form_with(sign_for(episode_ends(expert, 0)));

  const std::int64_t width = features_.network_width();
  // The last layer starts at zero: D is 1/2 everywhere, and the first reward the same.
  network_ = std::make_unique<Mlp>(
      parameters_, "network",
      Mlp::Options{
          .inputs = width, .hidden = options_.hidden, .outputs = 1, .last_weight = zeros()});
  parameters_.create(store_, options_.seed);
  learner_ = &data_.create("features/learner", {rows_, width});
  expert_ = &data_.create("features/expert", {features_.expert_rows(), width});

  // Features are made once for each set of rows; what trains and what rewards reads them.
  observing_.assign(*learner_, features_.network_input(features_.inputs(observing_, rows_)));
  {
    Program once(device, real);
    once.assign(*expert_, features_.network_input(features_.inputs(once, features_.expert_rows())));
    features_.write_expert(once);
    once.run();
  }
  classifier_ = std::make_unique<Classifier>(
      parameters_, store_, *expert_, *learner_, [this](Tensor features) { return score(features); },
      Classifier::Options{.learning_rate = options_.learning_rate,
                          .entropy_weight = options_.entropy_weight,
                          .steps = options_.steps,
                          .batch_size = options_.batch_size,
                          .seed = options_.seed});

  const Tensor f = score(rewarding_.use(rows_of(*learner_)));
  const RewardForm form = options_.form;
  Tensor reward = reward_of(form, has_absorbing() ? f + before_the_end(rewarding_) : f);
  rewarding_.output("mean", mean(reward));
  if (has_absorbing()) reward = continued(reward, reward_of(form, beyond_the_end(rewarding_)));
  rewarding_.output("reward", reward);
  rewarding_.plan();
}

Tensor Discriminator::score(Tensor features) const {
  const Tensor f = (*network_)(features);
  return reshape(f, {f.shape().dimension(0)});
}

Tensor Discriminator::loss(Tensor expert, Tensor learner) const {
  return classification_loss(expert, learner, options_.entropy_weight);
}

void Discriminator::fit() { classifier_->fit(); }

RewardSign Discriminator::sign() const {
  return options_.form == RewardForm::negative_log_one_minus ? RewardSign::never_negative
         : options_.form == RewardForm::logarithm            ? RewardSign::never_positive
                                                             : RewardSign::either;
}

std::unique_ptr<FrozenReward> Discriminator::frozen() const {
  RewardDescription description = described();
  description.hidden = options_.hidden;
  description.form = options_.form;
  if (has_absorbing()) {
    const AbsorbingLogits logits = absorbing_logits();
    description.before = logits.before;
    description.absorbing = reward_of(options_.form, logits.beyond);
  }
  return frozen_as(description, parameters_.flat().read());
}

AdversaryMetrics Discriminator::metrics() {
  AdversaryMetrics result;
  result.sign = sign();
  result.mean_reward = rewarding_.value("mean");
  add_absorbing(result);
  classifier_->add(result);
  return result;
}

}  // namespace understudy
