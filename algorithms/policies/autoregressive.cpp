#include "algorithms/policies/autoregressive.h"

#include <algorithm>

#include "kernels/device/error.h"

namespace understudy {

namespace {

class Masked final : public Conditionals {
 public:
  struct Layer {
    Tensor weight, bias;  // the weight masked
  };
  Masked(Tensor features, std::vector<Layer> layers, std::int64_t dimensions, std::int64_t bins)
      : features_(features), layers_(std::move(layers)), dimensions_(dimensions), bins_(bins) {}

  Tensor all(Tensor x) override {
    Tensor h = concatenate({features_, x}, -1);
    for (std::size_t i = 0; i < layers_.size(); ++i)
      h = linear(h, layers_[i].weight, layers_[i].bias, activation(i));
    return reshape(h, behind(leading(h.shape()), {dimensions_, bins_}));
  }

  Tensor next(std::int64_t position, Tensor before) override {
    const Shape rows = leading(features_.shape());
    Program& program = features_.program();
    if (position == 0)
      seen_ = program.full(behind(rows, {dimensions_}), 0.0);
    else
      seen_ = seen_ + pad(before, -1, position - 1, dimensions_ - position);
    Tensor h = concatenate({features_, seen_}, -1);
    const std::size_t last = layers_.size() - 1;
    for (std::size_t i = 0; i < last; ++i)
      h = linear(h, layers_[i].weight, layers_[i].bias, activation(i));
    return linear(h, slice(layers_[last].weight, 1, position * bins_, bins_),
                  slice(layers_[last].bias, 0, position * bins_, bins_));
  }

 private:
  Activation activation(std::size_t i) const {
    return i + 1 < layers_.size() ? Activation::tanh : Activation::none;
  }
  Tensor features_, seen_;
  std::vector<Layer> layers_;
  std::int64_t dimensions_, bins_;
};

class Chain final : public Conditionals {
 public:
  struct Weights {
    Tensor features, before, state, out;  // [F, H], [1, H], [H, H], [D, H, B]
    Tensor bias, out_bias;                // [D, H], [D, B]
  };
  Chain(Tensor features, const Weights& weights, std::int64_t dimensions)
      : share_(matmul(features, weights.features)), w_(weights), dimensions_(dimensions) {}

  Tensor all(Tensor x) override {
    std::vector<Tensor> logits;
    for (std::int64_t p = 0; p < dimensions_; ++p) {
      const Tensor one = next(p, p == 0 ? Tensor{} : slice(x, -1, p - 1, 1));
      logits.push_back(reshape(one, behind(leading(one.shape()), {1, one.shape()[-1]})));
    }
    return concatenate(logits, -2);
  }

  Tensor next(std::int64_t position, Tensor before) override {
    const std::int64_t hidden = w_.state.shape()[0], bins = w_.out.shape()[-1];
    Tensor h = share_ + reshape(slice(w_.bias, 0, position, 1), {hidden});
    if (position > 0) h = h + matmul(before, w_.before) + matmul(state_, w_.state);
    state_ = tanh(h);  // (3)
    return linear(state_, reshape(slice(w_.out, 0, position, 1), {hidden, bins}),
                  reshape(slice(w_.out_bias, 0, position, 1), {bins}));
  }

