// The options of policies, listed.

#include "algorithms/policies/policy_description.h"
#include "autograd/options/options.h"

namespace understudy {

namespace {

constexpr OptionChoice trunks[] = {choice(TrunkKind::mlp, "mlp"), choice(TrunkKind::rnn, "rnn"),
                                   choice(TrunkKind::lstm, "lstm"), choice(TrunkKind::gru, "gru")};
// What people call heads elsewhere stands behind our names.
constexpr OptionChoice heads[] = {choice(HeadKind::categorical, "categorical"),
                                  choice(HeadKind::bernoulli, "bernoulli"),
                                  choice(HeadKind::gaussian, "gaussian"),
                                  choice(HeadKind::regression, "regression"),
                                  choice(HeadKind::full_gaussian, "full_gaussian"),
                                  choice(HeadKind::mixture, "mixture"),
                                  choice(HeadKind::full_mixture, "full_mixture"),
                                  choice(HeadKind::independent_bins, "independent_bins"),
                                  choice(HeadKind::joint_bins, "joint_bins"),
                                  choice(HeadKind::autoregressive, "autoregressive"),
                                  choice(HeadKind::recurrent_bins, "recurrent_bins"),
                                  choice(HeadKind::best_of, "best_of"),
                                  choice(HeadKind::variational, "variational"),
                                  choice(HeadKind::adversarial, "adversarial"),
                                  choice(HeadKind::mixture, "gmm"),
                                  choice(HeadKind::mixture, "mdn"),
                                  choice(HeadKind::full_mixture, "full_gmm"),
                                  choice(HeadKind::autoregressive, "made"),
                                  choice(HeadKind::variational, "cvae"),
                                  choice(HeadKind::adversarial, "cgan")};
constexpr OptionChoice activations[] = {
    choice(Activation::tanh, "tanh"), choice(Activation::relu, "relu"),
    choice(Activation::sigmoid, "sigmoid"), choice(Activation::none, "none")};
constexpr OptionChoice initializations[] = {
    choice(InitializationKind::column_normalized, "column_normalized"),
    choice(InitializationKind::xavier_uniform, "xavier"),
    choice(InitializationKind::he_normal, "he"),
    choice(InitializationKind::orthogonal, "orthogonal"),
    choice(InitializationKind::normal, "normal")};

}  // namespace

void list_options(OptionList& list, TrunkOptions& o) {
  list.fields(
      o, option("trunk", o.kind, trunks, "what stands before the head"),
      option("hidden", o.hidden,
             "units of the layers; of a recurrent trunk those before it, then its own (64)",
             {.least = 1, .source = "Ho & Ermon 2016, section 6"}),
      option("activation", o.activation, activations, "behind each layer"),
      option("convolutions", o.convolutions,
             "before the layers, of images: channels, kernel, stride and padding of each",
             {.least = 0, .source = "Mnih et al. 2015"}),
      option("embedding", o.embedding, "numbers that an observed index becomes", {.least = 1}));
  list.when_set("trunk");
}

void list_options(OptionList& list, HeadOptions& o) {
  const HeadKind kind = o.kind;
  const bool mixed = kind == HeadKind::mixture || kind == HeadKind::full_mixture;
  const bool latent =
      kind == HeadKind::best_of || kind == HeadKind::variational || kind == HeadKind::adversarial;
  const bool ordered = kind == HeadKind::autoregressive || kind == HeadKind::recurrent_bins;
  const bool binned = ordered || kind == HeadKind::independent_bins || kind == HeadKind::joint_bins;
  const bool deviates =
      kind == HeadKind::gaussian || kind == HeadKind::full_gaussian || mixed || latent;
  // Those of other heads are no settings of this one.
  const auto of = [](bool applies, Option one) {
    if (!applies) one.kind = OptionKind::fixed;
    return one;
  };
  list.fields(
      o, option("head", o.kind, heads, "the distribution over actions"),
      of(kind == HeadKind::gaussian,
         option("state_dependent_std", o.state_dependent_std,
                "the standard deviation follows from the state; false: it is a parameter")),
      of(kind == HeadKind::gaussian || kind == HeadKind::regression,
         option("initial_std", o.initial_std,
                "standard deviation at the beginning; of regression, which keeps it, always",
                {.above = 0})),
      of(deviates,
         option("min_std", o.min_std, "standard deviations are no smaller", {.above = 0})),
      of(deviates, option("max_std", o.max_std, "standard deviations are no larger", {.above = 0})),
      of(mixed, option("components", o.components, "of the mixture",
                       {.least = 1, .source = "Bishop 1994"})),
      of(binned,
         option("bins", o.bins, "in each dimension", {.least = 2, .source = "Metz et al. 2017"})),
      fixed("edges", o.edges, "bins are placed by bin_placement"),
      of(ordered, option("order", o.order, "the dimensions, first to last; empty: as they are",
                         {.least = 0})),
      of(ordered || latent,
         option("head.hidden", o.hidden, "units of the head's own layers", {.least = 1})),
      of(latent, option("latent", o.latent, "dimensions of the latent variable", {.least = 1})),
      of(latent, option("draws", o.draws, "of the latent variable for each action", {.least = 1})));
  list.when_set("head");
}

void list_options(OptionList& list, PolicyDescription& o) {
  list.fields(o, fixed("observation", o.observation, "the environment's or the demonstrations'"),
              fixed("action", o.action, "the environment's or the demonstrations'"),
              group("", o.trunk), group("", o.head),
              option("initialization", o.initialization, initializations, "of the weights",
                     {.source = "the code of Schulman et al. 2015"}),
              option("last_scale", o.last_scale, "of the last layer's initial weights",
                     {.above = 0, .source = "the code of Ho & Ermon 2016"}),
              option("normalize_observations", o.normalize_observations,
                     "by running mean and standard deviation, or the demonstrations'",
                     {.source = "Ho & Ermon 2016, section 6"}),
              option("clip_observations", o.clip_observations,
                     "normalized observations are clipped to this; 0: not", {.least = 0}));
}

}  // namespace understudy
