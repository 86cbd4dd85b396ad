#include "algorithms/policies/latent.h"

#include <cmath>
#include <numbers>

#include "kernels/device/error.h"

namespace understudy {

namespace {

const double log_two_pi = std::log(2 * std::numbers::pi);

// log N(x; mean, exp(log_std)²) over the last axis.
Tensor log_normal(Tensor x, Tensor mean, Tensor log_std) {
  const double n = static_cast<double>(x.shape()[-1]);
  const Tensor z = (x - mean) * exp(-log_std);
  return sum(-0.5 * square(z) - log_std, -1) - 0.5 * n * log_two_pi;
}

// The smallest of each last axis, with the gradient to it alone.
Tensor least(Tensor x) { return -max(-x, -1); }

}  // namespace

LatentHead::LatentHead(Parameters& parameters, const std::string& name, LatentKind kind,
                       const Options& options)
    : kind_(kind), options_(options) {
  if (options.inputs < 1 || options.dimensions < 1 || options.latent < 1 || options.draws < 1 ||
      !(options.min_std > 0 && options.max_std > options.min_std))
    fail(ErrorKind::bad_input,
         "latent %s: %lld dimensions from %lld inputs and %lld latent "
         "numbers, %lld draws, deviations between %g and %g",
         name.c_str(), static_cast<long long>(options.dimensions),
         static_cast<long long>(options.inputs), static_cast<long long>(options.latent),
         static_cast<long long>(options.draws), options.min_std, options.max_std);
  const bool variational = kind == LatentKind::variational;
  generator_.emplace(parameters, name + "/generator",
                     Mlp::Options{.inputs = options.inputs + options.latent,
                                  .hidden = options.hidden,
                                  .outputs = options.dimensions * (variational ? 2 : 1)});
  if (kind == LatentKind::best_of) return;
  judge_.emplace(parameters, name + (variational ? "/encoder" : "/discriminator"),
                 Mlp::Options{.inputs = options.inputs + options.dimensions,
                              .hidden = options.hidden,
                              .outputs = variational ? 2 * options.latent : 1});
}

std::unique_ptr<ActionDistribution> LatentHead::distribution(Tensor features) const {
  return std::make_unique<LatentDistribution>(*this, features);
}

const char* LatentDistribution::name() const {
  switch (head_.kind_) {
    case LatentKind::best_of: return "best-of-n";
    case LatentKind::variational: return "variational";
    case LatentKind::adversarial: break;
  }
  return "adversarial";
}

Tensor LatentDistribution::log_probability(Tensor) const { refuse("the log-probability"); }

// x [rows..., F] n times: [rows..., n, F].
Tensor LatentDistribution::repeated(Tensor x, std::int64_t n) const {
  const Shape rows = leading(x.shape());
  return expand(reshape(x, behind(rows, {1, x.shape()[-1]})), behind(rows, {n, x.shape()[-1]}));
}

Tensor LatentDistribution::noise(const RandomSource& source, std::int64_t n) const {
  return random_normal(features_.program(), source,
                       behind(leading(features_.shape()), {n, head_.options_.latent}));
}

LatentDistribution::Decoded LatentDistribution::decode(Tensor z) const {
  const LatentHead::Options& options = head_.options_;
  const Tensor out = (*head_.generator_)(concatenate({repeated(features_, z.shape()[-2]), z}, -1));
  if (head_.kind_ != LatentKind::variational) return {out, {}};
  const double low = options.min_std, high = options.max_std;
  return {slice(out, -1, 0, options.dimensions),
          bounded_log_std(slice(out, -1, options.dimensions, options.dimensions), low, high,
                          std::sqrt(low * high))};
}

Tensor LatentDistribution::sample(const RandomSource& source) const {
  const Decoded decoded = decode(noise(source, 1));
  Tensor a = decoded.mean;
  if (decoded.log_std.defined())
    a = a + exp(decoded.log_std) * random_normal(a.program(), source, a.shape());
  return reshape(a, behind(leading(features_.shape()), {head_.options_.dimensions}));
}

Tensor LatentDistribution::mode() const {
  const Shape rows = leading(features_.shape());
  const Tensor z = features_.program().full(behind(rows, {1, head_.options_.latent}), 0.0);
  return reshape(decode(z).mean, behind(rows, {head_.options_.dimensions}));
}

LatentDistribution::Bound LatentDistribution::bound(Tensor action, const RandomSource& source,
                                                    std::int64_t n) const {
  const std::int64_t latent = head_.options_.latent;
  const Tensor code = (*head_.judge_)(concatenate({features_, action}, -1));
  const Tensor mean = slice(code, -1, 0, latent);
  const Tensor log_std = bounded_log_std(slice(code, -1, latent, latent), 1e-3, 1e3, 1);
  const Tensor mean_n = repeated(mean, n), log_std_n = repeated(log_std, n);
  const Tensor z = mean_n + exp(log_std_n) * noise(source, n);
  const Decoded decoded = decode(z);
  Bound result;
  result.reconstruction = log_normal(repeated(action, n), decoded.mean, decoded.log_std);
  // KL(q || N(0, I)) in closed form.
  result.divergence = 0.5 * sum(square(mean) + exp(2.0 * log_std) - 2.0 * log_std - 1.0, -1);
  const Tensor nothing = z.program().constant(0.0);
  result.weight =
      result.reconstruction + log_normal(z, nothing, nothing) - log_normal(z, mean_n, log_std_n);
  return result;
}

bool LatentDistribution::log_probability_is_a_bound() const {
  return head_.kind_ == LatentKind::variational;
}

Tensor LatentDistribution::log_probability_bound(Tensor action, const RandomSource& source,
                                                 int samples) const {
  require_action(name(), action, ActionKind::continuous, leading(features_.shape()),
                 head_.options_.dimensions);
  if (!log_probability_is_a_bound()) refuse("a bound of the log-probability");
  return log_sum_exp(bound(action, source, samples).weight) -
         std::log(static_cast<double>(samples));
}

Tensor LatentDistribution::judged(Tensor action) const {
  const Tensor score = (*head_.judge_)(concatenate({features_, action}, -1));
  return reshape(score, leading(score.shape()));
}

Tensor LatentDistribution::loss(Tensor action, const LossContext& context) const {
  const Shape rows = leading(features_.shape());
  const LatentHead::Options& options = head_.options_;
  require_action(name(), action, ActionKind::continuous, rows, options.dimensions);
  switch (head_.kind_) {
    case LatentKind::best_of: {
      const Tensor drawn = decode(noise(context.random, options.draws)).mean;
      return least(0.5 * sum(square(repeated(action, options.draws) - drawn), -1));
    }
    case LatentKind::variational: {
      const Bound parts = bound(action, context.random, 1);
      Tensor divergence = parts.divergence;
      if (context.warm_up.defined()) divergence = context.warm_up * divergence;
      return divergence - reshape(parts.reconstruction, rows);
    }
    case LatentKind::adversarial: break;
  }
  const Tensor drawn =
      reshape(decode(noise(context.random, 1)).mean, behind(rows, {options.dimensions}));
  const Tensor held = judged(stop_gradient(drawn));
  // -log D(a) - log(1 - D(g)) moves the discriminator alone. -log D(g), less the same with g held,
  // is 0 and moves the generator alone: what it would do to the discriminator cancels.
  return softplus(-judged(action)) + softplus(held) + softplus(-judged(drawn)) - softplus(-held);
}

}  // namespace understudy
