// A head of one's own, beside the library's: a Laplace distribution with a learned scale. A class
// for the distribution, one for the head, its options, and one row; policies, files, settings and
// cloning then know it by name.
//
//   c++ -std=c++20 laplace.cpp $(pkg-config --cflags --libs understudy) -o laplace && ./laplace
//
//   log p(a | s) = -sum_d (|a_d - mu_d(s)| / b_d + log 2 b_d)                                 (1)
//   H            =  sum_d (1 + log 2 b_d)                                                     (2)
//
// Its mode is the conditional median, which a few wild actions do not move.

#include <cmath>
#include <cstdio>

#include "algorithms/cloning/behavior_cloning.h"
#include "algorithms/policies/actor.h"
#include "algorithms/policies/heads.h"

using namespace understudy;

namespace {

class Laplace final : public ActionDistribution {
 public:
  // mean and log_scale [rows..., D]
  Laplace(Tensor mean, Tensor log_scale)
      : mean_(mean), log_scale_(expand(log_scale, mean.shape())) {}

  const char* name() const override { return "Laplace"; }
  Tensor log_probability(Tensor action) const override {
    const Shape& shape = mean_.shape();
    require_action(name(), action, ActionKind::continuous, leading(shape), shape[-1]);
    return -sum(abs(action - mean_) * exp(-log_scale_) + log_scale_ + std::log(2), -1);  // (1)
  }
  Tensor sample(const RandomSource& source) const override {  // by the inverse of its cdf
    const Tensor u = random_uniform(mean_.program(), source, mean_.shape()) - 0.5;
    const Tensor sign = 2.0 * is_positive(u) - 1.0;
    return mean_ - exp(log_scale_) * sign * log(1.0 - 2.0 * abs(u));
  }
  Tensor mode() const override { return mean_; }
  Tensor expectation() const override { return mean_; }
  Tensor entropy() const override { return sum(log_scale_ + 1 + std::log(2), -1); }  // (2)

 private:
  Tensor mean_, log_scale_;
};

struct LaplaceOptions {
  static constexpr const char* head = "laplace";
  double initial_scale = 1;
};
void list_options(OptionList& list, LaplaceOptions& o) {
  list.fields(o, option("initial_scale", o.initial_scale, "b at the start",
                        {.above = 0, .unit = "of the action"}));
}

// mu = W f + b, the scale a parameter.
class LaplaceHead final : public ActionHead {
 public:
  LaplaceHead(const HeadSite& site, const LaplaceOptions& options)
      : parameters_(site.parameters),
        mean_(site.parameters, site.name + "/mean",
              {.inputs = site.inputs, .outputs = site.action.size, .weight = site.last_weight()}),
        log_scale_(site.parameters.declare(site.name + "/log_scale", {site.action.size}, zeros())),
        start_(std::log(options.initial_scale)) {}
  std::unique_ptr<ActionDistribution> distribution(Tensor features) const override {
    const Tensor log_scale = parameters_.use(features.program(), log_scale_) + start_;
    return std::make_unique<Laplace>(mean_(features), log_scale);
  }

 private:
  const Parameters& parameters_;
  Linear mean_;
  int log_scale_;
  double start_;
};

HeadRow laplace_row() {
  return {.name = LaplaceOptions::head,
          .spaces = {ActionKind::continuous},
          .traits = {.likelihood = true, .mode = true},
          .summary = "independent Laplace distributions: least absolute deviations",
          .source = "Koenker & Bassett 1978",
          .header = "laplace.cpp",
          .options = LaplaceOptions{},
          .make = make_as<LaplaceHead, LaplaceOptions>};
}

}  // namespace

int main() {
  register_head(laplace_row());

  // An expert who does 2 x - 1, but every tenth time something wild.
  Transitions pairs = Transitions::of_numbers(1, 1);
  for (int i = 0; i < 400; ++i) {
    const float x = static_cast<float>(i % 40) / 20 - 1;
    pairs.append({x}, {i % 10 == 3 ? 8.0f : 2 * x - 1});
  }
  const auto device = cpu_device();
  PolicyDescription description = {.observation = {.shape = {1}},
                                   .action = {ActionKind::continuous, 1},
                                   .trunk = {.hidden = {}},
                                   .head = LaplaceOptions{.initial_scale = 0.5}};
  Policy policy(*device, description);
  BehaviorCloning cloning(policy, pairs, {.batch_size = 100, .learning_rate = 1e-2});
  const double loss = cloning.train(1500).loss;
  policy.save("laplace.safetensors");

  // The file names the head and has its options: whoever registered it can load the policy.
  const auto loaded = Policy::load(*device, "laplace.safetensors");
  Store store(*device);
  Actor actor(*loaded, store, {.rows = 1, .deterministic = true});
  std::printf("%s, initial_scale %s: loss %.3f, action at 0.5: %.2f\n",
              loaded->description().head.name().c_str(),
              loaded->description().head.text("initial_scale").c_str(), loss, actor.act({0.5})[0]);
}
