#include "algorithms/adversarial/infogail.h"

#include "autograd/options/options.h"
#include "kernels/device/error.h"

namespace understudy {

namespace {

constexpr OptionChoice kinds[] = {choice(AdversaryKind::classifier, "classifier"),
                                  choice(AdversaryKind::wasserstein, "wasserstein")};

}  // namespace

void list_options(OptionList& list, InfoGailOptions& o) {
  const bool classifier = o.adversary == AdversaryKind::classifier;
  list.fields(
      o, group("codes", o.codes),
      option("adversary", o.adversary, kinds,
             "what discriminates learner from expert: a classifier, or a Wasserstein critic",
             {.source = "Li, Song & Ermon 2017, section 4.3"}),
      group_if(classifier, "discriminator", o.discriminator, "of a classifier"),
      group_if(!classifier, "critic", o.critic, "of a Wasserstein critic"),
      group("posterior", o.posterior),
      option("input", o.input, reward_inputs(), "what adversary and posterior are functions of",
             {.source = "Li, Song & Ermon 2017"}),
      option("information_weight", o.information_weight,
             "of log Q(c | s, a) in the reward (lambda_1); 0: codes mean nothing",
             {.least = 0, .source = "Li, Song & Ermon 2017, equation 2"}),
      option("environment_weight", o.environment_weight,
             "of the environment's own reward in the reward (lambda_0)",
             {.source = "Li, Song & Ermon 2017, section 4.2"}),
      option("replay", o.replay,
             "collections that adversary and posterior learn from; 1: the newest",
             {.least = 1, .most = 1000, .source = "Li, Song & Ermon 2017, section 4.3"}),
      option("absorbing_states", o.absorbing_states,
             "of a classifier: a learned reward beyond terminated episodes",
             {.source = "Kostrikov et al. 2019, section 4.2"}),
      option("expert_ends", o.expert_ends, ends_evidences(),
             "what says that an expert's episode terminated: `terminal`, or its length"),
      group("", o.trpo));
  list.when_set("adversary");
  if (!classifier) list.leave_out("absorbing_states");
}

std::vector<std::pair<std::string, double>> InfoGailMetrics::named() const {
  auto result = imitation.named();
  result.emplace_back("information/bound", bound);
  result.emplace_back("information/entropy", entropy);
  return result;
}

std::vector<std::pair<std::string, double>> InfoGailMetrics::traced() const {
  auto result = imitation.traced();
  result.emplace_back("information/bound", bound);
  result.emplace_back("information/entropy", entropy);
  return result;
}

InfoGail::InfoGail(Policy& policy, const EnvironmentDescription& environment,
                   const Demonstrations& demonstrations, const InfoGailOptions& options,
                   std::string_view name)
    : options_(options),
      ends_(episode_ends(demonstrations, environment.horizon, options.expert_ends)),
      learner_(policy, environment, options.trpo),
      buffers_(policy.device()),
      kept_(policy.device()),
      splitting_(policy.device()),
      replacing_(policy.device()) {
  check_options(options);
  const PolicyDescription& description = policy.description();
  if (!(description.codes == options.codes) || !options.codes.any())
    fail(ErrorKind::bad_input,
         "infogail: expected a policy with %lld categories and %lld continuous codes, one at least "
         "of both together; found one with %lld and %lld",
         static_cast<long long>(options.codes.categories),
         static_cast<long long>(options.codes.continuous),
         static_cast<long long>(description.codes.categories),
         static_cast<long long>(description.codes.continuous));
  Device& device = policy.device();
  Rollouts& rollouts = learner_.rollouts();
  const TransitionSpaces spaces{{description.observation, description.action}, options.input};
  const std::int64_t n = rollouts.steps_per_iteration();
  const std::int64_t width = description.observation.width(), coded = options.codes.width();
  if (options.adversary == AdversaryKind::classifier) {
    Discriminator::Options discriminator = options.discriminator;
    std::optional<AbsorbingStates> absorbing;
    if (options.absorbing_states) absorbing = {ends_, options.trpo.learner.discount};
    if (!absorbing && discriminator.form == RewardForm::automatic)
      discriminator.form = form_with(sign_for(ends_));
    adversary_ = std::make_unique<Discriminator>(device, spaces, demonstrations, n, discriminator,
                                                 name, Real::f32, absorbing);
  } else {
    adversary_ = std::make_unique<Critic>(device, spaces, demonstrations, n, options.critic, name);
  }
  posterior_ = std::make_unique<Posterior>(device, spaces, options.codes, demonstrations, n,
                                           options.posterior, name);

  // Neither of the two may see the code among the observations.
  Array& seen = buffers_.create("observation", {n, width});
  Array& code = buffers_.create("code", {n, coded});
  batch_ = rollouts.batch();
  const Tensor both = splitting_.use(batch_.observation);
  splitting_.assign(seen, slice(both, -1, 0, width));
  splitting_.assign(code, slice(both, -1, width, coded));
  batch_.observation = rows_of(seen);
  code_ = rows_of(code);
  if (adversary_->reads_next()) {
    next_ = std::make_unique<NextObservations>(rollouts);
    Array& next = buffers_.create("next_observation", {n, width});
    splitting_.assign(next, slice(splitting_.use(next_->values()), -1, 0, width));
    batch_.next_observation = rows_of(next);
  }
  splitting_.plan();
  if (options.replay > 1)
    replay_.emplace(kept_, batch_, code_, options.replay, rollouts.num_envs(),
                    options.posterior.seed);

  Tensor reward = replacing_.use(adversary_->values());
  if (options.information_weight != 0)
    reward = reward + options.information_weight * replacing_.use(posterior_->values());
  if (options.environment_weight != 0)
    reward = reward + options.environment_weight * replacing_.use(rows_of(rollouts.reward()));
  replacing_.assign(rollouts.reward(), identity(reward));
  replacing_.plan();
}

InfoGailMetrics InfoGail::step() {
  InfoGailMetrics metrics;
  learner_.collect();
  if (next_) next_->run();
  splitting_.run();
  if (replay_) {
    replay_->push();
    replay_->mix();
    adversary_->observe(replay_->batch());
    posterior_->observe(replay_->batch(), replay_->code());
  } else {
    adversary_->observe(batch_);
    posterior_->observe(batch_, code_);
  }
  adversary_->fit();
  posterior_->fit();
  if (replay_) {
    adversary_->observe(batch_);
    posterior_->observe(batch_, code_);
  }
  adversary_->evaluate();
  posterior_->evaluate();
  replacing_.run();
  metrics.imitation.learning = learner_.update();
  metrics.imitation.adversary = adversary_->metrics();
  metrics.bound = posterior_->bound();
  metrics.entropy = options_.codes.entropy();
  return metrics;
}

std::vector<Store*> InfoGail::stores() {
  return {&learner_.policy().store(), &learner_.store(), &adversary_->store(), &posterior_->store(),
          &kept_};
}

Transitions with_random_codes(Transitions transitions, const CodeSpace& codes, std::uint64_t seed) {
  const std::vector<double> drawn = draw_codes(codes, transitions.sequences(), seed);
  const std::size_t width = static_cast<std::size_t>(codes.width());
  std::vector<double> each;
  for (std::int64_t e = 0; e < transitions.sequences(); ++e)
    for (std::int64_t t = 0; t < transitions.length(e); ++t)
      each.insert(each.end(), &drawn[static_cast<std::size_t>(e) * width],
                  &drawn[static_cast<std::size_t>(e) * width] + width);
  Series& seen = transitions.observations;
  const std::int64_t observed = seen.width();
  seen.numbers = with_codes(seen.as_numbers(), observed, each, codes.width());
  seen.shape = {observed + codes.width()};
  transitions.next_observations = {};
  return transitions;
}

}  // namespace understudy
