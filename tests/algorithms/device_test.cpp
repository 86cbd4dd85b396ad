// Learners on a CUDA device: a step or two of each there and on the processor, from the same start,
// end up alike; and what an iteration of imitation brings to the host is numbers, not arrays.

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>

#include "algorithms/adversarial/adversarial_imitation.h"
#include "algorithms/cloning/dagger.h"
#include "algorithms/cloning/distillation.h"
#include "algorithms/cloning/sequence_cloning.h"
#include "algorithms/off_policy/q_learning.h"
#include "algorithms/off_policy/soft_actor_critic.h"
#include "algorithms/policies/dueling.h"
#include "algorithms/reinforcement/policy_gradient.h"
#include "tests/kernels/kernel_test.h"
#include "tests/off_policy/shown.h"

namespace understudy {
namespace {

using Vector = std::vector<double>;

#if defined(UNDERSTUDY_NATIVE_CUDA)
#define SKIP_WITHOUT_CUDA() \
  if (cuda_missing_reason() != nullptr) GTEST_SKIP() << cuda_missing_reason()
#else
#define SKIP_WITHOUT_CUDA() (void)0
#endif

// What `body` makes of each device is the same but for rounding, which moves a parameter by some
// 1e-8 in a few steps of Adam. Where a gradient is itself no more than rounding a step is one of
// either sign, of the size of the rate: 1e-3, which no parameter of these tests has.
void agree(const std::function<Vector(Device&)>& body, double tolerance = 1e-5) {
  const std::unique_ptr<Device> processor = cpu_device(), gpu = cuda_device();
  const Vector expected = body(*processor), found = body(*gpu);
  ASSERT_EQ(found.size(), expected.size());
  double worst = 0;
  std::size_t at = 0;
  for (std::size_t i = 0; i < found.size(); ++i) {
    ASSERT_TRUE(std::isfinite(found[i])) << "value " << i;
    const double apart = std::abs(found[i] - expected[i]) / (1 + std::abs(expected[i]));
    if (apart > worst) worst = apart, at = i;
  }
  EXPECT_LE(worst, tolerance) << "value " << at << " of " << found.size() << " is " << found[at]
                              << ", expected " << expected[at];
}

PolicyDescription small_policy(const char* name) {
  PolicyDescription description = describe_policy(environment_named(name));
  description.trunk.hidden = {8};
  description.normalize_observations = true;
  return description;
}

Transitions pairs_for(const PolicyDescription& description, std::int64_t count) {
  const ActionSpace& action = description.action;
  Transitions pairs = Transitions::of_numbers(
      description.observation.width(), action.kind == ActionKind::discrete ? 1 : action.size);
  for (std::int64_t i = 0; i < count; ++i) {
    std::vector<float> input, output;
    for (std::int64_t k = 0; k < pairs.observations.width(); ++k)
      input.push_back(static_cast<float>(std::sin(1.0 + 0.7 * static_cast<double>(i * 3 + k))));
    for (std::int64_t k = 0; k < pairs.actions.width(); ++k) {
      const double x = std::cos(2.0 + 1.3 * static_cast<double>(i * 2 + k));
      output.push_back(action.kind == ActionKind::discrete ? static_cast<float>(i % action.size)
                       : action.kind == ActionKind::multi_binary ? (x > 0 ? 1.0f : 0.0f)
                                                                 : static_cast<float>(0.9 * x));
    }
    pairs.append(input, output);
  }
  return pairs;
}

// ---- Cloning ----

// Small heads, of rows that say how likely actions are, or of those that do not.
HeadDescription small_head(const HeadRow& row) {
  HeadDescription head(row.name);
  head.set("bins", "4");
  head.set("components", "2");
  head.set("draws", "3");
  head.set("hidden", "5");
  return head;
}

TEST(OnCuda, every_head_with_a_likelihood_is_cloned) {
  SKIP_WITHOUT_CUDA();
  for (const HeadRow* row : head_rows()) {
    if (!row->traits.likelihood) continue;
    // The softmax does not see its value, whose gradient is rounding alone: `off_policy_learners`.
    if (std::string(row->name) == DuelingOptions::head) continue;
    SCOPED_TRACE(row->name);
    PolicyDescription description;
    description.observation.shape = {3};
    description.action = {row->spaces[0], 3};
    if (row->acts_on(ActionKind::continuous))
      description.action = {ActionKind::continuous, 2, {-1, -1}, {1, 1}};
    description.trunk.hidden = {6};
    description.head = small_head(*row);
    const Transitions pairs = pairs_for(description, 24);
    agree([&](Device& device) {
      Policy policy(device, description, 5);
      BehaviorCloning cloning(policy, pairs, {.batch_size = 12, .seed = 2});
      for (int i = 0; i < 3; ++i) cloning.step();
      return policy.parameters().flat().read();
    });
  }
}

TEST(OnCuda, images_in_bytes_are_cloned) {
  SKIP_WITHOUT_CUDA();
  PolicyDescription description;
  description.observation.shape = {4, 4, 3};
  description.action = {ActionKind::continuous, 1};
  description.normalize_observations = true;
  description.trunk.convolutions = {2, 3, 1, 0};
  description.trunk.image_layout = ImageLayout::channels_last;
  description.trunk.hidden = {6};
  Transitions pairs;
  pairs.observations.shape = {4, 4, 3};
  pairs.actions.shape = {1};
  auto bytes = std::make_shared<std::vector<std::uint8_t>>();
  for (int i = 0; i < 24 * 48; ++i) bytes->push_back(static_cast<std::uint8_t>(i * 37 % 256));
  for (int i = 0; i < 24; ++i) pairs.actions.numbers.push_back(std::sin(0.3f * float(i)));
  const std::uint8_t* base = bytes->data();
  pairs.observations.bytes = ByteRows(bytes, base, 24, 48);
  agree([&](Device& device) {
    Policy policy(device, description, 5);
    fit_normalizer(policy, pairs);
    BehaviorCloning cloning(policy, pairs,
                            {.batch_size = 5, .validation_share = 0.4, .validation_every = 1});
    for (int i = 0; i < 3; ++i) cloning.step();
    std::vector<double> found = policy.parameters().flat().read();
    found.push_back(cloning.step().validation);
    return found;
  });
}

TEST(OnCuda, policies_with_memory_and_latent_heads_are_cloned) {
  SKIP_WITHOUT_CUDA();
  std::vector<std::pair<std::string, std::string>> cases;
  for (const TrunkRow* trunk : trunk_rows())
    if (trunk->has_memory) cases.emplace_back(trunk->name, "gaussian");
  cases.emplace_back("lstm", "mixture");
  for (const HeadRow* head : head_rows())
    if (head->traits.latent) cases.emplace_back("mlp", head->name);
  for (const auto& [trunk, head] : cases) {
    SCOPED_TRACE(trunk + " " + head);
    Transitions sequences = Transitions::of_numbers(2, 1);
    for (int i = 0; i < 22; ++i) {
      const float t = static_cast<float>(i);
      sequences.append({std::sin(t), std::cos(2 * t)}, {std::sin(0.5f * t)});
      if (i % 11 == 10) sequences.end_sequence();
    }
    agree([&, trunk = trunk, head = head](Device& device) {
      SequenceCloning::Options options;
      options.policy.trunk = {.name = trunk, .hidden = {5}};
      options.policy.head = small_head(head_named(head));
      options.batch_size = 2;
      options.steps = 6;
      SequenceCloning cloning(device, sequences, options);
      for (int i = 0; i < 2; ++i) cloning.step();
      return cloning.policy().parameters().flat().read();
    });
  }
}

TEST(OnCuda, dagger_asks_and_learns) {
  SKIP_WITHOUT_CUDA();
  const EnvironmentDescription& environment = environment_named("cartpole");
  agree([&](Device& device) {
    Policy policy(device, small_policy("cartpole"), 1);
    BatchWorld world(device, environment, 2, 3);
    FunctionExpert expert([](std::span<const float> o, std::span<const float>,
                             std::span<float> action) { action[0] = o[2] + o[3] > 0; });
    Dagger::Options options;
    options.steps = 40;
    options.training_steps = 4;
    options.cloning.batch_size = 20;
    Dagger dagger(policy, world, expert, options);
    for (int round = 0; round < 2; ++round) dagger.step();
    return policy.parameters().flat().read();
  });
}

TEST(OnCuda, a_policy_is_distilled) {
  SKIP_WITHOUT_CUDA();
  const PolicyDescription description = small_policy("pendulum");
  const std::vector<float> observations = pairs_for(description, 20).observations.numbers;
  agree([&](Device& device) {
    Policy teacher(device, description, 1), student(device, description, 2);
    Distillation distillation(student, teacher, observations, {.batch_size = 10});
    for (int i = 0; i < 3; ++i) distillation.step();
    return student.parameters().flat().read();
  });
}

// ---- Off the policy ----

// A few steps in the environments, with gradient steps behind each. What is drawn and what acts is
// the same, so that values differ by rounding.
template <class Learner, class Options>
Vector learned_off_policy(Device& device, const char* name, const PolicyDescription& description,
                          Options options, const Demonstrations& from) {
  options.learner.num_envs = 4;
  options.learner.steps_per_iteration = 24;
  options.learner.updates = 2;
  options.learner.batch_size = 12;
  options.learner.capacity = 16;
  options.learner.learning_starts = 8;
  options.terms.pretraining = 2;
  options.terms.dac.hidden = {6};
  options.terms.dac.batch_size = 6;
  Policy policy(device, description, 1);
  Learner learner(policy, environment_named(name), options, {&from});
  learner.step();
  Vector found = learner.store().at("replay/observation").read();
  const Vector parameters = policy.parameters().flat().read();
  found.insert(found.end(), parameters.begin(), parameters.end());
  return found;
}

TEST(OnCuda, off_policy_learners_step) {
  SKIP_WITHOUT_CUDA();
  using enum OffPolicyAlgorithm;
  const Demonstrations pole = shown("cartpole", 2, 30), pendulum = shown("pendulum", 2, 30);
  for (const OffPolicyAlgorithm algorithm : {reinforcement, sqil, dqfd, iq_learn, dac}) {
    SCOPED_TRACE(static_cast<int>(algorithm));
    agree([&](Device& device) {
      PolicyDescription description = small_policy("cartpole");
      description.head = DuelingOptions{.units = 4};
      QLearningOptions options;
      if (algorithm != reinforcement) options = QLearningOptions::imitating(algorithm);
      return learned_off_policy<QLearning>(device, "cartpole", description, options, pole);
    });
    if (algorithm == dqfd) continue;
    agree(
        [&](Device& device) {
          PolicyDescription description = small_policy("pendulum");
          description.head = SquashedGaussianOptions{};
          SoftActorCriticOptions options;
          if (algorithm != reinforcement) options = SoftActorCriticOptions::imitating(algorithm);
          options.critic_hidden = {6};
          return learned_off_policy<SoftActorCritic>(device, "pendulum", description, options,
                                                     pendulum);
        },
        1e-4);
  }
}

// ---- Acting and learning from rewards ----

TrpoOptions small_trpo() {
  TrpoOptions options;
  options.learner.rollouts = {.num_envs = 8, .steps_per_iteration = 160, .seed = 4};
  options.learner.baseline.hidden = {8};
  options.trust_region.cg_iterations = options.learner.baseline.trust_region.cg_iterations = 3;
  return options;
}

TEST(OnCuda, trust_regions_step) {
  SKIP_WITHOUT_CUDA();
  for (const char* name : {"cartpole", "pendulum"}) {
    SCOPED_TRACE(name);
    agree([&](Device& device) {
      Policy policy(device, small_policy(name), 1);
      Trpo trpo(policy, environment_named(name), small_trpo());
      Vector found;
      for (int i = 0; i < 2; ++i) {
        const LearningMetrics metrics = trpo.step();
        found.insert(found.end(),
                     {metrics.reward, static_cast<double>(metrics.episodes.episodes),
                      metrics.trust_region.improvement, metrics.trust_region.divergence,
                      metrics.trust_region.fraction, metrics.explained_variance});
        if (metrics.episodes.episodes > 0)
          found.insert(found.end(), {metrics.episodes.return_mean, metrics.episodes.return_std,
                                     metrics.episodes.return_min, metrics.episodes.return_max,
                                     metrics.episodes.length_mean});
      }
      const Vector parameters = policy.parameters().flat().read();
      found.insert(found.end(), parameters.begin(), parameters.end());
      return found;
    });
  }
}

TEST(OnCuda, policy_gradients_step) {
  SKIP_WITHOUT_CUDA();
  for (PolicyGradientOptions options :
       {PolicyGradientOptions::ppo(), PolicyGradientOptions::reinforce()}) {
    options.learner.rollouts = {.num_envs = 4, .steps_per_iteration = 40, .seed = 4};
    options.learner.baseline.hidden = {8};
    options.batch_size = options.learner.baseline.batch_size = 20;
    options.epochs = 2;
    agree(
        [&](Device& device) {
          Policy policy(device, small_policy("cartpole"), 1);
          PolicyGradient learner(policy, environment_named("cartpole"), options);
          for (int i = 0; i < 2; ++i) learner.step();
          return policy.parameters().flat().read();
        },
        1e-4);  // rates of up to 1e-2, and some gradients not far above rounding
  }
}

// Six steps of two episodes of an environment's numbers, for adversaries to compare with.
Demonstrations shown(const EnvironmentDescription& environment) {
  Demonstrations demonstrations;
  demonstrations.observations.shape = {environment.observation_size};
  demonstrations.actions.discrete = environment.action_count > 0;
  if (!demonstrations.actions.discrete) demonstrations.actions.shape = {environment.action_size};
  for (int episode = 0; episode < 2; ++episode) {
    for (int t = 0; t <= 6; ++t)
      for (int k = 0; k < environment.observation_size; ++k)
        demonstrations.observations.numbers.push_back(
            static_cast<float>(0.1 * std::sin(episode + t + 2 * k)));
    for (int t = 0; t < 6; ++t)
      if (demonstrations.actions.discrete)
        demonstrations.actions.indices.push_back(t % environment.action_count);
      else
        demonstrations.actions.numbers.push_back(static_cast<float>(std::cos(t)));
    demonstrations.starts.push_back(demonstrations.starts.back() + 6);
    demonstrations.terminal.push_back(true);
  }
  return demonstrations;
}

struct Imitation {
  Policy policy;
  std::unique_ptr<AdversarialImitation> learner;
  Imitation(Device& device, const char* name, AdversarialAlgorithm algorithm, RewardInput input,
            const TrpoOptions& trpo)
      : policy(device, small_policy(name), 1) {
    const EnvironmentDescription& environment = environment_named(name);
    AdversarialOptions options;
    options.algorithm = algorithm;
    options.input = input;
    options.trpo = trpo;
    options.discriminator.hidden = options.airl.hidden = options.airl.shaping_hidden = {8};
    learner = make_imitation(policy, environment, shown(environment), options);
  }
};

TEST(OnCuda, adversaries_and_their_learners_step) {
  SKIP_WITHOUT_CUDA();
  for (const AdversarialAlgorithm algorithm :
       {AdversarialAlgorithm::gail, AdversarialAlgorithm::fem, AdversarialAlgorithm::gtal,
        AdversarialAlgorithm::airl, AdversarialAlgorithm::gan_gcl})
    for (const RewardInput input : {RewardInput::state_action, RewardInput::state_pair}) {
      SCOPED_TRACE(name_of(algorithm));
      agree([&](Device& device) {
        Imitation imitation(device, "cartpole", algorithm, input, small_trpo());
        for (int i = 0; i < 2; ++i) imitation.learner->step();
        return imitation.policy.parameters().flat().read();
      });
    }
}

// ---- What goes to the host ----

// Another device that counts.
class CountingDevice final : public Device {
 public:
  explicit CountingDevice(Device& device) : device_(device) {}
  std::size_t copies = 0, largest = 0;

