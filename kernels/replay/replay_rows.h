// What CPU and CUDA share of a replay buffer's rows (replay.h). Like draw.h it is inlined wherever
// it is used, so that no function is shared between instruction sets.

#pragma once

#include "kernels/random/draw.h"
#include "kernels/replay/replay.h"

namespace understudy {

// The row behind row `row`; -1 where there is none.
UNDERSTUDY_DRAW std::int64_t row_behind(const ReplayLayout& layout, std::int64_t row,
                                        std::int64_t added) {
  const std::int64_t d = layout.demonstrations;
  if (row < d) return row + 1 < d ? row + 1 : -1;
  const std::int64_t slot = row - d, newest = (added - layout.stride) % layout.capacity;
  if (slot >= newest && slot < newest + layout.stride) return -1;
  const std::int64_t next = slot + layout.stride;
  return d + (next < layout.capacity ? next : next - layout.capacity);
}

// The row that a word of random bits draws.
UNDERSTUDY_DRAW std::int64_t row_drawn(const ReplayLayout& layout, bool demonstrated,
                                       std::int64_t added, std::uint32_t word) {
  const std::int64_t filled = added < layout.capacity ? added : layout.capacity;
  const bool of_demonstrations = demonstrated || filled == 0;
  const std::uint64_t among =
      static_cast<std::uint64_t>(of_demonstrations ? layout.demonstrations : filled);
  const std::int64_t at = static_cast<std::int64_t>(word * among >> 32);
  return of_demonstrations ? at : layout.demonstrations + at;
}

}  // namespace understudy
