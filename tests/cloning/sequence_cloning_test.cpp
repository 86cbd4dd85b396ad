// Policies that remember: what is hidden in the past is learned, and what a policy does to its own
// observations is learned from.

#include "algorithms/cloning/sequence_cloning.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <string>

#include "algorithms/cloning/augmentation.h"
#include "algorithms/cloning/held_out_sequences.h"
#include "algorithms/policies/actor.h"
#include "algorithms/policies/full_covariance.h"
#include "algorithms/policies/gaussian.h"
#include "autograd/files/checkpoint.h"
#include "tests/kernels/kernel_test.h"

namespace understudy {
namespace {

using Vector = std::vector<double>;

// The action is the observation two steps ago: nothing in the present tells it.
Transitions delayed(std::int64_t count, std::uint64_t seed) {
  kernel_test::Random random(seed);
  Transitions sequences = Transitions::of_numbers(1, 1);
  for (std::int64_t i = 0; i < count; ++i) {
    std::vector<float> o = {0, 0};
    const std::uint64_t length = 3 + random.word() % 8;
    for (std::uint64_t t = 0; t < length; ++t) {
      o.push_back(static_cast<float>(random.uniform(-1, 1)));
      sequences.append({o.back()}, {o[o.size() - 3]}, t >= 2);
    }
    sequences.end_sequence();
  }
  return sequences;
}

SequenceCloning::Options small(const char* trunk) {
  SequenceCloning::Options options;
  options.policy.trunk = {.name = trunk, .hidden = {24}};
  options.policy.head = GaussianOptions{.min_std = 0.01};
  options.batch_size = 16;
  options.steps = 12;
  options.learning_rate = 1e-2;
  return options;
}

double mean_counted(SequenceCloning& cloning, const Transitions& sequences) {
  const Vector scores = cloning.log_probabilities(sequences);
  double total = 0, count = 0;
  for (std::size_t i = 0; i < scores.size(); ++i)
    if (sequences.counts(static_cast<std::int64_t>(i))) {
      total += scores[i];
      ++count;
    }
  return total / count;
}

TEST(SequenceCloning, remembers_what_the_present_does_not_show) {
  const Transitions train = delayed(300, 1), test = delayed(60, 2);
  const auto device = cpu_device();
  SequenceCloning remembering(*device, train, small("gru"));
  SequenceCloning seeing(*device, train, small("mlp"));
  for (int i = 0; i < 400; ++i) {
    remembering.step();
    seeing.step();
  }
  // A Gaussian over numbers uniform on +-1 has -1/2 log(2 pi e / 3) = -0.87 nats; memory makes the
  // action certain.
  EXPECT_LT(mean_counted(seeing, test), -0.8);
  EXPECT_GT(mean_counted(remembering, test), 0.5);
}

TEST(SequenceCloning, what_follows_padding_or_does_not_count_changes_nothing) {
  // The same sequences with other numbers where nothing counts.
  Transitions train = delayed(40, 1), other = train;
  for (std::size_t i = 0; i < other.counted.size(); ++i)
    if (other.counted[i] == 0) other.actions.numbers[i] = 100;
  const auto device = cpu_device();
  SequenceCloning a(*device, train, small("lstm"));
  SequenceCloning b(*device, other, small("lstm"));
  for (int i = 0; i < 5; ++i) EXPECT_EQ(a.step().loss, b.step().loss);
}

TEST(SequenceCloning, a_batch_and_one_by_one_score_alike) {
  const Transitions train = delayed(40, 1);
  const auto device = cpu_device();
  SequenceCloning cloning(*device, train, small("lstm"));
  for (int i = 0; i < 5; ++i) cloning.step();
  const Vector together = cloning.log_probabilities(train);
  std::size_t at = 0;
  for (std::int64_t i = 0; i < 5; ++i) {
    Transitions one = Transitions::of_numbers(1, 1);
    for (std::int64_t row = train.starts[i]; row < train.starts[i + 1]; ++row)
      one.append({train.observations.numbers[row]}, {train.actions.numbers[row]});
    one.end_sequence();
    for (double score : cloning.log_probabilities(one)) EXPECT_NEAR(score, together[at++], 1e-5);
  }
}

// A point that goes to 0 from about 1, half of the way at a time: a = -o / 2, o' = o + a.
Transitions settling(std::int64_t count, std::uint64_t seed) {
  kernel_test::Random random(seed);
  Transitions sequences = Transitions::of_numbers(1, 1);
  for (std::int64_t i = 0; i < count; ++i) {
    double o = random.uniform(0.9, 1.1);
    for (int t = 0; t < 10; ++t) {
      sequences.append({static_cast<float>(o)}, {static_cast<float>(-o / 2)});
      o /= 2;
    }
    sequences.end_sequence();
  }
  return sequences;
}

TEST(SequenceCloning, perturbed_inputs_teach_the_way_back) {
  // The expert is never seen at -1: cloning extrapolates, correction has been there.
  const Transitions train = settling(50, 3);
  const auto device = cpu_device();
  Vector far[2];
  for (const double perturbation : {0.0, 1.0}) {
    SequenceCloning::Options options = small("mlp");
    options.policy.head = {"regression"};
    options.policy.trunk.hidden = {32};
    options.decay = {1};
    options.gain = {1};
    options.perturbation = perturbation;
    SequenceCloning cloning(*device, train, options);
    for (int i = 0; i < 600; ++i) cloning.step();
    Store store(*device);
    Actor actor(cloning.policy(), store, {.deterministic = true});
    far[perturbation > 0] = actor.act({-1});
  }
  // With noise of deviation 1 what is seen at -1 comes from 0 to 1, and so does the action.
  EXPECT_GT(far[1][0], 0.5);
  EXPECT_GT(far[1][0], far[0][0]);
}

TEST(SequenceCloning, scheduled_sampling_starts_from_the_expert_and_leaves_it) {
  const Transitions train = settling(50, 3);
  const auto device = cpu_device();
  SequenceCloning::Options options = small("gru");
  options.decay = {1};
  options.gain = {1};
  SequenceCloning forced(*device, train, options);
  options.teacher = {.kind = TeacherSchedule::Kind::linear, .scale = 50, .least = 0.1};
  SequenceCloning mixed(*device, train, options);
  // At first every observation is the expert's, so both see the same; only rounding differs
  // between a kernel over the sequence and one a step.
  EXPECT_NEAR(forced.step().loss, mixed.step().loss, 1e-5);
  SequenceCloning::Metrics last;
  for (int i = 0; i < 300; ++i) last = mixed.step();
  EXPECT_EQ(last.teacher_share, 0.1);
  EXPECT_LT(last.loss, 0);
}

// The choice to make is the one shown two steps ago: an index, learned through time.
Transitions recalled(std::int64_t count, std::uint64_t seed) {
  kernel_test::Random random(seed);
  Transitions sequences = Transitions::of_numbers(1, 1);
  for (std::int64_t i = 0; i < count; ++i) {
    std::vector<float> o = {0, 0};
    for (int t = 0; t < 8; ++t) {
      o.push_back(static_cast<float>(random.word() % 3));
      sequences.append({o.back()}, {o[o.size() - 3]}, t >= 2);
    }
    sequences.end_sequence();
  }
  return sequences;
}

SequenceCloning::Options choosing() {
  SequenceCloning::Options options = small("gru");
  options.policy.action = {ActionKind::discrete, 3};
  options.policy.head = {"categorical"};
  options.steps = 8;
  options.schedule = {.steps = 250, .last = 0.1};
  return options;
}

TEST(SequenceCloning, learns_choices_and_goes_on_where_it_was) {
  const Transitions train = recalled(200, 1), test = recalled(40, 2);
  const auto device = cpu_device();
  SequenceCloning cloning(*device, train, choosing());
  for (int i = 0; i < 100; ++i) cloning.step();
  const std::string path = testing::TempDir() + "choices.safetensors";
  write_checkpoint(path, {&cloning.policy().store(), &cloning.store()});
  SequenceCloning resumed(*device, train, choosing());
  read_checkpoint(path, {&resumed.policy().store(), &resumed.store()});
  resumed.restore(100);
  for (int i = 0; i < 150; ++i) EXPECT_EQ(cloning.step().loss, resumed.step().loss);
  // One of three by chance has -1.1 nats.
  EXPECT_GT(mean_counted(cloning, test), -0.3);
}

TEST(SequenceCloning, what_is_given_is_seen_whatever_the_schedule) {
  // With as many given steps as a window has, nothing is drawn: the losses are teacher forcing's.
  const Transitions train = delayed(60, 1);
  const auto device = cpu_device();
  SequenceCloning::Options options = small("gru");
  SequenceCloning forced(*device, train, options);
  options.decay = {0};
  options.gain = {1};
  options.relabel = false;
  options.teacher = {.kind = TeacherSchedule::Kind::linear, .scale = 1};
  options.given = options.steps;
  SequenceCloning given(*device, train, options);
  options.given = 2;
  SequenceCloning free(*device, train, options);
  double apart = 0;
  for (int i = 0; i < 5; ++i) {
    const double loss = forced.step().loss;
    EXPECT_NEAR(given.step().loss, loss, 1e-4 * std::abs(loss));
    apart += std::abs(free.step().loss - loss);
  }
  EXPECT_GT(apart, 1e-3);
}

// One class, features that never vary, episodes of one step: nothing to learn, and nothing breaks.
TEST(SequenceCloning, whole_sequences_are_held_out_and_the_best_parameters_kept) {
  const Transitions all = delayed(20, 3);
  const SequenceSplit none = split_sequences(delayed(4, 3), 0.25, 0);
  EXPECT_EQ(none.validation.rows(), 0);
  EXPECT_EQ(none.training.sequences(), 4);
  const SequenceSplit split = split_sequences(all, 0.25, 7);
  ASSERT_EQ(split.training.sequences(), 15);
  ASSERT_EQ(split.validation.sequences(), 5);
  // Every sequence is in one of the two, as it was.
  const auto sequence = [](const Transitions& of, std::int64_t i) {
    Vector numbers;
    for (std::int64_t row = of.starts[static_cast<std::size_t>(i)];
         row < of.starts[static_cast<std::size_t>(i) + 1]; ++row) {
      numbers.push_back(*of.observation(row));
      numbers.push_back(*of.action(row));
      numbers.push_back(of.counts(row) ? 1 : 0);
    }
    return numbers;
  };
  std::vector<Vector> parted, whole;
  for (std::int64_t i = 0; i < 15; ++i) parted.push_back(sequence(split.training, i));
  for (std::int64_t i = 0; i < 5; ++i) parted.push_back(sequence(split.validation, i));
  for (std::int64_t i = 0; i < 20; ++i) whole.push_back(sequence(all, i));
  std::sort(parted.begin(), parted.end());
  std::sort(whole.begin(), whole.end());
  EXPECT_EQ(parted, whole);

  const auto device = cpu_device();
  SequenceCloning cloning(*device, split.training, small("gru"));
  HeldOutSequences held_out(cloning, split.validation);
  double best = held_out.validate();
  EXPECT_NEAR(best, -mean_counted(cloning, split.validation), 1e-6);
  for (int i = 0; i < 5; ++i) {
    for (int k = 0; k < 10; ++k) cloning.step();
    best = std::min(best, held_out.validate());
  }
  EXPECT_EQ(held_out.best(), best);
  // Spoiled, and brought back.
  Array& parameters = cloning.policy().parameters().flat();
  parameters.write(Vector(static_cast<std::size_t>(parameters.shape().elements()), 0.5));
  EXPECT_GT(held_out.validate(), best);
  held_out.keep_best();
  EXPECT_NEAR(-mean_counted(cloning, split.validation), best, 1e-6);
}

TEST(SequenceCloning, data_with_nothing_in_it_leaves_finite_numbers) {
  Transitions dull = Transitions::of_numbers(2, 1);
  for (int i = 0; i < 20; ++i) {
    dull.append({3, -1}, {1});
    dull.end_sequence();
  }
  dull.end_sequence();  // a sequence of no rows
  EXPECT_EQ(dull.sequences(), 20);
  const auto device = cpu_device();
  SequenceCloning::Options options = choosing();
  options.policy.normalize_observations = true;
  SequenceCloning one_class(*device, dull, options);
  one_class.policy().normalizer()->set({3, -1}, {0, 0}, 20);
  options = small("lstm");
  options.policy.head = FullMixtureOptions{.min_std = 0.01};
  SequenceCloning one_number(*device, dull, options);
  for (int i = 0; i < 200; ++i) {
    one_class.step();
    one_number.step();
  }
  EXPECT_GT(mean_counted(one_class, dull), -0.05);
  for (double score : one_number.log_probabilities(dull)) EXPECT_TRUE(std::isfinite(score));
}

TEST(SequenceCloning, schedules_are_as_written) {
  EXPECT_EQ((TeacherSchedule{TeacherSchedule::Kind::linear, 100, 0.25}).at(50), 0.5);
  EXPECT_EQ((TeacherSchedule{TeacherSchedule::Kind::linear, 100, 0.25}).at(99), 0.25);
  EXPECT_NEAR((TeacherSchedule{TeacherSchedule::Kind::exponential, 100, 0}).at(100), std::exp(-1),
              1e-15);
  EXPECT_NEAR((TeacherSchedule{TeacherSchedule::Kind::inverse_sigmoid, 10, 0}).at(0), 10.0 / 11,
              1e-15);
}

TEST(SequenceCloning, threads_do_not_change_a_bit) {
  const Transitions train = delayed(60, 1);
  Threads team(3);
  const auto alone = cpu_device(), together = cpu_device(&team);
  SequenceCloning a(*alone, train, small("lstm"));
  SequenceCloning b(*together, train, small("lstm"));
  for (int i = 0; i < 10; ++i) EXPECT_EQ(a.step().loss, b.step().loss);
  EXPECT_EQ(a.policy().parameters().flat().read(), b.policy().parameters().flat().read());
}

// Sequences 0 1 2 3 and 10 and 20 21, each the action of its own row.
Transitions counting() {
  Transitions sequences = Transitions::of_numbers(1, 1);
  for (const std::vector<float>& one : {std::vector<float>{0, 1, 2, 3}, {10}, {20, 21}}) {
    for (float value : one) sequences.append({value}, {value});
    sequences.end_sequence();
  }
  return sequences;
}

TEST(Augmentation, goals_are_what_was_reached_later) {
  using Kind = GoalRelabeling::Kind;
  const Transitions last = with_goals(counting(), {.kind = Kind::last, .columns = 1});
  EXPECT_EQ(last.observations.numbers, (std::vector<float>{0, 3, 1, 3, 2, 3, 20, 21}));
  EXPECT_EQ(last.actions.numbers, (std::vector<float>{0, 1, 2, 20}));
  EXPECT_EQ(last.starts, (std::vector<std::int64_t>{0, 3, 4}));
  const Transitions reached =
      with_goals(counting(), {.kind = Kind::reached, .columns = 1, .copies = 20, .seed = 1});
  EXPECT_EQ(reached.sequences(), 40);
  std::vector<int> ends(4, 0);
  for (std::int64_t i = 0; i < 20; ++i) {  // the copies of 0 1 2 3
    const std::int64_t first = reached.starts[static_cast<std::size_t>(i)], n = reached.length(i);
    ++ends[static_cast<std::size_t>(n)];
    for (std::int64_t t = 0; t < n; ++t) {
      EXPECT_EQ(reached.observations.numbers[static_cast<std::size_t>(2 * (first + t))],
                static_cast<float>(t));
      EXPECT_EQ(reached.observations.numbers[static_cast<std::size_t>(2 * (first + t) + 1)],
                static_cast<float>(n));
    }
  }
  for (std::size_t n = 1; n < 4; ++n) EXPECT_GT(ends[n], 0) << n;
  const Transitions within = with_goals(
      counting(), {.kind = Kind::within, .columns = 1, .copies = 9, .horizon = 2, .seed = 1});
  EXPECT_EQ(within.sequences(), 9 * 4);
  for (std::size_t i = 0; i < within.observations.numbers.size(); i += 2) {
    EXPECT_GT(within.observations.numbers[i + 1], within.observations.numbers[i]);
    EXPECT_LE(within.observations.numbers[i + 1], within.observations.numbers[i] + 2);
  }
  Transitions one = Transitions::of_numbers(1, 1);
  one.append({1}, {1});
  one.end_sequence();
  EXPECT_THROW(with_goals(one, {.columns = 1}), Error);
  EXPECT_THROW(with_goals(counting(), {.columns = 2}), Error);
}

TEST(Augmentation, symmetries_map_observations_and_actions_together) {
  Transitions sequences = Transitions::of_numbers(3, 2);
  sequences.append({1, 2, 5}, {3, 4}, false);
  sequences.end_sequence();
  const Transitions both = with_symmetries(
      sequences, {{mirror_map(3, {0}), mirror_map(2, {0})},
                  {rotation_map(3, 0, 1, M_PI / 2), rotation_map(2, 0, 1, M_PI / 2)}});
  ASSERT_EQ(both.sequences(), 3);
  const std::vector<float> inputs = {1, 2, 5, -1, 2, 5, -2, 1, 5}, actions = {3, 4, -3, 4, -4, 3};
  for (std::size_t i = 0; i < inputs.size(); ++i)
    EXPECT_NEAR(both.observations.numbers[i], inputs[i], 1e-6);
  for (std::size_t i = 0; i < actions.size(); ++i)
    EXPECT_NEAR(both.actions.numbers[i], actions[i], 1e-6);
  EXPECT_EQ(both.counted, (std::vector<std::uint8_t>{0, 0, 0}));
  EXPECT_THROW(with_symmetries(sequences, {{mirror_map(2, {0}), mirror_map(2, {0})}}), Error);

  // Of choices: each becomes another, and none is lost.
  Transitions chosen = Transitions::of_numbers(1, 1);
  chosen.append({0.5f}, {2});
  chosen.append({-1}, {0});
  chosen.end_sequence();
  const Transitions copied =
      with_symmetries(chosen, {{.observation = mirror_map(1, {0}), .choices = {1, 0, 2}}});
  EXPECT_EQ(copied.observations.numbers, (std::vector<float>{0.5f, -1, -0.5f, 1}));
  EXPECT_EQ(copied.actions.numbers, (std::vector<float>{2, 0, 2, 1}));
  for (const std::vector<std::int64_t>& wrong :
       {std::vector<std::int64_t>{1, 0}, {0, 0, 1}, {0, 1, 3}})
    EXPECT_THROW(with_symmetries(chosen, {{.observation = mirror_map(1, {0}), .choices = wrong}}),
                 Error);
}

TEST(Augmentation, noise_has_the_errors_shape_and_the_asked_size) {
  // Errors along (2, 1): a trace of 5, so of alpha / T = 0.2 a fifth each.
  const Vector covariance = dart_covariance({2, 1, -2, -1}, 2, 50, 10);
  const Vector expected = {0.16, 0.08, 0.08, 0.04};
  for (std::size_t i = 0; i < 4; ++i) EXPECT_NEAR(covariance[i], expected[i], 1e-15);
  EXPECT_THROW(dart_covariance({0, 0}, 2, 50, 10), Error);
  EXPECT_THROW(dart_covariance({1}, 2, 50, 10), Error);
}

TEST(SequenceCloning, refuses_what_cannot_be_learned) {
  const auto device = cpu_device();
  Transitions empty = Transitions::of_numbers(1, 1);
  EXPECT_THROW(SequenceCloning(*device, empty, {}), Error);
  empty.append({1}, {1}, false);
  empty.end_sequence();
  EXPECT_THROW(SequenceCloning(*device, empty, {}), Error);
  SequenceCloning::Options options = small("gru");
  options.perturbation = 1;  // of what?
  EXPECT_THROW(SequenceCloning(*device, delayed(5, 1), options), Error);
  options = choosing();
  options.policy.action.size = 2;  // of three that are shown
  EXPECT_THROW(SequenceCloning(*device, recalled(5, 1), options), Error);
  options = small("gru");
  options.given = 0;
  EXPECT_THROW(SequenceCloning(*device, delayed(5, 1), options), Error);
  Transitions wrong = delayed(5, 1);
  wrong.observations.numbers[2] = INFINITY;
  EXPECT_THROW(SequenceCloning(*device, wrong, small("gru")), Error);
}

}  // namespace
}  // namespace understudy
