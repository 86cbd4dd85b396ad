// A categorical over choices whose logits are a value and advantages of it (Wang et al. 2016,
// "Dueling network architectures for deep reinforcement learning", equation 9):
//
//   x_i = v(f) + a_i(f) - mean_j a_j(f)
//
// with v and a from streams of their own. As a policy it is the categorical of a(f): softmax does
// not see v. As a Q function (algorithms/off_policy/q_learning.h) the logits are Q over the
// temperature.

#pragma once

#include "algorithms/policies/categorical.h"

namespace understudy {

struct DuelingOptions {
  static constexpr const char* head = "dueling";
  std::int64_t units = 64;  // of each stream's hidden layer; 0: none
};
void list_options(OptionList& list, DuelingOptions& options);

class DuelingHead final : public ActionHead {
 public:
  DuelingHead(const HeadSite& site, const DuelingOptions& options);
  std::unique_ptr<ActionDistribution> distribution(Tensor features) const override;

 private:
  // A hidden layer, if any, and a linear one.
  Mlp value_, advantage_;
};

HeadRow dueling_row();

}  // namespace understudy
