// Convolution and its two adjoints on the CPU.
//
// All three are the gathered product of convolution_product_cpu.h with vectors across channels:
//
//                     rows               terms of the sum                       vectors across
//   forward           output pixels      position in the window, in channel     out channels
//   input gradient    output pixels      out channel                            in channels
//   weight gradient   the window         output pixels of some images           out channels
//
// The input gradient does this once for each position in the window, adding to the input pixels
// that stand there. So nothing is multiplied by a zero, whatever the stride, but for the forward's
// and the weight gradient's frame of padding. What is packed is the weights (forward, input
// gradient) or dy (weight gradient), with the channel last; results come out with the channel last
// too and are transposed, a square of vectors at a time, on the way to their place.

#include "kernels/convolution/convolution.h"
#include "kernels/convolution/convolution_layout_cpu.h"
#include "kernels/convolution/convolution_pool_cpu.h"
#include "kernels/convolution/convolution_product_cpu.h"
#include "kernels/elementwise/math_cpu.h"

namespace understudy::UNDERSTUDY_ISA {
namespace {

// Pixels whose results wait in L1 to be transposed: whole groups and whole squares.
constexpr Index pixel_block = 96;
// Terms of the weight gradient's sum that go together: dy's rows for them stay in L1.
constexpr Index term_block = 96;
// Images a part of the weight gradient at the least: each part has its own sums.
constexpr Index images_per_part = 16;
constexpr Index most_parts = 8;

template <class T>
UNDERSTUDY_INLINE Vec<T> activated(Activation f, Vec<T> x) {
  switch (f) {
    case Activation::none: break;
    case Activation::tanh: return hyperbolic_tangent<T>(x);
    case Activation::sigmoid: return sigmoid<T>(x);
    case Activation::relu: return x < T(0) ? Vec<T>{} : x;
  }
  return x;
}

bool nothing(const Convolution& s) {
  return s.batch == 0 || s.in_channels == 0 || s.out_channels == 0;
}

Index window(const Convolution& s) { return s.in_channels * s.kernel_height * s.kernel_width; }

// offset[(c, u, v)] of the window's positions in a framed image.
void window_offsets(const Convolution& s, const Frame& frame, std::int32_t* offset) {
  for (Index c = 0; c < s.in_channels; ++c)
    for (Index u = 0; u < s.kernel_height; ++u)
      for (Index v = 0; v < s.kernel_width; ++v)
        *offset++ = static_cast<std::int32_t>(c * frame.plane() + u * frame.frame_width + v);
}
// offset[(p, q)] of the windows' first positions.
void pixel_offsets(const Convolution& s, const Frame& frame, Index image, std::int32_t* offset) {
  for (Index p = 0; p < s.out_height(); ++p)
    for (Index q = 0; q < s.out_width(); ++q)
      *offset++ = static_cast<std::int32_t>(
          image * frame.elements() + p * s.stride_height * frame.frame_width + q * s.stride_width);
}
void count_up(Index n, std::int32_t* index) {
  for (Index i = 0; i < n; ++i) index[i] = static_cast<std::int32_t>(i);
}

// ---- forward ----

template <class T>
struct ForwardWorkspace {
  Channels<T> channels;
  Frame frame;
  Parts parts;
  T *panels, *bias;
  std::int32_t *source, *destination, *offset;
  T *framed, *block;
  Index framed_each, block_each, total;

