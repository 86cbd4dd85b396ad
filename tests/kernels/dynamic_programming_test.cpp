// Every implementation of dynamic programming against the reference, on random problems.

#include "kernels/dynamic_programming/dynamic_programming.h"

#include <string>

#include "kernels/dynamic_programming/packed.h"

#include "tests/kernels/kernel_test.h"

namespace understudy {
namespace {

using kernel_test::Array;
using kernel_test::close;
using kernel_test::Place;
using kernel_test::Random;
using kernel_test::same_bits;
using Index = std::int64_t;
using Indices = std::vector<std::int32_t>;

// Sums have up to some 40 terms of like size; exp and log are good to 2 units in the last place.
// Where terms of both signs cancel, the error is absolute, of the terms' own size.
constexpr double roundings = 60;
template <class T>
constexpr double unit = std::numeric_limits<T>::epsilon() / 2;

struct Case {
  Index states, batch;
  Indices pair_begin{0}, transition_begin{0}, next_state, incoming_begin, incoming_pair;
  std::vector<double> probability, incoming_probability;

  Index pairs() const { return static_cast<Index>(transition_begin.size()) - 1; }

  SparseDynamics<double> dynamics() const {
    return {states,
            pairs(),
            static_cast<Index>(next_state.size()),
            pair_begin.data(),
            transition_begin.data(),
            next_state.data(),
            probability.data()};
  }
  IncomingDynamics<double> incoming() const {
    return {incoming_begin.data(), incoming_pair.data(), incoming_probability.data()};
  }
};

// Some states have no action at all; probabilities are rounded to float, so that every precision
// sees the same numbers.
Case random_case(Random& random, Index states, int most_actions, int most_successors, Index batch) {
  Case c;
  c.states = states;
  c.batch = batch;
  for (Index s = 0; s < states; ++s) {
    const Index actions = random.integer(0, most_actions);
    for (Index a = 0; a < actions; ++a) {
      const Index successors = random.integer(1, most_successors);
      for (Index j = 0; j < successors; ++j) {
        c.next_state.push_back(static_cast<std::int32_t>(random.integer(0, states - 1)));
        c.probability.push_back(static_cast<float>(random.uniform(0.5, 1) / successors));
      }
      c.transition_begin.push_back(static_cast<std::int32_t>(c.next_state.size()));
    }
    c.pair_begin.push_back(static_cast<std::int32_t>(c.pairs()));
  }
  for (Index s = 0; s < states; ++s) {
    c.incoming_begin.push_back(static_cast<std::int32_t>(c.incoming_pair.size()));
    for (std::int32_t k = 0; k < c.pairs(); ++k)
      for (std::int32_t j = c.transition_begin[k]; j < c.transition_begin[k + 1]; ++j)
        if (c.next_state[j] == s) {
          c.incoming_pair.push_back(k);
          c.incoming_probability.push_back(c.probability[j]);
        }
  }
  c.incoming_begin.push_back(static_cast<std::int32_t>(c.incoming_pair.size()));
  return c;
}

// A case in a device's memory.
template <class T>
struct Placed {
  const Case& c;
  Array<std::int32_t> pair_begin, transition_begin, next_state, incoming_begin, incoming_pair;
  Array<T> probability, incoming_probability;

  Placed(Place<T>& on, const Case& c)
      : c(c),
        pair_begin(on.of(c.pair_begin)),
        transition_begin(on.of(c.transition_begin)),
        next_state(on.of(c.next_state)),
        incoming_begin(on.of(c.incoming_begin)),
        incoming_pair(on.of(c.incoming_pair)),
        probability(on.array(c.probability)),
        incoming_probability(on.array(c.incoming_probability)) {}

