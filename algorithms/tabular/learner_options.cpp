#include "algorithms/tabular/learner_options.h"

#include "kernels/device/error.h"

namespace understudy {

namespace {

constexpr OptionChoice optimizers[] = {choice(LinearOptimizer::lbfgs, "lbfgs"),
                                       choice(LinearOptimizer::gradient, "gradient"),
                                       choice(LinearOptimizer::exponentiated, "exponentiated")};
constexpr OptionChoice objectives[] = {
    choice(MaxEntObjective::likelihood, "likelihood"),
    choice(MaxEntObjective::feature_matching, "feature_matching")};
using DeepMethod = DeepMaxEntOptions::Method;
constexpr OptionChoice deep_optimizers[] = {choice(DeepMethod::adam, "adam"),
                                            choice(DeepMethod::adagrad, "adagrad")};
constexpr OptionChoice activations[] = {
    choice(Activation::relu, "relu"), choice(Activation::tanh, "tanh"),
    choice(Activation::sigmoid, "sigmoid"), choice(Activation::none, "none")};

constexpr OptionChoice regularizers[] = {
    choice(OccupancyRegularizer::constant, "constant"), choice(OccupancyRegularizer::fem, "fem"),
    choice(OccupancyRegularizer::gtal, "gtal"), choice(OccupancyRegularizer::gail, "gail"),
    choice(OccupancyRegularizer::l2, "l2")};

Option start_of(std::vector<double>& start) {
  return option("start", start, "weights to begin from; none: the algorithm's own");
}

}  // namespace

void list_options(OptionList& list, LinearMaxEntOptions& o) {
  list.fields(
      o,
      option("optimizer", o.optimizer, optimizers, "of the weights",
             {.source = "Nocedal & Wright 2006; Kivinen & Warmuth 1997"}),
      option("learning_rate", o.learning_rate, "of gradient and exponentiated", {.above = 0}),
      option("tolerance", o.tolerance, "largest entry of the mean objective's gradient at the end",
             {.above = 0}),
      option("l1", o.l1, "penalty l1 |w|_1 of the mean objective, of lbfgs",
             {.least = 0, .source = "Andrew & Gao 2007"}),
      option("l2", o.l2, "penalty l2/2 |w|^2 of the mean objective", {.least = 0}),
      start_of(o.start));
  list.require([&o] {
    if (o.l1 > 0 && o.optimizer != LinearOptimizer::lbfgs)
      fail(ErrorKind::bad_input, "l1: expected 0 unless optimizer is lbfgs, found %g", o.l1);
    if (o.optimizer == LinearOptimizer::exponentiated)
      for (double weight : o.start)
        if (!(weight > 0))
          fail(ErrorKind::bad_input,
               "start: expected positive weights where optimizer is exponentiated, found %g",
               weight);
  });
}

void list_options(OptionList& list, CausalMaxEntOptions& o) {
  list.fields(o,
              option("objective", o.objective, objectives, "what is maximized (maxent.h)",
                     {.source = "Ziebart 2010"}),
              group("", o.linear));
}

void list_options(OptionList& list, SampledMaxEntOptions& o) {
  list.fields(
      o,
      option("samples", o.samples, "sampled for each gradient", {.least = 1, .unit = "episodes"}),
      option("learning_rate", o.learning_rate, "of the weights", {.above = 0}),
      option("l2", o.l2, "penalty l2/2 |w|^2 of the mean objective", {.least = 0}),
      start_of(o.start), seed(o.seed));
}

void list_options(OptionList& list, RewardNetworkOptions& o) {
  list.fields(o, fixed("kind", o.kind, "the algorithm's name says which network"),
              option("hidden", o.hidden, "widths of the hidden layers; none: a linear reward",
                     {.least = 1, .most = 100000, .source = "Wulfmeier et al. 2015, section 4"}),
              option("windows", o.windows, "widths of the layers' windows, odd; missing ones are 1",
                     {.least = 1, .most = 101, .unit = "cells"}),
              option("activation", o.activation, activations, "of the hidden layers"),
              option("last_scale", o.last_scale,
                     "of the last layer's initial weights: small for a first policy near uniform",
                     {.above = 0, .source = "Glorot & Bengio 2010"}));
}

void list_options(OptionList& list, DeepMaxEntOptions& o) {
  list.fields(o, group("", o.network),
              option("optimizer", o.method, deep_optimizers, "of the network",
                     {.source = "Kingma & Ba 2015; Duchi et al. 2011, which the paper has"}),
              option("learning_rate", o.learning_rate, "of the network", {.above = 0}),
              option("l2", o.l2, "penalty l2/2 |theta|^2 of the mean log-likelihood", {.least = 0}),
              option("gradient_norm", o.gradient_norm,
                     "longest gradient, longer ones are scaled down to it; 0: not", {.least = 0}),
              seed(o.seed), fixed("name", o.name, "of arrays in the store"));
}

void list_options(OptionList& list, DeepLearnerOptions& o) {
  list.fields(
      o, group("", o.deep),
      option("start", o.start,
             "linear costs of undiscounted problems, which the network corrects; none: raised "
             "from 0 until the partition function exists"));
  if (o.deep.network.kind == RewardNetworkOptions::Kind::mlp) list.leave_out("windows");
}

void list_options(OptionList& list, ApprenticeOptions& o) {
  list.fields(o, fixed("method", o.method, "the algorithm's name says which"),
              option("rounds", o.rounds, "that the game's learning rate is meant for",
                     {.least = 1, .source = "Syed & Schapire 2008"}),
              option("direct_states", o.direct_states,
                     "problems of so many are solved by policy iteration, larger ones by sweeps",
                     {.least = 0, .unit = "states"}),
              option("solve_tolerance", o.tolerance,
                     "change of a value in a problem's last sweep; of its largest reward where "
                     "solved by policy iteration",
                     {.above = 0}));
  if (o.method != ApprenticeOptions::Method::mwal) list.leave_out("rounds");
}

void list_options(OptionList& list, ApprenticeLearnerOptions& o) {
  list.fields(
      o,
      option("tolerance", o.tolerance,
             "distance to the demonstrator's feature expectations at which to stop", {.above = 0}),
      group("", o.apprentice));
}

void list_options(OptionList&, LpalOptions&) {}

void list_options(OptionList& list, MaxMarginOptions& o) {
  list.fields(o,
              option("regularization", o.regularization, "of |w|^2, by half of it",
                     {.above = 0, .source = "Ratliff, Bagnell & Zinkevich 2006"}),
              option("learning_rate", o.rate,
                     "length of the first step; the t-th is shorter by "
                     "the root of t",
                     {.above = 0}),
              fixed("iterations", o.iterations, "those of the run"),
              option("tolerance", o.tolerance, "change of a value in a problem's last sweep",
                     {.above = 0}));
}

void list_options(OptionList& list, OccupancyMatchingOptions& o) {
  list.fields(
      o,
      option(
          "regularizer", o.regularizer, regularizers,
          "psi: none; weights in the unit ball, in the simplex; GAIL's; |cost|^2",
          {.source = "Ho & Ermon 2016, sections 3 to 5; Abbeel & Ng 2004; Syed & Schapire 2008"}),
      option("entropy_coefficient", o.entropy_coefficient, "lambda, of the causal entropy",
             {.above = 0, .source = "Ho & Ermon 2016, equation 1"}),
      option("l2", o.l2, "psi = l2/2 |cost|^2, of that regularizer", {.above = 0}),
      option("tolerance", o.tolerance,
             "largest entry of the dual's gradient beside the total of visits; a thousandth of it "
             "is the barrier's of fem and gtal at the end",
             {.above = 0}),
      option("smoothing", o.smoothing,
             "0: the demonstrations' visits are matched; above: their policy's, with so much added "
             "to each action's count",
             {.least = 0}),
      option("programme_pairs", o.programme_pairs,
             "problems of up to so many pairs are solved over occupancies too, beside the result",
             {.least = 0, .most = 4000}));
  list.require([&o] {
    if (o.regularizer == OccupancyRegularizer::constant && !(o.smoothing > 0))
      fail(ErrorKind::bad_input,
           "smoothing: expected above 0 where regularizer is constant, found %g: visits of "
           "demonstrations are no policy's occupancy",
           o.smoothing);
  });
}

void list_options(OptionList& list, NgRussellOptions& o) {
  list.fields(o,
              option("policy", o.policy,
                     "an .npz whose array `policy` [S, A] is the known policy; none: the actions "
                     "that demonstrations take most often"),
              option("penalty", o.penalty, "on the sum of |reward|",
                     {.least = 0, .source = "Ng & Russell 2000, section 3"}),
              option("largest", o.largest, "bound on |reward|", {.above = 0}));
}

void list_options(OptionList& list, NgRussellSampledOptions& o) {
  list.fields(o, option("policies", o.policies, "added, one at a time",
                        {.least = 1, .most = 1000, .source = "Ng & Russell 2000, section 5"}));
}

}  // namespace understudy
