#include "algorithms/adversarial/reward.h"

#include <algorithm>

#include "autograd/options/options.h"

namespace understudy {

namespace {

// An expert that lasts for more than this share of the horizon on average wants to last: where it
// ended before, it failed.
constexpr double nearly_all = 0.75;

}  // namespace

LearnedReward::LearnedReward(Device& device, const TransitionSpaces& spaces,
                             const Demonstrations& expert, std::string_view name, Real real)
    : store_(device, real),
      data_(device, real),
      features_(data_, spaces, expert, name),
      observing_(device, real),
      rewarding_(device, real) {}

void LearnedReward::observe(const TransitionBatch& batch) {
  features_.bind(observing_, batch);
  observing_.run();
}

constexpr OptionChoice signs[] = {choice(RewardSign::never_negative, "never_negative"),
                                  choice(RewardSign::never_positive, "never_positive"),
                                  choice(RewardSign::either, "either")};
const char* name_of(RewardSign sign) { return choice_name(signs, sign); }
std::span<const OptionChoice> reward_signs() { return signs; }

RewardSign sign_for(const Demonstrations& expert) {
  std::int64_t ended = 0;
  for (std::uint8_t terminal : expert.terminal) ended += terminal != 0;
  return 2 * ended > expert.episodes() ? RewardSign::never_positive : RewardSign::never_negative;
}

void mark_terminal_by_length(Demonstrations& demonstrations, std::int64_t horizon) {
  for (std::uint8_t terminal : demonstrations.terminal)
    if (terminal != 0) return;
  const double mean_length =
      static_cast<double>(demonstrations.steps()) / static_cast<double>(demonstrations.episodes());
  if (mean_length > nearly_all * static_cast<double>(horizon)) return;
  demonstrations.terminal.assign(static_cast<std::size_t>(demonstrations.episodes()), 0);
  for (std::int64_t e = 0; e < demonstrations.episodes(); ++e)
    demonstrations.terminal[static_cast<std::size_t>(e)] = demonstrations.length(e) < horizon;
}

}  // namespace understudy
