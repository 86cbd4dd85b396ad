// Every implementation of the matrix product against the plain loops of the reference.

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include "kernels/device/instruction_set.h"
#include "kernels/device/threads.h"
#include "kernels/gemm/gemm.h"
#include "tests/kernels/kernel_test.h"

namespace understudy {
namespace {

constexpr double nan = std::numeric_limits<double>::quiet_NaN();

// A product's sizes and options; `g_is_c` multiplies by the derivative at C's own old values.
struct Case {
  std::int64_t m, n, k;
  bool transpose_a = false, transpose_b = false, accumulate = false, bias = false;
  Activation activation = Activation::none;
  bool gradient = false, g_is_c = false;
  Activation gradient_activation = Activation::none;
  std::int64_t batch = 1;

  std::string text() const {
    return "m " + std::to_string(m) + " n " + std::to_string(n) + " k " + std::to_string(k) +
           (transpose_a ? " A'" : " A") + (transpose_b ? " B'" : " B") +
           (accumulate ? " accumulate" : "") + (bias ? " bias" : "") + " activation " +
           std::to_string(static_cast<int>(activation)) +
           (gradient
                ? (g_is_c ? " G=C " : " G ") + std::to_string(static_cast<int>(gradient_activation))
                : "") +
           " batch " + std::to_string(batch);
  }
};

// The operands of a case in double, exactly representable in f32. Everything a kernel must not read
// is NaN: the ends of rows, the gaps of the batch, and C where nothing is accumulated.
struct Operands {
  Case of;
  std::int64_t lda, ldb, ldc, ldg, stride_a, stride_b, stride_c, stride_g;
  std::vector<double> a, b, c, g, bias;

