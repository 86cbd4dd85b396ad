// Numbered parts of the host's work on a device's team, and chunks of arrays likewise.
//
// Parts must write to disjoint places and not depend on the thread that runs them: results are then
// the same bits for every team, and without one. A device that has no team (CUDA) runs its parts on
// the calling thread, one after another.

#pragma once

#include <cstdint>

#include "kernels/device/device.h"

namespace understudy {

// work(part, thread, stream) for every part in [0, parts); `stream` is the thread's own, without a
// team.
template <class Work>
void for_each_part(Device& device, int parts, const Work& work) {
  if (Threads* const team = device.team()) {
    team->run(parts,
              [&](int part, int thread) { work(part, thread, device.stream_of_thread(thread)); });
  } else {
    for (int part = 0; part < parts; ++part) work(part, 0, device.stream_of_thread(0));
  }
}

// work(chunk, first, end) over [0, n), by chunks of `chunk_elements` (the last may be shorter).
constexpr std::int64_t chunk_elements = 8192;
inline std::int64_t chunk_count(std::int64_t n) {
  return (n + chunk_elements - 1) / chunk_elements;
}
template <class Work>
void for_each_chunk(Device& device, std::int64_t n, const Work& work) {
  for_each_part(device, static_cast<int>(chunk_count(n)), [&](int part, int, Stream&) {
    const std::int64_t first = part * chunk_elements;
    work(part, first, first + chunk_elements < n ? first + chunk_elements : n);
  });
}

}  // namespace understudy
