// Latent heads: a = g(s, z) with z ~ N(0, I), so that one state can lead to many actions. Three
// ways to learn g, none with a log-probability in closed form:
//
//   best_of       min over n draws of z of |a - g(s, z)|^2 / 2                               (1)
//   variational   p(a | s) = E_z N(a; g(s, z), sigma(s, z)^2), by maximizing the bound
//                 E_q log p(a | z, s) - w KL(q(z | a, s) || N(0, I))                         (2)
//                 log p >= log 1/K sum_k p(a | z_k, s) N(z_k; 0, I) / q(z_k | a, s)          (3)
//   adversarial   D: max log D(s, a) + log(1 - D(s, g(s, z)));  g: max log D(s, g(s, z))     (4)
//
//   (1)   the "variety loss" of Gupta et al. 2018, equation 3: the nearest draw learns. Covers the
//         modes; is no likelihood.
//   (2)   reparametrized: Kingma & Welling 2014, equation 10; conditional: Sohn et al. 2015. w
//         warms up from 0 (Bowman et al. 2016, section 3.1).
//   (3)   from K draws of q: Burda et al. 2016, equation 8. What a held-out likelihood is reported
//         by.
//   (4)   a discriminator tells g's actions from the expert's (Goodfellow et al. 2014; conditional:
//         Mirza & Osindero 2014), g by the loss that does not saturate. Both learn in one step: the
//         generator's term reaches g alone. Adam's momentum (beta1) should be 0: with it the two
//         circle around each other.

#pragma once

#include <optional>

#include "algorithms/policies/heads.h"

namespace understudy {

enum class LatentKind : std::int8_t { best_of, variational, adversarial };

struct BestOfOptions {
  static constexpr const char* head = "best_of";
  std::int64_t latent = 2;                  // numbers in z
  std::vector<std::int64_t> hidden = {64};  // of g
  std::int64_t draws = 10;                  // n
};
void list_options(OptionList& list, BestOfOptions& options);

struct VariationalOptions {
  static constexpr const char* head = "variational";
  std::int64_t latent = 2;
  std::vector<std::int64_t> hidden = {64};  // of g and sigma, and of q
  double min_std = 1e-3, max_std = 1e3;     // of sigma
};
void list_options(OptionList& list, VariationalOptions& options);

struct AdversarialHeadOptions {
  static constexpr const char* head = "adversarial";
  std::int64_t latent = 2;
  std::vector<std::int64_t> hidden = {64};  // of g, and of D
};
void list_options(OptionList& list, AdversarialHeadOptions& options);

class LatentHead final : public ActionHead {
 public:
  LatentHead(const HeadSite& site, const BestOfOptions& options);
  LatentHead(const HeadSite& site, const VariationalOptions& options);
  LatentHead(const HeadSite& site, const AdversarialHeadOptions& options);
  std::unique_ptr<ActionDistribution> distribution(Tensor features) const override;

 private:
  friend class LatentDistribution;
  void declare(const HeadSite& site, const std::vector<std::int64_t>& hidden);
  LatentKind kind_;
  std::int64_t dimensions_, latent_, draws_ = 1;
  double min_std_ = 0, max_std_ = 0;
  std::optional<Mlp> generator_, judge_;  // judge: the encoder q, or the discriminator D
};

HeadRow best_of_row();
HeadRow variational_row();
HeadRow adversarial_row();

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
