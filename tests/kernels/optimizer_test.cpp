// Optimizer updates against the reference over several steps, and by hand where a formula is short.

#include "kernels/optimizer/optimizer.h"

#include "tests/kernels/kernel_test.h"

namespace understudy {
namespace {

using namespace kernel_test;

// What both sides of a comparison are given.
struct Case {
  double scale, clip, l2, rate;
};
const Case cases[] = {{1, 0, 0, 1}, {0.25, 0, 0, 0.5}, {1, 0.75, 0, 1}, {0.5, 0.5, 0.125, 0.75}};

// Runs `update(kernels, stream, n, transform, step, g, a, b, p)` for three steps by the
// implementation and by the reference on the same numbers, rounded to T, and compares all three
// arrays. a and b begin as 0, as an optimizer's moments do.
template <class T, class Update>
void compare(Place<T>& on, const OptimizerKernels<T>& kernels,
             const OptimizerKernels<double>& reference, double roundings, const Update& update) {
  Random random(17);
  for (std::int64_t n : awkward_sizes(1025)) {
    on.misalignment = static_cast<int>(n % 2);
    const Case& one = cases[random.word() % 4];
    SCOPED_TRACE(testing::Message() << "n = " << n << ", scale " << one.scale << ", clip "
                                    << one.clip << ", l2 " << one.l2);
    std::vector<double> p = on.rounded(random.uniforms(n, 0.5, 1.5)), a(p.size(), 0), b = a;
    Array device_p = on.array(p), device_a = on.array(a), device_b = on.array(b);
    Array scale = on.array({one.scale}), rate = on.array({one.rate});
    GradientTransform<T> transform{scale.data(), static_cast<T>(one.clip), static_cast<T>(one.l2),
                                   rate.data()};
    GradientTransform<double> exact{&one.scale, one.clip, one.l2, &one.rate};
    for (std::int64_t step = 1; step <= 3; ++step) {
      const std::vector<double> g = on.rounded(random.normals(n));
      Array device_g = on.array(g);
      auto device_step = on.template of<std::int64_t>({step});
      update(kernels, on.stream(), n, transform, device_step.data(), device_g.data(),
             device_a.data(), device_b.data(), device_p.data());
      update(reference, on.host_stream(), n, exact, &step, g.data(), a.data(), b.data(), p.data());
    }
    // p is near 1 and moves by some tenths a step: roundings of 1 are its measure, and the moments'
    const double absolute = roundings * std::numeric_limits<T>::epsilon() / 2;
    EXPECT_TRUE(close(device_p, p, roundings, absolute));
    EXPECT_TRUE(close(device_a, a, roundings, absolute));
    EXPECT_TRUE(close(device_b, b, roundings, absolute));
  }
}

// A step is some ten operations on numbers up to about 4, three steps make thirty roundings; all
// are multiples of 1/8 where that keeps the constants the same numbers in f32 and f64.
constexpr double few = 40;

KERNEL_TEST(OptimizerKernels, sgd) {
  compare(on, kernels, reference, few,
          [](const auto& by, Stream& stream, auto n, const auto& transform, const auto*,
             const auto* g, auto*, auto*, auto* p) {
            using U = std::remove_pointer_t<decltype(p)>;
            by.sgd(stream, n, transform, U(0.125), U(0), false, g, static_cast<U*>(nullptr), p);
          });
}

KERNEL_TEST(OptimizerKernels, momentum) {
  for (bool nesterov : {false, true})
    compare(on, kernels, reference, few,
            [&](const auto& by, Stream& stream, auto n, const auto& transform, const auto*,
                const auto* g, auto* a, auto*, auto* p) {
              using U = std::remove_pointer_t<decltype(p)>;
              by.sgd(stream, n, transform, U(0.125), U(0.875), nesterov, g, a, p);
            });
}

// Where g is small, its square and the root of that lose no relative accuracy, and the quotient is
// about 1: the same bound holds.
KERNEL_TEST(OptimizerKernels, rmsprop) {
  compare(on, kernels, reference, few,
          [](const auto& by, Stream& stream, auto n, const auto& transform, const auto*,
             const auto* g, auto* a, auto*, auto* p) {
            using U = std::remove_pointer_t<decltype(p)>;
            by.rmsprop(stream, n, transform, U(0.0625), U(0.875), U(0.0078125), g, a, p);
          });
}

KERNEL_TEST(OptimizerKernels, adagrad) {
  compare(on, kernels, reference, few,
          [](const auto& by, Stream& stream, auto n, const auto& transform, const auto*,
             const auto* g, auto* a, auto*, auto* p) {
            using U = std::remove_pointer_t<decltype(p)>;
            by.adagrad(stream, n, transform, U(0.0625), U(0.0078125), g, a, p);
          });
}

// With and without decoupled weight decay.
KERNEL_TEST(OptimizerKernels, adam) {
  for (double decay : {0.0, 0.25})
    compare(on, kernels, reference, few,
            [&](const auto& by, Stream& stream, auto n, const auto& transform, const auto* step,
                const auto* g, auto* a, auto* b, auto* p) {
              using U = std::remove_pointer_t<decltype(p)>;
              by.adam(stream, n, transform, U(0.0625), U(0.875), U(0.9375), U(0.0078125), U(decay),
                      step, g, a, b, p);
            });
}

KERNEL_TEST(OptimizerKernels, exponentiated) {
  for (bool normalize : {false, true})
    compare(on, kernels, reference, few,
            [&](const auto& by, Stream& stream, auto n, const auto& transform, const auto*,
                const auto* g, auto*, auto*, auto* p) {
              using U = std::remove_pointer_t<decltype(p)>;
              by.exponentiated(stream, n, transform, U(0.125), normalize, g, p);
            });
}

KERNEL_TEST(OptimizerKernels, exponentiated_stays_on_the_simplex_for_huge_gradients) {
  Array g = on.array({-3000, -2999, 5000, 0}), p = on.array({0.25, 0.25, 0.25, 0.25});
  kernels.exponentiated(on.stream(), 4, {}, T(1), true, g, p);
  const double e = std::exp(-1.0);
  EXPECT_TRUE(close(p, {1 / (1 + e), e / (1 + e), 0, 0}, 8));
}

// The first step of Adam is the rate, whatever the gradient's size (Kingma & Ba 2015, section 2.1),
// also with the betas that everyone uses, where 1 - beta2 has few digits in f32.
KERNEL_TEST(OptimizerKernels, first_step_of_adam_is_the_rate) {
  const std::vector<double> gradients = {1e-3, -1e-3, 1.0, -50.0, 1e4};
  Array g = on.array(gradients), m = on.array(std::vector<double>(5, 0)),
        v = on.array(std::vector<double>(5, 0)), p = on.array(std::vector<double>(5, 0));
  auto step = on.template of<std::int64_t>({0});
  kernels.count(on.stream(), step);
  EXPECT_EQ(step.host()[0], 1);
  kernels.adam(on.stream(), 5, {}, T(0.01), T(0.9), T(0.999), T(0), T(0), step, g, m, v, p);
  EXPECT_TRUE(close(p, on.rounded({-0.01, 0.01, -0.01, 0.01, -0.01}), 20));
}

KERNEL_TEST(OptimizerKernels, scale_clips_by_norm) {
  const std::vector<std::pair<double, double>> expected = {{0, 1},    {1, 1},     {4, 1},
                                                           {16, 0.5}, {64, 0.25}, {INFINITY, 0}};
  for (const auto& [square, scale] : expected) {
    Array sum = on.array({square}), found = on.poisoned(1);
    kernels.clip_scale(on.stream(), T(2), sum, found);
    EXPECT_EQ(static_cast<double>(found.host()[0]), scale) << square;
  }
}

// A straight line from 1 at the first step to `last`, which it keeps.
KERNEL_TEST(OptimizerKernels, rate_decays_linearly) {
  const std::vector<std::pair<std::int64_t, double>> expected = {
      {0, 1}, {1, 0.8125}, {2, 0.625}, {4, 0.25}, {5, 0.25}, {1000, 0.25}};
  for (const auto& [done, factor] : expected) {
    auto step = on.template of<std::int64_t>({done});
    Array found = on.poisoned(1);
    kernels.linear_decay(on.stream(), 4, 0.25, step, found);
    EXPECT_EQ(static_cast<double>(found.host()[0]), factor) << done;
  }
}

KERNEL_TEST(OptimizerKernels, clipping_passes_nan_on) {
  Array g = on.array({NAN, INFINITY, -7, 0.25}), p = on.array({0, 0, 0, 0});
  GradientTransform<T> transform;
  transform.clip = T(0.5);
  kernels.sgd(on.stream(), 4, transform, T(1), T(0), false, g, nullptr, p);
  EXPECT_TRUE(close(p, {NAN, -0.5, 0.5, -0.25}, 0.5));
}

KERNEL_TEST(OptimizerKernels, a_team_gives_the_same_bits) {
  if (on.is_cuda) return;
  const std::int64_t n = 70001;
  Random random(4);
  const std::vector<double> p = random.normals(n), g = random.normals(n), zero(p.size(), 0);
  auto step = on.template of<std::int64_t>({1});
  std::vector<T> results[2];
  for (int with_team = 0; with_team < 2; ++with_team) {
    Array device_g = on.array(g), device_p = on.array(p), m = on.array(zero), v = on.array(zero);
    kernels.adam(with_team ? on.team_stream() : on.stream(), n, {}, T(0.1), T(0.9), T(0.99),
                 T(1e-8), T(0.1), step, device_g, m, v, device_p);
    results[with_team] = device_p.host();
  }
  EXPECT_TRUE(same_bits(results[1], results[0]));
}

}  // namespace
}  // namespace understudy
