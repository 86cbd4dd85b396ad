#include "algorithms/training/policy_setup.h"

#include "kernels/device/error.h"

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
  description_.trunk.image_layout = ImageLayout::automatic;
  if (const Demonstrations* shown = inputs.demonstrations;
      shown != nullptr && shown->observations.in_bytes() && tells_image(spaces.observation.shape))
    description_.trunk.convolutions = convolutions_for(
        image_shape(spaces.observation.shape, ImageLayout::automatic, inputs.demonstrations_name));
  // As the code of TRPO's and GAIL's authors begins: nearly the same distribution everywhere.
  description_.initialization = InitializationKind::column_normalized;
  description_.last_scale = 0.01;
}

PolicySetup PolicySetup::without_demonstrations(const TrainingInputs& inputs) {
  PolicySetup setup(inputs);
  setup.description_.normalize_actions = false;
  return setup;
}

void PolicySetup::begin_as(const std::vector<std::int64_t>& hidden, Activation activation,
                           const char* head) {
  description_.trunk.hidden = hidden;
  description_.trunk.activation = activation;
  description_.head = head;
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

namespace {

// A file of numbers does not say that they are bits; who asks for a head of bits does.
void take_for_bits(PolicyDescription& description, const Demonstrations& demonstrations,
                   const std::string& name) {
  const HeadRow& row = description.head.row();
  const Series& actions = demonstrations.actions;
  if (row.acts_on(description.action.kind) || !row.acts_on(ActionKind::multi_binary) ||
      actions.discrete)
    return;
  for (std::int64_t e = 0; e < demonstrations.episodes(); ++e)
    for (std::int64_t t = 0; t < demonstrations.length(e); ++t)
      for (std::int64_t d = 0; d < actions.width(); ++d) {
        const float action = actions.numbers[static_cast<std::size_t>(
            (demonstrations.first_action(e) + t) * actions.width() + d)];
        if (action != 0 && action != 1)
          fail(ErrorKind::bad_input,
               "%s: actions: episode %lld, row %lld: expected 0 or 1 for the head %s, found %g",
               name.c_str(), static_cast<long long>(e), static_cast<long long>(t), row.name,
               static_cast<double>(action));
      }
  description.action = {ActionKind::multi_binary, description.action.size};
  description.normalize_actions = false;
}

}  // namespace

PolicyDescription PolicySetup::description() const {
  if (taught() || inputs_.demonstrations == nullptr) return description_;
  PolicyDescription description = description_;
  take_for_bits(description, *inputs_.demonstrations, inputs_.demonstrations_name);
  return fitted(std::move(description), *inputs_.demonstrations);
}

}  // namespace understudy
