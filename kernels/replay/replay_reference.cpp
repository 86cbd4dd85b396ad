// Rows of a replay buffer, one after another.

#include "kernels/replay/replay.h"

#include <vector>

namespace understudy::reference {
namespace {

using Index = std::int64_t;

// Words of Philox as `uniform` takes them: two of f64's make 64 bits, of which the lower 32 are the
// first.
void draw(Stream&, RandomState state, const std::uint64_t* counter, ReplayLayout layout,
          Index from_demonstrations, Index n, const Index* added, std::int32_t* index) {
  std::uint32_t key0 = static_cast<std::uint32_t>(state.seed),
                key1 = static_cast<std::uint32_t>(state.seed >> 32);
  for (Index i = 0; i < n; ++i) {
    const std::uint64_t block = *counter + static_cast<std::uint64_t>(i / 4);
    std::uint32_t x[4] = {
        static_cast<std::uint32_t>(block), static_cast<std::uint32_t>(block >> 32),
        static_cast<std::uint32_t>(state.stream), static_cast<std::uint32_t>(state.stream >> 32)};
    std::uint32_t k0 = key0, k1 = key1;
    for (int round = 0; round < 10; ++round) {
      const std::uint64_t p0 = std::uint64_t{0xD2511F53} * x[0],
                          p1 = std::uint64_t{0xCD9E8D57} * x[2];
      const std::uint32_t next[4] = {
          static_cast<std::uint32_t>(p1 >> 32) ^ x[1] ^ k0, static_cast<std::uint32_t>(p1),
          static_cast<std::uint32_t>(p0 >> 32) ^ x[3] ^ k1, static_cast<std::uint32_t>(p0)};
      for (int j = 0; j < 4; ++j) x[j] = next[j];
      k0 += 0x9E3779B9;
      k1 += 0xBB67AE85;
    }
    const bool demonstrated = i < from_demonstrations || *added == 0;
    const Index filled = *added < layout.capacity ? *added : layout.capacity;
    const double share = static_cast<double>(x[i % 4]) * 0x1p-32;
    const Index among = demonstrated ? layout.demonstrations : filled;
    // Exact: 32 bits times less than 2^21 rows are 53.
    const Index at =
        among < (Index{1} << 21)
            ? static_cast<Index>(share * static_cast<double>(among))
            : static_cast<Index>(
                  static_cast<std::uint64_t>(x[i % 4]) * static_cast<std::uint64_t>(among) >> 32);
    index[i] = static_cast<std::int32_t>(demonstrated ? at : layout.demonstrations + at);
  }
}

void n_step(Stream&, ReplayLayout layout, Index rows, Index steps, double discount,
            const std::int32_t* index, const Index* added, const double* reward,
            const double* terminated, const double* ended, double* reward_sum, double* going_on,
            double* beyond, std::int32_t* last) {
  // Rows of the ring by age: the newest `stride` are followed by nothing.
  std::vector<bool> newest(static_cast<std::size_t>(layout.demonstrations + layout.capacity));
  for (Index age = 1; age <= layout.stride && age <= *added; ++age)
    newest[static_cast<std::size_t>(layout.demonstrations + (*added - age) % layout.capacity)] =
        true;
  for (Index i = 0; i < rows; ++i) {
    Index row = index[i];
    double sum = 0, factor = 1;
    for (Index k = 0;; ++k) {
      sum += factor * reward[row];
      factor *= discount;
      if (k + 1 == steps || ended[row] != 0 || newest[static_cast<std::size_t>(row)] ||
          row == layout.demonstrations - 1)
        break;
      row = row < layout.demonstrations
                ? row + 1
                : layout.demonstrations +
                      (row - layout.demonstrations + layout.stride) % layout.capacity;
    }
    reward_sum[i] = sum;
    going_on[i] = factor * (1 - terminated[row]);
    beyond[i] = factor * terminated[row];
    last[i] = static_cast<std::int32_t>(row);
  }
}

constexpr ReplayKernels<double> kernels = {draw, n_step};

}  // namespace
}  // namespace understudy::reference

namespace understudy {
template <>
ReplayKernels<double> reference_kernels<ReplayKernels>() {
  return reference::kernels;
}
}  // namespace understudy