  DeviceKind kind() const override { return device_.kind(); }
  const char* description() const override { return device_.description(); }
  void* allocate(std::size_t bytes) override { return device_.allocate(bytes); }
  void release(void* memory) override { device_.release(memory); }
  void copy_from_host(void* to, const void* from, std::size_t bytes) override {
    device_.copy_from_host(to, from, bytes);
  }
  void copy_to_host(void* to, const void* from, std::size_t bytes) override {
    ++copies;
    largest = std::max(largest, bytes);
    device_.copy_to_host(to, from, bytes);
  }
  void copy(void* to, const void* from, std::size_t bytes) override {
    device_.copy(to, from, bytes);
  }
  void fill_zero(void* memory, std::size_t bytes) override { device_.fill_zero(memory, bytes); }
  void synchronize() override { device_.synchronize(); }
  Stream& stream() override { return device_.stream(); }
  Stream& stream_of_thread(int thread) override { return device_.stream_of_thread(thread); }
  int threads() const override { return device_.threads(); }
  Threads* team() override { return device_.team(); }
  const Backend<float>& kernels_f32() const override { return device_.kernels_f32(); }
  const Backend<double>& kernels_f64() const override { return device_.kernels_f64(); }
  bool captures_graphs() const override { return device_.captures_graphs(); }
  void begin_capture() override { device_.begin_capture(); }
  void end_capture(std::unique_ptr<Graph>& graph) override { device_.end_capture(graph); }
  void drop_capture() noexcept override { device_.drop_capture(); }

