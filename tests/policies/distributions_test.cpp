// Every action distribution against itself: its gradients are those of its log-probability, which
// is a probability, from which its samples come and which its entropy, divergence and metric
// describe.

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <ostream>
#include <vector>

#include "algorithms/policies/autoregressive.h"
#include "algorithms/policies/bernoulli.h"
#include "algorithms/policies/categorical.h"
#include "algorithms/policies/dueling.h"
#include "algorithms/policies/full_covariance.h"
#include "algorithms/policies/gaussian.h"
#include "algorithms/policies/mixture.h"
#include "tests/kernels/kernel_test.h"
#include "tests/policies/head_makers.h"

namespace understudy {
namespace {

using namespace head_makers;

struct Case {
  const char* name;
  ActionSpace action;
  Make make;
  bool entropy = true, divergence = true;
  bool exact_mode = true;
};
void PrintTo(const Case& c, std::ostream* out) { *out << c.name; }

// Edges on the test's grid, so that its sums are exact for what is constant between them.
const BinOptions bins = {.bins = 4, .edges = {-6, -1.5, 0, 1, 7, -4, -0.5, 0.25, 0.5, 8}};
const ActionSpace box = {ActionKind::continuous, 2, {-6, -4}, {7, 8}};  // all that they cover

Make masked(std::vector<std::int64_t> order) {
  return with<AutoregressiveHead>(box, 0.1, AutoregressiveOptions{bins, std::move(order), {7}});
}
Make recurrent(std::vector<std::int64_t> order) {
  return with<AutoregressiveHead>(box, 0.1, RecurrentBinsOptions{bins, std::move(order), 7});
}

const Case cases[] = {
    {"categorical", {ActionKind::discrete, 5}, with<CategoricalHead>({ActionKind::discrete, 5}, 1)},
    {"one_choice", {ActionKind::discrete, 1}, with<CategoricalHead>({ActionKind::discrete, 1}, 1)},
    {"two_choices", {ActionKind::discrete, 2}, with<CategoricalHead>({ActionKind::discrete, 2}, 1)},
    {"dueling",
     {ActionKind::discrete, 5},
     with<DuelingHead>({ActionKind::discrete, 5}, 1, DuelingOptions{.units = 4})},
    {"bernoulli",
     {ActionKind::multi_binary, 4},
     with<BernoulliHead>({ActionKind::multi_binary, 4}, 1)},
    {"gaussian", plane, with<GaussianHead>(plane, 0.1, GaussianOptions{})},
    {"gaussian_of_the_state", plane,
     with<GaussianHead>(
         plane, 0.1,
         GaussianOptions{
             .state_dependent_std = true, .initial_std = 0.7, .min_std = 0.3, .max_std = 1.5})},
    {"regression", plane, with<RegressionHead>(plane, 0.1, RegressionOptions{})},
    {"mixture", plane,
     with<MixtureHead>(plane, 0.1, MixtureOptions{.components = 3, .min_std = 0.2, .max_std = 1.5}),
     false, false, false},
    {"full_gaussian", plane,
     with<FullCovarianceHead>(plane, 0.1, FullGaussianOptions{.min_std = 0.3, .max_std = 1.2})},
    {"full_mixture", plane,
     with<FullCovarianceHead>(plane, 0.1,
                              FullMixtureOptions{.components = 3, .min_std = 0.3, .max_std = 1.2}),
     false, false, false},
    {"independent_bins", box, with<BinnedHead>(box, 1, IndependentBinsOptions{bins})},
    {"joint_bins", box, with<BinnedHead>(box, 1, JointBinsOptions{bins})},
    {"masked_bins", box, masked({}), false, false, false},
    {"masked_bins_reversed", box, masked({1, 0}), false, false, false},
    {"recurrent_bins", box, recurrent({1, 0}), false, false, false},
};

// A head with parameters of its own and a program to record into.
class Bench {
 public:
  explicit Bench(const Case& c) : c_(c), parameters_("model"), head_(c.make(parameters_)) {
    parameters_.create(store_, 1);
    // Larger than at the start, so that every part of the head matters.
    kernel_test::Random random(7);
    for (int i = 0; i < parameters_.count(); ++i) {
      Vector values(static_cast<std::size_t>(parameters_.array(i).elements()));
      for (double& value : values) value = random.uniform(-0.8, 0.8);
      parameters_.array(i).write(values);
    }
    counter_ = &store_.create("counter", {1}, Element::counter);
  }

