// What the tests of kernels share: every implementation in turn, arrays that live on its device,
// and comparison with the reference.
//
//   KERNEL_TEST(SoftmaxKernels, agrees_with_the_reference) {
//     Array x = on.array(random_normal(n)), y = on.poisoned(n);
//     kernels.softmax(on.stream(), 1, n, x, y);
//     EXPECT_TRUE(close(y, expected, 4));
//   }
//
// The body is compiled for T = float and double and run by each implementation that this machine
// has: the CPU's instruction sets, and CUDA, by the emulator in three thread orders or, built with
// UNDERSTUDY_NATIVE_CUDA, by the GPU. It sees
//
//   T            float or double
//   on           a Place: the stream and the memory of the implementation
//   kernels      its Kernels<T>
//   reference    the Kernels<double> of the reference; its stream is on.host_stream()
//
// UNDERSTUDY_INSTRUCTION_SET=NAME in the environment, an instruction set's or cuda, leaves one.

#pragma once

#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "kernels/device/device.h"
#include "kernels/device/error.h"
#include "kernels/device/family.h"
#include "kernels/device/instruction_set.h"
#include "kernels/device/stream.h"
#include "kernels/device/threads.h"

#if !defined(UNDERSTUDY_NATIVE_CUDA)
#include "kernels/device/emulator.h"
#endif

namespace understudy::kernel_test {

// ---- random inputs, the same on every machine ----

class Random {
 public:
  explicit Random(std::uint64_t seed) : state_(seed) {}

  std::uint64_t word() {  // SplitMix64
    std::uint64_t z = state_ += 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
  }
  double uniform(double low = 0, double high = 1) {
    return low + (high - low) * static_cast<double>(word() >> 11) * 0x1p-53;
  }
  // An integer in [low, high].
  std::int64_t integer(std::int64_t low, std::int64_t high) {
    return low + static_cast<std::int64_t>(word() % static_cast<std::uint64_t>(high - low + 1));
  }
  double normal() {
    return std::sqrt(-2 * std::log(1 - uniform())) * std::cos(6.283185307179586 * uniform());
  }
  std::vector<double> uniforms(std::int64_t n, double low = 0, double high = 1) {
    std::vector<double> values(static_cast<std::size_t>(n));
    for (double& value : values) value = uniform(low, high);
    return values;
  }
  std::vector<double> normals(std::int64_t n) {
    std::vector<double> values(static_cast<std::size_t>(n));
    for (double& value : values) value = normal();
    return values;
  }

