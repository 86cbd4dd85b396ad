// The posterior of the latent codes given a transition, and the bound on their mutual information
// with what the policy does (Li, Song & Ermon 2017, "InfoGAIL", section 4.1, equation 2).
//
//   (1) log Q(c | s, a) = log softmax(l)_k + sum_d log N(c_d; m_d, v_d^2)
//       l, m, log v of a network of the transition; k the category, c_d the numbers of the code
//   (2) L_I = E[log Q(c | s, a)] + H(c)   <=   I(c; tau)
//   (3) fit: minimize -E[log Q(c | s, a)] over the learner's rows, whose codes are known
//
// With categories alone L_I is at most log categories; it is that where each code does something
// else everywhere.
//
// Thread safety: as its device, one thread at a time.

#pragma once

#include <memory>
#include <string>

#include "algorithms/adversarial/transition_features.h"
#include "algorithms/policies/codes.h"
#include "autograd/optimize/optimizer.h"

namespace understudy {

class Posterior {
 public:
  struct Options {
    std::vector<std::int64_t> hidden = {64, 64};  // tanh
    double learning_rate = 1e-3;                  // Adam's
    std::int64_t steps = 5;                       // of Adam in one `fit`
    std::int64_t batch_size = 1000;  // rows a step, drawn anew (with repetition); 0: all of them
    std::uint64_t seed = 0;
  };

  // `count` rows of a learner are observed at a time. Transitions are normalized as the expert's;
  // an Error that begins with `name` where the expert's do not fit.
  Posterior(Device& device, const TransitionSpaces& spaces, const CodeSpace& codes,
            const Demonstrations& expert, std::int64_t count, const Options& options,
            std::string_view name = "demonstrations", Real real = Real::f32);

  // Rows as many as were said, with their codes [rows, codes.width()]; they are copied.
  void observe(const TransitionBatch& batch, const DataView& codes);
  void fit();
  // log Q of the rows at `values`, [rows], always in the same place; and their mean.
  void evaluate() { evaluating_.run(); }
  DataView values() const { return evaluating_.output_view("values"); }
  double mean() const { return evaluating_.value("mean"); }
  // (2), of what was evaluated; nats.
  double bound() const { return mean() + codes_.entropy(); }

  // log Q of rows of features under codes; recorded into a program: [rows].
  Tensor log_probability(Tensor features, Tensor code) const;
  const Parameters& parameters() const { return parameters_; }
  const CodeSpace& codes() const { return codes_; }

  // What is said of transitions: of each row log Q of every category, then the means of the
  // numbers, [rows, codes.width()].
  std::vector<double> infer(const Transitions& transitions) const;

  // Everything that the future depends on.
  Store& store() { return store_; }
  // The same in a file, with codes and layers as metadata; back, to infer with.
  void save(const std::string& path) const;
  static std::unique_ptr<Posterior> load(Device& device, const std::string& path,
                                         const Spaces& spaces);

 private:
  Posterior(Device& device, const TransitionSpaces& spaces, const CodeSpace& codes,
            const Options& options);
  void declare();
  // l and m, and log v; undefined where there are none.
  struct Parts {
    Tensor logits, means, log_deviations;
  };
  Parts parts(Tensor features) const;

  Options options_;
  CodeSpace codes_;
  std::int64_t rows_ = 0;
  Store store_, data_;
  TransitionFeatures features_;
  Parameters parameters_{"posterior"};
  std::unique_ptr<Mlp> network_;
  std::unique_ptr<Adam> adam_;
  Array *learner_ = nullptr, *code_ = nullptr, *steps_done_ = nullptr;
  Program observing_, training_, evaluating_;
};
void list_options(OptionList& list, Posterior::Options& options);

// A code for each episode, from what Q says of its steps: [episodes, codes.width()]. Categories
// have the softmax of the mean log Q over the steps; numbers the mean of the means.
std::vector<double> codes_of_episodes(const Posterior& posterior, const Demonstrations& episodes);

}  // namespace understudy