 private:
  Device& device_;
};

TEST(OnCuda, an_iteration_brings_reports_to_the_host_and_no_arrays) {
  SKIP_WITHOUT_CUDA();
  const std::unique_ptr<Device> gpu = cuda_device();
  using Kind = AdversarialAlgorithm;
  for (const auto& [algorithm, input] :
       {std::pair(Kind::gail, RewardInput::state_action),
        std::pair(Kind::gail, RewardInput::state_pair), std::pair(Kind::airl, RewardInput::state),
        std::pair(Kind::gan_gcl, RewardInput::state)}) {
    CountingDevice device(*gpu);
    Imitation imitation(device, "cartpole", algorithm, input, small_trpo());
    imitation.learner->step();
    device.copies = device.largest = 0;
    const AdversarialMetrics metrics = imitation.learner->step();
    // Nothing that has as many numbers as there are pairs: 160 of 4 bytes.
    EXPECT_LT(device.largest, 160);
    // A report of the episodes (asked for twice) and of each try of the two line searches, two of
    // the directions, two numbers of the advantages, and the adversary's diagnostics.
    const int steps = metrics.learning.trust_region.line_search_steps +
                      metrics.learning.baseline.trust_region.line_search_steps;
    EXPECT_LE(device.copies, static_cast<std::size_t>(steps) + 16);
    EXPECT_GT(device.copies, 0u);
  }
}

}  // namespace
}  // namespace understudy