 private:
  std::uint64_t state_;
};

// A number of a text, the same with every standard library (FNV-1a): what seeds a case's data.
inline std::uint64_t seed_of(std::string_view text) {
  std::uint64_t hash = 0xcbf29ce484222325u;
  for (const char letter : text)
    hash = (hash ^ static_cast<unsigned char>(letter)) * 0x100000001b3u;
  return hash;
}

// Sizes at which kernels go wrong: nothing, one, and around vectors, warps, tiles and blocks.
inline std::vector<std::int64_t> awkward_sizes(std::int64_t most) {
  std::vector<std::int64_t> sizes;
  for (std::int64_t n : {0,   1,   2,   3,   4,    5,    7,    8,    9,    15,   16,   17,
                         31,  32,  33,  48,  63,   64,   65,   100,  127,  128,  129,  255,
                         256, 257, 511, 513, 1000, 1023, 1024, 1025, 2049, 4097, 10007})
    if (n <= most) sizes.push_back(n);
  return sizes;
}

// ---- where a test runs ----

enum class Order { none, forward, reversed, shuffled };

struct Implementation {
  std::string name;
  DeviceKind kind;
  InstructionSet set;  // of the CPU
  Order order;         // of the emulator
};

inline const std::vector<Implementation>& implementations() {
  static const std::vector<Implementation> list = [] {
    std::vector<Implementation> all;
    for (const InstructionSetRow& row : instruction_sets)
      if (available(row.set)) all.push_back({row.name, DeviceKind::cpu, row.set, Order::none});
    const InstructionSet none = InstructionSet::portable;
#if defined(UNDERSTUDY_NATIVE_CUDA)
    if (cuda_missing_reason() == nullptr)
      all.push_back({"cuda", DeviceKind::cuda, none, Order::none});
#else
    all.push_back({"cuda forward", DeviceKind::cuda, none, Order::forward});
    all.push_back({"cuda reversed", DeviceKind::cuda, none, Order::reversed});
    all.push_back({"cuda shuffled", DeviceKind::cuda, none, Order::shuffled});
#endif
    if (const char* only = std::getenv("UNDERSTUDY_INSTRUCTION_SET"))
      std::erase_if(all, [&](const Implementation& one) {
        return one.name.compare(0, std::strlen(only), only) != 0;
      });
    return all;
  }();
  return list;
}

// Values in a device's memory, with NaN (all bits set) on either side. What was written there fails
// the test.
template <class U>
class Array {
 public:
  Array(Device* device, const std::vector<U>& values, int misalignment)
      : device_(device),
        count_(values.size()),
        before_(guard + static_cast<std::size_t>(misalignment)) {
    std::vector<unsigned char> bytes(total() * sizeof(U), 0xff);
    if (count_ != 0)
      std::memcpy(bytes.data() + before_ * sizeof(U), values.data(), count_ * sizeof(U));
    if (device_ != nullptr) {
      memory_ = static_cast<U*>(device_->allocate(bytes.size()));
      device_->copy_from_host(memory_, bytes.data(), bytes.size());
    } else {
      // exactly as large as needed, so that the address sanitizer sees what lies beyond
      memory_ = static_cast<U*>(std::aligned_alloc(64, (bytes.size() + 63) / 64 * 64));
      std::memcpy(memory_, bytes.data(), bytes.size());
    }
  }
  Array(Array&& other) noexcept
      : device_(other.device_),
        count_(other.count_),
        before_(other.before_),
        memory_(std::exchange(other.memory_, nullptr)) {}
  Array& operator=(Array&&) = delete;
  ~Array() {
    if (memory_ == nullptr) return;
    check_guards();
    if (device_ != nullptr)
      device_->release(memory_);
    else
      std::free(memory_);
  }

  U* data() const { return memory_ + before_; }
  operator U*() const { return data(); }
  std::int64_t size() const { return static_cast<std::int64_t>(count_); }

  std::vector<U> host() const {
    std::vector<U> all = everything();
    return {all.begin() + static_cast<std::ptrdiff_t>(before_),
            all.begin() + static_cast<std::ptrdiff_t>(before_ + count_)};
  }

 private:
  static constexpr std::size_t guard = 64 / sizeof(U);
  std::size_t total() const { return before_ + count_ + guard; }

  std::vector<U> everything() const {
    std::vector<U> all(total());
    if (device_ != nullptr)
      device_->copy_to_host(all.data(), memory_, total() * sizeof(U));
    else
      std::memcpy(all.data(), memory_, total() * sizeof(U));
    return all;
  }
  void check_guards() const {
    const std::vector<U> all = everything();
    for (std::size_t i = 0; i < total(); ++i) {
      if (i >= before_ && i < before_ + count_) continue;
      unsigned char bytes[sizeof(U)];
      std::memcpy(bytes, &all[i], sizeof(U));
      for (unsigned char byte : bytes) {
        if (byte == 0xff) continue;
        ADD_FAILURE() << "element "
                      << static_cast<std::int64_t>(i) - static_cast<std::int64_t>(before_)
                      << " of an array of " << count_ << " was written";
        return;
      }
    }
  }

