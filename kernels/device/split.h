// Splitting a CPU kernel's rows over a team of threads.
//
// Include only from `*_cpu.cpp`. Work on one row must not depend on which rows its part holds: then
// the result is the same bits for every number of threads, and without a team.

#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/device/simd.h"
#include "kernels/device/stream.h"
#include "kernels/device/threads.h"

namespace understudy::UNDERSTUDY_ISA {
namespace {

// Below this many elements waking a team costs more than it saves.
constexpr std::int64_t split_from = 32768;
// Elements a part at the least: enough to hide the hand-out.
constexpr std::int64_t split_part = 16384;
// Parts for each of the team: enough to balance, few enough that a thread's lie side by side.
constexpr std::int64_t parts_each = 4;

// Calls work(begin, end, thread) so that the ranges cover [0, rows); begin is always a multiple of
// `multiple`. `cost` is the work on one row, counted in elements touched.
template <class Work>
UNDERSTUDY_INLINE void split_rows(Stream& stream, std::int64_t rows, std::int64_t cost,
                                  std::int64_t multiple, const Work& work) {
  if (rows <= 0) return;
  if (stream.threads == nullptr || rows * cost < split_from || stream.threads->count() == 1) {
    work(std::int64_t{0}, rows, 0);
    return;
  }
  const std::int64_t team = stream.threads->count();
  const std::int64_t each = rows * cost / split_part / team;
  const std::int64_t wanted = team * (each < 1 ? 1 : each > parts_each ? parts_each : each);
  const std::int64_t part_rows =
      ((rows + wanted - 1) / wanted + multiple - 1) / multiple * multiple;
  const std::int64_t parts = (rows + part_rows - 1) / part_rows;
  stream.threads->run(static_cast<int>(parts), [&](int part, int thread) {
    const std::int64_t begin = part * part_rows;
    const std::int64_t end = begin + part_rows < rows ? begin + part_rows : rows;
    work(begin, end, thread);
  });
}

// The scratch of one thread of the team: Stream::minimum_scratch bytes.
UNDERSTUDY_INLINE std::byte* scratch_of(Stream& stream, int thread) {
  return stream.scratch + static_cast<std::size_t>(thread) * Stream::minimum_scratch;
}

}  // namespace
}  // namespace understudy::UNDERSTUDY_ISA
