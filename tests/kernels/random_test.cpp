// Random numbers: the published answers, the definitions, the distributions, and the same bits from
// every implementation.

#include "kernels/random/random.h"

#include <algorithm>
#include <map>

#include "tests/kernels/kernel_test.h"

namespace understudy {
namespace {

using namespace kernel_test;

// Words of a block as published with Random123, the authors' own code (tests/kat_vectors).
struct KnownAnswer {
  std::uint64_t index, stream, seed;
  std::uint32_t words[4];
};
const KnownAnswer known_answers[] = {
    {0, 0, 0, {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
    {~0ull, ~0ull, ~0ull, {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
    {0x85a308d3243f6a88,
     0x0370734413198a2e,
     0x299f31d0a4093822,
     {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}},
};

KERNEL_TEST(RandomKernels, gives_the_published_answers) {
  for (const KnownAnswer& known : known_answers) {
    auto counter = on.template of<std::uint64_t>({known.index});
    const std::int64_t n = sizeof(T) == 4 ? 4 : 2;
    Array y = on.poisoned(n);
    kernels.uniform(on.stream(), {known.seed, known.stream}, counter, 0, 0, n, y);
    const std::vector<T> found = y.host();
    for (std::size_t i = 0; i < found.size(); ++i) {
      // all of a word's bits that fit into the number
      const double expected =
          sizeof(T) == 4
              ? (known.words[i] >> 8) * 0x1p-24
              : static_cast<double>(
                    (std::uint64_t{known.words[2 * i + 1]} << 32 | known.words[2 * i]) >> 11) *
                    0x1p-53;
      EXPECT_EQ(static_cast<double>(found[i]), expected);
    }
  }
}

// The number of element i as an integer of `width` bits: a uniform draw has all but 8 (f32) or 11
// (f64) of them, and the rest of the draws are defined by fewer.
template <class T>
double middle(T uniform) {
  // uniform = j 2^-24; the middle of its interval of 2^-23
  const double steps = sizeof(T) == 4 ? 0x1p23 : 0x1p52;
  return (std::floor(static_cast<double>(uniform) * steps) + 0.5) / steps;
}

template <class T>
std::vector<T> portable_draw(void (*RandomKernels<T>::*which)(Stream&, RandomState,
                                                              const std::uint64_t*, std::uint64_t,
                                                              std::int64_t, std::int64_t, T*),
                             RandomState state, std::uint64_t offset, std::int64_t first,
                             std::int64_t n) {
  const auto kernels = cpu_kernels<RandomKernels, InstructionSet::portable>().of<T>();
  Stream stream;
  std::vector<T> y(static_cast<std::size_t>(n));
  (kernels.*which)(stream, state, &offset, 0, first, n, y.data());
  return y;
}

KERNEL_TEST(RandomKernels, draws_are_what_the_contract_says) {
  const RandomState state = {12345, 678};
  const std::int64_t n = 3000;
  auto counter = on.template of<std::uint64_t>({90});
  Array uniform = on.poisoned(n), normal = on.poisoned(n), gumbel = on.poisoned(n);
  kernels.uniform(on.stream(), state, counter, 10, 0, n, uniform);
  kernels.normal(on.stream(), state, counter, 10, 0, n, normal);
  kernels.gumbel(on.stream(), state, counter, 10, 0, n, gumbel);
  const std::vector<T> u = uniform.host();
  std::vector<double> expected_normal, expected_gumbel;
  for (std::size_t i = 0; i < u.size(); ++i) {
    EXPECT_GE(u[i], 0);
    EXPECT_LT(u[i], 1);
    const long double radius = std::sqrt(-2 * std::log((long double)middle(u[i / 2 * 2])));
    const long double angle = 6.283185307179586476925L * middle(u[i / 2 * 2 + 1]);
    expected_normal.push_back(
        static_cast<double>(radius * (i % 2 == 0 ? std::cos(angle) : std::sin(angle))));
    expected_gumbel.push_back(static_cast<double>(-std::log(-std::log((long double)middle(u[i])))));
  }
  // 2 ulp of the logarithm halved by the root, 2 of the circle, and the root's and product's: 8
  // roundings. The outer logarithm of a Gumbel draw is taken of a rounded number, which moves it by
  // some 2 ulp of 1 however small it is.
  const double unit = std::numeric_limits<T>::epsilon() / 2;
  EXPECT_TRUE(close(normal, expected_normal, 8));
  EXPECT_TRUE(close(gumbel, expected_gumbel, 4, 4 * unit));
}

KERNEL_TEST(RandomKernels, agree_with_the_reference) {
  if constexpr (sizeof(T) == 8) {
    const RandomState state = {1, 2};
    const std::uint64_t zero = 7;
    auto counter = on.template of<std::uint64_t>({7});
    const std::int64_t n = 501;
    Random random(3);
    const std::vector<double> logits = random.normals(n);
    std::vector<double> uniform(n), normal(n), gumbel(n);
    reference.uniform(on.host_stream(), state, &zero, 3, 11, n, uniform.data());
    reference.normal(on.host_stream(), state, &zero, 3, 11, n, normal.data());
    reference.gumbel(on.host_stream(), state, &zero, 3, 11, n, gumbel.data());
    Array y = on.poisoned(n);
    kernels.uniform(on.stream(), state, counter, 3, 11, n, y);
    EXPECT_TRUE(same_bits(y.host(), uniform));
    kernels.normal(on.stream(), state, counter, 3, 11, n, y);
    EXPECT_TRUE(close(y, normal, 8));  // as above
    kernels.gumbel(on.stream(), state, counter, 3, 11, n, y);
    EXPECT_TRUE(close(y, gumbel, 4, 4e-16));

    for (std::int64_t width : {1, 3, 167}) {
      const std::int64_t rows = n / width;
      std::vector<std::int32_t> expected(static_cast<std::size_t>(rows));
      reference.categorical(on.host_stream(), state, &zero, 3, 5 * width, rows, width,
                            logits.data(), expected.data());
      Array x = on.array(logits);
      auto index = on.template poisoned_of<std::int32_t>(rows);
      kernels.categorical(on.stream(), state, counter, 3, 5 * width, rows, width, x, index);
      EXPECT_TRUE(same_bits(index.host(), expected));
    }
    for (std::int64_t m : {0, 1, 2, 3, 5, 100, 127, 128, 129, 130, 1000, 4096, 5000}) {
      std::vector<std::int32_t> expected(static_cast<std::size_t>(m));
      reference.permutation(on.host_stream(), state, &zero, 3, m, expected.data());
      auto index = on.template poisoned_of<std::int32_t>(m);
      kernels.permutation(on.stream(), state, counter, 3, m, index);
      EXPECT_TRUE(same_bits(index.host(), expected)) << m;
    }
  }
}

KERNEL_TEST(RandomKernels, every_implementation_gives_the_same_bits_wherever_a_call_begins) {
  const RandomState state = {99, 5};
  const std::uint64_t offset = 0xfffffff0;  // the index carries into its second word
  const auto all_uniform = portable_draw(&RandomKernels<T>::uniform, state, offset, 0, 2100);
  const auto all_normal = portable_draw(&RandomKernels<T>::normal, state, offset, 0, 2100);
  const auto all_gumbel = portable_draw(&RandomKernels<T>::gumbel, state, offset, 0, 2100);
  auto part = [](const std::vector<T>& all, std::int64_t first, std::int64_t n) {
    return std::vector<T>(all.begin() + first, all.begin() + first + n);
  };
  auto counter = on.template of<std::uint64_t>({offset});
  on.misalignment = 1;
  for (std::int64_t n : awkward_sizes(1025)) {
    for (std::int64_t first : {0, 1, 6, 63, 64, 1001}) {
      Array y = on.poisoned(n), z = on.poisoned(n), g = on.poisoned(n);
      kernels.uniform(on.stream(), state, counter, 0, first, n, y);
      kernels.normal(on.stream(), state, counter, 0, first, n, z);
      kernels.gumbel(on.stream(), state, counter, 0, first, n, g);
      ASSERT_TRUE(same_bits(y.host(), part(all_uniform, first, n))) << first << " " << n;
      ASSERT_TRUE(same_bits(z.host(), part(all_normal, first, n))) << first << " " << n;
      ASSERT_TRUE(same_bits(g.host(), part(all_gumbel, first, n))) << first << " " << n;
    }
  }
}

KERNEL_TEST(RandomKernels, a_team_gives_the_same_bits) {
  if (on.is_cuda) return;
  const RandomState state = {7, 8};
  const std::int64_t n = 70001, width = 7, rows = n / width;
  auto counter = on.template of<std::uint64_t>({1});
  Array one = on.poisoned(n), many = on.poisoned(n);
  kernels.normal(on.stream(), state, counter, 0, 3, n, one);
  kernels.normal(on.team_stream(), state, counter, 0, 3, n, many);
  EXPECT_TRUE(same_bits(many.host(), one.host()));
  auto alone = on.template poisoned_of<std::int32_t>(n);
  auto split = on.template poisoned_of<std::int32_t>(n);
  kernels.categorical(on.stream(), state, counter, 0, 0, rows, width, one, alone);
  kernels.categorical(on.team_stream(), state, counter, 0, 0, rows, width, one, split);
  EXPECT_TRUE(same_bits(split.host(), alone.host()));
  kernels.permutation(on.stream(), state, counter, 0, n, alone);
  kernels.permutation(on.team_stream(), state, counter, 0, n, split);
  EXPECT_TRUE(same_bits(split.host(), alone.host()));
}

KERNEL_TEST(RandomKernels, counts_on) {
  auto counter = on.template of<std::uint64_t>({40});
  kernels.advance(on.stream(), counter, 0xffffffffffull);
  kernels.advance(on.stream(), counter, blocks_uniform<T>(9));
  EXPECT_EQ(counter.host()[0], 40 + 0xffffffffffull + (sizeof(T) == 4 ? 3 : 5));
}

KERNEL_TEST(RandomKernels, categorical_never_draws_what_is_impossible) {
  const double none = -INFINITY;
  auto counter = on.template of<std::uint64_t>({0});
  Array x = on.array({none, 1.0, none, none, none, none, 800.0, 1.0, -800.0});
  auto index = on.template poisoned_of<std::int32_t>(3);
  for (std::uint64_t skip = 0; skip < 40; ++skip) {
    kernels.categorical(on.stream(), {3, 0}, counter, 9 * skip, 0, 3, 3, x, index);
    EXPECT_EQ(index.host(), (std::vector<std::int32_t>{1, 0, 0}));
  }
  // rows of none: nothing to choose from
  auto empty = on.template poisoned_of<std::int32_t>(2);
  kernels.categorical(on.stream(), {3, 0}, counter, 0, 0, 2, 0, x, empty);
  EXPECT_EQ(empty.host(), (std::vector<std::int32_t>{0, 0}));
}

// ---- distributions: of the portable kernels, whose bits are everybody's ----

// The largest distance between the sample's distribution function and `distribution`, times sqrt n.
// Above 2.3 once in 20,000 samples (Kolmogorov); the draws are fixed, so that the test cannot fail
// now and then.
template <class T, class F>
double kolmogorov(std::vector<T> sample, const F& distribution) {
  std::sort(sample.begin(), sample.end());
  const double n = static_cast<double>(sample.size());
  double largest = 0;
  for (std::size_t i = 0; i < sample.size(); ++i) {
    const double p = distribution(static_cast<double>(sample[i]));
    largest =
        std::max({largest, p - static_cast<double>(i) / n, static_cast<double>(i + 1) / n - p});
  }
  return largest * std::sqrt(n);
}

template <class T>
class RandomDistributions : public testing::Test {};
using Numbers = testing::Types<float, double>;
TYPED_TEST_SUITE(RandomDistributions, Numbers);

TYPED_TEST(RandomDistributions, follow_their_distribution_functions) {
  using T = TypeParam;
  for (std::uint64_t seed : {1, 2, 3}) {
    const RandomState state = {seed, 4};
    const std::int64_t n = 100000;
    EXPECT_LT(kolmogorov(portable_draw(&RandomKernels<T>::uniform, state, 0, 0, n),
                         [](double x) { return x; }),
              2.3);
    EXPECT_LT(kolmogorov(portable_draw(&RandomKernels<T>::normal, state, 0, 0, n),
                         [](double x) { return std::erfc(-x / std::sqrt(2.0)) / 2; }),
              2.3);
    EXPECT_LT(kolmogorov(portable_draw(&RandomKernels<T>::gumbel, state, 0, 0, n),
                         [](double x) { return std::exp(-std::exp(-x)); }),
              2.3);
  }
}

TYPED_TEST(RandomDistributions, normals_have_the_moments_and_no_correlation) {
  using T = TypeParam;
  const std::int64_t n = 1000000;
  const std::vector<T> z = portable_draw(&RandomKernels<T>::normal, {5, 6}, 0, 0, n);
  double moment[5] = {}, neighbors = 0, blocks = 0;
  for (std::size_t i = 0; i < z.size(); ++i) {
    double power = 1;
    for (double& m : moment) m += power, power *= static_cast<double>(z[i]);
    if (i + 1 < z.size()) neighbors += static_cast<double>(z[i]) * static_cast<double>(z[i + 1]);
    if (i + 4 < z.size()) blocks += static_cast<double>(z[i]) * static_cast<double>(z[i + 4]);
  }
  // four standard deviations of each mean: those of z, z^2, z^3, z^4 are 1, sqrt 2, sqrt 15, sqrt
  // 96
  const double four = 4 / std::sqrt(static_cast<double>(n));
  EXPECT_NEAR(moment[1] / n, 0, four);
  EXPECT_NEAR(moment[2] / n, 1, four * std::sqrt(2.0));
  EXPECT_NEAR(moment[3] / n, 0, four * std::sqrt(15.0));
  EXPECT_NEAR(moment[4] / n, 3, four * std::sqrt(96.0));
  EXPECT_NEAR(neighbors / n, 0, four);
  EXPECT_NEAR(blocks / n, 0, four);
}

TYPED_TEST(RandomDistributions, streams_and_seeds_are_apart) {
  using T = TypeParam;
  const auto draw = [](RandomState state) {
    return portable_draw(&RandomKernels<T>::uniform, state, 0, 0, 64);
  };
  EXPECT_NE(draw({1, 1}), draw({1, 2}));
  EXPECT_NE(draw({1, 1}), draw({2, 1}));
  EXPECT_NE(draw({1, 0}), draw({1ull << 32, 0}));
  EXPECT_NE(draw({0, 1}), draw({0, 1ull << 32}));
}

TYPED_TEST(RandomDistributions, categorical_draws_from_the_softmax) {
  using T = TypeParam;
  const auto kernels = cpu_kernels<RandomKernels, InstructionSet::portable>().of<T>();
  const std::vector<T> one_row = {T(0.5), T(-1), T(2), T(0), T(1.2)};
  const std::int64_t rows = 200000, n = 5;
  std::vector<T> x;
  double total = 0;
  for (T value : one_row) total += std::exp(static_cast<double>(value));
  for (std::int64_t r = 0; r < rows; ++r) x.insert(x.end(), one_row.begin(), one_row.end());
  std::vector<std::int32_t> index(static_cast<std::size_t>(rows));
  Stream stream;
  const std::uint64_t counter = 0;
  kernels.categorical(stream, {11, 12}, &counter, 0, 0, rows, n, x.data(), index.data());
  double chi_square = 0;
  for (std::size_t j = 0; j < one_row.size(); ++j) {
    const double expected =
        static_cast<double>(rows) * std::exp(static_cast<double>(one_row[j])) / total;
    const double found =
        static_cast<double>(std::count(index.begin(), index.end(), static_cast<std::int32_t>(j)));
    chi_square += (found - expected) * (found - expected) / expected;
  }
  EXPECT_LT(chi_square, 23.5);  // 4 degrees of freedom: above once in 10,000
}

std::vector<std::int32_t> permutation(std::uint64_t seed, std::uint64_t offset, std::int64_t n) {
  const auto kernels = cpu_kernels<RandomKernels, InstructionSet::portable>().of<float>();
  Stream stream;
  std::vector<std::int32_t> index(static_cast<std::size_t>(n), -1);
  kernels.permutation(stream, {seed, 0}, &offset, 0, n, index.data());
  return index;
}

TEST(RandomPermutation, is_one) {
  for (std::int64_t n : {1, 2, 3, 7, 64, 128, 129, 255, 256, 257, 1000, 1024, 1025, 65537}) {
    std::vector<std::int32_t> index = permutation(3, 1, n);
    std::sort(index.begin(), index.end());
    for (std::int64_t i = 0; i < n; ++i) ASSERT_EQ(index[static_cast<std::size_t>(i)], i) << n;
  }
}

TEST(RandomPermutation, short_ones_are_equally_likely) {
  std::map<std::vector<std::int32_t>, int> seen;
  const int draws = 24000;
  for (std::uint64_t draw = 0; draw < draws; ++draw) ++seen[permutation(1, draw, 4)];
  EXPECT_EQ(seen.size(), 24u);
  double chi_square = 0;
  for (const auto& [order, count] : seen) chi_square += (count - 1000.0) * (count - 1000.0) / 1000;
  EXPECT_LT(chi_square, 58);  // 23 degrees of freedom: above once in 10,000
}

TEST(RandomPermutation, long_ones_send_every_element_everywhere) {
  // where elements 0, 1 and n - 1 of 200 go, and how far apart neighbors land
  const std::int64_t n = 200;
  const int draws = 20000;
  for (std::size_t element : {0, 1, 199}) {
    std::vector<int> place(static_cast<std::size_t>(n), 0), step(static_cast<std::size_t>(n), 0);
    for (std::uint64_t draw = 0; draw < draws; ++draw) {
      const std::vector<std::int32_t> index = permutation(2, 3 * draw, n);
      ++place[static_cast<std::size_t>(index[element])];
      const std::int64_t next = index[(element + 1) % 200];
      ++step[static_cast<std::size_t>((next - index[element] + n) % n)];
    }
    double of_place = 0, of_step = 0;
    for (std::size_t i = 0; i < place.size(); ++i) {
      of_place += (place[i] - 100.0) * (place[i] - 100.0) / 100;
      const double expected = draws / 199.0;
      if (i != 0) of_step += (step[i] - expected) * (step[i] - expected) / expected;
    }
    // 199 and 198 degrees of freedom: above 285 once in 10,000
    EXPECT_LT(of_place, 285) << element;
    EXPECT_LT(of_step, 285) << element;
    EXPECT_EQ(step[0], 0);
  }
}

}  // namespace
}  // namespace understudy