  Device* device_;  // null: the host's memory
  std::size_t count_, before_;
  U* memory_ = nullptr;
};

// The CUDA device of all tests in a binary, with no kernels of its own.
inline Device& cuda() {
  static std::unique_ptr<Device> device =
      cuda_device(static_cast<const Backend<float>*>(nullptr), nullptr);
  return *device;
}

// Streams and memory of one implementation. T is the type of the kernels' numbers.
template <class T>
class Place {
 public:
  explicit Place(const Implementation& implementation)
      : is_cuda(implementation.kind == DeviceKind::cuda),
        name(implementation.name + (sizeof(T) == 4 ? " f32" : " f64")) {
    const std::size_t each = Stream::minimum_scratch;
    scratch_ = static_cast<std::byte*>(std::aligned_alloc(64, each * threads));
    host_.scratch = team_.scratch = scratch_;
    host_.scratch_bytes = each;
    team_.scratch_bytes = each * threads;
    team_.threads = &workers();
  }
  ~Place() { std::free(scratch_); }
  Place(const Place&) = delete;

  const bool is_cuda;
  const std::string name;
  // Arrays made from now on begin so many elements past a boundary of 64 bytes.
  int misalignment = 0;

  Stream& stream() { return is_cuda ? cuda().stream() : host_; }
  // On the CPU with a team of three threads; the results must be the same bits.
  Stream& team_stream() { return is_cuda ? cuda().stream() : team_; }
  // For the reference.
  Stream& host_stream() { return host_; }

  // Numbers rounded to T. The reference must be given the rounded ones: see `rounded`.
  Array<T> array(const std::vector<double>& values) {
    return of(std::vector<T>(values.begin(), values.end()));
  }
  // `n` elements that begin as NaN (integers: -1), for results.
  Array<T> poisoned(std::int64_t n) { return poisoned_of<T>(n); }
  template <class U>
  Array<U> of(const std::vector<U>& values) {
    return Array<U>(is_cuda ? &cuda() : nullptr, values, misalignment);
  }
  template <class U>
  Array<U> poisoned_of(std::int64_t n) {
    std::vector<U> values(static_cast<std::size_t>(n));
    if (n != 0) std::memset(static_cast<void*>(values.data()), 0xff, values.size() * sizeof(U));
    return of(values);
  }

  // `values` as the kernels see them.
  static std::vector<double> rounded(std::vector<double> values) {
    for (double& value : values) value = static_cast<double>(static_cast<T>(value));
    return values;
  }

 private:
  static constexpr int threads = 3;
  static Threads& workers() {
    static Threads team(threads);
    return team;
  }

