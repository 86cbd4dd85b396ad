#include "algorithms/training/policy_setup.h"

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
  description_ = describe_policy(spaces);
  // Heads that do not know their likelihood can be learned from, and do not learn so.
  if (like != nullptr && like->head.row().traits.likelihood) description_.head = like->head;
  description_.normalize_observations =
      !spaces.observation.discrete && spaces.observation.vocabularies.empty();
  description_.normalize_actions = spaces.action.kind == ActionKind::continuous;
  // As the code of TRPO's and GAIL's authors begins: nearly the same distribution everywhere.
  description_.initialization = InitializationKind::column_normalized;
  description_.last_scale = 0.01;
}

PolicySetup PolicySetup::without_demonstrations(const TrainingInputs& inputs) {
  PolicySetup setup(inputs);
  setup.description_.normalize_actions = false;
  return setup;
}

bool PolicySetup::taught() const {
  return like_ != nullptr && like_->head.name() == description_.head.name();
}

void PolicySetup::list(OptionList& list) {
  list_options(list, description_);
  if (like_ == nullptr) return;
  // A teacher's head comes with the teacher's options.
  list.when_set("head", [this, was = description_.head] {
    const HeadDescription named(description_.head.name());
    description_.head = named.name() == was.name()           ? was
                        : named.name() == like_->head.name() ? like_->head
                                                             : named;
  });
  // Between other bins and a teacher's there is no divergence.
  if (!taught()) return;
  for (const char* support : description_.head.row().support)
    if (list.find(support) != nullptr) list.leave_out(support);
  if (list.find("bin_placement") != nullptr) list.leave_out("bin_placement");
}

PolicyDescription PolicySetup::description() const {
  if (taught() || inputs_.demonstrations == nullptr) return description_;
  return fitted(description_, *inputs_.demonstrations);
}

}  // namespace understudy
