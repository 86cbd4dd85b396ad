// How a convolution's operands lie in its workspace: panels of channels, padded images, and the
// tables of offsets that convolution_product_cpu.h gathers by.

#pragma once

#include "kernels/convolution/convolution.h"
#include "kernels/convolution/convolution_product_cpu.h"
#include "kernels/device/threads.h"

namespace understudy::UNDERSTUDY_ISA {
namespace {

using Index = std::int64_t;

UNDERSTUDY_INLINE Index smaller(Index a, Index b) { return a < b ? a : b; }
UNDERSTUDY_INLINE Index larger(Index a, Index b) { return a > b ? a : b; }
UNDERSTUDY_INLINE Index ceil_div(Index a, Index b) { return (a + b - 1) / b; }

// Channels in panels of up to panel_vectors vectors; the last may be narrower and is filled up with
// zeros to whole vectors.
template <class T>
struct Channels {
  Index count;
  Index vectors() const { return ceil_div(count, lanes<T>); }
  Index padded() const { return vectors() * lanes<T>; }
  Index panels() const { return ceil_div(vectors(), panel_vectors); }
  static constexpr Index panel_width = panel_vectors * lanes<T>;
  Index first(Index panel) const { return panel * panel_width; }
  int vectors_in(Index panel) const {
    return static_cast<int>(smaller(vectors() - panel * panel_vectors, panel_vectors));
  }
  Index width(Index panel) const { return vectors_in(panel) * lanes<T>; }
  // Channels that are there.
  Index valid(Index panel) const { return smaller(count - first(panel), width(panel)); }
  // The widest panel.
  Index widest() const { return smaller(padded(), panel_width); }
};

// An image [channels, height, width] in a frame of zeros: pixel (i, j) lies at (i + top, j + left)
// of [frame_height, frame_width]. Without a frame it is read where it is.
struct Frame {
  Index channels, height, width, top, left, frame_height, frame_width;

  bool needed() const { return frame_height != height || frame_width != width; }
  Index plane() const { return frame_height * frame_width; }
  Index elements() const { return channels * plane(); }

  template <class T>
  void copy(const T* image, T* framed) const {
    for (Index i = 0; i < elements(); ++i) framed[i] = T(0);
    for (Index c = 0; c < channels; ++c)
      for (Index i = 0; i < height; ++i) {
        const T* from = image + (c * height + i) * width;
        T* to = framed + (c * frame_height + i + top) * frame_width + left;
        for (Index j = 0; j < width; ++j) to[j] = from[j];
      }
  }
};

UNDERSTUDY_INLINE Frame input_frame(const Convolution& s) {
  return {s.in_channels,
          s.in_height,
          s.in_width,
          s.pad_height,
          s.pad_width,
          s.in_height + 2 * s.pad_height,
          s.in_width + 2 * s.pad_width};
}

// Takes pieces off a workspace one after another, each of whole vectors: one that began across two
// cache lines would have every vector in it read twice. Counts them when there is no workspace.
template <class T>
struct Carver {
  T* base;
  Index used = 0;
  T* numbers(Index n) {
    T* piece = base != nullptr ? base + used : nullptr;
    used += ceil_div(n, lanes<T>) * lanes<T>;
    return piece;
  }
  std::int32_t* integers(Index n) {  // an int32 is never larger or more aligned than a T
    return reinterpret_cast<std::int32_t*>(numbers(n));
  }
};

// Images are split into parts, each with buffers of its own, by the shape alone. Threads take whole
// parts.
struct Parts {
  Index images, count;
  Index begin(Index part) const { return part * images / count; }
  Index end(Index part) const { return (part + 1) * images / count; }

  template <class Work>
  UNDERSTUDY_INLINE void run(Stream& stream, const Work& work) const {
    if (stream.threads != nullptr && stream.threads->count() > 1 && count > 1) {
      stream.threads->run(static_cast<int>(count), [&](int part, int) { work(Index(part)); });
    } else {
      for (Index part = 0; part < count; ++part) work(part);
    }
  }
};

}  // namespace
}  // namespace understudy::UNDERSTUDY_ISA