  ForwardWorkspace(const Convolution& s, T* workspace)
      : channels{s.out_channels},
        frame(input_frame(s)),
        parts{s.batch, smaller(s.batch, most_parts)} {
    Carver<T> carver{workspace};
    panels = carver.numbers(window(s) * channels.padded());
    bias = carver.numbers(channels.padded());
    source = carver.integers(s.out_height() * s.out_width());
    destination = carver.integers(pixel_block);
    offset = carver.integers(window(s));
    framed_each = frame.needed() ? frame.elements() : 0;
    block_each = pixel_block * channels.widest();
    framed = carver.numbers(framed_each * parts.count);
    block = carver.numbers(block_each * parts.count);
    total = carver.used;
  }
};

template <class T>
void forward(Stream& stream, const Convolution& s, const T* x, const T* w, const T* bias,
             Activation f, T* y, T* workspace) {
  const Index pixels = s.out_height() * s.out_width(), depth = window(s);
  const auto same = [](Vec<T> v, const T*, int) { return v; };
  if (s.batch == 0 || s.out_channels == 0) return;
  const ForwardWorkspace<T> buffers(s, workspace);
  const Channels<T>& channels = buffers.channels;
  for (Index panel = 0; panel < channels.panels(); ++panel)
    transpose<T>(w + channels.first(panel) * depth, depth, channels.valid(panel), depth,
                 buffers.panels + channels.first(panel) * depth, channels.width(panel),
                 channels.width(panel), same);
  for (Index o = 0; o < channels.padded(); ++o)
    buffers.bias[o] = bias != nullptr && o < s.out_channels ? bias[o] : T(0);
  window_offsets(s, buffers.frame, buffers.offset);
  pixel_offsets(s, buffers.frame, 0, buffers.source);
  count_up(pixel_block, buffers.destination);

  const Index image_elements = s.in_channels * s.in_height * s.in_width;
  buffers.parts.run(stream, [&](Index part) {
    T* block = buffers.block + part * buffers.block_each;
    for (Index b = buffers.parts.begin(part); b < buffers.parts.end(part); ++b) {
      const T* image = x + b * image_elements;
      if (buffers.frame.needed()) {
        T* framed = buffers.framed + part * buffers.framed_each;
        buffers.frame.copy(image, framed);
        image = framed;
      }
      for (Index panel = 0; panel < channels.panels(); ++panel) {
        const Index first = channels.first(panel), width = channels.width(panel);
        const Terms<T> terms{buffers.offset, depth, buffers.panels + first * depth};
        for (Index pixel = 0; pixel < pixels; pixel += pixel_block) {
          const Index count = smaller(pixels - pixel, pixel_block);
          gather_multiply<T>(channels.vectors_in(panel), image,
                             {buffers.source + pixel, buffers.destination, count}, terms,
                             Begin::bias, buffers.bias + first, block);
          transpose<T>(block, width, count, channels.valid(panel),
                       y + (b * s.out_channels + first) * pixels + pixel, pixels, 0,
                       [f](Vec<T> v, const T*, int) { return activated<T>(f, v); });
        }
      }
    }
  });
}

// ---- input gradient ----

template <class T>
struct InputWorkspace {
  Channels<T> channels;
  Parts parts;
  T *panels, *taps;
  std::int32_t *source, *destination, *count, *offset;
  T* block;
  Index block_each, total;

