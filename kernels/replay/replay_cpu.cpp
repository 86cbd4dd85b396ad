// Rows of a replay buffer, on the CPU: minibatches have some hundred rows, each of a few words, so
// that one thread goes through them.

#include "kernels/device/simd.h"
#include "kernels/random/draw.h"
#include "kernels/replay/replay_rows.h"

namespace understudy::UNDERSTUDY_ISA {
namespace {

using Index = std::int64_t;

// Only the part of Draw that makes words is used.
struct WordOps {
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

void draw(Stream&, RandomState state, const std::uint64_t* counter, ReplayLayout layout,
          Index from_demonstrations, Index n, const Index* added, std::int32_t* index) {
  for (Index base = 0; base < n; base += 4) {
    const std::uint64_t block = *counter + static_cast<std::uint64_t>(base / 4);
    std::uint32_t word[4] = {
        static_cast<std::uint32_t>(block), static_cast<std::uint32_t>(block >> 32),
        static_cast<std::uint32_t>(state.stream), static_cast<std::uint32_t>(state.stream >> 32)};
    Draw<WordOps>::philox(word[0], word[1], word[2], word[3], state.seed);
    for (Index i = base; i < n && i < base + 4; ++i)
      index[i] = static_cast<std::int32_t>(
          row_drawn(layout, i < from_demonstrations, *added, word[i - base]));
  }
}

template <class T>
void n_step(Stream&, ReplayLayout layout, Index rows, Index steps, T discount,
            const std::int32_t* index, const Index* added, const T* reward, const T* terminated,
            const T* ended, T* reward_sum, T* going_on, T* beyond, std::int32_t* last) {
  for (Index i = 0; i < rows; ++i) {
    Index row = index[i];
    T sum = reward[row], factor = discount;
    for (Index k = 1; k < steps && ended[row] == 0; ++k) {
      const Index next = row_behind(layout, row, *added);
      if (next < 0) break;
      row = next;
      sum += factor * reward[row];
      factor *= discount;
    }
    reward_sum[i] = sum;
    going_on[i] = factor * (1 - terminated[row]);
    beyond[i] = factor * terminated[row];
    last[i] = static_cast<std::int32_t>(row);
  }
}

template <class T>
constexpr ReplayKernels<T> kernels = {draw, n_step<T>};

}  // namespace
}  // namespace understudy::UNDERSTUDY_ISA

namespace understudy {
template <>
Tables<ReplayKernels> cpu_kernels<ReplayKernels, InstructionSet::UNDERSTUDY_ISA>() {
  return {UNDERSTUDY_ISA::kernels<float>, UNDERSTUDY_ISA::kernels<double>};
}
}  // namespace understudy
