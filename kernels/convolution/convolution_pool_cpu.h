// Pooling on the CPU: a plane (a channel of an image) at a time, bound by memory.

#pragma once

#include "kernels/convolution/convolution.h"
#include "kernels/device/split.h"

namespace understudy::UNDERSTUDY_ISA {
namespace {

UNDERSTUDY_INLINE std::int64_t pixels_in(const Pooling& s) { return s.in_height * s.in_width; }
UNDERSTUDY_INLINE std::int64_t pixels_out(const Pooling& s) {
  return s.out_height() * s.out_width();
}

// Calls work(plane) for every plane. Planes are independent.
template <class Work>
UNDERSTUDY_INLINE void for_planes(Stream& stream, const Pooling& s, const Work& work) {
  const std::int64_t cost = pixels_in(s) + pixels_out(s) * s.kernel_height * s.kernel_width;
  split_rows(stream, s.batch * s.channels, cost, 1, [&](std::int64_t begin, std::int64_t end, int) {
    for (std::int64_t plane = begin; plane < end; ++plane) work(plane);
  });
}

template <class T>
void max_pool(Stream& stream, const Pooling& s, const T* x, T* y, std::int32_t* index) {
  const std::int64_t height = s.out_height(), width = s.out_width();
  for_planes(stream, s, [&](std::int64_t plane) {
    const T* in = x + plane * pixels_in(s);
    std::int64_t at = plane * height * width;
    for (std::int64_t p = 0; p < height; ++p)
      for (std::int64_t q = 0; q < width; ++q, ++at) {
        const std::int64_t first = p * s.stride_height * s.in_width + q * s.stride_width;
        T best = in[first];
        std::int64_t where = first;
        for (std::int64_t u = 0; u < s.kernel_height; ++u)
          for (std::int64_t v = 0; v < s.kernel_width; ++v) {
            const std::int64_t here = first + u * s.in_width + v;
            const T value = in[here];
            const bool better = value > best || (value != value && best == best);
            best = better ? value : best;
            where = better ? here : where;
          }
        y[at] = best;
        index[at] = static_cast<std::int32_t>(where);
      }
  });
}

template <class T>
void max_pool_gradient(Stream& stream, const Pooling& s, const T* dy, const std::int32_t* index,
                       T* dx) {
  for_planes(stream, s, [&](std::int64_t plane) {
    T* to = dx + plane * pixels_in(s);
    for (std::int64_t j = 0; j < pixels_in(s); ++j) to[j] = T(0);
    const std::int64_t first = plane * pixels_out(s);
    for (std::int64_t i = first; i < first + pixels_out(s); ++i) to[index[i]] += dy[i];
  });
}

template <class T>
void max_pool_pick(Stream& stream, const Pooling& s, const T* x, const std::int32_t* index, T* y) {
  for_planes(stream, s, [&](std::int64_t plane) {
    const T* from = x + plane * pixels_in(s);
    const std::int64_t first = plane * pixels_out(s);
    for (std::int64_t i = first; i < first + pixels_out(s); ++i) y[i] = from[index[i]];
  });
}

template <class T>
void average_pool(Stream& stream, const Pooling& s, const T* x, T* y) {
  const T share = T(1) / static_cast<T>(s.kernel_height * s.kernel_width);
  const std::int64_t height = s.out_height(), width = s.out_width();
  for_planes(stream, s, [&](std::int64_t plane) {
    const T* in = x + plane * pixels_in(s);
    T* to = y + plane * height * width;
    for (std::int64_t p = 0; p < height; ++p)
      for (std::int64_t q = 0; q < width; ++q) {
        const T* from = in + p * s.stride_height * s.in_width + q * s.stride_width;
        T sum = T(0);
        for (std::int64_t u = 0; u < s.kernel_height; ++u)
          for (std::int64_t v = 0; v < s.kernel_width; ++v) sum += from[u * s.in_width + v];
        *to++ = share * sum;
      }
  });
}

template <class T>
void average_pool_gradient(Stream& stream, const Pooling& s, const T* dy, T* dx) {
  const T share = T(1) / static_cast<T>(s.kernel_height * s.kernel_width);
  const std::int64_t height = s.out_height(), width = s.out_width();
  for_planes(stream, s, [&](std::int64_t plane) {
    T* out = dx + plane * pixels_in(s);
    for (std::int64_t j = 0; j < pixels_in(s); ++j) out[j] = T(0);
    const T* from = dy + plane * height * width;
    for (std::int64_t p = 0; p < height; ++p)
      for (std::int64_t q = 0; q < width; ++q) {
        T* to = out + p * s.stride_height * s.in_width + q * s.stride_width;
        const T part = share * *from++;
        for (std::int64_t u = 0; u < s.kernel_height; ++u)
          for (std::int64_t v = 0; v < s.kernel_width; ++v) to[u * s.in_width + v] += part;
      }
  });
}

}  // namespace
}  // namespace understudy::UNDERSTUDY_ISA
