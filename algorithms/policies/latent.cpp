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

namespace {

Option latent_option(std::int64_t& latent) {
  return option("latent", latent, "numbers of the latent variable z",
                {.least = 1, .most = most_parts});
}
Option hidden_option(std::vector<std::int64_t>& hidden) {
  return option("hidden", hidden, "units of each layer of the head's own networks",
                {.least = 1, .most = most_units});
}

}  // namespace

void list_options(OptionList& list, BestOfOptions& o) {
  list.fields(o, latent_option(o.latent), hidden_option(o.hidden),
              option("draws", o.draws, "draws of z, of which the nearest learns",
                     {.least = 1, .most = most_parts, .source = "Gupta et al. 2018: 20"}));
}

void list_options(OptionList& list, VariationalOptions& o) {
  list.fields(o, latent_option(o.latent), hidden_option(o.hidden),
              std_bound("min_std", o.min_std, "least standard deviation given z"),
              std_bound("max_std", o.max_std, "largest standard deviation given z"));
  require_std_bounds(list, o.min_std, o.max_std);
}

void list_options(OptionList& list, AdversarialHeadOptions& o) {
  list.fields(o, latent_option(o.latent), hidden_option(o.hidden));
}

LatentHead::LatentHead(const HeadSite& site, const BestOfOptions& o)
    : kind_(LatentKind::best_of),
      dimensions_(site.action.size),
      latent_(o.latent),
      draws_(o.draws) {
  check_options(o);
  declare(site, o.hidden);
}

LatentHead::LatentHead(const HeadSite& site, const VariationalOptions& o)
    : kind_(LatentKind::variational),
      dimensions_(site.action.size),
      latent_(o.latent),
      min_std_(o.min_std),
      max_std_(o.max_std) {
  check_options(o);
  declare(site, o.hidden);
}

LatentHead::LatentHead(const HeadSite& site, const AdversarialHeadOptions& o)
    : kind_(LatentKind::adversarial), dimensions_(site.action.size), latent_(o.latent) {
  check_options(o);
  declare(site, o.hidden);
}

void LatentHead::declare(const HeadSite& site, const std::vector<std::int64_t>& hidden) {
  const bool variational = kind_ == LatentKind::variational;
  generator_.emplace(site.parameters, site.name + "/generator",
                     Mlp::Options{.inputs = site.inputs + latent_,
                                  .hidden = hidden,
                                  .outputs = dimensions_ * (variational ? 2 : 1)});
  if (kind_ == LatentKind::best_of) return;
  judge_.emplace(site.parameters, site.name + (variational ? "/encoder" : "/discriminator"),
                 Mlp::Options{.inputs = site.inputs + dimensions_,
                              .hidden = hidden,
                              .outputs = variational ? 2 * latent_ : 1});
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
                       behind(leading(features_.shape()), {n, head_.latent_}));
}

LatentDistribution::Decoded LatentDistribution::decode(Tensor z) const {
  const Tensor out = (*head_.generator_)(concatenate({repeated(features_, z.shape()[-2]), z}, -1));
  if (head_.kind_ != LatentKind::variational) return {out, {}};
  const double low = head_.min_std_, high = head_.max_std_;
  return {slice(out, -1, 0, head_.dimensions_),
          bounded_log_std(slice(out, -1, head_.dimensions_, head_.dimensions_), low, high,
                          std::sqrt(low * high))};
}

Tensor LatentDistribution::sample(const RandomSource& source) const {
  const Decoded decoded = decode(noise(source, 1));
  Tensor a = decoded.mean;
  if (decoded.log_std.defined())
    a = a + exp(decoded.log_std) * random_normal(a.program(), source, a.shape());
  return reshape(a, behind(leading(features_.shape()), {head_.dimensions_}));
}

Tensor LatentDistribution::mode() const {
  const Shape rows = leading(features_.shape());
  const Tensor z = features_.program().full(behind(rows, {1, head_.latent_}), 0.0);
  return reshape(decode(z).mean, behind(rows, {head_.dimensions_}));
}

LatentDistribution::Bound LatentDistribution::bound(Tensor action, const RandomSource& source,
                                                    std::int64_t n) const {
  const std::int64_t latent = head_.latent_;
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
                 head_.dimensions_);
  if (!log_probability_is_a_bound()) refuse("a bound of the log-probability");
  return log_sum_exp(bound(action, source, samples).weight) -  // (3)
         std::log(static_cast<double>(samples));
}

Tensor LatentDistribution::judged(Tensor action) const {
  const Tensor score = (*head_.judge_)(concatenate({features_, action}, -1));
  return reshape(score, leading(score.shape()));
}

Tensor LatentDistribution::loss(Tensor action, const LossContext& context) const {
  const Shape rows = leading(features_.shape());
  const std::int64_t n = head_.draws_;
  require_action(name(), action, ActionKind::continuous, rows, head_.dimensions_);
  switch (head_.kind_) {
    case LatentKind::best_of: {
      const Tensor drawn = decode(noise(context.random, n)).mean;
      return least(0.5 * sum(square(repeated(action, n) - drawn), -1));  // (1)
    }
    case LatentKind::variational: {
      const Bound parts = bound(action, context.random, 1);
      Tensor divergence = parts.divergence;
      if (context.warm_up.defined()) divergence = context.warm_up * divergence;
      return divergence - reshape(parts.reconstruction, rows);  // -(2)
    }
    case LatentKind::adversarial: break;
  }
  const Tensor drawn =
      reshape(decode(noise(context.random, 1)).mean, behind(rows, {head_.dimensions_}));
  const Tensor held = judged(stop_gradient(drawn));
  // (4): -log D(a) - log(1 - D(g)) moves the discriminator alone. -log D(g), less the same with g
  // held, is 0 and moves the generator alone: what it would do to the discriminator cancels.
  return softplus(-judged(action)) + softplus(held) + softplus(-judged(drawn)) - softplus(-held);
}

HeadRow best_of_row() {
  return {.name = BestOfOptions::head,
          .spaces = {ActionKind::continuous},
          .traits = {.latent = true},
          .summary = "a generator of which the nearest of n draws learns",
          .source = "Gupta et al. 2018, equation 3",
          .header = "algorithms/policies/latent.h",
          .options = BestOfOptions{},
          .make = make_as<LatentHead, BestOfOptions>};
}

HeadRow variational_row() {
  return {.name = VariationalOptions::head,
          .aliases = {"cvae"},
          .spaces = {ActionKind::continuous},
          .traits = {.bound = true, .latent = true},
          .summary = "a conditional variational autoencoder",
          .source = "Kingma & Welling 2014, equation 10; Sohn et al. 2015",
          .header = "algorithms/policies/latent.h",
          .options = VariationalOptions{},
          .make = make_as<LatentHead, VariationalOptions>};
}

HeadRow adversarial_row() {
  return {.name = AdversarialHeadOptions::head,
          .aliases = {"cgan"},
          .spaces = {ActionKind::continuous},
          .traits = {.latent = true},
          .summary = "a conditional generative adversarial network",
          .source = "Goodfellow et al. 2014; Mirza & Osindero 2014",
          .header = "algorithms/policies/latent.h",
          .options = AdversarialHeadOptions{},
          .make = make_as<LatentHead, AdversarialHeadOptions>};
}

}  // namespace understudy
