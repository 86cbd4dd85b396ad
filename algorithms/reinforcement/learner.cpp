#include "algorithms/reinforcement/learner.h"

#include <cmath>

#include "autograd/files/checkpoint.h"
#include "autograd/options/options.h"
#include "kernels/device/backend.h"
#include "kernels/device/error.h"

namespace understudy {

namespace {

// The variance of equal floats, of their square: a mean is off by a rounding or two of 2^-24.
constexpr double rounding = 0x1p-44;

const LearnerOptions& checked(const LearnerOptions& options) {
  check_options(options);
  return options;
}

constexpr const char* policy_prefix = "trust_region/";
constexpr const char* value_prefix = "value_trust_region/";

float* numbers(Array& array) { return static_cast<float*>(array.data()); }
const float* numbers(const Array& array) { return static_cast<const float*>(array.data()); }

}  // namespace

void list_options(OptionList& list, LearnerOptions& o) {
  list.fields(o, group("", o.rollouts),
              option("discount", o.discount, "gamma",
                     {.least = 0, .most = 1, .source = "Ho & Ermon 2016, section 6"}),
              option("gae_lambda", o.gae_lambda,
                     "of generalized advantages; 1: the whole return, 0: one step and the baseline",
                     {.least = 0, .most = 1, .source = "Schulman et al. 2016, equation 16"}),
              option("standardize_advantages", o.standardize_advantages,
                     "to mean 0 and standard deviation 1 over an iteration",
                     {.source = "the code of Schulman et al. 2015"}),
              option("entropy_coefficient", o.entropy_coefficient,
                     "times the policy's mean entropy is added to the objective",
                     {.least = 0, .source = "Ho & Ermon 2016, algorithm 1 (lambda)"}),
              group("baseline", o.baseline));
  list.require([&o] {
    const BaselineOptions& baseline = o.baseline;
    const std::int64_t steps = o.rollouts.steps_per_iteration;
    const auto divides = [steps](const char* name, std::int64_t part) {
      if (part > 0 && steps % part != 0)
        fail(ErrorKind::bad_input,
             "%s: expected a divisor of steps_per_iteration, %lld, found %lld", name,
             static_cast<long long>(steps), static_cast<long long>(part));
    };
    if (baseline.kind == BaselineKind::regression)
      divides("baseline.batch_size", baseline.batch_size);
    if (baseline.kind == BaselineKind::trust_region)
      divides("baseline.fisher_stride", baseline.trust_region.fisher_stride);
  });
}

TransitionBatch Learner::batch() const {
  TransitionBatch batch = rollouts_.batch();
  batch.advantage = rows_of(*advantage_);
  return batch;
}

Learner::Learner(Policy& policy, const EnvironmentDescription& environment,
                 const LearnerOptions& options)
    : policy_(policy),
      options_(checked(options)),
      store_(policy.device()),
      buffers_(policy.device()),
      rollouts_(policy, environment, store_, options.rollouts),
      baseline_(make_baseline(rollouts_, store_, options.baseline)),
      successors_(policy.device()),
      targets_(policy.device()),
      statistics_(policy.device()) {
  const std::int64_t n = rollouts_.steps_per_iteration(), b = rollouts_.num_envs();
  value_ = &buffers_.create("value", {n + b});
  final_value_ = &buffers_.create("final_value", {n});
  next_value_ = &buffers_.create("next_value", {n});
  raw_advantage_ = &buffers_.create("raw_advantage", {n});
  advantage_ = &buffers_.create("advantage", {n});
  target_ = &buffers_.create("target", {n});
  iterations_ = &store_.create("learner/iterations", {1}, Element::counter);

  {
    const Tensor next = column(successors_.use(rows_of(*value_, {.offset = b})));
    const Tensor final_value = column(successors_.use(rows_of(*final_value_)));
    const Tensor truncated = column(successors_.use(rows_of(rollouts_.truncated())));
    // v(o_{t+1}); a terminated episode's is multiplied by 0 in (1).
    successors_.assign(*next_value_, select(truncated, final_value, next));
    successors_.plan();
  }
  {
    Program& program = targets_;
    const Tensor raw = column(program.use(rows_of(*raw_advantage_)));
    const Tensor value = column(program.use(rows_of(*value_, {.count = n})));
    const Tensor target = raw + value;  // (3)
    const Tensor one = program.constant(1.0);
    const Tensor centered = raw - mean(raw);
    // (4). Rewards come in any unit: what is added to the deviation is a small part of it, too.
    const Tensor deviation = sqrt(mean(square(centered)));
    const Tensor least = minimum(program.constant(1e-8), 1e-5 * deviation);
    const Tensor above_0 = select(is_positive(deviation), deviation + least, one);
    const Tensor advantage = options.standardize_advantages ? centered * reciprocal(above_0) : raw;
    // target - v is the raw advantage.
    const Tensor middle = mean(target), spread = mean(square(target - middle));
    const Tensor varies = less(rounding * square(middle), spread);
    program.output("explained_variance",
                   select(varies, one - mean(square(centered)) / select(varies, spread, one),
                          program.constant(0.0)));
    program.output("reward", mean(column(program.use(rows_of(rollouts_.reward())))));
    program.assign(*target_, target);
    program.assign(*advantage_, advantage);
    program.plan();
  }
  if (policy.description().normalize_observations) {
    // Codes are behind what is normalized.
    const PolicyDescription& description = policy.description();
    const Tensor seen = statistics_.use(rollouts_.batch().observation);
    policy.normalizer()->record_update(
        description.codes.any() ? slice(seen, -1, 0, description.observation.width()) : seen);
    statistics_.plan();
  }
}

Learner::~Learner() = default;

void Learner::estimate_advantages(LearningMetrics& metrics) {
  Device& device = policy_.device();
  const std::int64_t b = rollouts_.num_envs();
  baseline_->evaluate(numbers(*value_),
                      rollouts_.any_truncated() ? numbers(*final_value_) : nullptr);
  successors_.run();
  // (1) and (2). A row a step of all environments: time goes in strides of `num_envs`.
  const ScanShape shape{.rows = b, .steps = rollouts_.steps(), .row_stride = 1, .step_stride = b};
  device.kernels<float>().scan.advantages(
      device.stream(), shape, static_cast<float>(options_.discount),
      static_cast<float>(options_.gae_lambda), numbers(rollouts_.reward()), numbers(*value_),
      numbers(*next_value_), numbers(rollouts_.terminated()), numbers(rollouts_.ended()),
      numbers(*raw_advantage_));
  targets_.run();
  metrics.explained_variance = targets_.value("explained_variance");
  metrics.reward = targets_.value("reward");
  if (!std::isfinite(metrics.reward) || !std::isfinite(metrics.explained_variance))
    fail(ErrorKind::not_finite, "advantages: mean reward %g, explained variance %g", metrics.reward,
         metrics.explained_variance);
}

LearningMetrics Learner::update() {
  if (rollouts_.interactions() == 0)
    fail(ErrorKind::bad_input, "learner: expected a collection before the update");
  LearningMetrics metrics;
  metrics.episodes = rollouts_.statistics();
  metrics.interactions = rollouts_.interactions();
  estimate_advantages(metrics);
  update_policy(metrics);
  metrics.baseline = baseline_->fit(*target_);
  // Only now: the policy that acted saw the statistics before.
  if (policy_.description().normalize_observations) statistics_.run();
  metrics.iteration = ++iteration_;
  return metrics;
}

void Learner::save_state() {
  rollouts_.save_state();
  policy_.device().copy_from_host(iterations_->data(), &iteration_, sizeof iteration_);
}

void Learner::load_state() {
  rollouts_.load_state();
  policy_.device().copy_to_host(&iteration_, iterations_->data(), sizeof iteration_);
}

void Learner::save(const std::string& path, const std::map<std::string, std::string>& metadata) {
  save_state();
  write_checkpoint(path, {&policy_.store(), &store_}, metadata);
}

std::map<std::string, std::string> Learner::load(const std::string& path) {
  auto metadata = read_checkpoint(path, {&policy_.store(), &store_});
  load_state();
  return metadata;
}

std::vector<std::pair<std::string, double>> LearningMetrics::named() const {
  std::vector<std::pair<std::string, double>> result = {
      {"iteration", static_cast<double>(iteration)},
      {"interactions", static_cast<double>(interactions)},
      {"episodes", static_cast<double>(episodes.episodes)},
      {"return_mean", episodes.return_mean},
      {"return_std", episodes.return_std},
      {"return_min", episodes.return_min},
      {"return_max", episodes.return_max},
      {"length_mean", episodes.length_mean},
      {"reward", reward},
      {"entropy", entropy},
      {"kl", divergence},
      {"explained_variance", explained_variance},
      {"value_loss", baseline.loss}};
  if (gradient_steps > 0)
    result.insert(
        result.end(),
        {{"loss", loss}, {"clip_fraction", clip_fraction}, {"gradient_norm", gradient_norm}});
  const auto add = [&result](const std::string& prefix, const TrustRegionMetrics& region) {
    if (region.residuals.empty()) return;
    result.insert(result.end(),
                  {{prefix + "objective", region.objective},
                   {prefix + "improvement", region.improvement},
                   {prefix + "predicted_improvement", region.predicted},
                   {prefix + "kl", region.divergence},
                   {prefix + "step_fraction", region.fraction},
                   {prefix + "line_search_steps", static_cast<double>(region.line_search_steps)},
                   {prefix + "gradient_norm", region.gradient_norm},
                   {prefix + "step_norm", region.step_norm},
                   {prefix + "curvature", region.curvature}});
  };
  add(policy_prefix, trust_region);
  add(value_prefix, baseline.trust_region);
  return result;
}

std::vector<std::pair<std::string, double>> LearningMetrics::traced() const {
  std::vector<std::pair<std::string, double>> result = named();
  const auto add = [&result](const std::string& prefix, const TrustRegionMetrics& region) {
    for (std::size_t i = 0; i < region.residuals.size(); ++i)
      result.emplace_back(prefix + "residual_" + std::to_string(i), region.residuals[i]);
    for (std::size_t i = 0; i < region.tried.size(); ++i) {
      const std::string one = prefix + "line_search_" + std::to_string(i + 1) + "/";
      result.emplace_back(one + "step_fraction", region.tried[i].fraction);
      result.emplace_back(one + "improvement", region.tried[i].improvement);
      result.emplace_back(one + "kl", region.tried[i].divergence);
    }
  };
  add(policy_prefix, trust_region);
  add(value_prefix, baseline.trust_region);
  return result;
}

}  // namespace understudy
