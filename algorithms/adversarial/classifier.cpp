#include "algorithms/adversarial/classifier.h"

#include "algorithms/data/draws.h"

namespace understudy {

namespace {

// Beyond the streams that parameters draw from, which are numbered from 0.
constexpr std::uint64_t minibatch_stream = std::uint64_t{1} << 35;

constexpr int bins = 10;
// Beyond this share of rows on the right side, and below this entropy, a discriminator's reward is
// flat: it says of all that the learner does that it is wrong, and not what is less so.
constexpr double suspicious_accuracy = 0.995, suspicious_entropy = 0.02;

// Of a coin that falls with probability sigmoid(f), in nats.
Tensor bernoulli_entropy(Tensor f) { return softplus(f) - f * sigmoid(f); }

}  // namespace

Tensor classification_loss(Tensor expert, Tensor learner, double entropy_weight) {
  const Tensor cross_entropy = mean(softplus(-expert)) + mean(softplus(learner));
  if (entropy_weight == 0) return cross_entropy;
  const Tensor entropy = mean(bernoulli_entropy(expert)) + mean(bernoulli_entropy(learner));
  return cross_entropy - entropy_weight * entropy;
}

Classifier::Classifier(const Parameters& parameters, Store& store, const Array& expert,
                       const Array& learner, Logit logit, const Options& options)
    : expert_(expert),
      learner_(learner),
      logit_(std::move(logit)),
      options_(options),
      adam_(parameters, store, Adam::Options{.learning_rate = options.learning_rate}),
      steps_done_(&store.at(parameters.model() + "/adam/step")),
      training_(store.device(), store.real()),
      diagnostics_(store.device(), store.real()) {
  record_training();
  record_diagnostics();
}

void Classifier::record_training() {
  Tensor expert, learner;
  if (options_.batch_size > 0) {
    const Shape n = {rows(options_.batch_size)};
    expert =
        gather_rows(training_.use(expert_), training_.input("expert_index", n, Element::index));
    learner =
        gather_rows(training_.use(learner_), training_.input("learner_index", n, Element::index));
  } else {
    expert = training_.use(rows_of(expert_));
    learner = training_.use(rows_of(learner_));
  }
  const Tensor total =
      classification_loss(logit_(expert), logit_(learner), options_.entropy_weight);
  training_.output("loss", total);
  adam_.record(training_, total);
  training_.plan();
}

void Classifier::record_diagnostics() {
  const Tensor expert = logit_(diagnostics_.use(rows_of(expert_)));
  const Tensor learner = logit_(diagnostics_.use(rows_of(learner_)));
  diagnostics_.output("loss", classification_loss(expert, learner, options_.entropy_weight));
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

void Classifier::fit() {
  diagnostics_.run();
  if (options_.batch_size > 0) {
    fit_minibatches();
    return;
  }
  for (std::int64_t i = 0; i < options_.steps; ++i) training_.run();
}

void Classifier::fit_minibatches() {
  // A step's rows depend on its number alone, so that a resumed run draws the same.
  const auto done = static_cast<std::uint64_t>(steps_done_->read()[0]);
  std::vector<std::int32_t> batch(static_cast<std::size_t>(options_.batch_size));
  for (std::int64_t i = 0; i < options_.steps; ++i) {
    Draws draws(options_.seed, minibatch_stream + done + static_cast<std::uint64_t>(i));
    for (std::int32_t& row : batch)
      row = static_cast<std::int32_t>(draws.below(expert_.shape()[0]));
    training_.write_indices("expert_index", batch.data(), options_.batch_size);
    for (std::int32_t& row : batch)
      row = static_cast<std::int32_t>(draws.below(learner_.shape()[0]));
    training_.write_indices("learner_index", batch.data(), options_.batch_size);
    training_.run();
  }
}

void Classifier::add(AdversaryMetrics& metrics) const {
  metrics.loss = diagnostics_.value("loss");
  metrics.expert_accuracy = diagnostics_.value("expert_accuracy");
  metrics.learner_accuracy = diagnostics_.value("learner_accuracy");
  metrics.entropy = diagnostics_.value("entropy");
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
    metrics.calibration_error += 0.5 * (error < 0 ? -error : error);
  }
  if (metrics.expert_accuracy > suspicious_accuracy &&
      metrics.learner_accuracy > suspicious_accuracy)
    metrics.warning =
        "the discriminator separates expert and learner without error: its reward is nearly "
        "uninformative; take fewer or smaller steps, or raise the entropy weight";
  else if (metrics.entropy < suspicious_entropy)
    metrics.warning = "the discriminator is certain nearly everywhere: its reward is nearly flat";
}

}  // namespace understudy