  std::byte* scratch_;
  Stream host_, team_;
};

// ---- comparison ----

// T's relative precision: a rounding to T errs by at most this much of the number. 2^-24 or 2^-53.
template <class T>
constexpr double rounding = static_cast<double>(std::numeric_limits<T>::epsilon()) / 2;

// True where each found value is within the tolerance of its place. Infinities must be the same,
// NaN must meet NaN.
template <class T>
testing::AssertionResult close(const std::vector<T>& found, const std::vector<double>& expected,
                               const std::vector<double>& tolerance) {
  if (found.size() != expected.size() || found.size() != tolerance.size())
    return testing::AssertionFailure() << found.size() << " values, expected " << expected.size()
                                       << " with " << tolerance.size() << " tolerances";
  const double largest = static_cast<double>(std::numeric_limits<T>::max());
  double worst = 0;
  std::size_t at = found.size(), wrong = 0;
  for (std::size_t i = 0; i < found.size(); ++i) {
    const double f = static_cast<double>(found[i]), e = expected[i];
    double excess = 0;  // the error in tolerances
    if (std::isnan(e) || std::isnan(f)) {
      excess = std::isnan(e) && std::isnan(f) ? 0 : INFINITY;
    } else if (std::isinf(f) || std::isinf(e)) {
      // what does not fit into T may be infinite
      excess =
          f == e || (std::isinf(f) && std::abs(e) > largest && (f > 0) == (e > 0)) ? 0 : INFINITY;
    } else if (f != e) {
      excess = std::abs(f - e) / tolerance[i];
    }
    wrong += excess > 1;
    if (excess > worst || at == found.size()) worst = excess, at = i;
  }
  if (wrong == 0) return testing::AssertionSuccess();
  return testing::AssertionFailure()
         << wrong << " of " << found.size() << " values are wrong; the worst, at " << at << ", is "
         << testing::PrintToString(found[at]) << ", expected "
         << testing::PrintToString(expected[at]) << " (" << worst << " tolerances away)";
}
// As above, within `roundings` units of T's relative precision of each expected value, and
// `absolute`.
template <class T>
testing::AssertionResult close(const std::vector<T>& found, const std::vector<double>& expected,
                               double roundings, double absolute = 0) {
  std::vector<double> tolerance;
  for (double e : expected) tolerance.push_back(roundings * rounding<T> * std::abs(e) + absolute);
  return close(found, expected, tolerance);
}
template <class T>
testing::AssertionResult close(const Array<T>& found, const std::vector<double>& expected,
                               double roundings, double absolute = 0) {
  return close(found.host(), expected, roundings, absolute);
}
template <class T>
testing::AssertionResult close(const Array<T>& found, const std::vector<double>& expected,
                               const std::vector<double>& tolerance) {
  return close(found.host(), expected, tolerance);
}

// True where both have the same bits.
template <class U>
testing::AssertionResult same_bits(const std::vector<U>& found, const std::vector<U>& expected) {
  if (found.size() != expected.size())
    return testing::AssertionFailure() << found.size() << " values, expected " << expected.size();
  for (std::size_t i = 0; i < found.size(); ++i)
    if (std::memcmp(static_cast<const void*>(&found[i]), static_cast<const void*>(&expected[i]),
                    sizeof(U)) != 0)
      return testing::AssertionFailure()
             << "value " << i << " is " << testing::PrintToString(found[i]) << ", expected "
             << testing::PrintToString(expected[i]);
  return testing::AssertionSuccess();
}

// ---- running ----

template <template <class> class Kernels>
Tables<Kernels> kernels_of(const Implementation& one) {
  return one.kind == DeviceKind::cuda ? cuda_kernels<Kernels>() : cpu_kernels<Kernels>(one.set);
}

template <class T, class Body>
void run_on(const Implementation& implementation, const Body& body) {
#if !defined(UNDERSTUDY_NATIVE_CUDA)
  if (implementation.order == Order::forward) simt::set_thread_order(simt::ThreadOrder::forward);
  if (implementation.order == Order::reversed) simt::set_thread_order(simt::ThreadOrder::reversed);
  if (implementation.order == Order::shuffled) simt::set_thread_order(simt::ThreadOrder::shuffled);
#endif
  Place<T> on(implementation);
  SCOPED_TRACE(on.name);
  body(on);
}

}  // namespace understudy::kernel_test

#define KERNEL_TEST(Kernels, test)                                                  \
  template <class T>                                                                \
  void Kernels##_##test(::understudy::kernel_test::Place<T>& on,                    \
                        const ::understudy::Kernels<T>& kernels,                    \
                        const ::understudy::Kernels<double>& reference);            \
  TEST(Kernels, test) {                                                             \
    using namespace ::understudy;                                                   \
    for (const kernel_test::Implementation& one : kernel_test::implementations()) { \
      auto body = [&]<class T>(kernel_test::Place<T>& on) {                         \
        const auto reference = reference_kernels<::understudy::Kernels>();          \
        const auto tables = kernel_test::kernels_of<::understudy::Kernels>(one);    \
        Kernels##_##test<T>(on, tables.template of<T>(), reference);                \
      };                                                                            \
      kernel_test::run_on<float>(one, body);                                        \
      kernel_test::run_on<double>(one, body);                                       \
      if (::testing::Test::HasFatalFailure()) return;                               \
    }                                                                               \
  }                                                                                 \
  template <class T>                                                                \
  void Kernels##_##test([[maybe_unused]] ::understudy::kernel_test::Place<T>& on,   \
                        [[maybe_unused]] const ::understudy::Kernels<T>& kernels,   \
                        [[maybe_unused]] const ::understudy::Kernels<double>& reference)
