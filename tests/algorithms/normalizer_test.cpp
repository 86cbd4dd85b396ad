// Normalizers against plain loops in double: what is fitted, what batches add up to, and that a
// frozen one stays as it is, in programs and through a file.

#include "algorithms/data/normalizer.h"

#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <vector>

#include "algorithms/policies/policy.h"
#include "autograd/operations/operations.h"
#include "tests/kernels/kernel_test.h"

namespace understudy {
namespace {

using Vector = std::vector<double>;

// A column far from zero, one that is constant, one that is small.
std::vector<float> rows_of_three() {
  std::vector<float> rows;
  for (int i = 0; i < 1000; ++i)
    rows.insert(rows.end(), {10000.0f + static_cast<float>(i % 7), 3.0f,
                             1e-3f * static_cast<float>(i % 3 - 1)});
  return rows;
}

TEST(Normalizer, columns_get_mean_0_and_std_1_and_come_back) {
  const auto device = cpu_device();
  Store store(*device);
  Normalizer normalizer(store, "n", 3);
  const std::vector<float> x = rows_of_three();
  normalizer.fit(x);
  EXPECT_EQ(normalizer.count().read(), Vector{1000});
  EXPECT_EQ(normalizer.std().read()[1], 1) << "a constant keeps its scale";
  Program program(*device);
  const Tensor z = normalizer.normalize(program.input("x", {rows(1000), 3}));
  program.output("z", z);
  program.output("x", normalizer.restore(z));
  program.write("x", x.data(), 3000);
  program.run();
  const Vector normalized = program.read("z"), restored = program.read("x");
  double sum[3] = {}, square[3] = {};
  for (std::size_t i = 0; i < x.size(); ++i) {
    ASSERT_TRUE(std::isfinite(normalized[i]));
    sum[i % 3] += normalized[i];
    square[i % 3] += normalized[i] * normalized[i];
    // Three roundings to float, of numbers of this size.
    const double size = std::max(1.0, std::abs(static_cast<double>(x[i])));
    EXPECT_NEAR(restored[i], static_cast<double>(x[i]), 3 * 6e-8 * size);
  }
  // The first mean, about 10003, is a float: off by up to 2^-11, of a standard deviation of 2.
  EXPECT_NEAR(sum[0] / 1000, 0, 5e-4);
  EXPECT_EQ(sum[1], 0);
  EXPECT_NEAR(sum[2] / 1000, 0, 1e-6);
  EXPECT_NEAR(square[0] / 1000, 1, 1e-3);
  EXPECT_NEAR(square[2] / 1000, 1, 1e-6);
}

TEST(Normalizer, batches_add_up_to_all_rows) {
  const auto device = cpu_device();
  Store store(*device, Real::f64);
  Normalizer normalizer(store, "n", 2);
  kernel_test::Random random(3);
  Vector all;
  for (const std::int64_t n : {40, 1, 7, 152}) {
    Program program(*device, Real::f64);
    normalizer.record_update(program.input("x", {rows(n), 2}));
    Vector batch = random.normals(2 * n);
    for (std::size_t i = 0; i < batch.size(); i += 2) batch[i] = 5 + 0.1 * batch[i];
    program.write("x", batch);
    program.run();
    all.insert(all.end(), batch.begin(), batch.end());
  }
  EXPECT_EQ(normalizer.count().read(), Vector{200});
  for (std::size_t d = 0; d < 2; ++d) {
    double mean = 0, squares = 0;
    for (std::size_t i = d; i < all.size(); i += 2) mean += all[i] / 200;
    for (std::size_t i = d; i < all.size(); i += 2) squares += (all[i] - mean) * (all[i] - mean);
    EXPECT_NEAR(normalizer.mean().read()[d], mean, 1e-12);
    EXPECT_NEAR(normalizer.std().read()[d], std::sqrt(squares / 200), 1e-12);
  }
}

// Of columns far from 1 in single precision, where squares would be 0 or infinite, and of one that
// is constant, whose mean a sum misses by roundings.
TEST(Normalizer, batches_add_up_in_any_unit) {
  const auto device = cpu_device();
  Store store(*device);
  Normalizer normalizer(store, "n", 5);
  const Vector scale = {1, 1e-30, 1e25, 0, 1}, shift = {0, 2e-30, 0, 0.1, 1e6};
  Vector all[5];
  for (const std::int64_t n : {40, 7, 152}) {
    kernel_test::Random random(3);
    Program program(*device);
    normalizer.record_update(program.input("x", {rows(n), 5}));
    Vector batch = random.normals(5 * n);
    for (std::size_t i = 0; i < batch.size(); ++i) {
      batch[i] = static_cast<double>(static_cast<float>(shift[i % 5] + scale[i % 5] * batch[i]));
      all[i % 5].push_back(batch[i]);
    }
    program.write("x", batch);
    program.run();
  }
  const Vector found_mean = normalizer.mean().read(), found = normalizer.scale();
  for (std::size_t d = 0; d < 5; ++d) {
    double mean = 0, squares = 0;
    for (double x : all[d]) mean += x / static_cast<double>(all[d].size());
    for (double x : all[d]) squares += (x - mean) * (x - mean);
    const double std = std::sqrt(squares / static_cast<double>(all[d].size()));
    if (d == 3) {
      EXPECT_EQ(found[d], 1) << "a constant keeps its scale";
      continue;
    }
    // Sums of 200 floats; of 1e6 +- 1 they are rounded to 1/16.
    EXPECT_NEAR(found[d] / std, 1, d == 4 ? 0.02 : 1e-5) << d;
    EXPECT_NEAR((found_mean[d] - mean) / std, 0, d == 4 ? 0.1 : 1e-4) << d;
  }
}

TEST(Normalizer, what_varies_is_told_from_what_does_not_in_any_unit) {
  const auto device = cpu_device();
  Store store(*device);
  Normalizer normalizer(store, "n", 6);
  std::vector<float> x;
  for (int i = 0; i < 1000; ++i) {
    const float one = i % 2 == 0 ? 1.0f : -1.0f;
    x.insert(x.end(), {1e-6f * one, 1e-30f * one, 1e6f + one, 3e-9f, 1e20f, 0.0f});
  }
  normalizer.fit(x);
  const Vector scale = normalizer.scale();
  EXPECT_NEAR(scale[0], 1e-6, 1e-12);
  EXPECT_NEAR(scale[1], 1e-30, 1e-36);
  EXPECT_NEAR(scale[2], 1, 1e-6);
  EXPECT_EQ(Vector(scale.begin() + 3, scale.end()), (Vector{1, 1, 1}));
  Program program(*device);
  program.output("s", normalizer.scale(program));
  program.run();
  EXPECT_EQ(program.read("s"), scale);
}

// Freezing used to be a count of 1e15, which still rounded the mean at every batch where it was
// small beside what was seen.
TEST(Normalizer, that_is_frozen_keeps_its_bits) {
  const auto device = cpu_device();
  Store store(*device);
  Normalizer normalizer(store, "n", 2);
  normalizer.set({1e-8, 0.1}, {0.3, 1.7}, 12);
  Program program(*device);
  normalizer.record_update(program.input("x", {rows(50), 2}));
  program.write("x", Vector(100, 4.0));
  const Vector mean = normalizer.mean().read(), std = normalizer.std().read();
  EXPECT_FALSE(normalizer.frozen());
  normalizer.freeze();
  EXPECT_TRUE(normalizer.frozen());
  for (int i = 0; i < 3; ++i) program.run();
  EXPECT_EQ(normalizer.mean().read(), mean);
  EXPECT_EQ(normalizer.std().read(), std);
  EXPECT_EQ(normalizer.count().read(), Vector{12});
  normalizer.freeze(false);
  program.run();
  EXPECT_NE(normalizer.mean().read(), mean);
  EXPECT_EQ(normalizer.count().read(), Vector{62});
}

TEST(Normalizer, is_saved_frozen_as_it_is) {
  const auto device = cpu_device();
  PolicyDescription description;
  description.observation.shape = {3};
  description.action = {ActionKind::continuous, 1};
  description.normalize_observations = true;
  Policy policy(*device, description);
  Transitions expert = Transitions::of_numbers(3, 1);
  const std::vector<float> x = rows_of_three();
  for (std::size_t i = 0; i < x.size(); i += 3) expert.append({x[i], x[i + 1], x[i + 2]}, {0});
  fit_normalizer(policy, expert);
  EXPECT_FALSE(policy.normalizer()->frozen());
  freeze_normalizer(policy, expert);
  const auto folder = std::filesystem::temp_directory_path() / "understudy_normalizer";
  std::filesystem::create_directories(folder);
  const std::string path = (folder / "policy.safetensors").string();
  policy.save(path);
  const auto loaded = Policy::load(*device, path);
  EXPECT_TRUE(loaded->normalizer()->frozen());
  EXPECT_EQ(loaded->normalizer()->mean().read(), policy.normalizer()->mean().read());
  EXPECT_EQ(loaded->normalizer()->std().read(), policy.normalizer()->std().read());
  EXPECT_EQ(loaded->normalizer()->count().read(), Vector{1000});
  std::filesystem::remove_all(folder);
}

// What is not normalized has no normalizer, and is left alone.
TEST(Normalizer, is_of_policies_that_normalize) {
  const auto device = cpu_device();
  PolicyDescription description;
  description.observation.shape = {1};
  description.action = {ActionKind::continuous, 1};
  Policy policy(*device, description);
  EXPECT_EQ(policy.normalizer(), nullptr);
  Transitions expert = Transitions::of_numbers(1, 1);
  expert.append({1}, {1});
  freeze_normalizer(policy, expert);
  EXPECT_EQ(policy.store().find("normalizer/frozen"), nullptr);
}

}  // namespace
}  // namespace understudy
