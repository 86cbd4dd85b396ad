// The emulator itself: it runs right kernels rightly in every order, and says what is wrong in
// wrong ones.

#if !defined(UNDERSTUDY_NATIVE_CUDA)  // the GPU needs no emulator

#include "kernels/device/launch.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <string>
#include <vector>

namespace understudy {
namespace {

using simt::ThreadOrder;

// Device memory with the contents of a vector.
template <class T>
class Array {
 public:
  explicit Array(const std::vector<T>& values) : count_(values.size()) {
    data_ = static_cast<T*>(simt::allocate(count_ * sizeof(T)));
    simt::OpenMemory open;
    std::copy(values.begin(), values.end(), data_);
  }
  ~Array() { simt::release(data_); }
  T* data() const { return data_; }
  std::vector<T> values() const {
    simt::OpenMemory open;
    return {data_, data_ + count_};
  }

 private:
  std::size_t count_;
  T* data_;
};

struct Failed {
  std::string message;
};

class Emulator : public testing::TestWithParam<ThreadOrder> {
 protected:
  void SetUp() override {
    simt::set_thread_order(GetParam(), 7);
    simt::set_failure_handler([](const char* message) { throw Failed{message}; });
  }
  void TearDown() override {
    simt::set_thread_order(ThreadOrder::forward);
    simt::set_failure_handler(nullptr);
    simt::check_red_zones();
  }

  // What the launch was stopped with; empty if it was not.
  template <class... A>
  std::string failure(void (*kernel)(A...), dim3 grid, dim3 block, A... arguments) {
    try {
      launch(kernel, grid, block, 0, stream_, arguments...);
    } catch (const Failed& failed) {
      return failed.message;
    }
    return "";
  }

