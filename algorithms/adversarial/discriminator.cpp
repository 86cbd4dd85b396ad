#include "algorithms/adversarial/discriminator.h"

#include <string>

#include "algorithms/data/draws.h"
#include "autograd/options/options.h"
#include "kernels/device/error.h"

namespace understudy {

namespace {

// Beyond the streams that parameters draw from, which are numbered from 0.
constexpr std::uint64_t minibatch_stream = std::uint64_t{1} << 35;

constexpr int bins = 10;
// Beyond this share of rows on the right side, and below this entropy, a discriminator's reward is
// flat: it says of all that the learner does that it is wrong, and not what is less so.
constexpr double suspicious_accuracy = 0.995, suspicious_entropy = 0.02;

constexpr OptionChoice forms[] = {choice(RewardForm::automatic, "automatic"),
                                  choice(RewardForm::negative_log_one_minus, "-log(1-D)"),
                                  choice(RewardForm::logarithm, "log(D)"),
                                  choice(RewardForm::difference, "log(D)-log(1-D)")};

// Of a coin that falls with probability sigmoid(f), in nats.
Tensor bernoulli_entropy(Tensor f) { return softplus(f) - f * sigmoid(f); }

}  // namespace

const char* name_of(RewardForm form) { return choice_name(forms, form); }
RewardForm reward_form_named(const std::string& name) {
  return static_cast<RewardForm>(choice_named(forms, name, "reward"));
}
RewardForm form_with(RewardSign sign) {
  return sign == RewardSign::never_positive ? RewardForm::logarithm
                                            : RewardForm::negative_log_one_minus;
}

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
      option("/reward", o.form, forms,
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
      rows_(rows_of_learner),
      training_(device, real),
      diagnostics_(device, real) {
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
  adam_ = std::make_unique<Adam>(parameters_, store_,
                                 Adam::Options{.learning_rate = options_.learning_rate});
  steps_done_ = &store_.at("discriminator/adam/step");
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
  record_training();
  record_diagnostics();

  const Tensor f = score(rewarding_.use(rows_of(*learner_)));
  Tensor reward = reward_of(has_absorbing() ? f + before_the_end(rewarding_) : f);
  rewarding_.output("mean", mean(reward));
  if (has_absorbing()) reward = continued(reward, reward_of(beyond_the_end(rewarding_)));
  rewarding_.output("reward", reward);
  rewarding_.plan();
}

// (3), (4), (5)
Tensor Discriminator::reward_of(Tensor f) const {
  return options_.form == RewardForm::negative_log_one_minus ? softplus(f)
         : options_.form == RewardForm::logarithm            ? -softplus(-f)
                                                             : identity(f);
}

Tensor Discriminator::score(Tensor features) const {
  const Tensor f = (*network_)(features);
  return reshape(f, {f.shape().dimension(0)});
}

Tensor Discriminator::loss(Tensor expert, Tensor learner) const {
  // (2), with -log sigmoid(f) = softplus(-f), -log(1 - sigmoid(f)) = softplus(f): no overflow.
  const Tensor cross_entropy = mean(softplus(-expert)) + mean(softplus(learner));
  if (options_.entropy_weight == 0) return cross_entropy;
  const Tensor entropy = mean(bernoulli_entropy(expert)) + mean(bernoulli_entropy(learner));
  return cross_entropy - options_.entropy_weight * entropy;
}

void Discriminator::record_training() {
  Tensor expert, learner;
  if (options_.batch_size > 0) {
    const Shape n = {rows(options_.batch_size)};
    expert =
        gather_rows(training_.use(*expert_), training_.input("expert_index", n, Element::index));
    learner =
        gather_rows(training_.use(*learner_), training_.input("learner_index", n, Element::index));
  } else {
    expert = training_.use(rows_of(*expert_));
    learner = training_.use(rows_of(*learner_));
  }
  const Tensor total = loss(score(expert), score(learner));
  training_.output("loss", total);
  adam_->record(training_, total);
  training_.plan();
}

void Discriminator::record_diagnostics() {
  const Tensor expert = score(diagnostics_.use(rows_of(*expert_)));
  const Tensor learner = score(diagnostics_.use(rows_of(*learner_)));
  diagnostics_.output("loss", loss(expert, learner));
  diagnostics_.output("expert_accuracy", mean(is_positive(expert)));
  diagnostics_.output("learner_accuracy", 1.0 - mean(is_positive(learner)));
  diagnostics_.output("entropy",
                      0.5 * (mean(bernoulli_entropy(expert)) + mean(bernoulli_entropy(learner))));
  // Of each side's rows with D at or above i / bins, for i = 0, 1, ...: their share, and the sum of
  // their D over all rows. Differences of neighbors are the bins.
  std::vector<double> edges;
  for (int i = 0; i < bins; ++i) edges.push_back(static_cast<double>(i) / bins);
  const Tensor edge = diagnostics_.constant({bins}, edges);
  const auto record = [&](Tensor f, const char* share, const char* sum_of) {
    const Tensor d = reshape(sigmoid(f), {f.shape().dimension(0), 1});
    const Tensor above = less_equal(edge, d);
    diagnostics_.output(share, mean(above, 0));
    diagnostics_.output(sum_of, mean(above * d, 0));
  };
  record(expert, "expert_share", "expert_sum");
  record(learner, "learner_share", "learner_sum");
  diagnostics_.plan();
}

void Discriminator::fit() {
  diagnostics_.run();
  if (options_.batch_size > 0) {
    fit_minibatches();
    return;
  }
  for (std::int64_t i = 0; i < options_.steps; ++i) training_.run();
}

void Discriminator::fit_minibatches() {
  // A step's rows depend on its number alone, so that a resumed run draws the same.
  const auto done = static_cast<std::uint64_t>(steps_done_->read()[0]);
  std::vector<std::int32_t> batch(static_cast<std::size_t>(options_.batch_size));
  for (std::int64_t i = 0; i < options_.steps; ++i) {
    Draws draws(options_.seed, minibatch_stream + done + static_cast<std::uint64_t>(i));
    for (std::int32_t& row : batch)
      row = static_cast<std::int32_t>(draws.below(features_.expert_rows()));
    training_.write_indices("expert_index", batch.data(), options_.batch_size);
    for (std::int32_t& row : batch) row = static_cast<std::int32_t>(draws.below(rows_));
    training_.write_indices("learner_index", batch.data(), options_.batch_size);
    training_.run();
  }
}

RewardSign Discriminator::sign() const {
  return options_.form == RewardForm::negative_log_one_minus ? RewardSign::never_negative
         : options_.form == RewardForm::logarithm            ? RewardSign::never_positive
                                                             : RewardSign::either;
}

AdversaryMetrics Discriminator::metrics() {
  AdversaryMetrics result;
  result.sign = sign();
  result.loss = diagnostics_.value("loss");
  result.mean_reward = rewarding_.value("mean");
  add_absorbing(result);
  result.expert_accuracy = diagnostics_.value("expert_accuracy");
  result.learner_accuracy = diagnostics_.value("learner_accuracy");
  result.entropy = diagnostics_.value("entropy");
  // Both sides count alike, however many rows they have. In a bin: |sum of D - share of experts|.
  const std::vector<double> expert = diagnostics_.read("expert_share");
  const std::vector<double> learner = diagnostics_.read("learner_share");
  const std::vector<double> expert_sum = diagnostics_.read("expert_sum");
  const std::vector<double> learner_sum = diagnostics_.read("learner_sum");
  for (int i = 0; i < bins; ++i) {
    const auto in_bin = [&](const std::vector<double>& above) {
      const std::size_t at = static_cast<std::size_t>(i);
      return above[at] - (i + 1 < bins ? above[at + 1] : 0.0);
    };
    const double said = in_bin(expert_sum) + in_bin(learner_sum);
    const double error = said - in_bin(expert);
    result.calibration_error += 0.5 * (error < 0 ? -error : error);
  }
  if (result.expert_accuracy > suspicious_accuracy && result.learner_accuracy > suspicious_accuracy)
    result.warning =
        "the discriminator separates expert and learner without error: its reward is nearly "
        "uninformative; take fewer or smaller steps, or raise the entropy weight";
  else if (result.entropy < suspicious_entropy)
    result.warning = "the discriminator is certain nearly everywhere: its reward is nearly flat";
  return result;
}

}  // namespace understudy
