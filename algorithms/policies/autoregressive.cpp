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
    state_ = tanh(h);
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
  return sum(sum(where * log_p, -1) - bins_.log_width(where), -1);
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

AutoregressiveHead::AutoregressiveHead(Parameters& parameters, const std::string& name, Bins bins,
                                       const Options& options)
    : parameters_(&parameters), bins_(std::move(bins)), options_(options) {
  const std::int64_t n = bins_.dimensions(), count = bins_.count();
  if (options_.order.empty())
    for (std::int64_t d = 0; d < n; ++d) options_.order.push_back(d);
  std::vector<std::int64_t> sorted = options_.order;
  std::sort(sorted.begin(), sorted.end());
  bool every = static_cast<std::int64_t>(sorted.size()) == n;
  for (std::int64_t d = 0; every && d < n; ++d) every = sorted[static_cast<std::size_t>(d)] == d;
  if (!every)
    fail(ErrorKind::bad_input, "autoregressive %s: expected an order of %lld dimensions, each once",
         name.c_str(), static_cast<long long>(n));
  if (options_.hidden.empty() || (options_.recurrent && options_.hidden.size() != 1))
    fail(ErrorKind::bad_input, "autoregressive %s: expected %s, found %zu layers", name.c_str(),
         options_.recurrent ? "one hidden size" : "hidden layers", options_.hidden.size());
  const Initialization how = options_.weight;
  if (options_.recurrent) {
    const std::int64_t h = options_.hidden[0];
    weights_ = {parameters.declare(name + "/features", {options_.inputs, h}, how),
                parameters.declare(name + "/before", {1, h}, how),
                parameters.declare(name + "/state", {h, h}, {InitializationKind::orthogonal, 1, 1}),
                parameters.declare(name + "/out", {n, h, count},
                                   {InitializationKind::xavier_uniform, 0.1, 1})};
    biases_ = {parameters.declare(name + "/bias", {n, h}, zeros()),
               parameters.declare(name + "/out_bias", {n, count}, zeros())};
    return;
  }
  masks_ = made_masks(n, options_.hidden, count, options_.inputs);
  std::int64_t width = options_.inputs + n;
  for (std::size_t i = 0; i <= options_.hidden.size(); ++i) {
    const bool last = i == options_.hidden.size();
    const std::int64_t to = last ? n * count : options_.hidden[i];
    const std::string layer = name + "/" + std::to_string(i);
    weights_.push_back(parameters.declare(
        layer + "/weight", {width, to},
        last ? Initialization{InitializationKind::xavier_uniform, 0.1, 1} : how));
    biases_.push_back(parameters.declare(layer + "/bias", {to}, zeros()));
    width = to;
  }
}

std::unique_ptr<ActionDistribution> AutoregressiveHead::distribution(Tensor features) const {
  Program& program = features.program();
  const auto weight = [&](std::size_t i) { return parameters_->use(program, weights_[i]); };
  const auto bias = [&](std::size_t i) { return parameters_->use(program, biases_[i]); };
  std::unique_ptr<Conditionals> conditionals;
  if (options_.recurrent) {
    conditionals = std::make_unique<Chain>(
        features, Chain::Weights{weight(0), weight(1), weight(2), weight(3), bias(0), bias(1)},
        bins_.dimensions());
  } else {
    std::vector<Masked::Layer> layers;
    for (std::size_t i = 0; i < weights_.size(); ++i)
      layers.push_back({weight(i) * program.constant(weight(i).shape(), masks_[i]), bias(i)});
    conditionals =
        std::make_unique<Masked>(features, std::move(layers), bins_.dimensions(), bins_.count());
  }
  return std::make_unique<AutoregressiveBins>(bins_, options_.order, std::move(conditionals),
                                              leading(features.shape()));
}

}  // namespace understudy