  Operands(const Case& it, unsigned seed) : of(it) {
    std::mt19937 random(seed);
    std::uniform_real_distribution<float> uniform(-1, 1);
    const auto matrix = [&](std::int64_t rows, std::int64_t columns, std::int64_t ld,
                            std::int64_t stride, bool filled, std::vector<double>& v) {
      // one element in front, so that nothing is aligned
      v.assign(static_cast<std::size_t>(1 + stride * it.batch), nan);
      if (!filled) return;
      for (std::int64_t item = 0; item < it.batch; ++item)
        for (std::int64_t i = 0; i < rows; ++i)
          for (std::int64_t j = 0; j < columns; ++j)
            v[static_cast<std::size_t>(1 + item * stride + i * ld + j)] = uniform(random);
    };
    const std::int64_t a_rows = it.transpose_a ? it.k : it.m, a_columns = it.m + it.k - a_rows;
    const std::int64_t b_rows = it.transpose_b ? it.n : it.k, b_columns = it.n + it.k - b_rows;
    lda = a_columns + static_cast<std::int64_t>(random() % 3);
    ldb = b_columns + static_cast<std::int64_t>(random() % 3);
    ldc = it.n + static_cast<std::int64_t>(random() % 3);
    ldg = it.g_is_c ? ldc : it.n + static_cast<std::int64_t>(random() % 3);
    stride_a = a_rows * lda + 1;
    stride_b = b_rows * ldb + 2;
    stride_c = it.m * ldc + 3;
    stride_g = it.g_is_c ? stride_c : it.m * ldg + 1;
    matrix(a_rows, a_columns, lda, stride_a, true, a);
    matrix(b_rows, b_columns, ldb, stride_b, true, b);
    matrix(it.m, it.n, ldc, stride_c, it.accumulate || it.g_is_c, c);
    matrix(it.m, it.n, ldg, stride_g, it.gradient, g);
    for (std::int64_t j = 0; j < it.n; ++j) bias.push_back(uniform(random));
  }
};

// C, gaps included, after `kernel` ran on the operands in T, in the memory of `device` (null:
// here).
template <class T>
std::vector<T> run(void (*kernel)(Stream&, const Gemm<T>&), Stream& stream, const Operands& o,
                   Device* device = nullptr) {
  const auto place = [&](const std::vector<double>& v) {
    return kernel_test::Array<T>(device, std::vector<T>(v.begin(), v.end()), 0);
  };
  const auto a = place(o.a), b = place(o.b), c = place(o.c), g = place(o.g), bias = place(o.bias);
  Gemm<T> p;
  p.m = o.of.m, p.n = o.of.n, p.k = o.of.k;
  p.a = a.data() + 1, p.b = b.data() + 1, p.c = c.data() + 1;
  p.lda = o.lda, p.ldb = o.ldb, p.ldc = o.ldc;
  p.transpose_a = o.of.transpose_a, p.transpose_b = o.of.transpose_b;
  p.accumulate = o.of.accumulate;
  p.bias = o.of.bias ? bias.data() : nullptr;
  p.activation = o.of.activation;
  if (o.of.gradient) {
    p.gradient_of = o.of.g_is_c ? c.data() + 1 : g.data() + 1;
    p.ldg = o.ldg;
    p.gradient_activation = o.of.gradient_activation;
  }
  p.batch = o.of.batch;
  p.stride_a = o.stride_a, p.stride_b = o.stride_b;
  p.stride_c = o.stride_c, p.stride_g = o.stride_g;
  kernel(stream, p);
  return c.host();
}

struct Scratch {
  explicit Scratch(Threads* threads = nullptr) {
    const std::size_t each = Stream::minimum_scratch;
    const int count = threads != nullptr ? threads->count() : 1;
    const std::size_t bytes = each * static_cast<std::size_t>(count);
    memory = static_cast<std::byte*>(std::aligned_alloc(64, bytes));
    std::memset(memory, 0xff, bytes);  // NaN
    stream.threads = threads;
    stream.scratch = memory;
    stream.scratch_bytes = bytes;
  }
  ~Scratch() { std::free(memory); }
  Scratch(const Scratch&) = delete;
  std::byte* memory;
  Stream stream;
};

template <class T>
struct Implementation {
  const char* name;
  void (*gemm)(Stream&, const Gemm<T>&);
};

// The CPU's, as far as this processor has them.
template <class T>
std::vector<Implementation<T>> implementations() {
  std::vector<Implementation<T>> all;
  for (const InstructionSetRow& row : instruction_sets)
    if (available(row.set))
      all.push_back({row.name, cpu_kernels<GemmKernels>(row.set).of<T>().gemm});
  return all;
}

// The same operands with every number positive and nothing applied: what rounding errors scale
// with.
Operands magnitudes(const Operands& o) {
  Operands positive = o;
  for (std::vector<double>* v : {&positive.a, &positive.b, &positive.c, &positive.bias})
    for (double& x : *v) x = std::fabs(x);
  positive.of.activation = Activation::none;
  positive.of.gradient = false;
  return positive;
}

template <class T>
void expect_close(const std::vector<T>& found, const std::vector<double>& expected,
                  const std::vector<double>& magnitude, const Operands& o, const char* name) {
  // A sum of k products in any order errs by at most (k + 2) roundings of the sum of magnitudes;
  // the activations and their derivatives are 1-Lipschitz and add a few units of values of at most
  // 1.
  const double unit = std::numeric_limits<T>::epsilon();
  int failures = 0;
  for (std::size_t i = 0; i < found.size() && failures < 3; ++i) {
    const std::int64_t at = static_cast<std::int64_t>(i) - 1;
    const bool element =
        at >= 0 && at % o.stride_c < o.of.m * o.ldc && at % o.stride_c % o.ldc < o.of.n;
    if (!element) {
      if (std::isnan(found[i])) continue;  // as it was
      ADD_FAILURE() << name << " wrote outside C at " << at << ": " << o.of.text();
      ++failures;
      continue;
    }
    const double bound = unit * ((static_cast<double>(o.of.k) + 4) * magnitude[i] +
                                 8 * std::fabs(expected[i]) + 1e-30);
    if (!(std::fabs(static_cast<double>(found[i]) - expected[i]) <= bound)) {
      ADD_FAILURE() << name << ": " << found[i] << " where " << expected[i] << " +- " << bound
                    << " was expected, at row " << at % o.stride_c / o.ldc << " column "
                    << at % o.stride_c % o.ldc << ": " << o.of.text();
      ++failures;
    }
  }
}

// To 8 significant bits, to nearest, ties to even.
double rounded_to_bf16(double x) {
  int exponent;
  const double significand = std::frexp(x, &exponent);
  return std::ldexp(std::nearbyint(std::ldexp(significand, 8)), exponent - 8);
}

// With `on_cuda` by CUDA's kernels as well, which the emulator runs slowly.
template <class T>
void expect_all_right(const Case& it, unsigned seed, bool on_cuda = false) {
  const Operands operands(it, seed);
  const GemmKernels<double> reference = reference_kernels<GemmKernels>();
  Scratch none;
  const std::vector<double> expected = run<double>(reference.gemm, none.stream, operands);
  const std::vector<double> magnitude =
      run<double>(reference.gemm, none.stream, magnitudes(operands));
  for (const Implementation<T>& implementation : implementations<T>()) {
    Scratch scratch;
    const std::vector<T> found = run<T>(implementation.gemm, scratch.stream, operands);
    expect_close<T>(found, expected, magnitude, operands, implementation.name);
  }
  if (!on_cuda) return;
  const GemmKernels<T> kernels = cuda_kernels<GemmKernels>().of<T>();
  for (const kernel_test::Implementation& one : kernel_test::implementations())
    if (one.kind == DeviceKind::cuda)
      kernel_test::run_on<T>(one, [&](kernel_test::Place<T>& on) {
        const std::vector<T> found =
            run<T>(kernels.gemm, on.stream(), operands, &kernel_test::cuda());
        expect_close<T>(found, expected, magnitude, operands, one.name.c_str());
      });
}

Case random_case(std::mt19937& random, std::int64_t largest) {
  const std::int64_t sizes[] = {0,  1,  2,  3,  4,  5,  6,  7,  8,  9,  12, 13, 15,  16,  17,  24,
                                25, 31, 32, 33, 47, 48, 49, 63, 64, 65, 96, 99, 100, 127, 128, 129};
  const auto size = [&] {
    for (;;) {
      const std::int64_t s = sizes[random() % std::size(sizes)];
      if (s <= largest) return s;
    }
  };
  const auto maybe = [&] { return random() % 2 == 0; };
  Case it{size(), size(), size()};
  it.transpose_a = maybe();
  it.transpose_b = maybe();
  it.accumulate = maybe();
  it.bias = maybe();
  if (maybe()) it.activation = static_cast<Activation>(random() % 4);
  if (maybe()) {
    it.gradient = true;
    it.g_is_c = maybe();
    it.gradient_activation = static_cast<Activation>(random() % 4);
  }
  if (random() % 4 == 0) it.batch = static_cast<std::int64_t>(random() % 4);
  return it;
}

TEST(Gemm, AgreesWithTheReferenceOnRandomShapes) {
  std::mt19937 random(1);
  for (unsigned trial = 0; trial < 250; ++trial) {
    const Case it = random_case(random, 129);
    expect_all_right<float>(it, trial);
    expect_all_right<double>(it, trial);
  }
}

// The layers of the field's usual network, whose widths are no multiple of any vector.
TEST(Gemm, AgreesWithTheReferenceOnThePolicyNetworksShapes) {
  const std::int64_t widths[][2] = {{17, 100}, {100, 100}, {100, 6}, {11, 64}, {64, 3}, {6, 100}};
  unsigned seed = 100;
  for (const auto& width : widths)
    for (const std::int64_t rows : {1, 2, 48, 50}) {
      const std::int64_t in = width[0], out = width[1];
      Case forward{rows, out, in};
      forward.bias = true;
      forward.activation = Activation::tanh;
      Case backward{rows, in, out};
      backward.transpose_b = true;
      backward.gradient = true;
      backward.gradient_activation = Activation::tanh;
      Case gradient{in, out, rows};
      gradient.transpose_a = true;
      gradient.accumulate = true;
      for (const Case& it : {forward, backward, gradient}) {
        expect_all_right<float>(it, ++seed);
        expect_all_right<double>(it, ++seed);
      }
    }
}

// Blocks of k, of rows and of columns, packed operands, sums cut into chunks, G = C over several
// blocks.
TEST(Gemm, AgreesWithTheReferenceOnShapesOfManyBlocks) {
  std::vector<Case> cases = {{60, 70, 700},  {250, 100, 400}, {50, 333, 401}, {33, 600, 390},
                             {200, 65, 260}, {17, 23, 1500},  {1, 300, 1100}, {26, 6, 1025},
                             {7, 1000, 30},  {300, 7, 129}};
  unsigned seed = 1000;
  for (Case it : cases)
    for (int option = 0; option < 4; ++option) {
      it.transpose_a = option & 1;
      it.transpose_b = option & 2;
      it.accumulate = option == 1 || option == 2;
      it.bias = option >= 2;
      expect_all_right<float>(it, ++seed);
      expect_all_right<double>(it, ++seed);
      if (it.k > 300 && option != 1) {
        it.activation = Activation::sigmoid;
        it.gradient = it.g_is_c = true;
        it.gradient_activation = Activation::sigmoid;
        expect_all_right<float>(it, ++seed);
        it.activation = Activation::none;
        it.gradient = it.g_is_c = false;
      }
    }
}

// Tiles of every size with their ragged ends, all ways of storing the operands, and parts of k.
TEST(Gemm, AgreesWithTheReferenceOnCuda) {
  std::mt19937 random(2);
  for (unsigned trial = 0; trial < 40; ++trial) {
    const Case it = random_case(random, 65);
    expect_all_right<float>(it, 2000 + trial, true);
    if (trial % 2 == 0) expect_all_right<double>(it, 2000 + trial, true);
  }
  Case parts{17, 40, 1029};
  Case small_tiles{35, 33, 20};
  Case medium_tiles{129, 65, 9};
  medium_tiles.batch = 22;
  Case large_tiles{129, 129, 9};
  large_tiles.batch = 32;
  for (Case it : {parts, small_tiles, medium_tiles, large_tiles})
    for (int option = 0; option < 4; option += it.m == 129 ? 3 : 1) {
      it.transpose_a = option & 1;
      it.transpose_b = option & 2;
      it.accumulate = option == 3;
      it.bias = option >= 1;
      it.activation = option == 2 ? Activation::tanh : Activation::none;
      expect_all_right<float>(it, 3000 + static_cast<unsigned>(option), true);
      if (it.m != 129) expect_all_right<double>(it, 3000 + static_cast<unsigned>(option), true);
    }
}

// Asked for bf16, CUDA's own kernels multiply rounded factors and lose nothing else: products of
// two have 16 bits. cuBLAS, which takes the largest products on a GPU, is not asked here.
TEST(Gemm, RoundsFactorsToBf16OnCudaWhereAsked) {
  EXPECT_EQ(rounded_to_bf16(1 + 1.0 / 256), 1);             // a tie, to the even neighbor below
  EXPECT_EQ(rounded_to_bf16(1 + 3.0 / 256), 1 + 1.0 / 64);  // and above
  const GemmKernels<double> reference = reference_kernels<GemmKernels>();
  const GemmKernels<float> kernels = cuda_kernels<GemmKernels>().of<float>();
  Case layer{50, 100, 17};
  layer.bias = true;
  layer.activation = Activation::tanh;
  Case gradient{17, 40, 1029};
  gradient.transpose_a = gradient.accumulate = true;
  Case transposed{33, 17, 65};
  transposed.transpose_b = true;
  unsigned seed = 4000;
  for (const Case& it : {layer, gradient, transposed}) {
    const Operands operands(it, ++seed);
    Operands rounded = operands;
    for (std::vector<double>* v : {&rounded.a, &rounded.b})
      for (double& x : *v) x = rounded_to_bf16(x);
    Scratch none;
    const std::vector<double> expected = run<double>(reference.gemm, none.stream, rounded);
    const std::vector<double> magnitude =
        run<double>(reference.gemm, none.stream, magnitudes(rounded));
    const std::vector<double> exact = run<double>(reference.gemm, none.stream, operands);
    for (const kernel_test::Implementation& one : kernel_test::implementations())
      if (one.kind == DeviceKind::cuda)
        kernel_test::run_on<float>(one, [&](kernel_test::Place<float>& on) {
          Stream stream = on.stream();
          stream.precision = Precision::bf16;
          const std::vector<float> found =
              run<float>(kernels.gemm, stream, operands, &kernel_test::cuda());
          expect_close<float>(found, expected, magnitude, operands, one.name.c_str());
          // The rounding is there: a bound of f32's on the unrounded product is broken somewhere.
          double worst = 0;
          for (std::size_t i = 0; i < found.size(); ++i)
            if (!std::isnan(found[i]))
              worst = std::max(worst, std::fabs(static_cast<double>(found[i]) - exact[i]));
          EXPECT_GT(worst, 1e-4) << one.name;
        });
  }
}

TEST(Gemm, IsTheEpilogueOfZeroWhenThereIsNothingToSum) {
  Case it{5, 18, 0};
  it.bias = true;
  it.activation = Activation::tanh;
  expect_all_right<float>(it, 1);
  it.accumulate = true;
  expect_all_right<double>(it, 2);
}

TEST(Gemm, CarriesInfinitiesAndNaN) {
  for (const Implementation<float>& implementation : implementations<float>()) {
    // the first row's sums are infinite, and 1 by tanh; a NaN reaches the last column
    const std::int64_t m = 3, n = 21, k = 5;
    std::vector<float> a(m * k, 1), b(k * n, 1), c(m * n, 0);
    a[0] = std::numeric_limits<float>::infinity();
    b[2 * n + 20] = std::numeric_limits<float>::quiet_NaN();
    Gemm<float> p;
    p.m = m, p.n = n, p.k = k;
    p.a = a.data(), p.b = b.data(), p.c = c.data();
    p.lda = k, p.ldb = n, p.ldc = n;
    p.activation = Activation::tanh;
    Scratch scratch;
    implementation.gemm(scratch.stream, p);
    for (std::int64_t i = 0; i < m; ++i) {
      for (std::int64_t j = 0; j < n - 1; ++j)
        EXPECT_NEAR(c[i * n + j], i == 0 ? 1 : std::tanh(5.0f), 1e-6) << implementation.name;
      EXPECT_TRUE(std::isnan(c[i * n + n - 1])) << implementation.name;
    }
  }
}

template <class T>
void expect_same_bits(const Case& it, unsigned seed) {
  const Operands operands(it, seed);
  for (const Implementation<T>& implementation : implementations<T>()) {
    Scratch alone;
    const std::vector<T> expected = run<T>(implementation.gemm, alone.stream, operands);
    for (const int count : {1, 2, 3, 8}) {
      Threads threads(count);
      Scratch scratch(&threads);
      const std::vector<T> found = run<T>(implementation.gemm, scratch.stream, operands);
      EXPECT_EQ(std::memcmp(found.data(), expected.data(), found.size() * sizeof(T)), 0)
          << implementation.name << " with " << count << " threads: " << it.text();
    }
  }
}

// Items of one row go another way: shorter than a vector, whole ones and with a rest, and more
// items than sums fit into a vector.
TEST(Gemm, AgreesWithTheReferenceOnManySingleRows) {
  unsigned seed = 0;
  for (const std::int64_t n : {1, 2, 6, 16, 35, 100})
    for (const std::int64_t k : {1, 3, 16, 100})
      for (const bool transpose_b : {false, true}) {
        Case it{1, n, k};
        it.transpose_b = transpose_b;
        it.batch = seed % 2 == 0 ? 33 : 5;
        expect_all_right<float>(it, ++seed);
        expect_all_right<double>(it, ++seed);
        if (seed % 3 == 0) ++seed;
      }
}

TEST(Gemm, GivesTheSameBitsForAnyNumberOfThreads) {
  std::vector<Case> cases;
  for (const Case& shape : {Case{500, 100, 100}, Case{3, 2000, 100}, Case{100, 100, 2100},
                            Case{300, 320, 400}, Case{700, 6, 100}, Case{129, 17, 300}})
    for (int option = 0; option < 4; ++option) {
      Case it = shape;
      it.transpose_a = option & 1;
      it.transpose_b = option & 2;
      it.accumulate = option == 3;
      cases.push_back(it);
    }
  Case batched{40, 65, 50};
  batched.batch = 5;
  batched.bias = true;
  batched.activation = Activation::relu;
  batched.gradient = true;
  batched.gradient_activation = Activation::tanh;
  cases.push_back(batched);
  Case single_rows{1, 6, 100};
  single_rows.batch = 5000;
  for (const bool transpose_b : {false, true}) {
    single_rows.transpose_b = transpose_b;
    cases.push_back(single_rows);
  }
  unsigned seed = 0;
  for (const Case& it : cases) {
    expect_same_bits<float>(it, ++seed);
    if (seed % 3 == 0) expect_same_bits<double>(it, ++seed);
  }
}

}  // namespace
}  // namespace understudy
