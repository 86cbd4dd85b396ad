// CUDA as a device: memory, copies, and what it says of itself; the kernels have tests of their
// own.

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <memory>
#include <numeric>
#include <vector>

#include "kernels/device/device.h"
#include "kernels/device/error.h"

namespace understudy {
namespace {

std::unique_ptr<Device> bare_device() {
  return cuda_device(static_cast<const Backend<float>*>(nullptr), nullptr);
}

TEST(DeviceCuda, says_what_it_is) {
  ASSERT_EQ(cuda_missing_reason(), nullptr);
  const std::unique_ptr<Device> device = bare_device();
  EXPECT_EQ(device->kind(), DeviceKind::cuda);
  EXPECT_EQ(device->threads(), 1);
  EXPECT_EQ(device->team(), nullptr);
  EXPECT_EQ(std::strncmp(device->description(), "cuda ", 5), 0) << device->description();
#if !defined(UNDERSTUDY_NATIVE_CUDA)
  EXPECT_STREQ(device->description(), "cuda emulated");
#endif
}

TEST(DeviceCuda, streams_have_scratch) {
  const std::unique_ptr<Device> device = bare_device();
  EXPECT_NE(device->stream().scratch, nullptr);
  EXPECT_GE(device->stream().scratch_bytes, Stream::minimum_scratch);
  EXPECT_EQ(&device->stream(), &device->stream_of_thread(0));
}

TEST(DeviceCuda, copies_there_and_back) {
  const std::unique_ptr<Device> device = bare_device();
  std::vector<int> numbers(1000), back(1000, -1);
  std::iota(numbers.begin(), numbers.end(), 0);
  const std::size_t bytes = numbers.size() * sizeof(int);
  int* a = static_cast<int*>(device->allocate(bytes));
  int* b = static_cast<int*>(device->allocate(bytes));
  EXPECT_EQ(reinterpret_cast<std::uintptr_t>(a) % 64, 0u);
  device->copy_from_host(a, numbers.data(), bytes);
  device->copy(b, a, bytes);
  device->fill_zero(a, bytes);
  device->fill_zero(b + 10, 10 * sizeof(int));
  device->copy_to_host(back.data(), b, bytes);
  std::fill(numbers.begin() + 10, numbers.begin() + 20, 0);
  EXPECT_EQ(back, numbers);
  device->copy_to_host(back.data(), a, bytes);
  EXPECT_EQ(back, std::vector<int>(1000, 0));
  device->synchronize();
  device->release(a);
  device->release(b);
}

TEST(DeviceCuda, takes_nothing_for_an_answer) {
  const std::unique_ptr<Device> device = bare_device();
  void* memory = device->allocate(0);
  device->copy_from_host(memory, nullptr, 0);
  device->copy_to_host(nullptr, memory, 0);
  device->copy(memory, memory, 0);
  device->fill_zero(memory, 0);
  device->release(memory);
  device->release(nullptr);
}

TEST(DeviceCuda, more_memory_than_there_is_is_an_error) {
  const std::unique_ptr<Device> device = bare_device();
  EXPECT_THROW(device->allocate(std::size_t{1} << 50), Error);
  device->release(device->allocate(100));  // and nothing else is lost
}

#if !defined(UNDERSTUDY_NATIVE_CUDA)
TEST(DeviceCudaDeathTest, mixed_up_pointers_stop_at_once) {
  testing::FLAGS_gtest_death_test_style = "threadsafe";
  const std::unique_ptr<Device> device = bare_device();
  int here[4] = {}, there[4] = {};
  void* memory = device->allocate(sizeof here);
  EXPECT_DEATH(device->copy_from_host(there, here, sizeof here), "not device memory");
  EXPECT_DEATH(device->copy_to_host(memory, memory, sizeof here), "not the host's");
  EXPECT_DEATH(device->release(here), "no allocation");
  device->release(memory);
}
#endif

}  // namespace
}  // namespace understudy
