// Whole numbers drawn on the host: Philox-4x32-10, so that a draw depends on (seed, stream, index)
// and on nothing else. For choosing episodes and rows, of which there are few.
//
// Thread safety: one thread at a time for each object.

#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "kernels/random/draw.h"

namespace understudy {

class Draws {
 public:
  Draws(std::uint64_t seed, std::uint64_t stream) : seed_(seed), stream_(stream) {}

  // Uniform on 0 .. n - 1, off by at most n / 2^64 in probability. REQUIRES: n > 0.
  std::int64_t below(std::int64_t n) {
    std::uint32_t a = static_cast<std::uint32_t>(index_);
    std::uint32_t b = static_cast<std::uint32_t>(index_ >> 32);
    std::uint32_t c = static_cast<std::uint32_t>(stream_);
    std::uint32_t d = static_cast<std::uint32_t>(stream_ >> 32);
    ++index_;
    Draw<Ops>::philox(a, b, c, d, seed_);
    const std::uint64_t word = static_cast<std::uint64_t>(b) << 32 | a;
    return static_cast<std::int64_t>(
        static_cast<unsigned __int128>(word) * static_cast<std::uint64_t>(n) >> 64);
  }

  // 0 .. n - 1 in random order (Fisher & Yates).
  std::vector<std::int64_t> permutation(std::int64_t n) {
    std::vector<std::int64_t> order(static_cast<std::size_t>(n));
    for (std::size_t i = 0; i < order.size(); ++i) order[i] = static_cast<std::int64_t>(i);
    for (std::size_t i = order.size(); i > 1; --i) {
      std::swap(order[i - 1], order[static_cast<std::size_t>(below(static_cast<std::int64_t>(i)))]);
    }
    return order;
  }

 private:
  // Only the part of Draw that makes words is used.
  struct Ops {
    using Scalar = float;
    using Value = float;
    using Bits = std::uint32_t;
    using Word = std::uint32_t;
    static Word multiply(Word a, std::uint32_t b, Word& high) {
      const std::uint64_t product = static_cast<std::uint64_t>(a) * b;
      high = static_cast<Word>(product >> 32);
      return static_cast<Word>(product);
    }
  };

  std::uint64_t seed_, stream_, index_ = 0;
};

}  // namespace understudy