  // The same features in each of n rows.
  std::unique_ptr<ActionDistribution> distribution(Program& program, std::int64_t n,
                                                   const Vector& features = {0.5, -1, 0.8}) {
    return head_->distribution(expand(program.constant({inputs}, features), {rows(n), inputs}));
  }
  Tensor action(Program& program, const Vector& values) const {
    if (c_.action.kind == ActionKind::discrete) {
      const std::int64_t n = static_cast<std::int64_t>(values.size());
      const Tensor result = program.input("action", {rows(n)}, Element::index);
      program.write("action", values);
      return result;
    }
    const std::int64_t n = static_cast<std::int64_t>(values.size()) / c_.action.size;
    const Tensor result = program.input("action", {rows(n), c_.action.size});
    program.write("action", values);
    return result;
  }

  Vector log_probabilities(const Vector& actions, const Vector& features = {0.5, -1, 0.8}) {
    Program program(*device_, Real::f64);
    const Tensor a = action(program, actions);
    program.output("log", distribution(program, a.shape()[0], features)->log_probability(a));
    program.run();
    return program.read("log");
  }
  Vector draw(std::int64_t n) {
    Program program(*device_, Real::f64);
    program.output("sample", distribution(program, n)->sample({counter_, 11, 5}));
    program.run();
    return program.read("sample");
  }

  Device& device() { return *device_; }
  Parameters& parameters() { return parameters_; }
  const ActionHead& head() const { return *head_; }
  RandomSource source() { return {counter_, 11, 5}; }

