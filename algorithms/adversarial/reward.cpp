#include "algorithms/adversarial/reward.h"

#include <cmath>
#include <limits>

#include "algorithms/adversarial/frozen_reward.h"
#include "autograd/options/options.h"
#include "kernels/device/error.h"

namespace understudy {

namespace {

// An expert that lasts for more than this share of the horizon on average wants to last: where it
// ended before, it failed.
constexpr double nearly_all = 0.75;

constexpr OptionChoice signs[] = {choice(RewardSign::automatic, "automatic"),
                                  choice(RewardSign::never_negative, "never_negative"),
                                  choice(RewardSign::never_positive, "never_positive"),
                                  choice(RewardSign::either, "either")};

constexpr OptionChoice forms[] = {choice(RewardForm::automatic, "automatic"),
                                  choice(RewardForm::negative_log_one_minus, "-log(1-D)"),
                                  choice(RewardForm::logarithm, "log(D)"),
                                  choice(RewardForm::difference, "log(D)-log(1-D)")};

constexpr double half = 0.5;  // of a step, on each side of (2)

// Until the horizon, after a row's own.
Tensor steps_left(Tensor time, std::int64_t horizon) {
  return maximum(static_cast<double>(horizon - 1) - time, time.program().constant(0));
}

}  // namespace

const char* name_of(RewardForm form) { return choice_name(forms, form); }
RewardForm reward_form_named(const std::string& name) {
  return static_cast<RewardForm>(choice_named(forms, name, "reward"));
}
std::span<const OptionChoice> reward_forms() { return forms; }

RewardForm form_with(RewardSign sign) {
  return sign == RewardSign::never_positive ? RewardForm::logarithm
                                            : RewardForm::negative_log_one_minus;
}

Tensor reward_of(RewardForm form, Tensor f) {
  return form == RewardForm::negative_log_one_minus ? softplus(f)
         : form == RewardForm::logarithm            ? -softplus(-f)
                                                    : identity(f);
}

double reward_of(RewardForm form, double f) {
  const auto softplus_of = [](double x) {
    return std::fmax(x, 0) + std::log1p(std::exp(-std::abs(x)));
  };
  return form == RewardForm::negative_log_one_minus ? softplus_of(f)
         : form == RewardForm::logarithm            ? -softplus_of(-f)
                                                    : f;
}

const char* name_of(RewardSign sign) { return choice_name(signs, sign); }
std::span<const OptionChoice> reward_signs() { return signs; }

RewardSign sign_for(const EpisodeEnds& expert) {
  const bool lasts =
      expert.horizon > 0 && expert.mean_length() > nearly_all * static_cast<double>(expert.horizon);
  return 2 * expert.terminated > expert.episodes && !lasts ? RewardSign::never_positive
                                                           : RewardSign::never_negative;
}

Tensor continuation(Tensor terminated, Tensor time, double discount, std::int64_t horizon) {
  return discount < 1 ? terminated * (discount / (1 - discount))
                      : terminated * steps_left(time, horizon);
}

LearnedReward::~LearnedReward() = default;

std::unique_ptr<FrozenReward> LearnedReward::frozen() const { return nullptr; }

LearnedReward::LearnedReward(Device& device, const TransitionSpaces& spaces,
                             const Demonstrations& expert, std::int64_t rows, std::string_view name,
                             Real real, const std::optional<AbsorbingStates>& absorbing)
    : store_(device, real),
      data_(device, real),
      features_(data_, spaces, expert, name),
      observing_(device, real),
      rewarding_(device, real),
      rows_(rows) {
  if (rows < 1)
    fail(ErrorKind::bad_input, "learned reward: expected at least one row, found %lld",
         static_cast<long long>(rows));
  if (absorbing) record_absorbing(*absorbing);
}

void LearnedReward::record_absorbing(const AbsorbingStates& absorbing) {
  const EpisodeEnds& expert = absorbing.expert;
  absorbing_ = &data_.create("absorbing", {3});
  seen_ = &store_.create("absorbing/seen", {2});
  expert_steps_ = static_cast<double>(expert.steps);
  expert_beyond_ = static_cast<double>(expert.beyond);
  continuation_ = &data_.create("continuation", {rows_});
  expert_share_ = expert.absorbing_share();
  Program& program = observing_;
  const Tensor terminated = learner_terminated();
  const Tensor time = program.input("time", {rows(rows_)});
  const Tensor left = steps_left(time, expert.horizon);
  const double n = static_cast<double>(rows_), steps = expert_steps_, beyond = expert_beyond_,
               all = steps + beyond;
  const Tensor learner_beyond = sum(terminated * left), learner_all = learner_beyond + n;
  program.assign(*seen_, program.use(*seen_) + program.pack({reshape(learner_beyond, {1}),
                                                             reshape(learner_all, {1})}));
  const Tensor one = program.constant(1);
  const auto expert_constant = [&](double value) { return program.constant(value); };
  // (1), (2)
  const Tensor before = log(expert_constant(steps / all)) - log(n * reciprocal(learner_all));
  const Tensor after = log(expert_constant((beyond + half) / (all + 1))) -
                       log((learner_beyond + half) * reciprocal(learner_all + one));
  program.assign(*absorbing_, program.pack({reshape(learner_beyond * reciprocal(learner_all), {1}),
                                            reshape(before, {1}), reshape(after, {1})}));
  program.assign(*continuation_,
                 continuation(terminated, time, absorbing.discount, expert.horizon));
}

Tensor LearnedReward::learner_share(Program& program) const {
  return slice(program.use(*absorbing_), 0, 0, 1);
}
Tensor LearnedReward::before_the_end(Program& program) const {
  return slice(program.use(*absorbing_), 0, 1, 1);
}
Tensor LearnedReward::beyond_the_end(Program& program) const {
  return slice(program.use(*absorbing_), 0, 2, 1);
}

Tensor LearnedReward::continued(Tensor reward, Tensor absorbing_reward) const {
  Program& program = reward.program();
  // One report for the metrics.
  program.output("absorbing", concatenate({absorbing_reward, learner_share(program)}, 0));
  const Tensor continuation = reward.shape().has_rows() ? program.use(rows_of(*continuation_))
                                                        : program.use(*continuation_);
  return reward + continuation * absorbing_reward;
}

void LearnedReward::add_absorbing(AdversaryMetrics& metrics) const {
  constexpr double none = std::numeric_limits<double>::quiet_NaN();
  const std::vector<double> report =
      has_absorbing() ? rewarding_.read("absorbing") : std::vector<double>(2, none);
  metrics.absorbing_reward = report[0];
  metrics.expert_absorbing_share = has_absorbing() ? expert_share_ : none;
  metrics.learner_absorbing_share = report[1];
}

LearnedReward::AbsorbingLogits LearnedReward::absorbing_logits() const {
  const std::vector<double> seen = seen_->read();
  const double beyond = seen[0], all = seen[1], expert_all = expert_steps_ + expert_beyond_;
  return {
      std::log(expert_steps_ / expert_all) - std::log((all - beyond) / all),
      std::log((expert_beyond_ + half) / (expert_all + 1)) - std::log((beyond + half) / (all + 1))};
}

Tensor LearnedReward::learner_terminated() {
  if (!terminated_.defined()) terminated_ = observing_.input("terminated", {rows(rows_)});
  return terminated_;
}

RewardDescription LearnedReward::described() const {
  const TransitionSpaces& spaces = features_.spaces();
  return {.observation = spaces.observation, .action = spaces.action, .input = spaces.input};
}

std::unique_ptr<FrozenReward> LearnedReward::frozen_as(const RewardDescription& description,
                                                       std::vector<double> weights) const {
  auto frozen = std::make_unique<FrozenReward>(store_.device(), description, store_.real());
  frozen->features().normalize_like(features_);
  weights.resize(static_cast<std::size_t>(frozen->weights().elements()));
  frozen->weights().write(weights);
  return frozen;
}

void LearnedReward::observe(const TransitionBatch& batch) {
  features_.bind(observing_, batch);
  if (terminated_.defined()) observing_.bind("terminated", batch.terminated);
  if (has_absorbing()) observing_.bind("time", batch.time);
  observing_.run();
}

}  // namespace understudy
