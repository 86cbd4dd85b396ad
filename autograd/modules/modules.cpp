#include "autograd/modules/modules.h"

#include <algorithm>

#include "kernels/device/error.h"

namespace understudy {

Linear::Linear(Parameters& parameters, const std::string& name, const Options& options)
    : parameters_(&parameters), activation_(options.activation) {
  weight_ = parameters.declare(name + "/weight", {options.inputs, options.outputs}, options.weight);
  if (options.bias)
    bias_ = parameters.declare(name + "/bias", {options.outputs}, options.bias_start);
}

Tensor Linear::operator()(Tensor x) const {
  Program& program = x.program();
  return linear(x, parameters_->use(program, weight_),
                bias_ < 0 ? Tensor{} : parameters_->use(program, bias_), activation_);
}

MaskedLinear::MaskedLinear(Parameters& parameters, const std::string& name,
                           const Linear::Options& options, std::vector<double> mask)
    : parameters_(&parameters), options_(options), mask_(std::move(mask)) {
  if (static_cast<std::int64_t>(mask_.size()) != options.inputs * options.outputs)
    fail(ErrorKind::bad_shape, "masked linear %s: a mask of %zu elements for %lld x %lld weights",
         name.c_str(), mask_.size(), static_cast<long long>(options.inputs),
         static_cast<long long>(options.outputs));
  weight_ = parameters.declare(name + "/weight", {options.inputs, options.outputs}, options.weight);
  bias_ = parameters.declare(name + "/bias", {options.outputs}, options.bias_start);
}

Tensor MaskedLinear::operator()(Tensor x) const {
  Program& program = x.program();
  const Tensor mask = program.constant({options_.inputs, options_.outputs}, mask_);
  return linear(x, parameters_->use(program, weight_) * mask, parameters_->use(program, bias_),
                options_.activation);
}

std::vector<std::vector<double>> made_masks(std::int64_t dimensions,
                                            const std::vector<std::int64_t>& hidden,
                                            std::int64_t per_dimension, std::int64_t context) {
  // Degrees: inputs 1..D, context 0 (seen by all), hidden units in turn 0..D-1, outputs 0..D-1: an
  // output of dimension d sees units of degree at most d, which see inputs before d.
  std::vector<std::int64_t> degree(static_cast<std::size_t>(context), 0);
  for (std::int64_t d = 0; d < dimensions; ++d) degree.push_back(d + 1);
  std::vector<std::vector<double>> masks;
  const auto connect = [&](const std::vector<std::int64_t>& next) {
    std::vector<double> mask;
    for (std::int64_t from : degree)
      for (std::int64_t to : next) mask.push_back(to >= from ? 1.0 : 0.0);
    masks.push_back(std::move(mask));
    degree = next;
  };
  for (std::int64_t width : hidden) {
    std::vector<std::int64_t> next;
    for (std::int64_t unit = 0; unit < width; ++unit)
      next.push_back(unit % std::max<std::int64_t>(dimensions, 1));
    connect(next);
  }
  std::vector<std::int64_t> last;
  for (std::int64_t d = 0; d < dimensions; ++d)
    for (std::int64_t k = 0; k < per_dimension; ++k) last.push_back(d);
  connect(last);
  return masks;
}

Mlp::Mlp(Parameters& parameters, const std::string& name, const Options& options) {
  std::int64_t width = options.inputs;
  for (std::size_t i = 0; i < options.hidden.size(); ++i) {
    layers_.emplace_back(parameters, name + "/" + std::to_string(i),
                         Linear::Options{.inputs = width,
                                         .outputs = options.hidden[i],
                                         .activation = options.activation,
                                         .weight = options.weight});
    width = options.hidden[i];
  }
  if (options.outputs > 0) {
    layers_.emplace_back(
        parameters, name + "/" + std::to_string(options.hidden.size()),
        Linear::Options{
            .inputs = width, .outputs = options.outputs, .weight = options.last_weight});
    width = options.outputs;
  }
  outputs_ = width;
}

Tensor Mlp::operator()(Tensor x) const {
  for (const Linear& layer : layers_) x = layer(x);
  return x;
}

Conv::Conv(Parameters& parameters, const std::string& name, const Options& options)
    : parameters_(&parameters), options_(options) {
  weight_ = parameters.declare(
      name + "/weight", {options.out_channels, options.in_channels, options.kernel, options.kernel},
      options.weight);
  bias_ = parameters.declare(name + "/bias", {options.out_channels}, zeros());
}

Tensor Conv::operator()(Tensor x) const {
  Program& program = x.program();
  return convolution(x, parameters_->use(program, weight_), parameters_->use(program, bias_),
                     {options_.stride, options_.pad, options_.activation});
}

Recurrent::Recurrent(Parameters& parameters, const std::string& name, const Options& options)
    : parameters_(&parameters), options_(options) {
  const std::int64_t count = gates(options.cell), width = count * options.hidden;
  input_weight_ = parameters.declare(name + "/input_weight", {options.inputs, width},
                                     {InitializationKind::xavier_uniform, 1.0, count});
  weight_ = parameters.declare(name + "/weight", {options.hidden, width},
                               {InitializationKind::orthogonal, 1.0, count});
  bias_ = parameters.declare(name + "/bias", {width}, zeros());
  if (options.cell == Cell::gru)
    bias_n_ = parameters.declare(name + "/bias_n", {options.hidden}, zeros());
}

RecurrentResult Recurrent::operator()(Tensor x, const State& start, Tensor mask,
                                      bool unrolled) const {
  Program& program = x.program();
  RecurrentArguments arguments;
  arguments.cell = options_.cell;
  Tensor bias = parameters_->use(program, bias_);
  if (options_.cell == Cell::lstm && options_.forget_bias != 0) {
    // The forget gate is the second: it starts open without a parameter that starts away from zero.
    std::vector<double> shift(static_cast<std::size_t>(4 * options_.hidden), 0.0);
    std::fill_n(shift.begin() + options_.hidden, options_.hidden, options_.forget_bias);
    bias = bias + program.constant({4 * options_.hidden}, shift);
  }
  arguments.u = linear(x, parameters_->use(program, input_weight_), bias);
  arguments.weight = parameters_->use(program, weight_);
  if (bias_n_ >= 0) arguments.bias_n = parameters_->use(program, bias_n_);
  arguments.mask = mask;
  arguments.h0 = start.h;
  arguments.c0 = start.c;
  return unrolled ? recurrent_unrolled(arguments) : recurrent(arguments);
}

LayerNormalization::LayerNormalization(Parameters& parameters, const std::string& name,
                                       std::int64_t width, double epsilon)
    : parameters_(&parameters), epsilon_(epsilon) {
  gain_ = parameters.declare(name + "/gain", {width}, ones());
  bias_ = parameters.declare(name + "/bias", {width}, zeros());
}

Tensor LayerNormalization::operator()(Tensor x) const {
  Program& program = x.program();
  return layer_norm(x, parameters_->use(program, gain_), parameters_->use(program, bias_),
                    epsilon_);
}

Embedding::Embedding(Parameters& parameters, const std::string& name, std::int64_t count,
                     std::int64_t width, const Initialization& how)
    : parameters_(&parameters) {
  table_ = parameters.declare(name + "/table", {count, width}, how);
}

Tensor Embedding::operator()(Tensor index) const {
  return gather_rows(parameters_->use(index.program(), table_), index);
}

}  // namespace understudy