  InputWorkspace(const Convolution& s, T* workspace)
      : channels{s.in_channels}, parts{s.batch, smaller(s.batch, most_parts)} {
    const Index kernel = s.kernel_height * s.kernel_width;
    const Index pixels = s.out_height() * s.out_width();
    Carver<T> carver{workspace};
    panels = carver.numbers(s.out_channels * kernel * channels.padded());
    taps = carver.numbers(kernel * channels.widest());
    source = carver.integers(kernel * pixels);
    destination = carver.integers(kernel * pixels);
    count = carver.integers(kernel);
    offset = carver.integers(s.out_channels);
    block_each = s.in_height * s.in_width * channels.widest();
    block = carver.numbers(block_each * parts.count);
    total = carver.used;
  }
};

// For each position (u, v) in the window: which of y's pixels see a pixel of the image there, and
// which one.
template <class T>
void input_tables(const Convolution& s, const InputWorkspace<T>& buffers) {
  const Index pixels = s.out_height() * s.out_width();
  for (Index u = 0; u < s.kernel_height; ++u)
    for (Index v = 0; v < s.kernel_width; ++v) {
      const Index tap = u * s.kernel_width + v;
      Index count = 0;
      for (Index p = 0; p < s.out_height(); ++p)
        for (Index q = 0; q < s.out_width(); ++q) {
          const Index row = p * s.stride_height + u - s.pad_height;
          const Index column = q * s.stride_width + v - s.pad_width;
          if (row < 0 || row >= s.in_height || column < 0 || column >= s.in_width) continue;
          buffers.source[tap * pixels + count] = static_cast<std::int32_t>(p * s.out_width() + q);
          buffers.destination[tap * pixels + count++] =
              static_cast<std::int32_t>(row * s.in_width + column);
        }
      buffers.count[tap] = static_cast<std::int32_t>(count);
    }
  for (Index o = 0; o < s.out_channels; ++o)
    buffers.offset[o] = static_cast<std::int32_t>(o * pixels);
}

// [panel][position in the window][out channel][in channels of the panel]
template <class T>
void pack_for_input(const Convolution& s, const T* w, const InputWorkspace<T>& buffers) {
  const Index kernel = s.kernel_height * s.kernel_width;
  for (Index panel = 0; panel < buffers.channels.panels(); ++panel) {
    const Index first = buffers.channels.first(panel), width = buffers.channels.width(panel);
    for (Index o = 0; o < s.out_channels; ++o) {
      transpose<T>(w + (o * s.in_channels + first) * kernel, kernel, buffers.channels.valid(panel),
                   kernel, buffers.taps, width, width, [](Vec<T> v, const T*, int) { return v; });
      for (Index tap = 0; tap < kernel; ++tap) {
        T* to =
            buffers.panels + first * s.out_channels * kernel + (tap * s.out_channels + o) * width;
        for (Index k = 0; k < width; k += lanes<T>)
          store<T>(to + k, load<T>(buffers.taps + tap * width + k));
      }
    }
  }
}

template <class T>
void input_gradient(Stream& stream, const Convolution& s, const T* dy, const T* w, T* dx,
                    T* workspace) {
  const Index pixels = s.in_height * s.in_width, out_pixels = s.out_height() * s.out_width();
  const Index kernel = s.kernel_height * s.kernel_width;
  if (s.batch == 0 || s.in_channels == 0) return;
  const InputWorkspace<T> buffers(s, workspace);
  const Channels<T>& channels = buffers.channels;
  pack_for_input<T>(s, w, buffers);
  input_tables<T>(s, buffers);
  buffers.parts.run(stream, [&](Index part) {
    T* block = buffers.block + part * buffers.block_each;
    for (Index b = buffers.parts.begin(part); b < buffers.parts.end(part); ++b) {
      const T* image = dy + b * s.out_channels * out_pixels;
      for (Index panel = 0; panel < channels.panels(); ++panel) {
        const Index first = channels.first(panel), width = channels.width(panel);
        for (Index i = 0; i < pixels * width; i += lanes<T>) store<T>(block + i, Vec<T>{});
        for (Index tap = 0; tap < kernel; ++tap)
          gather_multiply<T>(channels.vectors_in(panel), image,
                             {buffers.source + tap * out_pixels,
                              buffers.destination + tap * out_pixels, buffers.count[tap]},
                             {buffers.offset, s.out_channels,
                              buffers.panels + (first * kernel + tap * width) * s.out_channels},
                             Begin::add, nullptr, block);
        transpose<T>(block, width, pixels, channels.valid(panel),
                     dx + (b * s.in_channels + first) * pixels, pixels, 0,
                     [](Vec<T> v, const T*, int) { return v; });
      }
    }
  });
}

// ---- weight gradient ----

template <class T>
struct WeightWorkspace {
  Channels<T> channels;
  Frame frame;
  Parts parts;
  Index together;  // images whose pixels are summed over at once
  std::int32_t *source, *destination, *offset;
  T *sums, *panels, *framed;
  Index sums_each, panels_each, framed_each, total;

