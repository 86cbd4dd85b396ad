// Policies that act by a latent number: a = g(s, z) with z ~ N(0, I), so that one state can lead to
// many actions. Three ways to learn g:
//
//   best of n     min over n draws of z of |a - g(s, z)|² / 2 (the "variety loss" of Gupta et al.
//                 2018, equation 3): the draw that is nearest learns. Covers the modes; is no
//                 likelihood.
//   variational   p(a | s) = E_z N(a; g(s, z), sigma(s, z)²), by the bound
//                 E_q log p(a | z, s) - w KL(q(z | a, s) || N(0, I)), reparametrized (Kingma &
//                 Welling 2014, equation 10; conditional: Sohn et al. 2015), w warming up from 0
//                 (Bowman et al. 2016). K draws give a tighter bound (Burda et al. 2016, equation
//                 8), which is what a held-out likelihood is reported by.
//   adversarial   a discriminator D(s, a) tells g's actions from the expert's (Goodfellow et al.
//                 2014; conditional: Mirza & Osindero 2014), g by the loss that does not saturate.
//                 Both learn in one step: the generator's term reaches g alone. Adam's momentum
//                 (beta1) should be 0: with it the two circle around each other.
//
// None has a log-probability in closed form.

#pragma once

#include <optional>

#include "algorithms/policies/distribution.h"

namespace understudy {

enum class LatentKind : std::int8_t { best_of, variational, adversarial };

class LatentHead final : public ActionHead {
 public:
  struct Options {
    std::int64_t inputs = 0, dimensions = 0;
    std::int64_t latent = 2;                  // numbers in z
    std::vector<std::int64_t> hidden = {64};  // of g, of the encoder, of the discriminator
    std::int64_t draws = 10;                  // best of n: n
    // variational: bounds of sigma
    double min_std = 1e-2, max_std = 1e1;
  };
  LatentHead(Parameters& parameters, const std::string& name, LatentKind kind,
             const Options& options);
  std::unique_ptr<ActionDistribution> distribution(Tensor features) const override;

 private:
  friend class LatentDistribution;
  LatentKind kind_;
  Options options_;
  std::optional<Mlp> generator_, judge_;  // judge: the encoder, or the discriminator
};

// Holds its head by reference: the head outlives it.
class LatentDistribution final : public ActionDistribution {
 public:
  LatentDistribution(const LatentHead& head, Tensor features) : head_(head), features_(features) {}

  const char* name() const override;
  Tensor log_probability(Tensor action) const override;  // an Error: see the bound
  Tensor sample(const RandomSource& source) const override;
  Tensor mode() const override;  // g(s, 0): the likeliest z, not the likeliest action
  Tensor loss(Tensor action, const LossContext& context) const override;

  // variational alone.
  bool log_probability_is_a_bound() const override;
  Tensor log_probability_bound(Tensor action, const RandomSource& source,
                               int samples) const override;

 private:
  struct Decoded {
    Tensor mean, log_std;
  };
  // z [rows..., n, latent]: [rows..., n, D].
  Decoded decode(Tensor z) const;
  Tensor noise(const RandomSource& source, std::int64_t n) const;
  Tensor repeated(Tensor x, std::int64_t n) const;
  // log p(a | z) - log q(z | a) + log p(z), and the parts of the bound, for n draws of q.
  struct Bound {
    Tensor reconstruction, divergence, weight;  // [rows..., n], [rows...], [rows..., n]
  };
  Bound bound(Tensor action, const RandomSource& source, std::int64_t n) const;
  Tensor judged(Tensor action) const;

  const LatentHead& head_;
  Tensor features_;
};

}  // namespace understudy
