// What an embedded build promises: bad input goes to a handler, a team is the caller alone, and
// nothing is allocated once things are set up. The last is tested in every build.

#include <gtest/gtest.h>

#include <csetjmp>
#include <cstdlib>
#include <cstring>
#include <new>

#include "kernels/device/backend.h"
#include "kernels/device/device.h"
#include "kernels/device/error.h"
#include "kernels/device/instruction_set.h"
#include "kernels/device/threads.h"

namespace {

long allocations = 0;

}  // namespace

// Every allocation through `new` is counted; with a C library of GNU's those by malloc as well.
// Not inlined, or the compiler would see a pair of functions that do not belong together.
#define UNDERSTUDY_COUNTED __attribute__((noinline))
UNDERSTUDY_COUNTED void* operator new(std::size_t size) {
  ++allocations;
  void* memory = std::malloc(size == 0 ? 1 : size);
  if (memory == nullptr) std::abort();
  return memory;
}
UNDERSTUDY_COUNTED void operator delete(void* memory) noexcept { std::free(memory); }
UNDERSTUDY_COUNTED void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }

#if defined(UNDERSTUDY_EMBEDDED) && defined(__GLIBC__)
extern "C" void* __libc_malloc(std::size_t size);
extern "C" void* malloc(std::size_t size) noexcept {
  ++allocations;
  return __libc_malloc(size);
}
#endif

namespace understudy {
namespace {

TEST(Embedded, kernels_allocate_nothing_once_a_device_is_there) {
  const auto device = cpu_device(nullptr, best_instruction_set());
  constexpr int rows = 48, in = 17, out = 100;
  static float x[rows * in], w[in * out], bias[out], y[rows * out], back[rows * in];
  for (int i = 0; i < rows * in; ++i) x[i] = static_cast<float>(i % 7 - 3);
  for (int i = 0; i < in * out; ++i) w[i] = static_cast<float>(i % 5 - 2) * 0.125f;
  for (int i = 0; i < out; ++i) bias[i] = 0.5f;

  const long before = allocations;
  const Backend<float>& kernels = device->kernels_f32();
  kernels.gemm.gemm(device->stream(), {.m = rows,
                                       .n = out,
                                       .k = in,
                                       .a = x,
                                       .b = w,
                                       .c = y,
                                       .lda = in,
                                       .ldb = out,
                                       .ldc = out,
                                       .bias = bias,
                                       .activation = Activation::tanh});
  kernels.gemm.gemm(device->stream(), {.m = rows,
                                       .n = in,
                                       .k = out,
                                       .a = y,
                                       .b = w,
                                       .c = back,
                                       .lda = out,
                                       .ldb = out,
                                       .ldc = in,
                                       .transpose_b = true});
  kernels.elementwise.unary(device->stream(), Unary::exponential, rows * in, back, x);
  kernels.softmax.softmax(device->stream(), rows, out, y, y);
  EXPECT_EQ(allocations, before);

  // They did run: a row of a softmax sums to 1, to a rounding an addition.
  float sum = 0;
  for (int j = 0; j < out; ++j) sum += y[j];
  EXPECT_NEAR(sum, 1.0f, 100 * 6e-8f);
}

#if defined(UNDERSTUDY_EMBEDDED)

std::jmp_buf jump_back;
char last_error[Error::capacity];

void leave(const Error& error) {
  std::strncpy(last_error, error.what(), sizeof last_error - 1);
  std::longjmp(jump_back, 1);
}

// Runs `body`, which must end in an error, and returns the error's words.
template <class Body>
const char* error_of(const Body& body) {
  last_error[0] = '\0';
  const ErrorHandler previous = set_error_handler(leave);
  if (setjmp(jump_back) == 0) body();
  set_error_handler(previous);
  return last_error;
}

TEST(Embedded, bad_input_goes_to_the_handler) {
  EXPECT_STREQ(error_of([] { instruction_set_named("sse9"); }),
               "instruction set: expected portable, avx2 or avx512, found \"sse9\"");
  EXPECT_STREQ(error_of([] { cuda_device(); }), "device cuda: built without CUDA");
}

TEST(Embedded, a_team_is_the_caller_alone) {
  EXPECT_STREQ(error_of([] { Threads team(2); }), "threads: this build has 1, 2 were asked");
  Threads team(1);
  int order[5] = {}, next = 0;
  team.run(5, [&](int part, int thread) { order[next++] = part + 10 * thread; });
  for (int part = 0; part < 5; ++part) EXPECT_EQ(order[part], part);
}

#endif

}  // namespace
}  // namespace understudy
