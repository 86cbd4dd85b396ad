// Every implementation of dynamic programming against the reference, on random problems.

#include "kernels/dynamic_programming/dynamic_programming.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include "kernels/device/instruction_set.h"
#include "kernels/device/threads.h"

namespace understudy {
namespace {

template <class T>
struct Implementation {
  std::string name;
  DynamicProgrammingKernels<T> kernels;
};

template <class T>
std::vector<Implementation<T>> implementations() {
  std::vector<Implementation<T>> all;
  Implementation<T> one;
  portable::fill(one.kernels);
  one.name = "portable";
  all.push_back(one);
#if defined(__x86_64__)
  if (available(InstructionSet::avx2)) {
    avx2::fill(one.kernels);
    one.name = "avx2";
    all.push_back(one);
  }
  if (available(InstructionSet::avx512)) {
    avx512::fill(one.kernels);
    one.name = "avx512";
    all.push_back(one);
  }
#endif
  return all;
}

const DynamicProgrammingKernels<double>& oracle() {
  static const DynamicProgrammingKernels<double> kernels = [] {
    DynamicProgrammingKernels<double> k;
    reference::fill(k);
    return k;
  }();
  return kernels;
}

// A relative error of some 30 roundings: sums here have up to 40 terms of like size, exp and log
// are good to 2 units in the last place.
template <class T>
double tolerance() { return sizeof(T) == 4 ? 4e-6 : 8e-15; }

template <class T>
void expect_near(const std::vector<double>& expected, const std::vector<T>& found,
                 const std::string& what, double scale = 1.0) {
  ASSERT_EQ(expected.size(), found.size());
  for (std::size_t i = 0; i < expected.size(); ++i) {
    if (std::isinf(expected[i]) || std::isnan(expected[i])) {
      ASSERT_TRUE(expected[i] == found[i] || (std::isnan(expected[i]) && std::isnan(found[i])))
          << what << " at " << i << ": " << expected[i] << " " << found[i];
    } else {
      ASSERT_NEAR(expected[i], found[i],
                  scale * tolerance<T>() * std::max(1.0, std::abs(expected[i])))
          << what << " at " << i;
    }
  }
}

// The same numbers in T and, as T holds them, in double. One element in front keeps T's unaligned.
template <class T>
struct Both {
  std::vector<double> wide;
  std::vector<T> narrow;
  explicit Both(std::size_t n) : wide(n), narrow(n + 1) {}
  void set(std::size_t i, double x) { wide[i] = narrow[i + 1] = static_cast<T>(x); }
  const T* data() const { return narrow.data() + 1; }
};

template <class T>
struct Case {
  std::int64_t states, batch;
  std::vector<std::int32_t> pair_begin{0}, transition_begin{0}, next_state;
  std::vector<std::int32_t> incoming_begin, incoming_pair;
  Both<T> probability{0}, incoming_probability{0};

  Case(std::mt19937& random, std::int64_t states, int most_actions, int most_successors,
       std::int64_t batch)
      : states(states), batch(batch) {
    std::vector<double> p;
    for (std::int64_t s = 0; s < states; ++s) {
      const int actions = static_cast<int>(random() % (most_actions + 1));
      for (int a = 0; a < actions; ++a) {
        const int successors = 1 + static_cast<int>(random() % most_successors);
        double sum = 0;
        for (int j = 0; j < successors; ++j) {
          next_state.push_back(static_cast<std::int32_t>(random() % states));
          p.push_back(0.1 + (random() % 1000) / 1000.0);
          sum += p.back();
        }
        for (int j = 0; j < successors; ++j) p[p.size() - 1 - j] /= sum;
        transition_begin.push_back(static_cast<std::int32_t>(next_state.size()));
      }
      pair_begin.push_back(static_cast<std::int32_t>(transition_begin.size() - 1));
    }
    probability = Both<T>(p.size());
    for (std::size_t j = 0; j < p.size(); ++j) probability.set(j, p[j]);
    incoming_probability = Both<T>(p.size());
    std::size_t at = 0;
    for (std::int64_t s = 0; s < states; ++s) {
      incoming_begin.push_back(static_cast<std::int32_t>(at));
      for (std::int32_t k = 0; k + 1 < static_cast<std::int32_t>(transition_begin.size()); ++k)
        for (std::int32_t j = transition_begin[k]; j < transition_begin[k + 1]; ++j)
          if (next_state[j] == s) {
            incoming_pair.push_back(k);
            incoming_probability.set(at++, probability.wide[j]);
          }
    }
    incoming_begin.push_back(static_cast<std::int32_t>(at));
  }

