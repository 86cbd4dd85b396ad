#include "algorithms/off_policy/imitation_terms.h"

#include "algorithms/policies/distribution.h"
#include "autograd/options/options.h"

namespace understudy {

void list_options(OptionList& list, DacOptions& o) {
  list.fields(o,
              option("hidden", o.hidden, "units of the layers, tanh",
                     {.least = 1, .source = "the code of Kostrikov et al. 2019"}),
              option("learning_rate", o.learning_rate, "Adam's",
                     {.above = 0, .source = "Kostrikov et al. 2019, section 5"}),
              option("gradient_penalty", o.gradient_penalty,
                     "times the squared distance of the gradient's norm from 1",
                     {.least = 0, .source = "Gulrajani et al. 2017"}),
              option("batch_size", o.batch_size, "rows of either side in a step", {.least = 1}));
}

void list_options(OptionList& list, ImitationTerms& o) {
  using enum OffPolicyAlgorithm;
  list.fields(
      o, fixed("algorithm", o.algorithm, "the one that is trained"),
      option("demonstration_share", o.demonstration_share, "of the rows of a minibatch",
             {.above = 0, .most = 1, .source = "Reddy et al. 2020, algorithm 1"}),
      option("absorbing_states", o.absorbing_states,
             "a reward beyond terminated episodes, for expert and learner; false: 0 beyond",
             {.source = "Kostrikov et al. 2019, section 4.2"}),
      option("expert_ends", o.expert_ends, ends_evidences(),
             "what says that an expert's episode terminated: `terminal`, or its length; automatic: "
             "`terminal` where it tells episodes apart, else the length"),
      option("margin", o.margin, "by which a demonstrated action is to be better than others",
             {.least = 0, .source = "Hester et al. 2018"}),
      option("margin_weight", o.margin_weight, "of the margin's loss",
             {.least = 0, .source = "Hester et al. 2018"}),
      option("n_step_weight", o.n_step_weight, "of the loss of n-step returns, beside one step's",
             {.least = 0, .source = "Hester et al. 2018"}),
      option("l2", o.l2, "times the parameters is added to the gradient",
             {.least = 0, .source = "Hester et al. 2018"}),
      option("pretraining", o.pretraining,
             "gradient steps on demonstrations before the first step in the environment",
             {.least = 0, .unit = "steps", .source = "Hester et al. 2018"}),
      option("alpha", o.alpha, "of the chi-squared divergence: rewards stay within 2 alpha of 0",
             {.above = 0, .source = "Garg et al. 2021, equation 10"}),
      option("offline", o.offline, "learns from demonstrations alone; no step in the environment",
             {.source = "Garg et al. 2021, section 5.1"}),
      group_if(o.algorithm == dac, "discriminator", o.dac, "there is none"));
  const auto only = [&](OffPolicyAlgorithm algorithm, std::initializer_list<const char*> names) {
    if (o.algorithm == algorithm) return;
    for (const char* name : names) list.leave_out(name);
  };
  only(dqfd, {"margin", "margin_weight", "n_step_weight", "l2", "pretraining"});
  only(iq_learn, {"alpha", "offline"});
  if (!o.imitates()) {
    list.leave_out("demonstration_share");
    list.leave_out("expert_ends");
  }
  if (!o.replaces_reward()) list.leave_out("absorbing_states");
}

Tensor iq_loss(Tensor q, Tensor next, Tensor value, Tensor expert_weight, Tensor weight,
               double alpha) {
  const Tensor reward = q - next;
  return sum(weight * (value - next + (0.25 / alpha) * square(reward))) -
         sum(expert_weight * reward);
}

Tensor margin_loss(Tensor q, Tensor one_hot, double margin) {
  return max(q + margin * (1.0 - one_hot), -1) - sum(q * one_hot, -1);
}

double absorbing_reward(const ImitationTerms& terms, double expert_share, double learner_share) {
  const double both = expert_share + learner_share;
  if (!terms.absorbing_states || both <= 0) return 0;
  switch (terms.algorithm) {
    case OffPolicyAlgorithm::sqil: return expert_share / both;
    case OffPolicyAlgorithm::iq_learn:
      return 2 * terms.alpha * (expert_share - learner_share) / both;
    default: return 0;
  }
}

DacDiscriminator::DacDiscriminator(Store& store, std::int64_t width, const DacOptions& options,
                                   std::uint64_t seed)
    : options_(options), width_(width) {
  // The last layer starts at zero: D is 1/2 everywhere.
  network_ = std::make_unique<Mlp>(
      parameters_, "network",
      Mlp::Options{
          .inputs = width + 1, .hidden = options.hidden, .outputs = 1, .last_weight = zeros()});
  parameters_.create(store, seed);
  adam_ = std::make_unique<Adam>(parameters_, store,
                                 Adam::Options{.learning_rate = options.learning_rate});
}

Tensor DacDiscriminator::network_of(Tensor features) const {
  const Tensor f = (*network_)(features);
  return reshape(f, f.shape().without_axis(-1));
}

Tensor DacDiscriminator::score(Tensor features) const {
  const Shape one = behind(leading(features.shape()), {1});
  return network_of(concatenate({features, features.program().full(one, 0)}, -1));
}

Tensor DacDiscriminator::absorbing_score(Program& program) const {
  std::vector<double> row(static_cast<std::size_t>(width_ + 1), 0.0);
  row.back() = 1;
  return reshape(network_of(program.constant({1, width_ + 1}, row)), {});
}

Tensor DacDiscriminator::loss(Tensor expert, Tensor learner, Tensor shares, Tensor between) const {
  Program& program = expert.program();
  const Tensor e = reshape(slice(shares, 0, 0, 1), {}), l = reshape(slice(shares, 0, 1, 1), {});
  const Tensor absorbing = absorbing_score(program);
  const Tensor cross_entropy = (1.0 - e) * mean(softplus(-score(expert))) +
                               e * softplus(-absorbing) +
                               (1.0 - l) * mean(softplus(score(learner))) + l * softplus(absorbing);
  if (options_.gradient_penalty == 0) return cross_entropy;
  const Tensor x = between * expert + (1.0 - between) * learner;
  const Tensor slope = program.gradients(sum(score(x)), {x})[0];
  // Away from 0 the root has a slope.
  const Tensor length = sqrt(sum(square(slope), -1) + 1e-12);
  return cross_entropy + options_.gradient_penalty * mean(square(length - 1.0));
}

}  // namespace understudy
