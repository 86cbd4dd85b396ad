// Arrays that the host and a device share: one memory on the processor, two that are copied
// elsewhere; and parts of the host's work on a device's team.

#include "kernels/device/device_buffer.h"

#include <gtest/gtest.h>

#include <memory>
#include <type_traits>
#include <utility>
#include <vector>

#include "kernels/device/parts.h"

#if !defined(UNDERSTUDY_NATIVE_CUDA)
#include "kernels/device/emulator.h"
#endif

namespace understudy {
namespace {

std::vector<std::unique_ptr<Device>> devices() {
  std::vector<std::unique_ptr<Device>> all;
  all.push_back(cpu_device());
  if (cuda_missing_reason() == nullptr) all.push_back(cuda_device());
  return all;
}

// What the device's side holds, by a copy of its own.
template <class T>
std::vector<std::remove_const_t<T>> device_side(Device& device, const DeviceBuffer<T>& buffer) {
  std::vector<std::remove_const_t<T>> values(static_cast<std::size_t>(buffer.size()));
  device.copy_to_host(values.data(), buffer.data(), values.size() * sizeof(T));
  return values;
}

TEST(DeviceBuffer, BeginsAsZerosOnBothSides) {
  for (const auto& device : devices()) {
    DeviceBuffer<double> buffer(*device, 5);
    EXPECT_EQ(device_side(*device, buffer), std::vector<double>(5, 0.0));
    EXPECT_EQ(std::vector<double>(buffer.host(), buffer.host() + 5), std::vector<double>(5, 0.0));
    DeviceBuffer<float> empty(*device, 0), none;
    empty.to_device();
    empty.to_host();
    none.to_host();
    EXPECT_EQ(empty.size() + none.size(), 0);
  }
}

TEST(DeviceBuffer, SidesAreCopiedWhenAsked) {
  for (const auto& device : devices()) {
    const bool one_memory = device->kind() == DeviceKind::cpu;
    DeviceBuffer<int> buffer(*device, 3);
    EXPECT_EQ(buffer.host() == buffer.data(), one_memory);
#if !defined(UNDERSTUDY_NATIVE_CUDA)
    EXPECT_EQ(simt::is_device_memory(buffer.data(), 12), !one_memory);
#endif
    buffer.host()[1] = 7;
    EXPECT_EQ(device_side(*device, buffer)[1], one_memory ? 7 : 0);
    buffer.to_device();
    EXPECT_EQ(device_side(*device, buffer)[1], 7);
    const int there[] = {1, 2, 3};
    device->copy_from_host(buffer.data(), there, sizeof there);
    EXPECT_EQ(buffer.host()[2], one_memory ? 3 : 0);
    buffer.to_host();
    EXPECT_EQ(buffer.host()[2], 3);
  }
}

TEST(DeviceBuffer, ViewsAreOfTheVectorItself) {
  for (const auto& device : devices()) {
    std::vector<double> values{1, 2, 3};
    {
      DeviceBuffer<double> view = view_of(*device, values);
      EXPECT_EQ(view.data() == values.data(), device->kind() == DeviceKind::cpu);
      EXPECT_EQ(device_side(*device, view), values);  // copied with the view
      const double there[] = {4, 5, 6};
      device->copy_from_host(view.data(), there, sizeof there);
      view.to_host();
    }
    EXPECT_EQ(values, (std::vector<double>{4, 5, 6}));  // and the vector outlives it
    const std::vector<double>& constant = values;
    const auto view = view_of(*device, constant);
    static_assert(std::is_same_v<decltype(view), const DeviceBuffer<const double>>);
    EXPECT_EQ(device_side(*device, view), values);
  }
}

TEST(DeviceBuffer, MovesAndSwapsBothSides) {
  for (const auto& device : devices()) {
    DeviceBuffer<int> a(*device, 2), b(*device, 4);
    a.host()[0] = 1;
    a.to_device();
    a.swap(b);
    EXPECT_EQ(a.size(), 4);
    EXPECT_EQ(b.host()[0], 1);
    DeviceBuffer<int> c = std::move(b);
    EXPECT_EQ(c.host()[0], 1);
    EXPECT_EQ(device_side(*device, c)[0], 1);
    c = {*device, 3};
    EXPECT_EQ(c.size(), 3);
  }
}

TEST(Parts, CoverEverythingOnceOnEveryTeam) {
  Threads two(2);
  for (Threads* team : {static_cast<Threads*>(nullptr), &two}) {
    const std::unique_ptr<Device> device = cpu_device(team);
    for (std::int64_t n : {std::int64_t{0}, std::int64_t{1}, chunk_elements, chunk_elements + 1}) {
      std::vector<int> seen(static_cast<std::size_t>(n), 0);
      std::vector<int> chunks(static_cast<std::size_t>(chunk_count(n)), 0);
      for_each_chunk(*device, n, [&](int chunk, std::int64_t first, std::int64_t end) {
        ++chunks[static_cast<std::size_t>(chunk)];
        for (std::int64_t i = first; i < end; ++i) ++seen[static_cast<std::size_t>(i)];
      });
      EXPECT_EQ(seen, std::vector<int>(seen.size(), 1));
      EXPECT_EQ(chunks, std::vector<int>(chunks.size(), 1));
    }
    std::vector<Stream*> streams(9);
    for_each_part(*device, 9, [&](int part, int thread, Stream& stream) {
      EXPECT_EQ(&stream, &device->stream_of_thread(thread));
      EXPECT_EQ(stream.threads, nullptr);  // a part must not wait for the team it runs on
      streams[static_cast<std::size_t>(part)] = &stream;
    });
    for (Stream* stream : streams) EXPECT_NE(stream, nullptr);
  }
}

}  // namespace
}  // namespace understudy