  std::int64_t pairs() const { return static_cast<std::int64_t>(transition_begin.size()) - 1; }
  template <class U>
  SparseDynamics<U> dynamics(const U* p) const {
    return {states, pairs(), static_cast<std::int64_t>(next_state.size()), pair_begin.data(),
            transition_begin.data(), next_state.data(), p};
  }
  template <class U>
  IncomingDynamics<U> incoming(const U* p) const {
    return {incoming_begin.data(), incoming_pair.data(), p};
  }
};

template <class T>
Both<T> random_array(std::mt19937& random, std::int64_t n, double low, double high) {
  Both<T> x(static_cast<std::size_t>(n));
  std::uniform_real_distribution<double> uniform(low, high);
  for (std::int64_t i = 0; i < n; ++i) x.set(static_cast<std::size_t>(i), uniform(random));
  return x;
}

template <class T>
std::vector<T> poisoned(std::int64_t n) {
  return std::vector<T>(static_cast<std::size_t>(n), std::numeric_limits<T>::quiet_NaN());
}

struct Shape {
  std::int64_t states;
  int actions, successors;
  std::int64_t batch;
};

// States, actions, successors and batches around the lanes of a vector, a stretch of four, a tile
// of 256 states and one of 1024 pairs; a state with more pairs than a tile.
const Shape shapes[] = {{1, 1, 1, 1},    {1, 3, 2, 17},   {7, 4, 3, 1},    {9, 5, 5, 2},
                        {33, 3, 4, 3},   {16, 40, 2, 5},  {5, 70, 3, 33},  {257, 5, 6, 1},
                        {300, 4, 9, 1},  {40, 5, 3, 15},  {40, 5, 3, 16},  {40, 5, 3, 64},
                        {21, 5, 3, 65},  {30, 2, 2, 127}, {3, 2500, 1, 1}, {60, 6, 3, 8},
                        {2500, 3, 3, 1}, {500, 4, 3, 40}};

template <class T>
class DynamicProgramming : public ::testing::Test {};
using Precisions = ::testing::Types<float, double>;
TYPED_TEST_SUITE(DynamicProgramming, Precisions);

TYPED_TEST(DynamicProgramming, SparseKernelsAgreeWithTheReference) {
  using T = TypeParam;
  std::mt19937 random(1);
  Threads team(3);
  for (const Shape& shape : shapes) {
    Case<T> c(random, shape.states, shape.actions, shape.successors, shape.batch);
    const std::int64_t vs = c.states * c.batch, qs = c.pairs() * c.batch;
    const bool shared = random() % 2 == 0;
    Both<T> reward = random_array<T>(random, shared ? c.pairs() : qs, -3, 1);
    Both<T> value = random_array<T>(random, vs, -5, 5);
    for (std::int64_t i = 0; i < vs; i += 11) value.set(i, -INFINITY);
    Both<T> source = random_array<T>(random, vs, 0, 1),
            occupancy = random_array<T>(random, vs, 0, 2);
    const auto wide = c.dynamics(c.probability.wide.data());
    const auto narrow = c.dynamics(c.probability.data());
    Stream none;
    for (const auto& implementation : implementations<T>()) {
      const auto& k = implementation.kernels;
      for (Threads* threads : {static_cast<Threads*>(nullptr), &team}) {
        Stream stream;
        stream.threads = threads;
        for (Choice choice : {Choice::hard, Choice::soft})
          for (Outlook outlook : {Outlook::causal, Outlook::optimistic}) {
            const std::string what = implementation.name + " states " + std::to_string(c.states) +
                                     " batch " + std::to_string(c.batch) + " choice " +
                                     std::to_string(static_cast<int>(choice)) + " outlook " +
                                     std::to_string(static_cast<int>(outlook));
            std::vector<double> q(qs), v(vs), pi(qs);
            std::vector<T> q_found = poisoned<T>(qs), v_found = poisoned<T>(vs),
                           pi_found = poisoned<T>(qs);
            oracle().backup(none, wide, {choice, outlook, 0.75}, c.batch, reward.wide.data(),
                            shared, value.wide.data(), q.data(), v.data());
            k.backup(stream, narrow, {choice, outlook, T(0.75)}, c.batch, reward.data(), shared,
                     value.data(), q_found.data(), v_found.data());
            expect_near(q, q_found, what + " q");
            expect_near(v, v_found, what + " value");
            std::vector<T> v_alone = poisoned<T>(vs);
            k.backup(stream, narrow, {choice, outlook, T(0.75)}, c.batch, reward.data(), shared,
                     value.data(), nullptr, v_alone.data());
            EXPECT_EQ(v_alone, v_found) << what;
            // The policy of what was found, so that ties are the same ties.
            const std::vector<double> q_wide(q_found.begin(), q_found.end());
            const std::vector<double> v_wide(v_found.begin(), v_found.end());
            oracle().policy(none, wide, choice, c.batch, q_wide.data(), v_wide.data(), pi.data());
            k.policy(stream, narrow, choice, c.batch, q_found.data(), v_found.data(),
                     pi_found.data());
            expect_near(pi, pi_found, what + " policy");
          }
        const std::string what = implementation.name + " states " + std::to_string(c.states) +
                                 " batch " + std::to_string(c.batch);
        Both<T> pi = random_array<T>(random, qs, 0, 1), finite = random_array<T>(random, vs, -5, 5);
        std::vector<double> v(vs), flow(qs), next(vs);
        std::vector<T> v_found = poisoned<T>(vs), flow_found = poisoned<T>(qs),
                       next_found = poisoned<T>(vs);
        oracle().evaluate(none, wide, 0.9, c.batch, reward.wide.data(), shared, pi.wide.data(),
                          finite.wide.data(), v.data());
        k.evaluate(stream, narrow, T(0.9), c.batch, reward.data(), shared, pi.data(), finite.data(),
                   v_found.data());
        // Sums of up to 2500 terms of mixed sign; 0.9 is not the same number in float.
        expect_near(v, v_found, what + " evaluate", 50);
        for (bool with_source : {false, true}) {
          oracle().forward(none, wide, c.incoming(c.incoming_probability.wide.data()), 0.5, c.batch,
                           with_source ? source.wide.data() : nullptr, pi.wide.data(),
                           occupancy.wide.data(), flow.data(), next.data());
          k.forward(stream, narrow, c.incoming(c.incoming_probability.data()), T(0.5), c.batch,
                    with_source ? source.data() : nullptr, pi.data(), occupancy.data(),
                    flow_found.data(), next_found.data());
          expect_near(flow, flow_found, what + " flow");
          expect_near(next, next_found, what + " forward", 50);
        }
      }
    }
  }
}

TYPED_TEST(DynamicProgramming, RowsAndTrianglesAgreeWithTheReference) {
  using T = TypeParam;
  std::mt19937 random(2);
  Threads team(2);
  for (std::int64_t n : {0, 1, 2, 31, 200})
    for (std::int64_t batch : {1, 2, 7, 8, 16, 17, 63, 64, 100}) {
      for (bool descending : {false, true}) {
        std::vector<std::int32_t> begin{0}, column;
        for (std::int64_t i = 0; i < n; ++i) {
          const std::int64_t from = descending ? i + 1 : 0, to = descending ? n : i;
          for (int e = 0; e < 4 && from < to; ++e)
            column.push_back(static_cast<std::int32_t>(from + random() % (to - from)));
          begin.push_back(static_cast<std::int32_t>(column.size()));
        }
        Both<T> weight = random_array<T>(random, column.size(), -0.2, 0.2);
        Both<T> inverse = random_array<T>(random, n, 0.5, 1.5),
                x = random_array<T>(random, n * batch, -1, 1);
        Both<T> b = random_array<T>(random, n * batch, -1, 1);
        Stream none;
        for (const auto& implementation : implementations<T>())
          for (Threads* threads : {static_cast<Threads*>(nullptr), &team}) {
            Stream stream;
            stream.threads = threads;
            const std::string what = implementation.name + " rows " + std::to_string(n) +
                                     " batch " + std::to_string(batch);
            const SparseRows<double> wide{n, begin.data(), column.data(), weight.wide.data()};
            const SparseRows<T> narrow{n, begin.data(), column.data(), weight.data()};
            for (bool with : {false, true}) {
              std::vector<double> y(n * batch), solved = x.wide;
              std::vector<T> y_found = poisoned<T>(n * batch),
                             solved_found(x.data(), x.data() + n * batch);
              oracle().multiply(none, wide, batch, x.wide.data(), with ? b.wide.data() : nullptr,
                                y.data());
              implementation.kernels.multiply(stream, narrow, batch, x.data(),
                                              with ? b.data() : nullptr, y_found.data());
              expect_near(y, y_found, what + " multiply");
              std::vector<double> out(column.size(), 1.0);
              std::vector<T> out_found(column.size(), T(1));
              oracle().sampled_product(none, wide, batch, x.wide.data(), b.wide.data(), out.data());
              implementation.kernels.sampled_product(stream, narrow, batch, x.data(), b.data(),
                                                     out_found.data());
              expect_near(out, out_found, what + " sampled product");
              oracle().solve_triangular(none, wide, with ? inverse.wide.data() : nullptr,
                                        descending, batch, solved.data());
              implementation.kernels.solve_triangular(stream, narrow,
                                                      with ? inverse.data() : nullptr, descending,
                                                      batch, solved_found.data());
              // Errors pass from row to row and may grow by half each time an inverse diagonal
              // is 1.5.
              expect_near(solved, solved_found, what + " solve", 1000);
            }
          }
      }
    }
}

TYPED_TEST(DynamicProgramming, MaximumChangeSeesInfinitiesAndNaN) {
  using T = TypeParam;
  std::mt19937 random(3);
  Threads team(3);
  for (const auto& implementation : implementations<T>())
    for (Threads* threads : {static_cast<Threads*>(nullptr), &team})
      for (std::int64_t n : {0, 1, 15, 16, 17, 1000, 100001}) {
        Stream stream;
        stream.threads = threads;
        Both<T> a = random_array<T>(random, n, -1, 1), b = random_array<T>(random, n, -1, 1);
        double expected = 0;
        Stream none;
        oracle().maximum_change(none, n, a.wide.data(), b.wide.data(), &expected);
        T found = -1;
        implementation.kernels.maximum_change(stream, n, a.data(), b.data(), &found);
        EXPECT_NEAR(found, expected, 2 * tolerance<T>());
        if (n == 0) continue;
        const std::size_t i = random() % n;
        a.set(i, -INFINITY), b.set(i, -INFINITY);
        implementation.kernels.maximum_change(stream, n, a.data(), b.data(), &found);
        EXPECT_TRUE(std::isfinite(found));
        a.set(i, 0);
        implementation.kernels.maximum_change(stream, n, a.data(), b.data(), &found);
        EXPECT_TRUE(std::isinf(found));
        a.set(i, NAN);
        implementation.kernels.maximum_change(stream, n, a.data(), b.data(), &found);
        EXPECT_TRUE(std::isnan(found)) << implementation.name << " " << n;
      }
}

TYPED_TEST(DynamicProgramming, GridsAgreeWithTheReference) {
  using T = TypeParam;
  std::mt19937 random(4);
  Threads team(2);
  const std::int64_t sizes[][2] = {{1, 1},    {1, 2},   {2, 1},   {3, 3},   {1, 40},
                                   {40, 1},   {15, 16}, {16, 17}, {17, 31}, {33, 255},
                                   {18, 256}, {2, 257}, {35, 530}};
  for (const auto& size : sizes)
    for (bool stay : {false, true})
      // A range that shared exponentials hold, one that they do not, and both in one grid.
      for (double range : {1.0, 3000.0, -1.0}) {
        const std::int64_t n = size[0] * size[1];
        const GridDynamics<double> wide{size[0], size[1], stay, 0.625, 0.125, 0.0625};
        const GridDynamics<T> narrow{size[0], size[1], stay, T(0.625), T(0.125), T(0.0625)};
        Both<T> reward = random_array<T>(random, n, -1, 1);
        Both<T> value = random_array<T>(random, n, -std::abs(range), std::abs(range));
        if (range < 0 && n > 1) value.set(n / 2, 4000);
        Both<T> occupancy = random_array<T>(random, n, 0, 1),
                source = random_array<T>(random, n, 0, 1);
        Both<T> total = random_array<T>(random, n, 0, 5);
        Stream none;
        for (const auto& implementation : implementations<T>())
          for (Threads* threads : {static_cast<Threads*>(nullptr), &team}) {
            Stream stream;
            stream.threads = threads;
            const std::string what = implementation.name + " grid " + std::to_string(size[0]) +
                                     "x" + std::to_string(size[1]) + " range " +
                                     std::to_string(range);
            for (Choice choice : {Choice::hard, Choice::soft}) {
              std::vector<double> v(n);
              std::vector<T> v_found = poisoned<T>(n);
              oracle().grid_backup(none, wide, choice, 0.875, reward.wide.data(), value.wide.data(),
                                   v.data());
              implementation.kernels.grid_backup(stream, narrow, choice, T(0.875), reward.data(),
                                                 value.data(), v_found.data());
              // Relative to the values that were added, which may cancel.
              expect_near(v, v_found, what, 1 + std::abs(range) * (range < 0 ? 4000 : 1));
            }
            for (bool with : {false, true}) {
              std::vector<double> d(n), sum = total.wide;
              std::vector<T> d_found = poisoned<T>(n), sum_found(total.data(), total.data() + n);
              oracle().grid_forward(none, wide, 0.875, 0.75, with ? source.wide.data() : nullptr,
                                    value.wide.data(), occupancy.wide.data(), d.data(),
                                    with ? sum.data() : nullptr);
              implementation.kernels.grid_forward(
                  stream, narrow, T(0.875), T(0.75), with ? source.data() : nullptr, value.data(),
                  occupancy.data(), d_found.data(), with ? sum_found.data() : nullptr);
              // exp turns an absolute error of an exponent into a relative one: 2000 times the
              // unit.
              expect_near(d, d_found, what + " forward", range == 1.0 ? 10 : 3000);
              if (with) expect_near(sum, sum_found, what + " total", range == 1.0 ? 10 : 3000);
            }
          }
      }
}

// Occupancy is neither made nor lost.
TYPED_TEST(DynamicProgramming, GridForwardConserves) {
  using T = TypeParam;
  std::mt19937 random(5);
  const std::int64_t n = 37 * 300;
  const GridDynamics<T> grid{37, 300, true, T(0.7), T(0), T(0.075)};
  Both<T> value = random_array<T>(random, n, -2, 2), occupancy = random_array<T>(random, n, 0, 1);
  double before = 0;
  for (double d : occupancy.wide) before += d;
  for (const auto& implementation : implementations<T>()) {
    Stream stream;
    std::vector<T> next = poisoned<T>(n);
    implementation.kernels.grid_forward(stream, grid, T(0.9), T(1), nullptr, value.data(),
                                        occupancy.data(), next.data(), nullptr);
    double after = 0;
    for (T d : next) after += d;
    EXPECT_NEAR(after / before, 1.0, 4 * tolerance<T>());
  }
}

}  // namespace
}  // namespace understudy
