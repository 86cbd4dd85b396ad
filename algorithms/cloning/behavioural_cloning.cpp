#include "algorithms/cloning/behavioural_cloning.h"

#include <algorithm>
#include <cmath>
#include <string>

#include "kernels/device/error.h"

namespace understudy {

namespace {

// Streams of the seed beyond those that parameters draw from, which are numbered from 0.
constexpr std::uint64_t order_stream = std::uint64_t{1} << 32;
constexpr std::uint64_t sample_stream = order_stream + 1;

}  // namespace

BehaviouralCloning::BehaviouralCloning(Device& device, const Pairs& pairs, const Options& options)
    : options_(options),
      rows_(pairs.rows()),
      input_width_(pairs.input_width),
      action_width_(pairs.action_width),
      store_(device),
      parameters_("policy"),
      training_(device),
      scoring_(device),
      acting_(device),
      draws_(options.seed, order_stream) {
  if (rows_ == 0 || static_cast<std::int64_t>(pairs.inputs.size()) != rows_ * input_width_ ||
      static_cast<std::int64_t>(pairs.actions.size()) != rows_ * action_width_)
    fail(ErrorKind::bad_input, "cloning: %zu numbers of states and %zu of actions for %lld rows",
         pairs.inputs.size(), pairs.actions.size(), static_cast<long long>(rows_));
  if (options_.batch < 1 || options_.answer_rows < 1)
    fail(ErrorKind::bad_input, "cloning: a batch of %lld rows, answers of %lld",
         static_cast<long long>(options_.batch), static_cast<long long>(options_.answer_rows));

  if (!options_.hidden.empty())
    trunk_ = std::make_unique<Mlp>(
        parameters_, "trunk",
        Mlp::Options{.inputs = input_width_, .hidden = options_.hidden, .outputs = 0});
  options_.head.inputs = trunk_ ? trunk_->outputs() : input_width_;
  options_.head.dimensions = action_width_;
  head_ = std::make_unique<MixtureHead>(parameters_, "head", options_.head);
  parameters_.create(store_, options_.seed);
  adam_ = std::make_unique<Adam>(parameters_, store_,
                                 Adam::Options{.learning_rate = options_.learning_rate,
                                               .clipping = {.norm = options_.gradient_norm}});

  // All pairs lie on the device; a step sends the numbers of its rows.
  Array& all_inputs = store_.create("pairs/inputs", {rows_, input_width_});
  Array& all_actions = store_.create("pairs/actions", {rows_, action_width_});
  all_inputs.write({pairs.inputs.begin(), pairs.inputs.end()});
  all_actions.write({pairs.actions.begin(), pairs.actions.end()});
  const Tensor index = training_.input("index", {rows(options_.batch)}, Element::index);
  const Tensor state = gather_rows(training_.use(all_inputs), index);
  const Tensor action = gather_rows(training_.use(all_actions), index);
  const Tensor loss = -mean((*head_)(features(state)).log_probability(action));
  training_.output("loss", loss);
  adam_->record(training_, loss);

  const Shape input_shape = {rows(options_.answer_rows), input_width_};
  const Tensor asked = scoring_.input("state", input_shape);
  const Tensor taken = scoring_.input("action", {rows(options_.answer_rows), action_width_});
  scoring_.output("log_probability", (*head_)(features(asked)).log_probability(taken));

  Array& counter = store_.create("sample/counter", {1}, Element::counter);
  const Mixture policy = (*head_)(features(acting_.input("state", input_shape)));
  acting_.output("expectation", policy.expectation());
  acting_.output("sample", policy.sample({&counter, options_.seed, sample_stream}));
  shuffle();
}

void BehaviouralCloning::shuffle() {
  order_ = draws_.permutation(rows_);
  next_ = 0;
}

BehaviouralCloning::Metrics BehaviouralCloning::step() {
  batch_.clear();
  while (static_cast<std::int64_t>(batch_.size()) < options_.batch) {
    // An epoch's last batch is filled up from the next one.
    if (next_ == order_.size()) shuffle();
    batch_.push_back(static_cast<std::int32_t>(order_[next_++]));
  }
  training_.write_indices("index", batch_.data(), options_.batch);
  training_.run();
  ++iteration_;
  const double loss = training_.value("loss");
  if (!std::isfinite(loss)) {
    const std::string where = training_.first_not_finite();
    fail(ErrorKind::not_finite, "cloning: the loss of step %lld is %g%s%s",
         static_cast<long long>(iteration_), loss, where.empty() ? "" : "; first in ",
         where.c_str());
  }
  const double seen = static_cast<double>(iteration_) * static_cast<double>(options_.batch);
  return {iteration_, seen / static_cast<double>(rows_), loss};
}

std::vector<double> BehaviouralCloning::log_probabilities(const Pairs& pairs) {
  if (pairs.input_width != input_width_ || pairs.action_width != action_width_)
    fail(ErrorKind::bad_shape, "cloning: pairs of %lld and %lld numbers, trained on %lld and %lld",
         static_cast<long long>(pairs.input_width), static_cast<long long>(pairs.action_width),
         static_cast<long long>(input_width_), static_cast<long long>(action_width_));
  const std::int64_t chunk = options_.answer_rows;
  std::vector<double> result;
  std::vector<float> state, action;
  for (std::int64_t first = 0; first < pairs.rows(); first += chunk) {
    const std::int64_t n = std::min(chunk, pairs.rows() - first);
    // Rows past the last one are zeros, and their answers are dropped.
    state.assign(static_cast<std::size_t>(chunk * input_width_), 0.0f);
    action.assign(static_cast<std::size_t>(chunk * action_width_), 0.0f);
    std::copy_n(pairs.inputs.begin() + first * input_width_, n * input_width_, state.begin());
    std::copy_n(pairs.actions.begin() + first * action_width_, n * action_width_, action.begin());
    scoring_.write("state", state.data(), chunk * input_width_);
    scoring_.write("action", action.data(), chunk * action_width_);
    scoring_.run();
    const std::vector<double> answers = scoring_.read("log_probability");
    result.insert(result.end(), answers.begin(), answers.begin() + n);
  }
  return result;
}

std::vector<float> BehaviouralCloning::answer(const std::vector<float>& inputs,
                                              const char* output) {
  const std::int64_t n = static_cast<std::int64_t>(inputs.size()) / input_width_;
  if (n * input_width_ != static_cast<std::int64_t>(inputs.size()))
    fail(ErrorKind::bad_shape, "cloning: %zu numbers are no whole rows of %lld", inputs.size(),
         static_cast<long long>(input_width_));
  const std::int64_t chunk = options_.answer_rows;
  std::vector<float> state, all(static_cast<std::size_t>(chunk * action_width_)), result;
  for (std::int64_t first = 0; first < n; first += chunk) {
    const std::int64_t count = std::min(chunk, n - first);
    state.assign(static_cast<std::size_t>(chunk * input_width_), 0.0f);
    std::copy_n(inputs.begin() + first * input_width_, count * input_width_, state.begin());
    acting_.write("state", state.data(), chunk * input_width_);
    acting_.run();
    acting_.read(output, all.data(), chunk * action_width_);
    result.insert(result.end(), all.begin(), all.begin() + count * action_width_);
  }
  return result;
}

std::vector<float> BehaviouralCloning::sample(const std::vector<float>& inputs) {
  return answer(inputs, "sample");
}

std::vector<float> BehaviouralCloning::expectation(const std::vector<float>& inputs) {
  return answer(inputs, "expectation");
}

}  // namespace understudy
