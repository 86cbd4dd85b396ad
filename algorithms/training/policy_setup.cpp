#include "algorithms/training/policy_setup.h"

#include <algorithm>
#include <cmath>

#include "algorithms/policies/bins.h"

namespace understudy {

PolicySetup::PolicySetup(const TrainingInputs& inputs, const PolicyDescription* like)
    : inputs_(inputs), like_(like) {
  Spaces spaces;
  if (like != nullptr)
    spaces = {like->observation, like->action};
  else if (inputs.environment != nullptr)
    spaces = spaces_of(*inputs.environment);
  else if (inputs.demonstrations != nullptr)
    spaces = spaces_of(*inputs.demonstrations);
  description_.observation = spaces.observation;
  description_.action = spaces.action;
  description_.head.kind = PolicyDescription::default_head(spaces.action);
  // Heads that do not know their likelihood can be learned from, and do not learn so.
  if (like != nullptr && like->head.kind < HeadKind::best_of)
    description_.head.kind = like->head.kind;
  choose_head();
  description_.normalize_observations =
      !spaces.observation.discrete && spaces.observation.vocabularies.empty();
  // As the code of TRPO's and GAIL's authors begins: nearly the same distribution everywhere.
  description_.initialization = InitializationKind::column_normalized;
  description_.last_scale = 0.01;
  placement_ = spaces.action.low.empty() ? BinPlacement::quantile : BinPlacement::uniform;
}

bool PolicySetup::taught() const {
  return like_ != nullptr && like_->head.kind == description_.head.kind;
}

// The defaults of the head that is chosen.
void PolicySetup::choose_head() {
  const HeadKind kind = description_.head.kind;
  description_.head = taught() ? like_->head : HeadOptions{.kind = kind};
  if (!taught() && kind == HeadKind::joint_bins) description_.head.bins = 8;
}

void PolicySetup::list(OptionList& list) {
  list_options(list, description_);
  list.when_set("head", [this] { choose_head(); });
  list.when_set("trunk", [this] {
    TrunkOptions& trunk = description_.trunk;
    trunk.hidden =
        trunk.kind == TrunkKind::mlp ? TrunkOptions{}.hidden : std::vector<std::int64_t>{64};
  });
  if (list.find("bins") == nullptr) return;
  // Between other bins and a teacher's there is no divergence.
  if (taught()) {
    list.leave_out("bins");
    return;
  }
  static constexpr OptionChoice placements[] = {choice(BinPlacement::quantile, "quantile"),
                                                choice(BinPlacement::uniform, "uniform")};
  list.add(option("bin_placement", placement_, placements,
                  "edges of bins: quantiles of the demonstrated actions, or cut evenly",
                  {.source = "Metz et al. 2017"}));
}

PolicyDescription PolicySetup::description() const {
  PolicyDescription made = description_;
  const Demonstrations* shown = inputs_.demonstrations;
  const HeadKind kind = made.head.kind;
  const bool binned = kind == HeadKind::independent_bins || kind == HeadKind::joint_bins ||
                      kind == HeadKind::autoregressive || kind == HeadKind::recurrent_bins;
  if (!binned || taught() || shown == nullptr || shown->actions.discrete) return made;
  const std::vector<float>& actions = shown->actions.numbers;
  if (placement_ == BinPlacement::quantile) {
    made.head.edges = Bins::quantile(actions, made.action.size, made.head.bins);
  } else if (made.action.low.empty()) {
    const std::size_t width = static_cast<std::size_t>(made.action.size);
    std::vector<double> low(width, INFINITY), high(width, -INFINITY);
    for (std::size_t i = 0; i < actions.size(); ++i) {
      low[i % width] = std::min(low[i % width], static_cast<double>(actions[i]));
      high[i % width] = std::max(high[i % width], static_cast<double>(actions[i]));
    }
    for (std::size_t d = 0; d < width; ++d)
      if (!(low[d] < high[d])) low[d] -= 0.5, high[d] += 0.5;
    made.head.edges = Bins::uniform(low, high, made.head.bins);
  }
  return made;
}

}  // namespace understudy
