// Random numbers for resets: Philox-4x32-10 (Salmon, Moraes, Dror & Shaw, SC 2011), for one
// environment.
//
// The key is the seed; the counter is the block's index (64 bits) and the stream (64 bits), as in
// kernels/random/random.h. An environment's number is its stream, so that what it draws depends
// neither on the batch nor on the device. A reset uses one word a draw: 24 bits of it in f32, all
// 32 in f64, so that an episode begins at the same place in both.

#pragma once

#include <cstdint>

#include "envs/arithmetic.h"

namespace understudy {

struct Philox {
  static constexpr std::uint32_t multiplier_0 = 0xD2511F53u, multiplier_1 = 0xCD9E8D57u;
  static constexpr std::uint32_t weyl_0 = 0x9E3779B9u, weyl_1 = 0xBB67AE85u;

  // The four words of block `index` of `stream`.
  static UNDERSTUDY_HOST_DEVICE void block(std::uint64_t seed, std::uint64_t stream,
                                           std::uint64_t index, std::uint32_t* words) {
    std::uint32_t key_0 = std::uint32_t(seed), key_1 = std::uint32_t(seed >> 32);
    std::uint32_t a = std::uint32_t(index), b = std::uint32_t(index >> 32);
    std::uint32_t c = std::uint32_t(stream), d = std::uint32_t(stream >> 32);
    for (int round = 0; round < 10; ++round) {
      const std::uint64_t p = std::uint64_t(multiplier_0) * a, q = std::uint64_t(multiplier_1) * c;
      a = std::uint32_t(q >> 32) ^ b ^ key_0;
      b = std::uint32_t(q);
      c = std::uint32_t(p >> 32) ^ d ^ key_1;
      d = std::uint32_t(p);
      key_0 += weyl_0;
      key_1 += weyl_1;
    }
    words[0] = a;
    words[1] = b;
    words[2] = c;
    words[3] = d;
  }
};

// Where an environment's draws lie in its stream: those of its resets one after another, those of
// its steps in the upper half, each step with room for its own (steps of an episode < 2^24, draws
// of a step <= 256).
UNDERSTUDY_HOST_DEVICE std::uint64_t reset_block(std::uint64_t episode, int draws) {
  return episode * std::uint64_t((draws + 3) / 4);
}
UNDERSTUDY_HOST_DEVICE std::uint64_t step_block(std::uint64_t episode, std::uint64_t elapsed,
                                                int draws) {
  return (std::uint64_t(1) << 63) + (episode << 30) + elapsed * std::uint64_t((draws + 3) / 4);
}

// The draws of one reset or step: the environment takes them in order.
template <class T>
class ResetRandom {
 public:
  struct At {
    std::uint64_t block;
  };
  UNDERSTUDY_HOST_DEVICE ResetRandom(std::uint64_t seed, std::uint64_t env, At first)
      : seed_(seed), env_(env), block_(first.block) {}

  // Draws of the `episode`-th reset of an environment that makes `draws` of them each time.
  UNDERSTUDY_HOST_DEVICE ResetRandom(std::uint64_t seed, std::uint64_t env, std::uint64_t episode,
                                     int draws)
      : seed_(seed), env_(env), block_(reset_block(episode, draws)) {}

  // Uniform in [low, high).
  UNDERSTUDY_HOST_DEVICE T uniform(double low, double high) {
    if (next_ == 4) {
      Philox::block(seed_, env_, block_++, words_);
      next_ = 0;
    }
    const std::uint32_t word = words_[next_++];
    const T unit = sizeof(T) == 4 ? T(word >> 8) * T(0x1p-24) : T(word) * T(0x1p-32);
    return T(low) + T(high - low) * unit;
  }

 private:
  std::uint64_t seed_, env_, block_;
  std::uint32_t words_[4] = {};
  int next_ = 4;
};

}  // namespace understudy
