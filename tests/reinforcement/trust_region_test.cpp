// The trust-region step against plain loops in double, and its promise: the divergence stays within
// the bound and the objective grows, for every kind of policy.

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <memory>
#include <vector>

#include "algorithms/reinforcement/trpo.h"
#include "tests/kernels/kernel_test.h"

namespace understudy {
namespace {

using Vector = std::vector<double>;

constexpr std::int64_t inputs = 3, hidden = 4, choices = 2, pairs = 12;

// Pairs on a device, in double.
struct Pairs {
  Pairs(Device& device, const ActionSpace& action, std::uint64_t seed, std::int64_t count = pairs)
      : store(device, Real::f64) {
    kernel_test::Random random(seed);
    const auto real = [&](const char* name, const Shape& shape, const Vector& values) {
      Array& array = store.create(name, shape);
      array.write(values);
      return rows_of(array);
    };
    observation = random.normals(count * inputs);
    advantage = random.normals(count);
    log_probability.assign(static_cast<std::size_t>(count), 0);
    batch.observation = real("observation", {count, inputs}, observation);
    batch.advantage = real("advantage", {count}, advantage);
    batch.log_probability = real("log_probability", {count}, log_probability);
    if (action.kind == ActionKind::discrete) {
      for (std::int64_t i = 0; i < count; ++i)
        actions.push_back(static_cast<double>(random.integer(0, action.size - 1)));
      Array& array = store.create("action", {count}, Element::index);
      array.write(actions);
      batch.action = rows_of(array);
      return;
    }
    actions = random.normals(count * action.size);
    if (action.kind == ActionKind::multi_binary)
      for (double& a : actions) a = a > 0 ? 1 : 0;
    batch.action = real("action", {count, action.size}, actions);
  }
  // What the policy says of the actions before the step.
  void ask(const Policy& policy) {
    Program program(policy.device(), Real::f64);
    const Tensor o = program.use(batch.observation), a = program.use(batch.action);
    program.output("log_probability", policy.distribution(o)->log_probability(a));
    program.run();
    log_probability = program.read("log_probability");
    store.at("log_probability").write(log_probability);
  }
  Store store;
  Vector observation, advantage, log_probability, actions;
  TransitionBatch batch;
};

PolicyDescription small_policy(const ActionSpace& action) {
  PolicyDescription description;
  description.observation.shape = {inputs};
  description.action = action;
  description.trunk.hidden = {hidden};
  description.last_scale = 1;
  return description;
}

// ---- The reference: a policy of one hidden layer over two choices, in loops ----

struct Reference {
  Vector theta;  // W1 [inputs, hidden], b1, W2 [hidden, choices], b2, as they lie in the policy