  Stream stream_;
};

INSTANTIATE_TEST_SUITE_P(Orders, Emulator,
                         testing::Values(ThreadOrder::forward, ThreadOrder::reversed,
                                         ThreadOrder::shuffled),
                         [](const auto& info) {
                           return std::string(info.param == ThreadOrder::forward    ? "forward"
                                              : info.param == ThreadOrder::reversed ? "reversed"
                                                                                    : "shuffled");
                         });

// ---- right kernels ----

__global__ void number_threads(int* visits, unsigned threads) {
  const unsigned block = (blockIdx.z * gridDim.y + blockIdx.y) * gridDim.x + blockIdx.x;
  const unsigned thread = (threadIdx.z * blockDim.y + threadIdx.y) * blockDim.x + threadIdx.x;
  ++visits[block * threads + thread];
}

TEST_P(Emulator, runs_every_thread_of_every_block_once) {
  const dim3 grid(3, 4, 5), block(7, 2, 3);
  Array<int> visits(std::vector<int>(60 * 42, 0));
  launch(number_threads, grid, block, 0, stream_, visits.data(), 42u);
  EXPECT_EQ(visits.values(), std::vector<int>(60 * 42, 1));
}

__global__ void order_of_threads(int* order, int* count) { order[(*count)++] = threadIdx.x; }

TEST_P(Emulator, keeps_the_order_it_was_told) {
  Array<int> order(std::vector<int>(100, -1)), count({0});
  launch(order_of_threads, 1, 100, 0, stream_, order.data(), count.data());
  std::vector<int> forward(100);
  std::iota(forward.begin(), forward.end(), 0);
  std::vector<int> found = order.values();
  if (GetParam() == ThreadOrder::forward) {
    EXPECT_EQ(found, forward);
  }
  if (GetParam() == ThreadOrder::reversed) {
    EXPECT_EQ(found, std::vector<int>(forward.rbegin(), forward.rend()));
  }
  if (GetParam() == ThreadOrder::shuffled) {
    EXPECT_NE(found, forward);
    std::sort(found.begin(), found.end());
    EXPECT_EQ(found, forward);
  }
}

template <class T>
__device__ T sum_of_block(T value) {
  __shared__ T partial[32];
  for (int offset = 16; offset > 0; offset /= 2)
    value += __shfl_xor_sync(0xffffffffu, value, offset);
  if (threadIdx.x % 32 == 0) partial[threadIdx.x / 32] = value;
  __syncthreads();
  T sum = 0;
  for (unsigned warp = 0; warp < blockDim.x / 32; ++warp) sum += partial[warp];
  __syncthreads();
  return sum;
}

template <class T>
__global__ void sum_rows(const T* x, int n, T* sums) {
  T sum = 0;
  for (int i = threadIdx.x; i < n; i += blockDim.x) sum += x[blockIdx.x * n + i];
  sum = sum_of_block(sum);
  if (threadIdx.x == 0) sums[blockIdx.x] = sum;
}

template <class T>
void check_sums(Stream& stream) {
  const int rows = 5, n = 333;
  std::vector<T> x(rows * n), expected(rows, 0);
  for (int i = 0; i < rows * n; ++i) expected[i / n] += x[i] = static_cast<T>(i % 17);
  Array<T> in(x), out(std::vector<T>(rows, 0));
  launch(sum_rows<T>, rows, 256, 0, stream, static_cast<const T*>(in.data()), n, out.data());
  EXPECT_EQ(out.values(), expected);  // small integers: exact in any order
}

TEST_P(Emulator, adds_through_shuffles_barriers_and_shared_memory) {
  check_sums<float>(stream_);
  check_sums<double>(stream_);
  check_sums<int>(stream_);
}

__global__ void reverse_block(float* x) {
  UNDERSTUDY_DYNAMIC_SHARED(float, held);
  held[threadIdx.x] = x[threadIdx.x];
  __syncthreads();
  x[threadIdx.x] = held[blockDim.x - 1 - threadIdx.x];
}

TEST_P(Emulator, exchanges_through_dynamic_shared_memory) {
  std::vector<float> x(1000), reversed;
  std::iota(x.begin(), x.end(), 0.0f);
  reversed.assign(x.rbegin(), x.rend());
  Array<float> a(x);
  launch(reverse_block, 1, 1000, 4000, stream_, a.data());
  EXPECT_EQ(a.values(), reversed);
}

__global__ void shuffle_every_way(int* out, double* wide) {
  const int lane = threadIdx.x % 32;
  out[threadIdx.x] = __shfl_up_sync(0xffffffffu, lane, 3);
  out[64 + threadIdx.x] = __shfl_down_sync(0xffffffffu, lane, 3, 8);
  out[128 + threadIdx.x] = __shfl_sync(0xffffffffu, lane, 5, 16);
  out[192 + threadIdx.x] = __shfl_xor_sync(0xffffffffu, lane, 9);
  wide[threadIdx.x] = __shfl_sync(0xffffffffu, lane + 0.25, 31 - lane);
}

TEST_P(Emulator, shuffles_as_a_warp_does) {
  Array<int> out(std::vector<int>(256, -1));
  Array<double> wide(std::vector<double>(64, -1));
  launch(shuffle_every_way, 1, 64, 0, stream_, out.data(), wide.data());
  for (int thread = 0; thread < 64; ++thread) {
    const int lane = thread % 32;
    EXPECT_EQ(out.values()[thread], lane < 3 ? lane : lane - 3);
    EXPECT_EQ(out.values()[64 + thread], lane % 8 > 4 ? lane : lane + 3);
    EXPECT_EQ(out.values()[128 + thread], lane / 16 * 16 + 5);
    EXPECT_EQ(out.values()[192 + thread], lane ^ 9);
    EXPECT_EQ(wide.values()[thread], 31 - lane + 0.25);
  }
}

__global__ void vote(unsigned* out) {
  const int lane = threadIdx.x % 32;
  out[threadIdx.x] = __ballot_sync(0xffffffffu, lane % 3 == 0);
  out[64 + threadIdx.x] = __any_sync(0xffffffffu, threadIdx.x == 40);
  out[128 + threadIdx.x] = __all_sync(0xffffffffu, threadIdx.x < 50);
  out[192 + threadIdx.x] = __syncthreads_count(lane < 2);
  out[256 + threadIdx.x] = __syncthreads_or(threadIdx.x == 63) * 2 + __syncthreads_and(lane < 31);
}

TEST_P(Emulator, counts_votes) {
  Array<unsigned> out(std::vector<unsigned>(320, 99));
  launch(vote, 1, 64, 0, stream_, out.data());
  for (int thread = 0; thread < 64; ++thread) {
    EXPECT_EQ(out.values()[thread], 0x49249249u);
    EXPECT_EQ(out.values()[64 + thread], thread < 32 ? 0u : 1u);
    EXPECT_EQ(out.values()[128 + thread], thread < 32 ? 1u : 0u);
    EXPECT_EQ(out.values()[192 + thread], 4u);
    EXPECT_EQ(out.values()[256 + thread], 2u);
  }
}

// The halves of a warp may go different ways under masks of their own.
__global__ void shuffle_halves(int* out) {
  const int lane = threadIdx.x;
  if (lane < 16)
    out[lane] = __shfl_sync(0x0000ffffu, lane, 0);
  else
    out[lane] = __shfl_sync(0xffff0000u, lane, 31);
}

TEST_P(Emulator, keeps_masks_apart) {
  Array<int> out(std::vector<int>(32, -1));
  launch(shuffle_halves, 1, 32, 0, stream_, out.data());
  for (int lane = 0; lane < 32; ++lane) EXPECT_EQ(out.values()[lane], lane < 16 ? 0 : 31);
}

// A lane that has finished, or does not exist, is not waited for; what it would have given is NaN.
__global__ void read_absent_lane(float* out) {
  if (threadIdx.x == 1) return;
  out[threadIdx.x] = __shfl_sync(0xffffffffu, 1.0f,
                                 threadIdx.x == 0   ? 1
                                 : threadIdx.x == 2 ? 31
                                                    : 0);
}

TEST_P(Emulator, gives_nan_for_an_absent_lane) {
  Array<float> out({5, 5, 5, 5});
  launch(read_absent_lane, 1, 4, 0, stream_, out.data());
  const std::vector<float> found = out.values();
  EXPECT_TRUE(std::isnan(found[0]));
  EXPECT_EQ(found[1], 5);
  EXPECT_TRUE(std::isnan(found[2]));
  EXPECT_EQ(found[3], 1);
}

__global__ void count_all_ways(float* f, double* d, int* i, unsigned* u, unsigned long long* l) {
  atomicAdd(f, 1.0f);
  atomicAdd(d, 0.5);
  atomicAdd(l, 1ull);
  atomicMax(i, static_cast<int>(threadIdx.x));
  atomicMin(i + 1, -static_cast<int>(threadIdx.x));
  if (atomicCAS(u, 0u, threadIdx.x + 1) == 0) atomicExch(u + 1, threadIdx.x + 1);
}

TEST_P(Emulator, adds_atomically) {
  Array<float> f({0});
  Array<double> d({0});
  Array<int> i({0, 0});
  Array<unsigned> u({0, 0});
  Array<unsigned long long> l({1ull << 40});
  launch(count_all_ways, 10, 64, 0, stream_, f.data(), d.data(), i.data(), u.data(), l.data());
  EXPECT_EQ(f.values()[0], 640);
  EXPECT_EQ(d.values()[0], 320);
  EXPECT_EQ(l.values()[0], (1ull << 40) + 640);
  EXPECT_EQ(i.values(), (std::vector<int>{63, -63}));
  EXPECT_EQ(u.values()[0], u.values()[1]);
}

// ---- wrong kernels ----

__global__ void miss_barrier(int* x) {
  if (threadIdx.x == 5) return;
  __syncthreads();
  x[0] = 1;
}

TEST_P(Emulator, reports_a_barrier_that_a_finished_thread_missed) {
  Array<int> x({0});
  const std::string message = failure(miss_barrier, 2, 64, x.data());
  const char* block = GetParam() == ThreadOrder::reversed ? "block (1, 0, 0)" : "block (";
  EXPECT_NE(message.find(block), std::string::npos) << message;
  EXPECT_NE(message.find("thread (5, 0, 0) has finished"), std::string::npos) << message;
  EXPECT_EQ(x.values()[0], 0);
}

__global__ void meet_elsewhere(int*) {
  if (threadIdx.x < 32) {
    __syncthreads();
  } else {
    __syncthreads();
  }
}

TEST_P(Emulator, reports_barriers_at_two_places) {
  Array<int> x({0});
  const std::string message = failure(meet_elsewhere, 1, 64, x.data());
  EXPECT_NE(message.find("thread (0, 0, 0) waits for its block"), std::string::npos) << message;
  EXPECT_NE(message.find("thread (32, 0, 0) waits at"), std::string::npos) << message;
}

__global__ void shuffle_in_a_branch(int* x) {
  if (threadIdx.x < 7) x[threadIdx.x] = __shfl_xor_sync(0xffffffffu, 1, 1);
  __syncthreads();
}

TEST_P(Emulator, reports_a_shuffle_that_some_lanes_miss) {
  Array<int> x(std::vector<int>(32, 0));
  const std::string message = failure(shuffle_in_a_branch, 1, 32, x.data());
  EXPECT_NE(message.find("waits for its warp"), std::string::npos) << message;
  EXPECT_NE(message.find("thread (7, 0, 0) waits at"), std::string::npos) << message;
}

__global__ void shuffle_outside_its_mask(int* x) { x[0] = __shfl_sync(0x1u, 1, 0); }

TEST_P(Emulator, reports_a_lane_outside_its_own_mask) {
  Array<int> x({0});
  EXPECT_NE(failure(shuffle_outside_its_mask, 1, 32, x.data()).find("own mask"), std::string::npos);
}

TEST_P(Emulator, works_on_after_a_failure) {
  Array<int> x({0});
  EXPECT_NE(failure(miss_barrier, 1, 1024, x.data()), "");
  check_sums<float>(stream_);
}

TEST_P(Emulator, refuses_what_a_gpu_would_not_take) {
  Array<int> x({0});
  int on_the_host = 0;
  EXPECT_NE(failure(miss_barrier, 1, 1025, x.data()), "");
  EXPECT_NE(failure(miss_barrier, dim3(1, 70000), 1, x.data()), "");
  EXPECT_EQ(failure(miss_barrier, 0, 64, x.data()), "");  // not launched
  EXPECT_NE(failure(miss_barrier, 1, 64, &on_the_host).find("host memory"), std::string::npos);
}

// Without the barrier some order shows what was not yet written: this is why tests run all three.
__global__ void reverse_without_barrier(float* x) {
  UNDERSTUDY_DYNAMIC_SHARED(float, held);
  held[threadIdx.x] = x[threadIdx.x];
  x[threadIdx.x] = held[(threadIdx.x + 1) % blockDim.x];
}

TEST_P(Emulator, shows_a_missing_barrier) {
  Array<float> a(std::vector<float>(64, 1.0f));
  launch(reverse_without_barrier, 1, 64, 256, stream_, a.data());
  int poisoned = 0;
  for (float value : a.values()) poisoned += std::isnan(value);
  EXPECT_GT(poisoned, 0);
}

// ---- memory ----

TEST_P(Emulator, memory_begins_as_nan) {
  float* memory = static_cast<float*>(simt::allocate(400));
  {
    simt::OpenMemory open;
    for (int i = 0; i < 100; ++i) EXPECT_TRUE(std::isnan(memory[i]));
  }
  EXPECT_TRUE(simt::is_device_memory(memory, 400));
  simt::release(memory);
}

__global__ void write_at(float* x, int i) { x[i] = 0; }
__attribute__((noinline)) int recurse(int depth) {
  volatile char frame[1000];
  frame[depth % 1000] = 1;
  return depth == 0 ? 0 : recurse(depth - 1) + frame[depth % 1000];
}
__global__ void recurse_deeply(int* x, int depth) { x[0] = recurse(depth); }

// What a process that dies of `fault` says; a sanitizer has words of its own. Whether the library
// has one is asked of it: the tests are not built with them.
const char* words(const char* fault) { return simt::explain_faults() ? fault : ""; }

TEST(EmulatorDeathTest, host_access_faults) {
  testing::FLAGS_gtest_death_test_style = "threadsafe";
  Stream stream;
  Array<float> a({1, 2, 3});
  launch(write_at, 1, 1, 0, stream, a.data(), 0);
  EXPECT_DEATH(a.data()[1] = 4, words("host code touched emulated device memory"));
}

TEST(EmulatorDeathTest, a_write_past_the_end_is_found) {
  testing::FLAGS_gtest_death_test_style = "threadsafe";
  Stream stream;
  EXPECT_DEATH(
      {
        Array<float> a({1, 2, 3});
        launch(write_at, 1, 1, 0, stream, a.data(), 3);
        simt::check_red_zones();
      },
      "byte 12 of an allocation of 12 was written");
}

TEST(EmulatorDeathTest, a_stack_overflow_faults) {
  testing::FLAGS_gtest_death_test_style = "threadsafe";
  Stream stream;
  Array<int> a({0});
  EXPECT_DEATH(launch(recurse_deeply, 1, 1, 0, stream, a.data(), 1000),
               words("stack of an emulated thread overflowed"));
}

}  // namespace
}  // namespace understudy

#endif