 private:
  Tensor share_, state_;
  Weights w_;
  std::int64_t dimensions_;
};

}  // namespace

AutoregressiveBins::AutoregressiveBins(const Bins& bins, const std::vector<std::int64_t>& order,
                                       std::unique_ptr<Conditionals> conditionals,
                                       const Shape& rows)
    : bins_(bins.permuted(order)),
      order_(order),
      conditionals_(std::move(conditionals)),
      rows_(rows) {}

Tensor AutoregressiveBins::in_order(Tensor action, bool back) const {
  if (std::is_sorted(order_.begin(), order_.end())) return action;
  std::vector<Tensor> parts;
  for (std::size_t i = 0; i < order_.size(); ++i) {
    std::int64_t from = order_[i];
    if (back)
      from = std::find(order_.begin(), order_.end(), static_cast<std::int64_t>(i)) - order_.begin();
    parts.push_back(slice(action, -1, from, 1));
  }
  return concatenate(parts, -1);
}

Tensor AutoregressiveBins::log_probability(Tensor action) const {
  require_action(name(), action, ActionKind::continuous, rows_, bins_.dimensions());
  const Tensor where = bins_.membership(in_order(action, false));
  const Tensor log_p = log_softmax(conditionals_->all(bins_.position(where)));
  return sum(sum(where * log_p, -1) - bins_.log_width(where), -1);  // (1)
}

template <class Choose>
Tensor AutoregressiveBins::in_turn(const Choose& choose) const {
  std::vector<Tensor> chosen;
  Tensor before;
  for (std::int64_t p = 0; p < bins_.dimensions(); ++p) {
    const Tensor index = choose(p, conditionals_->next(p, before));
    const Tensor one = one_hot(index, bins_.count());
    before = reshape(bins_.position(one), behind(rows_, {1}));
    chosen.push_back(reshape(one, behind(rows_, {1, bins_.count()})));
  }
  return concatenate(chosen, -2);
}

Tensor AutoregressiveBins::sample(const RandomSource& source) const {
  const Tensor chosen =
      in_turn([&](std::int64_t, Tensor logits) { return random_categorical(source, logits); });
  const Tensor share = random_uniform(chosen.program(), source, leading(chosen.shape()));
  return in_order(bins_.point(chosen, share), true);
}

Tensor AutoregressiveBins::mode() const {
  const Tensor chosen = in_turn([&](std::int64_t p, Tensor logits) {
    return argmax(logits - bins_.log_widths(logits.program(), p), -1);
  });
  return in_order(bins_.point(chosen, chosen.program().constant(0.5)), true);
}

namespace {

Option order_option(std::vector<std::int64_t>& order) {
  return option("order", order, "dimensions by position; none: 0, 1, ...",
                {.least = 0, .most = most_units});
}

constexpr Initialization last = {InitializationKind::xavier_uniform, 0.1, 1};

}  // namespace

void list_options(OptionList& list, AutoregressiveOptions& o) {
  list.fields(o, group("", o.binning), order_option(o.order),
              option("hidden", o.hidden, "units of the head's masked layers",
                     {.least = 1, .most = most_units, .source = "Germain et al. 2015"}));
}

void list_options(OptionList& list, RecurrentBinsOptions& o) {
  list.fields(o, group("", o.binning), order_option(o.order),
              option("hidden", o.hidden, "units of the head's recurrent network",
                     {.least = 1, .most = most_units}));
}

AutoregressiveHead::AutoregressiveHead(const HeadSite& site, Bins bins,
                                       std::vector<std::int64_t> order, bool recurrent)
    : parameters_(&site.parameters),
      bins_(std::move(bins)),
      order_(std::move(order)),
      recurrent_(recurrent) {
  const std::int64_t n = bins_.dimensions();
  if (order_.empty())
    for (std::int64_t d = 0; d < n; ++d) order_.push_back(d);
  std::vector<std::int64_t> sorted = order_;
  std::sort(sorted.begin(), sorted.end());
  bool every = static_cast<std::int64_t>(sorted.size()) == n;
  for (std::int64_t d = 0; every && d < n; ++d) every = sorted[static_cast<std::size_t>(d)] == d;
  if (!every)
    fail(ErrorKind::bad_input, "autoregressive %s: expected an order of %lld dimensions, each once",
         site.name.c_str(), static_cast<long long>(n));
}

AutoregressiveHead::AutoregressiveHead(const HeadSite& site, const AutoregressiveOptions& o)
    : AutoregressiveHead(site, bins_of(o.head, o.binning, site.action), o.order, false) {
  if (o.hidden.empty())
    fail(ErrorKind::bad_input, "autoregressive %s: expected hidden layers, found none",
         site.name.c_str());
  const std::int64_t n = bins_.dimensions(), count = bins_.count();
  masks_ = made_masks(n, o.hidden, count, site.inputs);
  std::int64_t width = site.inputs + n;
  for (std::size_t i = 0; i <= o.hidden.size(); ++i) {
    const bool top = i == o.hidden.size();
    const std::int64_t to = top ? n * count : o.hidden[i];
    const std::string layer = site.name + "/" + std::to_string(i);
    weights_.push_back(site.parameters.declare(
        layer + "/weight", {width, to}, top ? last : Initialization{site.initialization, 1.0, 1}));
    biases_.push_back(site.parameters.declare(layer + "/bias", {to}, zeros()));
    width = to;
  }
}

AutoregressiveHead::AutoregressiveHead(const HeadSite& site, const RecurrentBinsOptions& o)
    : AutoregressiveHead(site, bins_of(o.head, o.binning, site.action), o.order, true) {
  Parameters& parameters = site.parameters;
  const std::int64_t n = bins_.dimensions(), count = bins_.count(), h = o.hidden;
  const Initialization how = {site.initialization, 1.0, 1};
  weights_ = {
      parameters.declare(site.name + "/features", {site.inputs, h}, how),
      parameters.declare(site.name + "/before", {1, h}, how),
      parameters.declare(site.name + "/state", {h, h}, {InitializationKind::orthogonal, 1, 1}),
      parameters.declare(site.name + "/out", {n, h, count}, last)};
  biases_ = {parameters.declare(site.name + "/bias", {n, h}, zeros()),
             parameters.declare(site.name + "/out_bias", {n, count}, zeros())};
}

std::unique_ptr<ActionDistribution> AutoregressiveHead::distribution(Tensor features) const {
  Program& program = features.program();
  const auto weight = [&](std::size_t i) { return parameters_->use(program, weights_[i]); };
  const auto bias = [&](std::size_t i) { return parameters_->use(program, biases_[i]); };
  std::unique_ptr<Conditionals> conditionals;
  if (recurrent_) {
    conditionals = std::make_unique<Chain>(
        features, Chain::Weights{weight(0), weight(1), weight(2), weight(3), bias(0), bias(1)},
        bins_.dimensions());
  } else {
    std::vector<Masked::Layer> layers;
    for (std::size_t i = 0; i < weights_.size(); ++i)  // (2)
      layers.push_back({weight(i) * program.constant(weight(i).shape(), masks_[i]), bias(i)});
    conditionals =
        std::make_unique<Masked>(features, std::move(layers), bins_.dimensions(), bins_.count());
  }
  return std::make_unique<AutoregressiveBins>(bins_, order_, std::move(conditionals),
                                              leading(features.shape()));
}

HeadRow autoregressive_row() {
  return {.name = AutoregressiveOptions::head,
          .aliases = {"made"},
          .spaces = {ActionKind::continuous},
          .traits = {.likelihood = true, .own_units = true},
          .summary = "bins, one dimension after another, by a masked network",
          .source = "Germain et al. 2015, equations 12-13",
          .header = "algorithms/policies/autoregressive.h",
          .options = AutoregressiveOptions{},
          .make = make_as<AutoregressiveHead, AutoregressiveOptions>,
          .prepare = prepare_bins<AutoregressiveOptions>,
          .support = {"bins", "edges"}};
}

HeadRow recurrent_bins_row() {
  return {.name = RecurrentBinsOptions::head,
          .spaces = {ActionKind::continuous},
          .traits = {.likelihood = true, .own_units = true},
          .summary = "bins, one dimension after another, by a recurrent network",
          .source = "van den Oord et al. 2016",
          .header = "algorithms/policies/autoregressive.h",
          .options = RecurrentBinsOptions{},
          .make = make_as<AutoregressiveHead, RecurrentBinsOptions>,
          .prepare = prepare_bins<RecurrentBinsOptions>,
          .support = {"bins", "edges"}};
}

}  // namespace understudy
