#include "algorithms/adversarial/posterior.h"

#include <cmath>

#include "algorithms/data/draws.h"
#include "autograd/files/checkpoint.h"
#include "autograd/files/safetensors.h"
#include "autograd/options/options.h"
#include "kernels/device/error.h"

namespace understudy {

namespace {

// Beyond the streams that parameters draw from, which are numbered from 0.
constexpr std::uint64_t minibatch_stream = (std::uint64_t{1} << 35) + (std::uint64_t{1} << 34);
// Of log v: a deviation from 1/20 of the code's range to all of it and more.
constexpr double least_log_deviation = -2.3, most_log_deviation = 1;

// What a file says beside the arrays.
struct Described {
  CodeSpace codes = {};
  std::vector<std::int64_t> hidden = {};
  RewardInput input = RewardInput::state_action;
};
void list_options(OptionList& list, Described& o) {
  list.fields(o, group("codes", o.codes), option("hidden", o.hidden, "units"),
              option("input", o.input, reward_inputs(), "what it looks at"));
}

}  // namespace

void list_options(OptionList& list, Posterior::Options& o) {
  list.fields(
      o, option("hidden", o.hidden, "units of the layers of Q(c | s, a), tanh", {.least = 1}),
      option("learning_rate", o.learning_rate, "Adam's", {.above = 0}),
      option("steps", o.steps, "of Adam an iteration", {.least = 0}),
      option("batch_size", o.batch_size, "of the learner's rows a step; 0: all", {.least = 0}),
      seed(o.seed));
}

Posterior::Posterior(Device& device, const TransitionSpaces& spaces, const CodeSpace& codes,
                     const Demonstrations& expert, std::int64_t count, const Options& options,
                     std::string_view name, Real real)
    : options_(options),
      codes_(codes),
      rows_(count),
      store_(device, real),
      data_(device, real),
      features_(store_, spaces, expert, name),
      observing_(device, real),
      training_(device, real),
      evaluating_(device, real) {
  check_options(options);
  declare();
  learner_ = &data_.create("features/learner", {rows_, features_.network_width()});
  code_ = &data_.create("code", {rows_, codes_.width()});
  observing_.assign(*learner_, features_.network_input(features_.inputs(observing_, rows_)));
  observing_.assign(*code_, identity(observing_.input("code", {rows(rows_), codes_.width()})));
  observing_.plan();

  Tensor features, code;
  if (options_.batch_size > 0) {
    const Tensor index = training_.input("index", {rows(options_.batch_size)}, Element::index);
    features = gather_rows(training_.use(*learner_), index);
    code = gather_rows(training_.use(*code_), index);
  } else {
    features = training_.use(rows_of(*learner_));
    code = training_.use(rows_of(*code_));
  }
  const Tensor loss = -understudy::mean(log_probability(features, code));  // (3)
  training_.output("loss", loss);
  adam_->record(training_, loss);
  training_.plan();

  const Tensor values =
      log_probability(evaluating_.use(rows_of(*learner_)), evaluating_.use(rows_of(*code_)));
  evaluating_.output("values", values);
  evaluating_.output("mean", understudy::mean(values));
  evaluating_.plan();
}

Posterior::Posterior(Device& device, const TransitionSpaces& spaces, const CodeSpace& codes,
                     const Options& options)
    : options_(options),
      codes_(codes),
      store_(device),
      data_(device),
      features_(store_, spaces),
      observing_(device),
      training_(device),
      evaluating_(device) {
  declare();
}

void Posterior::declare() {
  if (!codes_.any())
    fail(ErrorKind::bad_input,
         "posterior: expected categories or continuous codes to infer, found none");
  network_ = std::make_unique<Mlp>(
      parameters_, "network",
      Mlp::Options{.inputs = features_.network_width(),
                   .hidden = options_.hidden,
                   .outputs = codes_.categories + 2 * codes_.continuous,
                   .last_weight = zeros()});  // every code is as likely at first
  parameters_.create(store_, options_.seed);
  adam_ = std::make_unique<Adam>(parameters_, store_,
                                 Adam::Options{.learning_rate = options_.learning_rate});
  steps_done_ = &store_.at("posterior/adam/step");
}

Posterior::Parts Posterior::parts(Tensor features) const {
  const Tensor y = (*network_)(features);
  const std::int64_t k = codes_.categories, d = codes_.continuous;
  Parts result;
  if (k > 0) result.logits = log_softmax(slice(y, -1, 0, k));
  if (d == 0) return result;
  result.means = slice(y, -1, k, d);
  result.log_deviations = clamp(slice(y, -1, k + d, d), least_log_deviation, most_log_deviation);
  return result;
}

Tensor Posterior::log_probability(Tensor features, Tensor code) const {
  constexpr double log_of_root = 0.91893853320467274;  // log sqrt(2 pi)
  const Parts said = parts(features);
  const std::int64_t k = codes_.categories, d = codes_.continuous;
  Tensor total;
  if (k > 0) total = sum(said.logits * slice(code, -1, 0, k), -1);
  if (d == 0) return total;
  const Tensor apart = (slice(code, -1, k, d) - said.means) * exp(-said.log_deviations);
  const Tensor numbers = sum(-0.5 * square(apart) - said.log_deviations - log_of_root, -1);  // (1)
  return k > 0 ? total + numbers : numbers;
}

void Posterior::observe(const TransitionBatch& batch, const DataView& codes) {
  features_.bind(observing_, batch);
  observing_.bind("code", codes);
  observing_.run();
}

void Posterior::fit() {
  const auto done = static_cast<std::uint64_t>(steps_done_->read()[0]);
  std::vector<std::int32_t> batch(static_cast<std::size_t>(options_.batch_size));
  for (std::int64_t i = 0; i < options_.steps; ++i) {
    if (!batch.empty()) {
      // A step's rows depend on its number alone, so that a resumed run draws the same.
      Draws draws(options_.seed, minibatch_stream + done + static_cast<std::uint64_t>(i));
      for (std::int32_t& row : batch) row = static_cast<std::int32_t>(draws.below(rows_));
      training_.write_indices("index", batch.data(), options_.batch_size);
    }
    training_.run();
  }
}

std::vector<double> Posterior::infer(const Transitions& transitions) const {
  Program program(store_.device(), store_.real());
  const Parts said = parts(features_.network_input(features_.inputs(program, transitions.rows())));
  program.output("codes", said.logits.defined() && said.means.defined()
                              ? concatenate({said.logits, said.means}, -1)
                          : said.logits.defined() ? identity(said.logits)
                                                  : identity(said.means));
  features_.write(program, transitions);
  program.run();
  return program.read("codes");
}

void Posterior::save(const std::string& path) const {
  Described described{codes_, options_.hidden, features_.spaces().input};
  std::map<std::string, std::string> metadata;
  for (const auto& [key, value] : OptionList(described).texts())
    metadata["posterior." + key] = value;
  write_checkpoint(path, {&store_}, metadata);
}

std::unique_ptr<Posterior> Posterior::load(Device& device, const std::string& path,
                                           const Spaces& spaces) {
  Described described;
  std::vector<OptionAssignment> assignments;
  for (const auto& [key, value] : files::read_safetensors(path).metadata)
    if (key.starts_with("posterior."))
      assignments.push_back({key.substr(std::string("posterior.").size()), value, path});
  assign_options(described, assignments);
  auto posterior = std::unique_ptr<Posterior>(new Posterior(
      device, {spaces, described.input}, described.codes, {.hidden = described.hidden}));
  read_checkpoint(path, {&posterior->store_});
  return posterior;
}

std::vector<double> codes_of_episodes(const Posterior& posterior, const Demonstrations& episodes) {
  const Transitions steps = transitions(episodes);
  const std::vector<double> said = posterior.infer(steps);
  const CodeSpace& codes = posterior.codes();
  const std::size_t width = static_cast<std::size_t>(codes.width());
  std::vector<double> all;
  for (std::int64_t e = 0; e < steps.sequences(); ++e) {
    std::vector<double> mean(width, 0.0);
    const double length = static_cast<double>(steps.length(e));
    for (std::int64_t row = steps.starts[static_cast<std::size_t>(e)];
         row < steps.starts[static_cast<std::size_t>(e) + 1]; ++row)
      for (std::size_t k = 0; k < width; ++k)
        mean[k] += said[static_cast<std::size_t>(row) * width + k] / length;
    double total = 0;
    for (std::int64_t k = 0; k < codes.categories; ++k)
      total += std::exp(mean[static_cast<std::size_t>(k)]);
    for (std::int64_t k = 0; k < codes.categories; ++k) {
      double& one = mean[static_cast<std::size_t>(k)];
      one = std::exp(one) / total;
    }
    all.insert(all.end(), mean.begin(), mean.end());
  }
  return all;
}

}  // namespace understudy
