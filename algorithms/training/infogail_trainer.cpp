// InfoGAIL: a policy by TRPO on a learned reward, told a latent code that what it does must show.

#include <algorithm>
#include <cstdio>

#include "algorithms/adversarial/infogail.h"
#include "algorithms/cloning/behavior_cloning.h"
#include "algorithms/training/latest_return.h"
#include "algorithms/training/policy_setup.h"
#include "algorithms/training/rows.h"

namespace understudy {

namespace {

// Whether the posterior learns anything from what the policy does.
class InformationWatch {
 public:
  void see(const InfoGailMetrics& metrics) {
    ++iterations_;
    warning_.clear();
    if (iterations_ < patience || metrics.bound > little * metrics.entropy) return;
    char text[200];
    std::snprintf(text, sizeof text,
                  "what the policy does shows %.3f of %.3f nats of its code: see "
                  "information_weight and posterior.steps",
                  std::max(metrics.bound, 0.0), metrics.entropy);
    warning_ = text;
  }
  const char* warning() const { return warning_.empty() ? nullptr : warning_.c_str(); }

 private:
  static constexpr std::int64_t patience = 30;  // iterations
  static constexpr double little = 0.05;        // share of the codes' entropy
  std::int64_t iterations_ = 0;
  std::string warning_;
};

class InfoGailTrainer final : public Trainer {
 public:
  InfoGailTrainer(std::unique_ptr<Policy> policy, std::unique_ptr<InfoGail> imitation)
      : policy_(std::move(policy)), imitation_(std::move(imitation)) {}
  Policy& policy() override { return *policy_; }
  Metrics step() override {
    latest_ = imitation_->step();
    return_.see(latest_.imitation.learning.episodes);
    information_.see(latest_);
    return return_.before(latest_.named());
  }
  Metrics trace() const override { return return_.before(latest_.traced()); }
  const char* warning() const override {
    return information_.warning() != nullptr ? information_.warning()
                                             : latest_.imitation.adversary.warning;
  }
  std::vector<std::pair<std::string, std::string>> decisions() const override {
    const EpisodeEnds& expert = imitation_->expert_ends();
    return {{"the expert's episodes", std::to_string(expert.terminated) + " of " +
                                          std::to_string(expert.episodes) + " terminated, " +
                                          expert.evidence}};
  }
  std::int64_t interactions() const override {
    return imitation_->learner().rollouts().interactions();
  }
  void save(const std::string& folder, std::int64_t iteration) override {
    imitation_->learner().save_state();
    const std::vector<Store*> stores = imitation_->stores();
    write(folder, iteration, {stores.begin(), stores.end()}, return_.metadata());
    imitation_->posterior().save(folder + "/posterior.safetensors");
  }
  void resume(const std::string& folder, std::int64_t /*iteration*/) override {
    return_.take(read(folder, imitation_->stores()));
    imitation_->learner().load_state();
  }

 private:
  std::unique_ptr<Policy> policy_;
  std::unique_ptr<InfoGail> imitation_;
  InfoGailMetrics latest_;
  LatestReturn return_;
  InformationWatch information_;
};

// As `train gail` has them.
constexpr double discriminator_rate = 0.003;
constexpr double exploring_std = 2;  // of the demonstrated actions' deviation

class InfoGailSetup final : public TrainingSetup {
 public:
  explicit InfoGailSetup(const TrainingInputs& inputs) : inputs_(inputs), policy_(inputs_) {
    options_.discriminator.learning_rate = discriminator_rate;
    options_.trpo.trust_region.fisher_stride = training_fisher_stride;
    options_.trpo.learner.baseline.trust_region.fisher_stride = training_fisher_stride;
    policy_.set_in_head("initial_std", exploring_std);
    OptionList(options_).seed(inputs.seed);
  }
  void list(OptionList& list) override {
    policy_.list(list);
    list_options(list, options_);
    list.add(option("warm_start", warm_start_,
                    "steps of behavioral cloning before the first iteration, with random codes",
                    {.least = 0, .source = "Li, Song & Ermon 2017, section 4.3"}));
  }
  std::unique_ptr<Trainer> make() override {
    PolicyDescription description = policy_.description();
    description.codes = options_.codes;
    auto policy = std::make_unique<Policy>(*inputs_.device, description, inputs_.seed);
    const Transitions pairs = transitions(*inputs_.demonstrations);
    freeze_normalizer(*policy, pairs);
    // A run that goes on does this too, and then reads its checkpoint.
    if (warm_start_ > 0) {
      BehaviorCloning cloning(
          *policy, with_random_codes(pairs, options_.codes, inputs_.seed),
          {.batch_size = std::min<std::int64_t>(128, pairs.rows()), .seed = inputs_.seed});
      cloning.train(warm_start_);
    }
    auto imitation =
        std::make_unique<InfoGail>(*policy, *inputs_.environment, *inputs_.demonstrations, options_,
                                   inputs_.demonstrations_name);
    return std::make_unique<InfoGailTrainer>(std::move(policy), std::move(imitation));
  }

 private:
  const TrainingInputs inputs_;
  PolicySetup policy_;
  InfoGailOptions options_;
  std::int64_t warm_start_ = 0;
};

}  // namespace

const AlgorithmRow infogail_row = {
    .name = "infogail",
    .summary =
        "imitation of demonstrations that differ in kind: latent codes that show in what is "
        "done",
    .observations = "numbers",
    .actions = "any",
    .source = "Li, Song & Ermon 2017",
    .header = "algorithms/adversarial/infogail.h",
    .needs = {.environment = true, .demonstrations = true},
    .iterations = 100,
    .metric = "latest_return",
    .metric_may_wait = true,
    .setup = [](const TrainingInputs& inputs) -> std::unique_ptr<TrainingSetup> {
      return std::make_unique<InfoGailSetup>(inputs);
    }};

}  // namespace understudy
