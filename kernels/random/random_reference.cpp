#include <cmath>
#include <limits>
#include <vector>

#include "kernels/random/random.h"

namespace understudy::reference {

namespace {

struct Block {
  std::uint32_t word[4];
};

// Philox-4x32-10, as in the paper's section 4.3. Multiplying by an odd constant and splitting the
// product into halves is a bijection of a word that mixes its bits upwards; the key, increased by a
// Weyl sequence, makes each round another one.
Block philox(std::uint64_t index, std::uint64_t stream, std::uint64_t seed) {
  std::uint32_t counter[4] = {
      static_cast<std::uint32_t>(index), static_cast<std::uint32_t>(index >> 32),
      static_cast<std::uint32_t>(stream), static_cast<std::uint32_t>(stream >> 32)};
  std::uint32_t key[2] = {static_cast<std::uint32_t>(seed), static_cast<std::uint32_t>(seed >> 32)};
  for (int round = 0; round < 10; ++round) {
    const std::uint64_t product0 = std::uint64_t{0xD2511F53} * counter[0];
    const std::uint64_t product1 = std::uint64_t{0xCD9E8D57} * counter[2];
    const std::uint32_t next[4] = {static_cast<std::uint32_t>(product1 >> 32) ^ counter[1] ^ key[0],
                                   static_cast<std::uint32_t>(product1),
                                   static_cast<std::uint32_t>(product0 >> 32) ^ counter[3] ^ key[1],
                                   static_cast<std::uint32_t>(product0)};
    for (int i = 0; i < 4; ++i) counter[i] = next[i];
    key[0] += 0x9E3779B9;
    key[1] += 0xBB67AE85;
  }
  return {{counter[0], counter[1], counter[2], counter[3]}};
}

// The 64 bits of element i.
std::uint64_t bits(const RandomState& state, std::uint64_t offset, std::int64_t i) {
  const std::uint64_t element = static_cast<std::uint64_t>(i);
  const Block block = philox(offset + element / 2, state.stream, state.seed);
  const std::uint32_t* pair = block.word + 2 * (element % 2);
  return std::uint64_t{pair[1]} << 32 | pair[0];
}

// In (0, 1): the middle of one of 2^52 intervals.
double open_uniform(std::uint64_t bits) {
  return static_cast<double>(2 * (bits >> 12) + 1) * 0x1p-53;
}

double gumbel_of(std::uint64_t bits) { return -std::log(-std::log(open_uniform(bits))); }

void uniform(Stream&, RandomState state, const std::uint64_t* counter, std::uint64_t skip,
             std::int64_t first, std::int64_t n, double* y) {
  for (std::int64_t i = 0; i < n; ++i)
    y[i] = static_cast<double>(bits(state, *counter + skip, first + i) >> 11) * 0x1p-53;
}

void normal(Stream&, RandomState state, const std::uint64_t* counter, std::uint64_t skip,
            std::int64_t first, std::int64_t n, double* y) {
  const long double circle = 6.283185307179586476925286766559L;
  for (std::int64_t i = 0; i < n; ++i) {
    const std::int64_t element = first + i, even = element / 2 * 2;
    const double radius =
        std::sqrt(-2 * std::log(open_uniform(bits(state, *counter + skip, even))));
    // in long double, so that 2 pi u is not rounded to double before the sine
    const long double angle = circle * open_uniform(bits(state, *counter + skip, even + 1));
    y[i] = radius * static_cast<double>(element == even ? std::cos(angle) : std::sin(angle));
  }
}

void gumbel(Stream&, RandomState state, const std::uint64_t* counter, std::uint64_t skip,
            std::int64_t first, std::int64_t n, double* y) {
  for (std::int64_t i = 0; i < n; ++i) y[i] = gumbel_of(bits(state, *counter + skip, first + i));
}

// The Gumbel-max trick: P(argmax_j (x_j + g_j) = k) = exp(x_k) / sum_j exp(x_j).
void categorical(Stream&, RandomState state, const std::uint64_t* counter, std::uint64_t skip,
                 std::int64_t first, std::int64_t rows, std::int64_t n, const double* x,
                 std::int32_t* index) {
  for (std::int64_t r = 0; r < rows; ++r) {
    double best = -std::numeric_limits<double>::infinity();
    index[r] = 0;
    for (std::int64_t j = 0; j < n; ++j) {
      const std::int64_t element = r * n + j;
      const double value = x[element] + gumbel_of(bits(state, *counter + skip, first + element));
      if (value > best) {
        best = value;
        index[r] = static_cast<std::int32_t>(j);
      }
    }
  }
}

// A round of the Feistel network: an arbitrary function of one half, which is added to the other.
std::uint32_t round_function(std::uint32_t half, std::uint32_t key) {
  std::uint32_t x = (half ^ key) * 0x9E3779B1u;
  x = (x ^ (x >> 15)) * 0x85EBCA6Bu;
  return x ^ (x >> 13);
}

void permutation(Stream&, RandomState state, const std::uint64_t* counter, std::uint64_t skip,
                 std::int64_t n, std::int32_t* index) {
  const std::uint64_t offset = *counter + skip;
  std::vector<std::uint32_t> words;
  for (std::uint64_t block = 0; block < blocks_permutation(n); ++block)
    for (std::uint32_t word : philox(offset + block, state.stream, state.seed).word)
      words.push_back(word);

  if (n <= most_shuffled) {
    // from the last place down, each takes one of those not yet placed
    for (std::int64_t i = 0; i < n; ++i) index[i] = static_cast<std::int32_t>(i);
    for (std::int64_t i = n - 1; i > 0; --i) {
      const std::int64_t j = static_cast<std::int64_t>(
          words[static_cast<std::size_t>(i)] * static_cast<std::uint64_t>(i + 1) >> 32);
      const std::int32_t moved = index[i];
      index[i] = index[j];
      index[j] = moved;
    }
    return;
  }

  int bits = 0;
  while ((std::int64_t{1} << bits) < n) ++bits;
  const int low_bits = bits / 2, high_bits = bits - low_bits;
  for (std::int64_t i = 0; i < n; ++i) {
    std::uint32_t value = static_cast<std::uint32_t>(i);
    do {
      std::uint32_t low = value % (1u << low_bits), high = value / (1u << low_bits);
      for (std::size_t round = 0; round < 12; round += 2) {
        low ^= round_function(high, words[round]) >> (32 - low_bits);
        high ^= round_function(low, words[round + 1]) >> (32 - high_bits);
      }
      value = high * (1u << low_bits) + low;
    } while (value >= n);
    index[i] = static_cast<std::int32_t>(value);
  }
}

void advance(Stream&, std::uint64_t* counter, std::uint64_t blocks) { *counter += blocks; }

constexpr RandomKernels<double> kernels = {uniform,     normal,      gumbel,
                                           categorical, permutation, advance};

}  // namespace
}  // namespace understudy::reference

namespace understudy {
template <>
RandomKernels<double> reference_kernels<RandomKernels>() {
  return reference::kernels;
}
}  // namespace understudy