  SparseDynamics<T> dynamics() const {
    return {c.states,         c.pairs(),  next_state.size(), pair_begin,
            transition_begin, next_state, probability};
  }
  IncomingDynamics<T> incoming() const {
    return {incoming_begin, incoming_pair, incoming_probability};
  }
};

struct Shape {
  Index states;
  int actions, successors;
  Index batch;
};

// Around the lanes of a vector, a stretch of four, a tile of 256 states and one of 1024 pairs; a
// state with more pairs than a tile, and more than a buffer of 32.
const Shape shapes[] = {{1, 1, 1, 1},    {1, 3, 2, 17},  {7, 4, 3, 1},    {9, 5, 5, 2},
                        {33, 3, 4, 3},   {16, 40, 2, 5}, {5, 70, 3, 33},  {257, 5, 6, 1},
                        {300, 4, 9, 1},  {40, 5, 3, 15}, {40, 5, 3, 16},  {40, 5, 3, 64},
                        {21, 5, 3, 65},  {9, 2, 2, 127}, {3, 2500, 1, 1}, {60, 6, 3, 8},
                        {2500, 3, 3, 1}, {150, 4, 3, 40}};

KERNEL_TEST(DynamicProgrammingKernels, backups_and_policies_agree_with_the_reference) {
  Random random(1);
  for (const Shape& shape : shapes) {
    const Case c = random_case(random, shape.states, shape.actions, shape.successors, shape.batch);
    on.misalignment = static_cast<int>(random.integer(0, 3));
    const Placed<T> placed(on, c);
    const Index vs = c.states * c.batch, qs = c.pairs() * c.batch;
    const bool shared = random.integer(0, 1) == 0;
    const auto reward = on.rounded(random.uniforms(shared ? c.pairs() : qs, -3, 1));
    auto value = on.rounded(random.uniforms(vs, -5, 5));
    for (Index i = 0; i < vs; i += 11) value[i] = -INFINITY;
    const Array<T> r = on.array(reward), v = on.array(value);
    for (Backup backup : {Backup::max, Backup::log_sum_exp})
      for (Expectation expectation : {Expectation::causal, Expectation::log_mean_exp}) {
        SCOPED_TRACE("states " + std::to_string(c.states) + " batch " + std::to_string(c.batch) +
                     " backup " + std::to_string(static_cast<int>(backup)) + " expectation " +
                     std::to_string(static_cast<int>(expectation)));
        std::vector<double> q(qs), next(vs), pi(qs);
        Array<T> q_found = on.poisoned(qs), next_found = on.poisoned(vs),
                 pi_found = on.poisoned(qs), alone = on.poisoned(vs);
        reference.backup(on.host_stream(), c.dynamics(), {backup, expectation, 0.75}, c.batch,
                         reward.data(), shared, value.data(), q.data(), next.data());
        kernels.backup(on.team_stream(), placed.dynamics(), {backup, expectation, T(0.75)}, c.batch,
                       r, shared, v, q_found, next_found);
        EXPECT_TRUE(close(q_found, q, roundings, 20 * unit<T>));
        EXPECT_TRUE(close(next_found, next, roundings, 20 * unit<T>));
        // The same bits without a team, and without Q.
        kernels.backup(on.stream(), placed.dynamics(), {backup, expectation, T(0.75)}, c.batch, r,
                       shared, v, nullptr, alone);
        EXPECT_TRUE(same_bits(alone.host(), next_found.host()));
        // The policy of what was found, so that ties are the same ties.
        const auto q_host = q_found.host(), v_host = next_found.host();
        const std::vector<double> q_wide(q_host.begin(), q_host.end());
        const std::vector<double> v_wide(v_host.begin(), v_host.end());
        reference.policy(on.host_stream(), c.dynamics(), backup, c.batch, q_wide.data(),
                         v_wide.data(), pi.data());
        kernels.policy(on.team_stream(), placed.dynamics(), backup, c.batch, q_found, next_found,
                       pi_found);
        // exp of a difference of numbers up to 10 turns their rounding into a relative error.
        EXPECT_TRUE(close(pi_found, pi, roundings, unit<T>));
      }
  }
}

KERNEL_TEST(DynamicProgrammingKernels, evaluation_and_occupancy_agree_with_the_reference) {
  Random random(2);
  for (const Shape& shape : shapes) {
    const Case c = random_case(random, shape.states, shape.actions, shape.successors, shape.batch);
    SCOPED_TRACE("states " + std::to_string(c.states) + " batch " + std::to_string(c.batch));
    const Placed<T> placed(on, c);
    const Index vs = c.states * c.batch, qs = c.pairs() * c.batch;
    const bool shared = random.integer(0, 1) == 0;
    const auto reward = on.rounded(random.uniforms(shared ? c.pairs() : qs, -3, 1));
    const auto value = on.rounded(random.uniforms(vs, -5, 5));
    const auto pi = on.rounded(random.uniforms(qs, 0, 1));
    const auto source = on.rounded(random.uniforms(vs, 0, 1));
    const auto occupancy = on.rounded(random.uniforms(vs, 0, 2));
    const Array<T> r = on.array(reward), v = on.array(value), p = on.array(pi);
    const Array<T> b = on.array(source), d = on.array(occupancy);
    std::vector<double> next(vs), flow(qs);
    Array<T> next_found = on.poisoned(vs);
    reference.evaluate(on.host_stream(), c.dynamics(), 0.75, c.batch, reward.data(), shared,
                       pi.data(), value.data(), next.data());
    kernels.evaluate(on.team_stream(), placed.dynamics(), T(0.75), c.batch, r, shared, p, v,
                     next_found);
    // Up to 2500 terms of both signs, up to 7 each.
    EXPECT_TRUE(close(next_found, next, roundings, 20.0 * shape.actions * unit<T>));
    for (bool with_source : {false, true}) {
      Array<T> flow_found = on.poisoned(qs), found = on.poisoned(vs);
      reference.forward(on.host_stream(), c.dynamics(), c.incoming(), 0.5, c.batch,
                        with_source ? source.data() : nullptr, pi.data(), occupancy.data(),
                        flow.data(), next.data());
      kernels.forward(on.team_stream(), placed.dynamics(), placed.incoming(), T(0.5), c.batch,
                      with_source ? b.data() : nullptr, p, d, flow_found, found);
      EXPECT_TRUE(close(flow_found, flow, 2));
      // Positive terms; a state with thousands of transitions into it sums them one by one.
      EXPECT_TRUE(close(found, next, roundings + shape.actions));
    }
  }
}

KERNEL_TEST(DynamicProgrammingKernels, rows_and_triangles_agree_with_the_reference) {
  Random random(3);
  for (Index n : {0, 1, 2, 31, 100})
    for (Index batch : {1, 2, 7, 8, 16, 17, 63, 64, 100})
      for (bool descending : {false, true}) {
        SCOPED_TRACE("rows " + std::to_string(n) + " batch " + std::to_string(batch));
        Indices begin{0}, column;
        for (Index i = 0; i < n; ++i) {
          const Index from = descending ? i + 1 : 0, to = descending ? n : i;
          for (int e = 0; e < 4 && from < to; ++e)
            column.push_back(static_cast<std::int32_t>(random.integer(from, to - 1)));
          begin.push_back(static_cast<std::int32_t>(column.size()));
        }
        const Index entries = static_cast<Index>(column.size());
        const auto weight = on.rounded(random.uniforms(entries, -0.2, 0.2));
        const auto inverse = on.rounded(random.uniforms(n, 0.5, 1.5));
        const auto x = on.rounded(random.uniforms(n * batch, -1, 1));
        const auto b = on.rounded(random.uniforms(n * batch, -1, 1));
        const Array<std::int32_t> begin_there = on.of(begin), column_there = on.of(column);
        const Array<T> weight_there = on.array(weight), inverse_there = on.array(inverse);
        const Array<T> x_there = on.array(x), b_there = on.array(b);
        const SparseRows<double> here{n, begin.data(), column.data(), weight.data()};
        const SparseRows<T> there{n, begin_there, column_there, weight_there};
        for (bool with : {false, true}) {
          std::vector<double> y(n * batch), solved = x, out(entries, 1.0);
          Array<T> y_found = on.poisoned(n * batch), solved_found = on.array(x);
          Array<T> out_found = on.array(out);
          reference.multiply(on.host_stream(), here, batch, x.data(), with ? b.data() : nullptr,
                             y.data());
          kernels.multiply(on.team_stream(), there, batch, x_there, with ? b_there.data() : nullptr,
                           y_found);
          EXPECT_TRUE(close(y_found, y, roundings, 10 * unit<T>));
          reference.sampled_product(on.host_stream(), here, batch, x.data(), b.data(), out.data());
          kernels.sampled_product(on.team_stream(), there, batch, x_there, b_there, out_found);
          EXPECT_TRUE(close(out_found, out, roundings, 100 * unit<T>));
          reference.solve_triangular(on.host_stream(), here, with ? inverse.data() : nullptr,
                                     descending, batch, solved.data());
          kernels.solve_triangular(on.team_stream(), there, with ? inverse_there.data() : nullptr,
                                   descending, batch, solved_found);
          // Errors pass from row to row as the values do. Of a row's own sum of at most four terms
          // each is rounded twice, then the quotient: 8 roundings of their sizes.
          std::vector<double> sizes(n * batch), solved_sizes = solved, minus = weight;
          for (double& one : minus) one = -std::abs(one);
          std::vector<double> plus = minus, right = x;
          for (double& one : plus) one = -one;
          for (double& one : solved_sizes) one = std::abs(one);
          for (double& one : right) one = std::abs(one);
          reference.multiply(on.host_stream(), {n, begin.data(), column.data(), plus.data()}, batch,
                             solved_sizes.data(), right.data(), sizes.data());
          reference.solve_triangular(
              on.host_stream(), {n, begin.data(), column.data(), minus.data()},
              with ? inverse.data() : nullptr, descending, batch, sizes.data());
          for (double& one : sizes) one *= 8 * unit<T>;
          EXPECT_TRUE(close(solved_found, solved, sizes));
        }
      }
}

KERNEL_TEST(DynamicProgrammingKernels, maximum_change_sees_infinities_and_nan) {
  Random random(4);
  for (Index n : {0, 1, 15, 16, 17, 1000, 100001}) {
    auto a = on.rounded(random.uniforms(n, -1, 1));
    const auto b = on.rounded(random.uniforms(n, -1, 1));
    double expected = 0;
    auto change = [&](const std::vector<double>& x, const std::vector<double>& y) {
      const Array<T> x_there = on.array(x), y_there = on.array(y);
      Array<T> result = on.poisoned(1);
      kernels.maximum_change(on.team_stream(), n, x_there, y_there, result);
      return static_cast<double>(result.host()[0]);
    };
    reference.maximum_change(on.host_stream(), n, a.data(), b.data(), &expected);
    EXPECT_NEAR(change(a, b), expected, 2 * unit<T>);
    if (n == 0) continue;
    const Index i = random.integer(0, n - 1);
    auto with = [i](std::vector<double> x, double xi) {
      x[static_cast<std::size_t>(i)] = xi;
      return x;
    };
    EXPECT_TRUE(std::isfinite(change(with(a, -INFINITY), with(b, -INFINITY))));
    EXPECT_TRUE(std::isinf(change(a, with(b, -INFINITY))));
    EXPECT_TRUE(std::isnan(change(with(a, NAN), b)));
  }
}

// A torus whose states lead along four directions, numbered by rows, so that blocks share programs,
// with some states cut off, some with a pair too many and some that lead anywhere.
Case regular_case(Random& random, Index height, Index width) {
  Case c;
  c.states = height * width;
  c.batch = 1;
  for (Index s = 0; s < c.states; ++s) {
    const Index kind = random.integer(0, 29), y = s / width, x = s % width;
    const Index next[4] = {(y + 1) % height * width + x, y * width + (x + 1) % width,
                           (y + height - 1) % height * width + x,
                           y * width + (x + width - 1) % width};
    for (Index a = 0; a < (kind == 0 ? 0 : kind == 1 ? 4 : 3); ++a) {
      for (Index m = 0; m < 3; ++m) {
        const Index to = kind == 2 ? random.integer(0, c.states - 1) : next[(a + m) % 4];
        c.next_state.push_back(static_cast<std::int32_t>(to));
        c.probability.push_back(m == 0 ? 0.5 : 0.25);
      }
      c.transition_begin.push_back(static_cast<std::int32_t>(c.next_state.size()));
    }
    c.pair_begin.push_back(static_cast<std::int32_t>(c.pairs()));
  }
  return c;
}

// Packed backups against those of the sparse form, and the chain of the policy they chose.
KERNEL_TEST(DynamicProgrammingKernels, packed_backups_agree_with_the_reference) {
  Random random(7);
  for (int which = 0; which < 9; ++which) {
    const Shape& shape = shapes[2 * which];
    const Case c = which < 3
                       ? regular_case(random, 3 + 20 * which, 7 + 30 * which)
                       : random_case(random, shape.states, shape.actions, shape.successors, 1);
    SCOPED_TRACE("case " + std::to_string(which) + ", states " + std::to_string(c.states));
    const PackedStore<double> wide(c.dynamics());
    const PackedStore<T> store(c.dynamics());
    if (which == 1 || which == 2) {
      EXPECT_LT(store.plain_blocks(), c.states / 64);
    }
    const Placed<T> placed(on, c);
    auto reward = on.rounded(random.uniforms(c.pairs(), -3, 1));
    for (double spread : {5.0, 500.0}) {
      auto value = on.rounded(random.uniforms(c.states, -spread, spread));
      for (Index i = 0; i < c.states; i += 11) value[i] = -INFINITY;
      const auto packed_reward = store.pack_pairs(c.dynamics(), reward.data());
      const std::vector<double> packed_wide(packed_reward.begin(), packed_reward.end());
      const Array<T> r = on.array(reward), v = on.array(value), pr = on.array(packed_wide);
      const Array<PackedBlock> block = on.of(store.block);
      const Array<std::uint16_t> code = on.of(store.code);
      const Array<std::int32_t> index = on.of(store.index);
      const Array<T> coefficient =
          on.array(std::vector<double>(store.coefficient.begin(), store.coefficient.end()));
      PackedDynamics<T> there = store.view();
      there.block = block;
      there.code = code;
      there.index = index;
      there.coefficient = coefficient;
      for (Backup backup : {Backup::max, Backup::log_sum_exp})
        for (Expectation expectation : {Expectation::causal, Expectation::log_mean_exp}) {
          const bool chained = expectation == Expectation::causal;
          std::vector<double> next(c.states), chain(there.chain);
          reference.packed_backup(on.host_stream(), c.dynamics(), wide.view(),
                                  {backup, expectation, 0.75}, reward.data(), nullptr, value.data(),
                                  next.data(), chained ? chain.data() : nullptr);
          Array<T> found = on.poisoned(c.states), alone = on.poisoned(c.states);
          Array<T> chain_found = on.poisoned(there.chain);
          kernels.packed_backup(on.team_stream(), placed.dynamics(), there,
                                {backup, expectation, T(0.75)}, r, pr, v, found,
                                chained ? chain_found.data() : nullptr);
          EXPECT_TRUE(close(found, next, roundings, 4 * spread * unit<T>));
          kernels.packed_backup(on.stream(), placed.dynamics(), there,
                                {backup, expectation, T(0.75)}, r, pr, v, alone, nullptr);
          EXPECT_TRUE(same_bits(alone.host(), found.host()));
          // A hard choice between pairs of the same value but for rounding may fall either way, and
          // no two of these random ones are so near. exp turns an absolute error into a relative.
          if (chained) {
            EXPECT_TRUE(close(chain_found, chain, roundings * spread, unit<T>));
          }
        }
    }
  }
}

const Index grids[][2] = {{1, 1},   {1, 2},   {2, 1},  {3, 3},  {1, 40},   {40, 1},  {15, 16},
                          {16, 17}, {17, 31}, {9, 33}, {8, 32}, {18, 256}, {2, 257}, {19, 530}};

KERNEL_TEST(DynamicProgrammingKernels, grids_agree_with_the_reference) {
  Random random(5);
  for (const auto& [height, width] : grids)
    for (bool stay : {false, true})
      // A range that shared exponentials hold, one that they do not, and one cell far above a tile.
      for (double range : {1.0, 3000.0, -1.0}) {
        const Index n = height * width;
        if (on.is_cuda && n > 9000 && range != 1.0) continue;  // the emulator has seen its tiles
        SCOPED_TRACE("grid " + std::to_string(height) + "x" + std::to_string(width) + " range " +
                     std::to_string(range));
        const GridDynamics<double> here{height, width, stay, 0.625, 0.125, 0.0625};
        const GridDynamics<T> there{height, width, stay, T(0.625), T(0.125), T(0.0625)};
        const auto reward = on.rounded(random.uniforms(n, -1, 1));
        auto value = on.rounded(random.uniforms(n, -std::abs(range), std::abs(range)));
        if (range < 0 && n > 1) value[n / 2] = 4000;
        const auto occupancy = on.rounded(random.uniforms(n, 0, 1));
        const auto source = on.rounded(random.uniforms(n, 0, 1));
        const auto total = on.rounded(random.uniforms(n, 0, 5));
        const Array<T> r = on.array(reward), v = on.array(value), d = on.array(occupancy);
        const Array<T> b = on.array(source);
        const double size = range == 1.0 ? 10 : 4000;  // of the terms
        for (Backup backup : {Backup::max, Backup::log_sum_exp}) {
          std::vector<double> next(n);
          Array<T> next_found = on.poisoned(n), alone = on.poisoned(n);
          reference.grid_backup(on.host_stream(), here, backup, 0.875, reward.data(), value.data(),
                                next.data());
          kernels.grid_backup(on.team_stream(), there, backup, T(0.875), r, v, next_found);
          EXPECT_TRUE(close(next_found, next, roundings, 10 * size * unit<T>));
          kernels.grid_backup(on.stream(), there, backup, T(0.875), r, v, alone);
          EXPECT_TRUE(same_bits(alone.host(), next_found.host()));
        }
        for (bool with : {false, true}) {
          std::vector<double> next(n), sum = total;
          Array<T> next_found = on.poisoned(n), sum_found = on.array(total);
          reference.grid_forward(on.host_stream(), here, 0.875, 0.75,
                                 with ? source.data() : nullptr, value.data(), occupancy.data(),
                                 next.data(), with ? sum.data() : nullptr);
          kernels.grid_forward(on.team_stream(), there, T(0.875), T(0.75),
                               with ? b.data() : nullptr, v, d, next_found,
                               with ? sum_found.data() : nullptr);
          // exp turns an exponent's absolute error, some units of the largest, into a relative one.
          EXPECT_TRUE(close(next_found, next, 10 * size, 10 * size * unit<T>));
          EXPECT_TRUE(close(sum_found, sum, 10 * size, 10 * size * unit<T>));
        }
      }
}

// Occupancy is neither made nor lost.
KERNEL_TEST(DynamicProgrammingKernels, grid_forward_conserves) {
  Random random(6);
  const Index n = 37 * 300;
  const GridDynamics<T> grid{37, 300, true, T(0.7), T(0), T(0.075)};
  const auto occupancy = random.uniforms(n, 0, 1);
  const Array<T> v = on.array(random.uniforms(n, -2, 2)), d = on.array(occupancy);
  Array<T> next = on.poisoned(n);
  kernels.grid_forward(on.stream(), grid, T(0.9), T(1), nullptr, v, d, next, nullptr);
  double before = 0, after = 0;
  for (double x : occupancy) before += x;
  for (T x : next.host()) after += static_cast<double>(x);
  // 11,100 cells, each with an error of some roundings, mostly of random sign.
  EXPECT_NEAR(after / before, 1.0, 20 * unit<T>);
}

}  // namespace
}  // namespace understudy