  WeightWorkspace(const Convolution& s, T* workspace)
      : channels{s.out_channels},
        frame(input_frame(s)),
        parts{s.batch, smaller(ceil_div(s.batch, images_per_part), most_parts)} {
    const Index pixels = s.out_height() * s.out_width();
    together = smaller(larger(term_block / pixels, 1), larger(s.batch, 1));
    Carver<T> carver{workspace};
    source = carver.integers(window(s));
    destination = carver.integers(window(s));
    offset = carver.integers(together * pixels);
    sums_each = window(s) * channels.padded();
    panels_each = together * pixels * channels.padded();
    framed_each = frame.needed() ? together * frame.elements() : 0;
    sums = carver.numbers(sums_each * parts.count);
    panels = carver.numbers(panels_each * parts.count);
    framed = carver.numbers(framed_each * parts.count);
    total = carver.used;
  }
};

// The sums of one part's images into its own workspace [panel][window][width of the panel].
template <class T>
void weight_sums(const Convolution& s, const WeightWorkspace<T>& buffers, Index part, const T* dy,
                 const T* x) {
  const Channels<T>& channels = buffers.channels;
  const Index pixels = s.out_height() * s.out_width(), depth = window(s);
  const Index image_elements = s.in_channels * s.in_height * s.in_width;
  T* sums = buffers.sums + part * buffers.sums_each;
  T* panels = buffers.panels + part * buffers.panels_each;
  T* framed = buffers.framed + part * buffers.framed_each;
  const Index end = buffers.parts.end(part);
  bool added = false;
  for (Index b = buffers.parts.begin(part); b < end; b += buffers.together) {
    const Index images = smaller(end - b, buffers.together), terms = images * pixels;
    const T* image = x + b * image_elements;
    if (buffers.frame.needed()) {
      for (Index i = 0; i < images; ++i)
        buffers.frame.copy(image + i * image_elements, framed + i * buffers.frame.elements());
      image = framed;
    }
    for (Index panel = 0; panel < channels.panels(); ++panel) {
      const Index first = channels.first(panel), width = channels.width(panel);
      T* rows = panels + first * terms;
      // channels beyond the last are filled with zeros in turn, as the first rows of a wider matrix
      for (Index i = 0; i < images; ++i)
        transpose<T>(dy + ((b + i) * s.out_channels + first) * pixels, pixels,
                     channels.valid(panel), pixels, rows + i * pixels * width, width, width,
                     [](Vec<T> v, const T*, int) { return v; });
      for (Index term = 0; term < terms; term += term_block) {
        const Index count = smaller(terms - term, term_block);
        gather_multiply<T>(
            channels.vectors_in(panel), image, {buffers.source, buffers.destination, depth},
            {buffers.offset + term, count, rows + term * width},
            added || term > 0 ? Begin::add : Begin::zero, nullptr, sums + first * depth);
      }
    }
    added = true;
  }
}

template <class T>
void weight_gradient(Stream& stream, const Convolution& s, const T* dy, const T* x, T* dw,
                     bool accumulate, T* workspace) {
  const Index depth = window(s);
  if (nothing(s)) {
    for (Index i = 0; !accumulate && i < s.out_channels * depth; ++i) dw[i] = T(0);
    return;
  }
  const WeightWorkspace<T> buffers(s, workspace);
  const Channels<T>& channels = buffers.channels;
  window_offsets(s, buffers.frame, buffers.source);
  count_up(depth, buffers.destination);
  for (Index i = 0; i < buffers.together; ++i)
    pixel_offsets(s, buffers.frame, i, buffers.offset + i * s.out_height() * s.out_width());
  buffers.parts.run(stream, [&](Index part) { weight_sums<T>(s, buffers, part, dy, x); });

  for (Index part = 1; part < buffers.parts.count; ++part) {
    const T* more = buffers.sums + part * buffers.sums_each;
    for (Index i = 0; i < buffers.sums_each; i += lanes<T>)
      store<T>(buffers.sums + i, load<T>(buffers.sums + i) + load<T>(more + i));
  }
  for (Index panel = 0; panel < channels.panels(); ++panel) {
    const Index first = channels.first(panel);
    transpose<T>(buffers.sums + first * depth, channels.width(panel), depth, channels.valid(panel),
                 dw + first * depth, depth, 0, [accumulate](Vec<T> v, const T* old, int valid) {
                   return accumulate ? take<T>(old, valid) + v : v;
                 });
  }
}

template <class T>
Index workspace_elements(const Convolution& s) {
  const Index forward = ForwardWorkspace<T>(s, nullptr).total;
  const Index input = InputWorkspace<T>(s, nullptr).total;
  const Index weight = WeightWorkspace<T>(s, nullptr).total;
  return larger(forward, larger(input, weight));
}

template <class T>
constexpr ConvolutionKernels<T> kernels = {.workspace_elements = workspace_elements<T>,
                                           .forward = forward<T>,
                                           .input_gradient = input_gradient<T>,
                                           .weight_gradient = weight_gradient<T>,
                                           .max_pool = max_pool<T>,
                                           .max_pool_gradient = max_pool_gradient<T>,
                                           .max_pool_pick = max_pool_pick<T>,
                                           .average_pool = average_pool<T>,
                                           .average_pool_gradient = average_pool_gradient<T>};

}  // namespace
}  // namespace understudy::UNDERSTUDY_ISA

namespace understudy {
template <>
Tables<ConvolutionKernels> cpu_kernels<ConvolutionKernels, InstructionSet::UNDERSTUDY_ISA>() {
  return {UNDERSTUDY_ISA::kernels<float>, UNDERSTUDY_ISA::kernels<double>};
}
}  // namespace understudy