 private:
  const Case& c_;
  std::unique_ptr<Device> device_ = cpu_device();
  Store store_{*device_, Real::f64};
  Parameters parameters_;
  std::unique_ptr<ActionHead> head_;
  Array* counter_ = nullptr;
};

// All actions, or a grid over the plane fine enough for sums to be integrals: the step is at most a
// quarter of the smallest deviation, so the trapezoidal rule leaves rounding and the tails alone.
struct Everything {
  explicit Everything(const ActionSpace& space) {
    const std::size_t size = static_cast<std::size_t>(space.size);
    if (space.kind == ActionKind::discrete) {
      for (std::size_t i = 0; i < size; ++i) actions.push_back(static_cast<double>(i));
    } else if (space.kind == ActionKind::multi_binary) {
      for (std::size_t word = 0; word < std::size_t{1} << size; ++word)
        for (std::size_t d = 0; d < size; ++d)
          actions.push_back(static_cast<double>(word >> d & 1));
    } else {
      for (double x = -edge + step / 2; x < edge; x += step)
        for (double y = -edge + step / 2; y < edge; y += step)
          if (space.low.empty() ||
              (x > space.low[0] && y > space.low[1] && x < space.high[0] && y < space.high[1]))
            actions.insert(actions.end(), {x, y});
      weight = step * step;
    }
  }
  static constexpr double step = 1.0 / 16, edge = 10;
  Vector actions;
  double weight = 1;
};

class Distributions : public testing::TestWithParam<Case> {};
INSTANTIATE_TEST_SUITE_P(All, Distributions, testing::ValuesIn(cases),
                         [](const auto& info) { return std::string(info.param.name); });

TEST_P(Distributions, is_a_probability) {
  Bench bench(GetParam());
  const Everything all(GetParam().action);
  double total = 0;
  for (double log : bench.log_probabilities(all.actions)) total += std::exp(log) * all.weight;
  EXPECT_NEAR(total, 1, 1e-9);
}

TEST_P(Distributions, gradients_are_finite_differences) {
  const Case& c = GetParam();
  Bench bench(c);
  const std::int64_t n = 5;
  kernel_test::Random random(3);
  Vector features(static_cast<std::size_t>(n * inputs)), actions;
  for (double& value : features) value = random.uniform(-1, 1);
  const std::int64_t numbers = c.action.kind == ActionKind::discrete ? n : n * c.action.size;
  for (std::int64_t i = 0; i < numbers; ++i)
    actions.push_back(
        c.action.kind == ActionKind::continuous ? random.uniform(-2, 2)
        : c.action.kind == ActionKind::multi_binary
            ? static_cast<double>(random.word() & 1)
            : static_cast<double>(random.word() % static_cast<std::uint64_t>(c.action.size)));
  Program program(bench.device(), Real::f64);
  const Tensor x = program.input("features", {rows(n), inputs});
  const Tensor value =
      mean(bench.head().distribution(x)->log_probability(bench.action(program, actions)));
  program.output("value", value);
  program.output("gradient",
                 program.pack(program.gradients(value, bench.parameters().use(program))));
  program.write("features", features);
  program.run();
  const Vector gradient = program.read("gradient");
  Vector at = bench.parameters().flat().read();
  const double h = 1e-5;
  for (std::size_t i = 0; i < at.size(); ++i) {
    const double middle = at[i];
    const auto value_at = [&](double p) {
      at[i] = p;
      bench.parameters().flat().write(at);
      program.run();
      return program.value("value");
    };
    const double slope = (value_at(middle + h) - value_at(middle - h)) / (2 * h);
    at[i] = middle;
    // Central differences err by h² and by rounding over h: 1e-10 and 1e-11 here.
    EXPECT_NEAR(gradient[i], slope, 1e-8 * (1 + std::abs(slope))) << "parameter " << i;
  }
}

TEST_P(Distributions, samples_come_from_it) {
  const Case& c = GetParam();
  Bench bench(c);
  const Everything all(c.action);
  const std::int64_t n = 20000;
  const Vector p = bench.log_probabilities(all.actions), x = bench.draw(n);
  // Cells: every action of a finite set; squares of the plane, half a unit wide within +-4, and
  // whatever lies beyond.
  const auto cell = [&](const double* a) -> std::size_t {
    if (c.action.kind == ActionKind::discrete) return static_cast<std::size_t>(a[0]);
    std::size_t number = 0;
    if (c.action.kind == ActionKind::multi_binary) {
      for (std::int64_t d = c.action.size; d-- > 0;)
        number = 2 * number + static_cast<std::size_t>(a[d]);
      return number;
    }
    const double u = std::floor(2 * a[0]) + 8, v = std::floor(2 * a[1]) + 8;
    if (u < 0 || u > 15 || v < 0 || v > 15) return 256;
    return static_cast<std::size_t>(16 * u + v);
  };
  const std::size_t width =
      c.action.kind == ActionKind::discrete ? 1 : static_cast<std::size_t>(c.action.size);
  Vector expected(257, 0.0), found(257, 0.0);
  for (std::size_t i = 0; i < p.size(); ++i)
    expected[cell(all.actions.data() + i * width)] +=
        std::exp(p[i]) * all.weight * static_cast<double>(n);
  for (std::size_t i = 0; i < static_cast<std::size_t>(n); ++i) ++found[cell(x.data() + i * width)];
  // Pearson's chi-square; cells with few expected are one.
  double few_expected = 0, few_found = 0, chi_square = 0, freedom = -1;
  const auto add = [&](double e, double f) {
    chi_square += (f - e) * (f - e) / e;
    ++freedom;
  };
  for (std::size_t i = 0; i < expected.size(); ++i)
    if (expected[i] >= 10) {
      add(expected[i], found[i]);
    } else {
      few_expected += expected[i];
      few_found += found[i];
    }
  if (few_expected > 1) add(few_expected, few_found);
  // About one seed in ten thousand goes past this; the seed is fixed.
  EXPECT_LT(chi_square, freedom + 4 * std::sqrt(2 * freedom + 1) + 4) << freedom << " degrees";
}

TEST_P(Distributions, entropy_and_divergence_are_sums_over_all_actions) {
  const Case& c = GetParam();
  Bench bench(c);
  const Everything all(c.action);
  const Vector other = {-0.3, 0.4, 0.9};
  Program program(bench.device(), Real::f64);
  const auto now = bench.distribution(program, 2), old = bench.distribution(program, 2, other);
  if (!c.entropy) {
    EXPECT_THROW(now->entropy(), Error);
    EXPECT_THROW(now->divergence_from(old->parameters()), Error);
    EXPECT_THROW(now->metric(old->parameters()), Error);
    return;
  }
  program.output("entropy", now->entropy());
  program.output("divergence", now->divergence_from(old->parameters()));
  program.output("nothing", now->divergence_from(now->parameters()));
  program.run();
  const Vector p = bench.log_probabilities(all.actions);
  const Vector q = bench.log_probabilities(all.actions, other);
  double entropy = 0, divergence = 0;
  for (std::size_t i = 0; i < p.size(); ++i) {
    entropy -= std::exp(p[i]) * p[i] * all.weight;
    divergence += std::exp(q[i]) * (q[i] - p[i]) * all.weight;
  }
  EXPECT_NEAR(program.read("entropy")[1], entropy, 1e-8);
  EXPECT_NEAR(program.read("divergence")[1], divergence, 1e-8);
  EXPECT_NEAR(program.read("nothing")[0], 0, 1e-14);
}

TEST_P(Distributions, metric_is_the_second_derivative_of_the_divergence) {
  const Case& c = GetParam();
  if (!c.divergence) GTEST_SKIP() << "no divergence in closed form";
  Bench bench(c);
  Program program(bench.device(), Real::f64);
  const auto distribution = bench.distribution(program, 2);
  const std::vector<Tensor> parameters = distribution->parameters();
  std::vector<Tensor> old, directions;
  kernel_test::Random random(5);
  for (Tensor x : parameters) {
    old.push_back(stop_gradient(x));
    Vector direction(static_cast<std::size_t>(x.shape().row_elements()));
    for (double& value : direction) value = random.uniform(-1, 1);
    // A factor moves within lower triangles, which are all it may be; and has only these moved.
    if (x.shape().rank() == 3 && std::string(c.name) == "full_gaussian") direction[1] = 0;
    Shape row;
    for (int axis = 1; axis < x.shape().rank(); ++axis) row.append(x.shape()[axis]);
    directions.push_back(expand(program.constant(row, direction), x.shape()));
  }
  const std::vector<Tensor> slope =
      program.gradients(sum(distribution->divergence_from(old)), parameters);
  Tensor along;
  for (std::size_t i = 0; i < slope.size(); ++i) {
    const Tensor part = sum(slope[i] * directions[i]);
    along = along.defined() ? along + part : part;
  }
  const std::vector<Tensor> expected = program.gradients(along, parameters);
  const std::vector<Tensor> metric = distribution->metric(directions);
  // The same by coordinates.
  const std::vector<Tensor> y = distribution->coordinates();
  const std::vector<Tensor> by_coordinates = program.gradients(
      y, distribution->coordinate_metric(program.tangents(y, parameters, directions)), parameters);
  for (std::size_t i = 0; i < metric.size(); ++i) {
    program.output("expected" + std::to_string(i), expected[i]);
    program.output("metric" + std::to_string(i), metric[i]);
    program.output("by coordinates" + std::to_string(i), by_coordinates[i]);
  }
  program.run();
  for (std::size_t i = 0; i < metric.size(); ++i) {
    const Vector e = program.read("expected" + std::to_string(i));
    const Vector m = program.read("metric" + std::to_string(i));
    const Vector b = program.read("by coordinates" + std::to_string(i));
    for (std::size_t j = 0; j < e.size(); ++j) {
      EXPECT_NEAR(m[j], e[j], 1e-12) << i << ' ' << j;
      EXPECT_NEAR(b[j], e[j], 1e-12) << i << ' ' << j;
    }
  }
}

TEST_P(Distributions, no_sample_is_likelier_than_the_mode) {
  const Case& c = GetParam();
  Bench bench(c);
  Program program(bench.device(), Real::f64);
  program.output("mode", bench.distribution(program, 1)->mode());
  program.run();
  const double peak = bench.log_probabilities(program.read("mode"))[0];
  const Vector sampled = bench.log_probabilities(bench.draw(1000));
  const double best = *std::max_element(sampled.begin(), sampled.end());
  // A mixture's mode is a component's peak, which the others may shift a little.
  EXPECT_GE(peak, best - (c.exact_mode ? 1e-12 : 0.1));
}

TEST_P(Distributions, sequences_are_rows_of_rows) {
  const Case& c = GetParam();
  Bench bench(c);
  const std::int64_t n = 4, steps = 3;
  Vector features(static_cast<std::size_t>(n * steps * inputs));
  kernel_test::Random random(9);
  for (double& value : features) value = random.uniform(-1, 1);
  Program program(bench.device(), Real::f64);
  const Tensor sequence = program.input("sequence", {rows(n), steps, inputs});
  const Tensor flat = program.input("flat", {rows(n * steps), inputs});
  const auto of_sequence = bench.head().distribution(sequence);
  const auto of_rows = bench.head().distribution(flat);
  // Modes of the one, seen as the other's rows.
  program.output("mode", of_sequence->mode());
  program.output("flat mode", of_rows->mode());
  program.output("log", of_sequence->log_probability(of_sequence->mode()));
  program.output("flat log", of_rows->log_probability(of_rows->mode()));
  program.output("sample", of_sequence->sample(bench.source()));
  program.write("sequence", features);
  program.write("flat", features);
  program.run();
  EXPECT_EQ(program.read("mode"), program.read("flat mode"));
  const Vector a = program.read("log"), b = program.read("flat log");
  for (std::size_t i = 0; i < a.size(); ++i) EXPECT_NEAR(a[i], b[i], 1e-13);
  EXPECT_EQ(program.read("sample").size(), program.read("mode").size());
}

TEST(Bins, by_quantile_hold_equally_many) {
  kernel_test::Random random(4);
  std::vector<float> actions;
  for (int i = 0; i < 1000; ++i) {
    actions.push_back(static_cast<float>(random.uniform() * random.uniform()));
    actions.push_back(i % 4 == 0 ? static_cast<float>(random.uniform())
                                 : 2.0f);  // mostly one value
    actions.push_back(3.0f);               // always
  }
  const std::vector<double> edges = Bins::quantile(actions, 3, 10);
  const Bins bins(3, 10, edges);  // rising, or it would be refused
  for (int b = 0; b < 10; ++b) {
    int within = 0;
    for (std::size_t i = 0; i < actions.size(); i += 3)
      within += static_cast<double>(actions[i]) >= edges[static_cast<std::size_t>(b)] &&
                static_cast<double>(actions[i]) < edges[static_cast<std::size_t>(b) + 1];
    EXPECT_NEAR(within, 100, 2);
  }
  EXPECT_EQ(edges[22], 1.5);  // of what is 3 throughout
  EXPECT_THROW(Bins::quantile({}, 2, 4), Error);
  EXPECT_THROW(Bins(1, 2, {0, 1, 1}), Error);
  EXPECT_THROW(Bins(1, 2, {0, 1}), Error);
}

TEST(ActionDistribution, refuses_actions_of_another_shape) {
  const auto device = cpu_device();
  Program program(*device);
  const Categorical categorical(program.full({rows(4), 3}, 0.0));
  EXPECT_THROW(categorical.log_probability(program.full({rows(4)}, 0.0)), Error);  // no index
  EXPECT_THROW(categorical.expectation(), Error);
  const DiagonalGaussian gaussian(program.full({rows(4), 3}, 0.0), program.full({3}, 0.0));
  EXPECT_THROW(gaussian.log_probability(program.full({rows(4), 2}, 0.0)), Error);
  EXPECT_THROW(gaussian.divergence_from({program.full({rows(4), 3}, 0.0)}), Error);
  Parameters parameters("model");
  EXPECT_THROW(
      GaussianHead({parameters, "head", 2, {ActionKind::continuous, 1}}, {.initial_std = 1e4}),
      Error);
}

}  // namespace
}  // namespace understudy
