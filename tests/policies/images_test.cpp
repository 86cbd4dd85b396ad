// Images with their channels last are the images with their channels first.

#include <gtest/gtest.h>

#include "algorithms/policies/policy.h"
#include "tests/kernels/kernel_test.h"

namespace understudy {
namespace {

PolicyDescription of_images(std::vector<std::int64_t> shape, ImageLayout layout) {
  PolicyDescription description;
  description.observation.shape = std::move(shape);
  description.action = {ActionKind::continuous, 2};
  description.trunk.convolutions = {4, 3, 1, 0};
  description.trunk.hidden = {8};
  description.trunk.image_layout = layout;
  return description;
}

std::vector<double> modes(const Policy& policy, const std::vector<float>& observation) {
  Program program(policy.device());
  const std::int64_t width = policy.description().observation.width();
  const std::int64_t n = static_cast<std::int64_t>(observation.size()) / width;
  program.output("mode", policy.distribution(program.input("o", {rows(n), width}))->mode());
  program.write("o", observation.data(), n * width);
  program.run();
  return program.read("mode");
}

TEST(ImagesOfAPolicy, mean_the_same_with_their_channels_first_and_last) {
  const auto device = cpu_device();
  const std::int64_t n = 5, channels = 3, height = 6, width = 7;
  kernel_test::Random random(3);
  std::vector<float> first(static_cast<std::size_t>(n * channels * height * width)), last = first;
  for (std::int64_t i = 0; i < n; ++i)
    for (std::int64_t c = 0; c < channels; ++c)
      for (std::int64_t y = 0; y < height; ++y)
        for (std::int64_t x = 0; x < width; ++x) {
          const float value = static_cast<float>(random.normal());
          first[((i * channels + c) * height + y) * width + x] = value;
          last[((i * height + y) * width + x) * channels + c] = value;
        }
  const Policy one(*device, of_images({channels, height, width}, ImageLayout::automatic), 7),
      other(*device, of_images({height, width, channels}, ImageLayout::automatic), 7);
  EXPECT_EQ(modes(one, first), modes(other, last)) << "the same weights on the same numbers";
  EXPECT_NE(modes(one, first), modes(one, last));
}

TEST(ImagesOfAPolicy, are_refused_where_their_channels_may_be_anywhere) {
  const auto device = cpu_device();
  const auto make = [&](std::vector<std::int64_t> shape, ImageLayout layout) {
    Policy(*device, of_images(std::move(shape), layout), 1);
  };
  EXPECT_THROW(make({8, 8, 8}, ImageLayout::automatic), Error);
  EXPECT_NO_THROW(make({8, 8, 8}, ImageLayout::channels_last));
  EXPECT_NO_THROW(make({8, 8}, ImageLayout::automatic)) << "one channel";
  EXPECT_THROW(make({8}, ImageLayout::channels_last), Error);
}

}  // namespace
}  // namespace understudy
