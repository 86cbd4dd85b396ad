// Cloning recovers what made its pairs, and the same seed gives the same bits on any team.

#include "algorithms/cloning/behavior_cloning.h"

#include <gtest/gtest.h>

#include <cmath>
#include <numeric>

#include "algorithms/cloning/linear_gaussian.h"
#include "algorithms/policies/mixture.h"
#include "autograd/files/checkpoint.h"
#include "tests/files/files_test.h"
#include "tests/kernels/kernel_test.h"

namespace understudy {
namespace {

double mean_of(const std::vector<double>& x) {
  return std::accumulate(x.begin(), x.end(), 0.0) / static_cast<double>(x.size());
}

// a ~ 0.3 N(-s, 0.2^2) + 0.7 N(s, 0.4^2): the fork in the road, wider for larger s.
constexpr double weights[] = {0.3, 0.7}, deviations[] = {0.2, 0.4};
Transitions fork(std::int64_t n, std::uint64_t seed) {
  kernel_test::Random random(seed);
  Transitions pairs = Transitions::of_numbers(1, 1);
  for (std::int64_t i = 0; i < n; ++i) {
    const double s = random.uniform(1, 2);
    const int k = random.uniform() < weights[0] ? 0 : 1;
    const double a = (k == 0 ? -s : s) + deviations[k] * random.normal();
    pairs.append({static_cast<float>(s)}, {static_cast<float>(a)});
  }
  return pairs;
}
double true_log_density(double s, double a) {
  double p = 0;
  for (int k = 0; k < 2; ++k) {
    const double z = (a - (k == 0 ? -s : s)) / deviations[k];
    p += weights[k] * std::exp(-z * z / 2) / (deviations[k] * std::sqrt(2 * M_PI));
  }
  return std::log(p);
}

PolicyDescription mixture_of(std::int64_t components, std::vector<std::int64_t> hidden) {
  PolicyDescription description;
  description.action = {ActionKind::continuous, 1};
  description.trunk.hidden = std::move(hidden);
  description.head = MixtureOptions{.components = components, .min_std = 1e-2, .max_std = 10};
  return description;
}

// Two numbers, and the choice that tells which is larger; one in ten is wrong.
Transitions comparisons(std::int64_t n, std::uint64_t seed) {
  kernel_test::Random random(seed);
  Transitions pairs = Transitions::of_numbers(2, 1);
  for (std::int64_t i = 0; i < n; ++i) {
    const double a = random.normal(), b = random.normal();
    const bool first = (a > b) != (random.uniform() < 0.1);
    pairs.append({static_cast<float>(a), static_cast<float>(b)}, {first ? 0.0f : 1.0f});
  }
  return pairs;
}
PolicyDescription choice_of_two() {
  PolicyDescription description;
  description.observation.shape = {2};
  description.action = {ActionKind::discrete, 2};
  description.trunk.hidden = {16};
  description.head = "categorical";
  return description;
}

// Pictures of 12 bytes, and the action that their first ones make.
Demonstrations pictures(std::int64_t episodes) {
  kernel_test::Random random(9);
  auto bytes = std::make_shared<std::vector<std::uint8_t>>();
  Demonstrations made;
  made.observations.shape = {2, 2, 3};
  made.actions.shape = {1};
  for (std::int64_t e = 0; e < episodes; ++e) {
    for (int t = 0; t < 6; ++t) {
      for (int i = 0; i < 12; ++i) bytes->push_back(std::uint8_t(random.integer(0, 255)));
      if (t < 5) made.actions.numbers.push_back(float(bytes->end()[-12]) / 255);
    }
    made.terminal.push_back(0);
    made.starts.push_back(made.starts.back() + 5);
  }
  const std::uint8_t* base = bytes->data();
  made.observations.bytes = ByteRows(std::move(bytes), base, episodes * 6, 12);
  return made;
}

TEST(BehaviorCloning, learns_from_bytes_as_from_their_numbers) {
  auto device = cpu_device();
  const Demonstrations shown = pictures(40);
  const Transitions bytes = transitions(shown, Bytes::keep), numbers = transitions(shown);
  ASSERT_TRUE(bytes.observations.in_bytes());
  ASSERT_FALSE(numbers.observations.in_bytes());
  EXPECT_EQ(bytes.observations, numbers.observations);
  for (double share : {0.0, 0.3}) {
    std::vector<double> losses[2], scores[2];
    double validation[2];
    for (int kept = 0; kept < 2; ++kept) {
      const Transitions& given = kept ? bytes : numbers;
      PolicyDescription description = mixture_of(2, {8});
      description.observation.shape = {12};
      description.normalize_observations = true;
      Policy policy(*device, description);
      fit_normalizer(policy, given);
      // 60 held-out rows: of bytes 32 and a rest
      BehaviorCloning cloning(policy, given,
                              {.batch_size = 17, .validation_share = share, .validation_every = 5});
      for (int i = 0; i < 30; ++i) losses[kept].push_back(cloning.step().loss);
      validation[kept] = cloning.step().validation;
      scores[kept] = cloning.log_probabilities(given);
    }
    EXPECT_EQ(losses[0], losses[1]) << "the same numbers in the same order";
    EXPECT_EQ(scores[0], scores[1]);
    // of bytes a sum of batches
    if (share > 0) EXPECT_NEAR(validation[0], validation[1], 1e-5 * std::abs(validation[0]));
  }
}

TEST(BehaviorCloning, recovers_a_known_mixture) {
  auto device = cpu_device();
  const Transitions train = fork(4000, 1), held_out = fork(4000, 2);
  Policy policy(*device, mixture_of(2, {16}));
  BehaviorCloning cloning(policy, train, {.batch_size = 200, .learning_rate = 1e-2});
  BehaviorCloning::Metrics last;
  for (int i = 0; i < 400; ++i) last = cloning.step();
  EXPECT_EQ(last.iteration, 400);
  EXPECT_DOUBLE_EQ(last.epoch, 20);
  std::vector<double> truth;
  for (std::int64_t i = 0; i < held_out.rows(); ++i)
    truth.push_back(
        true_log_density(held_out.observations.numbers[i], held_out.actions.numbers[i]));
  const double gap = mean_of(truth) - mean_of(cloning.log_probabilities(held_out));
  // The gap is a Kullback-Leibler divergence, estimated: parameters / (2 rows), about 0.02 for what
  // 4000 rows leave unknown, and as much for steps that still wander. A single Gaussian is 0.7
  // away.
  EXPECT_GT(gap, -0.02);
  EXPECT_LT(gap, 0.05);
  // Few actions are near 0, where the expert never is; all of the plain mean's would be.
  const std::vector<float> samples = cloning.sample(held_out.observations.numbers);
  ASSERT_EQ(samples.size(), held_out.observations.numbers.size());
  std::int64_t left = 0, middle = 0;
  for (float a : samples) {
    left += a < 0;
    middle += std::abs(a) < 0.2f;
  }
  const double n = static_cast<double>(samples.size());
  EXPECT_NEAR(static_cast<double>(left) / n, 0.3, 0.04);  // 0.007 by chance, the rest is learned
  EXPECT_LT(static_cast<double>(middle) / n, 0.02);
}

TEST(BehaviorCloning, gives_the_same_bits_on_any_team) {
  const Transitions pairs = fork(700, 3);
  std::vector<double> scores[2];
  std::vector<float> samples[2];
  for (int i : {0, 1}) {
    Threads team(i == 0 ? 1 : 3);
    auto device = cpu_device(&team);
    Policy policy(*device, mixture_of(5, {8, 8}), 4);
    BehaviorCloning cloning(policy, pairs, {.batch_size = 256, .seed = 4});
    for (int step = 0; step < 10; ++step) cloning.step();
    scores[i] = cloning.log_probabilities(pairs);
    samples[i] = cloning.sample(pairs.observations.numbers);
  }
  EXPECT_EQ(scores[0], scores[1]);
  EXPECT_EQ(samples[0], samples[1]);
}

// a = intercept + slope s, the line of least squares through the pairs.
struct Line {
  double intercept, slope;
  explicit Line(const Transitions& pairs) {
    const std::vector<float>&inputs = pairs.observations.numbers, &actions = pairs.actions.numbers;
    const double n = static_cast<double>(pairs.rows());
    double s = 0, a = 0, ss = 0, sa = 0;
    for (std::size_t i = 0; i < inputs.size(); ++i) {
      s += inputs[i], a += actions[i];
      ss += double(inputs[i]) * inputs[i];
      sa += double(inputs[i]) * actions[i];
    }
    slope = (n * sa - s * a) / (n * ss - s * s);
    intercept = (a - slope * s) / n;
  }
};

TEST(BehaviorCloning, a_fixed_std_is_least_squares) {
  auto device = cpu_device();
  const Transitions pairs = fork(2000, 5);
  PolicyDescription description = mixture_of(1, {});
  description.head = "regression";
  std::vector<float> means[2];
  for (const CloningLoss loss : {CloningLoss::likelihood, CloningLoss::squared_error}) {
    Policy policy(*device, description);
    // All pairs in every batch and a rate that falls to nothing: the minimum itself.
    BehaviorCloning cloning(policy, pairs,
                            {.loss = loss,
                             .batch_size = pairs.rows(),
                             .learning_rate = 3e-2,
                             .schedule = {.steps = 2000, .last = 1e-4}});
    for (int i = 0; i < 2000; ++i) cloning.step();
    means[static_cast<int>(loss)] = cloning.expectation({1.0f, 1.5f, 2.0f});
  }
  // Both losses have the line's minimum, whatever the noise about it. A gradient is a mean over
  // 2000 pairs in single precision, good to some 1e-6, which the least curvature, 0.04 across the
  // line's two numbers, divides.
  const Line line(pairs);
  for (const std::vector<float>& mean : means)
    for (int i = 0; i < 3; ++i)
      EXPECT_NEAR(mean[i], line.intercept + line.slope * (1 + 0.5 * i), 5e-5) << i;
}

TEST(BehaviorCloning, keeps_the_best_and_stops_when_it_gets_no_better) {
  auto device = cpu_device();
  // 60 pairs are soon known by heart, wrong ones too; then held-out pairs get worse.
  const Transitions pairs = comparisons(60, 7);
  Policy policy(*device, choice_of_two(), 1);
  BehaviorCloning cloning(policy, pairs,
                          {.batch_size = 16,
                           .learning_rate = 3e-2,
                           .validation_share = 0.3,
                           .validation_every = 5,
                           .patience = 20,
                           .seed = 2});
  const BehaviorCloning::Metrics last = cloning.train(100000);
  EXPECT_TRUE(last.stopped);
  EXPECT_LT(last.iteration, 5000);
  EXPECT_GT(last.validation, last.best_validation + 0.05);
  cloning.keep_best();
  // The best is in the policy: on fresh pairs it is better than a coin (0.69 nats).
  EXPECT_LT(cloning.loss_of(comparisons(2000, 8)), 0.6);
}

TEST(BehaviorCloning, a_resumed_run_is_an_unbroken_one) {
  auto device = cpu_device();
  const Transitions pairs = comparisons(100, 3);
  const BehaviorCloning::Options options = {
      .batch_size = 32, .validation_share = 0.3, .validation_every = 4, .seed = 5};
  Policy whole(*device, choice_of_two(), 5);
  BehaviorCloning unbroken(whole, pairs, options);
  unbroken.train(30);

  const std::string file = testing::TempDir() + "/cloning_resumed.safetensors";
  {
    Policy half(*device, choice_of_two(), 5);
    BehaviorCloning first(half, pairs, options);
    first.train(13);
    write_checkpoint(file, {&half.store(), &first.store()}, {});
  }
  Policy other(*device, choice_of_two(), 99);
  BehaviorCloning second(other, pairs, options);
  read_checkpoint(file, {&other.store(), &second.store()});
  second.restore();
  const BehaviorCloning::Metrics last = second.train(17);
  EXPECT_EQ(last.iteration, 30);
  EXPECT_EQ(whole.parameters().flat().read(), other.parameters().flat().read());
  unbroken.keep_best();
  second.keep_best();
  EXPECT_EQ(whole.parameters().flat().read(), other.parameters().flat().read());
}

TEST(BehaviorCloning, refuses_pairs_that_do_not_fit) {
  auto device = cpu_device();
  Policy policy(*device, mixture_of(5, {4}));
  EXPECT_THROW(BehaviorCloning(policy, Transitions::of_numbers(1, 1), {}), Error);
  Transitions pairs = fork(10, 0);
  pairs.observations.numbers.pop_back();
  EXPECT_THROW(BehaviorCloning(policy, pairs, {}), Error);
  BehaviorCloning cloning(policy, fork(10, 0), {.batch_size = 5});
  EXPECT_THROW(cloning.log_probabilities(Transitions::of_numbers(2, 1)), Error);
  Policy choice(*device, choice_of_two());
  Transitions three = comparisons(4, 0);
  three.actions.numbers[2] = 2;
  EXPECT_THROW(BehaviorCloning(choice, three, {}), Error);
  // What is not finite, by its row.
  for (const bool observed : {true, false}) {
    Transitions wrong = fork(10, 0);
    (observed ? wrong.observations : wrong.actions).numbers[3] = NAN;
    const std::string said = files::error_of([&] { BehaviorCloning(policy, wrong, {}); });
    EXPECT_EQ(said, std::string("cloning: ") + (observed ? "observations" : "actions") +
                        ", row 3: expected a finite number, found nan");
  }
  EXPECT_THROW(cloning.mode({NAN}), Error);
}

TEST(LinearGaussian, recovers_a_linear_map_and_its_noise) {
  kernel_test::Random random(6);
  Transitions pairs = Transitions::of_numbers(3, 2);
  for (int i = 0; i < 5000; ++i) {
    const double s = random.normal(), t = random.normal(), e = random.normal();
    pairs.append({static_cast<float>(s), static_cast<float>(t), 0.0f},
                 {static_cast<float>(1 + 2 * s - t + 0.5 * e),
                  static_cast<float>(s + 0.5 * e + 0.1 * random.normal())});
  }
  // The entropy of noise with covariance C is log(2 pi e) + log det C / 2; det C = 0.05^2.
  const double entropy = std::log(2 * M_PI) + 1 + std::log(0.05);
  // The mean of 5000 log-densities of two dimensions strays by 1 / sqrt(5000) = 0.014.
  const LinearGaussian seen(pairs, 2);
  EXPECT_NEAR(-mean_of(seen.log_probabilities(pairs)), entropy, 0.05);
  // Without the state, its spread is noise too.
  const LinearGaussian blind(pairs, 0);
  EXPECT_GT(-mean_of(blind.log_probabilities(pairs)), entropy + 1);
  // The third input is constant: with the constant 1 there it determines nothing.
  EXPECT_THROW(LinearGaussian(pairs, 3), Error);
  // Units are nobody's business: but for the Jacobian the likelihood is the same.
  for (const double shift : {0.0, 1e6})
    for (const double scale : {1e-6, 1.0, 1e20}) {
      if (shift > scale && scale < 1) continue;  // no float has so many digits
      Transitions other = pairs;
      for (float& x : other.observations.numbers) x = static_cast<float>(shift + scale * x);
      for (float& a : other.actions.numbers) a = static_cast<float>(scale * a);
      const LinearGaussian same(other, 2);
      // 1e6 + x is rounded to a sixteenth, which is noise, too.
      EXPECT_NEAR(mean_of(same.log_probabilities(other)) + 2 * std::log(scale), -entropy,
                  shift > scale ? 0.15 : 0.06);
      EXPECT_THROW(LinearGaussian(other, 3), Error);
    }
}

}  // namespace
}  // namespace understudy