  struct Layer {
    double h[hidden], log_p[choices], p[choices];
  };
  Layer at(const double* o) const {
    const double* w1 = theta.data();
    const double *b1 = w1 + inputs * hidden, *w2 = b1 + hidden, *b2 = w2 + hidden * choices;
    Layer layer;
    for (int j = 0; j < hidden; ++j) {
      double z = b1[j];
      for (int i = 0; i < inputs; ++i) z += o[i] * w1[i * hidden + j];
      layer.h[j] = std::tanh(z);
    }
    double total = 0, logit[choices];
    for (int k = 0; k < choices; ++k) {
      logit[k] = b2[k];
      for (int j = 0; j < hidden; ++j) logit[k] += layer.h[j] * w2[j * choices + k];
      total += std::exp(logit[k]);
    }
    for (int k = 0; k < choices; ++k) {
      layer.log_p[k] = logit[k] - std::log(total);
      layer.p[k] = std::exp(layer.log_p[k]);
    }
    return layer;
  }
  // d logit_k / d theta.
  Vector jacobian(const double* o, int k) const {
    const Layer layer = at(o);
    const double* w2 = theta.data() + inputs * hidden + hidden;
    Vector row(theta.size(), 0);
    for (int j = 0; j < hidden; ++j) {
      const double slope = (1 - layer.h[j] * layer.h[j]) * w2[j * choices + k];
      for (int i = 0; i < inputs; ++i) row[static_cast<std::size_t>(i * hidden + j)] = slope * o[i];
      row[static_cast<std::size_t>(inputs * hidden + j)] = slope;
      row[static_cast<std::size_t>(inputs * hidden + hidden + j * choices + k)] = layer.h[j];
    }
    row[static_cast<std::size_t>(inputs * hidden + hidden + hidden * choices + k)] = 1;
    return row;
  }
  double objective(const Pairs& data, double entropy) const {
    double sum = 0;
    for (int i = 0; i < pairs; ++i) {
      const Layer layer = at(&data.observation[static_cast<std::size_t>(i * inputs)]);
      const int a = static_cast<int>(data.actions[static_cast<std::size_t>(i)]);
      sum += std::exp(layer.log_p[a] - data.log_probability[static_cast<std::size_t>(i)]) *
             data.advantage[static_cast<std::size_t>(i)];
      for (int k = 0; k < choices; ++k) sum -= entropy * layer.p[k] * layer.log_p[k];
    }
    return sum / pairs;
  }
  // mean KL(old || this)
  double divergence(const Pairs& data, const Reference& old) const {
    double sum = 0;
    for (int i = 0; i < pairs; ++i) {
      const double* o = &data.observation[static_cast<std::size_t>(i * inputs)];
      const Layer now = at(o), before = old.at(o);
      for (int k = 0; k < choices; ++k) sum += before.p[k] * (before.log_p[k] - now.log_p[k]);
    }
    return sum / pairs;
  }
};

struct ReferenceStep {
  Vector theta, residuals;
  double fraction = 0, divergence = 0, improvement = 0;
};

double dot(const Vector& a, const Vector& b) {
  double sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i) sum += a[i] * b[i];
  return sum;
}

ReferenceStep reference_step(const Reference& old, const Pairs& data, double entropy,
                             const TrustRegionOptions& options) {
  const std::size_t n = old.theta.size();
  Vector g(n, 0), fisher(n * n, 0);
  for (int i = 0; i < pairs; ++i) {
    const double* o = &data.observation[static_cast<std::size_t>(i * inputs)];
    const Reference::Layer layer = old.at(o);
    const int a = static_cast<int>(data.actions[static_cast<std::size_t>(i)]);
    double expected_log_p = 0;
    for (int k = 0; k < choices; ++k) expected_log_p += layer.p[k] * layer.log_p[k];
    std::vector<Vector> rows;
    for (int k = 0; k < choices; ++k) rows.push_back(old.jacobian(o, k));
    for (int k = 0; k < choices; ++k) {
      // d log p_a / d logit_k = [a = k] - p_k; d H / d logit_k = -p_k (log p_k + H).
      const double cotangent =
          ((a == k ? 1 : 0) - layer.p[k]) * data.advantage[static_cast<std::size_t>(i)] -
          entropy * layer.p[k] * (layer.log_p[k] - expected_log_p);
      for (std::size_t x = 0; x < n; ++x)
        g[x] += cotangent * rows[static_cast<std::size_t>(k)][x] / pairs;
      for (int l = 0; l < choices; ++l) {
        const double m = layer.p[k] * ((k == l ? 1 : 0) - layer.p[l]);
        for (std::size_t x = 0; x < n; ++x)
          for (std::size_t y = 0; y < n; ++y)
            fisher[x * n + y] += m * rows[static_cast<std::size_t>(k)][x] *
                                 rows[static_cast<std::size_t>(l)][y] / pairs;
      }
    }
  }
  for (std::size_t x = 0; x < n; ++x) fisher[x * n + x] += options.cg_damping;
  const auto product = [&](const Vector& v) {
    Vector result(n, 0);
    for (std::size_t x = 0; x < n; ++x)
      for (std::size_t y = 0; y < n; ++y) result[x] += fisher[x * n + y] * v[y];
    return result;
  };

  ReferenceStep step;
  Vector x(n, 0), r = g, p = g;
  double rr = dot(r, r);
  step.residuals.push_back(rr);
  for (int i = 0; i < options.cg_iterations; ++i) {
    if (rr > options.cg_tolerance) {
      const Vector z = product(p);
      const double length = rr / dot(p, z);
      for (std::size_t k = 0; k < n; ++k) {
        x[k] += length * p[k];
        r[k] -= length * z[k];
      }
      const double next = dot(r, r);
      for (std::size_t k = 0; k < n; ++k) p[k] = r[k] + next / rr * p[k];
      rr = next;
    }
    step.residuals.push_back(rr);
  }
  const double scale = std::sqrt(2 * options.max_kl / dot(x, product(x)));
  const double before = old.objective(data, entropy);
  double fraction = 1;
  step.theta = old.theta;
  for (int tries = 0; tries < options.max_backtracks;
       ++tries, fraction *= options.backtrack_ratio) {
    Reference now = old;
    for (std::size_t k = 0; k < n; ++k) now.theta[k] += fraction * scale * x[k];
    step.improvement = now.objective(data, entropy) - before;
    step.divergence = now.divergence(data, old);
    if (step.improvement <= 0 || step.divergence > options.max_kl) continue;
    step.theta = now.theta;
    step.fraction = fraction;
    break;
  }
  return step;
}

class Step : public testing::TestWithParam<double> {};

TEST_P(Step, is_the_one_of_plain_loops) {
  // The bounds reach from a step that the first try takes to one that shrinks.
  const std::unique_ptr<Device> device = cpu_device();
  const ActionSpace action = {ActionKind::discrete, choices};
  const double entropy = 0.05;
  const TrustRegionOptions options = {.max_kl = GetParam()};
  Policy policy(*device, small_policy(action), 3, Real::f64);
  Pairs data(*device, action, 7);
  data.ask(policy);
  Reference reference{policy.parameters().flat().read()};
  ASSERT_EQ(reference.theta.size(),
            static_cast<std::size_t>(inputs * hidden + hidden + hidden * choices + choices));
  const ReferenceStep expected = reference_step(reference, data, entropy, options);

  const auto region = policy_trust_region(policy, data.batch, entropy, options);
  const TrustRegionMetrics found = region->step();
  // Conjugate gradient multiplies rounding by the condition of F + damping, some hundreds here.
  const double tolerance = 1e-10;
  EXPECT_GT(found.fraction, 0);
  EXPECT_DOUBLE_EQ(found.fraction, expected.fraction);
  EXPECT_NEAR(found.divergence, expected.divergence, tolerance);
  EXPECT_NEAR(found.improvement, expected.improvement, tolerance);
  ASSERT_EQ(found.residuals.size(), expected.residuals.size());
  for (std::size_t i = 0; i < expected.residuals.size(); ++i)
    EXPECT_NEAR(found.residuals[i], expected.residuals[i], tolerance) << "residual " << i;
  const Vector theta = policy.parameters().flat().read();
  double moved = 0;
  for (std::size_t i = 0; i < theta.size(); ++i) {
    EXPECT_NEAR(theta[i], expected.theta[i], tolerance) << "parameter " << i;
    moved = std::max(moved, std::abs(theta[i] - reference.theta[i]));
  }
  EXPECT_GT(moved, 1e-3);
}
INSTANTIATE_TEST_SUITE_P(Bounds, Step, testing::Values(0.001, 0.01, 0.1, 0.5));

// ---- Every kind of policy ----

class Kinds : public testing::TestWithParam<ActionSpace> {};

TEST_P(Kinds, gain_within_the_bound) {
  const std::unique_ptr<Device> device = cpu_device();
  Policy policy(*device, small_policy(GetParam()), 1, Real::f64);
  Policy before(*device, small_policy(GetParam()), 1, Real::f64);
  const std::int64_t count = 60;
  Pairs data(*device, GetParam(), 5, count);
  data.ask(policy);
  // Products over every third row, the line search over all.
  const TrustRegionOptions options = {.fisher_stride = 3};
  const auto region = policy_trust_region(policy, data.batch, 0, options);
  for (int step = 0; step < 3; ++step) {
    before.parameters().flat().write(policy.parameters().flat().read());
    const TrustRegionMetrics metrics = region->step();
    EXPECT_GT(metrics.improvement, 0);
    EXPECT_GT(metrics.predicted, 0);
    EXPECT_LE(metrics.divergence, options.max_kl);
    EXPECT_LT(metrics.residuals.back(), 1e-3 * metrics.residuals.front());

    // Measured apart from the step.
    Program program(*device, Real::f64);
    const Tensor o = program.use(data.batch.observation);
    program.output(
        "divergence",
        mean(policy.distribution(o)->divergence_from(before.distribution(o)->parameters())));
    program.run();
    EXPECT_NEAR(program.value("divergence"), metrics.divergence, 1e-12);
    EXPECT_LE(program.value("divergence"), options.max_kl + 1e-12);
  }
}
INSTANTIATE_TEST_SUITE_P(All, Kinds,
                         testing::Values(ActionSpace{ActionKind::discrete, 3},
                                         ActionSpace{ActionKind::continuous, 2},
                                         ActionSpace{ActionKind::multi_binary, 3}));

TEST(TrustRegion, stays_where_it_is_when_nothing_is_to_be_gained) {
  const std::unique_ptr<Device> device = cpu_device();
  const ActionSpace action = {ActionKind::continuous, 1};
  Policy policy(*device, small_policy(action), 1, Real::f64);
  Pairs data(*device, action, 5);
  data.ask(policy);
  data.store.at("advantage").fill(0);
  const Vector before = policy.parameters().flat().read();
  const TrustRegionMetrics metrics = policy_trust_region(policy, data.batch, 0, {})->step();
  EXPECT_EQ(metrics.fraction, 0);
  EXPECT_EQ(metrics.improvement, 0);
  EXPECT_EQ(policy.parameters().flat().read(), before);
}

TEST(TrustRegion, numbers_that_are_not_finite_leave_the_parameters) {
  const std::unique_ptr<Device> device = cpu_device();
  const ActionSpace action = {ActionKind::continuous, 1};
  Policy policy(*device, small_policy(action), 1, Real::f64);
  Pairs data(*device, action, 5);
  data.ask(policy);
  data.store.at("advantage").fill(std::nan(""));
  const Vector before = policy.parameters().flat().read();
  const auto region = policy_trust_region(policy, data.batch, 0, {});
  try {
    region->step();
    FAIL() << "an advantage of NaN went through";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::not_finite);
  }
  EXPECT_EQ(policy.parameters().flat().read(), before);
}

TEST(TrustRegion, refuses_options_that_mean_nothing) {
  const std::unique_ptr<Device> device = cpu_device();
  const ActionSpace action = {ActionKind::continuous, 1};
  Policy policy(*device, small_policy(action), 1, Real::f64);
  Pairs data(*device, action, 5);
  EXPECT_THROW(policy_trust_region(policy, data.batch, 0, {.max_kl = 0}), Error);
  EXPECT_THROW(policy_trust_region(policy, data.batch, 0, {.backtrack_ratio = 1}), Error);
  EXPECT_THROW(policy_trust_region(policy, data.batch, 0, {.fisher_stride = 5}), Error);
}

}  // namespace
}  // namespace understudy
