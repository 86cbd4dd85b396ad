#include "algorithms/cloning/behavior_cloning.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>
#include <string>

#include "algorithms/data/draws.h"
#include "autograd/options/options.h"
#include "kernels/device/error.h"

namespace understudy {

namespace {

// Streams of the seed beyond those that parameters draw from, which are numbered from 0. Epoch e
// has the stream order_stream + e, so that an order can be made again without those before it.
constexpr std::uint64_t sample_stream = (std::uint64_t{1} << 32) + 1;
constexpr std::uint64_t order_stream = std::uint64_t{1} << 33;

constexpr double none = std::numeric_limits<double>::quiet_NaN();

// progress: steps, looks without a better one, last and best validation.
enum { progress_iteration, progress_stale, progress_last, progress_best, progress_size };

}  // namespace

void list_options(OptionList& list, BehaviorCloning::Options& o) {
  static constexpr OptionChoice losses[] = {choice(CloningLoss::likelihood, "likelihood"),
                                            choice(CloningLoss::squared_error, "squared_error")};
  list.fields(
      o,
      option("loss", o.loss, losses,
             "minus the likelihood of the actions, or the squared error of their expectation, in "
             "the units that the head learns in"),
      option("batch_size", o.batch_size, "rows a step",
             {.least = 1, .source = "the code of Ho & Ermon 2016"}),
      option("learning_rate", o.learning_rate, "Adam's",
             {.above = 0, .source = "Kingma & Ba 2015, algorithm 1"}),
      option("weight_decay", o.weight_decay, "AdamW's",
             {.least = 0, .source = "Loshchilov & Hutter 2019, algorithm 2"}),
      option("gradient_norm", o.gradient_norm, "gradients are clipped to this norm; 0: not",
             {.least = 0}),
      group("schedule", o.schedule),
      option("validation_share", o.validation_share, "share of the rows held out; 0: none",
             {.least = 0, .below = 1, .source = "Ho & Ermon 2016 (0.3)"}),
      option("validation_every", o.validation_every, "steps between looks at the held-out rows",
             {.least = 1, .unit = "steps"}),
      option("patience", o.patience,
             "looks in a row without a better one that end the run; 0: it never ends so",
             {.least = 0}),
      seed(o.seed),
      option("eval_batch_size", o.eval_batch_size,
             "rows computed at a time when asked about states", {.least = 1}));
}

BehaviorCloning::BehaviorCloning(Policy& policy, const Transitions& given, const Options& options)
    : policy_(policy),
      options_(options),
      input_width_(policy.description().observation.discrete ? 1
                                                             : policy.description().input_width()),
      action_width_(policy.description().action.kind == ActionKind::discrete
                        ? 1
                        : policy.description().action.size),
      index_(policy.description().action.kind == ActionKind::discrete),
      data_(policy.device(), policy.store().real()),
      store_(policy.device(), policy.store().real()),
      training_(policy.device(), policy.store().real()),
      validating_(policy.device(), policy.store().real()),
      keeping_(policy.device(), policy.store().real()),
      restoring_(policy.device(), policy.store().real()),
      scoring_(policy.device(), policy.store().real()),
      losing_(policy.device(), policy.store().real()),
      validation_(none),
      best_validation_(none) {
  // What has indices is copied, and nothing else.
  std::optional<Transitions> converted;
  if (given.observations.discrete || given.actions.discrete) converted = in_numbers(given);
  const Transitions& transitions = converted ? *converted : given;
  require_widths(transitions);
  validates_ = options_.validation_share > 0;
  if (policy.has_memory() || policy.description().observation.discrete)
    fail(ErrorKind::bad_input,
         "cloning: expected a policy that observes numbers and is not recurrent");
  if (index_ && options_.loss == CloningLoss::squared_error)
    fail(ErrorKind::bad_input,
         "cloning: expected continuous or multi-binary actions for squared_error, found discrete");
  check_options(options);
  if (transitions.rows() < (validates_ ? 2 : 1))
    fail(ErrorKind::bad_input, "cloning: expected at least %d transitions, found %lld",
         validates_ ? 2 : 1, static_cast<long long>(transitions.rows()));

  // Rows to train on, and those of validation.
  RowSplit split;
  if (validates_) {
    split = split_rows(transitions.rows(), options_.validation_share, options_.seed, "cloning");
  } else {
    for (std::int64_t row = 0; row < transitions.rows(); ++row) split.training.push_back(row);
  }
  lay_down(transitions.observations);
  taken_ = part_of(transitions, split.training);
  held_out_ = part_of(transitions, split.validation);
  rows_ = taken_.rows();

  const Parameters& parameters = policy_.parameters();
  adam_ = std::make_unique<Adam>(parameters, store_,
                                 Adam::Options{.learning_rate = options_.learning_rate,
                                               .weight_decay = options_.weight_decay,
                                               .clipping = {.norm = options_.gradient_norm},
                                               .schedule = options_.schedule});
  progress_ = &store_.create("cloning/progress", {progress_size});
  progress_->write({0, 0, none, none});

  // All observations lie on the device; a step sends the numbers of its rows, and their actions.
  batch_.resize(static_cast<std::size_t>(options_.batch_size));
  batch_actions_.resize(static_cast<std::size_t>(options_.batch_size * action_width_));
  const Tensor loss = mean(loss_rows(observed(training_, options_.batch_size),
                                     action_input(training_, "action", options_.batch_size)));
  training_.output("loss", loss);
  adam_->record(training_, loss);
  if (bytes_.rows() > 0) bound_partial_sums();

  if (validates_) {
    record_validation();
    best_parameters_ = &store_.create("cloning/best", {parameters.elements()});
    keeping_.assign(*best_parameters_, identity(keeping_.use(parameters.flat())));
    restoring_.assign(parameters.flat(), identity(restoring_.use(*best_parameters_)));
    validate();
  }
}

// Every chunk of rows has partial sums of all gradients. A layer on pictures has many weights, and
// sixteen times those would be more than the pictures.
void BehaviorCloning::bound_partial_sums() {
  constexpr std::int64_t most_bytes = 24 << 20, least_chunks = 2;
  const std::int64_t each =
      policy_.parameters().elements() * static_cast<std::int64_t>(size_of(policy_.store().real()));
  const std::int64_t chunks = std::max(most_bytes / each, least_chunks);
  const std::int64_t rows = (options_.batch_size + chunks - 1) / chunks;
  if (rows > 8) training_.set_tiling(0, (rows + 7) / 8 * 8);
}

// The table that batches are gathered from.
void BehaviorCloning::lay_down(const Series& observations) {
  if (observations.in_bytes()) {
    bytes_ = observations.bytes;
    if (policy_.device().kind() == DeviceKind::cpu) return;
    table_ = &data_.create("observations", {bytes_.base_rows(), input_width_}, Element::byte);
    table_->write_bytes(bytes_.base(), bytes_.base_rows() * input_width_);
    return;
  }
  const std::vector<float>& numbers = observations.numbers;
  table_ = &data_.create("observations", {observations.rows(), input_width_});
  table_->write(numbers.data(), static_cast<std::int64_t>(numbers.size()));
}

std::int32_t BehaviorCloning::place_of(std::int64_t row) const {
  return static_cast<std::int32_t>(bytes_.rows() > 0 ? bytes_.at()[static_cast<std::size_t>(row)]
                                                     : row);
}

BehaviorCloning::Part BehaviorCloning::part_of(const Transitions& transitions,
                                               const std::vector<std::int64_t>& rows) const {
  Part part;
  part.actions.reserve(rows.size() * static_cast<std::size_t>(action_width_));
  for (std::int64_t row : rows) {
    part.place.push_back(place_of(row));
    part.actions.insert(part.actions.end(), transitions.action(row),
                        transitions.action(row) + action_width_);
  }
  return part;
}

// The observations at the input "index", of n places in the table.
Tensor BehaviorCloning::observed(Program& program, std::int64_t n) const {
  const Tensor index = program.input("index", {rows(n)}, Element::index);
  if (table_ != nullptr) return gather_rows(program.use(*table_), index);
  const DataView bytes =
      DataView::borrowed(policy_.device(), "observations", {bytes_.base_rows(), input_width_},
                         bytes_.base(), Element::byte, policy_.store().real());
  return gather_rows(program.use(bytes), index);
}

// Pictures are a few at a time: all of them as numbers would be four times the file.
void BehaviorCloning::record_validation() {
  const std::int64_t n = held_out_.rows();
  constexpr std::int64_t few_pictures = 32;
  held_out_batch_ = bytes_.rows() > 0 ? std::min(n, few_pictures) : n;
  const Tensor losses = loss_rows(observed(validating_, held_out_batch_),
                                  action_input(validating_, "action", held_out_batch_));
  if (held_out_batch_ < n) return validating_.output("losses", losses);
  validating_.output("loss", mean(losses));
  validating_.write_indices("index", held_out_.place.data(), n);
  write_action(validating_, "action", held_out_.actions.data(), n);
}

double BehaviorCloning::held_out_loss() {
  const std::int64_t n = held_out_.rows(), batch = held_out_batch_;
  if (batch == n) {
    validating_.run();
    return validating_.value("loss");
  }
  double total = 0;
  for (std::int64_t begin = 0; begin < n; begin += batch) {
    // the last batch repeats rows that have been counted
    const std::int64_t first = std::min(begin, n - batch);
    validating_.write_indices("index", held_out_.place.data() + first, batch);
    write_action(validating_, "action", held_out_.actions.data() + first * action_width_, batch);
    validating_.run();
    const std::vector<double> losses = validating_.read("losses");
    for (std::int64_t i = begin - first; i < batch; ++i)
      total += losses[static_cast<std::size_t>(i)];
  }
  return total / static_cast<double>(n);
}

Tensor BehaviorCloning::loss_rows(Tensor observation, Tensor action) const {
  const auto distribution = policy_.distribution(observation);
  if (options_.loss == CloningLoss::likelihood)
    return -distribution->log_probability(action);  // (1)
  return distribution->squared_error(action);       // (2)
}

Tensor BehaviorCloning::action_input(Program& program, const char* name, std::int64_t n) const {
  return index_ ? program.input(name, {rows(n)}, Element::index)
                : program.input(name, {rows(n), action_width_});
}

void BehaviorCloning::write_action(Program& program, const char* name, const float* values,
                                   std::int64_t n) const {
  if (!index_) {
    program.write(name, values, n * action_width_);
    return;
  }
  std::vector<std::int32_t> indices(values, values + n);
  program.write_indices(name, indices.data(), n);
}

// REQUIRES: numbers, as of `in_numbers`.
void BehaviorCloning::require_widths(const Transitions& transitions) const {
  const Series &observations = transitions.observations, &acted = transitions.actions;
  const auto whole = [](const Series& series, std::int64_t rows) {
    const std::size_t numbers = series.in_bytes()
                                    ? static_cast<std::size_t>(series.bytes.rows() * series.width())
                                    : series.numbers.size();
    return numbers == static_cast<std::size_t>(rows * series.width());
  };
  const std::int64_t rows = transitions.rows();
  if (observations.width() != input_width_ || acted.width() != action_width_ ||
      !whole(observations, rows) || !whole(acted, rows))
    fail(ErrorKind::bad_shape,
         "cloning: expected transitions of %lld and %lld numbers, found %lld rows of %lld and "
         "%lld of %lld",
         static_cast<long long>(input_width_), static_cast<long long>(action_width_),
         static_cast<long long>(observations.rows()), static_cast<long long>(observations.width()),
         static_cast<long long>(rows), static_cast<long long>(acted.width()));
  const std::vector<float>& actions = acted.numbers;
  require_finite(observations.numbers, input_width_, "cloning: observations");
  require_finite(actions, action_width_, "cloning: actions");
  if (!index_) return;
  const float choices = static_cast<float>(policy_.description().action.size);
  for (std::size_t row = 0; row < actions.size(); ++row)
    if (!(actions[row] >= 0 && actions[row] < choices))
      fail(ErrorKind::bad_input, "cloning: row %zu: expected an action below %g, found %g", row,
           static_cast<double>(choices), static_cast<double>(actions[row]));
}

void BehaviorCloning::train() {
  // Batch after batch takes the next rows; an epoch's last batch is filled up from the next one.
  const std::int64_t taken = iteration_ * options_.batch_size;
  std::int64_t epoch = taken / rows_, next = taken % rows_;
  for (std::int64_t i = 0; i < options_.batch_size; ++i, ++next) {
    if (next == rows_) ++epoch, next = 0;
    if (epoch != order_epoch_) {
      order_epoch_ = epoch;
      Draws draws(options_.seed, order_stream + static_cast<std::uint64_t>(order_epoch_));
      order_ = draws.permutation(rows_);
    }
    const std::int64_t row = order_[static_cast<std::size_t>(next)];
    batch_[static_cast<std::size_t>(i)] = taken_.place[static_cast<std::size_t>(row)];
    std::copy_n(taken_.actions.data() + row * action_width_, action_width_,
                batch_actions_.data() + i * action_width_);
  }
  training_.write_indices("index", batch_.data(), options_.batch_size);
  write_action(training_, "action", batch_actions_.data(), options_.batch_size);
  training_.run();
  ++iteration_;
  if (validates_ && iteration_ % options_.validation_every == 0) validate();
}

void BehaviorCloning::validate() {
  validation_ = held_out_loss();
  if (!(validation_ >= best_validation_)) {
    best_validation_ = validation_;
    stale_ = 0;
    keeping_.run();
  } else {
    ++stale_;
  }
  progress_->write({static_cast<double>(iteration_), static_cast<double>(stale_), validation_,
                    best_validation_});
}

BehaviorCloning::Metrics BehaviorCloning::metrics() {
  const double loss = training_.value("loss");
  if (!std::isfinite(loss)) {
    const std::string where = training_.first_not_finite();
    fail(ErrorKind::not_finite, "cloning: the loss of step %lld is %g%s%s",
         static_cast<long long>(iteration_), loss, where.empty() ? "" : "; first in ",
         where.c_str());
  }
  const double seen = static_cast<double>(iteration_) * static_cast<double>(options_.batch_size);
  return {iteration_,
          seen / static_cast<double>(rows_),
          loss,
          validation_,
          best_validation_,
          options_.patience > 0 && stale_ >= options_.patience};
}

BehaviorCloning::Metrics BehaviorCloning::step() {
  train();
  return metrics();
}

BehaviorCloning::Metrics BehaviorCloning::train(std::int64_t count) {
  for (std::int64_t i = 0; i < count; ++i) {
    train();
    if (options_.patience > 0 && stale_ >= options_.patience) break;
  }
  return metrics();
}

void BehaviorCloning::keep_best() {
  if (validates_) restoring_.run();
}

void BehaviorCloning::restore() {
  // Adam counts every step; the rest was written when validation last looked.
  const std::vector<double> progress = progress_->read();
  iteration_ =
      static_cast<std::int64_t>(store_.at(policy_.parameters().model() + "/adam/step").read()[0]);
  stale_ = static_cast<std::int64_t>(progress[progress_stale]);
  validation_ = progress[progress_last];
  best_validation_ = progress[progress_best];
  order_epoch_ = -1;
}

std::vector<double> BehaviorCloning::score(Program& program, const Transitions& given) {
  const Transitions transitions = in_numbers(given);
  require_widths(transitions);
  const std::int64_t chunk = options_.eval_batch_size;
  if (program.node_count() == 0) {
    const Tensor state = program.input("state", {rows(chunk), input_width_});
    const Tensor action = action_input(program, "action", chunk);
    const Tensor loss = &program == &scoring_ ? policy_.distribution(state)->log_probability(action)
                                              : loss_rows(state, action);
    program.output("score", loss);
  }
  std::vector<double> result;
  std::vector<float> state, action;
  for (std::int64_t first = 0; first < transitions.rows(); first += chunk) {
    const std::int64_t n = std::min(chunk, transitions.rows() - first);
    // Rows past the last one are zeros, and their answers are dropped.
    state.assign(static_cast<std::size_t>(chunk * input_width_), 0.0f);
    action.assign(static_cast<std::size_t>(chunk * action_width_), 0.0f);
    transitions.observations.copy_numbers(first, n, state.data());
    std::copy_n(transitions.action(first), n * action_width_, action.begin());
    program.write("state", state.data(), chunk * input_width_);
    write_action(program, "action", action.data(), chunk);
    program.run();
    const std::vector<double> answers = program.read("score");
    result.insert(result.end(), answers.begin(), answers.begin() + n);
  }
  return result;
}

std::vector<double> BehaviorCloning::log_probabilities(const Transitions& transitions) {
  return score(scoring_, transitions);
}

double BehaviorCloning::loss_of(const Transitions& transitions) {
  const std::vector<double> losses = score(losing_, transitions);
  double total = 0;
  for (double loss : losses) total += loss;
  return total / static_cast<double>(losses.size());
}

Program& BehaviorCloning::acting(std::unique_ptr<Program>& program, Asked asked) {
  if (program) return *program;
  program = std::make_unique<Program>(policy_.device(), policy_.store().real());
  const auto distribution =
      policy_.distribution(program->input("state", {rows(options_.eval_batch_size), input_width_}));
  switch (asked) {
    case Asked::sample:
      sample_counter_ = &data_.create("sample/counter", {1}, Element::counter);
      program->output("action",
                      distribution->sample({sample_counter_, options_.seed, sample_stream}));
      break;
    case Asked::expectation: program->output("action", distribution->expectation()); break;
    case Asked::mode: program->output("action", distribution->mode()); break;
  }
  return *program;
}

std::vector<float> BehaviorCloning::answer(const std::vector<float>& inputs, Program& program) {
  const std::int64_t n = static_cast<std::int64_t>(inputs.size()) / input_width_;
  if (n * input_width_ != static_cast<std::int64_t>(inputs.size()))
    fail(ErrorKind::bad_shape,
         "cloning: expected observations of %lld numbers each, found %zu numbers",
         static_cast<long long>(input_width_), inputs.size());
  require_finite(inputs, input_width_, "cloning: observations");
  const std::int64_t chunk = options_.eval_batch_size;
  std::vector<float> state, result;
  for (std::int64_t first = 0; first < n; first += chunk) {
    const std::int64_t count = std::min(chunk, n - first);
    state.assign(static_cast<std::size_t>(chunk * input_width_), 0.0f);
    std::copy_n(inputs.begin() + first * input_width_, count * input_width_, state.begin());
    program.write("state", state.data(), chunk * input_width_);
    program.run();
    const std::vector<double> all = program.read("action");
    result.insert(result.end(), all.begin(), all.begin() + count * action_width_);
  }
  return result;
}

std::vector<float> BehaviorCloning::sample(const std::vector<float>& inputs) {
  return answer(inputs, acting(sample_, Asked::sample));
}

std::vector<float> BehaviorCloning::expectation(const std::vector<float>& inputs) {
  return answer(inputs, acting(expectation_, Asked::expectation));
}

std::vector<float> BehaviorCloning::mode(const std::vector<float>& inputs) {
  return answer(inputs, acting(mode_, Asked::mode));
}

}  // namespace understudy
