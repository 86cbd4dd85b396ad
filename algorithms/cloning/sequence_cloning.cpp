#include "algorithms/cloning/sequence_cloning.h"

#include <algorithm>
#include <cmath>

#include "autograd/options/options.h"
#include "kernels/device/error.h"

namespace understudy {

namespace {

// Beyond the streams that parameters draw from.
constexpr std::uint64_t order_stream = (std::uint64_t{1} << 32) + 32;
constexpr std::uint64_t noise_stream = order_stream + 1;
constexpr std::int64_t scored_rows = 1 << 14;  // of padded steps at a time

Transitions checked(const Transitions& given) {
  Transitions sequences = in_numbers(given);
  const std::int64_t rows = sequences.rows();
  const std::int64_t observed = sequences.observations.width(), acted = sequences.actions.width();
  const std::vector<float>&observations = sequences.observations.numbers,
        &actions = sequences.actions.numbers;
  const ByteRows& bytes = sequences.observations.bytes;
  const bool observes = bytes.rows() > 0
                            ? bytes.rows() == rows && bytes.width() == observed
                            : static_cast<std::int64_t>(observations.size()) == rows * observed;
  const bool fits = observed > 0 && acted > 0 && observes &&
                    static_cast<std::int64_t>(actions.size()) == rows * acted &&
                    sequences.starts.back() == rows;
  if (!fits)
    fail(ErrorKind::bad_input,
         "sequences: %zu numbers of observations and %zu of actions for %lld "
         "rows, the last sequence ends at %lld",
         observations.size(), actions.size(), static_cast<long long>(rows),
         static_cast<long long>(sequences.starts.back()));
  require_finite(observations, observed, "sequences: observations");
  require_finite(actions, acted, "sequences: actions");
  bool any = false;
  for (std::int64_t row = 0; row < rows; ++row) any = any || sequences.counts(row);
  if (!any)
    fail(ErrorKind::bad_input, "sequences: expected an action to learn, found none in %lld rows",
         static_cast<long long>(rows));
  return sequences;
}

PolicyDescription description_for(const Transitions& sequences,
                                  const SequenceCloning::Options& options) {
  PolicyDescription description = options.policy;
  if (description.observation.discrete ||
      description.observation.width() != sequences.observations.width())
    description.observation = {false, {sequences.observations.width()}};
  if (description.action.kind != ActionKind::discrete) {
    description.action.size = sequences.actions.width();
    return description;
  }
  if (sequences.actions.width() != 1 || !options.decay.empty())
    fail(ErrorKind::bad_input,
         "sequence cloning: expected one column and no decay for discrete actions, found %lld "
         "columns "
         "and %zu of decay",
         static_cast<long long>(sequences.actions.width()), options.decay.size());
  for (float action : sequences.actions.numbers)
    if (!(action >= 0 && action < static_cast<float>(description.action.size)))
      fail(ErrorKind::bad_input, "sequences: expected indices below %lld, found %g",
           static_cast<long long>(description.action.size), static_cast<double>(action));
  return description;
}

}  // namespace

double TeacherSchedule::at(std::int64_t iteration) const {
  const double i = static_cast<double>(iteration);
  double share = 1;
  switch (kind) {
    case Kind::always: return 1;
    case Kind::linear: share = 1 - i / scale; break;
    case Kind::exponential: share = std::exp(-i / scale); break;
    case Kind::inverse_sigmoid: share = scale / (scale + std::exp(i / scale)); break;
  }
  return std::max(least, share);
}

void list_options(OptionList& list, TeacherSchedule& o) {
  using Kind = TeacherSchedule::Kind;
  static constexpr OptionChoice kinds[] = {
      choice(Kind::always, "always"), choice(Kind::linear, "linear"),
      choice(Kind::exponential, "exponential"), choice(Kind::inverse_sigmoid, "inverse_sigmoid")};
  list.fields(
      o,
      option("", o.kind, kinds, "how the share of the expert's observations falls",
             {.source = "Bengio et al. 2015, section 2.4"}),
      option("scale", o.scale,
             "iterations: linear: until `least`; exponential: until 1/e; inverse_sigmoid: its k",
             {.above = 0, .unit = "iterations"}),
      option("least", o.least, "what the share falls to", {.least = 0, .most = 1}));
}

void list_options(OptionList& list, SequenceCloning::Options& o) {
  list.fields(
      o, fixed("policy", o.policy, "trunk and head have settings of their own"),
      option("batch_size", o.batch_size, "windows a step", {.least = 1}),
      option("window", o.steps, "length of a window", {.least = 1, .unit = "steps"}),
      option("learning_rate", o.learning_rate, "Adam's", {.above = 0}),
      option("momentum", o.momentum, "Adam's beta1",
             {.least = 0, .below = 1, .source = "Kingma & Ba 2015, algorithm 1"}),
      option("weight_decay", o.weight_decay, "AdamW's",
             {.least = 0, .source = "Loshchilov & Hutter 2019, algorithm 2"}),
      option("gradient_norm", o.gradient_norm, "gradients are clipped to this norm; 0: not",
             {.least = 0, .source = "Pascanu et al. 2013"}),
      group("schedule", o.schedule),
      option("warm_up", o.warm_up, "until a latent head's divergence counts in full",
             {.least = 0, .unit = "iterations"}),
      seed(o.seed),
      option("decay", o.decay,
             "where the next observation is decay times it plus gain times the action: decay, by "
             "columns; empty: that is not known"),
      option("gain", o.gain, "see decay; none is 0"), group("sampling", o.teacher),
      option("/sampling.given", o.given,
             "first steps of a window that see the expert's observation",
             {.least = 1, .unit = "steps"}),
      option("/sampling.draw", o.draw, "the policy's own action is a draw; false: its mode"),
      option("/sampling.relabel", o.relabel, "the action asked for leads back to the expert",
             {.source = "Venkatraman et al. 2015"}),
      option("perturbation", o.perturbation, "standard deviation of noise on observations",
             {.least = 0, .source = "Pomerleau 1989"}),
      option("correction", o.correction, "share of the way back that one action goes"));
  list.when_set("decay", [&o] { o.gain.assign(o.decay.size(), 1.0); });
  list.require([&o] {
    const bool sampled = o.teacher.kind != TeacherSchedule::Kind::always;
    if (o.decay.empty() && (sampled || o.perturbation > 0))
      fail(ErrorKind::bad_input,
           "%s: expected how observations follow from actions, decay and gain, found none",
           sampled ? "sampling" : "perturbation");
    if (o.gain.size() != o.decay.size() || std::count(o.gain.begin(), o.gain.end(), 0.0) > 0)
      fail(ErrorKind::bad_input, "gain: expected as many numbers as decay has, %zu, none of them 0",
           o.decay.size());
  });
}

SequenceCloning::SequenceCloning(Device& device, const Transitions& sequences,
                                 const Options& options)
    : options_(options),
      sequences_(checked(sequences)),
      policy_(device, description_for(sequences_, options), options.seed),
      store_(device),
      training_(device),
      draws_(options.seed, order_stream) {
  check_options(options);
  const bool follows = !options_.decay.empty();
  const std::size_t width = static_cast<std::size_t>(sequences_.actions.width());
  if (follows && (options_.decay.size() != width ||
                  sequences_.actions.width() > sequences_.observations.width()))
    fail(ErrorKind::bad_input, "decay: expected %zu columns, those of the actions, found %zu",
         width, options_.decay.size());
  const bool mixed = options_.teacher.kind != TeacherSchedule::Kind::always;
  for (std::int64_t i = 0; i < sequences_.sequences(); ++i) {
    const std::int64_t first = sequences_.starts[static_cast<std::size_t>(i)];
    for (std::int64_t t = 0; t < sequences_.length(i); t += options_.steps)
      windows_.push_back({first + t, std::min(options_.steps, sequences_.length(i) - t)});
  }
  counter_ = &store_.create("sequence_cloning/counter", {1}, Element::counter);
  teacher_share_ = &store_.create("sequence_cloning/teacher", {1});
  warm_up_ = &store_.create("sequence_cloning/warm_up", {1});
  adam_ = std::make_unique<Adam>(policy_.parameters(), store_,
                                 Adam::Options{.learning_rate = options_.learning_rate,
                                               .beta1 = options_.momentum,
                                               .weight_decay = options_.weight_decay,
                                               .clipping = {.norm = options_.gradient_norm},
                                               .schedule = options_.schedule});
  if (mixed)
    record_mixed();
  else
    record_forced();
}

Tensor SequenceCloning::loss_of(const ActionDistribution& distribution, Tensor action) {
  return distribution.loss(action, {.random = {counter_, options_.seed, noise_stream},
                                    .warm_up = training_.use(*warm_up_)});
}

// The whole window by one recurrent kernel.
void SequenceCloning::record_forced() {
  const std::int64_t width = sequences_.actions.width();
  const Shape window = {rows(options_.batch_size), options_.steps};
  Tensor input = training_.input("input", behind(window, {sequences_.observations.width()}));
  Tensor action = action_input(training_, window);
  const Tensor counted = training_.input("counted", window);
  const Tensor present = training_.input("present", window);
  if (options_.perturbation > 0) {
    const Tensor noise =
        options_.perturbation *
        random_normal(training_, {counter_, options_.seed, noise_stream}, behind(window, {width}));
    std::vector<double> back;
    for (std::size_t c = 0; c < options_.decay.size(); ++c)
      back.push_back(options_.correction * options_.decay[c] / options_.gain[c]);
    input = input + pad(noise, -1, 0, sequences_.observations.width() - width);
    action = action - noise * training_.constant({width}, back);
  }
  const Tensor each = loss_of(*policy_.distribution(input, present), action);
  const Tensor loss = sum(each * counted) / sum(counted);  // (1)
  training_.output("loss", loss);
  adam_->record(training_, loss);
}

// Step by step: what a step sees depends on what the one before it drew.
void SequenceCloning::record_mixed() {
  const std::int64_t width = sequences_.actions.width(), all = sequences_.observations.width();
  const Shape window = {rows(options_.batch_size), options_.steps};
  const Tensor input = training_.input("input", behind(window, {all}));
  const Tensor action = training_.input("action", behind(window, {width}));
  const Tensor counted = training_.input("counted", window);
  training_.input("present", window);  // a padded step changes nothing that counts
  const Tensor decay = training_.constant({width}, options_.decay);
  const Tensor gain = training_.constant({width}, options_.gain);
  const RandomSource source = {counter_, options_.seed, noise_stream};
  const Shape row = {rows(options_.batch_size)};
  const auto at = [&](Tensor x, std::int64_t t) {
    return reshape(slice(x, 1, t, 1), behind(row, {x.shape()[2]}));
  };
  Tensor memory, own, total;
  if (policy_.has_memory()) memory = training_.full(behind(row, {policy_.memory_width()}), 0.0);
  for (std::int64_t t = 0; t < options_.steps; ++t) {
    const Tensor given = at(input, t), expert = slice(given, -1, 0, width);
    Tensor seen = expert;
    if (t >= options_.given) {
      const Tensor forced =
          less(random_uniform(training_, source, behind(row, {1})), training_.use(*teacher_share_));
      seen = select(forced, expert, own);
    }
    Tensor observation = seen;
    if (all > width) observation = concatenate({seen, slice(given, -1, width, all - width)}, -1);
    const auto distribution = policy_.has_memory() ? policy_.step(observation, memory, memory)
                                                   : policy_.distribution(observation);
    Tensor wanted = at(action, t);
    if (options_.relabel) wanted = wanted + options_.correction * (expert - seen) * decay / gain;
    const Tensor each =
        loss_of(*distribution, stop_gradient(wanted)) * reshape(slice(counted, 1, t, 1), row);
    total = total.defined() ? total + each : each;
    if (t + 1 < options_.steps && t + 1 >= options_.given)
      // (2)
      own = stop_gradient(decay * seen + gain * (options_.draw ? distribution->sample(source)
                                                               : distribution->mode()));
  }
  const Tensor loss = sum(total) / sum(counted);
  training_.output("loss", loss);
  adam_->record(training_, loss);
}

// Actions of windows: numbers [rows, steps, width], or indices [rows, steps].
Tensor SequenceCloning::action_input(Program& program, const Shape& window) const {
  if (policy_.description().action.kind == ActionKind::discrete)
    return program.input("action", window, Element::index);
  return program.input("action", behind(window, {sequences_.actions.width()}));
}

void SequenceCloning::write_action(Program& program) const {
  const std::int64_t count = static_cast<std::int64_t>(action_.size());
  if (policy_.description().action.kind == ActionKind::discrete)
    program.write_indices("action",
                          std::vector<std::int32_t>(action_.begin(), action_.end()).data(), count);
  else
    program.write("action", action_.data(), count);
}

// Windows side by side, padded by zeros that do not count.
void SequenceCloning::fill(const Window* windows, std::int64_t count, std::int64_t steps) {
  const std::int64_t in = sequences_.observations.width(), out = sequences_.actions.width();
  input_.assign(static_cast<std::size_t>(count * steps * in), 0.0f);
  action_.assign(static_cast<std::size_t>(count * steps * out), 0.0f);
  mask_.assign(static_cast<std::size_t>(count * steps), 0.0f);
  present_.assign(static_cast<std::size_t>(count * steps), 0.0f);
  for (std::int64_t i = 0; i < count; ++i) {
    const Window& w = windows[i];
    sequences_.observations.copy_numbers(w.first, w.length, input_.data() + i * steps * in);
    std::copy_n(sequences_.action(w.first), w.length * out, action_.begin() + i * steps * out);
    for (std::int64_t t = 0; t < w.length; ++t)
      mask_[static_cast<std::size_t>(i * steps + t)] = sequences_.counts(w.first + t) ? 1.0f : 0.0f;
    std::fill_n(present_.begin() + i * steps, w.length, 1.0f);
  }
}

void SequenceCloning::restore(std::int64_t iteration) {
  for (; iteration_ < iteration; ++iteration_) next_batch();
}

std::vector<SequenceCloning::Window> SequenceCloning::next_batch() {
  std::vector<Window> batch;
  bool counts = false;
  while (static_cast<std::int64_t>(batch.size()) < options_.batch_size || !counts) {
    if (next_ == order_.size()) {
      order_ = draws_.permutation(windows());
      next_ = 0;
    }
    const Window& w = windows_[static_cast<std::size_t>(order_[next_++])];
    for (std::int64_t i = 0; i < w.length; ++i) counts = counts || sequences_.counts(w.first + i);
    if (static_cast<std::int64_t>(batch.size()) == options_.batch_size) batch.erase(batch.begin());
    batch.push_back(w);
  }
  return batch;
}

SequenceCloning::Metrics SequenceCloning::step() {
  const std::vector<Window> batch = next_batch();
  fill(batch.data(), options_.batch_size, options_.steps);
  const double share = options_.teacher.at(iteration_);
  teacher_share_->write({share});
  warm_up_->write(
      {std::min(1.0, static_cast<double>(iteration_) / std::max(1.0, options_.warm_up))});
  const auto write = [&](const char* name, const std::vector<float>& values) {
    training_.write(name, values.data(), static_cast<std::int64_t>(values.size()));
  };
  write("input", input_);
  write("counted", mask_);
  write("present", present_);
  write_action(training_);
  training_.run();
  ++iteration_;
  const double loss = training_.value("loss");
  if (!std::isfinite(loss)) {
    const std::string where = training_.first_not_finite();
    fail(ErrorKind::not_finite, "sequence cloning: the loss of step %lld is %g%s%s",
         static_cast<long long>(iteration_), loss, where.empty() ? "" : "; first in ",
         where.c_str());
  }
  return {iteration_,
          static_cast<double>(iteration_ * options_.batch_size) / static_cast<double>(windows()),
          loss, share};
}

std::vector<double> SequenceCloning::log_probabilities(const Transitions& given, int samples) {
  const Transitions sequences = checked(given);
  if (sequences.observations.width() != sequences_.observations.width() ||
      sequences.actions.width() != sequences_.actions.width())
    fail(ErrorKind::bad_shape,
         "sequence cloning: sequences of %lld and %lld numbers, trained on "
         "%lld and %lld",
         static_cast<long long>(sequences.observations.width()),
         static_cast<long long>(sequences.actions.width()),
         static_cast<long long>(sequences_.observations.width()),
         static_cast<long long>(sequences_.actions.width()));
  std::int64_t steps = 0;
  for (std::int64_t i = 0; i < sequences.sequences(); ++i)
    steps = std::max(steps, sequences.length(i));
  const std::int64_t batch = std::clamp<std::int64_t>(
      scored_rows / steps, 1, std::max<std::int64_t>(sequences.sequences(), 1));
  const Shape window = {rows(batch), steps};
  Program scoring(policy_.device());
  const Tensor input = scoring.input("input", behind(window, {sequences.observations.width()}));
  const Tensor action = action_input(scoring, window);
  const auto distribution = policy_.distribution(input, scoring.input("present", window));
  scoring.output("log_probability", distribution->log_probability_bound(
                                        action, {counter_, options_.seed, noise_stream}, samples));
  // The same filling as for training, from the other sequences.
  Transitions own = std::move(sequences_);
  sequences_ = sequences;
  std::vector<double> result;
  for (std::int64_t first = 0; first < sequences.sequences(); first += batch) {
    const std::int64_t n = std::min(batch, sequences.sequences() - first);
    std::vector<Window> windows(static_cast<std::size_t>(batch), Window{0, 0});
    for (std::int64_t i = 0; i < n; ++i)
      windows[static_cast<std::size_t>(i)] = {sequences.starts[static_cast<std::size_t>(first + i)],
                                              sequences.length(first + i)};
    fill(windows.data(), batch, steps);
    scoring.write("input", input_.data(), static_cast<std::int64_t>(input_.size()));
    write_action(scoring);
    scoring.write("present", present_.data(), static_cast<std::int64_t>(present_.size()));
    scoring.run();
    const std::vector<double> scores = scoring.read("log_probability");
    for (std::int64_t i = 0; i < n; ++i)
      result.insert(result.end(), scores.begin() + i * steps,
                    scores.begin() + i * steps + windows[static_cast<std::size_t>(i)].length);
  }
  sequences_ = std::move(own);
  return result;
}

}  // namespace understudy
